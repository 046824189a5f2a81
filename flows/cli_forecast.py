"""`guanchao forecast …`: the shipped champions asked about files nobody has seen, in the shared format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.settings import ConfigProblem

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".parquet")


def forecast(
    out: Annotated[Path, typer.Option("--out", help="CSV or Parquet to write, by its suffix")],
    cascades: Annotated[Path | None, typer.Option("--cascades", help="folder with cascades.parquet and reposts.parquet")] = None,
    level: Annotated[int, typer.Option(min=2, help="reposts that a post is to reach")] = 500,
    horizon: Annotated[int, typer.Option(help="within how many hours: 24 or 48")] = 48,
    boards: Annotated[
        Path | None, typer.Option("--boards", help="folder with <board>_topics.parquet and <board>_snapshots.parquet")
    ] = None,
    every: Annotated[bool, typer.Option("--every", help="with --boards: at every reading of a topic, too")] = False,
) -> None:
    """Of posts (--cascades): the probability that each, below --level reposts at an age, reaches it in time: cascade_id, t0_h, p.

    Of topics on hot boards (--boards), 2.1 h after each was first seen: board, topic_id, as_of (UTC), target (board_top10 within 24 h, of
    topics not there yet; on_board after 12 h, of topics on it), horizon_h, p, at (2.1h, or reading with --every).
    """
    if (cascades is None) == (boards is None):
        raise ConfigProblem("forecast: name the folder to read, with either --cascades or --boards")
    if every and boards is None:
        raise ConfigProblem("--every: goes with --boards")
    if out.suffix not in SUFFIXES:
        raise ConfigProblem(f"--out {out}: write a file ending in {' or '.join(SUFFIXES)}")
    if boards is not None:
        found = _boards(boards, every)
        write(found, out)
        typer.echo(f"{found.height} forecasts of {found.select('board', 'topic_id').n_unique()} topics → {out}")
        return
    if horizon not in (24, 48):
        raise ConfigProblem(f"--horizon {horizon}: write 24 or 48")
    assert cascades is not None
    found = _cascades(cascades, level, horizon)
    write(found, out)
    typer.echo(f"{found.height} forecasts of {found['cascade_id'].n_unique()} posts → {out}")


def write(found: pl.DataFrame, out: Path) -> None:
    """By suffix; the folder is made if it is not there."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".csv":
        found.write_csv(out)
    else:
        found.write_parquet(out)


def _boards(folder: Path, is_every: bool) -> pl.DataFrame:
    from models.escalation.topic.forecast import boards
    from models.escalation.topic.readings import BoardProblem

    try:
        return boards(folder, is_every)
    except BoardProblem as problem:
        raise ConfigProblem(str(problem)) from problem


def _cascades(folder: Path, level: int, horizon: int) -> pl.DataFrame:
    from models.escalation.cascade.data import CascadeProblem, load
    from models.escalation.cascade.features import GRID
    from models.escalation.cascade.model import Forecaster

    try:
        posts = load(folder)
    except CascadeProblem as problem:
        raise ConfigProblem(str(problem)) from problem
    forecaster = Forecaster.load()
    with typer.progressbar(length=len(posts), label=f"{len(posts)} posts × {len(GRID)} ages", file=sys.stderr) as bar:
        told = 0

        def progress(done: int) -> None:
            nonlocal told
            bar.update(done - told)
            told = done

        return forecaster.forecast(posts, GRID, level, float(horizon), progress)
