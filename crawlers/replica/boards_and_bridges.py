"""What the replica is asked and answers, and its further sites: hot boards of the platforms, SearXNG, a bridge. Shapes are those of
design/SOURCES.md §2.7-2.10, all words constructed. Pure like replica_pages: equal (scenario, now, request), equal bytes; a firewall's
patience is counted in the visitor's cookie.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from crawlers.replica import pages
from crawlers.replica.scenario import Post, Scenario
from warehouse.clock import shanghai

COOKIE = "wzws_sid=constructed"
XML, HTML, JSON = "application/xml; charset=utf-8", "text/html; charset=utf-8", "application/json; charset=utf-8"
BASE62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Asked:
    path: str
    query: dict[str, str]
    form: dict[str, str] = field(default_factory=dict)
    cookie: str = ""


@dataclass(frozen=True)
class Answer:
    body: bytes = b""
    type: str = HTML
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    wait_s: float = 0.0


Site = Callable[[Scenario, datetime, Asked], Answer]


def said(value: Any, status: int = 200) -> Answer:
    return Answer(json.dumps(value, ensure_ascii=False).encode(), JSON, status)


def not_found() -> Answer:
    return Answer("<html><head><title>404</title></head><body>页面不存在</body></html>".encode(), status=404)


def intercepted() -> Answer:
    return Answer("<html><head><title>403</title></head><body>请求被拦截</body></html>".encode(), status=403)


def too_hasty(asked: Asked, times: int = 2) -> Answer | None:
    """429 with Retry-After, so many times; the count is in the cookie."""
    seen = int(found[1]) if (found := re.search(r"hits=(\d+)", asked.cookie)) else 0
    if seen >= times:
        return None
    return Answer(b"Too Many Requests", "text/plain", 429, (("Retry-After", "1"), ("Set-Cookie", f"hits={seen + 1}; Path=/")))


# hot boards at the platforms: the titles of the newsnow boards


def _titles(scenario: Scenario, board: str, now: datetime) -> list[str]:
    return [str(item["title"]) for item in json.loads(pages.newsnow(scenario, board, now), strict=False)["items"]]


def weibo_board(scenario: Scenario, now: datetime, asked: Asked) -> Answer:
    lines: list[dict[str, Any]] = [
        {"word": title, "word_scheme": f"#{title}#", "note": title, "num": 1_200_000 - 20_000 * n, "realpos": n, "rank": n - 1,
         "label_name": "热" if n < 4 else "", "flag": 0}
        for n, title in enumerate(_titles(scenario, "weibo", now), 1)
    ]  # fmt: skip
    lines.insert(3, {"word": "青澜果味汽水", "note": "青澜果味汽水", "is_ad": 1})
    pinned = {"word": "#岚湖春日#", "name": "#岚湖春日#", "note": "岚湖春日"}
    return said({"ok": 1, "data": {"realtime": lines, "hotgov": pinned, "hotgovs": [pinned]}})


def baidu_board(scenario: Scenario, now: datetime, asked: Asked) -> Answer:
    lines = [
        {"word": title, "query": title, "desc": "", "hotScore": str(7_900_000 - 100_000 * n), "hotTag": "0", "index": n,
         "url": f"https://baidu.{pages.HOST}/s?wd={quote(title)}", "rawUrl": f"https://baidu.{pages.HOST}/s?wd={quote(title)}"}
        for n, title in enumerate(_titles(scenario, "baidu", now))
    ]  # fmt: skip
    return said({"success": True, "data": {"cards": [{"component": "hotList", "content": lines, "topContent": []}]}})


def tencent_board(scenario: Scenario, now: datetime, asked: Asked) -> Answer:
    posts = [post for outlet in ("bing", "xww") for post in scenario.seen(outlet, now)][:20]
    lines: list[dict[str, Any]] = [{"id": "TIP2026", "title": "热点精选", "articletype": "560"}]
    lines += [
        {"id": f"2026{pages.number(post.id, 9)}A00", "title": post.title, "url": pages.address(post), "abstract": post.text[:60],
         "time": shanghai(post.at, "%Y-%m-%d %H:%M:%S"), "timestamp": int(post.at.timestamp()), "comments": post.counts(now)[1],
         "card": {"chlname": post.author}, "hotEvent": {"ranking": n, "hotScore": 900_000 - 1000 * n}}
        for n, post in enumerate(posts, 1)
    ]  # fmt: skip
    return said({"ret": 0, "idlist": [{"newslist": lines}]})


# a SearXNG, and what it says when its engines are walled, are down, or JSON is not among its formats


def searxng(scenario: Scenario, now: datetime, asked: Asked) -> Answer:
    instance, query = asked.path.split("/")[1], asked.query.get("q", "")
    if asked.query.get("format") != "json" or instance == "searxng-html":
        return Answer(b"<!doctype html><html><head><title>403 Forbidden</title></head></html>", status=403)
    silent = {"searxng-walled": "Suspended: CAPTCHA", "searxng-down": "timeout"}.get(instance)
    engines = [["baidu", silent], ["sogou wechat", silent]] if silent else [["baidu", "CAPTCHA"]]
    posts = [p for outlet in ("bing", "xww", "wechat") for p in scenario.seen(outlet, now) if query in f"{p.title}{p.text}"]
    results = [
        {"title": post.title, "url": pages.address(post), "content": post.text[:120], "engine": "sogou wechat", "engines": ["sogou wechat"],
         "publishedDate": None if post.outlet == "xww" else shanghai(post.at, "%Y-%m-%dT%H:%M:%S"), "score": 1.0, "category": "news"}
        for post in posts
    ]  # fmt: skip
    body = {"query": query, "number_of_results": 0, "results": [] if silent else results, "answers": [], "corrections": []}
    return said({**body, "infoboxes": [], "suggestions": [], "unresponsive_engines": engines})


# a bridge that answers as m.weibo.cn does, with counts that grow


def bridge(scenario: Scenario, now: datetime, asked: Asked) -> Answer:
    posts = scenario.seen("weibo", now)
    if asked.path.endswith("/statuses/show"):
        found = next((post for post in posts if mid(post) == asked.query.get("id")), None)
        return said({"ok": 1, "data": mblog(found, now)} if found else {"ok": 0, "errno": "20101", "msg": "该微博不存在"})
    query = asked.query.get("q", "")
    cards = [{"card_type": 9, "itemid": mid(post), "mblog": mblog(post, now)} for post in posts if query in post.text][:20]
    return said(
        {"ok": 1, "data": {"cards": [{"card_type": 11, "card_group": cards[:2]}, *cards[2:]], "cardlistInfo": {"total": len(cards)}}}
    )


def mid(post: Post) -> str:
    return str(pages.number(post.id, 16))


def bid(own: str) -> str:
    """The mid as Weibo's addresses write it: base 62, seven digits to four characters, from the right."""
    groups = [int(own[max(0, end - 7) : end]) for end in range(len(own), 0, -7)]
    written = [f"{BASE62[n // 62**3 % 62]}{BASE62[n // 62**2 % 62]}{BASE62[n // 62 % 62]}{BASE62[n % 62]}" for n in groups]
    return "".join(reversed(written)).lstrip("0")


def mblog(post: Post, now: datetime) -> dict[str, Any]:
    reposts, comments, likes = post.counts(now)
    user = {"id": pages.number(post.author, 10), "screen_name": post.author, "verified": post.author_kind != "personal",
            "verified_type": -1, "followers_count": "1.2万"}  # fmt: skip
    blog: dict[str, Any] = {
        "id": mid(post), "mid": mid(post), "bid": bid(mid(post)), "text": pages.markup(post.text), "source": "微博网页版",
        "created_at": shanghai(post.at, "%a %b %d %H:%M:%S +0800 %Y"), "region_name": f"发布于 {post.region}", "isLongText": False,
        "pic_num": 0, "reposts_count": reposts, "comments_count": comments, "attitudes_count": likes, "user": user,
    }  # fmt: skip
    return {**blog, "retweeted_status": mblog(post.quotes, now)} if post.quotes else blog
