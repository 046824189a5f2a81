"""`guanchao backscore`: the whole warehouse read again by the champion."""

from __future__ import annotations

import os
import time
from datetime import date
from typing import Annotated

import typer

from flows.options import DRILL, Conf, prepare
from warehouse.settings import ConfigProblem, load_settings


def backscore(
    conf: Conf = DRILL,
    first: Annotated[str | None, typer.Option("--from", help="first Shanghai day, 2026-01-31; default: the oldest")] = None,
    last: Annotated[str | None, typer.Option("--to", help="last Shanghai day; default: the newest")] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="days read at once on this machine; a cluster has its own number")] = 2,
    runner: Annotated[str | None, typer.Option(help="threads or ray; default: task_runner of settings.yml")] = None,
    address: Annotated[str | None, typer.Option(help="a Ray cluster, e.g. 10.0.0.5:6379; default: Ray on this machine")] = None,
) -> None:
    """After a promotion: read every post again that concerns us, a day a task. Run it again and it goes on where it stopped."""
    said = {"task_runner": runner or ("ray" if address else None), "cluster": address}
    settings = load_settings(conf, **{name: value for name, value in said.items() if value is not None})
    _check_day("--from", first)
    _check_day("--to", last)
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")  # the lines below say what happened
    prepare(settings)
    from flows.backscore import ALWAYS, Days, rescore

    started = time.perf_counter()
    readings = rescore(settings, workers, Days(first or ALWAYS.first, last or ALWAYS.last))
    bad = [reading for reading in readings if reading.problem]
    posts = sum(reading.posts_n for reading in readings)
    typer.echo(f"{posts} posts read by {len(readings) - len(bad)} tasks in {time.perf_counter() - started:.1f} s")
    for reading in bad:
        typer.echo(f"not read: {reading.days}: {reading.problem}", err=True)
    if bad:
        raise typer.Exit(1)


def _check_day(option: str, day: str | None) -> None:
    try:
        date.fromisoformat(day or "2026-01-31")
    except ValueError as problem:
        raise ConfigProblem(f"{option} {day}: not a day; write it like 2026-01-31") from problem
