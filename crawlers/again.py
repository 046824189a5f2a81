"""When a post is worth looking at again: hot ones every few minutes, cold ones daily, and an end. The forecaster lives on these counts.

From what the tables knew before the run: the same instant gives the same list.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import polars as pl

from crawlers.addresses import native_id
from crawlers.card import Card

SOONEST, LATEST = timedelta(minutes=10), timedelta(days=1)
BY_AGE = ((2, timedelta(minutes=10)), (24, timedelta(hours=1)), (72, timedelta(hours=6)))  # hours since the first sighting -> pause
GREW = 0.1  # a post is hot while it takes less than its pause to gain this share (and a count of 5 at least)
LONGEST_H = 7 * 24.0  # nobody's post is followed for longer
QUIET_AFTER_H, QUIET_N = 48.0, 3  # older than this and unchanged for so many looks: no more
COUNTS = ("reposts_n", "comments_n", "likes_n", "views_n")


MOST = 30  # posts a source and run; card option `again: {most: …}`


def address(card: Card, url: str) -> str | None:
    """Where a post's counts are asked for, as tables show addresses; None if the card does not say or the post has no id of its own.

    Card option `again: {url: "http://127.0.0.1:8000/show?id={id}", reads: weibo}`: {id} is the platform's own id, {url} the post's page.
    """
    template = str((card.options.get("again") or {}).get("url", ""))
    own = native_id(card.platform, url)
    if not template or ("{id}" in template and own is None):
        return None
    return card.shown(template.replace("{id}", own or "").replace("{url}", url))


def due(
    posts: pl.DataFrame, observations: pl.DataFrame, fetches: pl.DataFrame, cards: Iterable[Card], as_of: datetime
) -> dict[str, tuple[str, ...]]:
    """source -> addresses of the posts to observe again at `as_of`, most active first.

    posts, observations, fetches: rows of those tables from before `as_of`. A post that was gone when last asked for is not due.
    """
    following = {card.id: card for card in cards if card.options.get("again")}
    tracked = posts.filter(pl.col("source").is_in(list(following)) & pl.col("url").is_not_null())
    gone = set(fetches.filter(pl.col("http_status").is_in([404, 410]) | (pl.col("reason") == "empty_confirmed"))["url"])
    found: dict[str, list[str]] = {source: [] for source in following}
    for source, url in _ready(tracked, observations, as_of).select("source", "url").iter_rows():
        asked = address(following[source], url)
        if asked and asked not in gone and len(found[source]) < int(following[source].options["again"].get("most", MOST)):
            found[source].append(asked)
    return {source: tuple(urls) for source, urls in found.items() if urls}


def _ready(tracked: pl.DataFrame, observations: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    pace = _pace(observations.join(tracked.select("post_id"), on="post_id", how="semi"), as_of)
    age_h = (as_of - pl.col("first_seen_at")).dt.total_minutes() / 60
    followed = tracked.join(pace, on="post_id", how="inner").with_columns(age_h=age_h)
    over = (pl.col("age_h") > LONGEST_H) | ((pl.col("age_h") > QUIET_AFTER_H) & (pl.col("quiet_n") >= QUIET_N))
    ready = followed.filter(~over).with_columns(pause=_pause()).filter(pl.col("last_at") + pl.col("pause") <= as_of)
    return ready.sort("per_h", "last_at", "post_id", descending=[True, False, False])


def _pace(observations: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """post_id, last_at, per_h (counts gained an hour between the last two looks), share_h (the same as a share), quiet_n looks in a row."""
    total = pl.sum_horizontal(pl.col(name).fill_null(0) for name in COUNTS)
    looks = observations.filter(pl.col("observed_at") < as_of).sort("post_id", "observed_at").with_columns(total=total)
    looks = looks.with_columns(
        gained=pl.col("total").diff().over("post_id"), hours=pl.col("observed_at").diff().dt.total_seconds().over("post_id") / 3600
    )
    changed_at = pl.col("observed_at").filter((pl.col("gained") != 0) | pl.col("gained").is_null()).max()
    pace = looks.group_by("post_id").agg(
        last_at=pl.col("observed_at").max(),
        per_h=(pl.col("gained").last() / pl.col("hours").last().clip(1 / 60)).fill_null(0.0),
        total=pl.col("total").last(),
        quiet_n=(pl.col("observed_at") > changed_at).sum(),
    )
    return pace.with_columns(share_h=pl.col("per_h") / pl.col("total").clip(5))


def _pause() -> pl.Expr:
    """By age; shorter for one that grows, doubled for every look that saw no change."""
    pause = pl.lit(LATEST)
    for hours, by_age in reversed(BY_AGE):
        pause = pl.when(pl.col("age_h") < hours).then(pl.lit(by_age)).otherwise(pause)
    minutes = pause.dt.total_minutes() * 2 ** pl.col("quiet_n").clip(0, 8)
    hot = 60 * GREW / pl.col("share_h").clip(1e-6)
    bounded = pl.min_horizontal(minutes, hot).clip(SOONEST.total_seconds() / 60, LATEST.total_seconds() / 60)
    return pl.duration(minutes=bounded.round())
