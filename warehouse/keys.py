"""Which keys a table already has, without reading them all: sorted 64-bit hashes of the keys, kept on this machine's disk.

A data file of a table is written once under a name of its own and never changed, so what was read of it holds for good. The index only
narrows the days in which a key can lie; the keys themselves are then compared. Delete it at any time: it is made again. A file that it
does not know yet is looked into directly, so neither a crash nor another machine's writer can hide a key from it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from warehouse.files import File

WORTH_IT = 200_000  # rows; below, reading the keys is quicker than asking an index
WORTH_A_SEGMENT = 50_000  # rows of files not yet indexed
MOST_SEGMENTS = 6
FIRST_DAY = date(2000, 1, 1)
PROBE = "观潮"  # its hash is kept with each segment: another Polars may hash differently


def hashed(key: tuple[str, ...]) -> pl.Expr:
    return (pl.col(key[0]) if len(key) == 1 else pl.struct(key)).hash(seed=0).alias("hash")


class KeyIndex:
    """Segments of (hash, day), each sorted by hash, each knowing which files it holds."""

    def __init__(self, folder: Path, key: tuple[str, ...], options: dict[str, str] | None) -> None:
        self.folder, self.key, self.options = folder, key, options

    def days(self, files: list[File], rows: pl.DataFrame) -> list[str]:
        """Days in which a key of `rows` may lie: all in which one does, and seldom another."""
        segments = self._segments()
        known = {name for segment in segments for name in segment.files}
        fresh = [file for file in files if file.uri not in known]
        if sum(file.rows_n for file in fresh) >= WORTH_A_SEGMENT:
            segments, fresh = [*segments, self._index(fresh)], []
        self._tidy(segments, {file.uri for file in files})
        hashes = np.sort(rows.select(hashed(self.key))["hash"].to_numpy())
        found = [segment.days(hashes) for segment in segments]
        numbers: Any = np.unique(np.concatenate(found)) if found else []
        return sorted({_day(int(number)) for number in numbers} | {file.day for file in fresh})

    def _segments(self) -> list[_Segment]:
        read = [_Segment.read(path) for path in sorted(self.folder.glob("*.segment"))]
        return [segment for segment in read if segment is not None]

    def _index(self, files: list[File]) -> _Segment:
        """Read the keys of these files into a new segment."""
        frames = []
        for file in files:
            keys = pl.scan_parquet(file.uri, storage_options=self.options, hive_partitioning=False).select(hashed(self.key))
            frames.append(keys.with_columns(day=pl.lit(_number(file.day), pl.UInt16)))
        frame = pl.concat(pl.collect_all(frames)).sort("hash")
        return self._write(frame["hash"].to_numpy(), frame["day"].to_numpy(), [file.uri for file in files])

    def _write(self, hashes: Any, days: Any, files: list[str]) -> _Segment:
        """A segment appears whole or not at all; on a full disk it serves from memory and is not kept."""
        unkept = _Segment(self.folder / "unkept", hashes, days, frozenset(files))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            making = Path(tempfile.mkdtemp(dir=self.folder))
        except OSError:
            return unkept
        try:
            for name, values in (("hash", hashes), ("day", days)):
                with (making / f"{name}.npy").open("wb") as out:
                    np.save(out, values)
                    out.flush()
                    os.fsync(out.fileno())  # a page of noughts after a power cut would hide keys
            (making / "files.json").write_text(json.dumps({"probe": _probe(), "files": files}))
            final = making.with_suffix(".segment")
            making.rename(final)
        except OSError:
            shutil.rmtree(making, ignore_errors=True)
            return unkept
        return _Segment(final, hashes, days, frozenset(files))

    def _tidy(self, segments: list[_Segment], active: set[str]) -> None:
        """Many small segments become one, and one that is mostly of files that are gone is dropped, to be made anew."""
        for torn in self.folder.glob("tmp*"):
            if not torn.name.endswith(".segment") and torn.stat().st_mtime < time.time() - 3600:
                shutil.rmtree(torn, ignore_errors=True)
        for segment in [one for one in segments if len(one.files & active) * 2 < len(one.files)]:
            shutil.rmtree(segment.path, ignore_errors=True)
        left = [segment for segment in segments if len(segment.files & active) * 2 >= len(segment.files)]
        if len(left) <= MOST_SEGMENTS:
            return
        hashes, days = (np.concatenate(arrays) for arrays in zip(*((one.hashes, one.numbers) for one in left), strict=True))
        order = np.argsort(hashes, kind="stable")
        self._write(hashes[order], days[order], sorted(frozenset().union(*(one.files for one in left))))
        for segment in left:
            shutil.rmtree(segment.path, ignore_errors=True)


@dataclass(frozen=True)
class _Segment:
    path: Path
    hashes: Any
    numbers: Any
    files: frozenset[str]

    @classmethod
    def read(cls, path: Path) -> _Segment | None:
        """None if it is not whole, from another Polars, or just being tidied away by another process."""
        try:
            said = json.loads((path / "files.json").read_text())
            hashes, numbers = (np.load(path / f"{name}.npy", mmap_mode="r") for name in ("hash", "day"))
        except (OSError, ValueError, EOFError):
            return None
        if said["probe"] != _probe() or len(hashes) != len(numbers):
            return None
        return cls(path, hashes, numbers, frozenset(said["files"]))

    def days(self, asked: Any) -> Any:
        """Day numbers of every entry whose hash is among the sorted `asked`: binary search, so a page of the file per question at most."""
        low, high = (np.searchsorted(self.hashes, asked, side=side) for side in ("left", "right"))
        found = [self.numbers[low[high - low > n] + n] for n in range(int((high - low).max(initial=0)))]
        return np.concatenate(found) if found else np.array([], dtype=np.uint16)


def _probe() -> int:
    return int(pl.Series([PROBE]).hash(seed=0)[0])


def _number(day: str) -> int:
    return (date.fromisoformat(day) - FIRST_DAY).days


def _day(number: int) -> str:
    return (FIRST_DAY + timedelta(days=number)).isoformat()
