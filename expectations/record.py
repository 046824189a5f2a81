"""What the gate measured, as rows of `checks` and as a page: the one place where a run's verdicts are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import polars as pl

from expectations.gate import Checked
from expectations.measures import PASS, STOP, WARN
from expectations.suites import columns
from warehouse.schema import polars_schema
from warehouse.store import Warehouse, days_before

STORED = "stored:"  # before the name of a check on what the tables hold, made by audit.py; without it: on what a run brought

REMEMBERED_DAYS = 30  # an audit so old says nothing of today's table


def record(
    warehouse: Warehouse, as_of: datetime, judged: Mapping[str, Checked], docs: Path | None = None, before: str = "",
    goes_on: bool = False,
) -> pl.DataFrame:  # fmt: skip
    """Put the verdicts on these tables in place of those of an earlier run of the same `as_of`; other tables' stay. Returns all of them.

    docs: folder of the run's page. before: STORED or nothing. goes_on: it is a further part of what this run has judged already; of each
    check the worst verdict is kept, and its rows are those of all parts.
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
    if goes_on:
        fresh = _with_earlier_parts(fresh, verdicts(warehouse, as_of).join(others, on=["table_name", "check_name"], how="anti"))
    together = pl.concat([others.select(fresh.columns), fresh])
    warehouse.replace("checks", together, as_of)
    if docs is not None:
        from expectations.datadocs import write_checks

        write_checks(docs, as_of, together)
    return together


def _with_earlier_parts(fresh: pl.DataFrame, earlier: pl.DataFrame) -> pl.DataFrame:
    """One row a check: that of the worst part, of equals the earliest; a check that one part alone met is that part's."""
    check = ["table_name", "check_name"]
    both = pl.concat([earlier.select(fresh.columns), fresh])
    rows_n = both.group_by(check).agg(pl.col("rows_n").sum())
    badness = pl.col("check_verdict").replace_strict({PASS: 0, WARN: 1, STOP: 2}, return_dtype=pl.Int8)
    worst = both.sort(-badness, maintain_order=True).unique(check, keep="first", maintain_order=True)
    return worst.drop("rows_n").join(rows_n, on=check, maintain_order="left").select(fresh.columns)


def listed(warehouse: Warehouse, as_of: datetime) -> pl.DataFrame:
    """What a list of `as_of` says of the gate: its own run's verdicts, and where what lay in a table before was found broken when it was
    last audited. Verdicts of an audit after it are the next list's: a list read again says what it said."""
    own = verdicts(warehouse, as_of).filter(~pl.col("check_name").str.starts_with(STORED))
    before = warehouse.scan("checks", as_of=as_of, since=days_before(as_of, REMEMBERED_DAYS)).filter(pl.col("as_of") < as_of)
    stored = before.filter(pl.col("check_name").str.starts_with(STORED)).collect().sort("as_of", "table_name", "check_name")
    last = stored.filter(pl.col("as_of") == pl.col("as_of").max().over("table_name"), pl.col("check_verdict") != PASS)
    return pl.concat([own, last.with_columns(as_of=pl.lit(as_of).cast(own.schema["as_of"])).select(own.columns)])


def verdicts(warehouse: Warehouse, as_of: datetime) -> pl.DataFrame:
    """The rows of `checks` that this very as_of has."""
    return warehouse.read("checks", as_of=as_of, since=as_of).drop("run_id", "day_on")
