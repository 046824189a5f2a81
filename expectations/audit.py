"""Every table's suite over what the table holds: does it still keep the contract its schema makes? `guanchao validate`.

Rows from outside meet their suite as they land; those of our own stages meet row rules only, for a suite costs seconds of imports and the
same checks again (design/STACK.md §4). Here all of them meet theirs, also rows written before a rule was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from expectations.gate import Checked, kept
from expectations.suites import columns, meet
from warehouse.schema import TABLES, empty
from warehouse.store import Warehouse, days_before

NEVER_STORED = ("raw_items",)  # landing files


@dataclass(frozen=True)
class Audited:
    """One table: rows looked at, and what the suite said of each expectation."""

    table: str
    rows_n: int
    contract: list[dict[str, Any]]

    @property
    def broken(self) -> list[dict[str, Any]]:
        return [said for said in self.contract if not said["success"] and said["severity"] == "critical"]

    @property
    def checked(self) -> Checked:
        nothing = empty(self.table)
        return Checked(nothing, empty("quarantine"), kept(self.table, self.contract, "stored_"), self.contract, self.rows_n)


def audit(warehouse: Warehouse, as_of: datetime, days: float, tables: tuple[str, ...] = ()) -> Iterator[Audited]:
    """Each table, or those named, over its rows of `days` days as known at `as_of`, without those a person let in against a rule."""
    for table in tables or tuple(name for name in TABLES if name not in NEVER_STORED):
        rows = warehouse.scan(table, as_of=as_of, since=days_before(as_of, days)).select(columns(table)).collect()
        if overruled := _overruled(warehouse, table):
            rows = rows.filter(~pl.col(TABLES[table].key[0]).is_in(overruled))
        yield Audited(table, rows.height, meet(table, rows, as_of + timedelta(days=1)))  # a clock of ours may lie a day after its as_of


def _overruled(warehouse: Warehouse, table: str) -> list[str]:
    """First key of rows let in by --override."""
    let_in = warehouse.scan("quarantine_actions").filter(pl.col("table_name") == table, "is_override").select("row_id").collect()
    return sorted({row_id.partition("|")[0] for row_id in let_in["row_id"]})
