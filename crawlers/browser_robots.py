"""robots.txt of one card's hosts as the browser itself gets it, by the same checked addresses; what it means is crawlers.robots' to say."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scrapy.http import Response
from scrapy.robotstxt import ProtegoRobotParser

from crawlers.browser import open_page
from crawlers.browser_visit import Gate, go
from crawlers.card import Card
from crawlers.pace import LONGEST_CRAWL_DELAY_S
from crawlers.robots import AGENT, RobotsRefusal, RobotsUnreadable, _unreadable, rules_of

if TYPE_CHECKING:
    from playwright.async_api import Browser

LONGEST_S = 30.0


class BrowserRobots:
    """Each host's file is asked for once a run."""

    def __init__(self, card: Card, user_agent: str) -> None:
        self.card, self.user_agent = card, user_agent
        self._files: dict[str, asyncio.Task[ProtegoRobotParser | str]] = {}

    async def check(self, browser: Browser, url: str) -> str | None:
        """None, or the override that lets us in all the same. RobotsRefusal, RobotsUnreadable where nothing may be asked for."""
        rules = await self._rules(browser, url)
        try:
            _judge(rules, url)
        except (RobotsRefusal, RobotsUnreadable):
            if reason := self.card.overrides.get("robots"):
                return f"override robots: {reason}"
            raise
        return None

    async def pause_s(self, browser: Browser, url: str) -> float:
        """The longest of the card's pause and the one the host wishes."""
        rules = await self._rules(browser, url)
        wish = 0.0 if isinstance(rules, str) else rules.crawl_delay(AGENT) or 0.0
        return max(self.card.delay_s, min(wish, LONGEST_CRAWL_DELAY_S))

    async def _rules(self, browser: Browser, url: str) -> ProtegoRobotParser | str:
        """The host's rules, or why they could not be read."""
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        if place not in self._files:
            self._files[place] = asyncio.create_task(self._ask(browser, f"{place}/robots.txt"))
        return await asyncio.shield(self._files[place])

    async def _ask(self, browser: Browser, address: str) -> ProtegoRobotParser | str:
        gate = Gate(self.card, _may)
        try:
            async with asyncio.timeout(LONGEST_S), open_page(browser, self.user_agent, gate) as page:
                visit = await go(page, address, gate)
                body = await visit.body()
        except Exception as problem:  # whatever kept us from reading it: it was not read
            return f"{type(problem).__name__} {problem}".split("\n")[0].strip()
        if visit.problem:
            return visit.problem
        status = 302 if visit.sent_to else int(visit.status or 0)
        answer = Response(address, status=status, headers={"Location": visit.sent_to or ""}, body=body)
        if why := _unreadable(answer):
            return why
        return ProtegoRobotParser(rules_of(body) if status < 400 else b"", None)


async def _may(address: str) -> None:
    """robots.txt may always be asked for."""


def _judge(rules: ProtegoRobotParser | str, url: str) -> None:
    if isinstance(rules, str):
        raise RobotsUnreadable(f"robots.txt: {rules}; nothing was asked for")
    if not rules.allowed(url, AGENT):
        raise RobotsRefusal("robots.txt does not allow this address")
    wish = rules.crawl_delay(AGENT)
    if wish and wish > LONGEST_CRAWL_DELAY_S:
        raise RobotsRefusal(f"robots.txt asks for {wish:g} s between requests, more than the {LONGEST_CRAWL_DELAY_S:g} s a run can wait")
