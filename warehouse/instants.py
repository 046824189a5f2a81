"""Instants that lists look back from, taken one after the other: a row that lands later becomes known later than all of them.

Or a list that was published, read again, would know what it did not know. A file's lock keeps landings and takings of one data root apart;
it goes with the process that holds it. Several machines on one bucket share no such file: let one of them publish the lists.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from warehouse.lock import in_turn

FAR = timedelta(minutes=2)  # an instant further ahead was typed by somebody; nothing waits for it


@dataclass(frozen=True)
class Instants:
    """`root`: the data root."""

    root: Path

    @contextmanager
    def turn(self) -> Iterator[datetime]:
        """Nobody else takes an instant or lands rows meanwhile; yields the newest that was taken."""
        with in_turn(self.root / ".instants.lock"):
            newest, is_torn = self._read()
            if is_torn:
                self._write(newest)
            yield newest

    @property
    def newest(self) -> datetime:
        return self._read()[0]

    def _read(self) -> tuple[datetime, bool]:
        """The newest instant, and whether the file is torn: then one later than all that can have stood in it."""
        file = self.root / ".instants"
        try:
            text = file.read_bytes()
        except FileNotFoundError:
            return datetime.min.replace(tzinfo=UTC), False
        with suppress(ValueError):
            said = datetime.fromisoformat(text.decode().strip())
            if said.tzinfo is not None:  # cut off behind its seconds it would be read as another instant
                return said.astimezone(UTC), False
        return datetime.fromtimestamp(file.stat().st_mtime, UTC) + FAR, True  # `take` takes none further ahead

    def take(self, at: datetime, now: datetime) -> None:
        """Write down that a list looks back from `at`, or that rows land at it; on the disk before it is used."""
        if not self.newest < at < now + FAR:
            return
        self._write(at)

    def _write(self, at: datetime) -> None:
        making = self.root / ".instants.tmp"
        with making.open("w") as out:
            out.write(at.isoformat())
            out.flush()
            os.fsync(out.fileno())
        making.rename(self.root / ".instants")


def known_from(items: pl.DataFrame, observations: pl.LazyFrame, told: datetime, at: datetime) -> pl.DataFrame:
    """Items (raw_items columns) as they become known `at` their landing, where a list has since looked back from `told`.

    Of a post read several times by then the newest reading counts; one older than what is known of the post by now is dropped. When they
    were read stays in fetches, and their bytes in the archive.
    """
    is_late = ((pl.col("observed_at") <= told) & pl.col("post_id").is_not_null()).fill_null(False)
    late = items.filter(is_late).sort("observed_at", maintain_order=True).unique("post_id", keep="last", maintain_order=True)
    if late.is_empty():
        return items
    on_time = items.filter(~is_late)
    asked = late.lazy().select("post_id", read_at="observed_at")
    newer = observations.select("post_id", "observed_at").join(asked, on="post_id").filter(pl.col("observed_at") >= pl.col("read_at"))
    stale = pl.concat([on_time.select("post_id"), newer.select("post_id").collect(engine="streaming")])
    clock = pl.lit(at).cast(items.schema["observed_at"])
    late = late.join(stale, on="post_id", how="anti", maintain_order="left").with_columns(observed_at=clock, first_seen_at=clock)
    return pl.concat([on_time, late])
