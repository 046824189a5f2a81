"""How we behave on other people's machines: a name and an address, one request at a time with pauses, no way off the card's hosts, limits
to what we take. robots.txt is in robots.py, where a request may go in network.py. No login, no captcha solving, no proxies
(design/SOURCES.md §5)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from scrapy import Request, Spider
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

from crawlers.card import Card
from crawlers.network import Unasked
from crawlers.pace import JITTER, middle_s
from crawlers.reasons import leads_to_a_wall
from crawlers.robots import AGENT, RobotsRefusal, RobotsUnreadable

__all__ = ["AGENT", "HomeRedirects", "RobotsRefusal", "RobotsUnreadable", "Unasked", "polite_settings"]

LARGEST_ANSWER = 8 * 1024 * 1024  # bytes, on the wire and unpacked
SLOWEST_S = 120.0  # AutoThrottle's pause for a site that answers slowly


def polite_settings(card: Card, contact: str) -> dict[str, Any]:
    """Scrapy settings of one source. Everything is asked for within `timeout_s` (30), name, connection, head and body together."""
    pause = middle_s(card.delay_s)
    return {
        "USER_AGENT": f"{AGENT}/{version('guanchao')} (+{contact})",
        "ROBOTSTXT_OBEY": True,
        "ROBOTSTXT_USER_AGENT": AGENT,
        "CONCURRENT_REQUESTS": 1,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_DELAY": pause,
        "DOWNLOAD_DELAY_JITTER": JITTER,
        "AUTOTHROTTLE_ENABLED": card.delay_s > 0,  # else it is our own machine, and waits of its own making were all it had
        "AUTOTHROTTLE_START_DELAY": pause,
        "AUTOTHROTTLE_MAX_DELAY": max(SLOWEST_S, pause),  # Scrapy lets it undercut DOWNLOAD_DELAY
        "DOWNLOAD_TIMEOUT": float(card.options.get("timeout_s", 30)),
        "DOWNLOAD_MAXSIZE": LARGEST_ANSWER,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "DOWNLOAD_HANDLERS": {
            **dict.fromkeys(("data", "file", "ftp", "s3")),
            **dict.fromkeys(("http", "https"), "crawlers.heads.ShortHeads"),
        },
        "DEPTH_LIMIT": 3 * (int(card.options.get("pages", 10)) + 2),  # a trap's, not a site's: every page and article tried three times
        "REDIRECT_MAX_TIMES": 5,
        "RETRY_ENABLED": False,  # a second try is an answer of its own, with its own row: crawlers/spiders/_source.py
        "METAREFRESH_ENABLED": False,
        "HTTPERROR_ALLOW_ALL": True,
        "HTTPPROXY_ENABLED": False,  # behind a proxy the address connected to could not be checked
        "REMOTE_CONTROL_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
            "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": None,
            "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
            "crawlers.network.HomeOnly": 90,
            "crawlers.robots.Robots": 100,
            "crawlers.manners.HomeRedirects": 600,
        },
        "ITEM_PIPELINES": {"crawlers.spiders._source.IntoLanding": 100},
        "LOG_LEVEL": "WARNING",
    }


class HomeRedirects(RedirectMiddleware):
    """Redirects within the card's hosts are followed; others go to the spider, which names them: login wall, captcha, strange host."""

    def process_response(self, request: Request, response: Response, spider: Spider | None = None) -> Request | Response:
        try:
            target = super().process_response(request, response)
        except IgnoreRequest as problem:
            raise Unasked(f"sent on {self.max_redirect_times} times already, then to {_location(response)}; max redirections") from problem
        card: Card = self.crawler.spider.card  # type: ignore[union-attr]
        if isinstance(target, Response):
            return target
        if not card.is_home(target.url) or leads_to_a_wall(target.url):
            return response
        target.dont_filter = True  # a site that sets a cookie and sends us back to the same address is not heard out otherwise
        return target


def _location(response: Response) -> str:
    return (response.headers.get("Location") or b"").decode("latin-1")[:200]
