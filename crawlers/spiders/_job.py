"""One source's crawl: what it is handed, and the rows that its answers become."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import lxml.etree
from scrapy.http import Response

from crawlers.addresses import fetch_id
from crawlers.archive import Archive
from crawlers.card import Card
from crawlers.items import Fetch, Item, Origin, Reading, make_item
from crawlers.landing import Landing
from crawlers.memory import FILLED, Memory
from crawlers.reasons import Verdict
from warehouse.clock import Clock
from warehouse.watchlist import Watchlist

# what parsing an unforeseen structure raises; RecursionError: brackets ten thousand deep
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, RecursionError, lxml.etree.LxmlError)
COLLAPSE_N = 8  # items of this crawl; fewer may lack a field by chance
USUALLY, COLLAPSED = 0.8, 0.1  # a field that so many of the source's posts have, and so few of this crawl's, is no longer found


@dataclass
class Job:
    """All one source's crawl needs; the spider reads it, the pipeline and the archive write through it.

    `again`: addresses of posts whose counts are due to be read again; `only_again`: and nothing else is asked for.
    """

    card: Card
    watchlist: Watchlist
    clock: Clock
    secret: str
    landing: Landing
    archive: Archive
    memory: Memory = field(default_factory=Memory)
    again: tuple[str, ...] = ()
    only_again: bool = False


class Rows:
    """Answers -> rows of fetches and of raw_items, archived on the way. Continues what an earlier, killed child landed."""

    def __init__(self, job: Job) -> None:
        self.job, self.card = job, job.card
        self._asked: Counter[tuple[str, datetime]] = Counter(job.landing.fetches.select("url", "fetched_at").iter_rows())
        self._kept: set[str] = set(job.landing.posts)
        self._made = 0
        self._filled: Counter[str] = Counter()

    def fetch(self, url: str, verdict: Verdict, response: Response | None = None, items_n: int = 0) -> Fetch:
        at, shown = self.job.clock.now().astimezone(UTC), self.card.shown(url)
        identity = fetch_id(self.card.id, shown, at.isoformat(), self._asked[(shown, at)])
        self._asked[(shown, at)] += 1
        detail = (verdict.detail or "")[:500] or None
        row = Fetch(identity, self.card.id, shown, at, None, verdict.reason, detail, 0, items_n, None, None, None)
        if response is None:
            return row
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, values in response.headers.items() for v in values]
        place = self.job.archive.add(identity, shown, at, response.status, headers, response.body)
        row.http_status, row.bytes_n, row.cursor = response.status, len(response.body), response.meta.get("cursor")
        row.sha256, row.warc_file, row.warc_offset = place.sha256, place.file, place.offset
        return row

    def items(self, reads: list[Reading], fetch: Fetch) -> list[Item]:
        """Items that concern a watched hospital and were not yet read in this crawl. What nothing can be made of is told in the fetch."""
        origin = Origin(self.card.id, self.card.platform, fetch.fetch_id, fetch.fetched_at, self.job.secret, self.card.author_kind)
        kept, unusable = [], 0
        for read in reads:
            try:
                item = make_item(replace(read, url=self.card.shown(read.url)) if read.url else read, origin)
            except UNREADABLE:
                unusable += 1
                continue
            self._made += 1
            self._filled.update(name for name, column in FILLED.items() if getattr(item, column) is not None)
            is_ours = item.parent_id in self._kept or self.job.watchlist.concerns(f"{item.title or ''}\n{item.text}")
            if is_ours and item.post_id not in self._kept:  # a comment on a post we keep seldom names the hospital
                self._kept.add(item.post_id)
                kept.append(item)
        if unusable:
            fetch.detail = f"{unusable} of {len(reads)} entries could not be used; {fetch.detail or ''}"[:500].rstrip("; ")
        return kept

    def lost_field(self) -> str | None:
        """A sentence if a field that the source's posts usually have is found no more; over the whole crawl, pages hold one item each."""
        if self._made < COLLAPSE_N:
            return None
        for name, usual in self.job.memory.usual.items():
            share = self._filled[name] / self._made
            if usual >= USUALLY and share <= COLLAPSED * usual:
                return f"{name} was found in {share:.0%} of {self._made} items, usually in {usual:.0%}"
        return None
