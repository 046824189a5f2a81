"""Feature rows, a level and a horizon -> what the two kinds of model read.

One model answers for every level and both horizons: a row of training is (post, age, level, horizon). That multiplies the labels of a
few thousand posts, and a level is told by what it asks of the post: how far it is, and what each way of carrying on would bring.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.escalation.cascade import features, post
from models.escalation.cascade.data import Numbers

Matrix = NDArray[np.float32]
HORIZONS = (24.0, 48.0)
LEVELS = (100, 300, 500)  # the ladder that is said; 500 is the headline (judicial interpretation of 2013)
LEVEL, HORIZON = 500, 48.0
LOW = 200  # levels below have a forecaster of their own
CARRIED = ("carried", "carried_30m", "carried_1h", "carried_3h", "carried_6h", "seismic")
ASKED = ("log_level", "log_ratio", "log_lack", "pace_1h", "pace_3h", "pace_30m", "is_late", *(f"over_{name}" for name in CARRIED))
ASKED_SIGNS = (-1, -1, -1, 1, 1, 1, 0, *(1 for _ in CARRIED))
RISING = ("log_", "carried", "seismic", "excited_", "last_", "by_", "active_rate")
ALSO_RISING = ("n", "rate")
NOT_RISING = ("excited_q_3", "excited_h_9", "log_one_parent")  # differences, and who brought them: not how many


def names(rows: pl.DataFrame) -> list[str]:
    """Feature columns of `features.rows`, in their order."""
    return [name for name, kind in rows.schema.items() if kind == pl.Float32 and name not in features.KEY]


def signs(columns: list[str]) -> list[int]:
    """1 where more (reposts, pace) must never lower the odds."""
    return [int(name in ALSO_RISING or (name.startswith(RISING) and name not in NOT_RISING)) for name in columns]


def matrix(rows: pl.DataFrame, columns: list[str]) -> Matrix:
    return np.asarray(rows.select(columns).to_numpy(), dtype=np.float32)


def asked(x: Matrix, columns: list[str], level: Numbers, horizon: Numbers) -> Matrix:
    """x: rows as of `matrix`; level and horizon: a number a row -> columns ASKED. For rows below their level."""
    place = {name: j for j, name in enumerate(columns)}
    n = x[:, place["n"]].astype(np.float64)
    lack, late = np.maximum(level - n, 1), horizon > HORIZONS[0]
    out = [np.log(level), np.log(level / (n + 1)), np.log(lack)]
    for window, hours in (("1h", 1.0), ("3h", 3.0), ("30m", 0.5)):
        last = np.expm1(np.nan_to_num(x[:, place[f"log_{window}"]]).astype(np.float64))
        out.append(np.log((last + 0.5) * horizon / hours / lack))
    out.append(late.astype(np.float64))
    out += [np.where(late, x[:, place[f"{name}_48"]], x[:, place[f"{name}_24"]]) - np.log(level) for name in CARRIED]
    return np.column_stack(out).astype(np.float32)


def rings(x: Matrix, columns: list[str]) -> Matrix:
    """Hours of the day as points on a circle, for models to which 23 and 0 would be far apart."""
    at = [columns.index(name) for name in post.HOURS_OF_DAY]
    angle = x[:, at] * np.float32(2 * np.pi / 24)
    return np.column_stack([np.sin(angle), np.cos(angle)])
