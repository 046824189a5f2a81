"""robots.txt obeyed, and failing closed: what cannot be read forbids everything (RFC 9309 §2.3.1.4; a missing file forbids nothing)."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from twisted.internet.defer import Deferred

from crawlers.card import Card
from crawlers.clean import decode
from crawlers.network import Unasked
from crawlers.pace import LONGEST_CRAWL_DELAY_S, middle_s
from crawlers.reasons import REFUSED, judge

AGENT = "Guanchao"  # the name robots.txt may speak to
MOST_READ = 500 * 1024  # bytes of a robots.txt that RFC 9309 §2.5 asks a crawler to read; the rest is not read


class RobotsRefusal(Unasked):
    """robots.txt says no."""


class RobotsUnreadable(Unasked):
    """robots.txt could not be read, so nothing else of that host is asked for."""


class _NoRules(RobotParser):
    """Stands in for a robots.txt that could not be had."""

    def __init__(self, why: str) -> None:
        self.why = why

    def allowed(self, url: str | bytes, user_agent: str | bytes) -> bool:
        return False

    @classmethod
    def from_crawler(cls, crawler: Any, robotstxt_body: bytes) -> _NoRules:
        return cls("never read")


class Robots(RobotsTxtMiddleware):
    """Scrapy's own with what it lacks: failing closed, walls in place of the file, charsets, Crawl-delay, overrides with a reason.

    Redirects of robots.txt are followed five times within the card's hosts (HomeRedirects); one that leaves them cannot be read.
    """

    async def process_request(self, request: Request, spider: Spider | None = None) -> None:
        await super().process_request(request)
        rules = self._parsers.get(urlsplit(request.url).netloc)
        wish = rules.crawl_delay(AGENT) if isinstance(rules, RobotParser) else None
        if wish and math.isfinite(wish):
            self._slow_down(request, wish)

    def process_request_2(self, rp: RobotParser | None, request: Request) -> None:
        try:
            self._check(rp, request)
        except Unasked:
            card: Card = self.crawler.spider.card  # type: ignore[union-attr]
            if not (reason := card.overrides.get("robots")):
                raise
            request.meta["override"] = f"override robots: {reason}"  # goes into the fetch's row

    def _check(self, rp: RobotParser | None, request: Request) -> None:
        if isinstance(rp, _NoRules):
            raise RobotsUnreadable(f"robots.txt: {rp.why}; nothing was asked for")
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest as refusal:
            raise RobotsRefusal("robots.txt does not allow this address") from refusal
        wish = rp.crawl_delay(AGENT) if rp else None
        if wish and wish > LONGEST_CRAWL_DELAY_S:
            raise RobotsRefusal(
                f"robots.txt asks for {wish:g} s between requests, more than the {LONGEST_CRAWL_DELAY_S:g} s a run can wait"
            )

    def _slow_down(self, request: Request, wish: float) -> None:
        delay = middle_s(min(wish, LONGEST_CRAWL_DELAY_S))
        if delay > self.crawler.settings.getfloat("DOWNLOAD_DELAY"):
            request.meta["autothrottle_dont_adjust_delay"] = True
            assert self.crawler.engine is not None
            self.crawler.engine.downloader._get_slot(request)[1].delay = delay

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if problem := _unreadable(response):
            raise RobotsUnreadable(problem)
        body = rules_of(response.body) if response.status < 400 else b""
        await super()._parse_robots(response.replace(body=body), netloc, request)

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        waiting = self._parsers[netloc]
        self._parsers[netloc] = refusal = _NoRules(str(exc) if isinstance(exc, Unasked) else f"{type(exc).__name__} {exc}".strip())
        if isinstance(waiting, Deferred):
            waiting.callback(refusal)


def rules_of(body: bytes) -> bytes:
    """A robots.txt as the parser needs it: UTF-8 without a mark, one kind of line end, whole lines of its first 500 KiB."""
    if len(body) > MOST_READ:
        body = body[:MOST_READ].rpartition(b"\n")[0]
    return "\n".join(decode(body).lstrip("\ufeff").replace("\x00", "").splitlines()).encode("utf-8", "replace")


def _unreadable(response: Response) -> str | None:
    """Why this answer says nothing about the rules. 4xx says there are none; HTML that is no wall is a site's way of saying 404."""
    if 300 <= response.status < 400:
        there = (response.headers.get("Location") or b"").decode("latin-1")
        return f"HTTP {response.status}, sent to {there or 'nowhere'}, which is not followed: not the card's host, or a wall"
    if response.status >= 500 or (response.status in REFUSED and response.status != 403):
        return f"HTTP {response.status}"
    if (
        response.status < 400
        and response.body.strip()
        and (wall := judge(response.status, decode(response.body)))
        and wall.reason != "error"
    ):
        return f"{wall.detail}, in place of the file"
    return None
