"""The shared hot boards -> rows to learn from: instants at which a topic was, or had lately been, on a board, and what came after.

A unit is a medical event of several headlines (event keys of hot_titles_labeled.csv) or else one headline, on whichever
boards show it in the same words. Rank 0 of the Weibo file is the pinned place, given by editors: not counted as a rank.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from models.escalation.features import HORIZONS, KEY, OFF, TOP, against, at_horizons, board_features

FILES = (
    "hot_search/hourly_2020-11_2025-12.parquet", "text/hot_titles_labeled.csv",
    *(f"boards/{board}_{part}.parquet" for board in ("weibo", "baidu", "zhihu") for part in ("topics", "snapshots")),
)  # fmt: skip
RANK_BARS = [50.0, 30.0, 20.0, 15.0, 10.0, 5.0, 3.0]
SPLIT_NAMES = ("train", "validation", "test")
MEMORY_H = 72  # how long after its last sighting an event is still asked about
LONGEST = timedelta(hours=max(HORIZONS))
OUTAGE = timedelta(hours=3)  # a board unread for longer could have hidden the answer: the row is void
# Validation and test begin. Zhihu's file ends in October 2024, so its own last months are its test.
SPLITS = {
    "weibo": (datetime(2024, 7, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)),
    "baidu": (datetime(2024, 7, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)),
    "zhihu": (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC)),
}


def _words(column: str) -> pl.Expr:
    """A headline without spaces and punctuation: equal on two boards when they took over each other's words."""
    return pl.col(column).str.replace_all(r"[\s\p{P}]", "")


def sightings(data: Path) -> pl.DataFrame:
    """unit, topic, platform, observed_at, rank, heat, is_medical: a row a headline, board and reading."""
    utc = pl.col("observed_at").dt.convert_time_zone("UTC")
    hot = pl.read_parquet(data / FILES[0]).filter(pl.col("rank") > 0)
    frames = [hot.select(_words("title").alias("topic"), pl.lit("weibo").alias("platform"), utc, pl.col("rank").cast(pl.Int64),
                         pl.lit(None, pl.Float64).alias("heat"), pl.lit(False).alias("is_medical"))]  # fmt: skip
    for board in ("weibo", "baidu", "zhihu"):
        topics = pl.read_parquet(data / f"boards/{board}_topics.parquet").select("topic_id", "title", "is_medical")
        seen = pl.read_parquet(data / f"boards/{board}_snapshots.parquet").join(topics, on="topic_id", maintain_order="left")
        frames.append(seen.select(_words("title").alias("topic"), pl.lit(board).alias("platform"), utc, pl.col("rank").cast(pl.Int64),
                                  pl.col("heat").cast(pl.Float64), "is_medical"))  # fmt: skip
    labels = pl.read_csv(data / "text/hot_titles_labeled.csv", infer_schema_length=0)
    events = labels.select(_words("title").alias("topic"), pl.when(pl.col("event") != "-").then("event:" + pl.col("event")).alias("event"))
    joined = (
        pl.concat(frames)
        .filter(pl.col("topic") != "")
        .join(events.unique("topic", keep="first", maintain_order=True), on="topic", how="left")
    )
    return joined.select(
        pl.coalesce("event", "topic").alias("unit"), "topic", "platform", "observed_at", "rank", "heat",
        (pl.col("is_medical") | pl.col("topic").is_in(labels.select(_words("title")).to_series().implode())).alias("is_medical"),
    ).sort("unit", "observed_at", "platform", "topic")  # fmt: skip


def instants(seen: pl.DataFrame, share: float, seed: int = 7) -> pl.DataFrame:
    """unit, as_of, split and slices: of every medical unit, and of a `share` of the others, some instants up to 72 h after a sighting.

    Every second instant lies within an hour of a sighting (on the board), the others anywhere in the 72 h. Medical units, being
    few, give four, others two. Rows whose label window reaches into the next split, or over an outage, are left out.
    """
    draw = np.random.default_rng(seed)
    units = seen.group_by("unit").agg(
        pl.col("is_medical").any(), pl.col("topic").n_unique().alias("titles_n"), pl.col("platform").unique().sort().alias("platforms")
    ).sort("unit")  # fmt: skip
    units = units.filter(pl.col("is_medical") | pl.Series(draw.random(units.height) < share))
    picked = seen.select("unit", "observed_at").join(units, on="unit", maintain_order="left")
    picked = picked.with_columns(pl.Series("draw", draw.random(picked.height))).with_columns(
        pl.col("draw").rank("ordinal").over("unit").alias("pick")
    )
    picked = picked.filter(pl.col("pick") <= pl.when("is_medical").then(4).otherwise(2)).sort("unit", "pick")
    hours = draw.random(picked.height) * np.where(picked["pick"].to_numpy() % 2 == 1, 1.0, MEMORY_H)
    later = picked.with_columns((pl.col("observed_at") + pl.Series(hours * 3600e6).cast(pl.Int64).cast(pl.Duration("us"))).alias("as_of"))
    split = _split().alias("split")
    return _without_outages(later.with_columns(split).drop_nulls("split"), seen).select(
        *KEY, "split", "is_medical", "titles_n", "platforms"
    )


def _split() -> pl.Expr:
    return split_of(pl.when(pl.col("platforms").list.contains("zhihu")).then(pl.lit("zhihu")).otherwise(pl.lit("weibo")), LONGEST)


def split_of(platform: pl.Expr, ahead: timedelta) -> pl.Expr:
    """train, validation, test by the instant `as_of`; null for so long before a border, where outcomes lie beyond it."""
    as_of, dtype = pl.col("as_of"), pl.Datetime("us", "UTC")
    starts = [platform.replace_strict({name: start[i] for name, start in SPLITS.items()}, return_dtype=dtype) for i in (0, 1)]
    return (
        pl.when(as_of >= starts[1]).then(pl.lit("test"))
        .when(as_of >= starts[1] - ahead).then(None)
        .when(as_of >= starts[0]).then(pl.lit("validation"))
        .when(as_of < starts[0] - ahead).then(pl.lit("train"))
    )  # fmt: skip


def _without_outages(rows: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """Rows whose every board was read without a hole from as_of to 48 h later."""
    reads = seen.select("platform", "observed_at").unique().sort("platform", "observed_at")
    after = pl.col("observed_at").shift(-1).over("platform").fill_null(datetime(2100, 1, 1, tzinfo=UTC))  # the file's end
    holes = reads.with_columns(after.alias("hole_ends_at")).filter(pl.col("hole_ends_at") - pl.col("observed_at") > OUTAGE)
    numbered = rows.with_row_index("row")
    asked = numbered.select("row", "as_of", pl.col("platforms").alias("platform")).explode("platform").sort("as_of")
    holes = holes.rename({"observed_at": "hole_at"}).sort("hole_ends_at")
    ahead = asked.join_asof(
        holes, left_on="as_of", right_on="hole_ends_at", by="platform", strategy="forward", check_sortedness=False
    )  # fmt: skip
    void = ahead.filter(pl.col("hole_at") < pl.col("as_of") + LONGEST)
    return numbered.join(void, on="row", how="anti", maintain_order="left")


def outcomes(seen: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """unit, as_of, horizon_h, size: clock hours in which any board had the unit in its top 10, after as_of and within the horizon."""
    ahead = asked.select(KEY).join(seen.filter(pl.col("rank") <= TOP).select("unit", "observed_at"), on="unit")
    wait = (pl.col("observed_at") - pl.col("as_of")).dt.total_seconds() / 3600
    ahead = ahead.with_columns(wait.alias("wait"), pl.col("observed_at").dt.truncate("1h").alias("clock")).filter(pl.col("wait") > 0)
    parts = [
        ahead.filter(pl.col("wait") <= hours).group_by(KEY).agg(pl.col("clock").n_unique().alias("size"))
        .with_columns(pl.lit(float(hours)).alias("horizon_h")) for hours in HORIZONS
    ]  # fmt: skip
    return pl.concat(parts)


def best_ahead(seen: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """unit, as_of, horizon_h, best: the best place on any board after as_of and within the horizon; no row where there was none."""
    wait = (pl.col("observed_at") - pl.col("as_of")).dt.total_seconds() / 3600
    ahead = asked.select(KEY).join(seen.select("unit", "observed_at", "rank"), on="unit").with_columns(wait.alias("wait"))
    ahead = ahead.filter(pl.col("wait") > 0)
    parts = [
        ahead.filter(pl.col("wait") <= hours).group_by(KEY).agg(pl.col("rank").min().cast(pl.Float64).alias("best"))
        .with_columns(pl.lit(float(hours)).alias("horizon_h")) for hours in HORIZONS
    ]  # fmt: skip
    return pl.concat(parts)


def tables(data: Path, splits: tuple[str, ...] = SPLIT_NAMES, share: float = 0.3) -> dict[str, pl.DataFrame]:
    """`board`: features of BOARD, split, slices, `y` (in a top 10 within horizon_h) and `size` (hours there); `rank`: as rank_rows."""
    seen = sightings(data)
    asked = instants(seen, share).filter(pl.col("split").is_in(splits)).unique(KEY, keep="first", maintain_order=True)
    seen = seen.join(asked.select("unit").unique(), on="unit", how="semi", maintain_order="left")
    found = at_horizons(asked.join(board_features(seen, asked), on=KEY, maintain_order="left"))
    return {"board": _top_rows(found, seen, asked), "rank": rank_rows(found, best_ahead(seen, asked))}


def rows(data: Path, splits: tuple[str, ...] = SPLIT_NAMES, share: float = 0.3) -> pl.DataFrame:
    """`board` of `tables`."""
    return tables(data, splits, share)["board"]


def _top_rows(found: pl.DataFrame, seen: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    counted = found.join(outcomes(seen, asked), on=[*KEY, "horizon_h"], how="left", maintain_order="left").with_columns(
        pl.col("size").fill_null(0)
    )
    return counted.with_columns(
        (pl.col("size") > 0).cast(pl.Int8).alias("y"), pl.col("size").cast(pl.Float64), pl.lit(1.0).alias("scale")
    ).sort(*KEY, "horizon_h")


def rank_rows(found: pl.DataFrame, ahead: pl.DataFrame, seed: int = 7) -> pl.DataFrame:
    """Features of RANK and `y` (a place of `bar` or better within horizon_h) of rows that had none in the last 24 h; sorted.

    Medical rows are asked about every bar of the ladder, the others, being many, about one in six of them.
    """
    asked = against(found, RANK_BARS, None).filter(pl.col("best_24h") > pl.col("bar"))
    asked = asked.filter(pl.col("is_medical") | pl.Series(np.random.default_rng(seed).random(asked.height) < 1 / 6))
    told = asked.join(ahead, on=[*KEY, "horizon_h"], how="left", maintain_order="left")
    return told.with_columns((pl.col("best").fill_null(OFF) <= pl.col("bar")).cast(pl.Int8).alias("y")).sort(*KEY, "horizon_h", "bar")
