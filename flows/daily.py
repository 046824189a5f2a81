"""The road, one screen: what happens each morning, in this order. Stages: arrival, reading, listing and a few apart; times: schedule."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows import arrival, evidence, listing, outlook, reading, resolving
from flows.drill import replica_of
from flows.past import check_kept
from flows.road import Road, when
from flows.steps import Step, tell_why, timed
from warehouse.settings import load_settings

ARRIVAL = (arrival.crawl, arrival.land)
READING = (
    resolving.resolve, reading.mention, reading.score, reading.group, reading.forecast, listing.rank, listing.explain, listing.watch,
    outlook.outlook, listing.publish, listing.record,
)  # fmt: skip


@flow(name="daily", flow_run_name="daily-{as_of}")
def daily(conf: str, as_of: str | None = None, crawl: bool = True) -> list[Step] | State[list[Step]]:
    """Crawl → land → resolve → mention → score → group → forecast → rank → explain → watch → outlook → publish → record.

    One that stops publishes why there is no list. ConfigProblem, and all stays as it is, for a past instant whose posts are gone.
    """
    settings = load_settings(Path(conf))
    moment = when(as_of, settings.as_of)
    with replica_of(settings.scenario, moment) if crawl and settings.drill else nullcontext("") as url:
        road = Road(settings, moment, url, is_live=as_of is None and not settings.drill)
        if not crawl:
            check_kept(road)
        after = (evidence.shoot,) if settings.screenshots and crawl else ()
        return walk(road, (*(ARRIVAL if crawl else (arrival.look_back,)), *READING, *after))


def walk(road: Road, order: tuple[Callable[[Road], int], ...]) -> list[Step] | State[list[Step]]:
    """Each stage as a Prefect task that passes table and version (the road), never frames; a failed state where one stopped."""
    steps: list[Step] = []
    for stage in order:
        with arrival.in_turn(road) if stage in (arrival.land, arrival.look_back) else nullcontext(road) as road:
            steps.append(as_task(stage)(road, return_state=True).result(raise_on_failure=False))
        if steps[-1].ends_the_road:
            if READING[-1] in order:  # a crawl alone makes no list that could be missing
                tell_why(road, steps[-1])
            return Failed(message=f"{stage.__name__}: {steps[-1].stopped}", data=steps)
    return steps


def as_task(stage: Callable[[Road], int]) -> Any:
    def run(road: Road) -> Step | State[Step]:
        step = timed(stage)(road)
        return Failed(message=step.stopped, data=step) if step.stopped else step

    return task(name=stage.__name__, cache_policy=NO_CACHE)(run)
