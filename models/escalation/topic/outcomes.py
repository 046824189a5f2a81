"""When a topic is asked about, and what came of it.

The instant of the issue: first seen + 2.1 h, at least two readings by then, not among the first ten in the last of them. On 知乎
from 2024-01 on, 21,104 such topics, 11.8 % of which enter the top 10 within 24 h; the rank then known has AUC 0.546: the figures
of the study (base rate .118, AUC .54). No other definition tried gives both.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from models.escalation.boards import OUTAGE, split_of
from models.escalation.features import HOUR
from models.escalation.topic.features import KEY, TOP

EARLY = timedelta(hours=2.1)
TARGETS = {"board_top10": 24, "on_board": 12}  # target -> horizon in hours
LATE = timedelta(hours=HOUR)  # the reading that says who is still on a board lies so long before the horizon at most: resolution.py


def early(rows: pl.DataFrame) -> pl.DataFrame:
    """KEY of every topic at first_seen + 2.1 h, and its `first_seen_at`."""
    firsts = rows.group_by("board", "topic_id", maintain_order=True).agg(pl.col("observed_at").min().alias("first_seen_at"))
    return firsts.with_columns((pl.col("first_seen_at") + EARLY).alias("as_of"))


def every(rows: pl.DataFrame) -> pl.DataFrame:
    """KEY of every reading of every topic."""
    return rows.select("board", "topic_id", pl.col("observed_at").alias("as_of"))


def outcomes(rows: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """KEY of `asked` with `board_top10` and `on_board` (1, 0, null where the board was not read well enough to say)."""
    keys = asked.select(KEY).unique(maintain_order=True).sort("as_of")
    tops = rows.filter(pl.col("rank") <= TOP).select("board", "topic_id", pl.col("observed_at").alias("top_at")).sort("top_at")
    top = keys.join_asof(
        tops, left_on="as_of", right_on="top_at", by=["board", "topic_id"], strategy="forward", allow_exact_matches=False,
        check_sortedness=False,
    )  # fmt: skip
    reached = (pl.col("top_at") - pl.col("as_of") <= timedelta(hours=TARGETS["board_top10"])).fill_null(value=False)
    found = top.select(*KEY, reached.cast(pl.Int8).alias("board_top10")).join(_void(rows, keys, TARGETS["board_top10"]), on=KEY, how="left")
    found = found.with_columns(pl.when(pl.col("is_void").is_null()).then("board_top10").alias("board_top10"))
    return found.drop("is_void").join(_still(rows, keys), on=KEY, how="left")


def _still(rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """KEY, on_board: is the topic in the last reading by the horizon? Void if that reading was much earlier."""
    due = keys.with_columns((pl.col("as_of") + timedelta(hours=TARGETS["on_board"])).alias("due")).sort("due")
    reads = rows.select("board", pl.col("observed_at").alias("read_at")).unique().sort("read_at")
    ends = reads.group_by("board").agg(pl.col("read_at").max().alias("end"))
    found = due.join_asof(reads, left_on="due", right_on="read_at", by="board", strategy="backward", check_sortedness=False)
    found = found.join(ends, on="board").filter(pl.col("due") <= pl.col("end"), pl.col("due") - pl.col("read_at") <= LATE)
    there = rows.select("board", "topic_id", pl.col("observed_at").alias("read_at"), pl.lit(1, pl.Int8).alias("on_board"))
    return found.join(there, on=["board", "topic_id", "read_at"], how="left").select(*KEY, pl.col("on_board").fill_null(0))


def _void(rows: pl.DataFrame, keys: pl.DataFrame, hours: int) -> pl.DataFrame:
    """KEY and is_void of those whose board was unread for longer than OUTAGE, or no more read, within `hours`."""
    reads = rows.select("board", "observed_at").unique().sort("board", "observed_at")
    after = pl.col("observed_at").shift(-1).over("board").fill_null(datetime(2100, 1, 1, tzinfo=UTC))
    holes = reads.with_columns(after.alias("ends_at")).filter(pl.col("ends_at") - pl.col("observed_at") > OUTAGE).sort("ends_at")
    ahead = keys.join_asof(holes, left_on="as_of", right_on="ends_at", by="board", strategy="forward", check_sortedness=False)
    within = pl.col("observed_at") < pl.col("as_of") + timedelta(hours=hours)
    return ahead.filter(within).select(*KEY, pl.lit(value=True).alias("is_void"))


def split() -> pl.Expr:
    """train, validation, test by platform and instant; null in the last 24 h before a border."""
    return split_of(pl.col("platform"), timedelta(hours=max(TARGETS.values())))
