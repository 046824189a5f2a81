"""A period lived again: the road's own stages at each instant of it, with what was known then, in a data root of its own.

Texts are imported, their hospitals found and read once; then every step groups, forecasts, ranks, lets the list leave (so that the
cool-down works) and decides the forecasts that are due. Nothing is published. What a step wrote is found again by its delivery: after a
kill the next run starts with the last step that left one, and makes the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from flows import listing, reading, resolving
from flows.relived import LIST_AT, Inputs, PastRoad
from flows.road import Road
from warehouse import lock
from warehouse.clock import SHANGHAI
from warehouse.settings import ConfigProblem, Settings
from warehouse.store import Warehouse

AFTER = timedelta(days=4)  # what is imported beyond the last step: its forecasts look two days ahead
TIDY_EVERY = 60  # steps between two compactions: each step leaves a file in most tables
STEP = (reading.group, reading.forecast, listing.rank, listing.deliver, resolving.resolve)
SAID = "backtest.json"  # in the root: what was asked, of which model, and how far the tables are filled

Tell = Callable[[str, int, int], None]  # what is done now, how much of it, of how much


@dataclass(frozen=True)
class Period:
    """Shanghai days, ends included, and the hours between two steps; the first of a day is its list."""

    first: date
    last: date
    every_h: int = 24

    def instants(self) -> list[datetime]:
        begins, ends = (datetime.combine(day, LIST_AT, SHANGHAI).astimezone(UTC) for day in (self.first, self.last + timedelta(days=1)))
        steps = int((ends - begins) / timedelta(hours=self.every_h))
        return [begins + timedelta(hours=self.every_h * n) for n in range(steps)]


@dataclass(frozen=True)
class Asked:
    """What makes two backtests the same one; only `last` may grow."""

    first: str
    last: str
    every_h: int
    conf: str
    forecaster: str
    classifier: str
    out_of_sample_from: str
    topics: str
    playbook: str

    @property
    def is_out_of_sample(self) -> bool:
        return self.first >= self.out_of_sample_from


def rooted(settings: Settings, name: str) -> Settings:
    """The same platform with a data root of its own, on this machine: live rows and relived ones can never mix."""
    return settings.model_copy(update={"root": settings.root / "backtest" / name, "storage": None, "drill": False})


def backtest(settings: Settings, period: Period, data: Path, tell: Tell) -> Asked:
    """Live `period` again in the root of `settings` (see `rooted`); returns what was asked. ConfigProblem if another lies there."""
    asked = _asked(settings, period)
    with lock.alone(settings.root / ".lock", f"{settings.root}: this backtest is under way; wait for it or end it"):
        said = _agreed(settings.root / SAID, asked)
        if said.get("filled_to", "") < asked.last:
            fill(settings, period, data, tell)
            _write(settings.root / SAID, asked, filled_to=asked.last)
        steps, inputs = period.instants(), Inputs(settings)
        done = _last_left(settings)
        for n, as_of in enumerate(steps):
            if done is None or as_of >= done:
                step(inputs, as_of, asked)
                if n % TIDY_EVERY == TIDY_EVERY - 1:
                    _tidy(inputs, as_of)
            tell("days", n + 1, len(steps))
    return asked


def step(inputs: Inputs, as_of: datetime, asked: Asked) -> None:
    """One instant, by the road's own stages. An instant that the model has learned from carries that in its run_id."""
    day = as_of.astimezone(SHANGHAI).date().isoformat()
    edition = "backtest" if day >= asked.out_of_sample_from else "in_sample"
    road = PastRoad(inputs.settings, as_of, edition=edition, inputs=inputs)
    for stage in STEP:
        stage(road)


def fill(settings: Settings, period: Period, data: Path, tell: Tell) -> None:
    """The boards of the period and of the window before it, when each was read, which hospital each text means, what it says."""
    from crawlers.imports.archives import import_shared
    from crawlers.imports.readings import readings
    from expectations.land import land
    from warehouse.watchlist import load_watchlist

    steps = period.instants()
    reads = readings(data, steps[0], steps[-1] + AFTER)
    if reads.is_empty():
        raise ConfigProblem(f"{data}: no board was read between {period.first} and {period.last}; choose days that the archive has")
    since, until = steps[0] - timedelta(days=settings.event_window_days), steps[-1] + AFTER
    warehouse = Warehouse(settings.warehouse, "backtest-import")
    for n, (_, items, fetches) in enumerate(import_shared(data, load_watchlist(settings.conf), since, until), 1):
        latest: datetime = items["observed_at"].max()  # type: ignore[assignment]
        land(warehouse, items, fetches, latest, {}, None)
        tell("import", n, n)
    warehouse.add("fetches", readings(data, since, until))
    months = list(_months(since, until))
    for n, (begins, ends) in enumerate(months, 1):
        _read(settings.model_copy(update={"event_window_days": (ends - begins).days + 1}), ends)
        tell("texts", n, len(months))


def _read(settings: Settings, as_of: datetime) -> None:
    """A text's hospital and its reading depend on the text alone, so a month at a time gives what the days would have given."""
    road = Road(settings, as_of, edition="backtest")
    for stage in (reading.mention, reading.score):
        stage(road)


def _months(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    while since < until:
        yield since, (ends := min(since + timedelta(days=31), until))
        since = ends


def _asked(settings: Settings, period: Period) -> Asked:
    from models.classifier.score import SHIPPED, version
    from models.escalation.model import SHIPPED as FORECASTER
    from models.escalation.model import fingerprint
    from models.escalation.topic import model as topic

    return Asked(
        first=period.first.isoformat(), last=period.last.isoformat(), every_h=period.every_h, conf=settings.conf.name,
        forecaster=fingerprint(FORECASTER)[:12], classifier=version(SHIPPED), out_of_sample_from=out_of_sample_from(FORECASTER).isoformat(),
        topics=topic.fingerprint(topic.SHIPPED)[:12], playbook=Road(settings, datetime.now(UTC)).playbook.version,
    )  # fmt: skip


def out_of_sample_from(folder: Path) -> date:
    """The first Shanghai day that the shipped forecaster has not learned from: where its test split begins, as its card says."""
    from models.escalation.boards import SPLITS

    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    said = card.get("test_from")
    begins = datetime.fromisoformat(said) if said else max(test for _, test in SPLITS.values())
    return begins.astimezone(SHANGHAI).date()


def _agreed(file: Path, asked: Asked) -> dict[str, Any]:
    """What an earlier run of this backtest left; ConfigProblem if it was another one."""
    said = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    other = [name for name, value in asdict(asked).items() if name in said and name != "last" and said[name] != value]
    if other:
        was = ", ".join(f"{name} {said[name]}" for name in other)
        raise ConfigProblem(f"{file.parent}: holds another backtest ({was}); give this one a --name, or remove the folder")
    return dict(said)


def _write(file: Path, asked: Asked, **more: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(json.dumps(asdict(asked) | more, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(file)


def _last_left(settings: Settings) -> datetime | None:
    """The step whose list was the last to leave; its forecasts may still have to be decided."""
    last = Warehouse(settings.warehouse).scan("deliveries").select(pl.col("as_of").max()).collect()["as_of"][0]
    return last if isinstance(last, datetime) else None


def _tidy(inputs: Inputs, as_of: datetime) -> None:
    from warehouse.tables_upkeep import compact

    compact(Warehouse(inputs.settings.warehouse, "upkeep"), as_of)
    inputs.tables.clear()


def summary(settings: Settings, asked: Asked) -> list[str]:
    """What the tables came to, and whether it may be called a backtest."""
    warehouse = Warehouse(settings.warehouse)
    warned = warehouse.scan("warnings").select(pl.col("warning_id").n_unique(), lists=pl.col("as_of").n_unique()).collect().row(0)
    ended = warehouse.scan("outcomes").group_by("target", "outcome").len().sort("target", "outcome").collect()
    said = [f"{target}: {outcome} {n}" for target, outcome, n in ended.iter_rows()]
    known = f"IN SAMPLE before {asked.out_of_sample_from}: the forecaster learned from those days, and are no backtest"
    fresh = f"out of sample: the forecaster learned from no day since {asked.out_of_sample_from}"
    sample = fresh if asked.is_out_of_sample else known
    return [sample, f"warnings: {warned[0]} on {warned[1]} lists", *said]
