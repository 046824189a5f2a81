"""An erasure beside the runs: what a run worked out of rows that were erased since it began is neither written nor printed.

An erasure marks that it has begun before it looks for anything. A run remembers the newest mark when it begins, and waits first for the end
of an erasure that is under way; once there is a newer one, it can write nothing worked out of posts, and stops. So nothing that an
erasure looks for is written while it looks, and whoever begins after its end finds none of it. Tables whose rows say of which post they
are need no stop: the store keeps such rows out one by one. The mark is of this machine; on S3, erasures by another one are known by what
they have noted, from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import polars as pl

from warehouse.commits import Tables
from warehouse.evolution import TableProblem
from warehouse.kept_out import KNOWN_BY
from warehouse.lock import in_turn
from warehouse.schema import TABLES

WORKED_OUT = ("events", "event_posts", "forecasts", "warnings", "deliveries")  # of many posts at once


def begun(tables: Tables) -> str:
    """The newest erasure's mark, once none is under way; "" before the first. For a run, before it reads."""
    if not _mark(tables).exists():
        return newest(tables)
    with in_turn(_lock(tables)):
        return newest(tables)


def newest(tables: Tables) -> str:
    """The newest erasure's mark, under way or not."""
    mark = _mark(tables).read_text() if _mark(tables).exists() else ""
    if not tables.storage.is_remote or (pinned := tables.opened("erasures")) is None:
        return mark
    noted = tables.stored("erasures", pinned).filter(pl.col("erased_kind").is_in(list(KNOWN_BY))).select(pl.len()).collect().item()
    return f"{mark}+{noted}"


def is_worked_out(table: str, rows: pl.DataFrame) -> bool:
    """Rows that tell of posts without saying of which, also those set aside."""
    aside = rows["table_name"].unique().to_list() if table == "quarantine" else []
    return not {table, *aside}.isdisjoint(WORKED_OUT)


def refuse_since(tables: Tables, mark: str, what: str) -> None:
    """TableProblem if there was an erasure since `mark` was the newest."""
    if newest(tables) != mark:
        raise TableProblem(f"{what}: posts were erased at someone's wish while this run was under way; nothing was written; run it again")


@contextmanager
def none_meanwhile(tables: Tables, mark: str | None, what: str) -> Iterator[None]:
    """For printing what was read: an erasure waits until it is done, and so finds it. TableProblem if there was one since `mark`."""
    with in_turn(_lock(tables)):
        if mark is not None:
            refuse_since(tables, mark, what)
        yield


@contextmanager
def under_way(tables: Tables) -> Iterator[None]:
    """For an erasure: one at a time; runs that have begun write nothing more that they worked out, and new ones wait for its end."""
    with in_turn(_lock(tables)):
        making = _mark(tables).with_suffix(".tmp")
        making.write_text(uuid4().hex)
        making.replace(_mark(tables))
        yield


def let_writers_end(tables: Tables) -> None:
    """Wait for commits that looked before what was just marked or noted; the next ones know it."""
    for table in TABLES:
        with tables.storage.turn(table):
            pass


def _mark(tables: Tables) -> Path:
    return tables.storage.cache / "erasing"


def _lock(tables: Tables) -> Path:
    return tables.storage.cache / "erasing.lock"
