"""Rows that were set aside as items again, and into posts and observations, known from the instant they are let in."""

from __future__ import annotations

import json
from datetime import datetime

import polars as pl

from expectations.gate import check
from expectations.suites import columns
from warehouse.schema import polars_schema
from warehouse.store import Warehouse


def items_of(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as they once came, in the types of raw_items, each with the `_row_id` it is known by."""
    schema = {name: polars_schema("raw_items")[name] for name in columns("raw_items")}
    read = [{**json.loads(row), "_row_id": row_id} for row_id, row in rows.select("row_id", "row").iter_rows()]
    plain = [{name: datetime.fromisoformat(v) if name.endswith("_at") and v else v for name, v in row.items()} for row in read]
    frame = pl.DataFrame(plain, schema={**schema, "_row_id": pl.String()}, strict=False)
    return frame.with_columns(pl.col("first_seen_at").fill_null(pl.col("observed_at")))


def bring_in(warehouse: Warehouse, table: str, sound: pl.DataFrame, at: datetime) -> set[str]:
    """Write posts and counts with our clock at `at`; ids that were new to `table`. Counts only where none newer of the post are known."""
    ids = sound["post_id"].to_list()
    moved = sound.with_columns(observed_at=pl.lit(at).cast(pl.Datetime("us", "UTC")))
    new = set[str]()
    if table == "posts":
        there = warehouse.scan("posts").filter(pl.col("post_id").is_in(ids)).select("post_id").collect()
        fresh = moved.join(there, on="post_id", how="anti").with_columns(first_seen_at=pl.col("observed_at"))
        warehouse.add("posts", fresh.select(columns("posts")))
        new = set(fresh["post_id"])
    read_at = sound.select("post_id", read_at="observed_at")
    newest = warehouse.scan("observations").filter(pl.col("post_id").is_in(ids)).group_by("post_id").agg(pl.col("observed_at").max())
    newer = read_at.join(newest.collect(), on="post_id").filter(pl.col("observed_at") >= pl.col("read_at"))
    posts = warehouse.scan("posts").filter(pl.col("post_id").is_in(ids)).select("post_id").collect()
    counts = moved.join(newer, on="post_id", how="anti").join(posts, on="post_id", how="semi").select(columns("observations"))
    good = check("observations", counts, at, contract=False).good
    warehouse.add("observations", good)
    return new if table == "posts" else set(good["post_id"])
