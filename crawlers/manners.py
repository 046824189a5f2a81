"""How we behave on other people's machines: robots obeyed and failing closed, a name and an address, one request at a time, no way off
the card's hosts. No login, no captcha solving, no proxies (design/SOURCES.md §5)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, Spider
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from twisted.internet.defer import Deferred

from crawlers.card import Card
from crawlers.reasons import leads_to_a_wall

AGENT = "Guanchao"  # the name robots.txt may speak to
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes


def polite_settings(card: Card, contact: str) -> dict[str, Any]:
    """Scrapy settings of one source."""
    return {
        "USER_AGENT": f"{AGENT}/{version('guanchao')} (+{contact})",
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": AGENT,
        "CONCURRENT_REQUESTS": 1,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_DELAY": card.delay_s,
        "AUTOTHROTTLE_ENABLED": True,
        "AUTOTHROTTLE_START_DELAY": card.delay_s,
        "DOWNLOAD_TIMEOUT": float(card.options.get("timeout_s", 30)),
        "DOWNLOAD_MAXSIZE": LARGEST_ANSWER,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "REDIRECT_MAX_TIMES": 5,
        "RETRY_ENABLED": False,  # a second try is an answer of its own, with its own row: crawlers/spiders/_source.py
        "METAREFRESH_ENABLED": False,
        "HTTPERROR_ALLOW_ALL": True,
        "REMOTE_CONTROL_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
            "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": None,
            "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
            "crawlers.manners.Robots": 100,
            "crawlers.manners.HomeRedirects": 600,
        },
        "ITEM_PIPELINES": {"crawlers.spiders._source.IntoLanding": 100},
        "LOG_LEVEL": "WARNING",
    }


class RobotsRefusal(IgnoreRequest):
    """robots.txt says no."""


class RobotsUnreadable(IgnoreRequest):
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
    """RFC 9309: 4xx means no rules; 5xx, 429 and no answer mean keep out. And Crawl-delay, which Scrapy 2.19 reads but never applies."""

    async def process_request(self, request: Request, spider: Spider | None = None) -> None:
        await super().process_request(request)
        rules = self._parsers.get(urlsplit(request.url).netloc)
        wish = rules.crawl_delay(AGENT) if isinstance(rules, RobotParser) else None
        if wish and wish > self.crawler.settings.getfloat("DOWNLOAD_DELAY"):
            request.meta["autothrottle_dont_adjust_delay"] = True
            assert self.crawler.engine is not None
            self.crawler.engine.downloader._get_slot(request)[1].delay = wish

    def process_request_2(self, rp: RobotParser | None, request: Request) -> None:
        if isinstance(rp, _NoRules):
            raise RobotsUnreadable(f"robots.txt: {rp.why}; nothing was asked for")
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest as refusal:
            raise RobotsRefusal("robots.txt does not allow this address") from refusal

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500 or response.status == 429 or 300 <= response.status < 400:
            raise RobotsUnreadable(f"HTTP {response.status}")
        readable = response if response.status < 400 else response.replace(body=b"")
        await super()._parse_robots(readable, netloc, request)

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        waiting = self._parsers[netloc]
        self._parsers[netloc] = refusal = _NoRules(f"{type(exc).__name__} {exc}".strip())
        if isinstance(waiting, Deferred):
            waiting.callback(refusal)


class HomeRedirects(RedirectMiddleware):
    """Redirects within the card's hosts are followed; others go to the spider, which names them: login wall, captcha, strange host."""

    def process_response(self, request: Request, response: Response, spider: Spider | None = None) -> Request | Response:
        target = super().process_response(request, response)
        card: Card = self.crawler.spider.card  # type: ignore[union-attr]
        if isinstance(target, Response) or (card.is_home(target.url) and not leads_to_a_wall(target.url)):
            return target
        return response
