"""Landing files of one run: a folder a source, Parquet batches written whole or not at all (temporary name, fsync, rename).

They are also what a killed crawl goes on from: a child that finds rows in its folder asks none of those pages and makes none of those rows
again (Scrapy's own JOBDIR lost 120 of 200 pages after kill -9: design/STACK.md §2).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from crawlers.items import Answer, Fetch, Item
from warehouse.schema import TABLES, polars_schema

BATCH = 200  # rows; at most this many are asked for again after a kill


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
