"""`guanchao bench warehouse` measures what it says: one answer from question and scans, the same posts from both upserts."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from warehouse.bench import ACTS, DAYS, Size
from warehouse.store import Warehouse

SIZE = Size(rows_n=DAYS * 4, upsert_n=60, repeats=1)


def test_rivals_do_the_same_work(tmp_path: Path) -> None:
    done = {what: ACTS[what](tmp_path, SIZE, 0)() for what in ("fill", "arrivals", "bare_upsert", "upsert", "rewrite", "question")}
    scans = {what: ACTS[what](tmp_path, SIZE, 0)() for what in ("full_scan", "narrow_scan")}
    assert done["upsert"] == SIZE.upsert_n
    assert set(scans.values()) == {done["question"]}
    posts = Warehouse(tmp_path / "warehouse").read("posts")
    bare = pl.read_parquet(tmp_path / "bare" / "**" / "*.parquet", hive_partitioning=True)
    ours = posts.filter(pl.col("day_on").is_in(bare["day_on"].cast(pl.String).unique().to_list()))
    assert dict(ours.select("post_id", "text").iter_rows()) == dict(bare.select("post_id", "text").iter_rows())
    assert posts.height == SIZE.rows_n + SIZE.upsert_n - int(SIZE.upsert_n * 0.3)
