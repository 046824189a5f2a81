"""Manners and law over HTTP on loopback in real child processes: robots, hosts and addresses, limits, pace. All pages are constructed."""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import polars as pl
import pytest
import yaml
from backports import zstd
from protego import Protego

from crawlers.card import Card, load_cards
from crawlers.hosts import host_of, is_public
from crawlers.manners import polite_settings
from crawlers.reasons import judge, leads_to_a_wall, retry_after_s
from crawlers.robots import MOST_READ, rules_of
from crawlers.run import crawl, crawl_together, read_landing
from crawlers.walls import disguised
from warehouse.clock import Clock
from warehouse.settings import PROJECT, ConfigProblem

NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"
FEED = (
    "<rss version='2.0'><channel><title>t</title><item><title>岚湖一院急诊排队</title><link>https://news.lanhu.example/1</link>"
    "<pubDate>Mon, 09 Mar 2026 07:51:28 GMT</pubDate></item></channel></rss>"
).encode()
HTML = {"Content-Type": "text/html"}
CLOSED = b"User-agent: *\nDisallow: /\n"
Answer = tuple[int, dict[str, str], bytes]
Route = Answer | Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    routes: Mapping[str, Route]
    asked: Counter[str]
    times: list[float]

    def do_GET(self) -> None:
        self.asked[self.path] += 1
        self.times.append(time.monotonic())
        said = self.routes.get(self.path) or self.routes.get(self.path.split("?")[0], (404, {}, b"nothing here"))
        if callable(said):
            self.close_connection = True
            with suppress(OSError):  # whoever asked has had enough
                said(self)
            return
        status, headers, body = said
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class Site:
    """A server of its own, so that its robots.txt is its own."""

    def __init__(self, routes: Mapping[str, Route], robots: Route = (404, {}, b""), address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.asked, self.times = Counter[str](), list[float]()
        told: dict[str, Route] = {"/feed.xml": (200, {}, FEED), "/robots.txt": robots, **routes}
        kind = type("Here", (Handler,), {"routes": told, "asked": self.asked, "times": self.times})
        self.server = ThreadingHTTPServer(address, kind)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_port
        self.base = f"http://{address[0]}:{self.port}"

    def card(self, name: str, *paths: str, kind: str = "feed", **fields: Any) -> Card:
        options = fields.pop("options", {"timeout_s": 5})
        urls = tuple(self.base + path for path in paths or ("/feed.xml",))
        return Card(name, kind, name, "o", "news", urls, **{"delay_s": 0, "options": options, **fields})


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    (folder / "settings.yml").write_text("drill: true\n")
    (folder / "hospitals.yml").write_text(
        "scope: listed\nhospitals:\n- {id: lanhu_first, name: 岚湖市第一人民医院, aliases: [岚湖一院]}\n", encoding="utf-8"
    )
    (folder / "sources.yml").write_text("contact: https://www.lanhu-first.example/about\nsources: []\n")
    return folder


class Run:
    def __init__(self, fetches: pl.DataFrame, items: pl.DataFrame) -> None:
        self.fetches, self.items = fetches, items

    def of(self, source: str) -> list[dict[str, Any]]:
        return self.fetches.filter(pl.col("source") == source).to_dicts()

    def one(self, source: str) -> tuple[str, str]:
        (row,) = self.of(source)
        return row["reason"], row["detail"] or ""


def crawled(cards: list[Card], conf: Path, folder: Path, timeout_s: float = 60) -> Run:
    landing = folder / "landing"
    landing.mkdir(parents=True)
    crawl_together(cards, landing, conf, Clock(NOW, speed=0), timeout_s=timeout_s)
    items, fetches = read_landing(landing)
    return Run(fetches, items)


# robots


def moved(where: str) -> Answer:
    return (302, {"Location": where}, b"")


ROBOTS: dict[str, tuple[Route, str, str]] = {  # name: robots.txt, the reason of /feed.xml, words of its detail
    "moved_home": (moved("/rules.txt"), "robots_denied", "does not allow"),
    "moved_away": (moved("http://127.0.0.2:9/robots.txt"), "error", "sent to http://127.0.0.2:9/robots.txt"),
    "moved_to_login": (moved("/passport/login"), "error", "/passport/login"),
    "moved_forever": (moved("/robots.txt?again"), "error", "max redirections"),
    "a_web_page": ((200, HTML, b"<html><title>Home</title><body>welcome</body></html>"), "ok", ""),
    "a_soft_404": ((200, HTML, "<html><title>404</title><body>页面不存在</body></html>".encode()), "ok", ""),
    "a_captcha": ((200, HTML, "<html><title>安全验证</title></html>".encode()), "error", "captcha page, in place of the file"),
    "a_challenge": ((200, HTML, b"<html><script>document.cookie='__jsl_clearance=1'</script></html>"), "error", "in place of the file"),
    "forbidden": ((403, {}, CLOSED), "ok", ""),
    "too_many": ((429, {}, b""), "error", "HTTP 429"),
    "teapot": ((418, {}, b""), "error", "HTTP 418"),
    "down": ((502, {}, b""), "error", "HTTP 502"),
    "waf": ((521, {}, b""), "error", "HTTP 521"),
    "with_bom": ((200, {}, b"\xef\xbb\xbf" + CLOSED), "robots_denied", "does not allow"),
    "packed": ((200, {"Content-Encoding": "gzip"}, gzip.compress(CLOSED)), "robots_denied", "does not allow"),
    "a_bomb": ((200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(20_000_000))), "error", "DOWNLOAD_MAXSIZE"),
    "wants_an_hour": ((200, {}, b"User-agent: *\nCrawl-delay: 3600\n"), "robots_denied", "asks for 3600 s"),
    "wants_nonsense": ((200, {}, b"User-agent: *\nCrawl-delay: nan\n"), "ok", ""),
}


@pytest.fixture(scope="module")
def robots(conf: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, Site]]:
    sites = {name: Site({"/rules.txt": (200, {}, CLOSED)}, told) for name, (told, _, _) in ROBOTS.items()}
    cards = [site.card(name) for name, site in sites.items()]
    sites |= {
        "closed": Site({}, (200, {}, CLOSED)),
        "gone": Site({}, (503, {}, b"")),
        "part": Site({}, (200, {}, b"User-agent: *\nDisallow: /x")),
    }
    override = {"robots": "本院自有网站，信息科已书面同意"}
    cards += [sites[name].card(name, overrides=override) for name in ("closed", "gone", "part")]
    return crawled(cards, conf, tmp_path_factory.mktemp("robots")), sites


@pytest.mark.parametrize("name", ROBOTS)
def test_robots_are_obeyed_and_fail_closed(robots: tuple[Run, dict[str, Site]], name: str) -> None:
    run, sites = robots
    reason, detail = run.one(name)
    assert reason == ROBOTS[name][1], detail
    assert ROBOTS[name][2] in detail
    assert sites[name].asked["/feed.xml"] == (reason == "ok")


def test_an_override_is_asked_and_told(robots: tuple[Run, dict[str, Site]]) -> None:
    run, sites = robots
    for name in ("closed", "gone"):
        assert sites[name].asked["/feed.xml"] == 1
        assert run.one(name) == ("ok", "override robots: 本院自有网站，信息科已书面同意")
    assert run.one("part") == ("ok", ""), "what robots.txt allows needs no override"


@pytest.mark.parametrize(
    "body",
    [
        b"User-agent: other\rDisallow:\r\nUser-agent: *\nDisallow: /search\r\n\n\rAllow: /x\r",  # weibo's: all line ends, no blank lines
        b"\xff\xfe" + "User-agent: *\nDisallow: /search\n".encode("utf-16-le"),
        "# 请勿采集\nUser-agent: *\nDisallow: /search # 搜索\n".encode("gb18030"),
        b"\x00\x00User-agent: *\n\x00Disallow: /search\n",
        CLOSED.replace(b"/", b"/search") + b"# filler\n" * MOST_READ,
        b"User-Agent:*\nDISALLOW:/search",
        b"User-agent: guanchao\nDisallow: /search\n\nUser-agent: *\nDisallow:\n",
    ],
)
def test_rules_are_read_however_they_are_written(body: bytes) -> None:
    rules = Protego.parse(rules_of(body).decode())
    assert not rules.can_fetch("http://x.example/search?q=1", "Guanchao")
    assert rules.can_fetch("http://x.example/news", "Guanchao")


def test_no_more_than_500_kib_are_read_and_no_half_line() -> None:
    body = b"User-agent: *\n" + b"# filler\n" * (MOST_READ // 9 - 3) + b"Disallow: /" + b"x" * 100 + b"\nDisallow: /late\n"
    assert len(rules_of(body)) <= MOST_READ
    assert Protego.parse(rules_of(body).decode()).can_fetch("http://x.example/late", "Guanchao")
    assert b"Disallow" not in rules_of(body)


def test_crawl_delay_is_a_floor(conf: Path, tmp_path: Path) -> None:
    site = Site({"/b.xml": (200, {}, FEED), "/c.xml": (200, {}, FEED)}, (200, {}, b"User-agent: *\nCrawl-delay: 1\n"))
    run = crawled([site.card("slow", "/feed.xml", "/b.xml", "/c.xml")], conf, tmp_path)
    assert {row["reason"] for row in run.of("slow")} == {"ok"}
    pauses = [after - before for before, after in zip(site.times[1:], site.times[2:], strict=False)]
    assert min(pauses) >= 0.95
    assert len(pauses) == 2


# hosts and addresses

PUBLIC = ("8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1")
NOT_PUBLIC = (
    "127.0.0.1", "127.9.9.9", "10.0.0.5", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "168.63.129.16",
    "0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.7", "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1",
    "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::",
)  # fmt: skip


def test_public_addresses_are_told_from_all_others() -> None:
    assert [address for address in PUBLIC if not is_public(address)] == []
    assert [address for address in NOT_PUBLIC if is_public(address)] == []


STRANGE = (
    "http://0x7f.1/", "http://2130706433/", "http://127.1/", "http://0177.0.0.1/", "http://[::ffff:127.0.0.1]/", "http://[::1]/",
    "http://127.0.0.1:8080/", "http://news.lanhu.example.:80/", "http://news.lanhu.example@127.0.0.1/", "http://u:p@news.lanhu.example/",
    "http://127.0.0.1\\@news.lanhu.example/", "http://news.lanhu.example\\@127.0.0.1/", "http://news.1anhu.example/",
    "http://n\u0435ws.lanhu.example/", "http://news.lanhu.example.evil.example/", "http://news.lanhu.example:81/", "//news.lanhu.example/",
    "ftp://news.lanhu.example/", "file:///etc/passwd", "javascript:alert(1)", "data:,x", "gopher://news.lanhu.example/", "http:///x", "",
    "http://[news.lanhu.example/", "http://news.lanhu.example:port/", "http://news.lanhu.example%2eevil.example/",
    "http://news.lanhu.example\uff0fevil/", "https://news.lanhu.example:80/",
)  # fmt: skip


def test_only_the_cards_own_hosts_are_home() -> None:
    one = Card(
        "a", "feed", "t", "o", "news", ("https://news.lanhu.example/rss",), options={"hosts": ["医院.lanhu.example", "m.lanhu.example:443"]}
    )
    assert [url for url in STRANGE if one.is_home(url)] == []
    for url in ("http://NEWS.lanhu.example/", "https://news.lanhu.example:443/x", "http://news.lanhu.example:80/", "https://医院.lanhu.example/",
                "https://xn--ekrs67m.lanhu.example/", "https://m.lanhu.example/"):  # fmt: skip
        assert one.is_home(url), url
    assert one.own_places == frozenset()
    assert host_of("http://[::FFFF:127.0.0.1]:80/") == "[::ffff:7f00:1]"


def test_a_private_network_is_the_admins_word_for_that_port_only() -> None:
    def own(url: str, **fields: Any) -> frozenset[tuple[str, int]]:
        return Card("a", "feed", "t", "o", "news", (url,), **fields).own_places

    assert own("http://127.0.0.1:1200/weibo") == {("127.0.0.1", 1200)}
    assert own("http://10.0.0.7/") == {("10.0.0.7", 80), ("10.0.0.7", 443)}
    assert own("http://[fd00::7]:8000/") == {("fd00::7", 8000)}
    assert own("http://localhost:4444/") == {("localhost", 4444)}
    assert own("http://127.1:4444/") == own("http://bridge.lanhu.example/") == own("http://8.8.8.8/") == frozenset()
    assert own("http://bridge.lanhu.example:1200/", overrides={"private": "x"}) == {("bridge.lanhu.example", 1200)}


RESOLVER = """
import pathlib, socket
import crawlers.hosts as hosts
real_lookup, real_rule, seen = socket.getaddrinfo, hosts.is_public, pathlib.Path({seen!r})
hosts.is_public = lambda address: address == "127.0.0.2" or real_rule(address)  # stands for the public network
answers = {{"open": ["127.0.0.2"], "inner": ["127.0.0.1"], "mixed": ["127.0.0.1", "127.0.0.2"], "six": ["::1"],
           "mapped": ["::ffff:127.0.0.1"]}}
def lookup(host, port, family=0, type=0, proto=0, flags=0):
    name = host.decode() if isinstance(host, bytes) else host
    if not name.endswith(".lanhu.example"):
        return real_lookup(host, port, family, type, proto, flags)
    with seen.open("a") as out:
        out.write(name + "\\n")
    asked = seen.read_text().split().count(name)
    found = answers.get(name.split(".")[0], ["127.0.0.2"] if asked == 1 else ["127.0.0.1"])
    return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (one, port, 0, 0)) if ":" in one
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]
socket.getaddrinfo = lookup
"""


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Children look names up in a resolver of ours: `rebind*` answers with a public address first, and 127.0.0.1 ever after."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(RESOLVER.format(seen=str(tmp_path / "seen")))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{PROJECT}")
    return tmp_path / "seen"


@pytest.fixture
def two_networks() -> tuple[Site, Site]:
    """The public network's server and the hospital's own, on the same port."""
    once = {"Connection": "close"}  # so that every request of ours must connect, and could look the name up, again
    outer = Site({"/feed.xml": (200, once, FEED), "/more.xml": (200, once, FEED)}, (404, once, b""), address=("127.0.0.2", 0))
    return outer, Site({"/more.xml": (200, {}, FEED)}, address=("127.0.0.1", outer.port))


def test_a_name_that_leads_into_a_private_network_is_refused(
    conf: Path, tmp_path: Path, names: Path, two_networks: tuple[Site, Site]
) -> None:
    outer, inner = two_networks

    def named(name: str, **fields: Any) -> Card:
        url = f"http://{name}.lanhu.example:{outer.port}/feed.xml"
        return Card(name, "feed", name, "o", "news", (url,), delay_s=0, options={"timeout_s": 5}, **fields)

    cards = [named(name) for name in ("open", "inner", "mixed", "six", "mapped")]
    run = crawled(cards, conf, tmp_path)
    assert run.one("open")[0] == run.one("mixed")[0] == "ok"
    for name, address in (("inner", "127.0.0.1"), ("six", "::1"), ("mapped", "::ffff:127.0.0.1")):
        reason, detail = run.one(name)
        assert reason == "error"
        assert f"{name}.lanhu.example leads to {address}, which is no public address" in detail
        assert "overrides: {private: why}" in detail
    assert inner.asked == Counter()
    allowed = crawled([named("inner", overrides={"private": "自建桥接，装在信息科机房"})], conf, tmp_path / "again")
    assert allowed.one("inner")[0] == "ok"
    assert inner.asked == Counter({"/robots.txt": 1, "/feed.xml": 1})


def test_dns_rebinding(conf: Path, tmp_path: Path, names: Path, two_networks: tuple[Site, Site]) -> None:
    """Public when looked up first, 127.0.0.1 from then on: one run asks once, the next refuses."""
    outer, inner = two_networks
    urls = tuple(f"http://rebind.lanhu.example:{outer.port}/{page}.xml" for page in ("feed", "more"))
    one = Card("rebind", "feed", "r", "o", "news", urls, delay_s=0, options={"timeout_s": 5})
    first = crawled([one], conf, tmp_path)
    assert [row["reason"] for row in first.of("rebind")] == ["ok", "ok"]
    assert names.read_text().split() == ["rebind.lanhu.example"]
    second = crawled([one], conf, tmp_path / "again")
    assert [row["reason"] for row in second.of("rebind")] == ["error"] * len(second.of("rebind"))
    assert all("leads to 127.0.0.1" in row["detail"] for row in second.of("rebind"))
    assert inner.asked == Counter()


def test_no_redirect_and_no_link_leads_inside(conf: Path, tmp_path: Path) -> None:
    inner = Site({})
    ways = [
        f"http://{host}:{inner.port}/feed.xml"
        for host in ("127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "u@127.0.0.1")
    ]
    ways += ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:70/", "data:text/xml,x", "//127.0.0.1:1/x"]
    links = "".join(f"<a href='{way.replace('feed.xml', 'a1234567.html')}'>x</a>" for way in ways)
    site = Site(
        {f"/to/{n}": moved(way) for n, way in enumerate(ways)} | {"/news/": (200, HTML, f"<html><body>{links}</body></html>".encode())}
    )
    run = crawled(
        [site.card("redirects", *(f"/to/{n}" for n in range(len(ways)))), site.card("links", "/news/", kind="article")], conf, tmp_path
    )
    assert [row["reason"] for row in run.of("redirects")] == ["error"] * len(ways)
    assert all("sent off the card's hosts" in row["detail"] for row in run.of("redirects"))
    assert run.one("links")[0] == "format_changed"
    assert inner.asked == Counter()


# limits


def drip(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n")
    while True:
        handler.wfile.write(b" ")
        time.sleep(0.1)


def endless_head(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X-Filler: " + b"x" * 1000 + b"\r\n")


def endless_line(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        handler.wfile.write(b"x" * 65536)


def endless_body(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        handler.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def packed(encoding: str, body: bytes) -> Answer:
    return (200, {"Content-Encoding": encoding, "Content-Type": "text/xml"}, body)


SAYS = {"/drip": "longer than 2.0 s", "/head": "of headers and no end", "/line": "Connection", "/body": "", "/loop/0": "max redirections"}


def bombs() -> dict[str, Answer]:
    """7 MB of gzip that unpack to 7 GB, and the same idea in the other packings."""
    member, zeros = gzip.compress(bytes(10_000_000), 9), bytes(200_000_000)
    return {
        "gzip": packed("gzip", member * (7_000_000 // len(member))),
        "deflate": packed("deflate", zlib.compress(zeros)),
        "br": packed("br", brotli.compress(zeros, quality=1)),
        "zstd": packed("zstd", zstd.compress(zeros)),
        "twice": packed("gzip, gzip", gzip.compress(gzip.compress(zeros))),
    }


def test_bombs_floods_and_drips_end_soon_and_as_errors(conf: Path, tmp_path: Path) -> None:
    routes: dict[str, Route] = {f"/{name}": bomb for name, bomb in bombs().items()}
    routes |= {"/drip": drip, "/head": endless_head, "/line": endless_line, "/body": endless_body}
    routes |= {f"/loop/{n}": moved(f"/loop/{n + 1}") for n in range(50)}
    site = Site(routes)
    paths = [path for path in routes if not path.startswith("/loop")] + ["/loop/0"]
    started = time.monotonic()
    run = crawled([site.card(path.strip("/").replace("/", "_"), path, options={"timeout_s": 2}) for path in paths], conf, tmp_path, 90)
    assert time.monotonic() - started < 60
    for path in paths:
        rows = run.of(path.strip("/").replace("/", "_"))
        assert {row["reason"] for row in rows} == {"error"}, (path, rows)
        assert all(row["detail"] for row in rows)
        words = SAYS.get(path, "during decompression")
        assert all(words in row["detail"] for row in rows), rows
    assert sum(site.asked[f"/loop/{n}"] for n in range(50)) <= 7  # five redirects, the last tried again at most


def test_a_run_asks_only_so_often_and_says_what_it_left(conf: Path, tmp_path: Path) -> None:
    links = "".join(f"<a href='/a/{n}.html'>{n}</a>" for n in range(10))
    site = Site({"/news/": (200, HTML, f"<html><body>{links}</body></html>".encode())})
    run = crawled([site.card("many", "/news/", kind="article", options={"most_requests": 4})], conf, tmp_path)
    rows = run.of("many")
    assert sum(site.asked[f"/a/{n}.html"] for n in range(10)) == 3
    assert len({row["url"] for row in rows if "the most it may (options.most_requests)" in (row["detail"] or "")}) == 7


def test_a_site_that_sets_a_cookie_and_sends_us_back_is_heard_out(conf: Path, tmp_path: Path) -> None:
    def gate(handler: Handler) -> None:
        is_known = "seen=1" in handler.headers.get("Cookie", "")
        handler.send_response(200 if is_known else 302)
        handler.send_header("Content-Length", str(len(FEED) if is_known else 0))
        for name, value in () if is_known else (("Set-Cookie", "seen=1; Path=/"), ("Location", "/gate")):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(FEED if is_known else b"")

    site = Site({"/gate": gate})
    assert crawled([site.card("gate", "/gate")], conf, tmp_path).one("gate")[0] == "ok"


# pace


def test_pauses_never_fall_below_the_cards() -> None:
    for delay in (5.0, 10.0, 300.0):
        said = polite_settings(Card("a", "feed", "t", "o", "news", ("https://x.example/",), delay_s=delay), "mailto:a@b.example")
        assert said["DOWNLOAD_DELAY"] * (1 - said["DOWNLOAD_DELAY_JITTER"]) == pytest.approx(delay)
        assert said["AUTOTHROTTLE_MAX_DELAY"] >= said["DOWNLOAD_DELAY"] == said["AUTOTHROTTLE_START_DELAY"]
        assert said["CONCURRENT_REQUESTS"] == said["CONCURRENT_REQUESTS_PER_DOMAIN"] == 1
        assert not said["HTTPPROXY_ENABLED"]


def test_retry_after_is_a_number_or_a_date() -> None:
    def wait(header: bytes | None) -> float:
        return retry_after_s(header, NOW)

    assert wait(b"120") == wait(b" 120 ") == wait(format_datetime(NOW + timedelta(seconds=120), usegmt=True).encode()) == 120
    assert wait(b"Tue, 10-Mar-26 00:32:00 GMT") == 120
    assert wait(format_datetime(NOW - timedelta(hours=1)).encode()) == 0
    assert [wait(odd) for odd in (None, b"", b"soon", b"-5", b"1.5", b"\xff\xfe", "١٢".encode(), b"Tue, 99 Mar 2026")] == [0] * 8
    assert wait(b"9" * 400) == wait(b"Fri, 31 Dec 9999 23:59:59 GMT") == 7 * 86_400


# cards

ENTRY: dict[str, Any] = {
    "id": "a", "kind": "feed", "title": "t", "owner": "o", "platform": "news", "urls": ["https://x.example/"], "basis": "媒体主动提供",
    "robots_note": "允许",
}  # fmt: skip


def loaded(folder: Path, **entry: Any) -> Card:
    said = {name: value for name, value in {**ENTRY, **entry}.items() if value is not None}
    (folder / "sources.yml").write_text(yaml.safe_dump({"sources": [said]}, allow_unicode=True), encoding="utf-8")
    return load_cards(folder)[0]


REASON = "信息科书面同意，见院办发文"
REFUSED = [
    ({"overrides": {"robots": "because"}}, "needs a written reason of 10 characters"),
    ({"overrides": {"robots": None}}, "needs a written reason"),
    ({"overrides": {"robots": "          x"}}, "needs a written reason"),
    ({"overrides": {"redact": REASON}}, "redact: cannot be overridden; known: robots, delay_s, private"),
    ({"overrides": [REASON]}, "should be dict"),
    ({"delay_s": 4}, "make it 5 or more for news"),
    ({"platform": "weibo", "delay_s": 9.9}, "make it 10 or more for weibo"),
    ({"delay_s": float("nan")}, "make it 5 or more"),
    ({"urls": ["http://127.0.0.1:1200/", "https://x.example/"], "delay_s": 0}, "make it 5 or more"),
    ({"urls": ["http://127.1:1200/"], "delay_s": 0}, "make it 5 or more"),
    ({"basis": None}, "basis is empty"),
    ({"robots_note": "  "}, "robots_note is empty"),
    ({"retention_days": 0}, "retention_days: must be 1 or more"),
    ({"options": {"most_requests": 0}}, "most_requests: 0 should be a number from 1"),
    ({"options": {"timeout_s": "long"}}, "timeout_s: 'long' should be a number"),
    ({"options": {"hosts": "x.example"}}, "write names"),
    ({"options": {"hosts": ["http://x.example"]}}, "write names"),
    ({"urls": ["http://user@x.example/"]}, "no http(s) address"),
    ({"urls": ["http://x.example\\@127.0.0.1/"]}, "no http(s) address"),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "told"), REFUSED, ids=[told[:30] for _, told in REFUSED])
def test_a_card_outside_the_law_is_refused_in_one_line(tmp_path: Path, entry: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigProblem, match=r"sources\.yml: source no\. 1 \(a\)") as problem:
        loaded(tmp_path, **entry)
    assert told in str(problem.value)
    assert "\n" not in str(problem.value)


def test_what_a_card_may_say(tmp_path: Path) -> None:
    assert loaded(tmp_path).delay_s == 5
    assert loaded(tmp_path, platform="weibo").delay_s == loaded(tmp_path, platform="zhihu").delay_s == 10
    assert loaded(tmp_path, delay_s=1, overrides={"delay_s": REASON}).delay_s == 1
    assert loaded(tmp_path, urls=["http://10.0.0.7:1200/"], platform="weibo", delay_s=0).delay_s == 0
    assert loaded(tmp_path, urls=["http://bridge.example:1200/"], delay_s=0, overrides={"private": REASON}).delay_s == 0
    assert not loaded(tmp_path, basis=None, robots_note=None, enabled=False).enabled
    assert loaded(tmp_path, purpose="了解本院报道", retention_days=90).retention_days == 90


# reasons

WALLS = [
    (200, "<html><title>百度安全验证</title><body></body></html>", "captcha"),
    (200, "<html><body><p>请向右滑动滑块完成拼图</p></body></html>", "captcha"),
    (200, "<html><body><div class='nc_wrapper'></div></body></html>", "captcha"),
    (200, "<html><script src='https://static.geetest.com/static/tools/gt.js'></script><body></body></html>", "captcha"),
    (200, "<html><script>initGeetest({})</script><body></body></html>", "captcha"),
    (200, "<html><script>location.href='https://wappass.baidu.com/static/captcha/'</script></html>", "captcha"),
    (403, "<html><title>滑动验证页面</title></html>", "captcha"),
    (200, "<html><script>location.href='https://passport.weibo.com/visitor/visitor?a=1'</script></html>", "login_wall"),
    (200, "<html><script>window.location.replace(\"/user/login\")</script></html>", "login_wall"),
    (200, "<html><head><meta http-equiv=\"refresh\" content=\"0;url='https://login.sina.com.cn/sso/login.php'\">", "login_wall"),
    (200, "<html><title>Sina Visitor System</title></html>", "login_wall"),
    (200, "<html><title>用户登录 - 岚湖政务</title><body><form></form></body></html>", "login_wall"),
    (200, "<html><body>请输入<form><input type='Password'></form></body></html>", "login_wall"),
    (200, '{"ok":-100,"errno":"100005","msg":"","url":"https://x"}', "login_wall"),
    (200, '{"code":401,"message":"登录状态已过期"}', "login_wall"),
    (200, '{"code":-1,"error":{"message":"请完成安全验证"}}', "captcha"),
    (200, '{"code":-1,"msg":"系统繁忙，请稍后再试"}', "blocked"),
    (200, "<html><body><h1>系统繁忙</h1></body></html>", "blocked"),
    (200, "您的访问过于频繁", "blocked"),
    (200, "<html><script>document.cookie='__jsl_clearance=1'</script></html>", "blocked"),
    (202, "<html><script>$_ts=window['$_ts'];</script></html>", "blocked"),
    (200, "<html><script>var arg1='A';setCookie('acw_sc__v2',1)</script></html>", "blocked"),
    (405, "<html><title>405</title><body>很抱歉，由于您访问的URL有可能对网站造成安全威胁，您的访问被阻断。</body></html>", "blocked"),
    (503, "<html><title>Just a moment...</title></html>", "blocked"),
    (200, "<html><title>Just a moment...</title><script src=/cdn-cgi/challenge-platform/x.js></script></html>", "blocked"),
    (503, "", "blocked"),
    (405, "<html>no</html>", "error"),
    (200, "<html><title>404 Not Found</title><body>抱歉，您访问的页面不存在</body></html>", "error"),
    (200, "<html><body>该内容已被发布者删除</body></html>", "error"),
    (200, "<html><body>链接已过期</body></html>", "error"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "text", "reason"), WALLS, ids=[f"{n}-{reason}" for n, (_, _, reason) in enumerate(WALLS)])
def test_walls_are_told_from_news(status: int, text: str, reason: str) -> None:
    verdict = judge(status, text)
    assert verdict is not None
    assert verdict.reason == reason
    assert verdict.detail


NO_WALLS = [
    '{"status":"success","items":[{"title":"验证码系统繁忙，请登录","url":"https://passport.x/"}]}',
    '{"result":"success","responseData":[]}',
    "<rss><channel><title>系统繁忙</title></channel></rss>",
    "<html><title>登录难题：医院系统繁忙引争议</title><body>" + "近日，有患者反映医院预约系统繁忙，提示请登录后再试，验证码收不到。" * 20,
    "<html><head><script>if(mobile) location.href='https://m.lanhu.example/1.html'</script></head><body>岚湖一院</body></html>",
    "<html><body><ul class=list><li>暂无数据</li></ul></body></html>",
    "<html><body><a onclick=\"location.href='/user/login'\">登录</a>" + "新闻正文一段。" * 80 + "</body></html>",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_WALLS)
def test_news_about_walls_are_news(text: str) -> None:
    assert judge(200, text) is None


def test_a_wall_is_an_address_by_its_host_and_path() -> None:
    walls = ("https://passport.weibo.com/visitor/visitor?a=b", "https://login.sina.com.cn/sso/login.php", "https://www.zhihu.com/signin?next=%2F",
             "https://weibo.com/sorry?pagenotfound", "https://wappass.baidu.com/static/captcha/", "/antispider/?from=x", "https://www.zhihu.com/account/unhuman",
             "https://sso.lanhu.example/", "https://x.example/cas/login", "https://open.weixin.qq.com/connect/qrconnect?x")  # fmt: skip
    assert [url for url in walls if not leads_to_a_wall(url)] == []
    ways = ("https://news.lanhu.example/login-trouble.html", "https://news.lanhu.example/a.html?from=https://passport.weibo.com/login",
            "/news/2.html",            "https://logins.example.com/", "http://[bad", "https://www.verified.example/news/")  # fmt: skip
    assert [url for url in ways if leads_to_a_wall(url)] == []


def test_hostile_pages_are_judged_in_no_time() -> None:
    units = ("<script ", "<!--", "<meta ", "<meta http-equiv=refresh content='url=", "<title", "拖动", "页面", "location=", "<style>a",
             "您的IP", "<", "window.location.replace('", "<script>location.href='", "请完成", "id='")  # fmt: skip
    started = time.process_time()
    for unit in units:
        disguised("<html>" + unit * (59_000 // len(unit)))
    for odd in ("{" * 4000, "[" * 4000, '{"a":' * 700, "\x00" * 300, "\ud800", "<\x00html>", "{}"):
        disguised(odd)
    assert time.process_time() - started < 5


@pytest.mark.real
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no ../shared/samples")
def test_no_real_page_is_taken_for_a_wall_and_real_walls_are() -> None:
    from crawlers.clean import decode

    taken = {}
    for path in sorted(SAMPLES.rglob("*")):
        if path.suffix in (".html", ".xml", ".json") and (verdict := judge(200, decode(path.read_bytes()))):
            taken[path.name] = verdict.reason
    assert len(list((SAMPLES / "news_html").rglob("*.html"))) == 62
    assert taken == {"search-gaokao-gzh-error.html": "captcha", "article_detail_expired.html": "error"}


def test_nothing_is_asked_of_a_port_that_is_not_the_cards(conf: Path, tmp_path: Path) -> None:
    """The child's own guard: an address that a spider yields, however it came by it, is asked at home or nowhere."""
    inner, site = Site({}), Site({"/api/s": (200, {}, b"{}")})
    one = Card(
        "w", "newsnow", "w", "o", "weibo", (f"{site.base}@127.0.0.1:{inner.port}",), delay_s=0, options={"boards": {"weibo": "weibo"}}
    )
    crawl(one, tmp_path, conf, Clock(NOW, speed=0), timeout_s=30)
    rows = read_landing(tmp_path)[1].to_dicts()
    assert {row["reason"] for row in rows} == {"error"}
    assert all("not on the card's hosts" in row["detail"] for row in rows)
    assert inner.asked == site.asked == Counter()
