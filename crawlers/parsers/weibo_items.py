"""Statuses and comments as the open crawler nghuyong/WeiboSpider (MIT) writes them, one JSON object a line -> readings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.parsers.payload import each, find, ident, load_rows, need, said, words
from crawlers.parsers.weibo_status import author, has_chain, own_words


def read_weibo_items(body: bytes, base: datetime) -> list[Reading]:
    """One object, a list of them, or lines. Its times are Shanghai's, without an offset."""
    return each(load_rows(decode(body)), _item, "rows")


def _item(row: Any) -> Reading:
    text, user = words(need(row, "content")), find(row, "user", "comment_user")
    is_comment = "comment_user" in row
    return Reading(
        text=own_words(text), native_id=ident(row["_id"]), url=words(row.get("url")) or None,
        kind="comment" if is_comment else "repost" if has_chain(text) else "post", platform="weibo",
        published=said(row.get("created_at")), region=words(row.get("ip_location")) or None, reposts=said(row.get("reposts_count")),
        comments=said(row.get("comments_count")), likes=said(find(row, "attitudes_count", "like_counts")), **author(user),
    )  # fmt: skip
