"""When each archived board was read, headlines of ours on it or not: without that, "not on the board" and "nobody looked" are one.

The archives of archives.py come in as one file each, and keep of it what concerns us; an hour without such a headline leaves no row.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from crawlers.addresses import stable_id
from crawlers.imports.sheets import ImportProblem
from warehouse.schema import polars_schema

FILES = {  # source -> the files whose times are its readings; Weibo's own file holds medical topics alone, so the hourly one says when
    "hot_search": ("hot_search/hourly_2020-11_2025-12.parquet",),
    "weibo_board": ("hot_search/hourly_2020-11_2025-12.parquet", "boards/weibo_snapshots.parquet"),
    "baidu_board": ("boards/baidu_snapshots.parquet",),
    "zhihu_board": ("boards/zhihu_snapshots.parquet",),
}


def readings(data: Path, since: datetime, until: datetime) -> pl.DataFrame:
    """Rows of `fetches`, one a board and reading in [since, until): its source as archives.py calls it, the headlines it showed."""
    frames = [_of(f"import:{source}", [data / file for file in files], since, until) for source, files in FILES.items()]
    return pl.concat(frames).sort("source", "fetched_at")


def _of(source: str, files: list[Path], since: datetime, until: datetime) -> pl.DataFrame:
    for file in files:
        if not file.is_file():
            raise ImportProblem(f"{file}: no such file; give the folder that holds hot_search/ and boards/ (../shared/data)")
    at = pl.col("observed_at").dt.convert_time_zone("UTC")
    times = pl.concat([pl.scan_parquet(file).select(fetched_at=at) for file in files])
    within = times.filter(pl.col("fetched_at") >= since, pl.col("fetched_at") < until)
    read = within.group_by("fetched_at").agg(items_n=pl.len().cast(pl.Int64)).collect()
    ids = pl.col("fetched_at").dt.strftime("%FT%TZ").map_elements(lambda said: stable_id(source, "reading", said), return_dtype=pl.String)
    rows = read.with_columns(
        fetch_id=ids, source=pl.lit(source), url=pl.lit(f"{files[0].parent.name}/{files[0].name}"), reason=pl.lit("ok"),
        detail=pl.lit("one reading of a recorded board"), bytes_n=pl.lit(0),
    )  # fmt: skip
    schema = {name: dtype for name, dtype in polars_schema("fetches").items() if name not in ("run_id", "day_on")}
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in rows.columns]
    return rows.with_columns(absent).select(pl.col(name).cast(dtype) for name, dtype in schema.items())
