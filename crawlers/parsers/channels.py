"""视频号: search and comments as a relay hands them on -> readings (design/SOURCES.md §2.13). Videos there have no public address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from crawlers.items import Reading
from crawlers.parsers.payload import changed, each, find, ident, ident_or_none, load, need, nested, once, said, words
from crawlers.parsers.relay import unwrap

_HIT = re.compile(r"</?em\b[^>]*>")


def read_channels(body: bytes, base: datetime) -> list[Reading]:
    """Videos or comments. Emoji stay as the site codes them: [Facepalm]."""
    answer, params = unwrap(load(body))
    if isinstance(videos := find(answer, "media_list"), list):
        return once(each(videos, _video, "videos"))
    if isinstance(comments := find(answer, "comment_info"), list):
        return once(each(comments, lambda entry: _comment(entry, ident_or_none(params.get("id"))), "comments"))
    raise changed("no media_list, no comment_info")


def _video(video: Any) -> Reading:
    return Reading(
        text=_HIT.sub("", words(need(video, "object_desc.description"))), native_id=ident(video["id"]), platform="channels",
        published=said(video.get("createtime")), author=words(find(video, "username", "nickname")) or None,
        region=words(find(video, "ip_region_info.region_text")) or None, reposts=said(video.get("forward_count")),
        comments=said(video.get("comment_count")), likes=said(video.get("like_count")),
    )  # fmt: skip


def _comment(entry: Any, root: str | None) -> Iterator[Reading]:
    yield Reading(
        text=words(need(entry, "content")), native_id=ident(entry["comment_id"]), kind="comment", platform="channels",
        published=said(entry.get("createtime")), author=words(find(entry, "username", "nickname")) or None,
        region=words(find(entry, "ip_region_info.region_text")) or None, parent=ident_or_none(entry.get("reply_comment_id")) or root,
        root=root,
        comments=said(entry.get("expand_comment_count")), likes=said(entry.get("like_count")),
    )  # fmt: skip
    yield from nested(entry.get("level_two_comment"), lambda reply: _comment(reply, root))
