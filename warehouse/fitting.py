"""A stage's frame made into rows of its table, or refused in one line."""

from __future__ import annotations

import polars as pl

from warehouse.clock import SHANGHAI
from warehouse.evolution import TableProblem
from warehouse.schema import TABLES, polars_schema


def fit(table: str, frame: pl.DataFrame, run_id: str) -> pl.DataFrame:
    """The frame in the table's columns and types; optional columns may be left out, anything else is refused."""
    declared, schema = TABLES[table], polars_schema(table)
    missing = [name for name in declared.columns[:-2] if name not in frame.columns and name not in declared.optional]
    strange = [name for name in frame.columns if name not in declared.columns]
    if missing or strange:
        raise TableProblem(f"{table}: missing columns {missing}, unknown columns {strange}")
    given = frame.schema
    lossy = [name for name, dtype in schema.items() if name in given and _loses(frame[name], dtype)]
    if lossy:
        raise TableProblem(f"{table}: {lossy} would lose meaning: counts must be whole, instants must carry a time zone")
    absent = [pl.lit(None, schema[name]).alias(name) for name in declared.optional if name not in given]
    try:
        frame = frame.with_columns(*absent, run_id=pl.lit(run_id), day_on=pl.lit("")).select(schema.names()).cast(schema)
    except pl.exceptions.PolarsError as problem:
        raise TableProblem(f"{table}: {str(problem).splitlines()[0]}") from problem
    day = pl.col(declared.clock).dt.convert_time_zone(str(SHANGHAI)).dt.strftime("%Y-%m-%d")
    frame = frame.with_columns(day.alias("day_on"))
    holes = [name for name in declared.columns if name not in declared.optional and frame[name].null_count()]
    if holes:
        raise TableProblem(f"{table}: empty values in {holes}")
    return frame


def _loses(column: pl.Series, dtype: pl.DataType) -> bool:
    """A cast that would not fail but lie: 3.7 reposts cut to 3, a time without zone taken for UTC."""
    if isinstance(column.dtype, pl.Datetime) and isinstance(dtype, pl.Datetime):
        return column.dtype.time_zone is None
    return column.dtype.is_float() and dtype.is_integer() and bool((column != column.floor()).any())
