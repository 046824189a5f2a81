"""`guanchao backtest`: a period lived again, and what became of its warnings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from flows.options import SHARED, Data, prepare
from warehouse.settings import PROJECT, ConfigProblem, load_settings

if TYPE_CHECKING:
    from flows.backtest import Asked, Tell
    from warehouse.settings import Settings

NATIONAL = PROJECT / "conf" / "national"


def backtest(
    first: Annotated[str, typer.Option("--from", help="first Shanghai day, 2025-01-01")],
    last: Annotated[str, typer.Option("--to", help="last Shanghai day, 2025-12-31")],
    every: Annotated[int, typer.Option("--every", help="hours between two steps, a divisor of 24; the first is the 07:30 list")] = 24,
    name: Annotated[str | None, typer.Option(help="its folder under <root>/backtest; default: period and hours")] = None,
    conf: Annotated[Path, typer.Option("--conf", help="folder with hospitals.yml, settings.yml", envvar="GUANCHAO_CONF")] = NATIONAL,
    data: Data = SHARED,
) -> None:
    """Live a past period again, step by step, with what was known then. Killed, it goes on where it stopped."""
    days = [_day("--from", first), _day("--to", last)]
    if days[0] > days[1]:
        raise ConfigProblem(f"--from {first} --to {last}: the period ends before it begins")
    if every < 1 or 24 % every:
        raise ConfigProblem(f"--every {every}: hours that divide a day; one of 1, 2, 3, 4, 6, 8, 12, 24")
    called = name or f"{first}_{last}" + ("" if every == 24 else f"_{every}h")
    if Path(called).name != called:
        raise ConfigProblem(f"--name {called}: a plain name, without slashes")
    from flows.backtest import Period, rooted
    from flows.backtest import backtest as relive

    settings, period = rooted(load_settings(conf), called), Period(days[0], days[1], every)
    prepare(settings)
    started = time.perf_counter()
    with _bar() as tell:
        asked = relive(settings, period, data, tell)
    _report(settings, asked, len(period.instants()), time.perf_counter() - started)


def _day(option: str, said: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError as problem:
        raise ConfigProblem(f"{option} {said}: not a day; write it like 2025-01-31") from problem


@contextmanager
def _bar() -> Iterator[Tell]:
    """A bar a phase, with the time it will take."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars: dict[str, TaskID] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done, total=total)

        yield tell


def _report(settings: Settings, asked: Asked, steps_n: int, seconds: float) -> None:
    from flows.backtest import summary

    typer.echo(f"{settings.root}: {steps_n} steps, {seconds:.0f} s")
    for line in summary(settings, asked):
        typer.echo(line)
