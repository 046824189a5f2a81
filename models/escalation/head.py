"""One model of escalation: boosters of LightGBM and calibration knots, read without sklearn or MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.escalation import selection

Numbers = NDArray[np.float64]
LEAST_P = 0.0005  # no forecast is ever certain: what validation never saw may still happen


@dataclass(frozen=True)
class Head:
    """One of the two models: chance of escalation, size at the horizon, and what validation taught about both."""

    kind: str
    chance: lightgbm.Booster
    size: lightgbm.Booster
    knots: dict[str, Any]

    @property
    def features(self) -> list[str]:
        return list(self.chance.feature_name())

    def predict(self, rows: pl.DataFrame, is_picked: bool = False) -> pl.DataFrame:
        """rows: the features and `horizon_h` -> escalates_p, expected_n, low_n, high_n (median and 10–90 %), a row each.

        Sizes are hours in a top 10 for `board`, posts known at the horizon for `spread` (which needs the column `n`).
        is_picked: the rows are cascades picked because they grew, as in training, so that nothing is corrected for that.
        """
        matrix = self.matrix(rows)
        p = calibrate(self.chance.predict(matrix, num_threads=1), self.knots["isotonic"])
        sizes = self.sizes(self.size.predict(matrix, num_threads=1))
        if self.kind == "spread":
            n = rows["n"].to_numpy().astype(np.float64)
            sizes = {name: n + np.expm1(growth) * (n + 1) for name, growth in sizes.items()}
            if not is_picked and "selection" in self.knots:
                less = np.maximum(selection.shift(p, selection.factor(n, self.knots["selection"])), LEAST_P)
                p, sizes = less, selection.shift_sizes(sizes, n, p, less, self.knots["selection"])
        else:
            most = rows["horizon_h"].to_numpy()
            sizes = {name: np.minimum(value, most) for name, value in sizes.items()}
        return pl.DataFrame({"escalates_p": p} | {f"{name}_n": np.maximum(value, 0) for name, value in sizes.items()})

    def matrix(self, rows: pl.DataFrame) -> Numbers:
        return np.asarray(rows.select(pl.col(self.features).cast(pl.Float64).fill_null(float("nan"))).to_numpy())

    def sizes(self, score: Any) -> dict[str, Numbers]:
        knots = self.knots["size"]
        return {name: np.interp(score, knots["x"], knots[name]) for name in ("expected", "low", "high")}

    def pull(self, rows: pl.DataFrame) -> Numbers:
        """How much each feature moved each row's log-odds (TreeSHAP, and the correction for selection): one column a feature."""
        pull = np.asarray(self.chance.predict(self.matrix(rows), pred_contrib=True, num_threads=2), dtype=np.float64)[:, :-1]
        if "selection" in self.knots:
            n = rows["n"].to_numpy().astype(np.float64)
            pull[:, self.features.index("log_n")] += np.log(selection.factor(n, self.knots["selection"]))
        return pull


def calibrate(score: Any, knots: dict[str, list[float]]) -> Numbers:
    """Isotonic calibration as a line through its knots: order is kept, 0 and 1 are never said."""
    return np.asarray(np.clip(np.interp(score, knots["x"], knots["y"]), LEAST_P, 1 - LEAST_P))
