"""What every spider shares. A kind of source adds two hooks: what to ask for, and what an answer holds."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import Request, Spider
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from twisted.python.failure import Failure

from crawlers.addresses import canonical_url
from crawlers.card import Card
from crawlers.clean import decode
from crawlers.items import Answer, Reading
from crawlers.manners import RobotsRefusal, Unasked
from crawlers.memory import READ
from crawlers.reasons import NoReading, Verdict, judge, retry_after_s
from crawlers.spiders._job import UNREADABLE, Job, Rows

TRIES = {"blocked": 3, "error": 2}  # how often one address is asked while it gives this reason
BUG = "a bug of ours"
LONGEST_WAIT_S = 120.0  # a site that wants a longer pause is left alone for this run


class Source(Spider, ABC):
    """Asks, names each answer's reason, keeps what concerns a watched hospital. One fetches row an answer, failed tries included."""

    def __init__(self, job: Job, **kwargs: Any) -> None:
        super().__init__(name=job.card.id, **kwargs)
        self.job, self.card, self.rows = job, job.card, Rows(job)

    @abstractmethod
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        """First hook: the addresses to begin with."""

    @abstractmethod
    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        """Second hook: readings, and further requests. NoReading names a reason; any error of structure counts as format_changed."""

    def cursor(self, key: str) -> str | None:
        """The word an earlier run kept under `key`."""
        return self.job.memory.cursors.get(key)

    def keep_cursor(self, response: Response, key: str, value: str) -> None:
        """Keep a word for the next run of this source, with the row of this answer."""
        response.meta["cursor"] = f"{key}\t{value}"

    async def start(self) -> AsyncIterator[Request]:
        for request in () if self.job.only_again else self.start_requests_for(self.card):
            yield self._ask(request, 0)
        for request in self._due_again():
            yield self._ask(request, -1_000_000)  # what is new comes first

    async def answered(self, response: Response) -> AsyncIterator[Any]:
        outputs: list[Reading | Request] = []
        try:
            verdict, outputs = self._understood(response)
            answer = self._answer(response, verdict, outputs)
        except Exception as bug:  # ours: it costs this one answer, whose bytes are kept, and is on the list as an error
            self.logger.exception("%s", response.url)
            verdict = Verdict("error", f"{BUG}: {type(bug).__name__}: {bug}")
            answer = Answer(self.rows.fetch(response.url, verdict, response), [])
        yield answer
        for n, request in enumerate(self._unread(outputs), 1):
            yield self._ask(request, -n)
        assert response.request is not None
        if again := await self._again(response.request, verdict.reason, response.status, response.headers.get("Retry-After")):
            yield again

    async def failed(self, failure: Failure) -> AsyncIterator[Any]:
        request: Request = failure.request  # type: ignore[attr-defined]
        problem = failure.value
        reason = "robots_denied" if isinstance(problem, RobotsRefusal) else "error"
        named = str(problem) if isinstance(problem, Unasked) else f"{type(problem).__name__}: {problem}"
        verdict = _told(Verdict(reason, named.split("\n")[0]), request.meta)
        yield Answer(self.rows.fetch(request.url, verdict), [])
        if not isinstance(problem, Unasked) and (again := await self._again(request, reason)):
            yield again

    def _understood(self, response: Response) -> tuple[Verdict, list[Reading | Request]]:
        location = (response.headers.get("Location") or b"").decode("latin-1")
        verdict = judge(response.status, decode(response.body), location)
        return (verdict, []) if verdict else self._read(response)

    def _read(self, response: Response) -> tuple[Verdict, list[Reading | Request]]:
        try:
            outputs = list(self._read_again(response) if response.meta.get("reads") else self.parse_items(response))
        except NoReading as known:
            return Verdict(known.reason, known.detail), []
        except UNREADABLE as problem:
            return Verdict("format_changed", f"{type(problem).__name__}: {problem}"), []
        links = [output for output in outputs if isinstance(output, Request)]
        if links and len(links) == len(outputs) and not self._unread(outputs):
            said = filter(None, (f"{len(links)} addresses, all read before", response.meta.get("note")))
            return Verdict("not_modified", "; ".join(said)), outputs
        return Verdict("ok" if outputs else "empty_confirmed", response.meta.get("note")), outputs

    def _answer(self, response: Response, verdict: Verdict, outputs: list[Reading | Request]) -> Answer:
        reads = [output for output in outputs if isinstance(output, Reading)]
        fetch = self.rows.fetch(response.url, _told(verdict, response.meta), response, len(reads))
        items = self.rows.items(reads, fetch)
        if verdict.reason == "ok" and (lost := self.rows.lost_field()):
            fetch.reason, fetch.detail = "format_changed", lost
        assert response.request is not None
        if fetch.reason in READ and len(reads) == len(outputs) and response.request.method == "GET":
            # an answer that leads on keeps no validator: a 304 for it would hide the pages behind it that were not read yet
            fetch.etag = (response.headers.get("ETag") or b"").decode("latin-1")[:500] or None
            fetch.last_modified = (response.headers.get("Last-Modified") or b"").decode("latin-1")[:100] or None
        return Answer(fetch, items)

    def _unread(self, outputs: list[Reading | Request]) -> list[Request]:
        """Where an answer leads, without the pages (not the lists: they change) that an earlier run, or a killed child, has read."""
        read = self.job.memory.read
        requests = [output for output in outputs if isinstance(output, Request)]
        is_new = (one.method != "GET" or one.meta.get("is_list") or canonical_url(self.card.shown(one.url)) not in read for one in requests)
        return [one for one, new in zip(requests, is_new, strict=True) if new]

    def _due_again(self) -> Iterator[Request]:
        """Posts whose counts are read again (crawlers.again), each by the parser the card names, or as a page of this source."""
        reads = (self.card.options.get("again") or {}).get("reads", "")
        for url in self.job.again:
            yield Request(self.card.asked(url), meta={"reads": reads, "is_again": True}, dont_filter=True)

    def _read_again(self, response: Response) -> Iterator[Reading | Request]:
        from crawlers.parsers import read_payload  # a dozen formats that most crawls never meet

        yield from read_payload(response.body, self.job.clock.now(), response.meta["reads"])

    def _ask(self, request: Request, priority: int) -> Request:
        request = request.replace(callback=self.answered, errback=self.failed, priority=priority)
        if request.method == "GET" and not request.meta.get("is_again"):  # counts are read again whatever the page's text says
            known = self.job.memory.validators.get(self.card.shown(request.url), ("", ""))
            sent = zip(("If-None-Match", "If-Modified-Since"), known, strict=True)
            request.headers.update({name: value for name, value in sent if value})
        return request

    async def _again(self, request: Request, reason: str, status: int | None = None, asked_to_wait: bytes | None = None) -> Request | None:
        """The same request after a pause of the whole source, growing with each try; a source that keeps refusing is left alone."""
        if reason not in TRIES or (reason == "error" and status is not None and status < 500):
            return None
        attempt = request.meta.get("attempt", 1)
        pause = max(self.card.delay_s * 2**attempt, retry_after_s(asked_to_wait, self.job.clock.now()))
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


def _told(verdict: Verdict, meta: dict[str, Any]) -> Verdict:
    """The verdict, and the written reason if a rule of ours was set aside to ask: fetches are the audit of that."""
    return verdict._replace(detail="; ".join(filter(None, (verdict.detail, meta.get("override")))) or None)


class IntoLanding:
    """The one pipeline: every answer into the landing files."""

    def __init__(self, job: Job) -> None:
        self.landing = job.landing

    @classmethod
    def from_crawler(cls, crawler: Any) -> IntoLanding:
        return cls(crawler.spider.job)

    def process_item(self, answer: Answer) -> Answer:
        self.landing.add(answer)
        return answer

    def close_spider(self) -> None:
        self.landing.flush()
