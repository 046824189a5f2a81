"""Coverage of a past instant that was never run live: from what the tables know, so that an old day's list says what it stood on."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from expectations.suites import columns
from warehouse.schema import polars_schema
from warehouse.store import Warehouse, days_before

RECENT_DAYS, REMEMBERED_DAYS = 1, 7  # heard within a day is well; heard within a week and silent since is mute


def look_back(warehouse: Warehouse, as_of: datetime) -> int:
    """Write coverage for `as_of` unless a run left it; returns the rows it has. A source is known by the posts it showed."""
    already = warehouse.read("coverage", as_of=as_of, since=as_of)
    if already.height:
        return already.height
    seen = warehouse.scan("observations", as_of=as_of, since=days_before(as_of, REMEMBERED_DAYS)).select("post_id", "observed_at")
    sources = warehouse.scan("posts", as_of=as_of).select("post_id", "source", "first_seen_at")
    recent = pl.col("observed_at") > days_before(as_of, RECENT_DAYS)
    heard = (
        seen.join(sources, on="post_id")
        .group_by("source")
        .agg(
            got_n=pl.col("post_id").filter(recent).n_unique().cast(pl.Int64),
            landed_n=pl.col("post_id").filter(pl.col("first_seen_at") > days_before(as_of, RECENT_DAYS)).n_unique().cast(pl.Int64),
            last_ok_at=pl.col("observed_at").max(),
        )
        .collect()
        .sort("source")
    )
    zero = pl.lit(0, pl.Int64)
    coverage = heard.with_columns(
        as_of=pl.lit(as_of).cast(pl.Datetime("us", "UTC")),
        coverage_status=pl.when(pl.col("got_n") > 0).then(pl.lit("ok")).otherwise(pl.lit("mute")),
        reason=pl.lit("ok"), detail=pl.lit("looked back at from the tables; the day itself was not run live"),
        expected_n_low=zero, fetches_n=zero, quarantined_n=zero,
    )  # fmt: skip
    schema = polars_schema("coverage")
    unsaid = [pl.lit(None, schema[name]).alias(name) for name in columns("coverage") if name not in coverage.columns]
    coverage = coverage.with_columns(unsaid)  # cadence, lag: a source nobody asked promised nothing
    warehouse.replace("coverage", coverage.select(pl.col(name).cast(schema[name]) for name in columns("coverage")), as_of)
    return coverage.height
