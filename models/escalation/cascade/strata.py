"""Where the forecaster is good and where not: kinds of posts, first minutes, rungs of the ladder, sizes, mixed-age lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.escalation import metrics
from models.escalation.cascade import judging
from models.escalation.cascade.data import Numbers, load
from models.escalation.cascade.features import GRID, T0
from models.escalation.cascade.inputs import HORIZON, HORIZONS, LEVEL, LEVELS
from models.escalation.cascade.model import Forecaster

Figures = dict[str, dict[str, Any]]
MINUTES = (10, 20, 30, 60, 180)
LIST, LISTS, DRAWS = 200, 10, 200  # posts a list, lists a draw of posts, draws of posts
LATE = pl.col("posted_hour") >= 22
KINDS = {
    "rumours": pl.col("final_rumor_label") == "rumor", "non-rumours": pl.col("final_rumor_label") != "rumor", "not posted 22–24 h": ~LATE,
    "health words": pl.col("post_health") > 0,
}  # fmt: skip


def strata(rows: pl.DataFrame, p: Numbers) -> Figures:
    """AUC and AP of each kind of post, pooled over ages."""
    judged, out = judging.pooled(rows.with_columns(pl.Series("p", p))), {}
    for name, which in KINDS.items():
        part = judged.filter(which)
        line = metrics.figures(part["y"].to_numpy(), part["p"].to_numpy())
        how = f"n = {part.height}, base {line['base']:.3f}, AP {line['ap']:.4f}, ECE {line['ece']:.4f}"
        out[f"cascade AUC, {name}"] = _shown(line["auc"], how)
    return out


def early(forecaster: Forecaster, data: Path, threshold: float) -> Figures:
    """Of all test posts that reach the level, how many were warned of by so many minutes after the post."""
    posts = load(data / "cascades", with_labels=True).keep(pl.col("split") == "test")
    ages = sorted({10 / 60, 20 / 60, *(age for age in GRID if age <= MINUTES[-1] / 60)})
    rows = forecaster.rows(posts, ages)
    cross = {posts.posts["cascade_id"][k]: h[LEVEL - 1] for k in range(len(posts)) if len(h := posts.hours(k)) >= LEVEL}
    due = {name: at for name, at in cross.items() if at <= GRID[-1] + HORIZON}
    told = rows.select("cascade_id", "t0_h", "n").with_columns(pl.Series("p", forecaster.predict(rows)))
    told = told.filter(pl.col("n") < LEVEL, pl.col("p") >= threshold)
    first = dict(told.group_by("cascade_id").agg(pl.col("t0_h").min()).iter_rows())
    out = {}
    for minutes in MINUTES:
        caught = sum(first.get(name, np.inf) <= minutes / 60 + 1e-9 for name in due)
        how = f"{caught} of {len(due)} posts that reach {LEVEL}, p ≥ {threshold} by then"
        out[f"cascade recall at {minutes} min"] = _shown(caught / max(len(due), 1), how)
    return out


def ladder(forecaster: Forecaster, rows: pl.DataFrame) -> Figures:
    """Every level and horizon, pooled over the judge's ages."""
    out = {}
    for level in LEVELS:
        for horizon in HORIZONS:
            part = rows.filter(pl.col("t0_h").is_in(T0), pl.col("n") < level)
            y = (part[f"n{horizon:.0f}"] >= level).cast(pl.Float64).to_numpy()
            line = metrics.figures(y, forecaster.predict(part, level, horizon))
            how = f"n = {part.height}, base {line['base']:.3f}, AP {line['ap']:.4f}, Brier {line['brier']:.4f}, ECE {line['ece']:.4f}"
            out[f"cascade AUC, {level} in {horizon:.0f} h"] = _shown(line["auc"], how)
    return out


def sizes(forecaster: Forecaster, rows: pl.DataFrame) -> Figures:
    """Share of sizes inside 10–90 %, and the error of the middle, on log size."""
    out = {}
    for horizon in HORIZONS:
        said, true = forecaster.size(rows, horizon), rows[f"n{horizon:.0f}"]
        inside = float(((true >= said["low_n"]) & (true <= said["high_n"])).mean())  # type: ignore[arg-type]
        error = float(np.mean((np.log1p(true.to_numpy()) - np.log1p(said["expected_n"].to_numpy())) ** 2))
        out[f"cascade sizes inside 10–90 %, {horizon:.0f} h"] = _shown(
            inside, f"bar of the interval: 0.8; MSLE of the middle {error:.4f}, all ages"
        )
    return out


def list_difference(rows: pl.DataFrame, one: Numbers, other: Numbers, seed: int = 0) -> tuple[float, float, float]:
    """Average precision of lists of LIST live posts at random ages, one − other: mean and 95 % over draws of posts."""
    posts, owner = np.unique(rows["cascade_id"].to_numpy(), return_inverse=True)
    grid = np.array(GRID)
    at = np.full((len(posts), len(grid)), -1)
    at[owner, np.searchsorted(grid, rows["t0_h"].to_numpy())] = np.where(rows["n"].to_numpy() < LEVEL, np.arange(rows.height), -1)
    y = (rows["n48"] >= LEVEL).to_numpy().astype(np.float64)
    random, found = np.random.default_rng(seed), []
    for _ in range(DRAWS):
        drawn, gains = random.integers(0, len(posts), len(posts)), []
        for _ in range(LISTS):
            age = np.searchsorted(grid, random.uniform(grid[0], grid[-1], len(posts)), side="right") - 1
            live = random.permutation(at[drawn, age])
            live = live[live >= 0][:LIST]
            if 0 < y[live].sum() < len(live):
                gains.append(metrics.average_precision(y[live], one[live]) - metrics.average_precision(y[live], other[live]))
        found += [float(np.mean(gains))] if gains else []
    low, high = np.quantile(found, (0.025, 0.975))
    return float(np.mean(found)), float(low), float(high)


def _shown(value: float, how: str) -> dict[str, Any]:
    return {"value": round(value, 4), "unit": "", "bar": None, "met": None, "how": how}
