"""The shared boards -> rows to learn from: features, text score left open, what came of it, and the split."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from models.escalation.topic.features import KEY, TOP, courses, features
from models.escalation.topic.outcomes import early, every, outcomes, split
from models.escalation.topic.readings import shared

SOURCES = ("zhihu", "baidu", "weibo_hourly")
LATER = 2  # readings of a topic drawn beside its early instant
SINCE = datetime(2022, 7, 1, tzinfo=UTC)  # what came before taught nothing more, on validation: boards change their ways
BACK, AHEAD = timedelta(days=61), timedelta(hours=30)  # what features look back on, and outcomes ahead
WEIBO_SHARE = 0.25  # of the topics of the hourly list, of which there are more than of all others


def instants(rows: pl.DataFrame, later: int = LATER, share: float = 1.0, seed: int = 7) -> pl.DataFrame:
    """KEY and is_early: every topic (or a `share`) 2.1 h after it was first seen, and `later` of its readings, half of them a bit late."""
    draw = np.random.default_rng(seed)
    firsts = early(rows)
    firsts = firsts.filter(pl.Series(draw.random(firsts.height) < share))
    readings = every(rows).sort(KEY)
    readings = readings.with_columns(pl.Series("draw", draw.random(readings.height)), pl.Series("late", draw.random(readings.height)))
    readings = readings.join(firsts.select("board", "topic_id"), on=["board", "topic_id"], how="semi").sort("board", "topic_id", "draw")
    drawn = readings.group_by("board", "topic_id", maintain_order=True).head(later)
    wait = pl.when(pl.col("late") > 0.5).then((pl.col("late") - 0.5) * 7.2e9).otherwise(0).cast(pl.Int64).cast(pl.Duration("us"))
    others = drawn.select("board", "topic_id", (pl.col("as_of") + wait).alias("as_of"), pl.lit(value=False).alias("is_early"))
    return pl.concat([firsts.select(*KEY, pl.lit(value=True).alias("is_early")), others]).unique(KEY, keep="first", maintain_order=True)


def table(
    data: Path, names: tuple[str, ...] = SOURCES, later: int = LATER, splits: tuple[str, ...] = (), days: int | None = None
) -> pl.DataFrame:
    """Features, title, board_top10, on_board (null: void, or not asked), split, is_early, is_issue (the instant of the issue); sorted.

    days: of each board's rows that fall into `splits`, those of the first so many days alone.
    """
    rows = shared(data)
    parts = []
    for name in names:
        mine, near = rows.filter(pl.col("board") == name), rows
        asked = instants(mine, later, WEIBO_SHARE if name == "weibo_hourly" else 1.0)
        asked = asked.with_columns(pl.lit("weibo" if name == "weibo_hourly" else name).alias("platform")).with_columns(
            split().alias("split")
        )
        asked = (
            asked.filter(pl.col("split").is_in(splits or ("train", "validation", "test"))).drop("platform").filter(pl.col("as_of") >= SINCE)
        )
        if days is not None:
            asked = asked.filter(pl.col("as_of") < pl.col("as_of").min() + timedelta(days=days))
            mine, near = (_around(frame, asked) for frame in (mine, rows))
        found = features(near, asked, courses(mine))
        parts.append(found.join(asked, on=KEY, how="left").join(outcomes(mine, asked), on=KEY, how="left"))
    return asked_only(pl.concat(parts)).sort(KEY)


def _around(rows: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """The rows that features and outcomes of `asked` rest on: all of the topics that were on a board in that time."""
    first, last = asked.select((pl.col("as_of").min() - BACK).alias("first"), (pl.col("as_of").max() + AHEAD).alias("last")).row(0)
    past = rows.filter(pl.col("observed_at") <= last)
    return past.join(past.filter(pl.col("observed_at") >= first).select("board", "topic_id").unique(), on=["board", "topic_id"], how="semi")


def asked_only(rows: pl.DataFrame) -> pl.DataFrame:
    """A target is null where nobody would ask: in the top 10 already, off the board already."""
    there = (pl.col("rank") <= TOP) & pl.col("is_on")
    low = pl.col("rank") > TOP
    return rows.with_columns(
        pl.when(~there).then("board_top10").alias("board_top10"), pl.when("is_on").then("on_board").alias("on_board"),
        (pl.col("is_early") & low & (pl.col("seen_n") > 1)).alias("is_issue"),
    )  # fmt: skip
