"""Pictures of the pages of posts, as a visitor without an account sees them: PNG, and beside each a JSON that says what it is of.

Asked for like a crawl asks: the card's hosts only, robots.txt obeyed and failing closed, our own name, the card's pauses. What stands in
place of the post (a login, a captcha, a 404) is named, and its picture kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawlers.browser import HEIGHT, WIDTH, chromium, find_chromium, fixed_addresses, is_sandboxed, open_page
from crawlers.browser_robots import BrowserRobots
from crawlers.browser_visit import LOADING_S, Gate, Visit, go, settled
from crawlers.card import Card
from crawlers.hosts import host_of
from crawlers.manners import polite_settings
from crawlers.pace import MOST_REQUESTS
from crawlers.reasons import Verdict, judge
from crawlers.robots import RobotsRefusal, RobotsUnreadable
from crawlers.walls import behind
from warehouse.clock import Clock

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, Playwright

LONGEST_S = 30.0  # of one page, from the request to the picture
TALLEST = 8000  # pixels
PAGE_HEIGHT = "Math.max(document.documentElement.scrollHeight, document.body ? document.body.scrollHeight : 0)"
UNASKED = ("no_card", "not_home", "enough", "no_address")  # briefing.evidence_page has the words for a lawyer


@dataclass(frozen=True)
class Shot:
    """One attempt. `url`, `final_url`: as tables keep addresses. `png` with its `sha256` and size only where there is a picture.

    `unasked`: a key of UNASKED if nobody was asked at all.
    """

    post_id: str
    source: str
    url: str | None
    shot_at: str
    reason: str
    detail: str | None = None
    unasked: str | None = None
    http_status: int | None = None
    final_url: str | None = None
    png: str | None = None
    sha256: str | None = None
    bytes_n: int = 0
    height_n: int = 0
    refused_n: int = 0
    user_agent: str = ""
    browser: str = ""
    is_sandboxed: bool = False


def shoot(cards: Sequence[Card], posts: Iterable[dict[str, Any]], folder: Path, clock: Clock, contact: str) -> list[Shot]:
    """One attempt a post (post_id, source, url), in order, into `folder`. NoBrowser if this machine has none."""
    find_chromium()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ThreadPoolExecutor(1) as thread:  # the caller's thread may have an event loop of its own
        return thread.submit(lambda: asyncio.run(_shoot(cards, list(posts), folder, clock, contact))).result()


async def _shoot(cards: Sequence[Card], posts: list[dict[str, Any]], folder: Path, clock: Clock, contact: str) -> list[Shot]:
    from playwright.async_api import async_playwright

    visitors = {card.id: _Visitor(card, folder, clock, contact) for card in cards}
    shots = []
    async with async_playwright() as engine:
        for post in posts:
            visitor = visitors.get(post["source"])
            without = _unasked(_blank(post, clock), "no_card", "no enabled card asks this source, so its pages are not asked for either")
            shots.append(_keep(folder, await visitor.shoot(engine, post) if visitor else without))
    return shots


class _Visitor:
    """Visits one card's pages in turn; each in a browser of its own, so that a page that hangs or breaks it harms no other."""

    def __init__(self, card: Card, folder: Path, clock: Clock, contact: str) -> None:
        self.card, self.folder, self.clock = card, folder, clock
        self.user_agent = str(polite_settings(card, contact)["USER_AGENT"])
        self.robots = BrowserRobots(card, self.user_agent)
        self._last, self._pages_n = float("-inf"), 0

    async def shoot(self, engine: Playwright, post: dict[str, Any]) -> Shot:
        url, blank = self.card.asked(post["url"] or ""), _blank(post, self.clock)
        rules, refused = fixed_addresses(self.card)
        if why_not := self._unasked(url, blank, refused):
            return why_not
        self._pages_n += 1
        async with chromium(engine, rules) as browser:
            shot = await self._visit(browser, url, blank)
            return replace(shot, user_agent=self.user_agent, browser=browser.version, is_sandboxed=is_sandboxed())

    def _unasked(self, url: str, blank: Shot, refused: dict[str, str]) -> Shot | None:
        if not self.card.is_home(url):
            hosts = ", ".join(sorted(self.card.hosts))
            return _unasked(blank, "not_home", f"not on the card's hosts ({hosts}); if it is the same site, add it to options.hosts")
        most = int(self.card.options.get("most_requests", MOST_REQUESTS))
        if self._pages_n >= most:
            return _unasked(blank, "enough", f"{most} pages are the most of one run (options.most_requests)")
        why = refused.get(str(host_of(url)))
        return _unasked(blank, "no_address", why) if why else None

    async def _visit(self, browser: Browser, url: str, blank: Shot) -> Shot:
        """robots.txt first, then the page; whatever a hostile page does to the browser costs that page's picture alone."""
        gate = Gate(self.card, lambda address: self._why_not(browser, address))
        try:
            override = await self.robots.check(browser, url)
            await self._wait_for_turn(await self.robots.pause_s(browser, url))
            async with asyncio.timeout(LONGEST_S), open_page(browser, self.user_agent, gate) as page:
                shot = await self._picture(page, url, blank, gate)
        except RobotsRefusal as refusal:
            return replace(blank, reason="robots_denied", detail=str(refusal))
        except TimeoutError:
            shot = replace(blank, reason="error", detail=f"no picture within {LONGEST_S:g} s")
        except Exception as problem:
            said = str(problem) if isinstance(problem, RobotsUnreadable) else f"{type(problem).__name__}: {problem}"
            return replace(blank, reason="error", detail=said.split("\n")[0][:500])
        detail = "; ".join(filter(None, (shot.detail, override)))[:500] or None
        return replace(shot, detail=detail, refused_n=len(gate.refused))

    async def _why_not(self, browser: Browser, address: str) -> str | None:
        try:
            await self.robots.check(browser, address)
        except (RobotsRefusal, RobotsUnreadable) as refusal:
            return str(refusal)
        return None

    async def _wait_for_turn(self, pause_s: float) -> None:
        """Between pages of a host as between a crawl's requests: the pause and up to half as much again."""
        await asyncio.sleep(max(0.0, self._last + pause_s * random.uniform(1.0, 1.5) - time.monotonic()))
        self._last = time.monotonic()

    async def _picture(self, page: Page, url: str, blank: Shot, gate: Gate) -> Shot:
        visit = await go(page, url, gate)
        shot = replace(blank, shot_at=_now(self.clock), http_status=visit.status)
        if visit.sent_to:
            verdict = self._led_away(visit.sent_to, visit.why)
            return replace(shot, reason=verdict.reason, detail=verdict.detail, final_url=self.card.shown(visit.sent_to))
        if visit.problem or visit.is_empty:
            verdict = judge(int(visit.status or 0), "") or Verdict("error")
            return replace(shot, reason=verdict.reason if visit.is_empty else "error", detail=visit.problem or verdict.detail)
        is_loaded = await settled(page)
        verdict = self._verdict(visit, url, page.url, await page.content())
        detail = verdict.detail or (None if is_loaded else f"still loading after {LOADING_S:g} s")
        height = min(max(int(await page.evaluate(PAGE_HEIGHT)), HEIGHT), TALLEST)
        png = await page.screenshot(
            full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height}, animations="disabled", timeout=0
        )
        write_whole(self.folder / f"{blank.post_id}.png", png)
        return replace(
            shot, reason=verdict.reason, detail=detail, final_url=self.card.shown(page.url), png=f"{blank.post_id}.png",
            sha256=hashlib.sha256(png).hexdigest(), bytes_n=len(png), height_n=height,
        )  # fmt: skip

    def _led_away(self, address: str, why: str) -> Verdict:
        if self.card.is_home(address):
            return Verdict(
                "robots_denied" if why.startswith("robots.txt") else "error", f"sent to {self.card.shown(address)}, not followed: {why}"
            )
        return judge(302, "", address) or Verdict("error")

    def _verdict(self, visit: Visit, asked: str, arrived: str, page: str) -> Verdict:
        """What the picture is of: the post, as far as we can tell, or what stands in its place."""
        if arrived != asked and behind(arrived):
            return judge(302, "", self.card.shown(arrived)) or Verdict("error")
        return judge(int(visit.status or 200), page) or Verdict("ok")


def _blank(post: dict[str, Any], clock: Clock) -> Shot:
    return Shot(post["post_id"], post["source"], post["url"], _now(clock), "ok")


def _unasked(blank: Shot, key: str, detail: str) -> Shot:
    return replace(blank, reason="error", unasked=key, detail=detail[:500])


def _now(clock: Clock) -> str:
    return clock.now().astimezone(UTC).isoformat(timespec="seconds")


def write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def _keep(folder: Path, shot: Shot) -> Shot:
    """The word of it beside the picture, and after it: a picture without its word is half a shot, and counts as none."""
    write_whole(folder / f"{shot.post_id}.json", (json.dumps(asdict(shot), ensure_ascii=False, indent=1) + "\n").encode())
    return shot
