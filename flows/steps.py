"""One stage's run: its rows and seconds, or why it stopped."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from flows.road import Road
from warehouse.settings import Settings
from warehouse.torn import PANIC, UNREADABLE
from warehouse.vocabulary import STAGES, STOPPED

# They decide old forecasts, explain and watch the models, and keep the record; what breaks in them is shown and costs nobody the list.
MONITORS = ("resolve", "explain", "watch", "outlook", "record", "shoot")


@dataclass(frozen=True)
class Step:
    """What a stage did. `stopped` says why it did not; `is_for_pr`: in words that PR reads, as the gate's are."""

    stage: str
    rows: int
    seconds: float
    stopped: str = ""
    is_for_pr: bool = False

    @property
    def ends_the_road(self) -> bool:
        return bool(self.stopped) and self.stage not in MONITORS


def foreseen() -> tuple[type[Exception], ...]:
    """Problems that say in one line what is wrong and how to mend it."""
    from crawlers.imports.importers import ImportProblem
    from expectations.gate import StageStop
    from models.classifier.score import NoChampion
    from models.escalation.model import ModelProblem
    from models.registry import RegistryProblem
    from warehouse.settings import ConfigProblem
    from warehouse.store import TableProblem

    return StageStop, NoChampion, ModelProblem, RegistryProblem, TableProblem, ConfigProblem, ImportProblem, OSError


def timed(stage: Callable[[Road], int]) -> Callable[[Road], Step]:
    """The stage as a Step. A problem that it foresees is its own sentence; a bug is named, and its traceback kept in a file."""

    from expectations.gate import StageStop

    @wraps(stage)
    def run(road: Road) -> Step:
        started, is_for_pr = time.perf_counter(), False
        try:
            rows, stopped = stage(road), ""
        except foreseen() as problem:
            rows, stopped, is_for_pr = 0, str(problem), isinstance(problem, StageStop)
        except (Exception, PANIC) as problem:  # the list must say that there is none, whatever broke
            rows, stopped = 0, torn(road.settings, problem) or bug(road.settings, f"{road.run_id}-{stage.__name__}", problem)
        return Step(stage.__name__, rows, time.perf_counter() - started, stopped, is_for_pr)

    return run


def torn(settings: Settings, problem: BaseException) -> str:
    """The table and the file that a lazy read broke on, found afterwards: it was collected far from the warehouse. "": no such file."""
    from warehouse.store import Warehouse

    return Warehouse(settings.warehouse).torn() if isinstance(problem, UNREADABLE) else ""


def bug(settings: Settings, name: str, problem: BaseException) -> str:
    """What is being handled, as a line; its traceback lies in a file an engineer can be sent."""
    path = settings.root / "errors" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(traceback.format_exc(), encoding="utf-8")
    return f"程序出错 {type(problem).__name__}: {problem}; details: {path}"


def tell_why(road: Road, step: Step) -> None:
    """今日无榜单,因为…: the day's page says so instead of showing an older list."""
    from briefing.publish import publish_no_list
    from flows.listing import earlier
    from warehouse.store import TableProblem

    why, details = STOPPED.format(STAGES[step.stage]), f"{step.stage}: {step.stopped}"
    if step.is_for_pr:
        why, details = f"{STAGES[step.stage]}：{step.stopped}", ""
    try:
        left = earlier(road)
    except (TableProblem, *UNREADABLE):  # the page must come out whatever broke
        left = []
    publish_no_list(why, road.settings, road.published, road.as_of, details, left)
