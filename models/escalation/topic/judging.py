"""Forecaster and baselines, slice by slice, in one table; intervals over topics; the verdict; the chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.escalation import metrics
from models.escalation.topic.baselines import RANK, chances
from models.escalation.topic.model import TopicForecaster
from models.escalation.topic.outcomes import TARGETS
from models.judge import Verdict

Numbers = NDArray[np.float64]
FORECASTER = "forecaster"
NOISE = {"ap": 0.005, "brier": 0.001}  # what two seeds of the same training differ by, at most
JUDGED = ("zhihu", "baidu")  # slices the verdict is on: boards kept whole, with their heat
MEDICAL = "medical"


def _slices(target: str) -> dict[str, pl.Expr]:
    """Slice -> rows: the instant of the issue on each board, every topic of that age, other ages."""
    first = pl.col("is_issue") if target == "board_top10" else pl.col("is_early")
    boards = {name: pl.col("platform") == name for name in ("zhihu", "baidu", "weibo")}
    found = {name: on & first for name, on in boards.items()} | {
        f"{name}, {MEDICAL}": on & first & pl.col("is_medical") for name, on in boards.items()
    }
    if target == "board_top10":
        found |= {f"{name}, all 2.1 h old": on & pl.col("is_early") for name, on in boards.items()}
    return found | {f"{name}, other ages": on & ~pl.col("is_early") for name, on in boards.items()}


def predictions(forecaster: TopicForecaster, rows: pl.DataFrame, target: str) -> tuple[pl.DataFrame, dict[str, Numbers]]:
    """The rows that can be asked, with `text`; who -> probabilities."""
    asked = forecaster.with_text(rows.drop_nulls(target))
    return asked, {FORECASTER: forecaster.predict(asked, target), **chances(asked, forecaster.knots[target]["baselines"])}


def table(forecaster: TopicForecaster, rows: pl.DataFrame) -> pl.DataFrame:
    """target, slice, who, n, base, auc, ap, brier, ece; slices without both outcomes are left out."""
    lines = []
    for target in TARGETS:
        asked, said = predictions(forecaster, rows, target)
        y = asked[target].cast(pl.Float64).to_numpy()
        for name, which in _slices(target).items():
            inside = asked.select(which.alias("in")).to_series().to_numpy()
            if len(np.unique(y[inside])) == 2:
                lines += [{"target": target, "slice": name, "who": who, **metrics.figures(y[inside], p[inside])} for who, p in said.items()]
    return pl.DataFrame(lines)


def gains(forecaster: TopicForecaster, rows: pl.DataFrame, draws: int = 200, seed: int = 7) -> pl.DataFrame:
    """target, slice, figure (auc, ap), low, high: 95 % of forecaster minus rank, topics drawn with replacement, both on the same rows."""
    lines = []
    for target in TARGETS:
        asked, said = predictions(forecaster, rows, target)
        for name in (*JUDGED, *(f"{board}, {MEDICAL}" for board in JUDGED)):
            inside = asked.select(_slices(target)[name].alias("in")).to_series().to_numpy()
            y = asked[target].cast(pl.Float64).to_numpy()[inside]
            topic = (
                asked.filter(pl.Series(inside)).select(pl.struct("board", "topic_id").rank("dense").alias("n")).to_series().to_numpy() - 1
            )
            if len(np.unique(y)) == 2:
                lines += _intervals(y, said[FORECASTER][inside], said[RANK][inside], topic, draws, seed, {"target": target, "slice": name})
    return pl.DataFrame(lines)


def _intervals(
    y: Numbers, mine: Numbers, theirs: Numbers, topic: Any, draws: int, seed: int, names: dict[str, str]
) -> list[dict[str, Any]]:
    draw, many = np.random.default_rng(seed), int(topic.max()) + 1
    found: dict[str, list[float]] = {"auc": [], "ap": []}
    for _ in range(draws):
        times = np.bincount(draw.integers(0, many, many), minlength=many)[topic]
        again = np.repeat(np.arange(len(y)), times)
        for figure, of in (("auc", metrics.auc), ("ap", metrics.average_precision)):
            found[figure].append(of(y[again], mine[again]) - of(y[again], theirs[again]))
    ends = {figure: np.nanquantile(values, (0.025, 0.975)) for figure, values in found.items()}
    return [{**names, "figure": figure, "low": float(low), "high": float(high)} for figure, (low, high) in ends.items()]


def verdict(challenger: pl.DataFrame, champion: pl.DataFrame | None) -> Verdict:
    """Refuse what ranks or calibrates worse than a baseline, or than the champion by more than noise, on any judged slice."""
    reasons, good = [], True
    for target in TARGETS:
        for name in JUDGED:
            lines = challenger.filter(pl.col("target") == target, pl.col("slice") == name)
            if lines.is_empty():
                continue
            mine = lines.row(by_predicate=pl.col("who") == FORECASTER, named=True)
            rivals = [(line, {"ap": 0.0, "brier": 0.0}) for line in lines.iter_rows(named=True) if line["who"] != FORECASTER]
            if champion is not None:
                same = (pl.col("target") == target) & (pl.col("slice") == name) & (pl.col("who") == FORECASTER)
                rivals.append(({**champion.row(by_predicate=same, named=True), "who": "champion"}, NOISE))
            for rival, slack in rivals:
                worse = mine["ap"] < rival["ap"] - slack["ap"] or mine["brier"] > rival["brier"] + slack["brier"]
                said = f"{target}, {name}: AP {mine['ap']:.3f}, Brier {mine['brier']:.4f}"
                said += f"; {rival['who']} {rival['ap']:.3f}, {rival['brier']:.4f}"
                good = good and not worse
                reasons.append(f"refused: {said}" if worse else said)
    return Verdict(good, tuple(reasons))


def chart(forecaster: TopicForecaster, rows: pl.DataFrame, path: Path) -> None:
    """PNG: reliability and precision-recall of `board_top10` at the instant of the issue, a line a board, the rank beside it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    asked, said = predictions(forecaster, rows, "board_top10")
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for board, colour in (("zhihu", "#1f5f8b"), ("baidu", "#b5541c"), ("weibo", "#4b7f3a")):
        inside = asked.select((pl.col("is_issue") & (pl.col("platform") == board)).alias("in")).to_series().to_numpy()
        y = asked["board_top10"].cast(pl.Float64).to_numpy()[inside]
        if len(np.unique(y)) < 2:
            continue
        p, was, _ = zip(*metrics.bins(y, said[FORECASTER][inside]), strict=True)
        left.plot(p, was, marker="o", color=colour, label=f"{board} (n = {len(y)}, base rate {y.mean():.3f})")
        for who, style in ((FORECASTER, "-"), (RANK, ":")):
            recall, precision = precision_recall(y, said[who][inside])
            right.plot(
                recall, precision, style, color=colour, label=f"{board}, {who} (AP {metrics.average_precision(y, said[who][inside]):.3f})"
            )
    left.set(title="reliability, test split", xlabel="probability said", ylabel="share that entered the top 10", xlim=(0, 1), ylim=(0, 1))
    right.set(title="2.1 h after first seen, below the top 10", xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1))
    for axes in (left, right):
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def precision_recall(y: Numbers, p: Numbers) -> tuple[Numbers, Numbers]:
    """Recall and precision with ever more rows taken, the likeliest first."""
    hits = np.cumsum(y[np.argsort(-p, kind="stable")])
    return np.asarray(hits / y.sum()), np.asarray(hits / np.arange(1, len(y) + 1))
