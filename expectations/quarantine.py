"""Rows set aside, looked at again: let in once what was wrong is mended, or written off. Every action is a row of quarantine_actions.

A row let in is known from that instant on, never earlier, or a past day could not be run again: its clock is the action's. Its counts
come in too, unless newer ones of the post are known by now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from expectations.let_in import bring_in, items_of
from expectations.rows import CUT, judge
from expectations.suites import columns
from warehouse.lock import in_turn
from warehouse.schema import polars_schema
from warehouse.settings import ConfigProblem
from warehouse.store import Warehouse

KEY = ["table_name", "row_id", "quarantine_reason"]
OPEN = "open"
DONE = {"released": "let in", "dropped": "written off"}
RELEASABLE = ("posts", "observations")  # rows from outside; a stage's own rows are made anew by running the stage, a fetch is a log line
OVERRIDABLE = frozenset({"mojibake", "too_old", "in_future", "out_of_range"})  # what a person can know better than the rule


@dataclass(frozen=True)
class Wish:
    """Which rows are meant: all that fit every word given. `ids` are row_id."""

    ids: tuple[str, ...] = ()
    table: str | None = None
    reason: str | None = None
    source: str | None = None

    def chosen(self, rows: pl.DataFrame) -> pl.DataFrame:
        said = {"table_name": self.table, "quarantine_reason": self.reason, "source": self.source}
        fits = [pl.col(name) == word for name, word in said.items() if word is not None]
        return rows.filter(*fits, *([pl.col("row_id").is_in(list(self.ids))] if self.ids else []))


@dataclass(frozen=True)
class Act:
    """Who acts, when and why."""

    by: str
    at: datetime
    why: str


@dataclass(frozen=True)
class Done:
    """What came of an action: rows acted on, those that were acted on before, and (row_id, why not) of the others.

    `overruled`: rows acted on against an earlier action, and that one.
    """

    acted_n: int
    before_n: int
    refused: tuple[tuple[str, str], ...] = ()
    overruled: tuple[tuple[str, str], ...] = field(default=(), compare=False)


def standing(warehouse: Warehouse) -> pl.DataFrame:
    """Every row set aside with its `state`: open, released or dropped; and acted_by, acted_at, why of the newest action."""
    order = ("acted_at", "action", "action_id")  # of one instant, as all of a drill's are: what was written off may be let in later
    actions = warehouse.read("quarantine_actions").sort(order).unique(KEY, keep="last", maintain_order=True)
    newest = actions.select(*KEY, pl.col("action").alias("state"), "acted_by", "acted_at", "why")
    rows = warehouse.read("quarantine").join(newest, on=KEY, how="left", maintain_order="left")
    return rows.with_columns(pl.col("state").fill_null(OPEN))


def release(warehouse: Warehouse, wish: Wish, act: Act, override: bool = False) -> Done:
    """Let rows in through the gate as it is today. `override`: not minding what they were set aside for; only for rows named by id."""
    if override and not wish.ids:
        raise ConfigProblem("--override is for rows you have looked at: name them by their row_id (guanchao quarantine show ID)")
    with _turn(warehouse, wish, "dropped") as overtaken:
        meant, before_n, gone = _meant(warehouse, wish, ("released",), overtaken)
        ready, refused = _whole(meant, override)
        landed, more = _through_the_gate(warehouse, ready, act.at, override)
        acted = meant.join(landed, on=KEY, how="semi")
        _write_down(warehouse, acted, "released", override, act, dict(landed.select("row_id", "detail").iter_rows()))
    return Done(landed.height, before_n, (*gone, *refused, *more), _said(acted.filter(state="dropped")))


def drop(warehouse: Warehouse, wish: Wish, act: Act) -> Done:
    """Write rows off: they stay in the table until retention takes them, and are no longer listed as open."""
    with _turn(warehouse, wish, "released") as overtaken:
        meant, before_n, gone = _meant(warehouse, wish, ("released", "dropped"), overtaken)
        _write_down(warehouse, meant, "dropped", False, act, {})
    return Done(meant.height, before_n, gone)


@contextmanager
def _turn(warehouse: Warehouse, wish: Wish, other: str) -> Iterator[pl.DataFrame]:
    """One action at a time on this machine; yields the rows with which somebody did the `other` thing while this action waited."""
    seen = wish.chosen(standing(warehouse)).select(*KEY, "state")
    with in_turn(warehouse.storage.cache / "quarantine.lock"):
        yield wish.chosen(standing(warehouse)).join(seen, on=[*KEY, "state"], how="anti").filter(state=other)


def _said(rows: pl.DataFrame) -> tuple[tuple[str, str], ...]:
    """(row_id, what was done with it, by whom and why)."""
    done = rows.select("row_id", pl.col("state").replace_strict(DONE), "acted_by", "why").sort("row_id")
    return tuple((row_id, f"{state}, by {by}: {why}") for row_id, state, by, why in done.iter_rows())


def _meant(
    warehouse: Warehouse, wish: Wish, settled: tuple[str, ...], overtaken: pl.DataFrame
) -> tuple[pl.DataFrame, int, tuple[tuple[str, str], ...]]:
    """(rows to act on, how many are settled already, ids that are not in quarantine or were acted on a moment ago, and why).

    A row that retention took is known by its actions.
    """
    fitting = wish.chosen(standing(warehouse)).join(overtaken, on=KEY, how="anti", maintain_order="left")
    done = fitting.filter(pl.col("state").is_in(settled))
    absent = sorted(set(wish.ids) - {*fitting["row_id"], *overtaken["row_id"]})
    past = warehouse.scan("quarantine_actions").filter(pl.col("row_id").is_in(absent)).collect() if absent else None
    known = set() if past is None else set(past["row_id"])
    gone = tuple((one, "not in quarantine; guanchao quarantine list --rows shows the ids") for one in absent if one not in known)
    return fitting.filter(~pl.col("state").is_in(settled)), done.height + len(known), (*gone, *_said(overtaken))


def _whole(meant: pl.DataFrame, override: bool) -> tuple[pl.DataFrame, list[tuple[str, str]]]:
    """Rows that can be tried, and why the others cannot."""
    refused, ready = list[tuple[str, str]](), []
    for n, row in enumerate(meant.iter_rows(named=True)):
        if row["table_name"] not in RELEASABLE:
            refused.append((row["row_id"], f"a row of {row['table_name']}: run the stage that makes it again (guanchao stage …)"))
        elif cut := json.loads(row["row"]).get(CUT):
            refused.append((row["row_id"], f"{', '.join(cut)} was too long to be kept whole; the archive has it: guanchao trace"))
        elif override and row["quarantine_reason"] not in OVERRIDABLE:
            refused.append((row["row_id"], f"{row['quarantine_reason']} cannot be overridden: a page or a stage would fail on it"))
        else:
            ready.append(n)
    return meant[ready], refused


def _through_the_gate(
    warehouse: Warehouse, ready: pl.DataFrame, at: datetime, override: bool
) -> tuple[pl.DataFrame, list[tuple[str, str]]]:
    """(KEY and detail of the rows let in, (row_id, why not) of those still broken). Each is judged as of the instant it was set aside."""
    landed, refused = [ready.clear().select(*KEY, detail=pl.lit(""))], list[tuple[str, str]]()
    for (table, moment), rows in ready.sort("table_name", "set_aside_at", "row_id").group_by(
        "table_name", "set_aside_at", maintain_order=True
    ):
        items = items_of(rows)
        waived = OVERRIDABLE if override else frozenset()
        good, aside = judge(str(table), items, moment, waived)
        why = {row["row_id"]: f"{row['quarantine_reason']} ({row['column_name']}), still" for row in aside.iter_rows(named=True)}
        sound = items.join(good.select("post_id").unique(), on="post_id", how="semi", maintain_order="left")
        sound = sound.filter(~pl.col("_row_id").is_in(list(why))).unique("post_id", keep="last", maintain_order=True)
        new = bring_in(warehouse, str(table), sound, at)
        told = {
            row_id: "let in" if post_id in new else "known already" for row_id, post_id in sound.select("_row_id", "post_id").iter_rows()
        }
        landed.append(
            rows.filter(pl.col("row_id").is_in(list(told))).select(*KEY, detail=pl.col("row_id").replace_strict(told, default=""))
        )
        refused += [(row_id, why.get(row_id, "another row of the same post was let in")) for row_id in rows["row_id"] if row_id not in told]
    return pl.concat(landed), refused


def _write_down(warehouse: Warehouse, rows: pl.DataFrame, action: str, override: bool, act: Act, details: dict[str, str]) -> None:
    made = [
        {
            **{name: row[name] for name in KEY}, "action": action, "is_override": override, "detail": details.get(row["row_id"]),
            "acted_by": act.by[:100], "acted_at": act.at, "why": act.why[:500],
            "action_id": _hash([*(row[name] for name in KEY), action, act.at.isoformat()]),
        }
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip
    schema = polars_schema("quarantine_actions")
    frame = pl.DataFrame(made, schema={name: schema[name] for name in columns("quarantine_actions")})
    if frame.height:
        warehouse.add("quarantine_actions", frame)


def _hash(parts: Iterable[Any]) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:24]
