"""One stage's run: its rows and seconds, or why it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from flows.road import Road


@dataclass(frozen=True)
class Step:
    """What a stage did. `stopped` says why nothing came after it."""

    stage: str
    rows: int
    seconds: float
    stopped: str = ""


class Stopped(Exception):
    """A stage refuses to go on; the sentence goes onto the page and to the terminal."""

    def __init__(self, stage: str, seconds: float, why: str) -> None:
        super().__init__(why)
        self.stage, self.seconds, self.why = stage, seconds, why

    def __reduce__(self) -> tuple[type[Stopped], tuple[str, float, str]]:
        return type(self), (self.stage, self.seconds, self.why)


def foreseen() -> tuple[type[Exception], ...]:
    """Problems that say in one line what is wrong and how to mend it."""
    from crawlers.importers import ImportProblem
    from expectations.gate import StageStop
    from models.classifier.score import NoChampion
    from warehouse.settings import ConfigProblem
    from warehouse.store import TableProblem

    return StageStop, NoChampion, TableProblem, ConfigProblem, ImportProblem, OSError


def timed(stage: Callable[[Road], int]) -> Callable[[Road], Step]:
    """The stage as a Step; a problem that it foresees becomes Stopped, anything else stays what it is."""

    @wraps(stage)
    def run(road: Road) -> Step:
        started = time.perf_counter()
        try:
            rows = stage(road)
        except foreseen() as problem:
            raise Stopped(stage.__name__, time.perf_counter() - started, str(problem)) from problem
        return Step(stage.__name__, rows, time.perf_counter() - started)

    return run


def tell_why(road: Road, stop: Stopped) -> Step:
    """今日无榜单,因为…: the day's page says so instead of showing an older list."""
    from briefing.publish import publish_no_list

    publish_no_list(f"{stop.stage}: {stop.why}", road.settings, road.published, road.as_of)
    return Step(stop.stage, 0, stop.seconds, stop.why)
