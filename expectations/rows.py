"""One row at a time: which rule it broke first, as Polars expressions over the whole frame at once."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from expectations.suites import columns, earliest, garbled, pattern, table_rules
from warehouse.schema import COLUMNS, TABLES, polars_schema
from warehouse.vocabulary import QUARANTINE_REASONS

Rule = tuple[str, str, pl.Expr]  # reason, column, true where broken
LONGEST = 50_000  # characters of a text kept whole in a quarantined row, so that it can be let in later; of a longer one
SHOWN = 2000  # so many are kept: the whole is in the archive
ROOM = 190_000  # characters of a quarantined row as JSON, below what its column takes
CUT = "_cut"  # in the JSON of a row: the columns that were cut
BROKEN = "_broken"  # number of the first rule a row broke


def judge(table: str, frame: pl.DataFrame, as_of: datetime, waived: frozenset[str] = frozenset()) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(sound rows in the table's columns, rows set aside in quarantine's columns). Of rows sharing a key the first sound one stays.

    waived: reasons that a person has decided not to mind in these rows.
    """
    broken = [rule for rule in row_rules(table, as_of) if rule[0] not in waived]
    firsts = [pl.when(rule).then(pl.lit(n, pl.Int16)) for n, (_, _, rule) in enumerate(broken)]
    judged = frame.with_columns(pl.coalesce(firsts).alias(BROKEN))
    sound = pl.col(BROKEN).is_null()
    key = pl.struct(TABLES[table].key) if len(TABLES[table].key) > 1 else pl.col(TABLES[table].key[0])
    copy = sound & ~pl.when(sound).then(key).is_first_distinct()
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
    if (noise := garbled(name)) is not None:
        found.append(("mojibake", name, noise))
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
        text = as_text(row)
        key = [str(_plain(row[name], SHOWN)) for name in TABLES[table].key if row[name] is not None]
        whole = len(key) == len(TABLES[table].key) and all(key)
        row_id = "|".join(key) if whole else f"row:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        value = _plain(row[column], 200)
        rows.append((table, row_id, row.get("source"), reason, column, None if value is None else str(value), text, as_of))
    schema = polars_schema("quarantine")
    return pl.DataFrame(rows, schema={name: schema[name] for name in columns("quarantine")}, orient="row").sort(TABLES["quarantine"].key)


def as_text(row: dict[str, Any]) -> str:
    """The row as JSON, whole if it can be; what was cut of it is named under `_cut`."""
    for longest in (LONGEST, SHOWN):
        cut = sorted(name for name, value in row.items() if isinstance(value, str) and len(value) > longest)
        plain = {name: _plain(value, SHOWN if name in cut else longest) for name, value in row.items()}
        text = json.dumps(plain | ({CUT: cut} if cut else {}), ensure_ascii=False, sort_keys=True)
        if len(text) <= ROOM:
            break
    return text


def _plain(value: Any, longest: int) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value[:longest] if isinstance(value, str) else value
