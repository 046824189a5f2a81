"""One file's batches into the tables: staged whole, judged whole, then landed batch by batch.

A file that is damaged at its last row, or of which the gate believes nothing, leaves no row; a process killed while landing leaves whole
batches, and the same file again brings the rest: what an earlier import of the same bytes brought is not seen a second time.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from briefing.twins import cell
from crawlers.imports.importers import Batch, Import
from expectations.gate import StageStop, check
from expectations.land import Landed, land
from warehouse.instants import Instants, known_from
from warehouse.schema import polars_schema
from warehouse.store import Warehouse
from warehouse.vocabulary import QUARANTINE_REASONS

Progress = Callable[[Import], None]


@dataclass
class Staged:
    """A file read to its end: a Parquet file a batch, and the rejects as people open them."""

    folder: Path
    batches: list[Path] = field(default_factory=list)

    @property
    def rejects(self) -> Path:
        return self.folder / "rejects.csv"


@dataclass(frozen=True)
class Came:
    """What one file brought; `known_n` rows were there from an earlier import of the same bytes."""

    posts_n: int
    set_aside_n: int
    known_n: int


def posts_held(warehouse: Warehouse) -> Callable[[set[str]], set[str]]:
    """Which of these posts the tables hold."""

    def held(ids: set[str]) -> set[str]:
        asked = pl.LazyFrame({"post_id": sorted(ids)}, schema={"post_id": pl.String})
        return set(warehouse.scan("posts").select("post_id").join(asked, on="post_id", how="semi").collect(engine="streaming")["post_id"])

    return held


def stage(read: Import, folder: Path, tell: Progress) -> Staged:
    """Read the file to its end into `folder`, which is emptied first. ImportProblem if it is damaged anywhere."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    staged = Staged(folder)
    tell(read)
    with _rejects(staged.rejects) as write:
        for n, batch in enumerate(read):
            write(batch)
            if batch.items.height:
                staged.batches.append(folder / f"items-{n:05d}.parquet")
                batch.items.write_parquet(staged.batches[-1], compression="zstd")
            tell(read)
    return staged


@contextmanager
def _rejects(path: Path) -> Iterator[Callable[[Batch], None]]:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(("row_n", "column", "reason", "原因", "row"))

        def write(batch: Batch) -> None:
            out.writerows((n, cell(column), reason, QUARANTINE_REASONS[reason], cell(row)) for n, column, reason, row in batch.rejects)

        yield write


def judge(read: Import, staged: Staged, as_of: datetime) -> None:
    """StageStop if the gate would stop at any of several batches: better no row than half a file. One batch is judged as it lands."""
    if len(staged.batches) < 2:
        return
    counts = [name for name in polars_schema("observations") if name not in ("run_id", "day_on")]
    for n, path in enumerate(staged.batches, 1):
        items = pl.read_parquet(path)
        stops = [*check("posts", items, as_of).stops, *check("observations", items.select(counts), as_of).stops]
        if stops:
            raise StageStop(f"{read.file.name} (part {n} of {len(staged.batches)}): {stops[0].sentence}; nothing of it was imported")


def land_staged(read: Import, staged: Staged, warehouse: Warehouse, as_of: datetime, tell: Progress, instants: Instants) -> Came:
    """The batches through the gate into the tables; the second time the same bytes come, only what is missing.

    No list arrives between the first batch and the last; one that came since `as_of`, while the file was read, does not know of it.
    """
    with instants.turn() as told:
        now = datetime.now(UTC)
        at = as_of if told < as_of else max(now, told + timedelta(microseconds=1))
        instants.take(at, now)
        return _land_all(read, staged, warehouse, at, told, tell)


def _land_all(read: Import, staged: Staged, warehouse: Warehouse, as_of: datetime, told: datetime, tell: Progress) -> Came:
    earlier = _earlier(read, warehouse)
    landed, known_n = list[Landed](), 0
    for path in staged.batches:
        items = known_from(pl.read_parquet(path), warehouse.scan("observations"), told, as_of)
        fresh = _not_known(items, warehouse, earlier, read.fetch.source) if earlier else items
        known_n += items.height - fresh.height
        if fresh.height:
            landed.append(land(warehouse, fresh, read.fetches, as_of, {}, None, goes_on=bool(landed)))
        tell(read)
    if not landed and not earlier:  # nothing in it concerns us: that it was read is worth a row
        empty = {name: dtype for name, dtype in polars_schema("raw_items").items() if name not in ("run_id", "day_on")}
        landed.append(land(warehouse, pl.DataFrame(schema=empty), read.fetches, as_of, {}, None))
    if len(landed) > 1:
        warehouse.replace("coverage", _together(landed), as_of)
    return Came(sum(one.posts_new for one in landed), sum(one.quarantined for one in landed), known_n)


def _together(landed: list[Landed]) -> pl.DataFrame:
    """One coverage row for the file: each batch wrote that of its own rows, counting the posts of all so far."""
    rows = pl.concat([one.coverage for one in landed])
    totals = {name: int(rows[name].sum()) for name in ("got_n", "quarantined_n")}
    return landed[-1].coverage.with_columns(pl.lit(n, pl.Int64).alias(name) for name, n in totals.items())


def _earlier(read: Import, warehouse: Warehouse) -> list[str]:
    """Fetches of the same bytes for the same source."""
    same = warehouse.scan("fetches").filter(pl.col("sha256") == read.fetch.sha256, pl.col("source") == read.fetch.source)
    return same.collect(engine="streaming")["fetch_id"].to_list()


def _not_known(items: pl.DataFrame, warehouse: Warehouse, earlier: list[str], source: str) -> pl.DataFrame:
    """Items that those fetches did not bring: neither as a post nor as a row set aside."""
    ids = items.lazy().select("post_id").unique()
    seen = warehouse.scan("observations").filter(pl.col("fetch_id").is_in(earlier)).select("post_id").join(ids, on="post_id", how="semi")
    aside = warehouse.scan("quarantine").filter(pl.col("table_name") == "posts", pl.col("source") == source)
    bad = aside.select(post_id="row_id").join(ids, on="post_id", how="semi")
    return items.join(pl.concat([seen, bad]).collect(engine="streaming"), on="post_id", how="anti", maintain_order="left")


def keep_rejects(read: Import, staged: Staged, folder: Path, stem: str) -> Path | None:
    """Where the rejects lie for people, None if there are none; named by the content, so that the same import writes the same file."""
    if not read.report.rejected_n:
        return None
    kept = folder / f"{stem}-{str(read.fetch.sha256)[:8]}.csv"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(staged.rejects, kept)
    return kept
