"""Repost cascades of thunlp/Chinese_Rumor_Dataset (CED): a list of reposts, and the original, which does not name its own id -> readings.

In that data set the id and author of the original are in the file's name (`1051_yFCtQs3pw_1312890425.json`): hand them on as `about`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crawlers.addresses import weibo_mid
from crawlers.items import Reading
from crawlers.parsers.payload import changed, each, find, flag, ident, load, need, said, words
from crawlers.parsers.weibo_status import own_words


def read_weibo_cascade(body: bytes, base: datetime) -> list[Reading]:
    """Reposts, each with its `parent`; an empty `parent` is the original, which only the caller knows. Or the original alone."""
    answer = load(body)
    if isinstance(answer, list):
        return each(answer, _repost, "reposts")
    if not isinstance(answer, dict):
        raise changed(f"JSON {type(answer).__name__}")
    return each([answer], _original, "originals")


def _repost(row: Any) -> Reading:
    parent = words(row.get("parent"))
    return Reading(
        text=own_words(words(need(row, "text"))), native_id=weibo_mid(ident(row["mid"])), kind="repost", platform="weibo",
        published=said(row.get("date")), author=words(row.get("uid")) or None, parent=weibo_mid(parent) if parent else None,
    )  # fmt: skip


def _original(row: Any) -> Reading:
    return Reading(
        text=words(need(row, "text")), platform="weibo", published=said(row.get("time")), region=words(find(row, "user.location")) or None,
        followers=said(find(row, "user.followers")), is_verified=flag(find(row, "user.verified")),
        reposts=said(row.get("reposts")), comments=said(row.get("comments")), likes=said(row.get("likes")),
    )  # fmt: skip
