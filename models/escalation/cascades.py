"""Weibo cascades -> rows to learn from: an event known from posts alone, of which only a part is seen.

Every cascade is thinned at random several times (a share of its posts, 1 % to all, is what a crawler would have met) and
asked at one random age each. Hot posts only: the file holds no dud and no real outbreak (design/ESCALATION.md §0), so base
rates do not carry over to a hospital's own stream (selection.py corrects for that); gains over a baseline on the same rows do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from models.escalation.features import KEY, at_horizons, spread_features, threshold

FILES = ("cascades/cascades.parquet", "cascades/reposts.parquet")
DRAWS = 8
SPLIT = {"train": "train", "val": "validation", "test": "test"}
MEDICAL = "医院|医生|护士|患者|病人|医疗|手术|看病|疫苗|药"
PURGE_S = 48 * 3600 + 72 * 3600  # a cascade posted this close before a border is asked about or answered after it


def posts(data: Path, splits: tuple[str, ...]) -> pl.DataFrame:
    """cascade_id, split, is_medical, posted_at, author: the original and its reposts; purged before borders."""
    cascades = pl.read_parquet(data / FILES[0]).with_columns(pl.col("split").replace_strict(SPLIT))
    starts = cascades.group_by("split").agg(pl.col("post_time").min().alias("starts"))
    ends = {"train": "validation", "validation": "test"}
    border = dict(starts.iter_rows())
    last = pl.col("split").replace_strict({s: border[e] - PURGE_S for s, e in ends.items()}, default=2**40, return_dtype=pl.Int64)
    kept = cascades.filter(pl.col("split").is_in(splits), pl.col("post_time") < last)
    originals = kept.select("cascade_id", pl.lit(0).cast(pl.Int64).alias("sec"), pl.col("author_hash").alias("author"))
    reposts = pl.read_parquet(data / FILES[1], columns=["cascade_id", "sec", "uid_hash"]).select(
        "cascade_id", pl.col("sec").cast(pl.Int64), pl.col("uid_hash").alias("author")
    )
    about = kept.select("cascade_id", "split", "post_time", pl.col("text").str.contains(MEDICAL).alias("is_medical"))
    found = pl.concat([originals, reposts]).join(about, on="cascade_id")
    posted = pl.from_epoch(pl.col("post_time") + pl.col("sec"), time_unit="s").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    return found.with_columns(posted.alias("posted_at")).sort("cascade_id", "sec", "author")


def _draw(all_posts: pl.DataFrame, number: int, random: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One thinned copy of every cascade -> (its seen posts, its instant)."""
    units = all_posts.select("cascade_id", "split", "is_medical", "post_time").unique("cascade_id").sort("cascade_id")
    shares, ages = 10 ** random.uniform(-2, 0, units.height), 0.25 * (72 / 0.25) ** random.random(units.height)
    units = units.with_columns(
        pl.Series("share", shares), (pl.col("cascade_id") + f"#{number}").alias("unit"),
        pl.from_epoch(pl.col("post_time") + pl.Series(ages * 3600).cast(pl.Int64), time_unit="s").dt.cast_time_unit("us")
        .dt.replace_time_zone("UTC").alias("as_of"),
    )  # fmt: skip
    seen = all_posts.select("cascade_id", "posted_at", "author").join(
        units.select("cascade_id", "unit", "share"), on="cascade_id", maintain_order="left"
    )
    seen = seen.filter(pl.Series(random.random(seen.height)) < pl.col("share"))
    return seen.select("unit", "posted_at", "author"), units.select(*KEY, "split", "is_medical")


def drawn(every: pl.DataFrame, draws: int = DRAWS, seed: int = 7) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Each of the thinned copies of `posts`: unit, posted_at, author of what is seen; and the instants asked about."""
    random = np.random.default_rng(seed)
    return (_draw(every, number, random) for number in range(draws))


def rows(data: Path, splits: tuple[str, ...] = ("train", "validation", "test"), draws: int = DRAWS, seed: int = 7) -> pl.DataFrame:
    """Features of SPREAD, split, `y` (the rule held within horizon_h), `size` (posts then) and `scale` (posts now); sorted."""
    parts = []
    for seen, asked in drawn(posts(data, splits), draws, seed):
        known = at_horizons(asked.join(spread_features(seen, asked).filter(pl.col("n") > 0), on=KEY, maintain_order="left"))
        wait = (pl.col("posted_at") - pl.col("as_of")).dt.total_seconds() / 3600
        later = known.select(*KEY, "horizon_h").join(seen.select("unit", "posted_at"), on="unit").filter(wait <= pl.col("horizon_h"))
        parts.append(
            known.join(later.group_by(*KEY, "horizon_h").agg(pl.len().cast(pl.Int64).alias("size")), on=[*KEY, "horizon_h"], how="left")
        )
    found = pl.concat(parts)
    return found.with_columns(
        (pl.col("size") >= threshold(pl.col("n"))).cast(pl.Int8).alias("y"),
        pl.col("size").cast(pl.Float64),
        pl.col("n").cast(pl.Float64).alias("scale"),
    ).sort(*KEY, "horizon_h")
