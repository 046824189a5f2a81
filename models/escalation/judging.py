"""Forecaster, baselines and slices in one table, and the verdict: promote or refuse, with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.escalation import metrics
from models.escalation.fit import baseline_p
from models.escalation.model import Forecaster
from models.judge import Verdict

FORECASTER = "forecaster"
CORRECTED = "forecaster, corrected"  # as on the road: shown, but meant for another population than the test rows, so not judged on them
GATE = {"rank": "medical"}  # calibrated on such alone, as nothing else is asked about, and below a top 10 they differ from the rest
NOISE = {"ap": 0.005, "brier": 0.001}  # what two seeds of the same training differ by, at most
_EITHER = {"all": pl.lit(True), "24h": pl.col("horizon_h") == 24, "48h": pl.col("horizon_h") == 48, "medical": pl.col("is_medical")}
SLICES: dict[str, dict[str, pl.Expr]] = {
    "spread": _EITHER,
    "board": _EITHER | {board: pl.col("platforms").list.contains(board) for board in ("weibo", "baidu", "zhihu")} | {
        "several titles": pl.col("titles_n") > 1,
        "in top 10": pl.col("rank_now") <= 10, "below top 10": pl.col("rank_now").is_between(11, 98),
        "off board": pl.col("rank_now") == 99, "medical, not in top 10": pl.col("is_medical") & (pl.col("rank_now") > 10),
    },
    "rank": _EITHER | {f"medical, top {bar}": pl.col("is_medical") & (pl.col("bar") == bar) for bar in (10, 50)},
    "volume": _EITHER | {f"{bar} posts": pl.col("bar") == bar for bar in (20, 100)} | {"of several posts": pl.col("is_event")},
    "reposts": _EITHER | {f"{bar} reposts": pl.col("bar") == bar for bar in (100, 300, 500)},
}  # fmt: skip


def table(forecaster: Forecaster, rows: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """model, slice, who, n, base, auc, ap, brier, ece, inside (share of sizes within low … high; the forecaster's), by kind of model."""
    lines = []
    for kind, frame in rows.items():
        head = forecaster.ladders.get(kind) or forecaster.heads[kind]
        said = head.predict(frame, is_picked=True)
        every = {FORECASTER: said["escalates_p"].to_numpy(), **baseline_p(kind, frame, head.knots)}
        if kind == "spread" and "selection" in head.knots:
            every[CORRECTED] = head.predict(frame)["escalates_p"].to_numpy()
        within = _within(frame, said)
        y = frame["y"].to_numpy().astype(np.float64)
        for name, which in SLICES[kind].items():
            rows_in = frame.select(which.alias("in")).to_series().to_numpy() if name != "all" else np.ones(len(y), bool)
            if not rows_in.any():
                continue
            for who, p in every.items():
                inside = float(within[rows_in].mean()) if who == FORECASTER and within is not None else None
                lines.append({"model": kind, "slice": name, "who": who, **metrics.figures(y[rows_in], p[rows_in]), "inside": inside})
    return pl.DataFrame(lines, schema_overrides={"inside": pl.Float64})


def _within(frame: pl.DataFrame, said: pl.DataFrame) -> NDArray[np.bool_] | None:
    """Whether each size lies within low … high; None for a ladder, which says no sizes."""
    if "low_n" not in said.columns:
        return None
    return ((frame["size"] >= said["low_n"] - 1e-6) & (frame["size"] <= said["high_n"] + 1e-6)).to_numpy()


def verdict(challenger: pl.DataFrame, champion: pl.DataFrame | None) -> Verdict:
    """Refuse what ranks or calibrates worse than a baseline, or than the champion by more than noise, on the test split (GATE of it)."""
    reasons, good = [], True
    for kind in challenger["model"].unique(maintain_order=True):
        part = GATE.get(kind, "all")
        lines = challenger.filter(pl.col("model") == kind, pl.col("slice") == part)
        mine = lines.row(by_predicate=pl.col("who") == FORECASTER, named=True)
        rivals = [(line, {"ap": 0.0, "brier": 0.0}) for line in lines.iter_rows(named=True) if line["who"] not in (FORECASTER, CORRECTED)]
        if champion is not None:
            theirs = champion.row(
                by_predicate=(pl.col("model") == kind) & (pl.col("slice") == part) & (pl.col("who") == FORECASTER), named=True
            )
            rivals.append(({**theirs, "who": "champion"}, NOISE))
        for rival, slack in rivals:
            said = f"{kind}: AP {mine['ap']:.3f}, Brier {mine['brier']:.4f}; {rival['who']} {rival['ap']:.3f}, {rival['brier']:.4f}"
            worse = mine["ap"] < rival["ap"] - slack["ap"] or mine["brier"] > rival["brier"] + slack["brier"]
            good = good and not worse
            reasons.append(f"refused: {said}" if worse else said)
    return Verdict(good, tuple(reasons))


def reliability_chart(forecaster: Forecaster, rows: dict[str, pl.DataFrame], path: Path) -> None:
    """PNG: what was said against what came about, in ten equal-count groups, a panel a model."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * len(rows), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (kind, frame) in zip(figure.subplots(1, len(rows)), rows.items(), strict=True):
        alike = frame.filter("is_medical") if kind in ("board", "rank") else frame
        head = forecaster.ladders.get(kind) or forecaster.heads[kind]
        raw = head.predict(alike, is_picked=True)["escalates_p"].to_numpy()
        said, was, _ = zip(*metrics.bins(alike["y"].to_numpy().astype(np.float64), raw), strict=True)
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axes.plot(said, was, marker="o", color="#1f5f8b")
        axes.set(
            title=f"{kind}, test split (n = {alike.height})",
            xlabel="probability said",
            ylabel="share that escalated",
            xlim=(0, 1),
            ylim=(0, 1),
        )
    figure.savefig(path, dpi=110)
