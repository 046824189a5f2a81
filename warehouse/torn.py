"""Files that a power cut or a copy cut short: found by name, said in one sentence, and never read as an empty table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from warehouse.evolution import TableProblem
from warehouse.files import active
from warehouse.storage import Storage

# On a file that is shorter than its log says, Polars panics: a BaseException, which no `except Exception` catches, nor Prefect.
PANIC = pl.exceptions.PanicException
UNREADABLE = (pl.exceptions.PolarsError, PANIC)
TORN = "docs/operations.md, A torn file"
MEND = f"put the file back from a backup or give its rows up: {TORN}"


def first_line(problem: BaseException) -> str:
    return next(iter(str(problem).splitlines()), type(problem).__name__)


def broken(pinned: DeltaTable | None) -> str:
    """The first of the version's files that is not what its log says, and what it is instead; "" if none is seen. On a folder only."""
    files = [file for file in active(pinned) if "://" not in file.uri] if pinned else []
    for file in files:  # a stat each: in a large table the cut one is found before any is opened
        path = Path(file.uri)
        if not path.exists():
            return f"{path} is missing"
        if (size := path.stat().st_size) != file.bytes_n:
            return f"{path} has {size} of its {file.bytes_n} bytes"
    for file in files:
        try:
            pl.read_parquet_schema(file.uri)
        except (*UNREADABLE, OSError) as problem:
            return f"{file.uri} is not readable: {first_line(problem)}"
    return ""


def cut_short(table: str, found: str) -> str:
    """What `broken` found, as a sentence."""
    return f"{table}: cannot be read: {found}; {MEND}"


def unreadable(table: str, pinned: DeltaTable | None, problem: BaseException) -> TableProblem:
    """What reading a version came to, as a sentence that names the file if it can be known."""
    found = broken(pinned)
    return TableProblem(cut_short(table, found) if found else f"{table}: cannot be read: {first_line(problem)}")


def refuse_empty_log(storage: Storage, table: str, version: int) -> None:
    """An entry that a power cut left empty says nothing, so delta-rs takes it for a commit without files: what it told of is gone."""
    entry = _entry(storage, table, version)
    try:
        is_empty = not storage.is_remote and entry.stat().st_size == 0
    except FileNotFoundError:  # cleaned up: a checkpoint stands for it
        return
    if is_empty:
        raise TableProblem(
            f"{table}: {entry} is empty, as after a power cut: its commit is lost, the ones before are whole; remove that file, "
            f"then do again what was done last (run, import or erase): {TORN}"
        )


@contextmanager
def settled(storage: Storage, table: str, pinned: DeltaTable) -> Iterator[None]:
    """What is committed on top of the pinned version meanwhile is on the disk afterwards."""
    before = pinned.version()
    yield
    settle(storage, table, before)


def settle(storage: Storage, table: str, after: int) -> None:
    """Have the commits later than version `after` on the disk, and not in its cache alone: a list that is out must be traceable."""
    if storage.is_remote:
        return
    version = after + 1
    while (entry := _entry(storage, table, version)).exists():
        _sync(entry)
        if (checkpoint := entry.with_suffix(".checkpoint.parquet")).exists():
            _sync(checkpoint)
        version += 1
    log = _entry(storage, table, 0).parent
    for folder in (log, *((log.parent, log.parent.parent) if after < 0 else ())):
        _sync(folder)


def _entry(storage: Storage, table: str, version: int) -> Path:
    return Path(storage.table(table)) / "_delta_log" / f"{version:020}.json"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
