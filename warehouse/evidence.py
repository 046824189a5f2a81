"""What is known, as of an instant, of one event, warning or post: the rows a bundle of evidence is made of, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from warehouse.store import Warehouse
from warehouse.trace import TraceProblem

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """`posts`: oldest first; one that is in the event but no longer in the table has only its post_id. `warnings`: as first issued.

    `fetches`: every answer a post or a count was read from, oldest first; None for an id that is not in fetches.
    """

    id: str
    label: str
    as_of: datetime
    event: Row | None
    warnings: tuple[Row, ...]
    posts: tuple[Row, ...]
    observations: tuple[Row, ...]
    fetches: dict[str, Row | None]


def gather(warehouse: Warehouse, id: str, as_of: datetime) -> Case:
    """An event as its latest run saw it, a warning as it was issued, a post alone; counts and answers all up to `as_of`.

    TraceProblem for an id that was none of the three by then.
    """
    tables = _Tables(warehouse, as_of)
    for label, find in (("warning", _of_warning), ("event", _of_event), ("post", _of_post)):
        if found := find(tables, id):
            event, post_ids = found
            return _case(tables, id, label, event, post_ids)
    raise TraceProblem(
        f"{id}: no warning, event or post in {warehouse.root} had this id by {as_of.isoformat()}; ids stand in the list's page"
    )


class _Tables:
    """Rows as known at one instant."""

    def __init__(self, warehouse: Warehouse, as_of: datetime) -> None:
        self.warehouse, self.as_of = warehouse, as_of

    def rows(self, table: str, column: str, ids: list[str], order: str) -> list[Row]:
        found = self.warehouse.scan(table, as_of=self.as_of).filter(pl.col(column).is_in(ids)).collect()
        return found.sort(order, *found.columns[:1]).to_dicts()

    def event(self, event_id: str, by: datetime) -> Row | None:
        """The event as the latest run up to `by` saw it."""
        known = [row for row in self.rows("events", "event_id", [event_id], "as_of") if row["as_of"] <= by]
        return known[-1] if known else None

    def members(self, event: Row) -> list[str]:
        rows = self.rows("event_posts", "event_id", [event["event_id"]], "as_of")
        return [row["post_id"] for row in rows if row["as_of"] == event["as_of"]]


def _of_warning(tables: _Tables, id: str) -> tuple[Row | None, list[str]] | None:
    lists = tables.rows("warnings", "warning_id", [id], "as_of")
    if not lists:
        return None
    event = tables.event(lists[0]["event_id"], lists[0]["as_of"])
    return event, tables.members(event) if event else []


def _of_event(tables: _Tables, id: str) -> tuple[Row | None, list[str]] | None:
    event = tables.event(id, tables.as_of)
    return (event, tables.members(event)) if event else None


def _of_post(tables: _Tables, id: str) -> tuple[Row | None, list[str]] | None:
    if not tables.rows("posts", "post_id", [id], "first_seen_at"):
        return None
    events = tables.rows("event_posts", "post_id", [id], "as_of")
    return (tables.event(events[-1]["event_id"], events[-1]["as_of"]) if events else None), [id]


def _case(tables: _Tables, id: str, label: str, event: Row | None, post_ids: list[str]) -> Case:
    posts = tables.rows("posts", "post_id", post_ids, "first_seen_at")
    posts.sort(key=lambda row: (row["first_seen_at"], row["published_at"] or row["first_seen_at"], row["post_id"]))
    gone = sorted(set(post_ids) - {post["post_id"] for post in posts})
    observations = tables.rows("observations", "post_id", post_ids, "observed_at")
    lists = tables.rows("warnings", "warning_id" if label == "warning" else "event_id", [id if label != "post" else _id(event)], "as_of")
    asked = dict.fromkeys([row["fetch_id"] for row in (*posts, *observations)])
    answers = tables.rows("fetches", "fetch_id", list(asked), "fetched_at")
    known = {row["fetch_id"]: row for row in answers}
    return Case(
        id=id, label=label, as_of=tables.as_of, event=event,
        warnings=tuple({row["warning_id"]: row for row in reversed(lists)}.values())[::-1],
        posts=(*posts, *({"post_id": post_id} for post_id in gone)), observations=tuple(observations),
        fetches={**known, **{fetch_id: None for fetch_id in asked if fetch_id not in known}},
    )  # fmt: skip


def _id(event: Row | None) -> str:
    return event["event_id"] if event else ""


@dataclass(frozen=True)
class Record:
    """One answer as the bundle holds it. `state`, `fault`: see warehouse.records. `offset`: in the bundle's own WARC; None if not in it.

    `has_bytes`: something is left of it.
    """

    number: int
    fetch_id: str
    fetch: Row | None
    state: str
    fault: str
    record_id: str | None
    offset: int | None
    has_bytes: bool = False


@dataclass(frozen=True)
class Picture:
    """One attempt at a screenshot (crawlers.screenshot.Shot as a dict). `file`: in the bundle, None where there is no picture."""

    shot: Row
    file: str | None
    state: str
