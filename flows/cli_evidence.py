"""`guanchao evidence`: a folder of evidence on one event, warning or post."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.options import DRILL, AsOf, Conf, prepare
from warehouse.settings import Settings, load_settings


def evidence(
    id: Annotated[str, typer.Argument(help="id of an event, warning or post")],
    out: Annotated[Path, typer.Option("--out", help="folder to make; must not hold anything yet")],
    conf: Conf = DRILL,
    as_of: AsOf = None,
    screenshots: Annotated[bool, typer.Option("--screenshots", help="also shoot the posts' pages now, with Chromium")] = False,
) -> None:
    """Raw answers (WARC), hashes, pictures and a printable list, for a lawyer (docs/evidence.md). 1: something was changed or is gone."""
    from flows.evidence import check_place, make
    from flows.road import when
    from flows.terminal import console
    from warehouse.vocabulary import ARCHIVE_STATES

    settings = load_settings(conf)
    prepare(settings)
    moment, now = when(as_of, settings.as_of), datetime.now(UTC).replace(microsecond=0)
    check_place(settings, out)  # before anybody is asked for a page
    live = _shoot_now(settings, id, moment, now) if screenshots else None
    bundle = make(settings, id, out, moment, now, live)
    counts = "，".join(f"{word} {bundle.states[state]}" for state, word in ARCHIVE_STATES.items() if bundle.states[state])
    console.print(f"{bundle.posts_n} 条帖文，{bundle.states.total()} 条存档记录（{counts}），{bundle.pictures_n} 张截图", markup=False)
    for problem in bundle.problems:
        console.print(problem, style="bold red", markup=False, soft_wrap=True)
    console.print(f"list: {(out / 'index.html').resolve()}", markup=False, soft_wrap=True)
    console.print(f"sha256 of hashes.txt, which stands for the whole: {bundle.seal}", markup=False, soft_wrap=True)
    if bundle.problems:
        raise typer.Exit(1)


def _shoot_now(settings: Settings, id: str, as_of: datetime, now: datetime) -> Path:
    """Where the pictures lie. A drill's pages are served by its own site."""
    from contextlib import nullcontext

    from flows.drill import replica_of
    from flows.evidence import posts_of, take_pictures
    from flows.road import Road
    from warehouse.clock import Clock

    folder = settings.root / "screenshots" / f"evidence-{now:%Y%m%dT%H%M%SZ}"
    with replica_of(settings.scenario, as_of) if settings.drill else nullcontext("") as url:
        take_pictures(settings, Road(settings, as_of, url).cards(), posts_of(settings, id, as_of), folder, Clock(now))
    return folder
