"""What tables need while flows run: fewer and larger files, old rows and unreferenced files gone. Each is a commit of its own or none."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from warehouse.commits import ZSTD
from warehouse.evolution import TableProblem
from warehouse.schema import TABLES
from warehouse.store import Warehouse, shanghai_day
from warehouse.torn import UNREADABLE, broken, first_line, settled, unreadable

GRACE_HOURS = 24  # a reader may work on files of a version that is no longer the newest for so long
BUSY = "a writer was at it; the rest next time"
AGAIN = "; again next time"
DAYS_A_COMMIT = 31  # a compaction that loses a race loses a month's work at most


@dataclass(frozen=True)
class Tidied:
    """What was done to a table, or would be: `n` days compacted, rows dropped or files removed.

    `is_failed`: it could not be tidied for another reason than a busy writer, and somebody must see to it.
    """

    table: str
    n: int
    note: str = ""
    is_failed: bool = False

    @property
    def failure(self) -> str:
        """Why it failed, as a sentence that names the table; "" if it did not."""
        why = self.note.removesuffix(AGAIN)
        return "" if not self.is_failed else why if why.startswith(f"{self.table}: ") else f"{self.table}: {why}"


def inventory(warehouse: Warehouse) -> pl.DataFrame:
    """A row a table that exists: rows, files, bytes, days, version, and how long its rows are kept (null: for good)."""
    rows = []
    for table in TABLES:
        if (pinned := warehouse.opened(table)) is None:
            continue
        added = pl.DataFrame(pinned.get_add_actions(flatten=True))
        days = added["partition.day_on"] if added.height else pl.Series([], dtype=pl.String)
        rows.append({
            "table": table, "rows_n": int(added["num_records"].sum()) if added.height else 0, "files_n": added.height,
            "bytes_n": int(added["size_bytes"].sum()) if added.height else 0, "days_n": days.n_unique(),
            "first_on": days.min(), "last_on": days.max(), "version": pinned.version(), "keep_days": TABLES[table].keep_days,
        })  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def compact(warehouse: Warehouse, before: datetime, dry_run: bool = False) -> list[Tidied]:
    """Days before `before` that lie in several files into one file each: the day that is being written is left in peace.

    Readers keep the version they have; a writer that commits in between is repeated by itself, or this one waits for its next turn.
    """
    today = shanghai_day(before)
    tried = (_tried(table, partial(_compact, warehouse, table, today, dry_run)) for table in TABLES)
    return [done for done in tried if done is not None]


def _tried(table: str, act: Callable[[], Tidied | None]) -> Tidied | None:
    """A table's upkeep that did not come about is a line of its own, not the end of the others': it is tried again the next time."""
    try:
        return act()
    except CommitFailedError:
        return Tidied(table, 0, BUSY)
    except (DeltaError, OSError, TableProblem, *UNREADABLE) as problem:
        return Tidied(table, 0, f"{_why(problem)}{AGAIN}", is_failed=True)


def _why(problem: BaseException) -> str:
    """In a line: below its first, delta-rs draws the causes as a tree, in colours."""
    causes = [line.partition("↳")[2] for line in re.sub(r"\x1b\[\d*m", "", str(problem)).splitlines()]
    return ": ".join([first_line(problem), *(cause.strip() for cause in causes if cause)])


def _compact(warehouse: Warehouse, table: str, today: str, dry_run: bool) -> Tidied | None:
    if (pinned := warehouse.opened(table)) is None:
        return None
    added = pl.DataFrame(pinned.get_add_actions(flatten=True))
    if not added.height:
        return None
    split = added.group_by("partition.day_on").len().filter(pl.col("len") > 1, pl.col("partition.day_on") < today)
    days = sorted(split["partition.day_on"])
    if not days:
        return None
    if dry_run:
        return Tidied(table, len(days))
    done, note, is_failed = 0, "", False
    with settled(warehouse.storage, table, pinned):
        for first in range(0, len(days), DAYS_A_COMMIT):
            part = days[first : first + DAYS_A_COMMIT]
            try:
                with warehouse.storage.turn(table):
                    if (pinned := warehouse.opened(table)) is not None:
                        pinned.optimize.compact(partition_filters=[("day_on", "in", part)], writer_properties=ZSTD)
                done += len(part)
            except CommitFailedError:
                note = note or BUSY
            except (DeltaError, OSError) as problem:
                note, is_failed = f"{broken(pinned) or _why(problem)}; the rest next time", True
        if done and (pinned := warehouse.opened(table)) is not None:
            pinned.create_checkpoint()
    return Tidied(table, done, note, is_failed)


def vacuum(warehouse: Warehouse, hours: int = GRACE_HOURS, dry_run: bool = False) -> list[Tidied]:
    """Remove files that no version younger than `hours` refers to: of compacted, replaced, erased rows and of killed writers.

    Below an hour only on a folder, whose lock keeps writers out meanwhile; whoever is still reading an older version fails then.
    """
    if hours < 1 and warehouse.storage.is_remote:
        raise TableProblem(f"vacuum: {hours} hours on {warehouse.storage.location} could remove what a writer is just writing; at least 1")
    tried = (_tried(table, partial(_vacuum, warehouse, table, hours, dry_run)) for table in TABLES)
    return [done for done in tried if done is not None]


def _vacuum(warehouse: Warehouse, table: str, hours: int, dry_run: bool) -> Tidied | None:
    with warehouse.storage.turn(table):
        if (pinned := warehouse.opened(table)) is None:
            return None
        with settled(warehouse.storage, table, pinned):
            files = pinned.vacuum(retention_hours=hours, dry_run=dry_run, enforce_retention_duration=False, full=True)
    return Tidied(table, len(files)) if files else None


def drop_old(warehouse: Warehouse, archive: Path, at: datetime, keep: dict[str, int | None], dry_run: bool = False) -> list[Tidied]:
    """Rows of days that are over, and the archive files no row points at any more."""
    return [*retain(warehouse, at, keep, dry_run), *retain_archive(warehouse, archive, at, keep, dry_run)]


def retain(warehouse: Warehouse, at: datetime, keep: dict[str, int | None], dry_run: bool = False) -> list[Tidied]:
    """Drop the days that are over: a table's `keep_days`, or what `keep` says instead. By whole partitions, so no row is read."""
    kept = {table: keep.get(table, TABLES[table].keep_days) for table in TABLES}
    tried = [_tried(table, partial(_retain, warehouse, table, at, days, dry_run)) for table, days in kept.items() if days is not None]
    return [done for done in tried if done is not None]


def _retain(warehouse: Warehouse, table: str, at: datetime, days: int, dry_run: bool) -> Tidied | None:
    first = shanghai_day(at - timedelta(days=days))
    with warehouse.storage.turn(table):
        pinned = warehouse.opened(table)
        over = _over(pinned, first) if pinned else pl.DataFrame()
        if pinned is None or not over.height:
            return None
        if not dry_run:
            with settled(warehouse.storage, table, pinned):
                pinned.delete(f"day_on < '{first}'")
    return Tidied(table, int(over["num_records"].sum()), f"before {first}")


def _over(pinned: DeltaTable, first: str) -> pl.DataFrame:
    added = pl.DataFrame(pinned.get_add_actions(flatten=True))
    return added.filter(pl.col("partition.day_on") < first) if added.height else added


def retain_archive(warehouse: Warehouse, archive: Path, at: datetime, keep: dict[str, int | None], dry_run: bool = False) -> list[Tidied]:
    """Remove the archive's files that are older than fetches are kept and that no fetch points at; empty folders go too."""
    days = keep.get("fetches", TABLES["fetches"].keep_days)
    if days is None or not archive.is_dir():
        return []
    done = _tried("archive", partial(_retain_archive, warehouse, archive, at, days, dry_run))
    return [] if done is None else [done]


def _retain_archive(warehouse: Warehouse, archive: Path, at: datetime, days: int, dry_run: bool) -> Tidied | None:
    try:
        named = set(warehouse.scan("fetches").select("warc_file").drop_nulls().unique().collect()["warc_file"])
    except UNREADABLE as problem:
        raise unreadable("fetches", warehouse.opened("fetches"), problem) from problem
    over = (at - timedelta(days=days)).timestamp()
    files = [path for path in sorted(archive.rglob("*")) if path.is_file() and path.stat().st_mtime < over]
    files = [path for path in files if str(path.relative_to(archive)) not in named]
    if not dry_run:
        for path in files:
            path.unlink(missing_ok=True)
        for folder in sorted((path for path in archive.rglob("*") if path.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
    return Tidied("archive", len(files), f"before {shanghai_day(at - timedelta(days=days))}") if files else None
