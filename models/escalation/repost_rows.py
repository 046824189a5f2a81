"""Weibo cascades -> rows to learn from: posts whose reposts are read now and then, and how many they will have.

Every cascade is asked at one random age a draw, and read every quarter of an hour, hour, three, six or 24 hours until then, as a crawler
might. Posts of this file were picked by size (cascades.py says more): selection.py corrects for that on the road.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from models.escalation.cascades import SPLIT_NAMES, posts
from models.escalation.features import HORIZONS, against
from models.escalation.series import count_features

REPOST_BARS = [10.0, 20.0, 50.0, 100.0, 200.0, 300.0, 500.0, 800.0]
EVERY_H = (0.25, 1, 3, 6, 24)
DRAWS, LONGEST_H, MOST_READINGS = 6, 72, 60


def rows(data: Path, splits: tuple[str, ...] = SPLIT_NAMES, draws: int = DRAWS, seed: int = 7) -> pl.DataFrame:
    """Features of COUNTS, split, is_medical and `y` (`bar` reposts at as_of + horizon_h), of bars not seen reached by as_of; sorted."""
    every = posts(data, splits)
    units = every.select("cascade_id", "split", "is_medical", "post_time").unique("cascade_id").sort("cascade_id")
    times = every.group_by("cascade_id").agg(pl.col("posted_at").sort()).sort("cascade_id")
    reposts = dict(
        zip(times["cascade_id"], ([t.to_numpy().astype("datetime64[s]").astype(np.int64) for t in times["posted_at"]]), strict=True)
    )
    random = np.random.default_rng(seed)
    return pl.concat([_draw(units, reposts, number, random) for number in range(draws)]).sort("unit", "as_of", "horizon_h", "bar")


def _draw(units: pl.DataFrame, reposts: dict[str, np.ndarray], number: int, random: np.random.Generator) -> pl.DataFrame:
    ages = 0.25 * (LONGEST_H / 0.25) ** random.random(units.height)
    apart, late = random.choice(EVERY_H, units.height), random.random(units.height)
    born = units["post_time"].to_numpy()
    as_of = born + (ages * 3600).astype(np.int64)
    readings, counts = [], []
    for i, name in enumerate(units["cascade_id"]):
        last = as_of[i] - int(late[i] * apart[i] * 3600)
        moments = np.arange(max(last, born[i]), born[i], -int(apart[i] * 3600))[:MOST_READINGS]
        readings.append(moments)
        counts.append(np.maximum(np.searchsorted(reposts[name], moments, side="right") - 1, 0))
    read = pl.DataFrame({"post_id": units["cascade_id"], "read_at": readings, "count": counts}).explode("read_at", "count").drop_nulls()
    asked = units.select(
        (pl.col("cascade_id") + f"#{number}").alias("unit"), pl.col("cascade_id").alias("post_id"), pl.col("post_time").alias("posted_at"),
        pl.Series("as_of", as_of), "split", "is_medical",
    ).with_columns(_instant("posted_at"), _instant("as_of"))  # fmt: skip
    found = count_features(read.with_columns(_instant("read_at")), asked.select("unit", "post_id", "posted_at", "as_of"))
    found = found.join(asked.select("unit", "split", "is_medical"), on="unit", maintain_order="left")
    parts = []
    for hours in HORIZONS:
        ends = (found["as_of"] + timedelta(hours=hours)).dt.epoch("s").to_numpy()
        sizes = [np.searchsorted(reposts[name], end, side="right") - 1 for name, end in zip(found["post_id"], ends, strict=True)]
        parts.append(found.with_columns(pl.lit(float(hours)).alias("horizon_h"), pl.Series("size", sizes, dtype=pl.Float64)))
    asked_of = against(pl.concat(parts), REPOST_BARS, "count").filter(pl.col("count") < pl.col("bar"))
    return asked_of.with_columns((pl.col("size") >= pl.col("bar")).cast(pl.Int8).alias("y"))


def _instant(name: str) -> pl.Expr:
    return pl.from_epoch(name, time_unit="s").dt.cast_time_unit("us").dt.replace_time_zone("UTC").alias(name)
