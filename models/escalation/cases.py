"""What is asked and of whose posts: forecasts that can be decided, and the posts that their events hold by then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from models.escalation.levels import Scheme

LOOK_BACK = timedelta(days=7)  # how far before as_of something counts as reached already
WAIT = timedelta(hours=48)  # for a grouping at or after resolve_at
CASE = ["event_id", "as_of", "resolve_at"]
RULES = {
    "board_top": r"^board_top(\d+):\d+h$", "event_posts": r"^event_posts>=(\d+):\d+h$", "post_reposts": r"^post_reposts>=(\d+):\d+h$",
    "on_board": r"^on_board:(\d+)h$", "level": r"^level>=([1-5]):\d+h$",
}  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """Rows of the tables named, any age: at least those since the earliest as_of asked about, observations and fetches a week more, and
    every post of an event of those days. `scheme`: the playbook's observable criteria, for rules on levels."""

    events: pl.DataFrame
    event_posts: pl.DataFrame
    posts: pl.DataFrame
    observations: pl.DataFrame
    mentions: pl.DataFrame
    scores: pl.DataFrame
    fetches: pl.DataFrame
    coverage: pl.DataFrame
    scheme: Scheme


@dataclass(frozen=True)
class Cases:
    """`asked`: the forecasts with rule, bar and case; `cases`: case, CASE, followed, erased_n, category; `inside`: case and its posts;
    `seen`: case, and the observations of its posts up to resolve_at."""

    asked: pl.DataFrame
    cases: pl.DataFrame
    inside: pl.DataFrame
    seen: pl.DataFrame


def cases(forecasts: pl.DataFrame, evidence: Evidence, now: datetime) -> Cases:
    """The forecasts that can be decided at `now`, and what their events hold. Posts and counts after resolve_at are left out."""
    rule = pl.coalesce(pl.when(pl.col("resolve_rule").str.contains(shape)).then(pl.lit(name)) for name, shape in RULES.items())
    bar = pl.coalesce(pl.col("resolve_rule").str.extract(shape).cast(pl.Int64) for shape in RULES.values())
    settled = _settled(forecasts.filter(pl.col("resolve_at") <= now), evidence.events, now)
    units = settled.select(*CASE, "grouped_at").unique(CASE).sort(CASE).with_row_index("case")
    asked = settled.join(units.select("case", *CASE), on=CASE).with_columns(rule=rule, bar=bar)
    then = evidence.events.select("event_id", "as_of", "category", "posts_n")
    pairs, followed = _membership(units, evidence.event_posts)
    held = evidence.event_posts.group_by("event_id", "as_of").agg(held_n=pl.len().cast(pl.Int64))
    erased = (pl.col("posts_n") - pl.col("held_n").fill_null(0)).clip(0).fill_null(0).alias("erased_n")
    units = (
        units.join(followed, on="case", how="left")
        .join(then, on=["event_id", "as_of"], how="left")
        .join(held, on=["event_id", "as_of"], how="left")
        .select("case", *CASE, "followed", erased, "category")
    )
    window = units.select("case", "as_of", "resolve_at")
    inside = pairs.join(window, on="case").join(evidence.posts, on="post_id").filter(pl.col("first_seen_at") <= pl.col("resolve_at"))
    counts = evidence.observations.select("post_id", "observed_at", "board_rank", "reposts_n")
    seen = inside.select("case", "as_of", "resolve_at", "post_id", "platform").join(counts, on="post_id")
    within = pl.col("observed_at").is_between(pl.col("as_of") - LOOK_BACK, "resolve_at")
    return Cases(asked, units, inside, seen.filter(within).sort("case", "observed_at", "post_id"))


def _settled(forecasts: pl.DataFrame, events: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The forecasts with `grouped_at`, the grouping that says what their event is; without those that must wait for one."""
    groupings = events.select(grouped_at="as_of").unique().filter(pl.col("grouped_at") <= now).sort("grouped_at")
    asked = forecasts.select("resolve_at").unique().sort("resolve_at")
    ahead = asked.join_asof(groupings, left_on="resolve_at", right_on="grouped_at", strategy="forward", tolerance=WAIT, coalesce=False)
    behind = asked.join_asof(groupings, left_on="resolve_at", right_on="grouped_at", strategy="backward", coalesce=False)
    over = pl.when(pl.col("resolve_at") + WAIT <= now).then("behind_at")
    found = ahead.join(behind.rename({"grouped_at": "behind_at"}), on="resolve_at").select(
        "resolve_at", grouped_at=pl.coalesce("grouped_at", over)
    )
    return forecasts.join(found.drop_nulls(), on="resolve_at")


def _membership(units: pl.DataFrame, event_posts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(case, post_id), and (case, followed) of the cases whose event is no more and that follow another."""
    at = event_posts.select("event_id", "post_id", "as_of")
    later = at.rename({"as_of": "grouped_at"})
    begun = units.select("case", "event_id", "as_of", "grouped_at").join(at, on=["event_id", "as_of"]).drop("as_of")
    there = units.join(later, on=["event_id", "grouped_at"]).select("case", "post_id")
    gone = begun.join(there.select("case").unique(), on="case", how="anti").rename({"event_id": "was"})
    heirs = gone.join(later, on=["post_id", "grouped_at"]).group_by("case", "event_id", "grouped_at").len()
    heirs = heirs.sort("case", -pl.col("len").cast(pl.Int64), "event_id").unique("case", keep="first", maintain_order=True)
    follow = heirs.join(later, on=["event_id", "grouped_at"]).select("case", "post_id")
    alone = gone.join(heirs.select("case"), on="case", how="anti").select("case", "post_id")
    pairs = pl.concat([there, follow, alone]).unique().sort("case", "post_id")
    return pairs, heirs.select("case", followed="event_id").sort("case")
