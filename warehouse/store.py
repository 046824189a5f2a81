"""The only reader and writer of tables: Delta Lake (Parquet files and a log), a folder a table, a partition a Shanghai day.

Every write is one Delta commit, made on the very version that was read and on no other: a reader sees all of it or none, a killed writer
leaves at most an unreferenced file, and of two writers of a table the second reads again and repeats its change.
Rows are written once: `add` skips keys that are there, `upsert` puts a corrected row beside the one it corrects, `replace` rewrites the
rows of one `as_of`; all write nothing when there is nothing to change, so a second run leaves the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from deltalake import DeltaTable

from warehouse import erasing
from warehouse.clock import SHANGHAI
from warehouse.commits import Change, Tables
from warehouse.evolution import SUPERSEDED, TableProblem, declared
from warehouse.files import active
from warehouse.fitting import fit
from warehouse.kept_out import KNOWN_BY, erased
from warehouse.keys import WORTH_IT, KeyIndex
from warehouse.schema import TABLES, empty
from warehouse.storage import Storage
from warehouse.torn import UNREADABLE, unreadable
from warehouse.versions import succession

__all__ = ["TableProblem", "Warehouse", "days_before"]


class Warehouse(Tables):
    """All tables under one root, a folder or s3://bucket/prefix. `run_id` is written into every row this object adds."""

    erased_before: str | None = None  # the newest erasure's mark when the run began to read (erasing.py)

    def __init__(self, root: Path | str, run_id: str = "by-hand") -> None:
        super().__init__(Storage.at(root))
        self.root = Path(root)
        self.run_id = run_id

    def days(self, table: str) -> list[str]:
        """Shanghai days that hold rows, in order: by the log alone, so a broken file does not hide them."""
        pinned = self.opened(table)
        return sorted({part["day_on"] for part in pinned.partitions()}) if pinned else []

    def scan(self, table: str, as_of: datetime | None = None, since: datetime | None = None) -> pl.LazyFrame:
        """Rows with our clock in [since, as_of], both ends optional, as known at as_of; an empty frame before the first write."""
        return self._within(table, self.opened(table), as_of, since)

    def _within(self, table: str, pinned: DeltaTable | None, as_of: datetime | None, since: datetime | None) -> pl.LazyFrame:
        for name, moment in (("as_of", as_of), ("since", since)):
            if moment is not None and moment.tzinfo is None:
                raise TableProblem(f"{table}: {name} {moment.isoformat()} needs an offset, e.g. {moment.isoformat()}+08:00")
        if pinned is None:
            return empty(table).lazy()
        frame = self.stored(table, pinned)
        clock = pl.col(TABLES[table].clock)
        if SUPERSEDED in frame.collect_schema():
            corrected = pl.col(SUPERSEDED)
            frame = frame.filter(corrected.is_null() if as_of is None else corrected.is_null() | (corrected > as_of)).drop(SUPERSEDED)
        if as_of is not None:
            frame = frame.filter(pl.col("day_on") <= shanghai_day(as_of), clock <= as_of)
        if since is not None:
            frame = frame.filter(pl.col("day_on") >= shanghai_day(since), clock >= since)
        return frame

    def read(self, table: str, as_of: datetime | None = None, since: datetime | None = None) -> pl.DataFrame:
        """As `scan`, collected and in key order, so that equal tables are equal frames. TableProblem names a file that is torn."""
        pinned = self.opened(table)
        try:
            return self._within(table, pinned, as_of, since).collect().sort(TABLES[table].key)
        except UNREADABLE as problem:
            raise unreadable(table, pinned, problem) from problem

    def day(self, table: str, day: str) -> pl.LazyFrame:
        """Rows of one Shanghai day as known today: that day's files alone are opened, however many others the table has."""
        pinned = self.opened(table)
        uris = [file.uri for file in active(pinned) if file.day == day] if pinned else []
        if not uris:
            return empty(table).lazy()
        hive = {"day_on": pl.String()}
        scans = [pl.scan_parquet(uri, hive_schema=hive, storage_options=self.storage.options) for uri in uris]
        frame = pl.concat([declared(table, scan) for scan in scans], how="diagonal")
        is_corrected = SUPERSEDED in frame.collect_schema()
        return frame.filter(pl.col(SUPERSEDED).is_null()).drop(SUPERSEDED) if is_corrected else frame

    def posts_about(self, hospital_id: str, day: str) -> pl.LazyFrame:
        """Posts first seen on a Shanghai day that mention the hospital; a mention lies in its post's day."""
        mentioned = self.day("mentions", day).filter(pl.col("hospital_id") == hospital_id).select("post_id")
        return self.day("posts", day).join(mentioned, on="post_id", how="semi")

    def add(self, table: str, frame: pl.DataFrame) -> int:
        """Write the rows whose key is not there yet; returns how many were new."""
        key = list(TABLES[table].key)
        rows = fit(table, frame, self.run_id).unique(key, keep="first", maintain_order=True)

        def change(pinned: DeltaTable | None) -> Change:
            fresh = self._without_erased(table, rows)
            if pinned is not None:
                fresh = fresh.join(self._known(table, pinned, fresh), on=key, how="anti", maintain_order="left")
            return Change(fresh, fresh.height)

        return self.commit(table, change) if rows.height else 0

    def upsert(self, table: str, frame: pl.DataFrame) -> int:
        """Write rows whose key is new, and rows that say something else than the one known at their clock: that one is what was known
        until then, and `as_of` before it still reads it. Returns how many were written. One commit, whatever the days."""
        rows = fit(table, frame, self.run_id).unique([*TABLES[table].key, TABLES[table].clock], keep="first", maintain_order=True)

        def change(pinned: DeltaTable | None) -> Change:
            fresh = self._without_erased(table, rows)
            if pinned is None:
                return Change(*succession(table, fresh.clear().with_columns(_never()), fresh))
            days = self._days_of(table, pinned, fresh) or self._known(table, pinned, fresh)["day_on"].unique().to_list()
            there = self.stored(table, pinned).filter(pl.col("day_on").is_in(days)).collect()
            return Change(*succession(table, there if SUPERSEDED in there.columns else there.with_columns(_never()), fresh))

        return self.commit(table, change) if rows.height else 0

    def replace(self, table: str, frame: pl.DataFrame, as_of: datetime) -> int:
        """Make `frame` the table's rows for this `as_of`; returns the rows written, 0 if they were the same already."""
        known = TABLES[table]
        if known.clock != "as_of":
            raise TableProblem(f"{table}: its clock is {known.clock}, not as_of; only `add` can write it")
        rows = fit(table, frame, self.run_id).sort(known.key)
        if rows.height and set(rows["as_of"].unique()) != {as_of}:
            raise TableProblem(f"{table}: replace({as_of}) was given rows of another as_of")
        if rows.n_unique(known.key) != rows.height:
            raise TableProblem(f"{table}: replace({as_of}) was given two rows of one key {known.key}")

        def change(pinned: DeltaTable | None) -> Change:
            kept_out = self._without_erased(table, rows)
            if pinned is None:
                return Change(kept_out, kept_out.height)
            same_day = self.stored(table, pinned).filter(pl.col("day_on") == shanghai_day(as_of)).collect()
            before = same_day.filter(pl.col("as_of") == as_of).sort(known.key)
            if before.equals(kept_out):
                return Change(kept_out.clear(), 0)
            if not before.height:
                return Change(kept_out, kept_out.height)
            return Change(pl.concat([same_day.filter(pl.col("as_of") != as_of), kept_out]), kept_out.height, (shanghai_day(as_of),))

        return self.commit(table, change)

    def rewrite(self, table: str, where: pl.Expr, then: Callable[[pl.DataFrame], pl.DataFrame]) -> int:
        """Put `then(rows)` in the place of the rows that match, in one commit; the clock must stay. Returns the rows that matched."""

        def change(pinned: DeltaTable | None) -> Change:
            if pinned is None:
                return Change(empty(table), 0)
            found = self.stored(table, pinned).filter(where).select("day_on").collect()["day_on"]
            days = tuple(found.unique().sort())
            there = self.stored(table, pinned).filter(pl.col("day_on").is_in(days)).collect()
            is_meant = there.select(where.fill_null(False).alias("is_meant"))["is_meant"]
            return Change(pl.concat([there.filter(~is_meant), then(there.filter(is_meant))]), len(found), days)

        return self.commit(table, change)

    def fingerprint(self, table: str) -> str:
        """sha256 of the table's rows in key order: equal contents, equal fingerprint, whatever the files are called."""
        return hashlib.sha256(self.read(table).write_json().encode()).hexdigest()

    def _known(self, table: str, pinned: DeltaTable, rows: pl.DataFrame) -> pl.DataFrame:
        """Key and day of the stored rows that have a key of `rows`; streamed, so that what is stored is never all in memory."""
        known = TABLES[table]
        key = list(known.key)
        stored = self.stored(table, pinned).select(*key, "day_on")
        if days := self._days_of(table, pinned, rows):
            stored = stored.filter(pl.col("day_on").is_in(days))
        if known.clock in known.key:  # the key says the day
            stored = stored.filter(pl.col("day_on").is_in(rows["day_on"].unique().to_list()))
        return stored.join(rows.lazy().select(key), on=key, how="semi").collect(engine="streaming")

    def _days_of(self, table: str, pinned: DeltaTable, rows: pl.DataFrame) -> list[str]:
        """Where a large table's index says to look; none: everywhere."""
        files = active(pinned)
        key = TABLES[table].key
        stored = {field.name for field in pinned.schema().fields}
        if sum(file.rows_n for file in files) < WORTH_IT or not stored.issuperset(key):
            return []
        return KeyIndex(self.storage.cache / table, key, self.storage.options).days(files, rows) or ["-"]

    def erased(self, rows: pl.DataFrame) -> pl.Series:
        """Which of the rows, of whatever table, are of a post, an author or an address that people had erased."""
        if not {"row", *KNOWN_BY.values()} & set(rows.columns) or not self.exists("erasures"):
            return pl.Series("is_erased", [False]).new_from_index(0, rows.height)
        return erased(rows, self.scan("erasures").select("erased_kind", "erased_id").collect())

    def _without_erased(self, table: str, rows: pl.DataFrame) -> pl.DataFrame:
        """What people had erased does not come back with the next crawl, nor with a run that had read it."""
        if self.erased_before is not None and erasing.is_worked_out(table, rows):
            erasing.refuse_since(self, self.erased_before, table)
        return rows if table == "erasures" else rows.filter(~self.erased(rows))


def _never() -> pl.Expr:
    return pl.lit(None, pl.Datetime("us", "UTC")).alias(SUPERSEDED)


def shanghai_day(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d")


def days_before(moment: datetime, days: float) -> datetime:
    return moment - timedelta(days=days)
