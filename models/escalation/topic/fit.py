"""Rows -> boosters, knots and word weights. Training only: needs sklearn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.escalation.topic.features import CUSTOM, FEATURES, PLACE, PLATFORMS, STATE
from models.escalation.topic.model import KNOTS, WORDS, matrix
from models.escalation.topic.outcomes import TARGETS
from models.escalation.topic.text import Words, runs

Numbers = NDArray[np.float64]
BLOCKS = 5  # parts in time that the word score is cross-fitted over
SOFT = 0.3  # C of the word score
ROUNDS, PATIENCE = 420, 40  # the shipped files are to stay below 2 MB together
EARLY_WEIGHT = 4.0  # the instant that is judged, against others of the same topic
UNKNOWN = 0.1  # share of training rows whose platform is hidden: what an unknown board is read as
ALONE = 0.1  # share of training rows whose board is hidden: what a topic is read as whose board was not kept whole
TREES: dict[str, Any] = {
    "objective": "binary", "num_leaves": 31, "learning_rate": 0.04, "min_data_in_leaf": 100, "feature_fraction": 0.5,
    "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 10.0, "max_bin": 127, "num_threads": 1, "seed": 7, "deterministic": True,
    "force_row_wise": True, "verbosity": -1,
}  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    boosters: dict[str, lightgbm.Booster]
    knots: dict[str, Any]
    words: Words


def with_words(rows: pl.DataFrame) -> tuple[pl.DataFrame, Words]:
    """Rows with `text`, and the word score. On train it is cross-fitted over parts in time; elsewhere it is train's."""
    learn = rows.filter(pl.col("is_early"), pl.col("split") == "train").drop_nulls("board_top10")
    topics = rows.group_by("board", "topic_id", "platform", maintain_order=True).agg(
        pl.col("title").first(), pl.col("first_seen_at").first(), (pl.col("split") == "train").all().alias("is_train")
    )  # fmt: skip
    known = learn.select("board", "topic_id", "board_top10").unique(["board", "topic_id"], keep="first", maintain_order=True)
    topics = topics.join(known, on=["board", "topic_id"], how="left", maintain_order="left")
    weights, parts = {}, []
    for (platform,), mine in topics.sort("first_seen_at").group_by("platform", maintain_order=True):
        if mine["board_top10"].drop_nulls().n_unique() == 2:
            score, weights[str(platform)] = _cross_fitted(mine)
            parts.append(mine.select("board", "topic_id", pl.Series("text", score)))
    scored = pl.concat(parts) if parts else topics.select("board", "topic_id", pl.lit(None, pl.Float64).alias("text"))
    return rows.join(scored, on=["board", "topic_id"], how="left", maintain_order="left"), Words(weights)


def _cross_fitted(topics: pl.DataFrame) -> tuple[Numbers, Numbers]:
    """One platform's topics in order of time -> their scores, and the weights learned from all that have an outcome."""
    texts, is_train = runs(topics["title"]), topics["is_train"].to_numpy()
    known = topics["board_top10"].is_not_null().to_numpy()
    y = topics["board_top10"].fill_null(0).to_numpy()
    block = np.minimum(np.cumsum(known) * BLOCKS // max(int(known.sum()), 1), BLOCKS - 1)
    weights = _line(texts[known], y[known])
    score = texts @ weights
    for k in range(BLOCKS):
        others, held = known & (block != k), is_train & (block == k)
        if held.any() and len(np.unique(y[others])) == 2:
            score[held] = texts[held] @ _line(texts[others], y[others])
    return np.asarray(score), weights


def _line(texts: Any, y: Numbers) -> Numbers:
    from sklearn.linear_model import LogisticRegression

    return np.asarray(LogisticRegression(C=SOFT, solver="liblinear", random_state=7).fit(texts, y).coef_[0], dtype=np.float64)


def fit(rows: pl.DataFrame, words: Words, targets: Sequence[str] = tuple(TARGETS)) -> Fitted:
    """Rows of with_words: rounds and knots are chosen on validation; the boosters that are shipped have then learned from it, too."""
    rows = _hidden(rows)
    boosters, knots = {}, {}
    for target in targets:
        boosters[target], knots[target] = _fit_target(target, rows.drop_nulls(target))
    return Fitted(boosters, knots, words)


def _hidden(rows: pl.DataFrame) -> pl.DataFrame:
    """Train rows, some without their platform, some without their board."""
    draw, is_train = np.random.default_rng(7).random((2, rows.height)), rows["split"] == "train"
    unknown, alone = (is_train & pl.Series(draw[i] < share) for i, share in ((0, UNKNOWN), (1, ALONE)))
    return rows.with_columns(
        *(pl.when(unknown).then(0.0).otherwise(pl.col(f"is_{name}")).alias(f"is_{name}") for name in PLATFORMS),
        *(pl.when(~alone).then(pl.col(name)).alias(name) for name in (*PLACE, *STATE, *CUSTOM, "kin_other")),
    )  # fmt: skip


def _fit_target(target: str, rows: pl.DataFrame) -> tuple[lightgbm.Booster, dict[str, Any]]:
    train, validation = (rows.filter(pl.col("split") == split) for split in ("train", "validation"))
    whole, held_out = _set(train, target), _set(validation.filter("is_early"), target)
    held_out.reference = whole
    settings = trees(target)
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    first = lightgbm.train(settings, whole, ROUNDS, valid_sets=[held_out], callbacks=[stop])
    score = np.asarray(first.predict(matrix(validation, list(FEATURES)), num_iteration=first.best_iteration, num_threads=1))
    final = lightgbm.train(settings, _set(pl.concat([train, validation]), target), first.best_iteration)
    return lightgbm.Booster(model_str=final.model_to_string()), {
        "isotonic": _knots(score, validation, target),
        "rounds": first.best_iteration,
    }


def trees(target: str) -> dict[str, Any]:
    """The settings of LightGBM; constraints speak of reaching the top 10."""
    if target == "board_top10":
        return {**TREES, "monotone_constraints": list(FEATURES.values())}
    return {**TREES, "num_leaves": 15, "learning_rate": 0.1}


def _set(rows: pl.DataFrame, target: str) -> lightgbm.Dataset:
    weight = np.where(rows["is_early"].to_numpy(), EARLY_WEIGHT, 1.0)
    return lightgbm.Dataset(
        matrix(rows, list(FEATURES)), rows[target].cast(pl.Float64).to_numpy(), weight=weight, feature_name=list(FEATURES)
    )  # fmt: skip


def _knots(score: Numbers, rows: pl.DataFrame, target: str) -> dict[str, dict[str, list[float]]]:
    y = rows[target].cast(pl.Float64).to_numpy()
    names = np.asarray(rows["platform"].to_list())
    return {"": _isotonic(score, y)} | {str(name): _isotonic(score[names == name], y[names == name]) for name in np.unique(names)}


def _isotonic(score: Numbers, y: Numbers) -> dict[str, list[float]]:
    """Knots in the middle of each step: between steps order is kept, where a step itself would make ties."""
    from sklearn.isotonic import IsotonicRegression

    line = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, y)
    steps = pl.DataFrame({"x": line.X_thresholds_, "y": line.y_thresholds_}).group_by("y").agg(pl.col("x").mean()).sort("x")
    return {"x": steps["x"].round(6).to_list(), "y": steps["y"].round(6).to_list()}


def write(fitted: Fitted, folder: Path) -> None:
    """The shipped files but the card."""
    folder.mkdir(parents=True, exist_ok=True)
    for target, booster in fitted.boosters.items():
        (folder / f"{target}.txt").write_text(booster.model_to_string(), encoding="utf-8")
    (folder / KNOTS).write_text(json.dumps(fitted.knots, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (folder / WORDS).write_text(json.dumps(fitted.words.as_json(), sort_keys=True, separators=(",", ":")) + "\n", encoding="utf-8")
