"""JSON of m.weibo.cn and weibo.com/ajax -> readings: search and timeline cards, statuses, long texts, comments, reposts (SOURCES §2.10).

Long texts and most lists of comments and reposts do not say which status they belong to: only the request did (`about` of read_payload).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.parsers.payload import changed, each, embedded, find, load_text, once, refused, said, words
from crawlers.parsers.weibo_status import comment, status
from crawlers.reasons import NoReading

_DETAIL_PAGE = re.compile(r"\$render_data\s*=\s*(?=\[)")
_NOTHING = re.compile("没有找到|未找到|没有内容|还没有|暂无")
_DEEPEST = 5  # cards in groups of cards


def read_weibo(body: bytes, base: datetime) -> list[Reading]:
    """Readings of any of these answers. NoReading: login_wall (ok: -100), empty_confirmed (ok: 0, 这里还没有内容), blocked, error."""
    answer = _answer(body)
    ok = find(answer, "ok")
    if ok == -100:
        raise NoReading("login_wall", f"ok: -100, {words(find(answer, 'url', 'msg'))[:80]}")
    if ok in (0, "0"):
        raise refused(words(find(answer, "msg", "message", "errmsg")) or "ok: 0 without a message")
    data = answer.get("data", answer) if isinstance(answer, dict) else answer
    return once(_read(data))


def _answer(body: bytes) -> Any:
    text = decode(body)
    page = embedded(text, _DETAIL_PAGE) if text.lstrip().startswith("<") else None
    return load_text(text) if page is None else find(page, "0.status")


def _read(data: Any) -> list[Reading]:
    if isinstance(data, list):
        return each(data, _listed, "comments or reposts")
    if not isinstance(data, dict):
        raise changed(f"data is {type(data).__name__}")
    if isinstance(data.get("cards"), list):
        return _cards(data["cards"])
    for name in ("list", "statuses"):
        if isinstance(data.get(name), list):
            return each(data[name], status, "statuses")
    if isinstance(data.get("data"), list):
        hot = data.get("hot_data")
        return each([*data["data"], *(hot if isinstance(hot, list) else [])], _listed, "comments or reposts")
    return _single(data)


def _single(data: dict[str, Any]) -> list[Reading]:
    if find(data, "mid", "idstr", "id") is not None and find(data, "text", "text_raw") is not None:
        return each([data], status, "statuses")
    if words(data.get("longTextContent")):
        return [_long_text(data)]
    if not data:
        raise NoReading("empty_confirmed", "data is empty: no longer text than the one shown")
    if isinstance(data.get("userInfo"), dict):
        raise NoReading("empty_confirmed", "a profile, which holds no posts")
    raise changed(f"no cards, list, status, comments or long text; keys: {', '.join(sorted(data))[:200]}")


def _long_text(data: dict[str, Any]) -> Reading:
    return Reading(
        text=words(data["longTextContent"]), platform="weibo", reposts=said(data.get("reposts_count")),
        comments=said(data.get("comments_count")), likes=said(data.get("attitudes_count")),
    )  # fmt: skip


def _listed(entry: Any) -> Iterator[Reading]:
    """Reposts are statuses (older ones: with raw_text); comments are not."""
    if any(name in entry for name in ("reposts_count", "retweeted_status", "raw_text")):
        return status(entry, kind="repost")
    return comment(entry)


def _cards(cards: list[Any]) -> list[Reading]:
    if not cards:
        raise NoReading("empty_confirmed", "no cards")
    posts = list(_posts(cards))
    if posts:
        return each(posts, status, "cards with a post")
    if any(_NOTHING.search(words(find(card, "desc", "title", "tips"))) for card in _flat(cards)):
        raise NoReading("empty_confirmed", "the cards say that nothing was found")
    raise changed(f"no card holds a post; card types: {sorted({str(find(card, 'card_type')) for card in cards})}")


def _posts(cards: list[Any]) -> Iterator[Any]:
    return (card.get("mblog") for card in _flat(cards) if "mblog" in card or card.get("card_type") == 9)


def _flat(cards: list[Any], depth: int = 0) -> Iterator[dict[str, Any]]:
    """Cards, and the cards in groups of cards."""
    for card in cards:
        if isinstance(card, dict):
            yield card
            if isinstance(card.get("card_group"), list) and depth < _DEEPEST:
                yield from _flat(card["card_group"], depth + 1)
