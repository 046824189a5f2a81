"""Alarms along a post's life: the first check at which the odds pass a threshold, and how long before the level is reached.

The rules are those of ../shared/bench/judge_escalation.py, in numpy, so that a threshold can be set where the judge is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from models.escalation.cascade.data import Numbers
from models.escalation.cascade.features import GRID
from models.escalation.cascade.inputs import HORIZON, LEVEL

CANDIDATES = np.linspace(0.5, 0.9995, 60)  # quantiles of p tried as thresholds
FEWEST = 5


@dataclass(frozen=True)
class Alarms:
    """lead: hours between a right alarm and the level, a number a right alarm. escalations: posts that reach it after the first check."""

    threshold: float
    alarms: int
    escalations: int
    lead: Numbers

    @property
    def precision(self) -> float:
        return len(self.lead) / max(self.alarms, 1)

    @property
    def recall(self) -> float:
        return len(self.lead) / max(self.escalations, 1)

    def warned(self, hours: float) -> float:
        """Share of escalations warned of at least `hours` ahead."""
        return float((self.lead >= hours).sum()) / max(self.escalations, 1)

    @property
    def median_lead(self) -> float:
        return float(np.median(self.lead)) if len(self.lead) else float("nan")


def sound(rows: pl.DataFrame, p: Numbers, threshold: float) -> Alarms:
    """rows: cascade_id, t0_h, n, cross (hours until the level, inf: never) of posts at GRID ages; at the level, none sounds."""
    live = rows.select("cascade_id", "t0_h", "cross").with_columns(pl.Series("p", p)).filter(rows["n"] < LEVEL)
    posts = live.select("cascade_id", "cross").unique()
    first = live.filter(pl.col("p") >= threshold).group_by("cascade_id").agg(pl.col("t0_h").min().alias("at"), pl.col("cross").first())
    lead = (first["cross"] - first["at"]).to_numpy()
    right = (lead > 0) & (lead <= HORIZON)
    escalations = posts.filter(pl.col("cross") > GRID[0], pl.col("cross") <= GRID[-1] + HORIZON).height
    return Alarms(threshold, first.height, escalations, np.asarray(lead[right]))


def threshold_for(rows: pl.DataFrame, p: Numbers, precision: float, lead_h: float = 3.0) -> Alarms | None:
    """The threshold of CANDIDATES with at least this precision that warns most posts `lead_h` ahead; None if there is none."""
    said = p[(rows["n"] < LEVEL).to_numpy()]
    tried = (sound(rows, p, float(one)) for one in np.unique(np.quantile(said, CANDIDATES)))
    fit = [one for one in tried if one.precision >= precision and one.alarms >= FEWEST]
    return max(fit, key=lambda one: (one.warned(lead_h), -one.threshold), default=None)
