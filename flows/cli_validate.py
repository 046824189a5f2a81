"""`guanchao validate`: every table's suite over what the table holds."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.options import DRILL, AsOf, Conf, prepare
from warehouse.settings import ConfigProblem, load_settings


def validate(
    tables: Annotated[list[str] | None, typer.Argument(help="default: all")] = None,
    conf: Conf = DRILL,
    as_of: AsOf = None,
    days: Annotated[float, typer.Option(help="rows of so many days back", min=0)] = 1.0,
) -> None:  # fmt: skip
    """Hold what the tables have against their Great Expectations suites; exit code 1 if a row breaks one. Verdicts go to `checks`."""
    from rich.table import Table

    from expectations.audit import NEVER_STORED
    from flows.road import Road, last_run, when
    from flows.terminal import console
    from flows.upkeep import audit_tables
    from warehouse.schema import TABLES

    settings = load_settings(conf)
    prepare(settings)
    if strange := [name for name in tables or [] if name not in TABLES or name in NEVER_STORED]:
        raise ConfigProblem(
            f"validate {strange[0]}: no such table; one of: {', '.join(name for name in TABLES if name not in NEVER_STORED)}"
        )
    road = Road(settings, when(as_of or last_run(settings), settings.as_of))
    found = audit_tables(road, days, tuple(tables or ()))
    shown = Table("table", "rows", "expectations", "broken", "which")
    for one in found:
        which = "; ".join(f"{said['column']} {said['expects'].partition(' ')[0]}: {said['broken_n']}" for said in one.broken[:3])
        shown.add_row(one.table, str(one.rows_n), str(len(one.contract)), str(len(one.broken)), which)
    console.print(shown)
    if any(one.broken for one in found):
        raise typer.Exit(1)
