"""Champion, challenger and baselines on the same rows, with intervals over posts; and the verdict: promote or refuse, with the reason.

The verdict is taken on validation posts, which the `early` vintage has not seen: the test split is left to the bench.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from models.escalation import metrics
from models.escalation.cascade import baselines
from models.escalation.cascade.data import Numbers
from models.escalation.cascade.features import T0
from models.escalation.cascade.inputs import LEVEL
from models.escalation.cascade.model import Forecaster
from models.judge import Verdict

FORECASTER, DRAWS = "forecaster", 500
NOISE = {"ap": 0.005, "brier": 0.001}  # what two seeds of the same training differ by, at most
ECE_BAR = 0.05
Metric = Callable[[Numbers, Numbers], float]


def pooled(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of the judge's pooled figures: ages T0, below the level; `y`."""
    y = (pl.col("n48") >= LEVEL).cast(pl.Float64).alias("y")
    return rows.filter(pl.col("t0_h").is_in(T0), pl.col("n") < LEVEL).with_columns(y)


def said_of(forecaster: Forecaster, rows: pl.DataFrame) -> dict[str, Numbers]:
    """The forecaster's probabilities and the baselines', by name."""
    return {FORECASTER: forecaster.predict(rows), **baselines.predict(forecaster.baselines, rows)}


def table(forecaster: Forecaster, rows: pl.DataFrame) -> pl.DataFrame:
    """who, n, base, auc, ap, brier, ece over pooled rows; rows as of fit.labelled."""
    judged = pooled(rows)
    y = judged["y"].to_numpy()
    return pl.DataFrame([{"who": who, **metrics.figures(y, p)} for who, p in said_of(forecaster, judged).items()])


def difference(posts: pl.Series, y: Numbers, one: Numbers, other: Numbers, metric: Metric, seed: int = 0) -> tuple[float, float, float]:
    """metric(one) − metric(other) on the same rows, and its 95 % interval over draws of whole posts."""
    _, owner = np.unique(posts.to_numpy(), return_inverse=True)
    order = np.argsort(owner, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(owner[order])) + 1)
    random, found = np.random.default_rng(seed), []
    for _ in range(DRAWS):
        at = np.concatenate([groups[k] for k in random.integers(0, len(groups), len(groups))])
        if 0 < y[at].sum() < len(at):
            found.append(metric(y[at], one[at]) - metric(y[at], other[at]))
    low, high = np.quantile(found, (0.025, 0.975))
    return metric(y, one) - metric(y, other), float(low), float(high)


def verdict(challenger: Forecaster, champion: Forecaster | None, val: pl.DataFrame) -> Verdict:
    """Refuse what does not beat count and logistic beyond chance, is badly calibrated, or is worse than the champion by more than noise."""
    judged = pooled(val)
    y, said = judged["y"].to_numpy(), said_of(challenger, judged)
    mine = metrics.figures(y, said[FORECASTER])
    lines = [(mine["ece"] <= ECE_BAR, f"ECE {mine['ece']:.3f} (bar {ECE_BAR})")]
    for rival in (baselines.COUNT, baselines.LOGISTIC):
        gain, low, high = difference(judged["cascade_id"], y, said[FORECASTER], said[rival], metrics.average_precision)
        lines.append((low > 0, f"AP {mine['ap']:.3f}, {rival} {mine['ap'] - gain:.3f}; difference {gain:+.3f} [{low:+.3f}, {high:+.3f}]"))
    if champion is not None:
        theirs = metrics.figures(y, champion.predict(judged))
        is_worse = mine["ap"] < theirs["ap"] - NOISE["ap"] or mine["brier"] > theirs["brier"] + NOISE["brier"]
        said_so = f"AP {mine['ap']:.3f}, Brier {mine['brier']:.4f}; champion {theirs['ap']:.3f}, {theirs['brier']:.4f}"
        lines.append((not is_worse, said_so))
    reasons = tuple(f"{'' if is_good else 'refused: '}validation: {line}" for is_good, line in lines)
    return Verdict(all(is_good for is_good, _ in lines), reasons)
