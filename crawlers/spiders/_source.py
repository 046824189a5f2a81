"""What every spider shares. A kind of source adds two hooks: what to ask for, and what an answer holds."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import lxml.etree
from scrapy import Request, Spider
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from twisted.python.failure import Failure

from crawlers.addresses import fetch_id
from crawlers.archive import Archive
from crawlers.card import Card
from crawlers.clean import decode
from crawlers.items import Fetch, Item, Origin, Reading, make_item
from crawlers.landing import Landing
from crawlers.manners import RobotsRefusal, RobotsUnreadable
from crawlers.reasons import NoReading, Verdict, judge
from warehouse.clock import Clock
from warehouse.watchlist import Watchlist

TRIES = {"blocked": 3, "error": 2}  # how often one address is asked while it gives this reason
LONGEST_WAIT_S = 120.0  # a site that wants a longer pause is left alone for this run
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, lxml.etree.LxmlError)  # what parsing an unforeseen structure raises


@dataclass
class Job:
    """All one source's crawl needs; the spider reads it, the pipeline and the archive write through it."""

    card: Card
    watchlist: Watchlist
    clock: Clock
    secret: str
    landing: Landing
    archive: Archive


class Source(Spider, ABC):
    """Asks, names each answer's reason, keeps what concerns a watched hospital. One fetches row an answer, failed tries included."""

    def __init__(self, job: Job, **kwargs: Any) -> None:
        super().__init__(name=job.card.id, **kwargs)
        self.job, self.card = job, job.card
        self._asked: Counter[tuple[str, datetime]] = Counter()
        self._kept: set[str] = set()

    @abstractmethod
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        """First hook: the addresses to begin with."""

    @abstractmethod
    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        """Second hook: readings, and further requests. NoReading names a reason; any error of structure counts as format_changed."""

    async def start(self) -> AsyncIterator[Request]:
        for request in self.start_requests_for(self.card):
            yield self._ask(request, 0)

    async def answered(self, response: Response) -> AsyncIterator[Any]:
        text = decode(response.body)
        location = (response.headers.get("Location") or b"").decode("latin-1")
        verdict, outputs = judge(response.status, text, location), list[Reading | Request]()
        if verdict is None:
            verdict, outputs = self._read(response)
        reads = [output for output in outputs if isinstance(output, Reading)]
        fetch = self._row(response.url, verdict, response, len(reads))
        items = self._kept_of(reads, fetch)
        yield fetch
        for item in items:
            yield item
        for n, request in enumerate((output for output in outputs if isinstance(output, Request)), 1):
            yield self._ask(request, -n)
        assert response.request is not None
        if again := await self._again(response.request, verdict.reason, response.status, response.headers.get("Retry-After")):
            yield again

    async def failed(self, failure: Failure) -> AsyncIterator[Any]:
        request: Request = failure.request  # type: ignore[attr-defined]
        problem = failure.value
        reason = "robots_denied" if isinstance(problem, RobotsRefusal) else "error"
        named = str(problem) if isinstance(problem, RobotsRefusal | RobotsUnreadable) else f"{type(problem).__name__}: {problem}"
        yield self._row(request.url, Verdict(reason, named.split("\n")[0]), None, 0)
        if reason == "error" and not isinstance(problem, RobotsUnreadable) and (again := await self._again(request, reason)):
            yield again

    def _read(self, response: Response) -> tuple[Verdict, list[Reading | Request]]:
        try:
            outputs = list(self.parse_items(response))
        except NoReading as known:
            return Verdict(known.reason, known.detail), []
        except UNREADABLE as problem:
            return Verdict("format_changed", f"{type(problem).__name__}: {problem}"), []
        return Verdict("ok" if outputs else "empty_confirmed", response.meta.get("note")), outputs

    def _row(self, url: str, verdict: Verdict, response: Response | None, items_n: int) -> Fetch:
        at, shown = self.job.clock.now().astimezone(UTC), self.card.shown(url)
        identity = fetch_id(self.card.id, shown, at.isoformat(), self._asked[(shown, at)])
        self._asked[(shown, at)] += 1
        row = Fetch(
            identity, self.card.id, shown, at, None, verdict.reason, (verdict.detail or "")[:500] or None, 0, items_n, None, None, None
        )
        if response is None:
            return row
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, values in response.headers.items() for v in values]
        place = self.job.archive.add(identity, shown, at, response.status, headers, response.body)
        return replace(
            row,
            http_status=response.status,
            bytes_n=len(response.body),
            sha256=place.sha256,
            warc_file=place.file,
            warc_offset=place.offset,
        )

    def _kept_of(self, reads: list[Reading], fetch: Fetch) -> list[Item]:
        """Items that concern a watched hospital and were not yet read in this crawl. An entry nothing can be made of is told in the row."""
        origin = Origin(self.card.id, self.card.platform, fetch.fetch_id, fetch.fetched_at, self.job.secret, self.card.author_kind)
        kept, unusable = [], 0
        for read in reads:
            try:
                item = make_item(replace(read, url=self.card.shown(read.url)) if read.url else read, origin)
            except UNREADABLE:
                unusable += 1
                continue
            if item.post_id not in self._kept and self.job.watchlist.concerns(f"{item.title or ''}\n{item.text}"):
                self._kept.add(item.post_id)
                kept.append(item)
        if unusable:
            fetch.detail = f"{unusable} of {len(reads)} entries could not be used; {fetch.detail or ''}"[:500].rstrip("; ")
        return kept

    def _ask(self, request: Request, priority: int) -> Request:
        return request.replace(callback=self.answered, errback=self.failed, priority=priority)

    async def _again(self, request: Request, reason: str, status: int | None = None, asked_to_wait: bytes | None = None) -> Request | None:
        """The same request after a pause of the whole source, growing with each try; a source that keeps refusing is left alone."""
        if reason not in TRIES or (reason == "error" and status is not None and status < 500):
            return None
        attempt = request.meta.get("attempt", 1)
        wish = float(asked_to_wait) if asked_to_wait and asked_to_wait.isdigit() else 0.0
        pause = max(self.card.delay_s * 2**attempt, wish)
        if attempt >= TRIES[reason] or pause > LONGEST_WAIT_S:
            if reason == "blocked":
                raise CloseSpider("blocked")
            return None
        assert self.crawler.engine is not None
        self.crawler.engine.pause()
        await asyncio.sleep(pause)
        self.crawler.engine.unpause()
        own = {key: value for key, value in request.meta.items() if not key.startswith("download_")}
        return request.replace(dont_filter=True, meta={**own, "attempt": attempt + 1})


class IntoLanding:
    """The one pipeline: every row into the landing files. Counts what was scraped and what went wrong, for the child to compare."""

    def __init__(self, job: Job) -> None:
        self.landing = job.landing

    @classmethod
    def from_crawler(cls, crawler: Any) -> IntoLanding:
        return cls(crawler.spider.job)

    def process_item(self, item: Item | Fetch) -> Item | Fetch:
        self.landing.add(item)
        return item

    def close_spider(self) -> None:
        self.landing.flush()
