"""Files through the same gate as a crawl, a year or a file at a time."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, track

from flows.options import full_disk_named
from flows.road import instant
from warehouse.instants import Instants
from warehouse.lock import alone
from warehouse.settings import ConfigProblem, Settings
from warehouse.store import Warehouse
from warehouse.watchlist import load_watchlist

if TYPE_CHECKING:
    from crawlers.imports.importers import Import, Report

SHARED_PARTS = ("hot_search", "boards", "text")  # what the folder of shared data is known by
SHOWN = 5  # items of a preview


@dataclass(frozen=True)
class Imported:
    """What one file, or one slice of one, brought."""

    name: str
    read_n: int
    posts_n: int
    set_aside_n: int
    note: str = ""
    is_refused: bool = False


@dataclass(frozen=True)
class Preview:
    """What a file would bring: nothing was written. `first` are items as they would land; `refused` says why there is no report."""

    name: str
    report: Report | None = None
    first: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""
    is_refused: bool = False


@dataclass(frozen=True)
class Wish:
    """What the user said about the files. `fetched_at`: when a recorded answer of a platform arrived, the base of its relative times."""

    sheet: str | None = None
    platform: str | None = None
    fetched_at: str | None = None

    @property
    def arrived(self) -> datetime | None:
        return instant("--fetched-at", self.fetched_at) if self.fetched_at else None


def is_shared(source: Path) -> bool:
    return any((source / part).is_dir() for part in SHARED_PARTS)


def shared(settings: Settings, data: Path, since: str | None, until: str | None) -> list[Imported]:
    """The shared real data, each row dated by the archive's own clock."""
    from crawlers.imports.archives import import_shared
    from expectations.land import land

    watchlist = load_watchlist(settings.conf)
    first, last = (instant(name, said) if said else None for name, said in (("--since", since), ("--until", until)))
    slices = import_shared(data, watchlist, first, last)
    out = []
    for name, items, fetches in track(slices, description="importing", total=None, console=Console(stderr=True)):
        latest: datetime = items["observed_at"].max()  # type: ignore[assignment]
        warehouse = Warehouse(settings.warehouse, f"import-{latest:%Y%m%dT%H%M%SZ}")
        landed = land(warehouse, items, fetches, latest, {}, None)
        out.append(Imported(name, items.height, landed.posts_new, landed.quarantined))
    return out


def export(settings: Settings, path: Path, wish: Wish) -> list[Imported]:
    """Files of a vendor or a crawler, each whole or not at all; rows that cannot be read go to <root>/rejects.

    A single file that is refused is an ImportProblem or StageStop; of several, each has its line and the others go on.
    """
    if not settings.author_secret.get_secret_value() and not settings.drill:
        raise ConfigProblem(
            "GUANCHAO_AUTHOR_SECRET is not set: authors cannot be turned into hashes; set it to a long random text and keep it"
        )
    from crawlers.imports.bundles import Skipped, files_in
    from crawlers.imports.importers import ImportProblem
    from expectations.gate import StageStop

    out = list[Imported]()
    with _scratch(settings) as scratch, full_disk_named(settings.root, f"importing {path}"), _progress() as tell:
        for file in files_in(path, scratch):
            if isinstance(file, Skipped):
                out.append(Imported(_short(file.name, path), 0, 0, 0, file.why, file.is_fault))
                continue
            try:  # a clock of its own for each file, to the microsecond: coverage is kept by source and clock
                out.append(_land_file(settings, file, path, wish, datetime.now(UTC), scratch / "staged", tell))
            except (ImportProblem, StageStop) as problem:
                if file.name == str(path):
                    raise
                out.append(Imported(_short(file.name, path), 0, 0, 0, str(problem).removeprefix(f"{file.name}: "), is_refused=True))
    return out


def _land_file(
    settings: Settings, file: Any, path: Path, wish: Wish, as_of: datetime, folder: Path, tell: Callable[[Import], None]
) -> Imported:
    from crawlers.imports.importers import read_export
    from flows import import_landing as landing

    warehouse = Warehouse(settings.warehouse, f"import-{as_of:%Y%m%dT%H%M%SZ}")
    secret = settings.author_secret.get_secret_value()
    read = read_export(
        file, watchlist=load_watchlist(settings.conf), clock_at=as_of, secret=secret, **_said(file, wish, landing.posts_held(warehouse))
    )
    staged = landing.stage(read, folder, tell)
    landing.judge(read, staged, as_of)
    came = landing.land_staged(read, staged, warehouse, as_of, tell, Instants(settings.root))
    kept = landing.keep_rejects(read, staged, settings.root / "rejects", _stem(file.name, path))
    notes = [f"{read.report.rejected_n} rows not read, see {kept}"] if kept else []
    notes += [f"{came.known_n} rows known from an earlier import of this file"] if came.known_n else []
    notes += _remarks(read.report)
    rows_n = read.report.kept_n + read.report.rejected_n
    return Imported(_short(file.name, path), rows_n, came.posts_n, came.set_aside_n, "; ".join(notes))


def preview(settings: Settings, path: Path, wish: Wish) -> list[Preview]:
    """What `export` would do with these files, read to their end; writes nothing outside a temporary folder."""
    from crawlers.imports.bundles import Skipped, files_in
    from crawlers.imports.importers import ImportProblem

    out, kept = list[Preview](), set[str]()  # posts that earlier files of the bundle would have brought
    with (
        tempfile.TemporaryDirectory(prefix="guanchao-") as scratch,
        full_disk_named(Path(tempfile.gettempdir()), f"looking at {path}"),
        _progress() as tell,
    ):
        for file in files_in(path, Path(scratch)):
            if isinstance(file, Skipped):
                out.append(Preview(_short(file.name, path), note=file.why, is_refused=file.is_fault))
                continue
            try:
                out.append(_look_at(settings, file, path, wish, kept, tell))
            except ImportProblem as problem:
                if file.name == str(path):
                    raise
                out.append(Preview(_short(file.name, path), note=str(problem).removeprefix(f"{file.name}: "), is_refused=True))
    return out


def _look_at(settings: Settings, file: Any, path: Path, wish: Wish, kept: set[str], tell: Callable[[Import], None]) -> Preview:
    from crawlers.imports.importers import read_export
    from flows.import_landing import posts_held

    in_tables = posts_held(Warehouse(settings.warehouse))
    said = _said(file, wish, lambda ids: (ids & kept) | in_tables(ids - kept))
    now = datetime.now(UTC)
    read = read_export(file, watchlist=load_watchlist(settings.conf), clock_at=now, **said)
    first: list[dict[str, Any]] = []
    tell(read)
    for batch in read:
        first += batch.items.head(SHOWN - len(first)).to_dicts()
        if file.name != str(path):
            kept.update(batch.items["post_id"])
        tell(read)
    return Preview(_short(file.name, path), read.report, first, "; ".join(_remarks(read.report)))


def _said(file: Any, wish: Wish, known: Callable[[set[str]], set[str]]) -> dict[str, Any]:
    from crawlers.imports.bundles import source_of

    return {
        "source": source_of(file.name), "sheet": wish.sheet, "platform": wish.platform, "known": known, "arrived": wish.arrived,
    }  # fmt: skip


def _remarks(report: Report) -> list[str]:
    notes = [f"sheets not read: {', '.join(report.also)} (--sheet)"] if report.also else []
    if report.platforms:
        said = ", ".join(f"{word} ×{n}" for word, n in report.platforms.most_common(5))
        notes.append(f"platforms not known, taken as 文件导入: {said} (--platform)")
    return notes


def _short(name: str, path: Path) -> str:
    """A file of a bundle by its place in it."""
    return name.removeprefix(f"{path}/") if name != str(path) else path.name


def _stem(name: str, path: Path) -> str:
    return re.sub(r"[^\w.-]", "_", f"{path.stem}_{_short(name, path)}" if name != str(path) else path.stem)[-100:]


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    """A folder for what is unpacked and staged, gone afterwards; one import at a time, so what lies in it is a killed one's."""
    folder = settings.root / "importing"
    with alone(settings.root / ".import.lock", f"{settings.root}: another import is running; wait for it to end"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _progress() -> Iterator[Callable[[Import], None]]:
    """Shows on stderr how far a file is: the share read where the reader knows it, and its rows."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def tell(read: Import) -> None:
            name, report = read.file.name, read.report
            if name not in tasks:
                tasks[name] = bars.add_task(escape(Path(name).name), total=None, said="")
            said = f"{report.rows_n:,} rows, {report.kept_n:,} ours, {report.rejected_n:,} not read"
            share = read.file.share
            bars.update(tasks[name], said=said, total=None if share is None else 1.0, completed=share or 0.0)

        yield tell
