"""How high will it get? The odds of reaching each bar of a ladder within a horizon, and of any bar between two of them.

`rank`: the best place on a hot board, for events that were on one in the last week. `volume`: the most posts within 24 hours of an event.
`reposts`: of one post, in all. One booster each, with the bar as a feature, so that the odds of a harder bar are never higher, and PR may
move the bars of the playbook.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import polars as pl

from models.escalation import selection
from models.escalation.features import against
from models.escalation.head import LEAST_P, Numbers, calibrate

LADDERS = {"rank": "best_24h", "volume": "n_24h", "reposts": "count"}  # kind -> where it stands now
KNOWN = {"volume": ("n", 0), "reposts": ("count", 1)}  # kind -> what the correction for selection goes by: posts, the first among them


@dataclass(frozen=True)
class Climb:
    """chances: a row an event, a column a bar, the easiest bar first; `ease` rises with it. Already reached counts as certain."""

    chances: Numbers
    bars: Numbers
    is_rank: bool

    def at(self, bar: Numbers) -> Numbers:
        """Odds of each row's own bar, read off a line over log(bar); beyond the ladder those of its last bar. nan: no such bar, 0."""
        x = np.log(self.bars) * (-1 if self.is_rank else 1)
        want = np.log(np.where(np.isnan(bar), 1.0, bar)) * (-1 if self.is_rank else 1)
        if len(x) == 1:
            return np.where(np.isnan(bar), 0.0, self.chances[:, 0])
        right = np.clip(np.searchsorted(x, want), 1, len(x) - 1)
        share = np.clip((want - x[right - 1]) / (x[right] - x[right - 1]), 0, 1)
        rows = np.arange(len(self.chances))
        found = self.chances[rows, right - 1] * (1 - share) + self.chances[rows, right] * share
        return np.where(np.isnan(bar), 0.0, found)

    def quantile(self, level: float, least: Numbers) -> Numbers:
        """The bar that is passed with probability 1 - level; at least `least`, which is known."""
        log, p = np.log(self.bars), self.chances
        over = (p >= 1 - level).sum(axis=1)
        left, right = np.clip(over - 1, 0, len(log) - 1), np.clip(over, 0, len(log) - 1)
        rows = np.arange(len(p))
        fall = p[rows, left] - p[rows, right]
        share = np.where(fall > 0, (p[rows, left] - (1 - level)) / np.where(fall > 0, fall, 1), 0)
        return np.maximum(np.where(over == 0, 0, np.exp(log[left] + share * (log[right] - log[left]))), least)


@dataclass(frozen=True)
class Ladder:
    """`knots`: isotonic, bars (easiest first), baselines, and but for rank the correction for selection."""

    kind: str
    chance: lightgbm.Booster
    knots: dict[str, Any]

    @property
    def features(self) -> list[str]:
        return list(self.chance.feature_name())

    @property
    def is_rank(self) -> bool:
        return self.kind == "rank"

    def matrix(self, rows: pl.DataFrame) -> Numbers:
        return np.asarray(rows.select(pl.col(self.features).cast(pl.Float64).fill_null(float("nan"))).to_numpy())

    def predict(self, rows: pl.DataFrame, is_picked: bool = True) -> pl.DataFrame:
        """rows of cascades or boards as in training, with `bar` -> escalates_p, a row each; not corrected for selection."""
        return pl.DataFrame({"escalates_p": calibrate(self.chance.predict(self.matrix(rows), num_threads=1), self.knots["isotonic"])})

    def climb(self, rows: pl.DataFrame, only: tuple[float, ...] = ()) -> Climb:
        """rows: features and horizon_h, one an event. `only`: of the ladder's bars these, which is quicker."""
        bars = [bar for bar in self.knots["bars"] if bar in only or not only]
        now = rows[LADDERS[self.kind]].to_numpy().astype(np.float64)
        asked = against(rows, bars, None if self.is_rank else LADDERS[self.kind])
        p = self.predict(asked)["escalates_p"].to_numpy().reshape(len(now), len(bars)) if rows.height else np.zeros((0, len(bars)))
        if self.kind in KNOWN:
            column, more = KNOWN[self.kind]
            by = selection.ladder_factor(rows[column].to_numpy().astype(np.float64) + more, self.knots["selection"])
            by = by[:, [self.knots["bars"].index(bar) for bar in bars]]
            p = np.maximum(selection.shift(p, by), LEAST_P)
        p = np.minimum.accumulate(p, axis=1)
        is_there = np.array(bars) >= now[:, None] if self.is_rank else np.array(bars) <= now[:, None]
        return Climb(np.where(is_there, 1.0, p), np.array(bars), self.is_rank)

    def pull(self, rows: pl.DataFrame) -> Numbers:
        """How much each feature moved each row's log-odds (TreeSHAP): one column a feature. rows: with `bar`."""
        return np.asarray(self.chance.predict(self.matrix(rows), pred_contrib=True, num_threads=1), dtype=np.float64)[:, :-1]
