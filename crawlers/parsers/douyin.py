"""抖音: search, lists and single videos (`aweme`), comments -> readings (design/SOURCES.md §2.13)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from crawlers.items import Reading
from crawlers.parsers.payload import changed, each, find, ident, ident_or_none, listed, load, need, nested, once, refused, said, words
from crawlers.parsers.relay import unwrap
from crawlers.reasons import NoReading

_LOGIN_CODES = (8, 9, 2483)  # status_code of a session that ended or never was


def read_douyin(body: bytes, base: datetime) -> list[Reading]:
    """Videos or comments. NoReading: captcha (an empty search that says verify_check), login_wall, empty_confirmed, error."""
    answer, params = unwrap(load(body))
    code = find(answer, "status_code")
    if code in _LOGIN_CODES:
        raise NoReading("login_wall", f"status_code {code}")
    if code not in (0, None):
        raise refused(f"{words(find(answer, 'status_msg', 'message'))} (status_code {code})")
    if "verify_check" in (find(answer, "search_nil_info.search_nil_type"), find(answer, "search_nil_info.search_nil_item")):
        raise NoReading("captcha", "an empty search that asks for verification")
    if isinstance(answer, dict) and "comments" in answer:
        return once(each(listed(answer["comments"]), lambda entry: _comment(entry, ident_or_none(params.get("aweme_id"))), "comments"))
    if isinstance(found := find(answer, "data", "aweme_list"), list):
        return once(each(found, _found, "results"))
    if isinstance(single := find(answer, "aweme_detail"), dict):
        return each([single], _video, "videos")
    raise changed("no data, aweme_list, aweme_detail or comments")


def _found(entry: Any) -> Reading | None:
    """A result of another type (people, live rooms, related words) is none of ours."""
    video = entry.get("aweme_info") or (entry if "aweme_id" in entry else None)
    if video is None and entry.get("type") == 1:
        raise LookupError("type 1 without aweme_info")
    return _video(video) if video else None


def _video(video: Any) -> Reading:
    native, author, counts = ident(video["aweme_id"]), video.get("author"), video.get("statistics")
    return Reading(
        text=words(need(video, "desc")), native_id=native, url=f"https://www.douyin.com/video/{native}", platform="douyin",
        published=said(video.get("create_time")), author=_author(author), is_verified=_is_verified(author),
        followers=said(find(author, "follower_count")) or None, reposts=said(find(counts, "share_count")),
        comments=said(find(counts, "comment_count")), likes=said(find(counts, "digg_count")),
        views=said(find(counts, "play_count")) or None,  # 0 where the site does not tell
    )  # fmt: skip


def _comment(entry: Any, asked: str | None) -> Iterator[Reading]:
    """A comment and the replies it carries; `asked` is the video, if the entry does not name it."""
    root = ident_or_none(entry.get("aweme_id")) or asked
    yield Reading(
        text=words(need(entry, "text")), native_id=ident(entry["cid"]), kind="comment", platform="douyin",
        published=said(entry.get("create_time")), author=_author(entry.get("user")), region=words(entry.get("ip_label")) or None,
        parent=ident_or_none(entry.get("reply_to_reply_id")) or ident_or_none(entry.get("reply_id")) or root, root=root,
        comments=said(entry.get("reply_comment_total")), likes=said(entry.get("digg_count")),
    )  # fmt: skip
    yield from nested(entry.get("reply_comment"), lambda reply: _comment(reply, root))


def _author(user: Any) -> str | None:
    return ident_or_none(find(user, "uid")) or words(find(user, "sec_uid", "nickname")) or None


def _is_verified(user: Any) -> bool | None:
    """`is_verified` is true of everybody; who was verified has a text that says as what."""
    if not isinstance(user, dict):
        return None
    return bool(user.get("custom_verify") or user.get("enterprise_verify_reason"))
