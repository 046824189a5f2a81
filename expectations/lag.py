"""How long we take to see a source's posts, and how new the newest is: from the table, so that a run that was repeated says the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import polars as pl

from expectations.suites import rules
from warehouse.store import Warehouse, days_before

EXACT = ("second", "minute", "hour")  # a post dated to the day tells nothing of minutes


@dataclass(frozen=True)
class Seen:
    """Of one source: its newest post (an undated one: when it was last seen), and the lag from published_at to first_seen_at in minutes,
    at the median and at 95 of 100."""

    newest_at: datetime | None = None
    lag_median_min: float | None = None
    lag_p95_min: float | None = None

    @property
    def columns(self) -> dict[str, Any]:
        return asdict(self)


def seen_of(warehouse: Warehouse, as_of: datetime, days: int, began: pl.DataFrame) -> dict[str, Seen]:
    """Source -> what its posts of the last `days` days say. began: source and began_at, when it first answered us.

    Lags are of posts first seen in rules.yml's lag_days and published since we look at the source: what it had to show on our first day is
    no lag of ours.
    """
    since = days_before(as_of, rules()["coverage"]["lag_days"])
    published, first_seen = pl.col("published_at"), pl.col("first_seen_at")
    told = (first_seen >= since) & (published >= pl.col("began_at")) & pl.col("published_precision").is_in(EXACT)
    lag = ((first_seen - published).dt.total_seconds() / 60).clip(lower_bound=0.0).filter(told)
    posts = warehouse.scan("posts", as_of=as_of, since=days_before(as_of, days)).join(began.lazy(), on="source", how="left")
    found = posts.group_by("source").agg(
        newest_at=pl.coalesce(published, first_seen).max(),
        lag_median_min=lag.quantile(0.5, "nearest"),
        lag_p95_min=lag.quantile(0.95, "nearest"),
    )
    shown = _still_shown(warehouse, as_of, since, posts.filter(published.is_null()))
    newest = found.join(shown, on="source", how="left").with_columns(pl.max_horizontal("newest_at", "shown_at").alias("newest_at"))
    return {source: Seen(*said) for source, *said in newest.drop("shown_at").collect(engine="streaming").iter_rows()}


def _still_shown(warehouse: Warehouse, as_of: datetime, since: datetime, undated: pl.LazyFrame) -> pl.LazyFrame:
    """Source -> when an undated post of it was last seen: a hot board dates nothing, and a title that stands on it now is no old one."""
    seen = warehouse.scan("observations", as_of=as_of, since=since).select("post_id", "observed_at")
    shown = seen.join(undated.select("post_id", "source"), on="post_id")
    return shown.group_by("source").agg(shown_at=pl.col("observed_at").max())
