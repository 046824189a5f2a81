"""Pictures of pages that do not wish us well: nothing leaves for other hosts, walls are named, and no page keeps the others from theirs."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from crawlers import browser, screenshot
from crawlers.browser import NoBrowser, find_chromium, fixed_addresses
from crawlers.card import Card
from crawlers.screenshot import TALLEST, Shot, shoot
from flows.evidence import make
from flows.evidence import shoot as shoot_the_day
from flows.road import Road
from tests.sample_case import AS_OF, make_case
from warehouse.clock import Clock

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
ARTICLE = "<meta charset=utf-8><title>岚湖一院</title><h1>岚湖一院排队</h1>" + "<p>岚湖市第一人民医院门诊大厅早上八点的队伍。</p>" * 40


@dataclass
class Site:
    """Serves `pages` (path -> status, headers, body) on loopback and keeps what was asked: (path, User-Agent)."""

    pages: dict[str, tuple[int, dict[str, str], str]]
    asked: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> Site:
        site = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, self.headers.get("User-Agent", "")))
                status, headers, body = site.pages.get(self.path, (404, {}, "<p>没有</p>"))
                said = body.encode()
                self.send_response(status)
                for name, value in {"Content-Type": "text/html", "Content-Length": str(len(said)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def card(port: int, host: str = "127.0.0.1", **other: Any) -> Card:
    return Card("news", "article", "岚湖新闻", "宣传科", "news", (f"http://{host}:{port}/list",), delay_s=0, **other)


def post(port: int, path: str, post_id: str | None = None, host: str = "127.0.0.1") -> dict[str, str]:
    return {"post_id": post_id or path.strip("/").replace("/", "_"), "source": "news", "url": f"http://{host}:{port}{path}"}


def taken(cards: list[Card], posts: list[dict[str, str]], folder: Path) -> dict[str, Shot]:
    return {shot.post_id: shot for shot in shoot(cards, posts, folder, Clock(NOW, 0.0), "mailto:pr@lanhu.example")}


def size(png: Path) -> tuple[int, int]:
    return struct.unpack(">II", png.read_bytes()[16:24])  # type: ignore[return-value]


def hostile(other: int) -> str:
    """A page that tries every way off its host there is."""
    there = f"http://127.0.0.1:{other}"
    return (
        f"{ARTICLE}<img src='{there}/img'><iframe src='{there}/frame'></iframe><link rel=prefetch href='{there}/prefetch'>"
        f"<link rel=dns-prefetch href='//elsewhere.test'><form id=f method=post action='{there}/form'></form>"
        f"<script>window.open('{there}/popup'); window.open('/popup'); fetch('{there}/fetch').catch(() => 0);"
        f"navigator.sendBeacon('{there}/beacon', 'x'); new WebSocket('ws://127.0.0.1:{other}/socket');"
        f"new Worker(URL.createObjectURL(new Blob(['fetch(`{there}/worker`).catch(() => 0)'])));"
        "navigator.serviceWorker && navigator.serviceWorker.register('/sw.js').catch(() => 0);"
        "fetch('/private/data').catch(() => 0); alert('stop'); document.cookie = 'seen=1';"
        f"setTimeout(() => location.href = '{there}/away', 50)</script>"
    )


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site, dict[str, Shot], Path]]:
    """One run over all of a site's pages."""
    folder = tmp_path_factory.mktemp("shots") / "run"
    with Site({}) as other, Site({}) as site:
        there = f"http://127.0.0.1:{other.port}"
        captcha = "<title>安全验证</title><div id='captcha'>请完成滑块验证</div>"
        site.pages |= {
            "/robots.txt": (200, {"Content-Type": "text/plain"}, "User-agent: Guanchao\nDisallow: /private/\n"),
            "/article": (200, {}, ARTICLE), "/hostile": (200, {}, hostile(other.port)), "/tall": (200, {}, "<p>高</p>" * 5000 + ARTICLE),
            "/gone": (404, {}, "<title>404</title><p>页面不存在"), "/empty404": (404, {}, ""), "/captcha": (200, {}, captcha),
            "/to_login": (302, {"Location": "/login"}, ""), "/login": (200, {}, "<title>用户登录</title><input type=password>"),
            "/off": (302, {"Location": f"{there}/secret"}, ""),
            "/to_passport": (302, {"Location": "https://passport.weibo.test/visitor"}, ""),
            "/to_private": (302, {"Location": "/private/x"}, ""), "/private/x": (200, {}, ARTICLE), "/private/page": (200, {}, ARTICLE),
            "/loop": (200, {}, f"{ARTICLE}<script>while (true) {{}}</script>"),
            "/file": (200, {"Content-Disposition": "attachment; filename=x.exe", "Content-Type": "application/octet-stream"}, "MZ"),
        }  # fmt: skip
        asked = [post(site.port, path) for path in site.pages if path not in ("/robots.txt", "/login", "/private/x")]
        asked += [{"post_id": "away", "source": "news", "url": f"{there}/page"}, {"post_id": "import", "source": "import:x", "url": None}]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(screenshot, "LONGEST_S", 6.0)
            shots = taken([card(site.port)], asked, folder)
        yield site, other, shots, folder


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}")
class TestADay:
    Day = tuple[Site, Site, dict[str, Shot], Path]

    def test_a_page_is_shot_and_said_to_be_what_it_is(self, day: Day) -> None:
        site, _, shots, folder = day
        shot = shots["article"]
        assert (shot.reason, shot.http_status, shot.unasked) == ("ok", 200, None)
        assert shot.final_url == f"http://127.0.0.1:{site.port}/article"
        png = (folder / "article.png").read_bytes()
        assert png.startswith(b"\x89PNG")
        assert (shot.sha256, shot.bytes_n) == (hashlib.sha256(png).hexdigest(), len(png))
        assert size(folder / "article.png") == (1280, shot.height_n)
        said = json.loads((folder / "article.json").read_text(encoding="utf-8"))
        assert (said["post_id"], said["shot_at"], said["sha256"]) == ("article", "2026-03-10T00:30:00+00:00", shot.sha256)
        assert folder.stat().st_mode & 0o077 == 0

    def test_we_say_who_we_are_and_ask_for_robots_once(self, day: Day) -> None:
        site, _, _, _ = day
        assert {agent.split("/")[0] for _, agent in site.asked} == {"Guanchao"}
        assert all("mailto:pr@lanhu.example" in agent for _, agent in site.asked)
        assert site.paths.count("/robots.txt") == 1
        assert site.paths[0] == "/robots.txt"

    def test_nothing_leaves_for_another_host(self, day: Day) -> None:
        _, other, shots, _ = day
        assert other.asked == []
        assert (shots["hostile"].reason, shots["hostile"].final_url) == ("ok", shots["hostile"].url)
        assert shots["hostile"].refused_n >= 5

    def test_popups_and_service_workers_get_nothing(self, day: Day) -> None:
        site, _, _, _ = day
        assert "/popup" not in site.paths
        assert "/sw.js" not in site.paths

    def test_what_robots_forbids_is_not_asked_for_by_any_way(self, day: Day) -> None:
        site, _, shots, folder = day
        assert [path for path in site.paths if path.startswith("/private/")] == []  # page, redirect, script
        assert (shots["private_page"].reason, shots["private_page"].png) == ("robots_denied", None)
        assert shots["to_private"].png is None
        assert not (folder / "private_page.png").exists()

    @pytest.mark.parametrize(
        ("page", "reason", "status"),
        [("gone", "error", 404), ("captcha", "captcha", 200), ("to_login", "login_wall", 200)],
    )
    def test_a_wall_is_named_and_shot(self, day: Day, page: str, reason: str, status: int) -> None:
        _, _, shots, folder = day
        assert (shots[page].reason, shots[page].http_status) == (reason, status)
        assert (folder / f"{page}.png").exists()

    @pytest.mark.parametrize(("page", "reason"), [("off", "error"), ("to_passport", "login_wall"), ("to_private", "robots_denied")])
    def test_a_way_off_the_hosts_is_told_not_taken(self, day: Day, page: str, reason: str) -> None:
        _, _, shots, _ = day
        assert (shots[page].reason, shots[page].png) == (reason, None)
        assert "sent" in (shots[page].detail or "")

    def test_a_page_that_hangs_costs_its_own_picture_only(self, day: Day) -> None:
        _, _, shots, _ = day
        assert (shots["loop"].reason, shots["loop"].png) == ("error", None)
        assert "within 6 s" in (shots["loop"].detail or "")
        assert list(shots).index("loop") < list(shots).index("file")  # the run went on

    def test_a_file_and_an_empty_answer_have_no_picture(self, day: Day) -> None:
        _, _, shots, _ = day
        for page in ("file", "empty404"):
            assert (shots[page].reason, shots[page].png) == ("error", None), page
            assert shots[page].detail

    def test_a_page_without_end_is_cut(self, day: Day) -> None:
        _, _, shots, folder = day
        assert size(folder / "tall.png") == (1280, TALLEST)
        assert shots["tall"].height_n == TALLEST

    def test_posts_of_other_hosts_and_of_no_card_are_not_asked_for(self, day: Day) -> None:
        _, _, shots, folder = day
        assert (shots["away"].unasked, shots["import"].unasked) == ("not_home", "no_card")
        assert json.loads((folder / "import.json").read_text())["png"] is None


def names(**known: str) -> Any:
    """A resolver that knows these names alone."""

    def resolve(name: str, port: int, *_: Any, **__: Any) -> list[Any]:
        if name not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[name], port))]

    return resolve


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "100.64.0.1", "198.18.0.7"])
def test_a_name_that_leads_into_a_private_network_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", names(**{"news.test": address}))
    rules, refused = fixed_addresses(card(8000, "news.test"))
    assert (rules, refused) == ([], {"news.test:8000": f"news.test leads to {address}, which is no public address"})
    rules, refused = fixed_addresses(card(8000, "news.test", overrides={"private": "our own bridge in the cellar"}))
    assert (rules, refused) == ([f"MAP news.test:8000 {address}"], {})


def test_a_public_name_is_fixed_to_what_was_checked_and_an_unknown_one_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", names(**{"news.test": "93.184.216.34"}))
    site = Card("news", "article", "x", "y", "news", ("https://news.test/",), delay_s=5, options={"hosts": ["img.news.test"]})
    assert fixed_addresses(site) == (
        ["MAP news.test:80 93.184.216.34", "MAP news.test:443 93.184.216.34"],
        {"img.news.test": "img.news.test: Name or service not known"},
    )  # fmt: skip


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}")
def test_chromium_goes_where_the_name_was_checked_to_lead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """news.test exists in no DNS: a page from there can only have come by the address that was handed over."""
    monkeypatch.setattr(socket, "getaddrinfo", names(**{"news.test": "127.0.0.1"}))
    with Site({"/article": (200, {}, ARTICLE), "/robots.txt": (404, {}, "none")}) as site:
        ours = card(site.port, "news.test", overrides={"private": "our own bridge in the cellar"})
        posts = [post(site.port, "/article", host="news.test")]
        assert taken([ours], posts, tmp_path / "a")["article"].reason == "ok"
        refused = taken([card(site.port, "news.test")], posts, tmp_path / "b")["article"]
        assert (refused.unasked, refused.png) == ("no_address", None)
        assert site.paths == ["/robots.txt", "/article"]


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}")
@pytest.mark.parametrize(
    ("robots", "overrides", "reason"),
    [
        ((503, {}, "busy"), {}, "error"),
        ((302, {"Location": "https://passport.news.test/login"}, ""), {}, "error"),
        ((200, {}, "<title>安全验证</title><div id='captcha'>请完成滑块验证</div>"), {}, "error"),
        ((200, {"Content-Type": "text/plain"}, "User-agent: *\nDisallow: /\n"), {"robots": "the owner has agreed in writing"}, "ok"),
        ((200, {"Content-Type": "text/plain"}, "User-agent: *\nCrawl-delay: 900\n"), {}, "robots_denied"),
    ],
)
def test_robots_that_cannot_be_read_forbid_everything(
    tmp_path: Path, robots: tuple[int, dict[str, str], str], overrides: dict[str, str], reason: str
) -> None:
    with Site({"/article": (200, {}, ARTICLE), "/robots.txt": robots}) as site:
        shot = taken([card(site.port, overrides=overrides)], [post(site.port, "/article")], tmp_path / "run")["article"]
        assert shot.reason == reason, shot
        assert ("/article" in site.paths) == (reason == "ok")
        assert ("override robots: the owner has agreed" in (shot.detail or "")) == bool(overrides)


SOURCES = """contact: mailto:pr@lanhu.example
sources:
  - {id: feed, kind: article, title: 岚湖新闻, owner: 宣传科, platform: news, basis: 演练, robots_note: 演练, delay_s: 0,
     urls: ["{replica}/list"]}
"""


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}")
def test_the_day_shoots_the_posts_of_its_warnings_once(tmp_path: Path) -> None:
    settings = make_case(tmp_path, p0="http://replica.test/article", p1="http://replica.test/gone")
    (settings.conf / "sources.yml").write_text(SOURCES, encoding="utf-8")
    with Site({"/article": (200, {}, ARTICLE)}) as site:
        road = Road(settings, AS_OF, f"http://127.0.0.1:{site.port}")
        assert shoot_the_day(road) == 2
        assert shoot_the_day(road) == 0
        assert site.paths == ["/robots.txt", "/article", "/gone"]
    kept = settings.root / "screenshots" / road.run_id
    said = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in kept.glob("*.json")}
    assert {post: (shot["reason"], shot["final_url"]) for post, shot in said.items()} == {
        "p0": ("ok", "http://replica.test/article"), "p1": ("error", "http://replica.test/gone"),
    }  # fmt: skip
    bundle = make(settings, "w1", tmp_path / "out", AS_OF, AS_OF)
    assert (bundle.pictures_n, bundle.problems) == (2, ())


def test_no_browser_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(browser, "NAMES", ())
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(NoBrowser, match="apt install chromium") as problem:
        shoot([], [], tmp_path / "run", Clock(NOW), "mailto:x@y.example")
    assert "\n" not in str(problem.value)
    monkeypatch.setitem(__import__("sys").modules, "playwright.async_api", None)
    with pytest.raises(NoBrowser, match="pip install"):
        find_chromium()
    assert not (tmp_path / "run").exists()
