"""Counts of a post, read now and then -> its count at any moment, and its course as numbers.

One code for training and for the road. Between two readings a count grows on a line, from 0 when the post was published; after the last
reading nothing is known, and the course is that of the hours before it.
"""

from __future__ import annotations

import polars as pl

from warehouse.clock import SHANGHAI

BACK_H = (1, 2, 3, 6, 12, 24)
# Name -> monotone constraint, as in features.py.
COUNTS: dict[str, int] = {
    "horizon_h": 1, "log_count": 1, **{f"log_grown_{h}h": 1 for h in BACK_H if h != 2}, "pace": 1, "per_hour": 1, "age_h": 0, "read_h": 0,
    "apart_h": 0, "hour": 0, "short": -1, "bar": -1,
}  # fmt: skip


def interpolate(readings: pl.DataFrame, asked: pl.DataFrame) -> pl.Series:
    """readings: post_id, read_at, count; asked: post_id, at -> the count of each row, 0 before the first reading."""
    series = readings.group_by("post_id", "read_at").agg(pl.col("count").max()).sort("read_at", "post_id")
    rows = asked.select("post_id", "at").with_row_index("row").sort("at", "post_id")
    before = rows.join_asof(series, left_on="at", right_on="read_at", by="post_id", check_sortedness=False, coalesce=False)
    ahead = series.rename({"read_at": "next_at", "count": "next"})
    both = before.join_asof(
        ahead, left_on="at", right_on="next_at", by="post_id", strategy="forward", check_sortedness=False, coalesce=False
    )  # fmt: skip
    share = (pl.col("at") - pl.col("read_at")) / (pl.col("next_at") - pl.col("read_at"))
    line = pl.when(pl.col("next_at") > pl.col("read_at")).then(pl.col("count") + share * (pl.col("next") - pl.col("count")))
    return both.sort("row").select(pl.coalesce(line, "count").fill_null(0.0).alias("count")).to_series()


def with_births(readings: pl.DataFrame, posts: pl.DataFrame) -> pl.DataFrame:
    """`readings` and a count of 0 when each post was published. posts: post_id, posted_at."""
    born = posts.select("post_id", pl.col("posted_at").alias("read_at"), pl.lit(0.0).alias("count"))
    return pl.concat([born, readings.select("post_id", "read_at", pl.col("count").cast(pl.Float64))])


def count_features(readings: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """Columns of COUNTS but horizon_h, short and bar, and count, grown_1h, grown_2h, grown_3h, of every row that was read by then.

    readings: post_id, read_at, count; asked: unit, post_id, posted_at, as_of. Nothing read after as_of is looked at.
    """
    known = readings.join(asked.select("post_id", "as_of"), on="post_id").filter(pl.col("read_at") <= pl.col("as_of"))
    last = known.group_by("post_id", "as_of").agg(
        pl.col("count").sort_by("read_at").last().cast(pl.Float64),
        pl.col("read_at").max(),
        pl.col("read_at").filter(pl.col("read_at") < pl.col("read_at").max()).max().alias("before_at"),
    )
    rows = asked.join(last, on=["post_id", "as_of"], maintain_order="left")
    series = with_births(known.select("post_id", "read_at", "count"), asked.select("post_id", "posted_at"))
    series = series.join(rows.select("post_id"), on="post_id", how="semi")
    grown = {
        f"grown_{h}h": rows["count"] - interpolate(series, rows.select("post_id", at=pl.col("read_at") - pl.duration(hours=h)))
        for h in BACK_H
    }
    hours = {
        "age_h": pl.col("as_of") - pl.col("posted_at"), "read_h": pl.col("as_of") - pl.col("read_at"),
        "apart_h": pl.col("read_at") - pl.coalesce("before_at", "posted_at"),
    }  # fmt: skip
    found = rows.with_columns(**grown, **{name: (gap.dt.total_seconds() / 3600).clip(0) for name, gap in hours.items()})
    found = found.with_columns(
        pl.col("count").log1p().alias("log_count"), *(pl.col(f"grown_{h}h").clip(0).log1p().alias(f"log_grown_{h}h") for h in BACK_H),
        ((pl.col("grown_1h") + 1) / (pl.col("grown_2h") - pl.col("grown_1h") + 1)).alias("pace"),
        (pl.col("count") / (pl.col("age_h") - pl.col("read_h") + 0.25)).clip(0).log1p().alias("per_hour"),
        pl.col("as_of").dt.convert_time_zone(str(SHANGHAI)).dt.hour().cast(pl.Float64).alias("hour"),
    )  # fmt: skip
    names = [name for name in COUNTS if name not in ("horizon_h", "short", "bar")]
    return found.select("unit", "post_id", "as_of", "count", "grown_1h", "grown_2h", "grown_3h", *names)
