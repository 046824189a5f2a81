"""Facts of an event that no model here learned from, for its explanation: counts under its posts, who speaks, how negative it is.

The shared boards and cascades carry none of them at events' scale (docs/model-card-escalation.md), but people ask for them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from models.escalation.series import interpolate, with_births

COUNTS = ("reposts_n", "comments_n")
FRESH = timedelta(minutes=65)  # counts read longer ago say nothing about the last hour, nor those
BEFORE = timedelta(hours=3)  # without another reading since then: a line would make every hour like the one before
OFFICIAL = ("media", "government")
FEWEST = 5  # reposts or comments of an hour worth a sentence


def counts_at(observations: pl.DataFrame, posts: pl.DataFrame, column: str, moments: list[datetime]) -> pl.DataFrame:
    """post_id, at, count: on a line between the two readings around each moment, from 0 when it was published; the last one after it.

    posts: post_id, published_at (or null). Posts without a reading of that column by the last moment are left out.
    """
    read = observations.filter(pl.col(column).is_not_null(), pl.col("observed_at") <= max(moments))
    read = read.select("post_id", pl.col("observed_at").alias("read_at"), pl.col(column).cast(pl.Float64).alias("count"))
    of_posts = posts.join(read.select("post_id").unique(), on="post_id", how="semi")
    born = of_posts.drop_nulls("published_at").select("post_id", pl.col("published_at").alias("posted_at"))
    asked = of_posts.select("post_id").join(pl.DataFrame({"at": moments}), how="cross")
    return asked.with_columns(interpolate(with_births(read, born), asked)).sort("post_id", "at")


def crowd(members: pl.DataFrame, observations: pl.DataFrame, scores: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """A row a unit: <reposts|comments>_n, _1h, _before_1h (null unless read twice of late), negative_24h and negative_before (shares),
    own_n, official_n, verified_n. members: posts' columns and `unit`, as known at as_of."""
    about = members.filter(pl.col("first_seen_at") <= as_of)
    said_at, day = pl.min_horizontal("published_at", "first_seen_at"), timedelta(days=1)
    read = scores.sort("model_version").unique("post_id", keep="last", maintain_order=True).select("post_id", "negative_p")
    negative = pl.col("negative_p") >= 0.5
    found = about.join(read, on="post_id", how="left").group_by("unit").agg(
        negative_24h=negative.filter(said_at > as_of - day).mean(),
        negative_before=negative.filter(said_at.is_between(as_of - 2 * day, as_of - day, closed="right")).mean(),
        own_n=(pl.col("author_kind") == "own").sum(), official_n=pl.col("author_kind").is_in(OFFICIAL).sum(),
        verified_n=pl.col("is_verified").fill_null(False).sum(),
    )  # fmt: skip
    for column in COUNTS:
        found = found.join(_growth(about, observations, column, as_of), on="unit", how="left")
    return found.sort("unit")


def _growth(about: pl.DataFrame, observations: pl.DataFrame, column: str, as_of: datetime) -> pl.DataFrame:
    hour, name = timedelta(hours=1), column.removesuffix("_n")
    moments = [as_of - 2 * hour, as_of - hour, as_of]
    counts = counts_at(observations, about.select("post_id", "published_at").unique("post_id"), column, moments)
    known = observations.filter(pl.col(column).is_not_null(), pl.col("observed_at") <= as_of)
    late = known.filter(pl.col("observed_at") > as_of - BEFORE).group_by("post_id").agg(pl.col("observed_at").max(), pl.len())
    fresh = late.filter(pl.col("observed_at") > as_of - FRESH, pl.col("len") > 1).select("post_id").with_columns(is_fresh=True)
    sums = about.select("unit", "post_id").join(counts, on="post_id").join(fresh, on="post_id", how="left").group_by("unit").agg(
        *(pl.col("count").filter(pl.col("at") == moment).sum().alias(f"at_{n}") for n, moment in enumerate(moments)),
        pl.col("is_fresh").any(),
    )  # fmt: skip
    grown = {f"{name}_1h": pl.col("at_2") - pl.col("at_1"), f"{name}_before_1h": pl.col("at_1") - pl.col("at_0")}
    return sums.select("unit", pl.col("at_2").alias(f"{name}_n"), **{key: pl.when("is_fresh").then(value) for key, value in grown.items()})


def facts(row: dict[str, Any]) -> list[str]:
    """The sentences that hold, what changes fastest first; row: of `crowd`."""
    said = [_pace(row, "reposts", "转发"), _pace(row, "comments", "评论"), _negative(row), _own(row), _official(row), _reposts(row)]
    return [sentence for sentence in said if sentence]


def _pace(row: dict[str, Any], name: str, word: str) -> str:
    now, before = row[f"{name}_1h"], row[f"{name}_before_1h"]
    if now is None or now < FEWEST:
        return ""
    return f"过去1小时{word}是前一小时的{now / before:.1f}倍" if before >= 1 else f"过去1小时新增{word}{now:.0f}次，前一小时没有"


def _reposts(row: dict[str, Any]) -> str:
    return f"各帖共被转发{row['reposts_n']:.0f}次" if row["reposts_n"] else ""


def _negative(row: dict[str, Any]) -> str:
    now, before = row["negative_24h"], row["negative_before"]
    if now is None:
        return ""
    return f"近24小时负面帖占{now:.0%}" + (f"，此前24小时占{before:.0%}" if before is not None else "")


def _own(row: dict[str, Any]) -> str:
    return f"本院账号已发声{row['own_n']}次" if row["own_n"] else ""


def _official(row: dict[str, Any]) -> str:
    if row["official_n"]:
        return f"其中媒体、政务账号{row['official_n']}篇"
    return f"其中认证账号{row['verified_n']}篇" if row["verified_n"] else ""
