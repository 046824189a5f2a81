"""Rows pass, are set aside with the first rule they broke, or the stage stops.

The rules run as Polars expressions over every row (rows.py); what they leave must then meet the table's Great Expectations suite, run
once (suites.py). Should the two ever disagree, nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from expectations.rows import judge
from expectations.suites import columns, meet, rules, table_rules
from warehouse.schema import TABLES, empty, polars_schema
from warehouse.vocabulary import QUARANTINE_REASONS

WARN, STOP = "warn", "stop"


class StageStop(Exception):
    """The table as a whole is not to be believed; nothing was written. The message is the line people read."""


@dataclass(frozen=True)
class Finding:
    """Something to say about the whole table. severity: warn (the day goes on) or stop."""

    name: str
    severity: str
    observed: str
    expected: str
    sentence: str


@dataclass(frozen=True)
class Checked:
    """`good` has the table's columns, `quarantined` those of quarantine; `contract` is what the suite said of each expectation."""

    good: pl.DataFrame
    quarantined: pl.DataFrame
    findings: list[Finding]
    contract: list[dict[str, Any]]

    @property
    def stops(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == STOP]


def check(table: str, frame: pl.DataFrame, as_of: datetime, history: pl.DataFrame | None = None) -> Checked:
    """Judge rows meant for `table`. Columns beyond the table's (say `source`) are kept in quarantined rows only.

    history: column `rows_n`, one row an earlier day: what the run of the same hour brought then.
    """
    if wrong := shape(table, frame):
        return Checked(*judge(table, empty(table), as_of), wrong, [])
    frame = fitted(table, frame)
    good, aside = judge(table, frame, as_of)
    contract = meet(table, good, as_of)
    findings = [*_set_aside(table, frame.height, aside), *_fill(table, frame), *_one_source(table, frame)]
    findings += [*_freshness(table, good, as_of), *_volume(table, frame.height, history)]
    findings += [_breach(table, said) for said in contract if not said["success"] and said["severity"] == "critical"]
    return Checked(good, aside, findings, contract)


def fitted(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the table's types, absent optional columns as nulls; only for frames in which `shape` found nothing."""
    schema = polars_schema(table)
    absent = [pl.lit(None).alias(name) for name in columns(table) if name not in frame.columns]
    return frame.with_columns(*absent).with_columns(pl.col(name).cast(schema[name]) for name in columns(table))


def shape(table: str, frame: pl.DataFrame) -> list[Finding]:
    """Columns that are missing, or of another type than the schema says; a column of nothing but nulls is of any type."""
    declared, schema = TABLES[table], polars_schema(table)
    missing = [name for name in columns(table) if name not in frame.columns and name not in declared.optional]
    found = [_finding("shape_missing", STOP, table, ", ".join(missing), "")] if missing else []
    for name in columns(table):
        if name in frame.columns and not _fits(frame[name], schema[name]):
            first = frame.filter(pl.col(name).is_not_null()).row(0, named=True)
            seen = f"{_in_words(frame[name].dtype)}({str(first[name])[:40]})"
            source = str(first.get("source", "?"))
            found.append(_finding("shape_type", STOP, table, seen, _in_words(schema[name]), column=name, source=source))
    return found


def _in_words(dtype: pl.DataType) -> str:
    return str(rules()["types"].get(str(dtype.base_type()), dtype))


def strangers(table: str, frame: pl.DataFrame) -> list[Finding]:
    """Columns nobody declared: the writer knows something the schema does not."""
    strange = sorted(set(frame.columns) - set(columns(table)))
    return [_finding("shape_unknown", STOP, table, ", ".join(strange), "")] if strange else []


def _fits(column: pl.Series, dtype: pl.DataType) -> bool:
    if column.dtype == dtype or column.null_count() == len(column):
        return True
    if isinstance(dtype, pl.Datetime):
        return isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None
    if dtype.is_integer():
        return column.dtype.is_integer() or (column.dtype.is_float() and bool((column.is_finite() & (column == column.floor())).all()))
    return dtype.is_float() and column.dtype.is_numeric()


def _set_aside(table: str, rows_n: int, aside: pl.DataFrame) -> list[Finding]:
    said, faults = rules()["quarantine"], aside.filter(pl.col("quarantine_reason") != "duplicate")
    if rows_n < said["at_least"] or faults.height < rows_n * said["warn_above"]:
        return []
    severity, limit = (STOP, said["stop_above"]) if faults.height >= rows_n * said["stop_above"] else (WARN, said["warn_above"])
    kinds = faults.group_by("quarantine_reason", "column_name").len()
    reason, column, _ = kinds.sort("len", "quarantine_reason", "column_name", descending=[True, False, False]).row(0)
    share = _percent(faults.height / rows_n)
    return [_finding("quarantine_share", severity, table, share, _percent(limit), column=column, reason=QUARANTINE_REASONS[reason])]


def _fill(table: str, frame: pl.DataFrame) -> list[Finding]:
    if frame.height < rules()["quarantine"]["at_least"]:
        return []
    filled = {name: frame[name].drop_nulls() for name in table_rules(table, "fill")}
    shares = {name: (c != "").sum() / frame.height if c.dtype == pl.String else len(c) / frame.height for name, c in filled.items()}
    return [
        _finding("fill_rate", WARN, table, _percent(share), _percent(table_rules(table, "fill")[name]), column=name)
        for name, share in shares.items()
        if share < table_rules(table, "fill")[name]
    ]


def _one_source(table: str, frame: pl.DataFrame) -> list[Finding]:
    limit = table_rules(table, "one_source")
    if not limit or frame.height < rules()["quarantine"]["at_least"]:
        return []
    source, rows_n = frame.group_by("source").len().sort("len", "source", descending=[True, False]).row(0)
    over = rows_n > limit * frame.height
    return [_finding("one_source", WARN, table, _percent(rows_n / frame.height), _percent(limit), source=source)] if over else []


def _freshness(table: str, good: pl.DataFrame, as_of: datetime) -> list[Finding]:
    limit = table_rules(table, "fresh_h")
    newest = good["published_at"].max() if limit and good.height else None
    if not isinstance(newest, datetime):
        return []
    hours = (as_of - newest).total_seconds() / 3600
    return [_finding("freshness", WARN, table, f"{hours:.0f}", str(limit))] if hours > limit else []


def _volume(table: str, rows_n: int, history: pl.DataFrame | None) -> list[Finding]:
    said = table_rules(table, "volume")
    if not said or history is None or history.height < said["least_days"]:
        return []
    usual = float(history["rows_n"].median())  # type: ignore[arg-type]
    if rows_n < usual * said["warn_below"]:
        return [_finding("volume_low", WARN, table, str(rows_n), f"{usual:.0f}")]
    severity = STOP if rows_n > max(usual * said["stop_above"], said["stop_at_least"]) else WARN
    return [_finding("volume_high", severity, table, str(rows_n), f"{usual:.0f}")] if rows_n > usual * said["warn_above"] else []


def _breach(table: str, said: dict[str, Any]) -> Finding:
    if said["crashed"]:
        return _finding("contract_crashed", STOP, table, said["crashed"], said["expects"], column=said["column"])
    return _finding("contract", STOP, table, f"{said['broken_n']} / {said['checked_n']}", said["expects"], column=said["column"])


def _finding(name: str, severity: str, table: str, observed: str, expected: str, **more: str) -> Finding:
    sentence = rules()["sentences"][name].format(table=table, observed=observed, expected=expected, **more)
    return Finding(":".join(part for part in (name, more.get("column")) if part), severity, observed, expected, sentence)


def _percent(share: float) -> str:
    return f"{share:.1%}"
