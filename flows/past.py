"""Which past instants can be run again: those that were run, and whose posts are still here."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from flows.road import Road, when
from warehouse.clock import shanghai
from warehouse.erase import ERASED
from warehouse.schema import TABLES
from warehouse.settings import ConfigProblem
from warehouse.store import Warehouse


def check_made(road: Road) -> None:
    """ConfigProblem if no run was made for this instant: one of its stages alone would make an empty list of it."""
    made = [road.warehouse.scan(table, road.as_of, road.as_of).filter(pl.col("as_of") == road.as_of) for table in ("coverage", "forecasts")]
    if all(rows.head(1).collect().is_empty() for rows in made):
        raise ConfigProblem(f"as_of {shanghai(road.as_of)}: no run was made for it; `guanchao run --as-of …` makes one")


def check_kept(road: Road) -> None:
    """ConfigProblem if the posts of a past instant are no longer kept: made again, its events and warnings would give way to fewer or none.

    They outlive their posts by years (`keep_days`). Erased posts left their events with them, and are not missed.
    """
    warehouse, said = Warehouse(road.settings.warehouse), f"as_of {shanghai(road.as_of)}"
    titles = [warehouse.scan(table, road.as_of, road.as_of).select("title") for table in ("events", "warnings")]
    is_made = pl.concat(titles).filter(pl.col("title") != ERASED).head(1).collect().height > 0
    members = warehouse.scan("event_posts", road.as_of, road.as_of).select("post_id").unique().collect()
    lost = members.lazy().join(warehouse.scan("posts").select("post_id"), on="post_id", how="anti").head(1).collect().height > 0
    if lost or (is_made and members.is_empty()):
        raise ConfigProblem(
            f"{said}: posts that its events were made of are no longer kept (keep_days); its list and rows stay as they are"
        )
    days = road.settings.keep_days.get("posts", TABLES["posts"].keep_days)
    if days is None or road.window_from >= when(None, road.settings.as_of) - timedelta(days=days):
        return
    if warehouse.scan("posts", road.as_of, road.window_from).select("post_id").head(1).collect().is_empty():
        raise ConfigProblem(
            f"{said}: no post of its {road.settings.event_window_days} days is here; posts are kept {days} days (keep_days)"
        )
