"""Rows set aside, looked at again: let in once what was wrong is mended, or written off. Every action is a row of quarantine_actions.

A row let in is known from that instant on, never earlier, or a past day could not be run again: its clock is the action's. Its counts
come in too, unless newer ones of the post are known by now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from expectations.gate import check
from expectations.rows import CUT, judge
from expectations.suites import columns
from warehouse.schema import polars_schema
from warehouse.settings import ConfigProblem
from warehouse.store import Warehouse

KEY = ["table_name", "row_id", "quarantine_reason"]
OPEN = "open"
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
    """What came of an action: rows acted on, those that were acted on before, and (row_id, why not) of the others."""

    acted_n: int
    before_n: int
    refused: tuple[tuple[str, str], ...] = ()


def standing(warehouse: Warehouse) -> pl.DataFrame:
    """Every row set aside with its `state`: open, released or dropped; and acted_by, acted_at, why of the newest action."""
    actions = warehouse.read("quarantine_actions").sort("acted_at", "action_id").unique(KEY, keep="last", maintain_order=True)
    newest = actions.select(*KEY, pl.col("action").alias("state"), "acted_by", "acted_at", "why")
    rows = warehouse.read("quarantine").join(newest, on=KEY, how="left", maintain_order="left")
    return rows.with_columns(pl.col("state").fill_null(OPEN))


def release(warehouse: Warehouse, wish: Wish, act: Act, override: bool = False) -> Done:
    """Let rows in through the gate as it is today. `override`: not minding what they were set aside for; only for rows named by id."""
    if override and not wish.ids:
        raise ConfigProblem("--override is for rows you have looked at: name them by their row_id (guanchao quarantine show ID)")
    meant, before_n, gone = _meant(warehouse, wish, ("released",))
    ready, refused = _whole(meant, override)
    landed, more = _through_the_gate(warehouse, ready, act.at, override)
    _write_down(
        warehouse, meant.join(landed, on=KEY, how="semi"), "released", override, act, dict(landed.select("row_id", "detail").iter_rows())
    )
    return Done(landed.height, before_n, (*gone, *refused, *more))


def drop(warehouse: Warehouse, wish: Wish, act: Act) -> Done:
    """Write rows off: they stay in the table until retention takes them, and are no longer listed as open."""
    meant, before_n, gone = _meant(warehouse, wish, ("released", "dropped"))
    _write_down(warehouse, meant, "dropped", False, act, {})
    return Done(meant.height, before_n, gone)


def _meant(warehouse: Warehouse, wish: Wish, settled: tuple[str, ...]) -> tuple[pl.DataFrame, int, tuple[tuple[str, str], ...]]:
    """(rows to act on, how many are settled already, ids that are not in quarantine). A row that retention took is known by its actions."""
    fitting = wish.chosen(standing(warehouse))
    done = fitting.filter(pl.col("state").is_in(settled))
    absent = sorted(set(wish.ids) - set(fitting["row_id"]))
    past = warehouse.scan("quarantine_actions").filter(pl.col("row_id").is_in(absent)).collect() if absent else None
    known = set() if past is None else set(past["row_id"])
    gone = tuple((one, "not in quarantine; guanchao quarantine list --rows shows the ids") for one in absent if one not in known)
    return fitting.filter(~pl.col("state").is_in(settled)), done.height + len(known), gone


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
        items = _items(rows)
        waived = OVERRIDABLE if override else frozenset()
        good, aside = judge(str(table), items, moment, waived)
        why = {row["row_id"]: f"{row['quarantine_reason']} ({row['column_name']}), still" for row in aside.iter_rows(named=True)}
        sound = items.join(good.select("post_id").unique(), on="post_id", how="semi", maintain_order="left")
        sound = sound.filter(~pl.col("_row_id").is_in(list(why))).unique("post_id", keep="last", maintain_order=True)
        new = _land(warehouse, str(table), sound, at)
        told = {
            row_id: "let in" if post_id in new else "known already" for row_id, post_id in sound.select("_row_id", "post_id").iter_rows()
        }
        landed.append(
            rows.filter(pl.col("row_id").is_in(list(told))).select(*KEY, detail=pl.col("row_id").replace_strict(told, default=""))
        )
        refused += [(row_id, why.get(row_id, "another row of the same post was let in")) for row_id in rows["row_id"] if row_id not in told]
    return pl.concat(landed), refused


def _items(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as they once came, in the types of raw_items, each with the `_row_id` it is known by."""
    schema = {name: polars_schema("raw_items")[name] for name in columns("raw_items")}
    read = [{**json.loads(row), "_row_id": row_id} for row_id, row in rows.select("row_id", "row").iter_rows()]
    plain = [{name: datetime.fromisoformat(v) if name.endswith("_at") and v else v for name, v in row.items()} for row in read]
    frame = pl.DataFrame(plain, schema={**schema, "_row_id": pl.String()}, strict=False)
    return frame.with_columns(pl.col("first_seen_at").fill_null(pl.col("observed_at")))


def _land(warehouse: Warehouse, table: str, sound: pl.DataFrame, at: datetime) -> set[str]:
    """Write posts and counts with our clock at `at`; ids that were new to `table`. Counts only where none newer of the post are known."""
    ids = sound["post_id"].to_list()
    moved = sound.with_columns(observed_at=pl.lit(at).cast(pl.Datetime("us", "UTC")))
    new = set[str]()
    if table == "posts":
        there = warehouse.scan("posts").filter(pl.col("post_id").is_in(ids)).select("post_id").collect()
        fresh = moved.join(there, on="post_id", how="anti").with_columns(first_seen_at=pl.col("observed_at"))
        warehouse.add("posts", fresh.select(columns("posts")))
        new = set(fresh["post_id"])
    read_at = sound.select("post_id", read_at="observed_at")
    newest = warehouse.scan("observations").filter(pl.col("post_id").is_in(ids)).group_by("post_id").agg(pl.col("observed_at").max())
    newer = read_at.join(newest.collect(), on="post_id").filter(pl.col("observed_at") >= pl.col("read_at"))
    posts = warehouse.scan("posts").filter(pl.col("post_id").is_in(ids)).select("post_id").collect()
    counts = moved.join(newer, on="post_id", how="anti").join(posts, on="post_id", how="semi").select(columns("observations"))
    good = check("observations", counts, at, contract=False).good
    warehouse.add("observations", good)
    return new if table == "posts" else set(good["post_id"])


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
