"""RSS 2.0, Atom and JSON Feed -> readings (design/SOURCES.md §2.2). No network here: bridges and importers may use it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import feedparser

from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.reasons import NoReading

ARTICLE_PLATFORMS = ("news", "wechat", "toutiao", "thepaper")  # what is published there are articles; elsewhere posts
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_PICTURES = re.compile(r"(?:\s*\[(?:图片|视频|组图共\d+张)\])+\s*$")  # RSSHub ends a Weibo title with one for each picture


def read_feed(body: bytes, platform: str) -> list[Reading]:
    """Entries of a feed, in its order; an empty feed is an empty list. NoReading(format_changed) if it is no feed at all."""
    text = decode(body)
    kind = "article" if platform in ARTICLE_PLATFORMS else "post"
    if text.lstrip("\ufeff \r\n\t").startswith("{"):
        return list(_json_feed(json.loads(text.lstrip("\ufeff"), strict=False), kind))
    # decoded by us, so the declaration is taken off: feedparser trusts it, and declarations lie
    feed = feedparser.parse(
        _DECLARATION.sub("", text.lstrip("\ufeff")).encode("utf-8", "replace"),
        response_headers={"content-type": "application/xml; charset=utf-8"},
    )
    if not feed.version and not feed.entries:
        raise NoReading("format_changed", "no RSS, Atom or JSON Feed")
    if feed.bozo and not feed.entries:
        raise NoReading("format_changed", f"broken XML: {str(feed.bozo_exception).split(chr(10))[0]}")
    itself = feed.feed.get("link")  # Bing lists the search page among its results
    found = (entry for entry in feed.entries if entry.get("link") or entry.get("id"))
    return [_entry(entry, kind) for entry in found if entry.get("link") != itself or not itself]


def _entry(entry: Any, kind: str) -> Reading:
    """feedparser parses English dates only and drops the rest, so we take the raw words; the counts are RSSHub's own <stats>."""
    content = max((part.get("value", "") for part in entry.get("content", [])), key=len, default="")
    return Reading(
        text=content or entry.get("summary", ""),
        title=_PICTURES.sub("", entry.get("title", "")),
        url=entry.get("link") if str(entry.get("link", "")).startswith("http") else None,
        native_id=None if str(entry.get("link", "")).startswith("http") else entry.get("id"),
        kind=kind,
        published=entry.get("published") or entry.get("updated"),
        author=entry.get("author") or None,
        reposts=entry.get("reposts_count"),
        comments=entry.get("comments_count"),
        likes=entry.get("attitudes_count"),
    )


def _json_feed(feed: dict[str, Any], kind: str) -> Iterator[Reading]:
    if "jsonfeed.org" not in str(feed.get("version", "")):
        raise NoReading("format_changed", "JSON, but no JSON Feed")
    for entry in feed["items"]:
        authors = entry.get("authors") or [entry.get("author") or {}]
        yield Reading(
            text=entry.get("content_html") or entry.get("content_text") or entry.get("summary") or "",
            title=_PICTURES.sub("", entry.get("title") or ""),
            url=entry.get("url"),
            native_id=None if entry.get("url") else str(entry["id"]),
            kind=kind,
            published=entry.get("date_published") or entry.get("date_modified"),
            author=authors[0].get("name"),
        )
