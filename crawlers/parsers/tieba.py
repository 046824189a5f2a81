"""JSON of 百度贴吧's PC site since 2026: search, and a thread's page -> readings (design/SOURCES.md §2.11).

A thread's id is its tid; its first floor is the thread itself. Authors are known by `portrait`, the one id that pages and JSON both give.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from crawlers.items import Reading
from crawlers.parsers.payload import changed, each, find, ident, ident_or_none, listed, load, need, nested, refused, said, words
from crawlers.reasons import NoReading


def read_tieba(body: bytes, base: datetime) -> list[Reading]:
    """Threads found by a search, or a thread and its floors. NoReading: what the site says instead."""
    answer = load(body)
    code = find(answer, "error_code", "no", "errno")
    if code not in (0, "0", None):
        raise refused(f"{words(find(answer, 'error_msg', 'error', 'errmsg'))} ({code})")
    cards = find(answer, "data.card_list")
    if isinstance(cards, list):
        return _threads(cards)
    if isinstance(find(answer, "thread"), dict):
        return _thread(answer)
    if find(answer, "forum.tids"):
        raise NoReading("empty_confirmed", "a forum's list, which holds ids of threads but no texts")
    raise changed(f"no data.card_list, no thread; keys: {', '.join(sorted(answer))[:200] if isinstance(answer, dict) else type(answer)}")


def author_id(portrait: str) -> str | None:
    """`tb.1.b08d8f12.IR-tb…?t=1532192361` without the time of the picture; an address ends in it."""
    return portrait.split("?")[0].rsplit("/", 1)[-1] or None


def thread_url(tid: str) -> str:
    return f"https://tieba.baidu.com/p/{tid}"


def _threads(cards: list[Any]) -> list[Reading]:
    threads = [card for card in cards if find(card, "cardInfo") == "thread"]
    if cards and not threads and all(isinstance(find(card, "data.tid"), str | int) for card in cards):
        raise changed("cards with a tid, but none is called thread")
    return each(threads, _card, "thread cards")


def _card(card: Any) -> Reading:
    data = need(card, "data")
    tid = ident(data["tid"])
    return Reading(
        text=words(need(data, "content", "title")), title=words(data.get("title")), native_id=tid, url=thread_url(tid), platform="tieba",
        published=said(find(data, "time", "create_time")), author=_author(data.get("user")), comments=said(data.get("post_num")),
    )  # fmt: skip


def _thread(answer: dict[str, Any]) -> list[Reading]:
    """The thread by its first floor (on other pages it has none), then its floors and the replies shown under them."""
    tid = ident(need(answer["thread"], "id", "tid"))
    users = {words(find(user, "id")): user for user in listed(answer.get("user_list")) if isinstance(user, dict)}
    first, floors = answer.get("first_floor"), answer.get("post_list")
    if not isinstance(floors, list):
        raise changed("no post_list")
    opening = [_opening(answer["thread"], first, tid, users)] if isinstance(first, dict) else []
    own = ident_or_none(find(first, "id"))
    rest = [floor for floor in floors if ident_or_none(find(floor, "id")) != own]
    return opening + (each(rest, lambda floor: _floor(floor, tid, users), "floors") if rest or not opening else [])


def _opening(thread: Any, first: Any, tid: str, users: dict[str, Any]) -> Reading:
    user = users.get(words(first.get("author_id"))) or first.get("author")
    return Reading(
        text=_words_of(first.get("content")), title=words(thread.get("title")), native_id=tid, url=thread_url(tid), platform="tieba",
        published=said(find(first, "time") or thread.get("create_time")), author=_author(user), comments=said(thread.get("reply_num")),
        region=words(find(user, "ip_address")) or None, likes=said(find(thread, "agree_num", "agree.agree_num")),
    )  # fmt: skip


def _floor(floor: Any, tid: str, users: dict[str, Any], under: str | None = None) -> Iterator[Reading]:
    pid = ident(floor["id"])
    user = users.get(words(floor.get("author_id"))) or floor.get("author")
    yield Reading(
        text=_words_of(need(floor, "content")), native_id=pid, url=None if under else f"{thread_url(tid)}?pid={pid}", kind="comment",
        platform="tieba", published=said(floor.get("time")), author=_author(user), region=words(find(user, "ip_address")) or None,
        parent=under or tid, root=tid, comments=said(floor.get("sub_post_number")), likes=said(find(floor, "agree.agree_num", "agree_num")),
    )  # fmt: skip
    replies = find(floor, "sub_post_list.sub_post_list", "sub_post_list")
    yield from nested(replies, lambda reply: _floor(reply, tid, users, under=pid))


def _author(user: Any) -> str | None:
    return (
        author_id(words(find(user, "portrait")))
        or ident_or_none(find(user, "id"))
        or words(find(user, "name_show", "show_nickname"))
        or None
    )


def _words_of(content: Any) -> str:
    """Parts of a floor: text, @names and links as they read, emoji (type 2) as [name]; pictures have no words."""
    if isinstance(content, str):
        return content
    parts = []
    for part in content if isinstance(content, list) else []:
        text = words(find(part, "text"))
        parts.append(f"[{words(find(part, 'c')) or text}]" if str(find(part, "type")) == "2" else text)
    return "".join(parts)
