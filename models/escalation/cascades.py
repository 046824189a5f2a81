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

from models.escalation.clusters import clusters
from models.escalation.features import HORIZONS, KEY, against, at_horizons, spread_features, threshold

FILES = ("cascades/cascades.parquet", "cascades/reposts.parquet")
DRAWS = 8
VOLUME_BARS = [2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 35.0, 60.0, 100.0, 200.0, 400.0]
SPLIT_NAMES = ("train", "validation", "test")
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


def events(data: Path, every: pl.DataFrame) -> pl.DataFrame:
    """`every` (of `posts`), the cascades of one happening as one event: named after the first, and as old as that."""
    told = pl.read_parquet(data / FILES[0], columns=["cascade_id", "post_time", "text", "split"])
    kept = told.join(every.select("cascade_id").unique(), on="cascade_id", how="semi")
    of = pl.concat([clusters(part) for _, part in kept.group_by("split", maintain_order=True)])  # no event may be in two splits
    named = every.join(of, on="cascade_id", how="left").with_columns(cascade_id=pl.coalesce("event", "cascade_id"))
    same = [pl.col("post_time").min().over("cascade_id"), pl.col("is_medical").any().over("cascade_id")]
    return named.with_columns(*same, is_event=pl.col("event").is_not_null()).drop("event").sort("cascade_id", "posted_at", "author")


def _draw(
    all_posts: pl.DataFrame, number: int, random: np.random.Generator, age_h: float | None
) -> tuple[pl.DataFrame, pl.DataFrame]:  # fmt: skip
    """One thinned copy of every cascade -> (its seen posts, its instant)."""
    about = [name for name in ("split", "is_medical", "is_event") if name in all_posts.columns]
    units = all_posts.select("cascade_id", *about, "post_time").unique("cascade_id").sort("cascade_id")
    shares, ages = 10 ** random.uniform(-2, 0, units.height), 0.25 * (72 / 0.25) ** random.random(units.height)
    ages = ages if age_h is None else np.full(units.height, age_h)
    units = units.with_columns(
        pl.Series("share", shares), (pl.col("cascade_id") + f"#{number}").alias("unit"),
        pl.from_epoch(pl.col("post_time") + pl.Series(ages * 3600).cast(pl.Int64), time_unit="s").dt.cast_time_unit("us")
        .dt.replace_time_zone("UTC").alias("as_of"),
    )  # fmt: skip
    seen = all_posts.select("cascade_id", "posted_at", "author").join(
        units.select("cascade_id", "unit", "share"), on="cascade_id", maintain_order="left"
    )
    seen = seen.filter(pl.Series(random.random(seen.height)) < pl.col("share"))
    return seen.select("unit", "posted_at", "author"), units.select(*KEY, *about)


def drawn(
    every: pl.DataFrame, draws: int = DRAWS, seed: int = 7, age_h: float | None = None
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:  # fmt: skip
    """Each of the thinned copies of `posts`: unit, posted_at, author of what is seen; and the instants, at `age_h` or at random ages."""
    random = np.random.default_rng(seed)
    return (_draw(every, number, random, age_h) for number in range(draws))


def tables(data: Path, splits: tuple[str, ...] = SPLIT_NAMES, draws: int = DRAWS, seed: int = 7) -> dict[str, pl.DataFrame]:
    """`spread`: features of SPREAD, split, `y` (the rule held within horizon_h), `size` (posts then) and `scale` (posts now). `volume`:
    features of VOLUME and `y` (`bar` posts within 24 hours, at any instant within horizon_h), of rows with fewer now, of `events`: posts
    not yet written, and what they will set off, are part of what is to come. Sorted."""
    grown, peaked = [], []
    every = posts(data, splits)
    for seen, asked in drawn(every, draws, seed):
        known = at_horizons(asked.join(spread_features(seen, asked).filter(pl.col("n") > 0), on=KEY, maintain_order="left"))
        wait = (pl.col("posted_at") - pl.col("as_of")).dt.total_seconds() / 3600
        later = known.select(*KEY, "horizon_h").join(seen.select("unit", "posted_at"), on="unit").filter(wait <= pl.col("horizon_h"))
        sizes = later.group_by(*KEY, "horizon_h").agg(pl.len().cast(pl.Int64).alias("size"))
        grown.append(known.join(sizes, on=[*KEY, "horizon_h"], how="left"))
    for seen, asked in drawn(events(data, every), draws, seed):
        known = at_horizons(asked.join(spread_features(seen, asked).filter(pl.col("n") > 0), on=KEY, maintain_order="left"))
        peaked.append(volume_rows(known, seen))
    spread = pl.concat(grown).with_columns(
        (pl.col("size") >= threshold(pl.col("n"))).cast(pl.Int8).alias("y"),
        pl.col("size").cast(pl.Float64),
        pl.col("n").cast(pl.Float64).alias("scale"),
    )
    return {"spread": spread.sort(*KEY, "horizon_h"), "volume": pl.concat(peaked).sort(*KEY, "horizon_h", "bar")}


def rows(data: Path, splits: tuple[str, ...] = SPLIT_NAMES, draws: int = DRAWS, seed: int = 7) -> pl.DataFrame:
    """`spread` of `tables`."""
    return tables(data, splits, draws, seed)["spread"]


def volume_rows(known: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """Rows of `known` (features, at horizons) once a bar of the ladder not reached yet, with `y`."""
    peaks = peak_ahead(seen, known.select(KEY).unique())
    asked = against(known, VOLUME_BARS, "n_24h").filter(pl.col("n_24h") < pl.col("bar"))
    told = asked.join(peaks, on=[*KEY, "horizon_h"], how="left", maintain_order="left")
    return told.with_columns((pl.col("peak").fill_null(0) >= pl.col("bar")).cast(pl.Int8).alias("y"))


def peak_ahead(seen: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """unit, as_of, horizon_h, peak: the most posts within 24 hours, at any instant after as_of and within the horizon."""
    posted = asked.join(seen.select("unit", "posted_at"), on="unit")
    ends = (pl.col("posted_at") + pl.duration(hours=24)).alias("at")
    changes = pl.concat([
        posted.select(*KEY, pl.col("posted_at").alias("at"), pl.lit(1, pl.Int64).alias("more")),
        posted.select(*KEY, ends, pl.lit(-1, pl.Int64).alias("more")),
    ])  # fmt: skip
    steps = changes.group_by(*KEY, "at").agg(pl.col("more").sum()).sort(*KEY, "at")
    wait = (pl.col("at") - pl.col("as_of")).dt.total_seconds() / 3600
    steps = steps.with_columns(pl.col("more").cum_sum().over(KEY).alias("posts"), wait.alias("wait")).filter(pl.col("wait") > 0)
    parts = [
        steps.filter(pl.col("wait") <= hours).group_by(KEY).agg(pl.col("posts").max().alias("peak"))
        .with_columns(pl.lit(float(hours)).alias("horizon_h")) for hours in HORIZONS
    ]  # fmt: skip
    return pl.concat(parts)
