"""知乎: hot lists, the page of hot searches, search, comments -> readings (design/SOURCES.md §2.12).

Ids are those in the site's addresses: answer/…, p/…, question/…; a line of a hot list is a topic: board:….
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.parsers.payload import (
    changed,
    each,
    embedded,
    find,
    ident,
    ident_or_none,
    load_text,
    need,
    need_list,
    nested,
    once,
    refused,
    said,
    words,
)
from crawlers.reasons import NoReading

_INITIAL = re.compile(r"\bid=[\"']js-initialData[\"'][^<>]*>\s*(?=\{)")
_ONLY_PICTURES = re.compile(r"\s*\[(?:\d+ ?张)?(?:图片|视频)\]\s*")
_PATHS = {"answer": "answer", "article": "p", "question": "question", "zvideo": "zvideo", "pin": "pin"}


def read_zhihu(body: bytes, base: datetime) -> list[Reading]:
    """Readings of whichever it is. NoReading: login_wall, captcha (account/unhuman), blocked; format_changed where a hot list is empty."""
    text = decode(body)
    if (page := embedded(text, _INITIAL)) is not None:
        return _hot_searches(need_list(page, "initialState.topsearch.data"))
    answer = load_text(text)
    if isinstance(problem := find(answer, "error"), dict):
        raise _refusal(problem)
    if words_ := find(answer, "top_search.words"):
        return _hot_searches(words_ if isinstance(words_, list) else [])
    entries = need_list(answer, "data")
    first = next((entry for entry in entries if isinstance(entry, dict)), {})
    if "card_id" in first or find(answer, "fresh_text") is not None:
        return _hot_list(entries)
    if "object" in first or find(answer, "search_action_info") is not None:
        return once(each(entries, _found, "results"))
    return once(each(entries, _comment, "comments"))


def _refusal(problem: dict[str, Any]) -> NoReading:
    message = f"{words(problem.get('message'))} ({words(problem.get('code'))})"
    if "unhuman" in words(problem.get("redirect")):
        return NoReading("captcha", message)
    if problem.get("need_login") is True:
        return NoReading("login_wall", message)
    return refused(message)


def _hot_list(entries: list[Any]) -> list[Reading]:
    if not entries:
        raise changed("the hot list is empty, and a hot list never is")
    return each(enumerate(entries, 1), lambda numbered: _hot(numbered[1], numbered[0]), "lines")


def _hot(line: Any, place: int) -> Reading:
    title = words(need(line, "target.title_area.text", "target.title"))
    link = words(find(line, "target.link.url", "target.url"))
    excerpt = words(find(line, "target.excerpt_area.text", "target.excerpt"))
    number = re.search(r"\d{6,}", words(line.get("card_id")) or link)
    return Reading(
        text=title if not excerpt or _ONLY_PICTURES.fullmatch(excerpt) else excerpt, title=title,
        native_id=f"board:{number[0] if number else ident(need(line, 'card_id', 'id'))}", url=link or None, kind="title", platform="zhihu",
        board_rank=place, heat=said(find(line, "target.metrics_area.text", "detail_text")),
        comments=said(find(line, "feed_specific.answer_count")),
    )  # fmt: skip


def _hot_searches(entries: list[Any]) -> list[Reading]:
    """Since May 2026 the page comes with HTTP 200 and no words on and off: silence, not an empty board."""
    if not entries:
        raise changed("HTTP 200, but topsearch.data is empty, and hot searches never are")
    return each(enumerate(entries, 1), lambda numbered: _hot_search(numbered[1], numbered[0]), "words")


def _hot_search(entry: Any, place: int) -> Reading:
    word = words(need(entry, "queryDisplay", "query_display", "display_query", "realQuery", "query")).strip()
    return Reading(
        text=words(find(entry, "queryDescription", "query_description")) or word, title=word, native_id=f"board:{ident(word)}",
        url=f"https://www.zhihu.com/search?q={quote(word)}", kind="title", platform="zhihu", board_rank=place,
        heat=said(find(entry, "hotShow", "hot_show")),
    )  # fmt: skip


def _found(entry: Any) -> Reading | None:
    """Answers, articles, videos and thoughts; related queries, people and topics are none of ours."""
    thing = find(entry, "object")
    kind = words(find(thing, "type"))
    if kind not in _PATHS:
        return None
    number, question = ident(thing["id"]), ident_or_none(find(thing, "question.id"))
    native = f"{_PATHS[kind]}/{number}"
    title = words(find(thing, "question.name", "question.title", "title") or find(entry, "highlight.title"))
    url = f"https://www.zhihu.com/question/{question}/{native}" if question and kind == "answer" else f"https://www.zhihu.com/{native}"
    return Reading(
        text=words(find(thing, "content", "excerpt", "description") or find(entry, "highlight.description")) or title, title=title,
        native_id=native,
        url=url.replace("www.zhihu.com/p/", "zhuanlan.zhihu.com/p/"), kind="article" if kind == "article" else "post", platform="zhihu",
        published=said(find(thing, "created_time", "created", "created_at", "updated_time")), author=_author(thing.get("author")),
        followers=said(find(thing, "author.follower_count")), comments=said(thing.get("comment_count")),
        likes=said(find(thing, "voteup_count", "vote_count")), views=said(find(thing, "play_count")),
        parent=f"question/{question}" if question else None, root=f"question/{question}" if question else None,
    )  # fmt: skip


def _comment(entry: Any, under: str | None = None) -> Iterator[Reading]:
    """comment_v5 does not say whose comments these are: only the request did."""
    native = ident(entry["id"])
    tags = entry.get("comment_tag") if isinstance(entry.get("comment_tag"), list) else []
    region = next((words(find(tag, "text")) for tag in tags or [] if find(tag, "type") == "ip_info"), None)
    yield Reading(
        text=words(need(entry, "content")), native_id=native, kind="comment", platform="zhihu",
        published=said(entry.get("created_time")),
        author=_author(entry.get("author")), region=region, parent=ident_or_none(entry.get("reply_comment_id")) or under,
        comments=said(entry.get("child_comment_count")), likes=said(find(entry, "like_count", "vote_count")),
    )  # fmt: skip
    yield from nested(entry.get("child_comments"), lambda child: _comment(child, under=native))


def _author(user: Any) -> str | None:
    member = find(user, "member") or user
    return ident_or_none(find(member, "id", "url_token")) or words(find(member, "name")) or None
