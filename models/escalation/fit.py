"""Rows -> boosters and knots. Training only: needs sklearn."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl

from models.escalation.boards import RANK_BARS
from models.escalation.cascades import VOLUME_BARS
from models.escalation.features import BOARD, HORIZONS, RANK, SPREAD, VOLUME
from models.escalation.head import Numbers
from models.escalation.ladder import LADDERS
from models.escalation.repost_rows import REPOST_BARS
from models.escalation.series import COUNTS

FEATURES = {"board": BOARD, "spread": SPREAD, "rank": RANK, "volume": VOLUME, "reposts": COUNTS}
BASELINE = {"board": "rank_now", "spread": "n", "rank": "rank_now", "volume": "n_24h", "reposts": "count"}  # what people go by today
BARS = {"rank": RANK_BARS, "volume": VOLUME_BARS, "reposts": REPOST_BARS}
SIZE_BINS = 40
PATIENCE = 20
# The shipped files are to stay below 2 MB together, so: few, quick trees.
ROUNDS = {"chance": 150, "size": 80}
TREES: dict[str, Any] = {
    "num_leaves": 31, "learning_rate": 0.1, "min_data_in_leaf": 200, "feature_fraction": 0.7, "bagging_fraction": 0.8, "bagging_freq": 1,
    "lambda_l2": 5.0, "max_bin": 127, "num_threads": 1, "seed": 7, "deterministic": True, "force_row_wise": True, "verbosity": -1,
}  # fmt: skip
SMALLER: dict[str, dict[str, Any]] = {
    "board.chance": {}, "board.size": {"num_leaves": 15},
    "spread.chance": {"num_leaves": 15, "learning_rate": 0.08}, "spread.size": {"num_leaves": 15},
    "rank.chance": {}, "volume.chance": {"num_leaves": 15, "learning_rate": 0.08},
    "reposts.chance": {"num_leaves": 15, "learning_rate": 0.08, "min_data_in_leaf": 300},
}  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """A ladder has no `size`: its bars say how large."""

    chance: lightgbm.Booster
    size: lightgbm.Booster | None
    knots: dict[str, Any]


def fit(kind: str, rows: pl.DataFrame) -> Fitted:
    """Boosters on split train, stopped on split validation, and calibrated on those of its rows that are like the product's."""
    train, validation = (rows.filter(pl.col("split") == split) for split in ("train", "validation"))
    chance = _boost(kind, "chance", train, validation, list(FEATURES[kind].values()))
    size = _boost(kind, "size", train, validation, [1 if name == "horizon_h" else 0 for name in FEATURES[kind]])
    # Headlines on medicine escalate oftener than others of the same rank, and they are what is asked about. Cascades on it are too few.
    alike = validation.filter("is_medical") if kind == "board" else validation
    matrix = _matrix(kind, alike)
    knots = {
        "isotonic": _isotonic(chance.predict(matrix), alike["y"].to_numpy()),
        "size": _size_knots(np.asarray(size.predict(matrix)), _target(kind, "size", alike)),
        "baselines": _baselines(kind, train),
    }
    return Fitted(chance, size, knots)


def fit_ladder(kind: str, rows: pl.DataFrame) -> Fitted:
    """As `fit`, on rows of every bar: one booster, one calibration."""
    train, validation = (rows.filter(pl.col("split") == split) for split in ("train", "validation"))
    chance = _boost(kind, "chance", train, validation, list(FEATURES[kind].values()))
    alike = validation.filter("is_medical") if kind == "rank" else validation
    knots = {
        "isotonic": _isotonic(chance.predict(_matrix(kind, alike)), alike["y"].to_numpy()),
        "bars": BARS[kind],
        "baselines": _baselines(kind, train),
    }
    return Fitted(chance, None, knots)


def write(fitted: dict[str, Fitted], folder: Path) -> None:
    """The shipped files but the card."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, one in fitted.items():
        files = {kind: one.chance} if one.size is None else {f"{kind}_chance": one.chance, f"{kind}_size": one.size}
        for name, booster in files.items():
            (folder / f"{name}.txt").write_text(booster.model_to_string(), encoding="utf-8")
    knots = {kind: one.knots for kind, one in fitted.items()}
    (folder / "calibration.json").write_text(json.dumps(knots, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def baseline_p(kind: str, rows: pl.DataFrame, knots: dict[str, Any]) -> dict[str, Numbers]:
    """The two baselines' probabilities for `rows`."""
    said = knots["baselines"]
    weights, late = np.array(said["logistic"]), rows["horizon_h"].to_numpy() > HORIZONS[0]
    score = weights[0] + _by_baseline(kind, rows) @ weights[1:]
    rates = np.where(late, said["base_rate"][1], said["base_rate"][0])
    return {"base_rate": rates, f"{BASELINE[kind]}_logistic": 1 / (1 + np.exp(-score))}


def _matrix(kind: str, rows: pl.DataFrame) -> Numbers:
    return np.asarray(rows.select(pl.col(list(FEATURES[kind])).cast(pl.Float64).fill_null(float("nan"))).to_numpy())


def _target(kind: str, part: str, rows: pl.DataFrame) -> Numbers:
    """What is learned: escalated or not; hours in a top 10 as they are; posts as log growth, so that it carries over to other sizes."""
    growth = ((pl.col("size") + 1) / (pl.col("scale") + 1)).log()
    what = pl.col("y") if part == "chance" else pl.col("size") if kind == "board" else growth
    return np.asarray(rows.select(what.cast(pl.Float64)).to_series().to_numpy())


def _boost(kind: str, part: str, train: pl.DataFrame, validation: pl.DataFrame, monotone: list[int]) -> lightgbm.Booster:
    whole = lightgbm.Dataset(_matrix(kind, train), _target(kind, part, train), feature_name=list(FEATURES[kind]))
    held_out = lightgbm.Dataset(_matrix(kind, validation), _target(kind, part, validation), reference=whole)
    objective = "binary" if part == "chance" else "poisson"
    settings = {**TREES, **SMALLER[f"{kind}.{part}"], "objective": objective, "monotone_constraints": monotone}
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    booster = lightgbm.train(settings, whole, ROUNDS[part], valid_sets=[held_out], callbacks=[stop])
    return lightgbm.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))


def _isotonic(score: Any, y: Any) -> dict[str, list[float]]:
    """Knots in the middle of each step: between steps order is kept, where a step itself would make ties."""
    from sklearn.isotonic import IsotonicRegression

    line = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, y)
    steps = pl.DataFrame({"x": line.X_thresholds_, "y": line.y_thresholds_}).group_by("y").agg(pl.col("x").mean()).sort("x")
    return {"x": steps["x"].to_list(), "y": steps["y"].to_list()}


def _size_knots(score: Numbers, size: Numbers) -> dict[str, list[float]]:
    """10, 50 and 90 % of what came about, by the size model's own figure on validation; never falling."""
    parts = np.array_split(np.argsort(score, kind="stable"), SIZE_BINS)
    quantiles = np.array([np.quantile(size[part], (0.1, 0.5, 0.9)) for part in parts])
    low, expected, high = np.maximum.accumulate(quantiles, axis=0).T.tolist()
    return {"x": [float(np.median(score[part])) for part in parts], "low": low, "expected": expected, "high": high}


def _baselines(kind: str, train: pl.DataFrame) -> dict[str, list[float]]:
    from sklearn.linear_model import LogisticRegression

    line = LogisticRegression(C=1e6).fit(_by_baseline(kind, train), train["y"].to_numpy())
    rates = [float(train.filter(pl.col("horizon_h") == h)["y"].mean()) for h in HORIZONS]  # type: ignore[arg-type]
    return {"base_rate": rates, "logistic": [float(line.intercept_[0]), *(float(w) for w in line.coef_[0])]}


def _by_baseline(kind: str, rows: pl.DataFrame) -> Numbers:
    """log of what people go by, whether the horizon is the later one, and for a ladder log of the bar."""
    now, late = np.log1p(rows[BASELINE[kind]].to_numpy().astype(np.float64)), rows["horizon_h"].to_numpy() > HORIZONS[0]
    return np.column_stack([now, late, *([np.log(rows["bar"].to_numpy())] if kind in LADDERS else [])])
