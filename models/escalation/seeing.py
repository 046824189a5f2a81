"""Could we have seen it? Where a board, a source or a counter was not read for too long of a window, its "no" is nobody's knowledge."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

import polars as pl

from warehouse.vocabulary import GOT_AN_ANSWER

OUTAGE = timedelta(hours=3)  # as in boards.py: unread for longer, the answer may have been hidden
PERIODS = 2  # or for so many periods of a source that is read less often
LATE = 4  # counts must have been read in the last of so many parts of the window
MOST = 0.5  # share of an event's posts that unread sources must carry before its count is in doubt
WINDOW = ["as_of", "resolve_at"]


class Read(Protocol):
    """The tables that say what was read, and when."""

    @property
    def posts(self) -> pl.DataFrame: ...
    @property
    def observations(self) -> pl.DataFrame: ...
    @property
    def fetches(self) -> pl.DataFrame: ...
    @property
    def coverage(self) -> pl.DataFrame: ...


def boards_unread(asked: pl.DataFrame, seen: pl.DataFrame, tables: Read, never: bool = False) -> pl.DataFrame:
    """case, unseen (`unread:weibo`) of the cases one of whose boards, those that showed a post of it, has a hole in (as_of, resolve_at].

    asked: case, as_of, resolve_at; seen: the observations of each case's posts. never: only a board not read at all is a hole.
    """
    carried = seen.filter(pl.col("board_rank").is_not_null()).select("case", pl.col("platform").alias("what")).unique()
    shows = tables.posts.join(tables.observations.filter(pl.col("board_rank").is_not_null()), on="post_id", how="semi")
    shows = shows.select("source", pl.col("platform").alias("what")).unique()
    readings = _answers(tables).join(shows, on="source").select("what", "at").unique()
    questions = asked.select("case", *WINDOW).unique().join(carried, on="case")
    holes = _longest(questions.select("what", *WINDOW).unique(), readings)
    bad = holes.filter(pl.col("n") == 0 if never else pl.col("hole") > OUTAGE)
    return _named(questions.join(bad, on=["what", *WINDOW]))


def sources_unread(asked: pl.DataFrame, inside: pl.DataFrame, tables: Read) -> pl.DataFrame:
    """case, unseen (`unread:<source>`) of the cases half of whose posts of as_of come from sources with a hole in (as_of, resolve_at]."""
    cadence = pl.duration(minutes=pl.col("cadence_min").max())
    usual = tables.coverage.group_by("source").agg(usual=cadence).rename({"source": "what"})
    readings = _answers(tables).select(pl.col("source").alias("what"), "at").unique()
    begun = inside.filter(pl.col("first_seen_at") <= pl.col("as_of")).select("case", "post_id", pl.col("source").alias("what"))
    share = begun.group_by("case", "what").len().with_columns(share=pl.col("len") / pl.col("len").sum().over("case"))
    questions = asked.select("case", *WINDOW).unique().join(share, on="case")
    holes = _longest(questions.select("what", *WINDOW).unique(), readings).join(usual, on="what", how="left")
    allowed = pl.max_horizontal(pl.lit(OUTAGE), PERIODS * pl.col("usual"))
    bad = questions.join(holes.filter(pl.col("hole") > allowed), on=["what", *WINDOW])
    return _named(bad.filter(pl.col("share").sum().over("case") >= MOST))


def uncounted(asked: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """case, unseen (`uncounted`) of the cases no post of which had its reposts counted in the last quarter of the window."""
    late = pl.col("resolve_at") - (pl.col("resolve_at") - pl.col("as_of")) / LATE
    counted = seen.filter(pl.col("reposts_n").is_not_null(), pl.col("observed_at") > late).select("case").unique()
    return asked.select("case").unique().join(counted, on="case", how="anti").with_columns(unseen=pl.lit("uncounted"))


def _answers(tables: Read) -> pl.DataFrame:
    return tables.fetches.filter(pl.col("reason").is_in(GOT_AN_ANSWER)).select("source", pl.col("fetched_at").alias("at"))


def _longest(questions: pl.DataFrame, readings: pl.DataFrame) -> pl.DataFrame:
    """what, as_of, resolve_at -> n, the readings in (as_of, resolve_at], and hole, the longest time of it without one."""
    inside = questions.join(readings, on="what").filter(pl.col("at") > pl.col("as_of"), pl.col("at") <= pl.col("resolve_at"))
    ends = [questions.with_columns(at=pl.col(end), is_read=False) for end in WINDOW]
    times = pl.concat([inside.with_columns(is_read=True), *ends], how="diagonal_relaxed").sort("what", *WINDOW, "at")
    return times.group_by("what", *WINDOW).agg(n=pl.col("is_read").sum(), hole=pl.col("at").diff().max())


def _named(bad: pl.DataFrame) -> pl.DataFrame:
    """One hole a case, the first by name."""
    first = bad.sort("case", "what").unique("case", keep="first", maintain_order=True)
    return first.select("case", unseen=pl.format("unread:{}", "what"))
