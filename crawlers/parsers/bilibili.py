"""B站: search and comments -> readings (design/SOURCES.md §2.13). A video's id is its BV number; comments name it by av number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from crawlers.addresses import bilibili_bv
from crawlers.items import Reading
from crawlers.parsers.payload import changed, each, find, ident, ident_or_none, listed, load, need, nested, once, refused, said, words
from crawlers.parsers.relay import unwrap
from crawlers.reasons import NoReading

_HIT = re.compile(r"</?em\b[^>]*>")
_CODES = {
    -101: "login_wall", -352: "blocked", -412: "blocked", -799: "blocked", -404: "empty_confirmed", 12002: "empty_confirmed",
    12009: "empty_confirmed", 62002: "empty_confirmed",
}  # fmt: skip


def read_bilibili(body: bytes, base: datetime) -> list[Reading]:
    """Videos or comments. NoReading: blocked (-412, -352, or an answer that holds only a v_voucher), login_wall, empty_confirmed."""
    answer, params = unwrap(load(body))
    code = find(answer, "code")
    if code not in (0, None):
        message = f"{words(find(answer, 'message', 'msg'))} ({code})"
        raise NoReading(_CODES[code], message) if code in _CODES else refused(message)
    data = find(answer, "data")
    if isinstance(data, dict) and "v_voucher" in data and not find(data, "result"):
        raise NoReading("blocked", "code 0, but only a v_voucher: the site asks for its risk check")
    if isinstance(found := find(data, "result"), list):
        return once(each(_flat(found), _result, "results"))
    if isinstance(data, dict) and "replies" in data:
        found = [find(data, "upper.top"), *(reply for name in ("top_replies", "replies", "hots") for reply in listed(data.get(name)))]
        return once(each(filter(None, found), lambda reply: _comment(reply, words(params.get("bv_id"))), "comments"))
    if find(data, "numResults") == 0:
        raise NoReading("empty_confirmed", "numResults: 0")
    raise changed("no data.result, no data.replies")


def _flat(found: list[Any]) -> Iterator[Any]:
    """The general search groups its results by type."""
    for entry in found:
        if isinstance(find(entry, "data"), list):
            yield from entry["data"]
        else:
            yield entry


def _result(entry: Any) -> Reading | None:
    if entry.get("type") != "video":  # people, films, live rooms
        return None
    native = ident(need(entry, "bvid"))
    title, about = (_HIT.sub("", words(entry.get(name))) for name in ("title", "description"))
    return Reading(
        text=about.strip(" -·") or title, title=title, native_id=native, url=f"https://www.bilibili.com/video/{native}",
        platform="bilibili",
        published=said(entry.get("pubdate")), author=ident_or_none(entry.get("mid")) or words(entry.get("author")) or None,
        comments=said(entry.get("review")), likes=said(entry.get("like")), views=said(entry.get("play")),
    )  # fmt: skip


def _comment(reply: Any, asked: str) -> Iterator[Reading]:
    """`asked` is the video's BV number if the relay was asked by it; else it follows from the av number (type 1: a video)."""
    oid = ident_or_none(find(reply, "oid_str", "oid"))
    root = asked or (bilibili_bv(int(oid)) if oid and oid.isdigit() and reply.get("type") == 1 else oid)
    yield Reading(
        text=words(need(reply, "content.message")), native_id=ident(find(reply, "rpid_str", "rpid")), kind="comment", platform="bilibili",
        published=said(reply.get("ctime")),
        author=ident_or_none(find(reply, "mid_str", "mid")) or words(find(reply, "member.uname")) or None,
        region=words(find(reply, "reply_control.location")) or None, parent=ident_or_none(find(reply, "parent_str", "parent")) or root,
        root=root, comments=said(reply.get("rcount")), likes=said(reply.get("like")),
    )  # fmt: skip
    yield from nested(reply.get("replies"), lambda under: _comment(under, asked))
