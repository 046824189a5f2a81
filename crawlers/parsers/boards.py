"""Hot boards asked directly (design/SOURCES.md §2.7) -> their lines, kind `title`. A hot board is never empty: then the format has changed.

A line's id is the topic's, not a post's: `board:…`, the ids newsnow gives the same lines. Pinned lines have no place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.parsers.payload import changed, each, embedded, find, ident, listed, load, load_text, need, need_list, number, said, words
from crawlers.reasons import NoReading

_BAIDU_PAGE = re.compile(r"<!--s-data:\s*(?=\{)")


def read_board(body: bytes, shape: str) -> list[Reading]:
    """Lines of a board in its order; `shape` is a key of SHAPES. NoReading(format_changed) if the board is empty or another thing."""
    return SHAPES[shape](body)


def board_parser(shape: str) -> Callable[[bytes, datetime], list[Reading]]:
    return lambda body, base: read_board(body, shape)


def _weibo(body: bytes) -> list[Reading]:
    """weibo.com/ajax/side/hotSearch."""
    answer = load(body)
    if find(answer, "ok") == -100:
        raise NoReading("login_wall", "ok: -100")
    pinned = listed(find(answer, "data.hotgovs")) or listed(find(answer, "data.hotgov"))
    lines = _lines(need_list(answer, "data.realtime"), _weibo_line)
    heads = [_weibo_line(line, None) for line in pinned if find(line, "word")]
    known = {line.native_id for line in lines}
    return [head for head in heads if head and head.native_id not in known] + lines


def _weibo_line(line: Any, place: int | None) -> Reading | None:
    if line.get("is_ad"):  # sold places: no rank, no heat
        return None
    word = words(need(line, "word", "note")).strip().strip("#")
    rank = number(line.get("realpos")) if place is not None else None
    return Reading(
        text=word, title=word, native_id=f"board:{ident(word)}", url=f"https://s.weibo.com/weibo?q={quote(f'#{word}#')}",
        kind="title", platform="weibo", board_rank=place if rank is None else rank, heat=said(line.get("num")),
    )  # fmt: skip


def _baidu(body: bytes) -> list[Reading]:
    """top.baidu.com/api/board, or the page that embeds the same."""
    text = decode(body)
    page = embedded(text, _BAIDU_PAGE)
    answer = load_text(text) if page is None else page
    cards = [card for card in need_list(answer, "data.cards") if isinstance(card, dict) and card.get("component") == "hotList"]
    if not cards:
        raise changed("no card hotList")
    top = listed(cards[0].get("topContent"))
    lines = _lines(need_list(cards[0], "content"), _baidu_line)
    return [_baidu_line(line, None) for line in top if find(line, "word")] + lines


def _baidu_line(line: Any, place: int | None) -> Reading:
    word = words(need(line, "word", "query"))
    url = words(line.get("rawUrl") or line.get("url")) or f"https://www.baidu.com/s?wd={quote(word)}"
    return Reading(
        text=words(line.get("desc")) or word, title=word, native_id=f"board:{url}", url=url, kind="title", platform="baidu",
        board_rank=place, heat=said(line.get("hotScore")),
    )  # fmt: skip


def _tencent(body: bytes) -> list[Reading]:
    """r.inews.qq.com/gw/event/hot_ranking_list; its first line is a banner (articletype 560)."""
    answer = load(body)
    if find(answer, "ret") not in (0, "0"):
        raise NoReading("error", f"ret: {find(answer, 'ret')}")
    lines = [line for line in need_list(answer, "idlist.0.newslist") if find(line, "articletype") != "560"]
    return _lines(lines, _tencent_line)


def _tencent_line(line: Any, place: int) -> Reading:
    title, rank = words(need(line, "title")), number(find(line, "hotEvent.ranking", "ranking"))
    return Reading(
        text=words(line.get("abstract")) or title, title=title, native_id=f"board:{ident(line['id'])}", url=words(line.get("url")) or None,
        kind="title", platform="news", published=said(find(line, "timestamp", "time")),
        author=words(find(line, "card.chlname", "source")) or None,
        comments=said(find(line, "comments", "commentNum")), views=said(line.get("readCount")), likes=said(line.get("likeInfo")),
        board_rank=place if rank is None else rank, heat=said(find(line, "hotEvent.hotScore")),
    )  # fmt: skip


def _lines(entries: list[Any], read: Callable[[Any, int], Reading | None]) -> list[Reading]:
    """Places are counted over the lines as shown; a site's own number, where it gives one, leaves out the sold places."""
    if not entries:
        raise changed("the board is empty, and a hot board never is")
    return each(enumerate(entries, 1), lambda numbered: read(numbered[1], numbered[0]), "lines")


def read_trending(body: bytes, base: datetime) -> list[Reading]:
    """A day's Weibo trending titles, merged (justjavac/weibo-trending-hot-search): `band_rank` in their addresses is of different hours."""
    return each(load(body), _trending_line, "titles")


def _trending_line(line: Any) -> Iterator[Reading]:
    title = words(need(line, "title")).strip().strip("#")
    url = words(line.get("url"))
    yield Reading(
        text=title, title=title, native_id=f"board:{ident(title)}", url=f"https://s.weibo.com{url}" if url.startswith("/") else url or None,
        kind="title", platform="weibo",
    )  # fmt: skip


SHAPES: dict[str, Callable[[bytes], list[Reading]]] = {"weibo": _weibo, "baidu": _baidu, "tencent": _tencent}
