"""One row at a time: which rule it broke first, as Polars expressions over the whole frame at once."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from expectations.suites import columns, earliest, pattern, rules, table_rules
from warehouse.schema import COLUMNS, TABLES, polars_schema
from warehouse.vocabulary import QUARANTINE_REASONS

Rule = tuple[str, str, pl.Expr]  # reason, column, true where broken
GARBLED = ("title", "text", "region")
SHOWN = 2000  # characters of a text kept in a quarantined row; the whole is in the archive
BROKEN = "_broken"  # number of the first rule a row broke


def judge(table: str, frame: pl.DataFrame, as_of: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(sound rows in the table's columns, rows set aside in quarantine's columns). Of rows sharing a key the first sound one stays."""
    broken = row_rules(table, as_of)
    firsts = [pl.when(rule).then(pl.lit(n, pl.Int16)) for n, (_, _, rule) in enumerate(broken)]
    judged = frame.with_columns(pl.coalesce(firsts).alias(BROKEN))
    sound = pl.col(BROKEN).is_null()
    copy = sound & (pl.int_range(pl.len()).over(*TABLES[table].key, sound) > 0)
    judged = judged.with_columns(pl.when(copy).then(pl.lit(len(broken), pl.Int16)).otherwise(BROKEN).alias(BROKEN))
    named = [(reason, column) for reason, column, _ in broken] + [("duplicate", TABLES[table].key[0])]
    return judged.filter(sound).select(columns(table)), _aside(table, judged.filter(~sound), named, as_of)


def row_rules(table: str, as_of: datetime) -> list[Rule]:
    """Every rule of the table in the order in which a row is judged: the order of the reasons, then of the columns."""
    found = [rule for name in columns(table) for rule in (*_words(table, name), *_bounds(table, name, as_of))]
    order = list(QUARANTINE_REASONS)
    return sorted(found, key=lambda rule: order.index(rule[0]))


def _words(table: str, name: str) -> list[Rule]:
    declared, value, found = COLUMNS[name], pl.col(name), list[Rule]()
    if name not in TABLES[table].optional:
        blank = value.str.strip_chars() == "" if declared.dtype == pl.String else pl.lit(False)
        found.append(("missing", name, value.is_null() | blank))
    if declared.values is not None:
        found.append(("not_in_set", name, ~value.is_in(declared.values)))
    if (regex := pattern(table, name)) is not None:
        found.append(("bad_pattern", name, ~value.str.contains(regex)))
    if name in GARBLED:
        said = rules()["mojibake"]
        replaced = value.str.count_matches("\ufffd", literal=True) > value.str.len_chars() * said["share"]
        found.append(("mojibake", name, replaced | value.str.contains(said["pattern"])))
    if declared.longest is not None:
        found.append(("too_long", name, value.str.len_chars() > declared.longest))
    return found


def _bounds(table: str, name: str, as_of: datetime) -> list[Rule]:
    declared, value, found = COLUMNS[name], pl.col(name), list[Rule]()
    if declared.dtype.is_float():
        found.append(("out_of_range", name, ~value.is_finite()))
    if declared.low is not None:
        found.append(("out_of_range", name, value < declared.low))
    if declared.high is not None:
        found.append(("out_of_range", name, value > declared.high))
    if times := table_rules(table, "times").get(name):
        found.append(("too_old", name, value < earliest(table, name)))
        found.append(("in_future", name, value > as_of + timedelta(minutes=times["ahead_min"])))
    return found


def _aside(table: str, broken: pl.DataFrame, named: list[tuple[str, str]], as_of: datetime) -> pl.DataFrame:
    """Rows as quarantine wants them, in key order: the value that broke the rule, and the row as JSON with long texts cut."""
    rows = []
    for row in broken.iter_rows(named=True):
        reason, column = named[row.pop(BROKEN)]
        text = json.dumps({name: _plain(value, SHOWN) for name, value in row.items()}, ensure_ascii=False, sort_keys=True)
        key = [str(_plain(row[name], SHOWN)) for name in TABLES[table].key if row[name] is not None]
        whole = len(key) == len(TABLES[table].key) and all(key)
        row_id = "|".join(key) if whole else f"row:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        value = _plain(row[column], 200)
        rows.append((table, row_id, row.get("source"), reason, column, None if value is None else str(value), text, as_of))
    schema = polars_schema("quarantine")
    return pl.DataFrame(rows, schema={name: schema[name] for name in columns("quarantine")}, orient="row").sort(TABLES["quarantine"].key)


def _plain(value: Any, longest: int) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value[:longest] if isinstance(value, str) else value
