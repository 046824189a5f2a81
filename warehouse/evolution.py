"""Files of an earlier schema read as the declared one; a change that they could not follow is refused.

Without further ado: a new optional column (older files: null), a new column whose older rows all mean one thing (`Column.before`), a
wider number, a new name (`Column.aliases`), a dropped column (`Table.retired`). Anything else needs the table rewritten, by someone who
knows what the old values mean.
"""

from __future__ import annotations

import re

import polars as pl

from warehouse.schema import COLUMNS, TABLES

SUPERSEDED = "superseded_at"  # beside the declared columns, once a row was corrected: from then on the row is not what is known
_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64)


class TableProblem(Exception):
    """A frame does not fit its table, or the table cannot be read or written; nothing was."""


def declared(table: str, frame: pl.LazyFrame) -> pl.LazyFrame:
    """The stored frame in the table's columns, names and types, `superseded_at` last if it is stored. TableProblem says what to do."""
    stored = frame.collect_schema()
    read = [_column(table, name, stored) for name in TABLES[table].columns]
    return frame.select(*read, *([pl.col(SUPERSEDED)] if SUPERSEDED in stored else []))


def _column(table: str, name: str, stored: pl.Schema) -> pl.Expr:
    column = COLUMNS[name]
    names = [known for known in (name, *column.aliases) if known in stored]
    for known in names:
        if stored[known] != column.dtype and not is_wider(stored[known], column.dtype):
            raise TableProblem(
                f"{table}: {name} is {stored[known]} in the files and {column.dtype} in schema.py; give the new meaning a new name "
                f"(optional, beside the old one), or rewrite the table"
            )
    if len(names) == 1:
        read = pl.col(names[0]) if stored[names[0]] == column.dtype else pl.col(names[0]).cast(column.dtype)
        return read if names[0] == name else read.alias(name)
    if names:
        return pl.coalesce(pl.col(known).cast(column.dtype) for known in names).alias(name)
    if column.before is not None:
        return pl.lit(column.before, column.dtype).alias(name)
    if name not in TABLES[table].optional:
        raise TableProblem(
            f"{table}: {name} is new in schema.py and older files have none; list it under `optional`, or name what it was called before "
            f"(Column aliases)"
        )
    return pl.lit(None, column.dtype).alias(name)


def is_wider(narrow: pl.DataType, wide: pl.DataType) -> bool:
    """Every value of `narrow` is one of `wide`."""
    ranks = {dtype: rank for rank, dtype in enumerate(_INTEGERS)}
    if narrow.base_type() in ranks and wide.base_type() in ranks:
        return ranks[narrow.base_type()] < ranks[wide.base_type()]  # type: ignore[index]
    return (narrow, wide) == (pl.Float32(), pl.Float64())


def needs_widening(table: str, stored: pl.Schema) -> bool:
    """New values would not fit into the stored type: the table is written anew once."""
    return any(name in stored and is_wider(stored[name], COLUMNS[name].dtype) for name in TABLES[table].columns)


def refuse_strangers(table: str, stored: pl.Schema) -> None:
    """Before a write: columns that lie in the files and are declared nowhere would be lost to every reader, silently."""
    known = {name for column in TABLES[table].columns for name in (column, *COLUMNS[column].aliases)}
    strange = sorted(set(stored.names()) - known - set(TABLES[table].retired) - {SUPERSEDED})
    if strange:
        raise TableProblem(
            f"{table}: {strange[0]} is in the files and no longer in schema.py; name it as an alias of the column that took its place, or "
            f"list it under the table's `retired`"
        )


def described(table: str) -> str:
    """What the log says about the table to other engines; its last words are how rows are told apart."""
    known = TABLES[table]
    return f"{known.meaning} [key: {', '.join(known.key)}; clock: {known.clock}]"


def refuse_another_key(table: str, description: str | None) -> None:
    """Rows written under one key cannot be told apart by another."""
    known = TABLES[table]
    found = re.search(r"\[key: (.*); clock: (.*)\]$", description or "")
    before = [*found[1].split(", "), found[2]] if found else []
    now = [*known.key, known.clock]
    same = len(before) == len(now) and all(old in (new, *COLUMNS[new].aliases) for old, new in zip(before, now, strict=True))
    if found and not same:
        raise TableProblem(
            f"{table}: its rows lie by key ({found[1]}) and clock {found[2]}, schema.py says ({', '.join(known.key)}) and {known.clock}; "
            f"give the table a new name and fill it from the old one"
        )
