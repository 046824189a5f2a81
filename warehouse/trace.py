"""Walk an id home: warning → forecast, event → posts → fetch → bytes in the WARC file. Or forward: bytes, fetch, post → events → warnings.

Raw bytes are named by their sha256 or by their place, FILE@OFFSET. Each table is asked once a step, whatever the number of ids.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.clock import shanghai
from warehouse.records import archived
from warehouse.store import TableProblem, Warehouse
from warehouse.vocabulary import ARCHIVE_STATES, FETCH_REASONS, PLATFORMS

SHA256, PLACE = re.compile(r"[0-9a-f]{64}"), re.compile(r"(?P<file>.+)[@:](?P<offset>\d+)")
WELL = ("intact", "none", "erased")  # states of a record nobody need worry about
FAULTS = {
    "unreadable": "no readable record", "body": "body differs from its sha256", "frame": "headers differ from their digest",
    "place": "record of another address or time", "header": "gzip header is not the archive's",
}  # fmt: skip
Row = dict[str, Any]


class TraceProblem(TableProblem):
    """The id leads nowhere; the message says where ids are found."""


@dataclass(frozen=True)
class Node:
    """One step. label: bytes, warning, forecast, event, post, fetch or record; a record's `state` is a key of vocabulary.ARCHIVE_STATES.

    Titles in `detail` are crawled text: print them as plain text, never as markup.
    """

    label: str
    id: str
    detail: str
    children: tuple[Node, ...] = ()
    state: str = ""

    def records(self) -> list[Node]:
        """Every archive record under this node."""
        own = [self] if self.label == "record" else []
        return own + [record for child in self.children for record in child.records()]


@dataclass(frozen=True)
class Trace:
    """`home` ends at archive records, `forward` at warnings (a warning has none). Read as a Node: the id with both roads under it."""

    home: Node
    forward: Node | None

    @property
    def id(self) -> str:
        return self.home.id

    @property
    def label(self) -> str:
        return self.home.label

    @property
    def detail(self) -> str:
        return self.home.detail

    @property
    def children(self) -> tuple[Node, ...]:
        return self.home.children + (self.forward.children if self.forward else ())

    @property
    def records(self) -> list[Node]:
        """The archive's records it stands on, each once, in the order of the walk."""
        return list({record.id: record for record in self.home.records()}.values())

    @property
    def is_intact(self) -> bool:
        """Everything that was archived is still what it was, or was erased at someone's wish."""
        return all(record.state in WELL for record in self.records)


def trace(warehouse: Warehouse, id: str, archive: Path | None = None) -> Trace:
    """id: of a warning, event, post or fetch; the sha256 of raw bytes, or FILE@OFFSET of their record.

    archive: the folder `warc_file` is relative to, the warehouse's root if not said. TraceProblem for an id that is in no table.
    """
    walk = _Walk(warehouse, archive or warehouse.root)
    for road in (_of_bytes, _of_warning, _of_event, _of_post, _of_fetch):
        if found := road(walk, id):
            return found
    raise TraceProblem(
        f"{id}: no warning, event, post or fetch in {warehouse.root} has this id, nor raw bytes this sha256 or place; "
        "ids stand in the list's page and in the tables"
    )


@dataclass
class _Walk:
    """One walk over one warehouse; a fetch many posts share is read and hashed once."""

    warehouse: Warehouse
    archive: Path
    _fetches: dict[str, Node] = field(default_factory=dict)

    def rows(self, table: str, column: str, ids: Iterable[str], *also: pl.Expr) -> list[Row]:
        """Rows with one of these ids, oldest first by the table's clock."""
        found = self.warehouse.scan(table).filter(pl.col(column).is_in(sorted(set(ids))), *also).collect()
        return found.sort("as_of" if "as_of" in found.columns else column, *found.columns[:1]).to_dicts()

    def fetches(self, ids: Iterable[str]) -> dict[str, Node]:
        """Each fetch with its record, read and hashed now."""
        unread = {one for one in ids if one not in self._fetches}
        rows = {row["fetch_id"]: row for row in self.rows("fetches", "fetch_id", unread)} if unread else {}
        for one in unread:
            self._fetches[one] = _fetch(self.archive, one, rows.get(one))
        return self._fetches

    def posts(self, ids: list[str]) -> list[Node]:
        """Home from posts, in the order given."""
        rows = {row["post_id"]: row for row in self.rows("posts", "post_id", ids)}
        fetches = self.fetches([row["fetch_id"] for row in rows.values()])
        gone = "not in posts: erased, past retention, or never landed"
        return [
            Node("post", one, _post(rows[one]), (fetches[rows[one]["fetch_id"]],)) if one in rows else Node("post", one, gone)
            for one in ids
        ]

    def event(self, event: Row) -> Node:
        """With its posts as they were known at the row's as_of."""
        members = self.rows("event_posts", "event_id", [event["event_id"]], pl.col("as_of") == event["as_of"])
        return Node("event", event["event_id"], _event(event), tuple(self.posts([row["post_id"] for row in members])))

    def posts_forward(self, ids: list[str], words: dict[str, str] | None = None) -> list[Node]:
        """Forward from posts: the events each was in, and the warnings that were issued of them while it was."""
        rows = {row["post_id"]: row for row in self.rows("posts", "post_id", ids)}
        member = self.rows("event_posts", "post_id", ids)
        moments: dict[tuple[str, str], set[Any]] = defaultdict(set)
        for row in member:
            moments[row["post_id"], row["event_id"]].add(row["as_of"])
        events = self.events_forward({row["event_id"] for row in member})
        said = words or {}
        return [
            Node(
                "post", one, _post(rows[one]) + said.get(one, "") if one in rows else "not in posts any more" + said.get(one, ""),
                tuple(events.node(event, known) for (post, event), known in sorted(moments.items()) if post == one),
            )
            for one in ids
        ]  # fmt: skip

    def events_forward(self, ids: Iterable[str]) -> _Events:
        wanted = sorted(ids)
        return _Events(self.rows("events", "event_id", wanted), self.rows("warnings", "event_id", wanted))


class _Events:
    """Events with the warnings of each list."""

    def __init__(self, events: list[Row], warnings: list[Row]) -> None:
        self.latest = {row["event_id"]: row for row in events}
        self.warnings = warnings

    def node(self, event_id: str, moments: set[Any] | None = None) -> Node:
        """moments: only warnings of these lists; each warning at the first of them."""
        lists = [row for row in self.warnings if row["event_id"] == event_id and (moments is None or row["as_of"] in moments)]
        first = {row["warning_id"]: row for row in reversed(lists)}
        warnings = [
            Node("warning", row["warning_id"], f"{row['severity']}({row['level']}) · {shanghai(row['as_of'])} · run {row['run_id']}")
            for row in sorted(first.values(), key=lambda row: (row["as_of"], row["warning_id"]))
        ]
        latest = self.latest.get(event_id)
        return Node("event", event_id, _event(latest) if latest else "not in events", tuple(warnings))


def _of_bytes(walk: _Walk, id: str) -> Trace | None:
    """All answers with these bytes; the same page asked again may have given the same."""
    place = PLACE.fullmatch(id)
    if SHA256.fullmatch(id):
        rows = walk.rows("fetches", "sha256", [id])
    elif place:
        file = place["file"].removeprefix(f"{walk.archive}/")
        rows = walk.rows("fetches", "warc_file", [file], pl.col("warc_offset") == int(place["offset"]))
    else:
        return None
    if not rows:
        return None
    fetches = walk.fetches([row["fetch_id"] for row in rows])
    home = Node("bytes", id, f"{len(rows)} × fetched", tuple(fetches[row["fetch_id"]] for row in rows))
    return Trace(home, Node("bytes", id, "", tuple(_fetch_forward(walk, row) for row in rows)))


def _of_warning(walk: _Walk, id: str) -> Trace | None:
    """From the list it was issued on; later lists only repeat it."""
    lists = walk.rows("warnings", "warning_id", [id])
    if not lists:
        return None
    issued = lists[0]
    forecasts = _known(walk.rows("forecasts", "event_id", [issued["event_id"]]), issued)
    events = _known(walk.rows("events", "event_id", [issued["event_id"]]), issued)
    said = f"{issued['severity']}({issued['level']}) · {issued['title']} · {shanghai(issued['as_of'])} · {len(lists)} ×"
    chances = [_forecast(row) for row in sorted(forecasts, key=lambda row: int(row["horizon_h"]))]
    children = (*chances, *(walk.event(row) for row in events))
    return Trace(Node("warning", id, f"{said} · run {issued['run_id']}", children), None)


def _of_event(walk: _Walk, id: str) -> Trace | None:
    rows = walk.rows("events", "event_id", [id])
    return Trace(walk.event(rows[-1]), walk.events_forward([id]).node(id)) if rows else None


def _of_post(walk: _Walk, id: str) -> Trace | None:
    return Trace(walk.posts([id])[0], walk.posts_forward([id])[0]) if walk.rows("posts", "post_id", [id]) else None


def _of_fetch(walk: _Walk, id: str) -> Trace | None:
    rows = walk.rows("fetches", "fetch_id", [id])
    return Trace(walk.fetches([id])[id], _fetch_forward(walk, rows[0])) if rows else None


def _fetch_forward(walk: _Walk, fetch: Row) -> Node:
    """Posts this answer was the first to show, and those whose counts were read from it."""
    shown = {row["post_id"] for row in walk.rows("posts", "fetch_id", [fetch["fetch_id"]])}
    counted = {row["post_id"] for row in walk.rows("observations", "fetch_id", [fetch["fetch_id"]])} - shown
    words = dict.fromkeys(counted, " · only counts read here")
    return Node("fetch", fetch["fetch_id"], _asked(fetch), tuple(walk.posts_forward([*sorted(shown), *sorted(counted)], words)))


def _known(rows: list[Row], issued: Row) -> list[Row]:
    """Rows of the latest as_of not after the warning's."""
    before = [row for row in rows if row["as_of"] <= issued["as_of"]]
    return [row for row in before if row["as_of"] == before[-1]["as_of"]]


def _forecast(row: Row) -> Node:
    decided = f"{row['resolve_rule']} · {shanghai(row['resolve_at'])}"
    return Node("forecast", row["event_id"], f"{row['horizon_h']} h: p = {row['escalates_p']:.2f} · {decided} · {row['model_version']}")


def _event(row: Row) -> str:
    return f"{row['title']} · {row['posts_n']} posts · {shanghai(row['as_of'])} · run {row['run_id']}"


def _post(row: Row) -> str:
    words = row["title"] or row["text"][:40].replace("\n", " ")
    platform = PLATFORMS.get(row["platform"], row["platform"])
    return f"{platform} · {words} · {row['url'] or '-'} · {shanghai(row['first_seen_at'])} · run {row['run_id']}"


def _asked(row: Row) -> str:
    answer = FETCH_REASONS.get(row["reason"], row["reason"])
    return f"{row['source']} · {row['url']} · {answer} · {shanghai(row['fetched_at'])} · run {row['run_id']}"


def _fetch(archive: Path, fetch_id: str, row: Row | None) -> Node:
    if row is None:
        return Node("fetch", fetch_id, "not in fetches", (Node("record", fetch_id, ARCHIVE_STATES["missing"], state="missing"),))
    return Node("fetch", fetch_id, _asked(row), (_record(archive, row),))


def _record(archive: Path, fetch: Row) -> Node:
    """The archived answer, every byte of it looked at again now."""
    found = archived(archive, fetch)
    state = ARCHIVE_STATES[found.state] + (f" ({FAULTS.get(found.fault, found.fault)})" if found.fault else "")
    where = f"{archive / fetch['warc_file']} @ {fetch['warc_offset']} · " if fetch["warc_file"] else ""
    said = f"{state} · {where}sha256 {fetch['sha256'] or '-'}"
    return Node("record", fetch["fetch_id"], said, state=found.state)
