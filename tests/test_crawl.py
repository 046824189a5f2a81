"""Crawls over real HTTP on loopback in real child processes: every reason, robots, reproducibility, crashes. All pages are constructed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import polars as pl
import pytest
from warcio.archiveiterator import ArchiveIterator

from crawlers.bench.siege import children
from crawlers.card import Card
from crawlers.items import Answer, Fetch
from crawlers.landing import BATCH, Landing
from crawlers.run import STARTS, crawl, crawl_together, read_landing
from warehouse.clock import Clock
from warehouse.settings import ConfigProblem
from warehouse.store import Warehouse

NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
Reply = tuple[int, dict[str, str], bytes]


def feed(*entries: tuple[str, str]) -> bytes:
    body = "".join(
        f"<item><title>{title}</title><link>https://news.lanhu.example/{n}</link><description>{text}</description>"
        f"<pubDate>Mon, 09 Mar 2026 07:51:28 GMT</pubDate></item>"
        for n, (title, text) in enumerate(entries)
    )
    return f'<?xml version="1.0" encoding="gb2312"?><rss version="2.0"><channel><title>岚湖</title>{body}</channel></rss>'.encode("gb18030")


def article(n: int, hospital: str) -> bytes:
    return (
        f"<html><head><meta charset='gb2312'><title>{hospital}回应第{n}起争议_岚湖网</title></head><body><h1>{hospital}回应第{n}起争议</h1>"
        f"<div>发布时间：03-09 1{n}:24 来源：岚湖日报</div><div class='content'>"
        f"<p>近日，有患者家属反映{hospital}急诊收费存在争议，引发网络关注，联系电话13812345678。</p>"
        "<p>医院有关负责人表示，将及时公布核查结果，接受社会监督，对存在的问题绝不回避，并向受影响的患者表示歉意。</p></div></body></html>"
    ).encode("gb18030")


BOARD = {
    "status": "cache", "id": "weibo", "updatedTime": 1773100800000,
    "items": [{"id": 7, "title": "别的话题", "url": "https://s.weibo.com/a"},
              {"id": "岚湖一院", "title": "岚湖一院急诊\n排队", "url": "https://s.weibo.com/b", "extra": {"info": "12.5 万热度"}}],
}  # fmt: skip
FIRST = feed(("岚湖一院急诊排队", "电话13812345678 <b>四小时</b>"), ("别处的事", "与我们无关"), ("再说岚湖妇儿", "好评"))


class Site(BaseHTTPRequestHandler):
    """A small web with every bad habit; what it was asked is kept in `asked`."""

    asked: Counter[str]
    agents: set[str]

    def answer(self, path: str, form: dict[str, list[str]]) -> Reply:
        html = {"Content-Type": "text/html"}
        routes: dict[str, Callable[[], Reply]] = {
            "/robots.txt": lambda: (200, {}, b"User-agent: *\nDisallow: /private/\n"),
            "/feed.xml": lambda: (200, {"Set-Cookie": "s=1"}, FIRST),
            "/empty.xml": lambda: (200, {}, feed()),
            "/not-a-feed": lambda: (200, html, b"<html><body>redesigned</body></html>"),
            "/private/feed.xml": lambda: (200, {}, FIRST),
            "/moved.xml": lambda: (301, {"Location": "/feed.xml"}, b""),
            "/to-login": lambda: (302, {"Location": "https://passport.lanhu.example/login"}, b""),
            "/to-own-login": lambda: (302, {"Location": "/passport/visitor?entry=weibo"}, b""),
            "/to-strangers": lambda: (302, {"Location": "http://127.0.0.2:9/x"}, b""),
            "/captcha": lambda: (200, html, "<html><title>安全验证</title></html>".encode()),
            "/unchanged.xml": lambda: (304, {}, b""),
            "/broken": lambda: (500, {}, b"oops"),
            "/huge": lambda: (200, {}, b"x" * (9 * 1024 * 1024)),
            "/blocked": lambda: (403, {}, b"no"),
            "/busy": lambda: (429, {}, b"slow down") if self.asked["/busy"] < 3 else (200, {}, FIRST),
            "/news/": lambda: (200, html, self.column()),
            "/news/none/": lambda: (200, html, "<html><body>暂无内容</body></html>".encode()),
            "/news/js/": lambda: (200, html, b"<html><body><div id=app></div></body></html>"),
            "/api/s?id=weibo": lambda: (200, {}, json.dumps(BOARD, ensure_ascii=False).replace("\\n", "\n").encode()),
            "/api/s?id=zhihu": lambda: (200, {}, b'{"status":"success","items":[]}'),
            "/pro-dfbbs-front/forum/list?fid=14": lambda: (200, {"Set-Cookie": "waf=1; Path=/"}, b"<html><body>forum</body></html>"),
            "/pro-dfbbs-front/threads/queryThreadsList": lambda: self.threads(form),
        }
        if path.startswith("/news/a/"):
            n = int(path.split("/")[-1].split(".")[0])
            return (200, html, article(n, "岚湖市第一人民医院" if n != 2 else "望川市中心医院"))
        if path == "/slow":
            time.sleep(30)
        return routes.get(path, lambda: (404, {}, b"nothing here"))()

    def column(self) -> bytes:
        links = "".join(f"<li><a href='a/{n}.html?utm_source=x'>第{n}起</a></li>" for n in (1, 2, 3))
        others = "<li><a href='https://elsewhere.example/1.html'>外站</a></li><li><a href='/about'>关于</a></li>"
        return f"<html><body><ul>{links}{others}</ul></body></html>".encode()

    def threads(self, form: dict[str, list[str]]) -> Reply:
        if "waf=1" not in self.headers.get("Cookie", ""):
            return (403, {}, b"no cookie")
        last = int(form["lastItem"][0]) or 1000
        tids = range(last - 1, max(last - 21, 974), -1)  # a full page, then five
        threads = [
            {"tid": tid, "subject": "投诉岚湖一院收费", "content": "排队<br/>太久", "dateline": 1773014400 + tid,
             "nickName": "网友甲", "favNum": 3, "ip": "青澜省"}
            for tid in tids
        ]  # fmt: skip
        return (200, {}, json.dumps({"result": "success", "responseData": threads}).encode())

    def do_GET(self) -> None:
        self.reply({})

    def do_POST(self) -> None:
        self.reply(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))

    def reply(self, form: dict[str, list[str]]) -> None:
        self.asked[self.path] += 1
        self.agents.add(self.headers.get("User-Agent", ""))
        status, headers, body = self.answer(self.path, form)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


def serve(robots: int | None = None) -> tuple[str, type[Site], ThreadingHTTPServer]:
    class Here(Site):
        asked, agents = Counter[str](), set[str]()

        def answer(self, path: str, form: dict[str, list[str]]) -> Reply:
            if path == "/robots.txt" and robots:
                return (robots, {}, b"User-agent: *\nDisallow: /\n")
            return super().answer(path, form)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}", Here, server


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    (folder / "settings.yml").write_text("drill: true\n")
    (folder / "hospitals.yml").write_text(
        "scope: listed\nhospitals:\n- {id: lanhu_first, name: 岚湖市第一人民医院, aliases: [岚湖一院]}\n"
        "- {id: lanhu_children, name: 岚湖市妇女儿童医院, aliases: [岚湖妇儿]}\n",
        encoding="utf-8",
    )
    (folder / "sources.yml").write_text("contact: https://www.lanhu-first.example/about\nsources: []\n")
    return folder


def card(base: str, name: str, path: str, kind: str = "feed", platform: str = "news", **options: Any) -> Card:
    stands_for = {base: "http://replica.test"}
    return Card(
        name, kind, name, "岚湖日报社", platform, (base + path,), delay_s=0, author_kind="media", options=options, stands_for=stands_for
    )


FEEDS = {
    "good": ("/feed.xml", "ok"), "empty": ("/empty.xml", "empty_confirmed"), "redesigned": ("/not-a-feed", "format_changed"),
    "moved": ("/moved.xml", "ok"), "denied": ("/private/feed.xml", "robots_denied"),
    "login": ("/to-login", "login_wall"), "own_login": ("/to-own-login", "login_wall"), "strangers": ("/to-strangers", "error"),
    "captcha": ("/captcha", "captcha"), "unchanged": ("/unchanged.xml", "not_modified"), "broken": ("/broken", "error"),
    "huge": ("/huge", "error"), "blocked": ("/blocked", "blocked"), "gone": ("/nowhere.xml", "error"),
}  # fmt: skip


def all_cards(base: str) -> list[Card]:
    feeds = [card(base, name, path) for name, (path, _) in FEEDS.items()]
    return [
        *feeds,
        card(base, "busy", "/busy"),
        card(base, "column", "/news/", "article"),
        card(base, "column_empty", "/news/none/", "article"),
        card(base, "column_js", "/news/js/", "article"),
        card(base, "board", "", "newsnow", boards={"weibo": "weibo", "zhihu": "zhihu"}),
        card(base, "letters", "", "liuyan", "liuyan", fid=[14]),
        card("http://127.0.0.1:9", "dead", "/feed.xml"),
        card(serve(robots=503)[0], "keep_out", "/feed.xml"),
        card(serve(robots=404)[0], "no_rules", "/feed.xml"),
    ]


Crawled = tuple[Path, pl.DataFrame, pl.DataFrame, type[Site]]


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory, conf: Path) -> Iterator[Crawled]:
    landing = tmp_path_factory.mktemp("run") / "landing"
    landing.mkdir()
    base, site, server = serve()
    crawl_together(all_cards(base), landing, conf, Clock(NOW, speed=0), timeout_s=60)
    items, fetches = read_landing(landing)
    yield landing, items, fetches, site
    server.shutdown()


def of(frame: pl.DataFrame, source: str) -> list[dict[str, Any]]:
    return frame.filter(pl.col("source") == source).to_dicts()


@pytest.mark.parametrize("name", FEEDS)
def test_every_answer_has_its_reason(crawled: Crawled, name: str) -> None:
    rows = of(crawled[2], name)
    assert {row["reason"] for row in rows} == {FEEDS[name][1]}
    assert all(row["detail"] for row in rows if row["reason"] not in ("ok", "not_modified", "empty_confirmed"))


def test_only_what_concerns_a_watched_hospital_is_kept_and_all_of_it_is_counted(crawled: Crawled) -> None:
    _, items, fetches, _ = crawled
    assert sorted(row["title"] for row in of(items, "good")) == ["再说岚湖妇儿", "岚湖一院急诊排队"]
    assert of(fetches, "good")[0]["items_n"] == 3
    assert not items.filter(pl.col("text").str.contains("13812345678")).height
    assert items["observed_at"].unique().to_list() == [NOW]


def test_the_law_of_robots(crawled: Crawled) -> None:
    _, _, fetches, site = crawled
    assert site.asked["/private/feed.xml"] == 0
    (keep_out,) = of(fetches, "keep_out")
    assert (keep_out["reason"], keep_out["http_status"]) == ("error", None)
    assert "robots.txt: " in keep_out["detail"]
    assert of(fetches, "no_rules")[0]["reason"] == "ok"
    (dead,) = of(fetches, "dead")
    assert dead["reason"] == "error"
    assert all(agent.startswith("Guanchao/") and "lanhu-first.example" in agent for agent in site.agents)


def test_refusals_are_tried_again_then_left_alone(crawled: Crawled) -> None:
    _, items, fetches, site = crawled
    assert site.asked["/blocked"] == 3 == len(of(fetches, "blocked"))
    assert [row["reason"] for row in sorted(of(fetches, "busy"), key=lambda row: row["warc_offset"])] == ["blocked", "blocked", "ok"]
    assert len(of(items, "busy")) == 2
    assert len(of(fetches, "broken")) == 2
    assert len(of(fetches, "gone")) == 1


def test_articles_of_a_column(crawled: Crawled) -> None:
    _, items, fetches, _ = crawled
    first, third = sorted(of(items, "column"), key=lambda row: row["title"])
    assert first["url"] == "http://replica.test/news/a/1.html"
    assert first["published_at"] == datetime(2026, 3, 9, 3, 24, tzinfo=UTC)
    assert (first["kind"], first["published_precision"], third["title"]) == ("article", "minute", "岚湖市第一人民医院回应第3起争议")
    assert "1**********" in first["text"]
    assert [row["items_n"] for row in of(fetches, "column") if row["url"].endswith("/news/")] == [0]
    assert len(of(fetches, "column")) == 4
    assert [row["reason"] for row in of(fetches, "column_empty")] == ["empty_confirmed"]
    assert [row["reason"] for row in of(fetches, "column_js")] == ["format_changed"]


def test_hot_boards(crawled: Crawled) -> None:
    _, items, fetches, _ = crawled
    (title,) = of(items, "board")
    assert (title["board_rank"], title["heat"], title["kind"], title["platform"]) == (2, 125_000.0, "title", "weibo")
    assert title["published_at"] is None
    reasons = {row["url"][-5:]: row["reason"] for row in of(fetches, "board")}
    assert reasons == {"weibo": "ok", "zhihu": "format_changed"}  # an empty board is no news, it is a fault
    assert "cache of" in next(row["detail"] for row in of(fetches, "board") if row["reason"] == "ok")


def test_letters_by_cursor_behind_a_cookie(crawled: Crawled) -> None:
    _, items, fetches, _ = crawled
    letters = of(items, "letters")
    assert len(letters) == 25
    assert {row["text"] for row in letters} == {"排队\n太久"}
    assert {row["region"] for row in letters} == {"青澜"}
    assert all(row["author_hash"] and row["likes_n"] == 3 for row in letters)
    assert [row["reason"] for row in of(fetches, "letters")] == ["ok"] * 3


def test_every_item_walks_home_to_its_bytes(crawled: Crawled) -> None:
    landing, items, fetches, _ = crawled
    assert items["fetch_id"].is_in(fetches["fetch_id"].implode()).all()
    (row,) = of(fetches, "good")
    with (landing.parent / row["warc_file"]).open("rb") as archive:
        archive.seek(row["warc_offset"])
        record = next(iter(ArchiveIterator(archive)))
        assert record.rec_headers.get_header("WARC-Target-URI") == "http://replica.test/feed.xml"
        assert record.http_headers.get_header("Set-Cookie") is None
        assert record.content_stream().read() == FIRST


def test_what_landed_fits_the_warehouse(crawled: Crawled, tmp_path: Path) -> None:
    _, items, fetches, _ = crawled
    warehouse = Warehouse(tmp_path, "test")
    assert warehouse.add("fetches", fetches) == fetches.height > 30
    assert warehouse.add("raw_items", items) == items.select("post_id", "observed_at").n_unique()


def test_the_same_clock_and_site_give_the_same_rows_and_bytes(crawled: Crawled, conf: Path, tmp_path: Path) -> None:
    landing, items, fetches, _ = crawled
    base, _, server = serve()
    again = tmp_path / "landing"
    again.mkdir()
    repeated = [one for one in all_cards(base) if one.id in ("good", "column", "board", "letters", "busy", "login")]
    crawl_together(repeated, again, conf, Clock(NOW, speed=0), timeout_s=60)
    ids = [one.id for one in repeated]
    for before, after in zip((items, fetches), read_landing(again), strict=True):
        assert after.equals(before.filter(pl.col("source").is_in(ids)))
    for name in ids:
        assert (again / name / f"{name}.warc.gz").read_bytes() == (landing / name / f"{name}.warc.gz").read_bytes()
    server.shutdown()


def test_one_source_a_child_and_a_rerun_starts_from_an_empty_folder(conf: Path, tmp_path: Path) -> None:
    base, _, server = serve()
    one = card(base, "good", "/feed.xml")
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "items-99999.parquet").write_bytes(b"left over, not even parquet")
    crawl(one, tmp_path, conf, Clock(NOW, speed=0), timeout_s=30)
    items, fetches = read_landing(tmp_path)
    assert (items.height, fetches.height) == (2, 1)
    server.shutdown()


def test_a_hung_site_is_ended_and_says_so(conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawlers.run.GRACE_S", 1.0)
    base, _, server = serve()
    started = time.monotonic()
    crawl(card(base, "slow", "/slow"), tmp_path, conf, Clock(NOW), timeout_s=3)
    assert time.monotonic() - started < 10
    _, fetches = read_landing(tmp_path)
    assert [row["reason"] for row in of(fetches, "slow")][-1] == "error"
    assert any("timed out after 3 s" in (row["detail"] or "") for row in of(fetches, "slow"))
    server.shutdown()


def test_a_killed_child_leaves_a_row(conf: Path, tmp_path: Path) -> None:
    base, _, server = serve()

    def kill_every_child() -> None:
        killed: set[int] = set()
        end = time.monotonic() + 40
        while len(killed) < STARTS and time.monotonic() < end:
            time.sleep(0.05)
            for pid in children(tmp_path):
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)

    killer = threading.Thread(target=kill_every_child)
    killer.start()
    crawl(card(base, "slow", "/slow"), tmp_path, conf, Clock(NOW), timeout_s=60)
    killer.join()
    _, fetches = read_landing(tmp_path)
    (row,) = of(fetches, "slow")
    assert row["reason"] == "error"
    assert "code -9" in row["detail"]
    server.shutdown()


def test_a_child_that_cannot_start_leaves_a_row_in_one_line(conf: Path, tmp_path: Path) -> None:
    crawl(replace(card("http://127.0.0.1:9", "odd", "/"), kind="telepathy"), tmp_path, conf, Clock(NOW), timeout_s=30)
    (row,) = of(read_landing(tmp_path)[1], "odd")
    assert row["reason"] == "error"
    assert "KeyError: 'telepathy'" in row["detail"]
    assert "\n" not in row["detail"]


def test_without_a_secret_a_real_crawl_does_not_start(conf: Path, tmp_path: Path) -> None:
    for name in ("hospitals.yml", "sources.yml"):
        (tmp_path / name).write_text((conf / name).read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ConfigProblem, match="GUANCHAO_AUTHOR_SECRET"):
        crawl(card("http://127.0.0.1:9", "a", "/"), tmp_path / "landing", tmp_path, Clock(NOW), timeout_s=5)
    assert not (tmp_path / "landing").exists()


def test_landing_files_are_whole_or_absent(tmp_path: Path) -> None:
    """A writer killed at any moment: what lies under a final name is readable, batches in order, nothing torn."""
    writer = (
        "import sys, pathlib, datetime\nfrom crawlers.landing import Landing\nfrom crawlers.items import Answer, Fetch\n"
        "landing, n = Landing(pathlib.Path(sys.argv[1])), 0\n"
        "while True:\n n += 1\n landing.add(Answer(Fetch(f'{n:016x}', 's', 'http://x/',"
        "datetime.datetime(2026, 3, 10, tzinfo=datetime.UTC), 200, 'ok', None, 0, 0, None, None, None), []))\n"
    )
    (tmp_path / "s").mkdir()
    child = subprocess.Popen([sys.executable, "-c", writer, str(tmp_path / "s")])
    while len(list((tmp_path / "s").glob("fetches-*"))) < 3:
        time.sleep(0.02)
        assert child.poll() is None
    child.kill()
    child.wait()
    rows = read_landing(tmp_path)[1].height
    assert rows >= 3 * BATCH
    assert rows % BATCH == 0


def test_an_empty_landing_is_two_empty_frames(tmp_path: Path) -> None:
    items, fetches = read_landing(tmp_path)
    assert (items.height, fetches.height) == (0, 0)
    assert Warehouse(tmp_path / "w", "test").add("fetches", fetches) == 0
    landing = Landing(tmp_path)
    landing.flush()
    assert list(tmp_path.glob("*.parquet")) == []
    row = Fetch("0" * 16, "s", "http://x/", NOW + timedelta(hours=1), 200, "ok", None, 0, 0, None, None, None)
    landing.add(Answer(row, []))
    landing.flush()
    assert (landing.answers, landing.rows) == (1, 1)
