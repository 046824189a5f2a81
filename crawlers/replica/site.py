"""A local site that answers in the sources' real formats, error modes included: for the drill, the tests and the offline demo.

It shows only what was published by `now`, and the same (scenario, now) is the same bytes, whatever the port and the day.
    python -m crawlers.replica --scenario lanhu --now 2026-03-10T08:30
"""

from __future__ import annotations

import argparse
import hashlib
import time
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from crawlers.replica import boards_and_bridges as sites
from crawlers.replica import mailbox, pages
from crawlers.replica.boards_and_bridges import COOKIE, HTML, JSON, XML, Answer, Asked, Site, intercepted, not_found, too_hasty
from crawlers.replica.scenario import SCENARIOS, Scenario, load_scenario
from warehouse.clock import parse_instant

MOST_IN_A_FEED = 300
LIUYAN = "/pro-dfbbs-front/"
SITES: dict[str, Site] = {  # further sites, by the beginning of their paths
    "/hudong/hdjl/": mailbox.beijing,
    "/wangchuan/xfj/": mailbox.table_city,
    "/ajax/side/hotSearch": sites.weibo_board,
    "/api/board": sites.baidu_board,
    "/gw/event/hot_ranking_list": sites.tencent_board,
    "/searxng": sites.searxng,
    "/bridge/weibo/": sites.bridge,
}
ROBOTS = "User-agent: *\r\nDisallow: /private/\r\nDisallow: /errors/robots_denied\r\nDisallow: /searxng*?*q=*\r\n"


def answer(scenario: Scenario, now: datetime, asked: Asked) -> Answer:
    """What the replica says to a request at `now`."""
    if asked.path == "/robots.txt":
        return Answer(ROBOTS.encode(), "text/plain")
    wall = scenario.world["walls"].get(asked.path) or asked.path.removeprefix("/errors/")
    if wall in ERRORS:
        return ERRORS[wall](scenario, now, asked)
    if asked.path in scenario.world["feeds"]:
        return _feed(scenario, now, scenario.world["feeds"][asked.path])
    if asked.path.endswith("/api/s"):
        return _board(scenario, now, asked.query.get("id", ""))
    if asked.path.startswith(LIUYAN):
        return _liuyan(scenario, now, asked)
    for path, site in SITES.items():
        if asked.path.startswith(path):
            return site(scenario, now, asked)
    for path, column in scenario.world["columns"].items():
        if asked.path.startswith(path):
            return _column(scenario, now, column, asked.path.removeprefix(path))
    return not_found()


def _feed(scenario: Scenario, now: datetime, feed: dict[str, Any]) -> Answer:
    posts = scenario.seen(feed["outlet"], now, feed.get("hospitals"))[:MOST_IN_A_FEED]
    text = pages.FEEDS[feed["format"]](feed["title"], posts, now)
    if feed["format"] == "gb2312":  # labelled gb2312, bytes gb18030, no charset in the header: what local papers do
        return Answer(text.encode("gb18030"), "text/xml")
    return Answer(text.encode(), JSON if feed["format"] == "json" else XML)


def _board(scenario: Scenario, now: datetime, board: str) -> Answer:
    if board not in ("weibo", "zhihu", "baidu"):
        return Answer(b'{"error":true,"statusCode":500,"message":"Invalid source id"}', JSON, 500)
    return Answer(pages.newsnow(scenario, board, now).encode(), JSON)


def _liuyan(scenario: Scenario, now: datetime, asked: Asked) -> Answer:
    forum = scenario.world["forum"]
    if not asked.path.endswith("/queryThreadsList"):
        page = f"<!DOCTYPE html><html><head><title>{forum['name']} - 领导留言板</title></head><body>{forum['name']}</body></html>"
        return Answer(page.encode(), headers=(("Set-Cookie", f"{COOKIE}; Path=/; HttpOnly"),))
    if COOKIE not in asked.cookie:
        return intercepted()
    if asked.form.get("fid") == str(forum.get("hasty_fid")) and (wait := too_hasty(asked)):
        return wait
    if asked.form.get("fid") not in (str(forum["fid"]), str(forum.get("hasty_fid"))):
        return Answer(b'{"result":"success","resultDesc":"","responseData":[]}', JSON)
    last, size = (int(asked.form.get(name) or default) for name, default in (("lastItem", 0), ("pageSize", 20)))
    return Answer(pages.liuyan(scenario, now, last, size).encode(), JSON)


def _column(scenario: Scenario, now: datetime, column: dict[str, Any], rest: str) -> Answer:
    posts = [post for post in scenario.seen(column["outlet"], now) if post.title]
    header = "text/html" if column["charset"] == "gb18030" else HTML
    names = ["index.html", *(f"index_{n}.html" for n in range(1, max(3, 1 + len(posts) // pages.ON_A_PAGE)))]
    if (rest or "index.html") in names:
        page = pages.column_page(column, posts, names.index(rest or "index.html"))
        return Answer(page.encode(column["charset"]), header)
    found = next((post for post in posts if pages.article_path(post) == rest), None)
    return Answer(pages.article_page(column, found).encode(column["charset"]), header) if found else not_found()


def _weibo(scenario: Scenario, now: datetime, most: int = 10) -> str:
    return pages.rsshub("岚湖", scenario.seen("weibo", now)[:most], now)


def _large(scenario: Scenario, now: datetime, asked: Asked) -> Answer:
    body = _weibo(scenario, now)
    return Answer(body.replace("</channel>", f"<!-- {'岚' * (5 * 1024 * 1024 // 3)} --></channel>").encode(), XML)


_CAPTCHA = (
    '<html><head><title>安全验证</title></head><body><form action="/seccode" id="captcha">用户您好，您的访问过于频繁，'
    '为确认本次访问为正常用户行为，需要您协助验证。<input name="seccode"></form></body></html>'
)
_REBUILT = (
    '<!DOCTYPE html><html><head><title>全新改版</title></head><body><div id="app"></div><script src="/app.js"></script></body></html>'
)
_REDIRECT = Answer(status=302, headers=(("Location", "/passport/visitor?entry=weibo"),))

# One path an error mode, named by the reason it should be given (warehouse.vocabulary.FETCH_REASONS), then the awkward but readable
ERRORS: dict[str, Site] = {
    "error": lambda scenario, now, asked: Answer("服务器内部错误".encode(), "text/plain; charset=utf-8", 500),
    "captcha": lambda scenario, now, asked: Answer(_CAPTCHA.encode()),
    "login_wall": lambda scenario, now, asked: _REDIRECT,
    "empty_confirmed": lambda scenario, now, asked: Answer(pages.rsshub("岚湖", [], now).encode(), XML),
    "blocked": lambda scenario, now, asked: Answer(b"Forbidden", "text/plain", 403, (("Retry-After", "1"),)),
    "robots_denied": lambda scenario, now, asked: Answer(_weibo(scenario, now).encode(), XML),
    "format_changed": lambda scenario, now, asked: Answer(_REBUILT.encode()),
    "not_modified": lambda scenario, now, asked: Answer(_weibo(scenario, now).encode(), XML),
    "slow": lambda scenario, now, asked: Answer(_weibo(scenario, now).encode(), XML, wait_s=float(asked.query.get("s", "20"))),
    "large": _large,
    "broken_xml": lambda scenario, now, asked: Answer(_weibo(scenario, now)[:-200].encode(), XML),
    "moved": lambda scenario, now, asked: Answer(status=301, headers=(("Location", "/errors/not_modified"),)),
    "undated": lambda scenario, now, asked: Answer(_weibo(scenario, now).replace("pubDate>", "when>").encode(), XML),
}


class Replica:
    """Serves a scenario on 127.0.0.1 from a thread. `port` 0 takes a free one; set `now` to let the scenario's time pass."""

    def __init__(self, scenario: Path, now: datetime, port: int = 0) -> None:
        self.scenario, self.now = load_scenario(scenario), now
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Replica:
        Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)


def _handler(replica: Replica) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version, server_version, sys_version = "HTTP/1.1", "nginx", ""

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
            self._answer({name: values[-1] for name, values in parse_qs(said).items()})

        def _answer(self, form: dict[str, str]) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            said = answer(replica.scenario, replica.now, Asked(unquote(parts.path), query, form, self.headers.get("Cookie") or ""))
            time.sleep(said.wait_s)
            etag = f'"{hashlib.sha256(said.body).hexdigest()[:16]}"'
            fresh = said.status == 200 and self.command == "GET" and self.headers.get("If-None-Match") == etag
            self.send_response(304 if fresh else said.status)
            for name, value in (("Content-Type", said.type), ("ETag", etag), *said.headers):
                self.send_header(name, value)
            self.send_header("Content-Length", "0" if fresh else str(len(said.body)))
            self.end_headers()
            self.wfile.write(b"" if fresh else said.body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(replica.now, usegmt=True)  # the scenario's clock: archived headers repeat to the byte

        def log_message(self, *_: object) -> None:
            """Nobody reads a drill site's access log."""

    return Handler


def main() -> None:
    said = argparse.ArgumentParser(prog="python -m crawlers.replica", description=__doc__)
    said.add_argument("--scenario", default="lanhu", help="a name in crawlers/scenario, or a folder")
    said.add_argument("--now", required=True, help="the scenario's time, e.g. 2026-03-10T08:30")
    said.add_argument("--port", type=int, default=0)
    wish = said.parse_args()
    folder = SCENARIOS / wish.scenario if (SCENARIOS / wish.scenario).is_dir() else Path(wish.scenario)
    replica = Replica(folder, parse_instant(wish.now), wish.port)
    print(replica.url, flush=True)
    replica.serve()


if __name__ == "__main__":
    main()
