"""How forecasts ended: the stage resolve, and what it reads: those that are due and undecided, and the rows that decide them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from flows.road import Road
from warehouse.schema import COLUMNS, TABLES

if TYPE_CHECKING:
    from models.escalation.cases import Evidence

KEY = list(TABLES["outcomes"].key)
LONGEST = timedelta(hours=COLUMNS["horizon_h"].high or 0)


def resolve(road: Road) -> int:
    """How the forecasts that are due ended, by their own rules; returns new outcomes. A pulse has no time for it: days do."""
    if road.edition == "pulse":
        return 0
    from models.escalation.resolution import resolve as decide

    forecasts = due(road)
    return road.warehouse.add("outcomes", decide(forecasts, evidence(road, forecasts), road.as_of)) if forecasts.height else 0


def due(road: Road) -> pl.DataFrame:
    """Forecasts whose time is over and that have no outcome, as known at as_of; those of lists older than the event window, if a machine
    stood still for so long, from the last outcome on."""
    last = road.warehouse.scan("outcomes", as_of=road.as_of).select(pl.col("resolved_at").max()).collect().item()
    since = min(road.window_from, last - LONGEST) if isinstance(last, datetime) else None
    forecasts = road.warehouse.scan("forecasts", as_of=road.as_of, since=since).filter(pl.col("resolve_at") <= road.as_of)
    decided = road.warehouse.scan("outcomes", as_of=road.as_of, since=since).select(KEY)
    return forecasts.select(*KEY, "resolve_rule", "resolve_at").join(decided, on=KEY, how="anti").collect()


def evidence(road: Road, forecasts: pl.DataFrame) -> Evidence:
    """The tables from the earliest of these forecasts on; what was seen, a week more."""
    from models.escalation.cases import LOOK_BACK, Evidence
    from models.escalation.levels import Scheme

    begins: datetime = forecasts["as_of"].min()  # type: ignore[assignment]
    seen, oldest = begins - LOOK_BACK, begins - timedelta(days=road.settings.event_window_days)

    def since(table: str, first: datetime) -> pl.LazyFrame:
        return road.warehouse.scan(table, road.as_of, first)

    members = since("event_posts", begins).collect()
    ours = members.lazy().select("post_id").unique()
    posts, observations, mentions, scores = (
        since(table, first).join(ours, on="post_id", how="semi").collect()
        for table, first in (("posts", oldest), ("observations", seen), ("mentions", oldest), ("scores", oldest))
    )
    return Evidence(
        events=since("events", begins).collect(), event_posts=members, posts=posts, observations=observations, mentions=mentions,
        scores=scores.filter(pl.col("model_version") == road.text_model),
        fetches=since("fetches", begins).select("source", "fetched_at", "reason").collect(),
        coverage=since("coverage", seen).select("source", "cadence_min").collect(),
        scheme=Scheme.of(road.playbook.model_dump()),
    )  # fmt: skip
