"""Which parser reads a recorded answer, told by its shape alone: fields no other platform has, or a page's own marks."""

from __future__ import annotations

import re
from typing import Any

from crawlers.clean import decode
from crawlers.parsers.payload import find, load_text
from crawlers.parsers.relay import unwrap
from crawlers.reasons import NoReading

FURTHEST_MARK = 2_000_000  # characters; in the recorded pages every mark stands in the first 200,000

_PAGES = (  # in this order: the first mark found in a page tells its parser
    ("baidu_board", re.compile(r"<!--s-data:\{")),
    ("zhihu", re.compile(r"id=[\"']js-initialData[\"']")),
    ("weibo", re.compile(r"\$render_data\s*=")),
    ("weibo_search", re.compile(r"feed_list_item|card-no-result|pl_feedlist_index|passport\.weibo\.com/visitor|Sina Visitor System")),
    ("weibo_cn", re.compile(r"id=\"[MC]_|//weibo\.cn/|WeiboLogoCh\.svg")),
    ("tieba_html", re.compile(r"\b(?:l_post|j_thread_list|s_post|lzl_single_post|threadcardclass)\b|_百度贴吧|贴吧404")),
    ("heimao", re.compile(r"ts-d-question|tousu\.sina\.(?:com\.)?cn")),
    ("wechat", re.compile(r"sogou|\bmsgList\s*=|js_content|activity-name|mp\.weixin\.qq\.com|weui-msg__title")),
)
_TABLES = (("heimao", "date,title,summary,object,demands,href"),)


def recognise(body: bytes) -> str | None:
    """The key of PARSERS that reads this body, or None."""
    text = decode(body).lstrip("\ufeff \r\n\t")
    if text.startswith("<"):
        return next((name for name, mark in _PAGES if mark.search(text, 0, FURTHEST_MARK)), None)
    if table := next((name for name, header in _TABLES if text.startswith(header)), None):
        return table
    try:
        said = load_text(text)
    except NoReading:
        return _lines(text)
    try:
        said = unwrap(said).body
    except NoReading:  # the relay's own refusal: any of the relayed parsers will name it
        return "douyin"
    return _object(said) if isinstance(said, dict) else _array(said) if isinstance(said, list) else None


def _lines(text: str) -> str | None:
    first = text.partition("\n")[0]
    return "weibo_items" if first.startswith('{"') and '"content"' in first and '"_id"' in first else None


def _has(said: Any, *paths: str) -> bool:
    return all(find(said, path) is not None for path in paths)


def _array(said: list[Any]) -> str | None:
    first = next((entry for entry in said if isinstance(entry, dict)), {})
    tests = (
        ("weibo_cascade", {"mid", "parent", "uid"} <= first.keys()),
        ("heimao", "/complaint/view/" in str(first.get("href"))),
        ("weibo_items", {"_id", "content"} <= first.keys()),
        ("weibo_trending", set(first) == {"title", "url"}),
        ("weibo", {"created_at", "text", "user"} <= first.keys()),
    )
    return next((name for name, holds in tests if holds), None)


def _object(said: dict[str, Any]) -> str | None:
    for test in (_boards, _weibo, _video_sites, _others):
        if name := test(said):
            return name
    return None


def _boards(said: dict[str, Any]) -> str | None:
    tests = (
        ("weibo_board", _has(said, "data.realtime")),
        ("baidu_board", _has(said, "data.cards.0.component")),
        ("tencent_board", _has(said, "idlist.0.newslist")),
        (
            "tieba",
            _has(said, "data.card_list") or _has(said, "thread", "post_list") or _has(said, "forum.tids") or _has(said, "no", "error"),
        ),
    )
    return next((name for name, holds in tests if holds), None)


def _weibo(said: dict[str, Any]) -> str | None:
    tests = (
        ("weibo_items", {"_id", "content"} <= said.keys()),
        ("weibo_cascade", {"reposts", "comments", "likes", "user", "text", "time"} <= said.keys()),
        ("weibo", "ok" in said or {"created_at", "text", "user"} <= said.keys()),
    )
    return next((name for name, holds in tests if holds), None)


def _video_sites(said: dict[str, Any]) -> str | None:
    tests = (
        ("douyin", "status_code" in said or _has(said, "aweme_detail") or _has(said, "data.0.aweme_info") or _has(said, "comments.0.cid")),
        ("channels", "media_list" in said or "comment_info" in said),
        ("bilibili", "code" in said and ("ttl" in said or _has(said, "data.result") or "replies" in (said.get("data") or ()))),
        ("xhs", "code" in said and (_has(said, "data.items") or _has(said, "data.comments") or "success" in said)),
    )
    return next((name for name, holds in tests if holds), None)


def _others(said: dict[str, Any]) -> str | None:
    tests = (
        ("heimao", _has(said, "result.data") or _has(said, "result.status")),
        ("wechat", _has(said, "items", "totalPages") or _has(said, "items", "totalItems")),
        ("zhihu", _has(said, "paging") or _has(said, "fresh_text") or _has(said, "error.message") or _has(said, "top_search.words")),
    )
    return next((name for name, holds in tests if holds), None)
