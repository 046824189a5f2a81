"""Why the figures are what they are: learning curve, what the next hours would tell, and whether the peak can be foretold.

`python -m models.escalation.cascade.studies [DATA]` trains some twenty small forecasters (minutes), asks validation posts only, and
writes docs/escalation-cascade.json, from which `guanchao bench escalation --full` draws the learning curve.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl

from models.escalation import metrics
from models.escalation.cascade import baselines, fit, inputs, judging, teach
from models.escalation.cascade.bench import STUDIES
from models.escalation.cascade.data import Cascades, Numbers, load
from models.escalation.cascade.features import T0
from models.escalation.cascade.inputs import HORIZON, LEVEL
from models.escalation.cascade.teach import Rows
from warehouse.settings import PROJECT

POSTS = (300, 600, 1200, 2370)
KNOWN_H = (1, 3, 6, 12)
PEAK_REACH_H = 84.0
SEED = 5


def studies(data: Path) -> dict[str, Any]:
    _, rows = fit.learn(data)
    val = rows.filter(pl.col("split") == "val")
    train = fit.purged(rows.filter(pl.col("split") == "train"), int(val["post_time"].min()))  # type: ignore[arg-type]
    everyone = load(data / "cascades", with_labels=True)
    return {
        "learning_curve": learning_curve(train, val), "next_hours_known": next_hours(everyone, train, val),
        "time_to_peak": time_to_peak(everyone, train, val),
    }  # fmt: skip


def learning_curve(train: pl.DataFrame, val: pl.DataFrame) -> list[dict[str, float]]:
    """AP, AUC and Brier on validation posts after learning from so many random training posts; logistic beside it."""
    columns, out = inputs.names(train), []
    ids = train["cascade_id"].unique().sort().to_numpy()
    order, judged = np.random.default_rng(SEED).permutation(ids), judging.pooled(val)
    y = judged["y"].to_numpy()
    for posts in POSTS:
        part = train.filter(pl.col("cascade_id").is_in(order[:posts].tolist()))
        one = fit.vintage(part, columns, 0, 2, 1)
        said = 1 / (1 + np.exp(-fit.score(one, judged, columns)))
        rival = baselines.predict(baselines.fit(part.filter(pl.col("n") < LEVEL)), judged)[baselines.LOGISTIC]
        line = {name: round(value, 4) for name, value in metrics.figures(y, said).items() if name in ("auc", "ap", "brier")}
        out.append({"posts": len(order[:posts]), **line, "logistic_ap": round(metrics.average_precision(y, rival), 4)})
    return out


def next_hours(everyone: Cascades, train: pl.DataFrame, val: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Oracle features: the same trees told, besides, how many reposts the next 1, 3, 6 or 12 h will bring."""
    columns, judged = inputs.names(train), judging.pooled(val)
    y = judged["y"].to_numpy()
    rows = Rows.of(train, columns)
    out = {}
    for hours in (0, *KNOWN_H):
        ahead, told = (_ahead(everyone, part, hours) for part in (train, judged))
        x, seen = np.column_stack([rows.x, ahead]), np.column_stack([inputs.matrix(judged, columns), told])
        at = np.flatnonzero(rows.n < LEVEL)
        labels = (rows.at(at, np.full(len(at), HORIZON)) >= LEVEL).astype(float)
        booster = lightgbm.train(teach.TREES | {"seed": SEED}, lightgbm.Dataset(x[at], labels), teach.TREE_ROUNDS)
        line = metrics.figures(y, np.asarray(booster.predict(seen)))
        out[f"{hours} h"] = {name: round(line[name], 4) for name in ("auc", "ap", "brier", "ece")}
    return out


def _ahead(everyone: Cascades, rows: pl.DataFrame, hours: float) -> Numbers:
    """log of one and the reposts of the next `hours` after each row's age."""
    place = {name: k for k, name in enumerate(everyone.posts["cascade_id"].to_list())}
    out = np.empty(rows.height)
    for j, (name, age) in enumerate(rows.select("cascade_id", "t0_h").iter_rows()):
        first, last = np.searchsorted(everyone.hours(place[name]), (age, age + hours), side="right")
        out[j] = np.log1p(last - first)
    return out


def time_to_peak(everyone: Cascades, train: pl.DataFrame, val: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Hours until the busiest hour begins, of posts where it is still ahead: median absolute error, LightGBM and a constant an age."""
    columns = inputs.names(train)
    place = {name: k for k, name in enumerate(everyone.posts["cascade_id"].to_list())}
    peak = {name: _busiest(everyone.hours(k)) for name, k in place.items()}

    def ahead(rows: pl.DataFrame) -> pl.DataFrame:
        wait = pl.Series("wait", [peak[name] - age for name, age in rows.select("cascade_id", "t0_h").iter_rows()])
        return rows.with_columns(wait).filter(pl.col("wait") > 0)

    learned, asked = ahead(train), ahead(val.filter(pl.col("t0_h").is_in(T0)))
    settings = teach.TREES | {"objective": "l1", "seed": SEED, "min_data_in_leaf": 50}
    target = np.log(learned["wait"].to_numpy())
    booster = lightgbm.train(settings, lightgbm.Dataset(inputs.matrix(learned, columns), target), teach.TREE_ROUNDS)
    middle = dict(learned.group_by("t0_h").agg(pl.col("wait").median()).iter_rows())
    out = {}
    for age in T0:
        part = asked.filter(pl.col("t0_h") == age)
        said, wait = np.exp(np.asarray(booster.predict(inputs.matrix(part, columns)))), part["wait"].to_numpy()
        error, constant = (float(np.median(np.abs(one - wait))) for one in (said, middle[age]))
        out[f"{age:.0f} h"] = {"posts": part.height, "lightgbm_h": round(error, 2), "constant_h": round(constant, 2)}
    return out


def _busiest(hours: Numbers) -> float:
    """When the hour with most reposts began, of those beginning at a repost within PEAK_REACH_H; −1 without reposts."""
    near = hours[hours <= PEAK_REACH_H]
    if not len(near):
        return -1.0
    counts = np.searchsorted(hours, near + 1, side="right") - np.arange(len(near))
    return float(near[counts.argmax()])


if __name__ == "__main__":
    found = studies(Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT.parent / "shared" / "data")
    STUDIES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
