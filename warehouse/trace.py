"""Walk an id home: warning → forecast and event → posts → fetch → bytes in the WARC file. Or forward: fetch, post → events → warnings."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.clock import shanghai
from warehouse.store import TableProblem, Warehouse
from warehouse.vocabulary import ARCHIVE_STATES, FETCH_REASONS, PLATFORMS

ROADS = (("warning", "warnings"), ("event", "events"), ("post", "posts"), ("fetch", "fetches"))
Row = dict[str, Any]


class TraceProblem(TableProblem):
    """The id leads nowhere; the message says where ids are found."""


@dataclass(frozen=True)
class Node:
    """One step. label: warning, forecast, event, post, fetch or record; a record's `state` is a key of vocabulary.ARCHIVE_STATES.

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
    def is_intact(self) -> bool:
        """Everything that was archived is still what it was."""
        return all(record.state in ("intact", "none") for record in self.home.records())


def trace(warehouse: Warehouse, id: str, archive: Path | None = None) -> Trace:
    """archive: the folder `warc_file` is relative to, the warehouse's root if not said. TraceProblem for an id that is in no table."""
    walk = _Walk(warehouse, archive or warehouse.root)
    for label, table in ROADS:
        rows = walk.rows(table, f"{label}_id", [id])
        if not rows:
            continue
        if label == "warning":
            return Trace(walk.warning(rows), None)
        if label == "event":
            return Trace(walk.event(rows[-1]), walk.event_forward(id))
        if label == "post":
            return Trace(walk.post(id), walk.post_forward(id))
        return Trace(walk.fetch(id), walk.fetch_forward(id))
    raise TraceProblem(
        f"{id}: no warning, event, post or fetch in {warehouse.root} has this id; ids stand in the list's page and in the tables"
    )


class _Walk:
    """One walk over one warehouse; a fetch many posts share is read and hashed once."""

    def __init__(self, warehouse: Warehouse, archive: Path) -> None:
        self.warehouse, self.archive = warehouse, archive
        self.fetch = cache(self._fetch)

    def rows(self, table: str, column: str, ids: list[str]) -> list[Row]:
        """Rows with one of these ids, oldest first by the table's clock."""
        found = self.warehouse.scan(table).filter(pl.col(column).is_in(ids)).collect()
        return found.sort("as_of" if "as_of" in found.columns else column, *found.columns[:1]).to_dicts()

    def warning(self, lists: list[Row]) -> Node:
        """From the list it was issued on; later lists only repeat it."""
        issued = lists[0]
        forecasts = self._known(self.rows("forecasts", "event_id", [issued["event_id"]]), issued)
        events = self._known(self.rows("events", "event_id", [issued["event_id"]]), issued)
        said = f"{issued['severity']}({issued['level']}) · {issued['title']} · {shanghai(issued['as_of'])} · {len(lists)} ×"
        children = [_forecast(row) for row in sorted(forecasts, key=lambda row: int(row["horizon_h"]))] + [
            self.event(row) for row in events
        ]
        return Node("warning", issued["warning_id"], said, tuple(children))

    def event(self, event: Row) -> Node:
        """With its posts as they were known at the row's as_of."""
        members = [row for row in self.rows("event_posts", "event_id", [event["event_id"]]) if row["as_of"] == event["as_of"]]
        return Node("event", event["event_id"], _event(event), tuple(self.post(row["post_id"]) for row in members))

    def post(self, post_id: str) -> Node:
        posts = self.rows("posts", "post_id", [post_id])
        if not posts:
            return Node("post", post_id, "not in posts: erased, or never landed")
        return Node("post", post_id, _post(posts[0]), (self.fetch(posts[0]["fetch_id"]),))

    def _fetch(self, fetch_id: str) -> Node:
        fetches = self.rows("fetches", "fetch_id", [fetch_id])
        if not fetches:
            return Node("fetch", fetch_id, "not in fetches", (Node("record", fetch_id, ARCHIVE_STATES["missing"], state="missing"),))
        return Node("fetch", fetch_id, _asked(fetches[0]), (_record(self.archive, fetches[0]),))

    def fetch_forward(self, fetch_id: str) -> Node:
        shown = self.rows("posts", "fetch_id", [fetch_id])
        children = tuple(self.post_forward(row["post_id"]) for row in sorted(shown, key=lambda row: str(row["post_id"])))
        return Node("fetch", fetch_id, _asked(self.rows("fetches", "fetch_id", [fetch_id])[0]), children)

    def post_forward(self, post_id: str) -> Node:
        events = sorted({row["event_id"] for row in self.rows("event_posts", "post_id", [post_id])})
        return Node(
            "post", post_id, _post(self.rows("posts", "post_id", [post_id])[0]), tuple(self.event_forward(event) for event in events)
        )

    def event_forward(self, event_id: str) -> Node:
        rows, issued = self.rows("events", "event_id", [event_id]), self.rows("warnings", "event_id", [event_id])
        first = {row["warning_id"]: row for row in reversed(issued)}
        warnings = [
            Node("warning", row["warning_id"], f"{row['severity']}({row['level']}) · {shanghai(row['as_of'])}")
            for row in sorted(first.values(), key=lambda row: (row["as_of"], row["warning_id"]))
        ]
        return Node("event", event_id, _event(rows[-1]) if rows else "not in events", tuple(warnings))

    @staticmethod
    def _known(rows: list[Row], issued: Row) -> list[Row]:
        """Rows of the latest as_of not after the warning's."""
        before = [row for row in rows if row["as_of"] <= issued["as_of"]]
        return [row for row in before if row["as_of"] == before[-1]["as_of"]]


def _forecast(row: Row) -> Node:
    decided = f"{row['resolve_rule']} · {shanghai(row['resolve_at'])}"
    said = f"{row['horizon_h']} h: p = {row['escalates_p']:.2f} · {decided} · {row['model_version']}"
    return Node("forecast", row["event_id"], said)


def _event(row: Row) -> str:
    return f"{row['title']} · {row['posts_n']} posts · {shanghai(row['as_of'])}"


def _post(row: Row) -> str:
    words = row["title"] or row["text"][:40].replace("\n", " ")
    return f"{PLATFORMS.get(row['platform'], row['platform'])} · {words} · {row['url'] or '-'} · {shanghai(row['first_seen_at'])}"


def _asked(row: Row) -> str:
    return f"{row['source']} · {row['url']} · {FETCH_REASONS.get(row['reason'], row['reason'])} · {shanghai(row['fetched_at'])}"


def _record(archive: Path, fetch: Row) -> Node:
    """The archived answer, hashed again now."""
    if fetch["warc_file"] is None:
        return Node("record", fetch["fetch_id"], f"{ARCHIVE_STATES['none']} · sha256 {fetch['sha256'] or '-'}", state="none")
    file, offset = archive / fetch["warc_file"], int(fetch["warc_offset"])
    state = "missing"
    if file.is_file() and file.stat().st_size > offset:
        body = _body(file, offset)
        state = "tampered" if body is None or hashlib.sha256(body).hexdigest() != fetch["sha256"] else "intact"
    said = f"{ARCHIVE_STATES[state]} · {file} @ {offset} · sha256 {fetch['sha256']}"
    return Node("record", fetch["fetch_id"], said, state=state)


def _body(file: Path, offset: int) -> bytes | None:
    """Body of the one record that starts at offset; None if there is no readable record any more."""
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    with file.open("rb") as stream:
        stream.seek(offset)
        try:
            record = next(iter(ArchiveIterator(stream)), None)
            if record is None or (record.format, record.rec_type) != ("warc", "response"):
                return None  # warcio takes some noise for an old ARC record with an empty body
            return bytes(record.content_stream().read())
        except (ArchiveLoadFailed, zlib.error, EOFError, ValueError):
            return None
