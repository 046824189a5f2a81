"""Landing files of one run: a folder a source, Parquet batches written whole or not at all (temporary name, fsync, rename)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from crawlers.items import Fetch, Item
from warehouse.schema import TABLES, polars_schema

BATCH = 50  # rows; at most this many are lost to a killed process, and the parent says so


class Landing:
    """Takes rows as they come and lands both tables together, fetches first, so that no landed item points to an unknown fetch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.landed = 0
        self._items: list[Item] = []
        self._fetches: list[Fetch] = []
        self._batch = 0

    def add(self, row: Item | Fetch) -> None:
        if isinstance(row, Fetch):
            self._fetches.append(row)
        else:
            self._items.append(row)
        if len(self._items) + len(self._fetches) >= BATCH:
            self.flush()

    def flush(self) -> None:
        for table, name, rows in (("fetches", "fetches", self._fetches), ("raw_items", "items", self._items)):
            if rows:
                land(self.folder / f"{name}-{self._batch:05d}.parquet", table, rows)
                self.landed += len(rows)
        self._items, self._fetches, self._batch = [], [], self._batch + 1


def land(path: Path, table: str, rows: Sequence[Item | Fetch]) -> None:
    """Write rows of one table as `path`; a reader sees the whole file or none."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as out:
        pl.DataFrame([asdict(row) for row in rows], schema=_columns(table)).write_parquet(out, compression="zstd")
        out.flush()
        os.fsync(out.fileno())
    temporary.rename(path)


def read_landing(landing: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(items with raw_items columns, fetches) of every source under `landing`, in key order; empty frames if nothing landed."""
    return _read(landing, "items", "raw_items", "post_id"), _read(landing, "fetches", "fetches", "fetch_id")


def _read(landing: Path, name: str, table: str, key: str) -> pl.DataFrame:
    columns = _columns(table)
    found = [pl.read_parquet(path) for path in sorted(landing.glob(f"*/{name}-*.parquet"))]
    frame = pl.concat(found) if found else pl.DataFrame(schema=columns)
    return frame.sort(key, "source", "observed_at" if table == "raw_items" else "fetched_at", maintain_order=True)


def _columns(table: str) -> dict[str, pl.DataType]:
    schema = polars_schema(table)
    return {name: schema[name] for name in TABLES[table].columns if name not in ("run_id", "day_on")}
