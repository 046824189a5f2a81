"""A file people exported (vendors, MediaCrawler, weibo-search, a spreadsheet) -> the items a crawl gives, and the rows set aside.

Every row ends in one of three places: an item, a reject with row, column and reason, or the count of rows that concern nobody we watch
(those are not kept at all: design/ARCHITECTURE.md, principle 10). Rows come and go in batches, so a file of any size takes the same memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import polars as pl

from crawlers.addresses import stable_id
from crawlers.imports.headings import fields_of
from crawlers.imports.recordings import Recorded, Recording, recording_in
from crawlers.imports.row_reader import Reject, Report, RowReader
from crawlers.imports.rows import Export, ImportProblem, Known, Row, Sheet
from crawlers.imports.sheets import open_sheet
from crawlers.items import Fetch, Item, Origin
from warehouse.schema import polars_schema
from warehouse.vocabulary import PLATFORMS
from warehouse.watchlist import Watchlist

__all__ = ["Batch", "Import", "ImportProblem", "Reject", "Report", "read_export"]

BATCH = 20_000  # rows handed over at a time,
BATCH_CHARACTERS = 16_000_000  # or fewer where they are long
ITEM = attrgetter(*(each.name for each in fields(Item)))


class Batch(NamedTuple):
    """`items` has the columns of raw_items."""

    items: pl.DataFrame
    rejects: list[Reject]


@dataclass
class Import:
    """One file being read: iterate for its batches, once. `report` and `fetch` are whole when the last batch is out."""

    file: Export
    fetch: Fetch
    report: Report
    batches: Iterator[Batch]

    def __iter__(self) -> Iterator[Batch]:
        return self.batches

    @property
    def fetches(self) -> pl.DataFrame:
        """One row for the file, as expectations.land takes it."""
        return pl.DataFrame([astuple(self.fetch)], schema=_columns("fetches"), orient="row")


def read_export(
    path: Path | Export,
    watchlist: Watchlist,
    clock_at: datetime,
    source: str,
    sheet: str | None = None,
    platform: str | None = None,
    secret: str = "",
    known: Known | None = None,
    arrived: datetime | None = None,
) -> Import:
    """Items of one file, first seen at `clock_at`; `secret` keys the author hashes. ImportProblem if it is no table with a text column.

    `sheet` picks a sheet of a workbook (else the one whose header we know best), `platform` overrules what the rows say.
    `known` tells which posts we hold: a comment under one of them is kept, whatever it says. A file that turns out to be damaged
    raises ImportProblem at that batch; who lands batches lands them when all are out. A recorded answer of a platform is read by its
    parser, its relative times from `arrived` (else the file's own time).
    """
    file = path if isinstance(path, Export) else Export.at(path)
    if platform is not None and platform not in PLATFORMS:
        raise ImportProblem(f"{file.name}: unknown platform {platform!r}; one of: {', '.join(PLATFORMS)}")
    found = recording_in(file, arrived) or open_sheet(file, sheet)
    fetch = _fetch(file, source if source.startswith("import:") else f"import:{source}", clock_at, found.form)
    origin = Origin(fetch.source, platform or "import", fetch.fetch_id, clock_at, secret)
    reader = RowReader(Path(file.name), watchlist, origin, platform, _report(found), known)
    return Import(file, fetch, reader.report, _batches(found.rows, reader, fetch))


def _report(found: Sheet | Recording) -> Report:
    if isinstance(found, Recording):
        return Report(found.form)
    own = fields_of(found.headings)
    read = {heading for headings in own.values() for heading in headings}
    return Report(found.form, own, tuple(name for name in found.headings if name and name not in read), found.also)


def _batches(rows: Iterator[Row | Recorded], reader: RowReader, fetch: Fetch) -> Iterator[Batch]:
    report, items, rejects = reader.report, list[Item](), list[Reject]()
    characters = 0
    for row in rows:
        report.rows_n += 1
        read = reader.item(row) if isinstance(row, Row) else reader.recorded(row.n, row.reading)
        if isinstance(read, Item):
            items.append(read)
            characters += len(read.text)
        elif isinstance(read, Reject):
            rejects.append(read)
            characters += len(read.row)
        if len(items) + len(rejects) + len(reader.waiting) >= BATCH or characters >= BATCH_CHARACTERS:
            yield _batch(items, rejects, reader, fetch)
            items, rejects, characters = [], [], 0
    yield _batch(items, rejects, reader, fetch)


def _batch(items: list[Item], rejects: list[Reject], reader: RowReader, fetch: Fetch) -> Batch:
    for read in reader.under_known_posts():
        if isinstance(read, Item):
            items.append(read)
        else:
            rejects.append(read)
    report = reader.report
    report.kept_n += len(items)
    report.rejected_n += len(rejects)
    report.reasons.update((reject.column, reject.reason) for reject in rejects)
    fetch.items_n = report.kept_n
    return Batch(_frame(items), rejects)


def _fetch(file: Export, source: str, clock_at: datetime, form: str) -> Fetch:
    """The file as an answer of its source; its id follows from content and clock."""
    with file.path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Fetch(
        fetch_id=stable_id(source, digest, clock_at.astimezone(UTC).isoformat()), source=source, url=Path(file.name).name,
        fetched_at=clock_at, http_status=None, reason="ok", detail=form[:500], bytes_n=file.path.stat().st_size, items_n=0, sha256=digest,
        warc_file=None, warc_offset=None,
    )  # fmt: skip


def _frame(items: list[Item]) -> pl.DataFrame:
    schema = _columns("raw_items")
    return pl.DataFrame(dict(zip(schema, zip(*map(ITEM, items), strict=True), strict=True)) if items else None, schema=schema)


def _columns(table: str) -> pl.Schema:
    return pl.Schema({name: dtype for name, dtype in polars_schema(table).items() if name not in ("run_id", "day_on")})
