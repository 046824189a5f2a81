"""Schema and rules.yml turned into one Great Expectations suite a table: the contract that good rows must meet.

Great Expectations has no Polars engine and hashes the whole frame at every run (design/STACK.md §4), so the suite is run once, on a
slim frame: closed words and numbers as they are, a text or list as its length, an instant as hours (since 1970, and after as_of where a
rule asks), the key as one number.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from warehouse.schema import COLUMNS, TABLES

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

RULES_FILE = Path(__file__).parent / "rules.yml"
DERIVED = ("run_id", "day_on")  # filled by the store, after the gate
ROW, KEY = "_rid", "_key"
READ_BY_PEOPLE = ("title", "text", "region")  # columns in which mojibake is looked for
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def rules() -> dict[str, Any]:
    """rules.yml, read once."""
    said: dict[str, Any] = yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))
    return said


def table_rules(table: str, kind: str) -> Any:
    """What rules.yml says of a table under `kind` (times, patterns, fill, fresh_h …); {} if nothing."""
    return rules()["tables"].get(table, {}).get(kind, {})


def columns(table: str) -> list[str]:
    """The table's columns that a stage fills, in order."""
    return [name for name in TABLES[table].columns if name not in DERIVED]


def earliest(table: str, name: str) -> datetime:
    return datetime.fromisoformat(table_rules(table, "times")[name]["earliest"]).replace(tzinfo=UTC)


def pattern(table: str, name: str) -> str | None:
    said: str | None = table_rules(table, "patterns").get(name, COLUMNS[name].pattern)
    return said


def garbled(name: str) -> pl.Expr | None:
    """True where the column holds mojibake; None for a column that is not looked at."""
    return pl.col(name).str.contains(rules()["mojibake"]) if name in READ_BY_PEOPLE else None


def slim(table: str, frame: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """What the suite looks at: `_rid` row number, `_key` int64, and a narrow column for each column of the table."""
    key = pl.struct(TABLES[table].key).hash(seed=0).reinterpret(signed=True).alias(KEY)
    ahead = [_hours(pl.col(name) - as_of).alias(f"{name}_ahead_h") for name in table_rules(table, "times")]
    noise = [expr.fill_null(False).alias(f"{name}_garbled") for name in columns(table) if (expr := garbled(name)) is not None]
    return frame.with_row_index(ROW).select(ROW, key, *(_narrow(table, name) for name in columns(table)), *ahead, *noise)


def suite(table: str) -> ExpectationSuite:
    """Nullability, closed words, bounds, lengths, patterns, unique key; critical unless it is a fill rate (warning)."""
    import great_expectations as gx

    expect: Any = gx.expectations
    found = [expectation for name in columns(table) for expectation in _of_column(table, name)]
    return gx.ExpectationSuite(table, expectations=[expect.ExpectColumnValuesToBeUnique(column=KEY), *found])


def meet(table: str, frame: pl.DataFrame, as_of: datetime) -> list[dict[str, Any]]:
    """Run the suite once over `frame`; an entry an expectation: column, expects, severity, success, checked_n, broken_n, rows, crashed.

    An exception inside Great Expectations is an entry with `crashed`, never a pass. No clock, no random id: equal frames, equal entries.
    """
    import great_expectations as gx

    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)  # it sets its own level, to INFO
    try:
        context: Any = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        batch = context.data_sources.add_pandas("warehouse").add_dataframe_asset(table).add_batch_definition_whole_dataframe("run")
        contract = gx.ValidationDefinition(name=table, data=batch, suite=context.suites.add(suite(table)))
        result = context.validation_definitions.add(contract).run(
            batch_parameters={"dataframe": slim(table, frame, as_of).to_pandas()},
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [ROW]},
        )
    except Exception as problem:  # whatever breaks inside the framework stops the stage with a line, not the day with a traceback
        crash = {"column": "", "expects": "", "severity": "critical", "success": False, "checked_n": 0, "broken_n": 0, "rows": []}
        return [{**crash, "crashed": f"{type(problem).__name__}: {problem}"}]
    return sorted((_entry(one) for one in result.results), key=lambda entry: (entry["column"], entry["expects"]))


def _entry(one: Any) -> dict[str, Any]:
    config, seen, info = one.expectation_config, one.result or {}, one.exception_info or {}
    asked = [f"{name}={value}" for name, value in sorted(config.kwargs.items()) if name not in ("batch_id", "column")]
    crashes = [info] if "raised_exception" in info else list(info.values())  # one a metric when metrics crashed
    return {
        "column": config.kwargs["column"],
        "expects": " ".join([config.type, *asked]),
        "severity": config.severity.value,
        "success": bool(one.success),
        "checked_n": int(seen.get("element_count") or 0),
        "broken_n": int(seen.get("unexpected_count") or 0),
        "rows": sorted(int(row[ROW]) for row in seen.get("unexpected_index_list") or [])[:20],
        "crashed": next((crash["exception_message"] for crash in crashes if crash["raised_exception"]), None),
    }


def _seen_as(table: str, name: str) -> str:
    column = COLUMNS[name]
    if column.dtype == pl.Datetime:
        return f"{name}_h"
    free_text = column.dtype == pl.String and column.values is None and pattern(table, name) is None
    return f"{name}_len" if free_text or column.dtype == pl.List else name


def _narrow(table: str, name: str) -> pl.Expr:
    column, seen = pl.col(name), _seen_as(table, name)
    if seen == f"{name}_h":
        column = _hours(column - EPOCH)
    elif seen == f"{name}_len":
        column = (column.list.len() if COLUMNS[name].dtype == pl.List else column.str.len_chars()).cast(pl.Int64)
    return column.alias(seen)


def _hours(length: pl.Expr) -> pl.Expr:
    return length.dt.total_seconds(fractional=True) / 3600


def _of_column(table: str, name: str) -> list[Any]:
    import great_expectations as gx

    expect: Any = gx.expectations
    declared, seen, found = COLUMNS[name], _seen_as(table, name), list[Any]()
    if name not in TABLES[table].optional:
        found.append(expect.ExpectColumnValuesToNotBeNull(column=seen))
    elif share := table_rules(table, "fill").get(name, {}).get("warn_below"):
        found.append(expect.ExpectColumnValuesToNotBeNull(column=seen, mostly=share, severity="warning"))
    if garbled(name) is not None:
        found.append(expect.ExpectColumnValuesToBeInSet(column=f"{name}_garbled", value_set=[False]))
    if declared.values is not None:
        found.append(expect.ExpectColumnValuesToBeInSet(column=seen, value_set=list(declared.values)))
    if declared.low is not None or declared.high is not None:
        found.append(expect.ExpectColumnValuesToBeBetween(column=seen, min_value=declared.low, max_value=declared.high))
    if declared.longest is not None and seen == f"{name}_len":
        found.append(expect.ExpectColumnValuesToBeBetween(column=seen, max_value=declared.longest))
    if (regex := pattern(table, name)) is not None:
        found.append(expect.ExpectColumnValuesToMatchRegex(column=seen, regex=regex))
    if times := table_rules(table, "times").get(name):
        found.append(expect.ExpectColumnValuesToBeBetween(column=seen, min_value=earliest(table, name).timestamp() / 3600))
        found.append(expect.ExpectColumnValuesToBeBetween(column=f"{name}_ahead_h", max_value=times["ahead_min"] / 60))
    return found
