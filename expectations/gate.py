"""Rows pass, are set aside with the first rule they broke, or the stage stops.

The rules run as Polars expressions over every row (rows.py); what they leave must then meet the table's Great Expectations suite, run
once (suites.py). Should the two ever disagree, nothing is written. Tables as a whole: measures.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from expectations.measures import PASS, STOP, Finding, measure, sentence
from expectations.rows import judge
from expectations.suites import columns, meet, rules
from warehouse.schema import TABLES, empty, polars_schema


class StageStop(Exception):
    """The table as a whole is not to be believed; nothing was written. The message is the line people read."""


@dataclass(frozen=True)
class Checked:
    """`good` has the table's columns, `quarantined` those of quarantine; `measured` is every rule of the table as a whole, broken or not;
    `contract` is what the suite said of each expectation, [] where it was not run."""

    good: pl.DataFrame
    quarantined: pl.DataFrame
    measured: list[Finding]
    contract: list[dict[str, Any]]
    rows_n: int = 0

    @property
    def findings(self) -> list[Finding]:
        return [finding for finding in self.measured if finding.verdict != PASS]

    @property
    def stops(self) -> list[Finding]:
        return [finding for finding in self.measured if finding.verdict == STOP]


def check(table: str, frame: pl.DataFrame, as_of: datetime, history: pl.DataFrame | None = None, contract: bool = True) -> Checked:
    """Judge rows meant for `table`. Columns beyond the table's (say `source`) are kept in quarantined rows only.

    history: column `rows_n`, one row an earlier day: what the run of the same hour brought then. contract: run the suite, too, which
    costs seconds and is for rows from outside; `guanchao validate` runs every table's.
    """
    if wrong := shape(table, frame):
        return Checked(*judge(table, empty(table), as_of), wrong, [], frame.height)
    frame = fitted(table, frame)
    good, aside = judge(table, frame, as_of)
    said = meet(table, good, as_of) if contract else []
    measured = [*measure(table, frame, good, aside, as_of, history), *kept(table, said)]
    return Checked(good, aside, measured, said, frame.height)


def kept(table: str, contract: list[dict[str, Any]], before: str = "") -> list[Finding]:
    """The contract as findings: a stop for each critical expectation that was not met, or one that all were. `before` the sentence's name:
    what is told of rows that are stored already is not what is told of rows that come."""
    broken = [_breach(table, said, before) for said in contract if not said["success"] and said["severity"] == "critical"]
    return broken or ([Finding("contract", PASS, STOP, 0.0, 0.0)] if contract else [])


def fitted(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the table's types, absent optional columns as nulls; only for frames in which `shape` found nothing."""
    schema = polars_schema(table)
    absent = [pl.lit(None).alias(name) for name in columns(table) if name not in frame.columns]
    return frame.with_columns(*absent).with_columns(pl.col(name).cast(schema[name]) for name in columns(table))


def shape(table: str, frame: pl.DataFrame) -> list[Finding]:
    """Columns that are missing, or of another type than the schema says; a column of nothing but nulls is of any type."""
    declared, schema = TABLES[table], polars_schema(table)
    missing = [name for name in columns(table) if name not in frame.columns and name not in declared.optional]
    found = [_stop("shape_missing", table, ", ".join(missing), "")] if missing else []
    for name in columns(table):
        if name in frame.columns and not _fits(frame[name], schema[name]):
            first = frame.filter(pl.col(name).is_not_null()).row(0, named=True)
            seen = f"{_in_words(frame[name].dtype)}({str(first[name])[:40]})"
            source = str(first.get("source", "?"))
            found.append(_stop("shape_type", table, seen, _in_words(schema[name]), f":{name}", column=name, source=source))
    return found


def strangers(table: str, frame: pl.DataFrame) -> list[Finding]:
    """Columns nobody declared: the writer knows something the schema does not."""
    strange = sorted(set(frame.columns) - set(columns(table)))
    return [_stop("shape_unknown", table, ", ".join(strange), "")] if strange else []


def stop_at(stops: list[Finding]) -> None:
    """StageStop with the first three sentences, if there is any."""
    if stops:
        more = f" 等 {len(stops)} 项" if len(stops) > 3 else ""
        raise StageStop(";".join(stop.sentence for stop in stops[:3]) + more)


def _fits(column: pl.Series, dtype: pl.DataType) -> bool:
    if column.dtype == dtype or column.null_count() == len(column):
        return True
    if dtype == pl.List:
        return column.dtype == pl.List(pl.Null())  # nothing but empty lists
    if dtype == pl.String:
        return isinstance(column.dtype, pl.Categorical | pl.Enum)
    if isinstance(dtype, pl.Datetime):
        return isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None
    if dtype.is_integer():
        return column.dtype.is_integer() or (column.dtype.is_float() and bool((column.is_finite() & (column == column.floor())).all()))
    return dtype.is_float() and column.dtype.is_numeric()


def _in_words(dtype: pl.DataType) -> str:
    return str(rules()["types"].get(str(dtype.base_type()), dtype))


def _breach(table: str, said: dict[str, Any], before: str) -> Finding:
    place = f":{said['column']}:{said['expects'].partition(' ')[0]}".rstrip(":")
    if said["crashed"]:
        return _stop("contract_crashed", table, said["crashed"], said["expects"], place, before, column=said["column"])
    return _stop("contract", table, f"{said['broken_n']} / {said['checked_n']}", said["expects"], place, before, column=said["column"])


def _stop(name: str, table: str, observed: str, expected: str, place: str = "", before: str = "", **more: str) -> Finding:
    return Finding(f"{name}{place}", STOP, STOP, None, None, sentence(f"{before}{name}", table, observed, expected, **more))
