"""`guanchao quarantine …`: rows the gate set aside, looked at, let in after a fix, or written off."""

from __future__ import annotations

import getpass
import json
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import polars as pl
import typer

from flows.options import DRILL, Conf
from warehouse.clock import shanghai
from warehouse.schema import TABLES
from warehouse.settings import ConfigProblem, load_settings
from warehouse.store import Warehouse
from warehouse.vocabulary import QUARANTINE_ACTIONS, QUARANTINE_REASONS

quarantine = typer.Typer(no_args_is_help=True, help="Rows set aside by the gate: list, show, release, drop.")
Ids = Annotated[list[str] | None, typer.Argument(help="row_id; several")]
TableName = Annotated[str | None, typer.Option("--table", help="only rows meant for this table")]
Reason = Annotated[str | None, typer.Option(help=f"only these: {', '.join(QUARANTINE_REASONS)}")]
Source = Annotated[str | None, typer.Option(help="only rows of this source")]
By = Annotated[str | None, typer.Option(help="who decides; default: the account on this machine")]
Why = Annotated[str, typer.Option(help="the reason, kept with the action")]
BESIDE_ID = 64  # characters that the rest of a row of `list --rows` needs at least
STATES = ("open", *QUARANTINE_ACTIONS)


@quarantine.command("list")
def list_(
    conf: Conf = DRILL, table: TableName = None, reason: Reason = None, source: Source = None,
    state: Annotated[str, typer.Option(help=f"{', '.join(STATES)} or all")] = "open",
    rows: Annotated[bool, typer.Option("--rows", help="a line a row, with its row_id")] = False,
) -> None:  # fmt: skip
    """How many rows are set aside, by reason, column and source."""
    from expectations.quarantine import standing
    from flows.terminal import console

    if state not in (*STATES, "all"):
        raise ConfigProblem(f"--state {state}: one of {', '.join(STATES)}, all")
    found = _wish([], table, reason, source).chosen(standing(_warehouse(conf)))
    found = found if state == "all" else found.filter(state=state)
    console.print(_lines(found, console.width) if rows else _groups(found), crop=False)
    if not rows and found.height:
        console.print("the rows: --rows; one row: guanchao quarantine show ROW_ID", markup=False)


@quarantine.command()
def show(id: Annotated[str, typer.Argument(help="row_id, from list --rows")], conf: Conf = DRILL) -> None:
    """A row set aside, column by column, and what was done with it. What a site wrote is escaped: it cannot steer the terminal."""
    from expectations.quarantine import Wish, standing
    from flows.terminal import console

    found = Wish((id,)).chosen(standing(_warehouse(conf)))
    if found.is_empty():
        raise ConfigProblem(f"{id}: no row in quarantine has this id; guanchao quarantine list --rows shows them")
    for row in found.iter_rows(named=True):
        for name in ("table_name", "row_id", "source", "column_name", "detail", "run_id"):
            console.print(f"{name:>18}  {visible(row[name])}", markup=False, highlight=False, soft_wrap=True)
        said = f"{row['quarantine_reason']} {QUARANTINE_REASONS[row['quarantine_reason']]}, {shanghai(row['set_aside_at'])}"
        console.print(f"{'set aside':>18}  {said}", markup=False, highlight=False)
        console.print(f"{'state':>18}  {_state(row)}", markup=False, highlight=False, soft_wrap=True)
        for name, value in json.loads(row["row"]).items():
            console.print(f"{'row.' + name:>18}  {visible(value)}", markup=False, highlight=False, soft_wrap=True)


@quarantine.command()
def release(
    why: Why, ids: Ids = None, conf: Conf = DRILL, table: TableName = None, reason: Reason = None, source: Source = None,
    override: Annotated[bool, typer.Option("--override", help="let the named rows in although they still break the rule")] = False,
    by: By = None,
) -> None:  # fmt: skip
    """Let rows in after a fix, through the gate as it is now; those still broken stay. Twice is the same as once.

    A row let in is known from now on, and its days of retention are counted from now.
    """
    from expectations.quarantine import release as let_in

    wish = _wish(ids, table, reason, source)
    with _known_later(conf, _act(conf, by, why)) as act:
        done = let_in(_warehouse(conf, act), wish, act, override)
    _tell("let in", done)


@quarantine.command()
def drop(
    why: Why, ids: Ids = None, conf: Conf = DRILL, table: TableName = None, reason: Reason = None, source: Source = None, by: By = None
) -> None:  # fmt: skip
    """Write rows off: they are no longer listed as open."""
    from expectations.quarantine import drop as write_off

    act, wish = _act(conf, by, why), _wish(ids, table, reason, source)
    if not any((wish.ids, wish.table, wish.reason, wish.source)):
        raise ConfigProblem("quarantine drop: say which: a row_id, --table, --reason or --source")
    _tell("written off", write_off(_warehouse(conf, act), wish, act))


def _warehouse(conf: Any, act: Any = None) -> Warehouse:
    return Warehouse(load_settings(conf).warehouse, f"quarantine-{act.at:%Y%m%dT%H%M%SZ}" if act else "by-hand")


def _act(conf: Any, by: str | None, why: str) -> Any:
    """Now, or a drill's own instant: on its list, too, the row must be known."""
    from expectations.quarantine import Act
    from flows.road import when

    if not why.strip():
        raise ConfigProblem("--why: a reason is kept with every action")
    return Act(by or getpass.getuser(), when(None, load_settings(conf).as_of), why.strip())


@contextmanager
def _known_later(conf: Any, act: Any) -> Iterator[Any]:
    """The act at an instant later than any list's so far, while none arrives: what is let in was not known to one that is out."""
    from warehouse.instants import Instants

    settings = load_settings(conf)
    if settings.drill:
        yield act
        return
    instants, now = Instants(settings.root), datetime.now(UTC)
    with instants.turn() as told:
        act = replace(act, at=max(act.at, told + timedelta(microseconds=1)))
        instants.take(act.at, now)
        yield act


def _wish(ids: list[str] | None, table: str | None, reason: str | None, source: str | None) -> Any:
    from expectations.quarantine import Wish

    if table is not None and table not in TABLES:
        raise ConfigProblem(f"--table {table}: unknown; one of: {', '.join(TABLES)}")
    if reason is not None and reason not in QUARANTINE_REASONS:
        raise ConfigProblem(f"--reason {reason}: unknown; one of: {', '.join(QUARANTINE_REASONS)}")
    return Wish(tuple(ids or ()), table, reason, source)


def _tell(verb: str, done: Any) -> None:
    from flows.terminal import console

    console.print(f"{done.acted_n} {verb}, {done.before_n} settled before, {len(done.refused)} not", highlight=False)
    for row_id, before in done.overruled[:50]:
        console.print(f"  {visible(row_id)}: until now {visible(before)}", markup=False, highlight=False, soft_wrap=True)
    for row_id, why in done.refused[:50]:
        console.print(f"  {visible(row_id)}: {visible(why)}", markup=False, highlight=False, soft_wrap=True)
    if done.refused:
        raise typer.Exit(1)


def _groups(found: pl.DataFrame) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table("table", "reason", "", "column", "source", "rows", "first", "last", "state")
    by = ["table_name", "quarantine_reason", "column_name", "source", "state"]
    groups = found.group_by(by).agg(n=pl.len(), first=pl.col("set_aside_at").min(), last=pl.col("set_aside_at").max())
    for one in groups.sort("n", *by, descending=[True] + [False] * 5, nulls_last=True).iter_rows(named=True):
        table.add_row(
            one["table_name"], one["quarantine_reason"], QUARANTINE_REASONS[one["quarantine_reason"]], one["column_name"],
            escape(visible(one["source"])), str(one["n"]), shanghai(one["first"], "%m-%d %H:%M"), shanghai(one["last"], "%m-%d %H:%M"),
            one["state"],
        )  # fmt: skip
    return table


def _lines(found: pl.DataFrame, width: int) -> Any:
    """Wider than the terminal if need be: an id broken over two lines cannot be copied."""
    from rich.cells import cell_len
    from rich.markup import escape
    from rich.table import Table

    table = Table("row_id", "table", "reason", "column", "source", "value", "set aside", "state")
    table.columns[0].no_wrap, table.columns[0].overflow = True, "ignore"
    table.width = max([width, *(cell_len(visible(row_id)) + BESIDE_ID for row_id in found["row_id"])])
    for one in found.sort("set_aside_at", "table_name", "row_id").iter_rows(named=True):
        value = visible(one["detail"])[:60]
        table.add_row(
            escape(visible(one["row_id"])), one["table_name"], one["quarantine_reason"], one["column_name"], escape(visible(one["source"])),
            escape(value), shanghai(one["set_aside_at"], "%m-%d %H:%M"), one["state"],
        )  # fmt: skip
    return table


def _state(row: dict[str, Any]) -> str:
    at: datetime | None = row["acted_at"]
    return f"{row['state']}, {shanghai(at)} by {visible(row['acted_by'])}: {visible(row['why'])}" if at else str(row["state"])


def visible(value: Any) -> str:
    """As it can be shown anywhere: control, direction and replacement characters as \\u…; null as -."""
    if value is None:
        return "-"
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029\ufffd" else c for c in str(value))
