"""One row of an export -> an item, a reject with column and reason, or nothing: it concerns nobody we watch."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from crawlers.addresses import post_id, stable_id
from crawlers.clean import plain
from crawlers.counts import read_count
from crawlers.imports.cells import Cells, as_text, content_id, own_id, thread, verified
from crawlers.imports.headings import PERSONAL, SPOKEN, fields_of, folded, platform_of
from crawlers.imports.rows import Known, Row
from crawlers.items import Item, Origin, Reading, make_item
from crawlers.redact import redact
from crawlers.times import UNKNOWN, Moment, read_time
from warehouse.watchlist import Watchlist

COUNTS = ("reposts_n", "comments_n", "likes_n", "views_n", "followers_n", "heat")
ARTICLES = ("news", "wechat", "toutiao", "thepaper")
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # 1900 is Excel's zero, 1970 an empty epoch
MOST = 10**15  # no count of anything; larger ones do not fit a table
SLACK = timedelta(days=1)  # an export in another time zone may run ahead of us
LONGEST_TITLE = 500  # what the table takes
REPOST = re.compile(r"//\s*@")


class Reject(NamedTuple):
    """`reason` is a word of vocabulary.QUARANTINE_REASONS; `row` is JSON with personal data masked and the author left out."""

    row_n: int
    column: str
    reason: str
    row: str


@dataclass
class Report:
    """What becomes of the rows. `columns` is our field -> the file's headings; `platforms` counts platform words we do not know.

    `also`: other sheets with posts, not read; `reasons` counts (column, reason) of the rejects.
    """

    form: str
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    rows_n: int = 0
    kept_n: int = 0
    not_ours_n: int = 0
    rejected_n: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    platforms: Counter[str] = field(default_factory=Counter)


class _Bad(Exception):
    """This row, this column, this reason."""

    def __init__(self, column: str, reason: str) -> None:
        self.column, self.reason = column, reason


@dataclass
class RowReader:
    path: Path
    watchlist: Watchlist
    origin: Origin
    platform: str | None
    report: Report
    known: Known | None
    waiting: list[tuple[Row | Reading, set[str]]] = field(default_factory=list)  # comments that name nobody, and the posts above them

    def item(self, row: Row) -> Item | Reject | None:
        """What a row gives; None if it concerns nobody we watch, or waits for what is known of its thread."""
        if row.broken:
            return _reject(row, _Bad("(row)", "bad_pattern"))
        cells = Cells(row.cells)
        is_ours = self._is_ours(cells)
        if is_ours is None:
            return _reject(row, _Bad(cells.heading("text") or cells.heading("title"), "missing"))
        if is_ours:
            return self._made(row, cells)
        if above := self._above(cells):
            self.waiting.append((row, above))
        else:
            self.report.not_ours_n += 1
        return None

    def under_known_posts(self) -> list[Item | Reject]:
        """What the waiting comments give whose post, or the comment they answer, we hold: they speak of what it speaks of."""
        held = self.known(set().union(*(above for _, above in self.waiting))) if self.known and self.waiting else set()
        kept = [self._kept(waiting) for waiting, above in self.waiting if above & held]
        self.report.not_ours_n += len(self.waiting) - len(kept)
        self.waiting = []
        return kept

    def _kept(self, waiting: Row | Reading) -> Item | Reject:
        return self._made(waiting, Cells(waiting.cells)) if isinstance(waiting, Row) else make_item(waiting, self.origin)

    def recorded(self, n: int, read: Reading) -> Item | Reject | None:
        """The same for a reading of a recorded answer, whose times are read already."""
        heard = plain(f"{read.title or ''}\n{read.text}")
        platform = self.platform or read.platform or self.origin.platform
        read = replace(read, platform=platform)
        if not heard:
            return Reject(n, "text", "missing", json.dumps({"url": read.url, "id": read.native_id}))
        if not read.native_id and not read.url:
            read = replace(read, native_id=stable_id(read.title or "", read.text))
        if self.watchlist.concerns(heard):
            return make_item(read, self.origin)
        above = {post_id(platform, said) for said in (read.parent, read.root) if said and read.kind == "comment"}
        if above and self.known is not None:
            self.waiting.append((read, above))
        else:
            self.report.not_ours_n += 1
        return None

    def _is_ours(self, cells: Cells) -> bool | None:
        """Does the row name someone we watch, or (a comment) was it found by that name? None if it says nothing at all."""
        said = f"{cells.said('title')}\n{cells.said('text')}"
        if "<" not in said and self.watchlist.concerns(said):
            return True  # no markup that could hide or split a name
        heard = plain(said)
        if not heard:
            return None
        return self.watchlist.concerns(heard) or (cells.is_comment and self.watchlist.concerns(cells.said("keyword")))

    def _above(self, cells: Cells) -> set[str]:
        if self.known is None or not cells.is_comment:
            return set()
        platform = self.platform or self._platform(cells, _address(cells))
        return {post_id(platform, said) for said in thread(cells, platform) if said}

    def _published(self, cells: Cells) -> Moment:
        """When it was published; a time that is said must be readable: never a hole where the file has a value."""
        if not (said := cells.said("published_at")):
            return UNKNOWN
        moment = read_time(said, self.origin.seen_at)
        if moment.at is None:
            raise _Bad(cells.heading("published_at"), "bad_pattern")
        if not EARLIEST <= moment.at <= self.origin.seen_at + SLACK:
            raise _Bad(cells.heading("published_at"), "too_old" if moment.at < EARLIEST else "in_future")
        return moment

    def _check_counts(self, cells: Cells) -> None:
        """As with times: a count that is said must be readable."""
        for name in COUNTS:
            if not (said := cells.said(name)):
                continue
            n = _count(said)
            if n is None or n > MOST:
                raise _Bad(cells.heading(name), "out_of_range" if n or re.fullmatch(r"-\d+(\.\d+)?", said) else "bad_pattern")

    def _made(self, row: Row, cells: Cells) -> Item | Reject:
        try:
            moment = self._published(cells)
            self._check_counts(cells)
        except _Bad as bad:
            return _reject(row, bad)
        return make_item(self._reading(cells, moment), self.origin)

    def _reading(self, cells: Cells, published: Moment) -> Reading:
        url, title, text = _address(cells), cells.said("title"), cells.said("text")
        if text and text in title:  # 黑猫 cards: the headline is the whole card
            title, text = "", title
        platform = self.platform or self._platform(cells, url)
        names = cells.every("author")
        own = any(name in hospital.own_accounts for hospital in self.watchlist.hospitals for name in names)
        author = next((name for name in names if folded(name) not in SPOKEN), None)  # 来源: 微博 is no author
        parent, root = thread(cells, platform) if cells.is_comment else (cells.said("retweet") or None, None)
        return Reading(
            text=text, title=title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…",
            kind=_kind(cells, platform, text), platform=platform, url=url or None,
            native_id=own_id(cells, platform, url) or (None if url and not cells.is_comment else content_id(cells)),
            published=published, author=author, author_kind="own" if own else None,
            is_verified=verified(cells.said("verified")), followers=cells.said("followers_n") or None, region=cells.said("region") or None,
            parent=parent, root=root if root != parent else None,
            reposts=cells.said("reposts_n") or None, comments=cells.said("comments_n") or None, likes=cells.said("likes_n") or None,
            views=cells.said("views_n") or None, heat=cells.said("heat") or None,
        )  # fmt: skip

    def _platform(self, cells: Cells, url: str) -> str:
        said = cells.said("platform")
        found = platform_of(said, url, tuple(cells.row), self.path)
        if found is None and said:
            self.report.platforms[said[:50]] += 1
        return found or "import"


@lru_cache(10_000)  # most counts are small
def _count(said: str) -> int | None:
    return read_count(said)


def _address(cells: Cells) -> str:
    said = cells.said("url")
    return said if said.startswith(("http://", "https://")) else ""


def _kind(cells: Cells, platform: str, text: str) -> str:
    if cells.is_comment:
        return "comment"
    if cells.said("retweet") or (platform == "weibo" and REPOST.search(text)):
        return "repost"
    return "article" if platform in ARTICLES else "post"


def _reject(row: Row, bad: _Bad) -> Reject:
    return Reject(row.n, bad.column, bad.reason, _masked(row))


def _masked(row: Row) -> str:
    """The row as JSON without its author and with personal data starred out; what is broken is cut at 2,000 characters."""
    own = fields_of(tuple(row.cells))
    personal = {heading for name in PERSONAL for heading in own.get(name, ())}
    shown = {
        name: redact(as_text(value)[:2_100])[:2_000]  # a number that the cut would halve is still masked whole
        for name, value in row.cells.items()
        if name not in personal and name.split(".")[0] not in ("user", "comment_user")
    }
    if row.broken:
        shown["why"] = row.broken
    return json.dumps(shown, ensure_ascii=False)
