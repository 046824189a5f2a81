"""The short road, every few minutes: only the sources that are due, and an alert list between the morning's lists."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State

from flows.daily import ARRIVAL, READING, walk
from flows.drill import replica_of
from flows.road import Road, when
from flows.steps import Step
from warehouse.settings import load_settings


@flow(name="pulse", flow_run_name="pulse-{as_of}")
def pulse(conf: str, as_of: str | None = None) -> list[Step] | State[list[Step]]:
    """As daily, for sources whose cadence has come round; its list is published beside the day's, never over it."""
    settings = load_settings(Path(conf))
    road = Road(settings, when(as_of, settings.as_of), edition="pulse", is_live=as_of is None and not settings.drill)
    return walk(road, (*ARRIVAL, *READING))


@flow(name="arrive", flow_run_name="arrive-{as_of}")
def arrive(conf: str, as_of: str | None = None) -> list[Step] | State[list[Step]]:
    """Crawl and land what is due, and no more: a worker that has one shard of the sources (setting crawl_shard) runs this."""
    settings = load_settings(Path(conf))
    moment = when(as_of, settings.as_of)
    with replica_of(settings.scenario, moment) if settings.drill else nullcontext("") as url:
        return walk(Road(settings, moment, url, edition="arrive", is_live=as_of is None and not settings.drill), ARRIVAL)
