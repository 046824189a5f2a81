"""The second crawl of a source: what it need not ask again, what it asks again on purpose, what it finds lost. Constructed; loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scrapy import Request
from scrapy.http import HtmlResponse

from crawlers.archive import Archive
from crawlers.card import Card
from crawlers.items import Reading
from crawlers.landing import Landing
from crawlers.memory import Memory, remember
from crawlers.run import Errand, crawl_together, read_landing
from crawlers.spiders._job import Job
from crawlers.spiders._source import Source
from warehouse.clock import Clock
from warehouse.schema import empty
from warehouse.watchlist import Watchlist

NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
STORY = "<p>近日，有患者家属反映岚湖市第一人民医院急诊收费存在争议，引发网络关注，医院表示将及时公布核查结果，接受社会监督。</p>"
MODIFIED = "Mon, 09 Mar 2026 07:51:28 GMT"


def feed(date_tag: str = "pubDate", n: int = 10) -> bytes:
    items = "".join(
        f"<item><title>岚湖一院第{k}事</title><link>https://news.lanhu.example/{k}</link><author>岚湖日报</author>"
        f"<{date_tag}>Mon, 09 Mar 2026 07:51:28 GMT</{date_tag}></item>"
        for k in range(n)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>岚湖</title>{items}</channel></rss>'.encode()


class Site(BaseHTTPRequestHandler):
    asked: Counter[str]
    articles: list[int]

    def do_GET(self) -> None:
        self.asked[self.path] += 1
        status, headers, body = self.page()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page(self) -> tuple[int, dict[str, str], bytes]:
        fresh = self.headers.get("If-None-Match") == '"a1"' or self.headers.get("If-Modified-Since") == MODIFIED
        if self.path in ("/etag.xml", "/dated.xml"):
            validator = {"ETag": '"a1"'} if self.path == "/etag.xml" else {"Last-Modified": MODIFIED}
            return (304, {}, b"") if fresh else (200, validator, feed())
        if self.path == "/undated.xml":
            return 200, {}, feed("when")
        if self.path == "/news/":
            assert not fresh, "a list was asked for conditionally: its unread pages would be lost behind a 304"
            links = "".join(f"<li><a href='a/{n}.html'>第{n}起</a></li>" for n in self.articles)
            return 200, {"ETag": '"a1"'}, f"<html><body><ul>{links}</ul></body></html>".encode()
        if self.path.startswith("/news/a/"):
            if self.path.endswith("/3.html") and self.asked[self.path] < 3:
                return 500, {}, b"oops"
            title = f"岚湖市第一人民医院回应{self.path[8:-5]}"
            page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1><div>2026-03-09 10:24</div>{STORY * 3}</body></html>"
            return 200, {"Content-Type": "text/html; charset=utf-8"}, page.encode()
        if self.path.startswith("/show?id="):
            counts = {"reposts_count": 10 * self.asked[self.path], "comments_count": 2, "attitudes_count": 1}
            mblog = {
                "id": "4000000000000000",
                "mid": "4000000000000000",
                "text": "岚湖一院急诊排队四小时",
                "created_at": "Mon Mar 09 07:51:28 +0800 2026",
            }
            return 200, {}, json.dumps({"ok": 1, "data": {**mblog, **counts, "user": {"id": 1, "screen_name": "甲"}}}).encode()
        return 404, {}, b""

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[tuple[str, type[Site]]]:
    class Here(Site):
        pass

    Here.asked, Here.articles = Counter(), [1, 2, 3]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", Here
    server.shutdown()


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "settings.yml").write_text("drill: true\n")
    (folder / "hospitals.yml").write_text(
        "scope: listed\nhospitals:\n- {id: lanhu_first, name: 岚湖市第一人民医院, aliases: [岚湖一院]}\n", encoding="utf-8"
    )
    (folder / "sources.yml").write_text("contact: https://www.lanhu-first.example/about\nsources: []\n")
    return folder


def card(base: str, name: str, path: str, kind: str = "feed", platform: str = "news", **options: Any) -> Card:
    return Card(
        name, kind, name, "岚湖日报社", platform, (base + path,), delay_s=0, options=options, stands_for={base: "http://lanhu.test"},
        robots_note="constructed", basis="constructed",
    )  # fmt: skip


def run(cards: list[Card], landing: Path, conf: Path, errands: dict[str, Errand], days: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    landing.mkdir()
    crawl_together(cards, landing, conf, Clock(NOW + timedelta(days=days), speed=0), 60, errands)
    return read_landing(landing)


def test_a_second_crawl_asks_only_for_what_is_new(site: tuple[str, type[Site]], conf: Path, tmp_path: Path) -> None:
    base, pages = site
    cards = [card(base, "etag", "/etag.xml"), card(base, "dated", "/dated.xml"), card(base, "column", "/news/", "article", css="li a")]
    items, fetches = run(cards, tmp_path / "1", conf, {})
    assert (items.height, fetches.filter(reason="ok").height) == (22, 5)  # article 3 gives an error, twice
    pages.articles.append(4)
    memories = remember(fetches, empty("posts"), [one.id for one in cards])
    later, again = run(cards, tmp_path / "2", conf, {name: Errand(memory) for name, memory in memories.items()}, days=1)
    reasons = dict(again.select("source", "reason").filter(pl.col("source") != "column").iter_rows())
    assert reasons == {"etag": "not_modified", "dated": "not_modified"}
    assert sorted(later["url"]) == ["http://lanhu.test/news/a/3.html", "http://lanhu.test/news/a/4.html"]
    assert pages.asked["/news/a/1.html"] == 1
    memories = remember(pl.concat([fetches, again]), empty("posts"), ["column"])
    _, third = run(cards[2:], tmp_path / "3", conf, {"column": Errand(memories["column"])}, days=2)
    assert third.select("reason", "detail").rows() == [("not_modified", "4 addresses, all read before")]


def test_a_field_that_is_found_no_more_is_named(site: tuple[str, type[Site]], conf: Path, tmp_path: Path) -> None:
    base, _ = site
    one = card(base, "undated", "/undated.xml")
    _, unaware = run([one], tmp_path / "1", conf, {})
    assert unaware["reason"].to_list() == ["ok"]
    items, told = run([one], tmp_path / "2", conf, {"undated": Errand(Memory(usual={"time": 0.95, "author": 0.9}))}, days=1)
    assert told.select("reason", "detail").rows() == [("format_changed", "time was found in 0% of 10 items, usually in 95%")]
    assert items.height == 10  # what could be read is kept


def test_posts_are_observed_again_through_the_hospitals_bridge(site: tuple[str, type[Site]], conf: Path, tmp_path: Path) -> None:
    base, pages = site
    again = {"url": f"{base}/show?id={{id}}", "reads": "weibo"}
    one = card(base, "etag", "/etag.xml", platform="weibo", again=again)
    errand = Errand(again=("http://lanhu.test/show?id=4000000000000000",), only_again=True)
    seen = [run([one], tmp_path / str(day), conf, {"etag": errand}, days=day)[0] for day in (0, 1)]
    assert [frame["reposts_n"].to_list() for frame in seen] == [[10], [20]]
    assert seen[0]["post_id"].equals(seen[1]["post_id"])
    assert pages.asked["/etag.xml"] == 0


def test_a_bug_of_ours_costs_one_answer_and_is_told(tmp_path: Path) -> None:
    """In process: a parser that fails in a way nobody foresaw; the bytes are kept, the row says whose fault it was."""

    class Broken(Source):
        def start_requests_for(self, card: Card) -> Iterator[Request]:
            yield from ()

        def parse_items(self, response: Any) -> Iterator[Reading | Request]:
            yield Reading(text="岚湖一院")
            raise ZeroDivisionError("constructed")

    archive = Archive(tmp_path / "a.warc.gz", "a.warc.gz")
    one = card("http://127.0.0.1:9", "broken", "/x")
    job = Job(one, Watchlist(()), Clock(NOW, speed=0), "constructed", Landing(tmp_path), archive)
    request = Request("http://127.0.0.1:9/x", meta={"override": "override robots: constructed"})

    async def said() -> list[Any]:
        return [row async for row in Broken(job).answered(HtmlResponse(request.url, body=b"<p>x</p>", request=request))]

    (answer,) = asyncio.run(said())
    assert (answer.fetch.reason, answer.fetch.detail) == ("error", "a bug of ours: ZeroDivisionError: constructed")
    assert answer.fetch.sha256
    assert answer.items == []
