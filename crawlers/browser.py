"""A headless Chromium that can reach one card's hosts and nothing else, whatever the page it shows wants.

Names are looked up here, checked like a crawl's (crawlers.network), and handed to Chromium as fixed addresses; every other name and address
leads nowhere, for redirects, scripts, sockets and Chromium's own services alike. On top of that each request, redirects included, is asked
about before it leaves.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from crawlers.browser_visit import Gate
from crawlers.card import Card
from crawlers.hosts import is_public, places
from warehouse.settings import ConfigProblem

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
WIDTH, HEIGHT = 1280, 900  # pixels of the window
QUIET = (
    "--no-proxy-server",  # behind a proxy the address connected to could not be fixed
    "--disable-quic", "--dns-prefetch-disable", "--no-pings", "--disable-background-networking", "--disable-component-update",
    "--disable-domain-reliability", "--disable-sync", "--webrtc-ip-handling-policy=disable_non_proxied_udp", "--disable-gpu",
)  # fmt: skip
NO_POPUPS = "window.open = () => null; delete window.RTCPeerConnection; delete window.webkitRTCPeerConnection"


class NoBrowser(ConfigProblem):
    """Pictures were asked for and cannot be made on this machine; the message says what to install."""


def find_chromium() -> Path:
    """$CHROMIUM, else the first of NAMES on the path."""
    try:
        import playwright.async_api  # noqa: F401
    except ImportError as problem:
        raise NoBrowser(
            "screenshots need Playwright: .venv/bin/pip install -c constraints.txt -e '.[evidence]'; all else works without"
        ) from problem
    named = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [named] if named else NAMES)), None)
    if found is None:
        where = f"CHROMIUM={named} is no program" if named else f"none of {', '.join(NAMES)} is on the path"
        raise NoBrowser(f"screenshots need Chromium, and {where}; apt install chromium, or set CHROMIUM; all else works without")
    return Path(found)


def fixed_addresses(card: Card) -> tuple[list[str], dict[str, str]]:
    """(Chromium's resolver rules for the card's hosts, host -> why it cannot be reached). Private addresses only where the card says so."""
    rules, refused = [], {}
    for host in sorted(card.hosts):
        for name, port in sorted(places(host)):
            try:
                found = [str(info[4][0]) for info in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
            except OSError as problem:
                refused[host] = f"{name}: {problem.strerror or problem}"
                continue
            usable = [address for address in found if (name, port) in card.own_places or is_public(address)]
            if not usable:
                refused[host] = f"{name} leads to {found[0]}, which is no public address"
                continue
            literal = f"[{usable[0]}]" if ":" in usable[0] else usable[0]
            rules.append(f"MAP {f'[{name}]' if ':' in name else name}:{port} {literal}")
    return rules, refused


@asynccontextmanager
async def chromium(engine: Playwright, rules: list[str]) -> AsyncIterator[Browser]:
    """One process, ended at the end, hung pages or not. Chromium has no sandbox for root."""
    browser = await engine.chromium.launch(
        executable_path=str(find_chromium()), chromium_sandbox=is_sandboxed(),
        args=[*QUIET, f"--host-resolver-rules={', '.join([*rules, 'MAP * ~NOTFOUND'])}"],
    )  # fmt: skip
    try:
        yield browser
    finally:
        with suppress(Exception):  # what could not be closed is killed with Playwright's own process
            await asyncio.wait_for(browser.close(), 5)


def is_sandboxed() -> bool:
    return os.geteuid() != 0


@asynccontextmanager
async def open_page(browser: Browser, user_agent: str, gate: Gate) -> AsyncIterator[Page]:
    """A page without a past: no cookies, no login, no downloads, no service workers, no permissions."""
    context = await browser.new_context(
        user_agent=user_agent, viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1, locale="zh-CN",
        timezone_id="Asia/Shanghai", reduced_motion="reduce", service_workers="block", accept_downloads=False,
    )  # fmt: skip
    try:
        await context.add_init_script(NO_POPUPS)
        page = await context.new_page()
        await gate.guard(context, page)
        yield page
    finally:
        with suppress(Exception):
            await asyncio.wait_for(context.close(), 5)
