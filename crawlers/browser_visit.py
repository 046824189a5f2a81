"""One visit to one page: every request it makes is asked about before it leaves, redirects included, and what came of it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crawlers.card import Card

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page, Response, Route

MOST_REQUESTS = 200  # of one page
LOADING_S, SETTLING_S = 15.0, 3.0  # what is shown by then is what is shot
NOT_LOADED = ("Media", "WebSocket", "EventSource", "Ping", "Prefetch")  # a still picture needs none of them


class Gate:
    """Asks of every request of one page whether it may leave. `refused`: (address, why, is it the page itself), in order."""

    def __init__(self, card: Card, may: Callable[[str], Awaitable[str | None]]) -> None:
        self.card, self.may = card, may
        self.refused: list[tuple[str, str, bool]] = []
        self._asked_n = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def guard(self, context: BrowserContext, page: Page) -> None:
        session = await context.new_cdp_session(page)  # Playwright's own routes do not see where a redirect leads
        session.on("Fetch.requestPaused", lambda event: self._keep(self._answer(session, event)))
        await session.send("Fetch.enable", {"patterns": [{"urlPattern": "*"}]})
        await context.route("**/*", lambda route: _only_of(page, route))
        context.on("page", lambda other: self._keep(_close(other)))

    def _keep(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, session: Any, event: dict[str, Any]) -> None:
        url, kind = str(event["request"]["url"]), str(event.get("resourceType", ""))
        why = await self._why_not(url, kind)
        if why:
            self.refused.append((url, why, kind == "Document"))
        # an aborted navigation leaves the page as it is, a blocked one puts an error page in its place
        how = {"errorReason": "Aborted" if kind == "Document" else "BlockedByClient"} if why else {}
        with suppress(Exception):  # the page may be gone by now
            await session.send("Fetch.failRequest" if why else "Fetch.continueRequest", {"requestId": event["requestId"], **how})

    async def _why_not(self, url: str, kind: str) -> str | None:
        if url.startswith(("data:", "blob:")):
            return None  # nobody is asked
        if not self.card.is_home(url):
            return "not on the card's hosts"
        if kind in NOT_LOADED:
            return f"{kind} is not loaded"
        self._asked_n += 1
        if self._asked_n > MOST_REQUESTS:
            return f"the page has asked for {MOST_REQUESTS} things already"
        return await self.may(url)


async def _only_of(page: Page, route: Route) -> None:
    """Pop-ups get nothing; a frame that is not there yet belongs to one."""
    try:
        is_ours = route.request.frame.page is page
    except Exception:
        is_ours = False
    with suppress(Exception):
        await (route.continue_() if is_ours else route.abort("blockedbyclient"))


async def _close(page: Page) -> None:
    with suppress(Exception):
        await page.close()


@dataclass(frozen=True)
class Visit:
    """What came of asking for a page. `sent_to`: a redirect that was not followed, `why` not. `problem`: why there is nothing to see.

    `is_empty`: an answer without a body, for which Chromium shows a page of its own.
    """

    answer: Response | None = None
    status: int | None = None
    problem: str | None = None
    sent_to: str | None = None
    why: str = ""
    is_empty: bool = False

    async def body(self) -> bytes:
        return b"" if self.answer is None or self.is_empty or self.sent_to or self.problem else await self.answer.body()


async def go(page: Page, url: str, gate: Gate) -> Visit:
    """Ask for a page and wait until its answer begins."""
    from playwright.async_api import Error

    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if _is_of_page(answer, page) else None)
    try:
        await page.goto(url, wait_until="commit", timeout=0)  # the caller sets the time
    except Error as problem:
        said = problem.message.removeprefix("Page.goto: ").split("\n")[0]
        ways_off = [(address, why) for address, why, is_page in gate.refused if is_page]
        last = answers[-1] if answers else None
        if ways_off:
            return Visit(last, last.status if last else None, None, *ways_off[-1])
        if last and (last.status == 204 or "ERR_HTTP_RESPONSE_CODE_FAILURE" in said):
            return Visit(last, last.status, is_empty=True)
        return Visit(last, last.status if last else None, said)
    return Visit(answers[-1], answers[-1].status) if answers else Visit(problem="no answer")


def _is_of_page(answer: Response, page: Page) -> bool:
    try:
        return answer.request.is_navigation_request() and answer.frame is page.main_frame
    except Exception:  # an answer to a frame that is gone
        return False


async def settled(page: Page) -> bool:
    """Waits for what the page loads, but not for ever; False if it was still loading."""
    from playwright.async_api import TimeoutError as TooLong

    try:
        await page.wait_for_load_state("load", timeout=LOADING_S * 1000)
    except TooLong:
        return False
    with suppress(TooLong):
        await page.wait_for_load_state("networkidle", timeout=SETTLING_S * 1000)
    return True
