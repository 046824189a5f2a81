"""小红书: search, notes, comments, in the app's shape and the web's (`note_card`, counts as 1.2万) -> readings (SOURCES §2.13)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from crawlers.items import Reading
from crawlers.parsers.payload import changed, each, find, flag, ident, ident_or_none, load, need, nested, once, refused, said, words
from crawlers.parsers.relay import unwrap
from crawlers.reasons import NoReading

_CODES = {  # what the site's numbers mean; the rest is judged by the message
    -100: "login_wall", -101: "login_wall", -104: "login_wall", 300011: "blocked", 300012: "blocked", 300013: "blocked", 300015: "blocked",
    300031: "empty_confirmed", -510000: "empty_confirmed", -510001: "empty_confirmed",
}  # fmt: skip


def read_xhs(body: bytes, base: datetime) -> list[Reading]:
    """Notes or comments. NoReading: login_wall, blocked, empty_confirmed, error."""
    answer, params = unwrap(load(body))
    code, message = find(answer, "code"), words(find(answer, "msg", "message"))
    if str(code) not in ("0", "None") or find(answer, "success") is False:
        known = next((reason for number, reason in _CODES.items() if str(number) == str(code)), None)
        raise NoReading(known, f"{message} ({code})") if known else refused(f"{message} ({code})")
    if isinstance(comments := find(answer, "data.comments"), list):
        return once(each(comments, lambda entry: _comment(entry, ident_or_none(params.get("note_id"))), "comments"))
    if isinstance(items := find(answer, "data.items", "data.data.items"), list):
        return once(each(items, _item, "results"))
    if find(answer, "data.has_more") is False:
        raise NoReading("empty_confirmed", "no items, and no more to come")
    raise changed("no data.items, no data.comments")


def _item(item: Any) -> Reading | None:
    """Queries to try next, advertisements and users (model_type) are none of ours."""
    note = item.get("note") or item.get("note_card")
    if note is None and item.get("model_type") == "note":
        raise LookupError("model_type note without note or note_card")
    return _note(note, item) if note else None


def _note(note: Any, item: Any) -> Reading:
    native = ident(find(note, "id", "note_id") or item.get("id"))
    title, counts, user = words(find(note, "title", "display_title")), find(note, "interact_info") or note, note.get("user")
    return Reading(
        text=words(note.get("desc")).replace("[话题]#", "#") or title, title=title, native_id=native,
        url=f"https://www.xiaohongshu.com/explore/{native}",
        platform="xhs", published=said(find(note, "timestamp", "time")) or _corner_time(note), author=_author(user),
        is_verified=flag(find(user, "red_official_verified")), region=words(note.get("ip_location")) or None,
        reposts=said(find(counts, "shared_count", "share_count")), comments=said(find(counts, "comments_count", "comment_count")),
        likes=said(counts.get("liked_count")),
    )  # fmt: skip


def _corner_time(note: Any) -> str | None:
    """The web's search gives no other time than a corner's tag: 3天前, 11-20."""
    tags = note.get("corner_tag_info")
    times = [words(find(tag, "text")) for tag in tags if find(tag, "type") == "publish_time"] if isinstance(tags, list) else []
    return times[0] if times else None


def _comment(entry: Any, asked: str | None, under: str | None = None) -> Iterator[Reading]:
    native, root = ident(entry["id"]), ident_or_none(entry.get("note_id")) or asked
    yield Reading(
        text=words(need(entry, "content")), native_id=native, kind="comment", platform="xhs",
        published=said(find(entry, "time", "create_time")),
        author=_author(find(entry, "user", "user_info")), region=words(entry.get("ip_location")) or None,
        parent=ident_or_none(find(entry, "target_comment.id")) or under or root, root=root, comments=said(entry.get("sub_comment_count")),
        likes=said(entry.get("like_count")),
    )  # fmt: skip
    yield from nested(entry.get("sub_comments"), lambda reply: _comment(reply, root, native))


def _author(user: Any) -> str | None:
    return ident_or_none(find(user, "userid", "user_id")) or words(find(user, "nickname")) or None
