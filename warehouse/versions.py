"""What is known of a key over time: each row from its clock until the next row of the key, which corrects it."""

from __future__ import annotations

import polars as pl

from warehouse.evolution import SUPERSEDED
from warehouse.schema import TABLES

_OURS = {"run_id", "day_on", SUPERSEDED}  # who wrote a row and where it lies is not what it says


def succession(table: str, there: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, int, tuple[str, ...]]:
    """(rows to write, how many are new, days they take the place of; none: an append).

    there: every stored row of the days in which the keys of `rows` lie, with superseded_at. A row that is there for a key and clock stays,
    and one that says what the row before it says adds nothing: a second time changes nothing.
    """
    known = TABLES[table]
    key, clock = list(known.key), known.clock
    said = [name for name in known.columns if name not in _OURS | {clock, *key}]
    there = there.join(rows.select(key).unique().with_columns(is_met=pl.lit(True)), on=key, how="left", maintain_order="left")
    is_met = pl.col("is_met").fill_null(False)
    touched = there.filter(is_met).drop("is_met").with_columns(is_new=pl.lit(False))
    both = pl.concat([touched, rows.with_columns(pl.lit(None, there.schema[SUPERSEDED]).alias(SUPERSEDED), is_new=pl.lit(True))])
    both = both.unique([*key, clock], keep="first", maintain_order=True).sort(*key, clock)
    goes_on = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in key).fill_null(False)
    repeats = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in said)  # windows by key would cost seconds
    both = both.filter(~(pl.col("is_new") & goes_on & repeats))
    is_followed = pl.all_horizontal(pl.col(name) == pl.col(name).shift(-1) for name in key).fill_null(False)
    both = both.with_columns(until=pl.when(is_followed).then(pl.col(clock).shift(-1)))
    new_n = int(both["is_new"].sum())
    days = both.filter(~pl.col("is_new"), ~pl.col(SUPERSEDED).eq_missing(pl.col("until")))["day_on"].unique().sort().to_list()
    others = there.filter(pl.col("day_on").is_in(days), ~is_met).drop("is_met")
    mine = both.filter(pl.col("is_new") | pl.col("day_on").is_in(days)).with_columns(pl.col("until").alias(SUPERSEDED))
    out = pl.concat([others, mine.select(others.columns)])
    return out if out[SUPERSEDED].count() else out.drop(SUPERSEDED), new_n, tuple(days)
