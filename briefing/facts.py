"""What is measured of each event as of a moment: the numbers the criteria, the reasons and the page are made of. Frames in, frames out."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

DAY = timedelta(days=1)


def latest_scores(scores: pl.DataFrame) -> pl.DataFrame:
    """One score a post: a re-scored post keeps the model that sorts last, so the choice never depends on row order."""
    return scores.sort("model_version").unique("post_id", keep="last", maintain_order=True)


def members(
    events: pl.DataFrame, event_posts: pl.DataFrame, posts: pl.DataFrame, mentions: pl.DataFrame, scores: pl.DataFrame, as_of: datetime
) -> pl.DataFrame:
    """Posts of each event: posts' columns with event_id, said_at, status, department, scores. `as_of` frames are of this as_of only.

    A post whose only tie to the event's hospital is 待确认 is kept with that status, and counts for nothing.
    A date without a time is read as that day's end, but never later than we saw it: a mailbox letter of yesterday is not two days old.
    """
    slack = pl.when(pl.col("published_precision") == "day").then(pl.lit(DAY)).otherwise(pl.lit(timedelta(0)))
    dated = posts.filter(pl.col("first_seen_at") <= as_of).with_columns(
        said_at=pl.min_horizontal(pl.col("published_at") + slack, pl.col("first_seen_at"))
    )
    hospital = events.filter(pl.col("as_of") == as_of).select("event_id", "hospital_id")
    tie = mentions.filter(pl.col("first_seen_at") <= as_of).select("post_id", "hospital_id", "status", "department")
    read = latest_scores(scores).select("post_id", "relevant_p", "negative_p")
    return (
        event_posts.filter(pl.col("as_of") == as_of)
        .select("event_id", "post_id")
        .unique()
        .join(hospital, on="event_id")
        .join(dated, on="post_id")
        .join(tie, on=["post_id", "hospital_id"], how="left")
        .join(read, on="post_id", how="left")
        .sort("event_id", "said_at", "post_id")
    )


def counting(posts: pl.DataFrame) -> pl.DataFrame:
    """Members that count: everything but 待确认 (comments and reposts name no hospital themselves: null status)."""
    return posts.filter(pl.col("status").fill_null("") != "unconfirmed")


def measure(
    posts: pl.DataFrame, observations: pl.DataFrame, words: list[str], relevant_p: float, as_of: datetime, list_days: int
) -> pl.DataFrame:
    """One row an event of `members` that is active: a post published, first seen or observed in the last `list_days` days.

    Adds posts_24h, posts_before (the 24 h before), confirmed_n, relevant_n, negative_p (mean over relevant posts), department, words
    (of `words`, found in relevant posts), board_rank and board (best place of the last 24 h), active_at.
    """
    counted = counting(posts)
    yesterday, since = as_of - DAY, as_of - list_days * DAY
    relevant = pl.col("relevant_p").fill_null(0.0) >= relevant_p
    said = pl.col("title").fill_null("") + "。" + pl.col("text")
    found = said.str.extract_many(words, overlapping=True) if words else pl.lit([], pl.List(pl.String))
    by_posts = counted.group_by("event_id", maintain_order=True).agg(
        posts_24h=(pl.col("said_at") > yesterday).sum(),
        posts_before=pl.col("said_at").is_between(yesterday - DAY, yesterday, closed="right").sum(),
        confirmed_n=(pl.col("status") == "confirmed").sum(),
        relevant_n=relevant.sum(),
        negative_p=pl.col("negative_p").filter(relevant).mean(),
        department=pl.col("department").drop_nulls().sort().mode().sort().first(),
        words=found.filter(relevant).explode().drop_nulls().unique().sort(),
        said_at=pl.col("said_at").max(),
        seen_at=pl.col("first_seen_at").max(),
    )
    seen = observations.filter(pl.col("observed_at") <= as_of, pl.col("observed_at") > since)
    seen = counted.select("event_id", "post_id", "platform").join(seen, on="post_id")
    by_counts = seen.group_by("event_id").agg(observed_at=pl.col("observed_at").max())
    on_board = seen.filter(pl.col("observed_at") > yesterday, pl.col("board_rank").is_not_null())
    boards = on_board.sort("board_rank", "platform").group_by("event_id", maintain_order=True).first()
    return (
        by_posts.join(by_counts, on="event_id", how="left")
        .join(boards.select("event_id", "board_rank", board="platform"), on="event_id", how="left")
        .with_columns(active_at=pl.max_horizontal("said_at", "seen_at", "observed_at"))
        .filter(pl.col("active_at") > since)
    )


def chances(forecasts: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """One row an event: p_24h, p_48h (null where not forecast) and the drivers of its nearest horizon."""
    now = forecasts.filter(pl.col("as_of") == as_of, pl.col("target") == "escalation").sort("event_id", "horizon_h")
    at = {f"p_{h}h": pl.col("escalates_p").filter(pl.col("horizon_h") == h).first() for h in (24, 48)}
    return now.group_by("event_id", maintain_order=True).agg(drivers=pl.col("drivers").first(), **at)
