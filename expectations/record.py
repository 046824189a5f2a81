"""What the gate measured, as rows of `checks` and as a page: the one place where a run's verdicts are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import polars as pl

from expectations.gate import Checked
from expectations.suites import columns
from warehouse.schema import polars_schema
from warehouse.store import Warehouse

STORED = "stored:"  # before the name of a check on what the tables hold, made by audit.py; without it: on what a run brought


def record(
    warehouse: Warehouse, as_of: datetime, judged: Mapping[str, Checked], docs: Path | None = None, before: str = ""
) -> pl.DataFrame:  # fmt: skip
    """Put the verdicts on these tables in place of those of an earlier run of the same `as_of`; other tables' stay. Returns all of them.

    docs: folder of the run's page. before: STORED or nothing.
    """
    rows = [
        {
            "as_of": as_of, "table_name": table, "check_name": f"{before}{one.name}", "check_severity": one.severity, "value": one.value,
            "limit": one.limit, "rows_n": checked.rows_n, "check_verdict": one.verdict, "sentence": one.sentence[:2000] or None,
        }
        for table, checked in judged.items() for one in checked.measured
    ]  # fmt: skip
    schema = polars_schema("checks")
    fresh = pl.DataFrame(rows, schema={name: schema[name] for name in columns("checks")})
    fresh = fresh.unique(["table_name", "check_name"], keep="first", maintain_order=True)
    others = verdicts(warehouse, as_of).filter(
        ~pl.col("table_name").is_in(list(judged)) | (pl.col("check_name").str.starts_with(STORED) != bool(before))
    )
    together = pl.concat([others.select(fresh.columns), fresh])
    warehouse.replace("checks", together, as_of)
    if docs is not None:
        from expectations.datadocs import write_checks

        write_checks(docs, as_of, together)
    return together


def verdicts(warehouse: Warehouse, as_of: datetime) -> pl.DataFrame:
    """The rows of `checks` that this very as_of has."""
    return warehouse.read("checks", as_of=as_of, since=as_of).drop("run_id", "day_on")
