"""The only reader and writer of tables: Delta Lake (Parquet files and a log), a folder a table, a partition a Shanghai day.

Every write is one Delta commit: a reader sees all of it or none, and a killed writer leaves at most an unreferenced file.
Rows are written once: `add` skips keys that are there, `replace` rewrites the rows of one `as_of`, and both write nothing
when there is nothing to change, so a second run leaves the same bytes.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import DeltaError

from warehouse.clock import SHANGHAI
from warehouse.schema import TABLES, empty, polars_schema

COMPATIBLE = pl.CompatLevel.oldest()  # readable by every engine: no string views (design/STACK.md §3)
ZSTD = WriterProperties(compression="ZSTD")


class TableProblem(Exception):
    """A frame does not fit its table, or the table cannot be written; nothing was."""


class Warehouse:
    """All tables under one root. `run_id` is written into every row this object adds."""

    def __init__(self, root: Path, run_id: str = "by-hand") -> None:
        self.root = Path(root)
        self.run_id = run_id

    def path(self, table: str) -> Path:
        return self.root / TABLES[table].name

    def exists(self, table: str) -> bool:
        return DeltaTable.is_deltatable(str(self.path(table)))  # asks the log: a writer killed at its first commit leaves a bare folder

    def days(self, table: str) -> list[str]:
        """Shanghai days that hold rows, in order: by the log alone, so a broken file does not hide them."""
        return sorted({part["day_on"] for part in DeltaTable(str(self.path(table))).partitions()}) if self.exists(table) else []

    def scan(self, table: str, as_of: datetime | None = None, since: datetime | None = None) -> pl.LazyFrame:
        """Rows with our clock in [since, as_of], both ends optional; an empty frame before the first write."""
        if not self.exists(table):
            return empty(table).lazy()
        frame = pl.scan_delta(str(self.path(table)))
        stored, schema = frame.collect_schema(), polars_schema(table)  # files older than a column read it as null
        frame = frame.with_columns(pl.lit(None, schema[name]).alias(name) for name in schema if name not in stored).select(schema.names())
        clock = pl.col(TABLES[table].clock)
        if as_of is not None:
            frame = frame.filter(pl.col("day_on") <= _day(as_of), clock <= as_of)
        if since is not None:
            frame = frame.filter(pl.col("day_on") >= _day(since), clock >= since)
        return frame

    def read(self, table: str, as_of: datetime | None = None, since: datetime | None = None) -> pl.DataFrame:
        """As `scan`, collected and in key order, so that equal tables are equal frames."""
        return self.scan(table, as_of, since).collect().sort(TABLES[table].key)

    def add(self, table: str, frame: pl.DataFrame) -> int:
        """Write the rows whose key is not there yet; returns how many were new."""
        rows = self._fit(table, frame)
        key = list(TABLES[table].key)
        rows = rows.unique(key, keep="first", maintain_order=True)
        with self._writing(table):
            if self.exists(table) and rows.height:
                known = pl.scan_delta(str(self.path(table))).select(key)
                rows = rows.lazy().join(known, on=key, how="anti", maintain_order="left").collect()
            if rows.height:
                self._append(table, rows)
        return rows.height

    def replace(self, table: str, frame: pl.DataFrame, as_of: datetime) -> int:
        """Make `frame` the table's rows for this `as_of`; returns the rows written, 0 if they were the same already."""
        declared = TABLES[table]
        if declared.clock != "as_of":
            raise TableProblem(f"{table}: its clock is {declared.clock}, not as_of; only `add` can write it")
        rows = self._fit(table, frame).sort(declared.key)
        if rows.height and set(rows["as_of"].unique()) != {as_of}:
            raise TableProblem(f"{table}: replace({as_of}) was given rows of another as_of")
        if rows.n_unique(declared.key) != rows.height:
            raise TableProblem(f"{table}: replace({as_of}) was given two rows of one key {declared.key}")
        with self._writing(table):
            same_day = self.scan(table).filter(pl.col("day_on") == _day(as_of)).collect()
            before = same_day.filter(pl.col("as_of") == as_of).sort(declared.key)
            if before.equals(rows):
                return 0
            if not before.height:
                self._append(table, rows)
            else:
                kept = pl.concat([same_day.filter(pl.col("as_of") != as_of), rows])
                self._write(table, kept, mode="overwrite", predicate=f"day_on = '{_day(as_of)}'")
        return rows.height

    def fingerprint(self, table: str) -> str:
        """sha256 of the table's rows in key order: equal contents, equal fingerprint, whatever the files are called."""
        return hashlib.sha256(self.read(table).write_json().encode()).hexdigest()

    def _append(self, table: str, rows: pl.DataFrame) -> None:
        self._write(table, rows, mode="append", partition_by=["day_on"])

    def _write(self, table: str, rows: pl.DataFrame, **how: Any) -> None:
        """One commit, all or nothing; a disk that is full or away is a TableProblem."""
        try:
            write_deltalake(
                str(self.path(table)), rows.to_arrow(compat_level=COMPATIBLE), schema_mode="merge", writer_properties=ZSTD, **how
            )
        except (DeltaError, OSError) as problem:
            raise TableProblem(f"{table}: nothing was written to {self.path(table)}: {str(problem).splitlines()[0]}") from problem

    def _fit(self, table: str, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame in the table's columns and types; optional columns may be left out, anything else is refused."""
        declared, schema = TABLES[table], polars_schema(table)
        missing = [name for name in declared.columns[:-2] if name not in frame.columns and name not in declared.optional]
        strange = [name for name in frame.columns if name not in declared.columns]
        if missing or strange:
            raise TableProblem(f"{table}: missing columns {missing}, unknown columns {strange}")
        given = frame.schema
        lossy = [name for name, dtype in schema.items() if name in given and _loses(frame[name], dtype)]
        if lossy:
            raise TableProblem(f"{table}: {lossy} would lose meaning: counts must be whole, instants must carry a time zone")
        absent = [pl.lit(None, schema[name]).alias(name) for name in declared.optional if name not in given]
        try:
            frame = frame.with_columns(*absent, run_id=pl.lit(self.run_id), day_on=pl.lit("")).select(schema.names()).cast(schema)
        except pl.exceptions.PolarsError as problem:
            raise TableProblem(f"{table}: {str(problem).splitlines()[0]}") from problem
        day = pl.col(declared.clock).dt.convert_time_zone(str(SHANGHAI)).dt.strftime("%Y-%m-%d")
        frame = frame.with_columns(day.alias("day_on"))
        holes = [name for name in declared.columns if name not in declared.optional and frame[name].null_count()]
        if holes:
            raise TableProblem(f"{table}: empty values in {holes}")
        return frame

    @contextmanager
    def _writing(self, table: str) -> Iterator[None]:
        """One writer a table at a time, across processes; the lock goes with the process that holds it."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f".{table}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _loses(column: pl.Series, dtype: pl.DataType) -> bool:
    """A cast that would not fail but lie: 3.7 reposts cut to 3, a time without zone taken for UTC."""
    if isinstance(column.dtype, pl.Datetime) and isinstance(dtype, pl.Datetime):
        return column.dtype.time_zone is None
    return column.dtype.is_float() and dtype.is_integer() and bool((column != column.floor()).any())


def _day(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d")


def days_before(moment: datetime, days: float) -> datetime:
    return moment - timedelta(days=days)
