"""The data files of one commit: a Parquet file a day, written and on the disk before the log speaks of it."""

from __future__ import annotations

import json
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from warehouse.storage import Storage

PACKED: Any = {"compression": "zstd", "compression_level": 1}  # level 3 takes three times the CPU for files a twelfth smaller


@dataclass(frozen=True)
class File:
    """A data file of a pinned version: `path` under the table's root, `uri` whole."""

    path: str
    uri: str
    day: str
    rows_n: int
    bytes_n: int


def active(pinned: DeltaTable) -> list[File]:
    """The version's files, by the log alone."""
    added = pl.DataFrame(pinned.get_add_actions(flatten=True))
    if not added.height:
        return []
    root = pinned.table_uri.rstrip("/").removeprefix("file://")
    columns = added.select("path", "partition.day_on", "num_records", "size_bytes").iter_rows()
    return [File(path, f"{root}/{path}", day, int(rows_n or 0), int(bytes_n)) for path, day, rows_n, bytes_n in columns]


def written(storage: Storage, table: str, rows: pl.DataFrame) -> list[AddAction]:
    """Write `rows` by their days under names of their own; nothing of it is seen until the actions are committed. OSError: disk full."""
    actions = []
    try:
        for (day,), part in rows.partition_by("day_on", as_dict=True, include_key=False).items():
            path = f"day_on={day}/part-{uuid.uuid4()}.zstd.parquet"
            size = _write(storage, f"{storage.table(table)}/{path}", part)
            stats = json.dumps({"numRecords": part.height})  # least and greatest stand in the file itself, not what people wrote in the log
            actions.append(AddAction(path, size, {"day_on": str(day)}, int(time.time() * 1000), True, stats))
    except BaseException:
        discard(storage, table, actions)
        raise
    return actions


def discard(storage: Storage, table: str, actions: list[AddAction]) -> None:
    """Files of a commit that did not come to be; on S3 they wait for the next vacuum."""
    if not storage.is_remote:
        for action in actions:
            Path(f"{storage.table(table)}/{action.path}").unlink(missing_ok=True)


def removed(files: list[File]) -> list[RemoveAction]:
    at = int(time.time() * 1000)
    return [RemoveAction(file.path, True, at, file.bytes_n, {"day_on": file.day}) for file in files]


def _write(storage: Storage, uri: str, part: pl.DataFrame) -> int:
    """Bytes written; a torn file is taken away again."""
    if storage.is_remote:
        import io

        body = io.BytesIO()
        part.write_parquet(body, **PACKED)
        part.write_parquet(uri, storage_options=storage.options, **PACKED)
        return body.tell()
    path = Path(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as out:
            part.write_parquet(out, **PACKED)
            out.flush()
            os.fsync(out.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path.stat().st_size
