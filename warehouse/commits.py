"""One commit: a version is read, a change worked out of it, and made on that version or on none."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl
from deltalake import CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError

from warehouse.evolution import TableProblem, declared, described, needs_widening, refuse_another_key, refuse_strangers
from warehouse.files import active, discard, removed, written
from warehouse.schema import TABLES, empty
from warehouse.storage import Storage
from warehouse.torn import PANIC, TORN, broken, cut_short, first_line, refuse_empty_log, settle, unreadable

COMPATIBLE = pl.CompatLevel.oldest()  # readable by every engine: no string views (design/STACK.md §3)
ZSTD = WriterProperties(compression="ZSTD")
ON_THIS_VERSION = CommitProperties(max_commit_retries=0)  # else delta-rs lets two appends of one key both in
TRIES = 60
LONGEST_WAIT_S = 2.0


@dataclass(frozen=True)
class Change:
    """Rows to write; `days`: partitions whose rows they take the place of; others are added to. `count`: what the caller is told."""

    rows: pl.DataFrame
    count: int
    days: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        return not self.days and not self.rows.height


class Tables:
    """The tables of one storage: pinned, read whole, and changed by one commit at a time."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def opened(self, table: str) -> DeltaTable | None:
        """The table's newest version, pinned; None before the first write, or after a writer killed at it left a bare folder.

        TableProblem where its log cannot be read.
        """
        if not self._is_there(table):
            return None
        try:
            pinned = DeltaTable(self.storage.table(table), storage_options=self.storage.options)
        except DeltaError as problem:
            raise TableProblem(
                f"{table}: the log of {self.storage.table(table)} cannot be read: {first_line(problem)}; {TORN}"
            ) from problem
        refuse_empty_log(self.storage, table, pinned.version())
        return pinned

    def exists(self, table: str) -> bool:
        return self._is_there(table)

    def _is_there(self, table: str) -> bool:
        if table not in TABLES:
            raise TableProblem(f"{table}: no such table; known: {', '.join(TABLES)}")
        return DeltaTable.is_deltatable(self.storage.table(table), self.storage.options)

    def torn(self) -> str:
        """The first table with a file that is not what its log says, as a sentence; "" if all seem whole. For after a panic: it takes
        a look at every file."""
        for table in TABLES:
            try:
                if found := broken(self.opened(table)):
                    return cut_short(table, found)
            except TableProblem as problem:
                return str(problem)
        return ""

    def stored(self, table: str, pinned: DeltaTable) -> pl.LazyFrame:
        """Every row of the pinned version in the declared columns, corrected ones and all."""
        return declared(table, pl.scan_delta(pinned, storage_options=self.storage.options))

    def commit(self, table: str, change: Callable[[DeltaTable | None], Change]) -> int:
        """Read a version, work the change out of it, commit on that version or start over. TableProblem if nothing could be written."""
        pinned: DeltaTable | None = None
        with self.storage.turn(table):
            for turn in range(TRIES):
                try:
                    pinned = self.opened(table)
                    before = pinned.version() if pinned else -1
                    meant = change(pinned)
                    if meant.is_nothing:
                        return meant.count
                    self._write(table, self._ready(table, pinned, meant.rows), meant)
                except CommitFailedError:
                    time.sleep(random.uniform(0, min(LONGEST_WAIT_S, 0.02 * 2**turn)))
                except (DeltaError, OSError, pl.exceptions.ComputeError, PANIC) as problem:
                    if not isinstance(problem, DeltaError | OSError) and broken(pinned):  # a full disk is a ComputeError, too
                        raise unreadable(table, pinned, problem) from problem
                    raise TableProblem(f"{table}: nothing was written to {self.storage.table(table)}: {first_line(problem)}") from problem
                else:
                    settle(self.storage, table, before)
                    return meant.count
        raise TableProblem(f"{table}: nothing was written to {self.storage.table(table)}: {TRIES} times another writer was first; again")

    def _write(self, table: str, pinned: DeltaTable, meant: Change) -> None:
        """Files first, then the one line of the log that makes them the table's and the replaced ones no more."""
        replaced = removed([file for file in active(pinned) if file.day in meant.days]) if meant.days else []
        added = written(self.storage, TABLES[table].name, meant.rows)
        try:
            pinned.create_write_transaction(
                [*added, *replaced], "append", pinned.schema(), partition_by=["day_on"], commit_properties=ON_THIS_VERSION
            )
        except (DeltaError, OSError):
            discard(self.storage, TABLES[table].name, added)
            raise

    def _ready(self, table: str, pinned: DeltaTable | None, rows: pl.DataFrame) -> DeltaTable:
        """The table to write to: made if there is none, refused if the schema broke, written anew if a number became wider."""
        if pinned is None:
            pinned = self._create(table)
            if pinned.version() > 0:  # another writer made it meanwhile, and its rows are in it: the change was worked out without them
                raise CommitFailedError(f"{table} was made by another writer")
        stored = pl.scan_delta(pinned, storage_options=self.storage.options).collect_schema()
        refuse_strangers(table, stored)
        refuse_another_key(table, pinned.metadata().description)
        if needs_widening(table, stored):
            self._widen(table, pinned)
        self._name_columns(pinned, rows.schema, stored)
        return pinned

    def _name_columns(self, pinned: DeltaTable, schema: pl.Schema, stored: pl.Schema) -> None:
        """New columns go into the log before rows that have them: a commit of its own, which changes no row."""
        fresh = pl.DataFrame(schema={name: dtype for name, dtype in schema.items() if name not in stored})
        if fresh.width:
            fields = DeltaSchema.from_arrow(fresh.to_arrow(compat_level=COMPATIBLE).schema).fields
            pinned.alter.add_columns(fields, commit_properties=ON_THIS_VERSION)

    def _create(self, table: str) -> DeltaTable:
        """An empty table; its log keeps the least and greatest of keys and clocks, never of what people wrote."""
        known = TABLES[table]
        counted = dict.fromkeys((*known.key, known.clock))
        return DeltaTable.create(
            self.storage.table(known.name), empty(table).to_arrow(compat_level=COMPATIBLE).schema, mode="ignore", partition_by=["day_on"],
            name=known.name, description=described(table), configuration={"delta.dataSkippingStatsColumns": ",".join(counted)},
            storage_options=self.storage.options,
        )  # fmt: skip

    def _widen(self, table: str, pinned: DeltaTable) -> None:
        """The whole table in its declared types, batch by batch, in one commit."""
        import pyarrow as pa

        frame = self.stored(table, pinned)
        schema = frame.collect_schema().to_frame().to_arrow(compat_level=COMPATIBLE).schema

        def batches() -> Iterable[pa.RecordBatch]:
            for batch in frame.collect_batches():
                yield from batch.to_arrow(compat_level=COMPATIBLE).to_batches()

        write_deltalake(
            pinned, pa.RecordBatchReader.from_batches(schema, batches()), mode="overwrite", schema_mode="overwrite",
            partition_by=["day_on"], writer_properties=ZSTD, commit_properties=ON_THIS_VERSION,
        )  # fmt: skip
