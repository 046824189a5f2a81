"""Landing files of one run: a folder a source, Parquet batches written whole or not at all (temporary name, fsync, rename).

They are also what a killed crawl goes on from: a child that finds rows in its folder asks none of those pages and makes none of those rows
again (Scrapy's own JOBDIR lost 120 of 200 pages after kill -9: design/STACK.md §2).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from crawlers.items import Answer, Fetch, Item
from warehouse.schema import TABLES, polars_schema

BATCH = 200  # rows; at most this many are asked for again after a kill
_HELD: dict[Path, int] = {}  # the run files of this process, open and locked


class Landing:
    """Takes whole answers as they come and lands both tables together.

    `fetches`, `posts`: what an earlier child of the same run left here. `first`: called before rows land (the archive's sync).
    """

    def __init__(self, folder: Path, first: Callable[[], None] = lambda: None) -> None:
        self.folder, self.first = folder, first
        self.answers = self.rows = 0
        self._waiting: list[Answer] = []
        self._drop_halves()
        self.fetches = _read(folder, "fetches", "fetches", "fetch_id")
        self.posts = set(_read(folder, "items", "raw_items", "post_id")["post_id"])
        self._batch = len(list(folder.glob("fetches-[0-9]*.parquet")))

    def add(self, answer: Answer) -> None:
        self._waiting.append(answer)
        if sum(1 + len(one.items) for one in self._waiting) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Land what has come. Items go first: an answer whose row is there has all its items, or a kill between the two would lose them."""
        if not self._waiting:
            return
        self.first()
        fetches, items = [one.fetch for one in self._waiting], [item for one in self._waiting for item in one.items]
        for table, name, rows in (("raw_items", "items", items), ("fetches", "fetches", fetches)):
            if rows:
                land(self.folder / f"{name}-{self._batch:05d}.parquet", table, rows)
        self.answers, self.rows = self.answers + len(fetches), self.rows + len(items) + len(fetches)
        self._waiting, self._batch = [], self._batch + 1

    def _drop_halves(self) -> None:
        """Items without their answers were landed by a child killed between the two files; those pages are asked again."""
        for path in self.folder.glob("items-*.parquet"):
            if not path.with_name(path.name.replace("items-", "fetches-")).exists():
                path.unlink()


def land(path: Path, table: str, rows: Sequence[Item | Fetch]) -> None:
    """Write rows of one table as `path`; a reader sees the whole file or none."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as out:
        columns = {name: [getattr(row, name) for row in rows] for name in _columns(table)}
        pl.DataFrame(columns, schema=_columns(table)).write_parquet(out, compression="zstd")
        out.flush()
        os.fsync(out.fileno())
    temporary.rename(path)


def hold(run: Path, floors: Mapping[str, tuple[int, int]]) -> None:
    """Write a run's file into its landing folder: whole, and locked before anybody can see it.

    The lock goes with the process, however it ends: a process id would say nothing after a restart, when others are given it.
    """
    let_go(run)
    making = run.with_name(f".{run.name}.{os.getpid()}.tmp")
    making.write_text(json.dumps({"pid": os.getpid(), "is_locked": True, "floors": floors}))
    file = os.open(making, os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_EX)
    os.fsync(file)
    making.replace(run)
    _HELD[run] = file


def let_go(run: Path) -> None:
    """The folder has landed."""
    if (file := _HELD.pop(run, None)) is not None:
        os.close(file)


def is_left(run: Path) -> bool:
    """Whether the run whose file this is died before it landed. Nobody locks a file that cannot be read: its rows are taken in, too."""
    try:
        with run.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            said = json.load(file)
    except (BlockingIOError, FileNotFoundError):  # it lives, or another has just landed it
        return False
    except ValueError:
        return True
    if not isinstance(said, dict) or said.get("is_locked"):
        return True
    return not Path(f"/proc/{said.get('pid')}").exists()  # written before 2026-11-27, without a lock


def read_landing(landing: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(items with raw_items columns, fetches) of every source under `landing`, in key order; empty frames if nothing landed."""
    return _read(landing, "*/items", "raw_items", "post_id"), _read(landing, "*/fetches", "fetches", "fetch_id")


def _read(folder: Path, name: str, table: str, key: str) -> pl.DataFrame:
    columns = _columns(table)
    found = [pl.read_parquet(path) for path in sorted(folder.glob(f"{name}-*.parquet"))]
    frame = pl.concat(found) if found else pl.DataFrame(schema=columns)
    return frame.sort(key, "source", "observed_at" if table == "raw_items" else "fetched_at", maintain_order=True)


def _columns(table: str) -> dict[str, pl.DataType]:
    schema = polars_schema(table)
    return {name: schema[name] for name in TABLES[table].columns if name not in ("run_id", "day_on")}
