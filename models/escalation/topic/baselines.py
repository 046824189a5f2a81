"""What people go by today, and the simplest models: kept beside the forecaster for ever."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.escalation.topic.outcomes import TARGETS

Numbers = NDArray[np.float64]
RANK = "rank"  # the baseline that intervals are taken against
INPUTS = ("rank", "log_heat", "to_heat_10", "gone_n")


def learn(train: pl.DataFrame) -> dict[str, Any]:
    """Target -> base rate and the weights of each line, a platform each. Needs sklearn. train: rows of the dataset."""
    known: dict[str, Any] = {}
    for target in TARGETS:
        rows = train.drop_nulls(target)
        known[target] = {str(name): _learn(mine, target) for (name,), mine in rows.group_by("platform", maintain_order=True)} | {
            "": _learn(rows, target)
        }
    return known


def _learn(rows: pl.DataFrame, target: str) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    y, inputs = rows[target].to_numpy(), _inputs(rows)
    lines: dict[str, Any] = {"base_rate": float(np.mean(y)), "persistence": [float(y[~(at := _rises(rows))].mean()), float(y[at].mean())]}
    for name, columns in {"rank": inputs[:, :1], "heat": inputs[:, 1:2], "logistic": inputs}.items():
        line = LogisticRegression(C=1e3, max_iter=500).fit(columns, y)
        lines[name] = [float(line.intercept_[0]), *(float(weight) for weight in line.coef_[0])]
    return lines


def chances(rows: pl.DataFrame, known: dict[str, Any]) -> dict[str, Numbers]:
    """known: what `learn` found of one target -> base_rate; persistence (what rose rises on); rank; heat; logistic on both: name -> p."""
    found = {name: np.empty(rows.height) for name in ("base_rate", "persistence", "rank", "heat", "logistic")}
    names, inputs, rises = np.asarray(rows["platform"].to_list()), _inputs(rows), _rises(rows)
    for name in np.unique(names):
        which, lines = names == name, known.get(str(name), known[""])
        found["base_rate"][which] = lines["base_rate"]
        found["persistence"][which] = np.where(rises, lines["persistence"][1], lines["persistence"][0])[which]
        for one, columns in {"rank": inputs[:, :1], "heat": inputs[:, 1:2], "logistic": inputs}.items():
            found[one][which] = _sigmoid(lines[one][0] + columns[which] @ np.array(lines[one][1:]))
    return found


def _inputs(rows: pl.DataFrame) -> Numbers:
    """rank / 10, log heat, log heat against the 10th place, readings unseen; 0 where unknown."""
    columns = [pl.col("rank") / 10, pl.col("log_heat") - 13, pl.col("to_heat_10"), pl.col("gone_n").clip(0, 24) / 3]
    return np.asarray(rows.select(column.fill_null(0).alias(name) for name, column in zip(INPUTS, columns, strict=True)).to_numpy())


def _rises(rows: pl.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(rows.select(((pl.col("climb_1") > 0) & (pl.col("gone_n") == 0)).fill_null(value=False)).to_series().to_numpy())


def _sigmoid(score: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-score)))
