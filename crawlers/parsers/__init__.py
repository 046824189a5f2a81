"""Recorded answers of platforms -> readings: pure functions, no network, for importers and users' bridges (design/SOURCES.md §2.10-14).

`read_payload` never returns an empty list and never raises anything but NoReading: what an answer does not hold, its reason says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from crawlers.items import Reading
from crawlers.parsers.bilibili import read_bilibili
from crawlers.parsers.boards import board_parser, read_trending
from crawlers.parsers.channels import read_channels
from crawlers.parsers.douyin import read_douyin
from crawlers.parsers.heimao import read_heimao
from crawlers.parsers.payload import UNUSABLE, changed
from crawlers.parsers.shapes import recognise
from crawlers.parsers.tieba import read_tieba
from crawlers.parsers.tieba_html import read_tieba_html
from crawlers.parsers.wechat import read_wechat
from crawlers.parsers.weibo import read_weibo
from crawlers.parsers.weibo_cascade import read_weibo_cascade
from crawlers.parsers.weibo_cn import read_weibo_cn
from crawlers.parsers.weibo_items import read_weibo_items
from crawlers.parsers.weibo_search import read_weibo_search
from crawlers.parsers.xhs import read_xhs
from crawlers.parsers.zhihu import read_zhihu

__all__ = ["PARSERS", "read_payload", "recognise"]

PARSERS: dict[str, Callable[[bytes, datetime], list[Reading]]] = {
    "weibo": read_weibo,
    "weibo_search": read_weibo_search,
    "weibo_cn": read_weibo_cn,
    "weibo_items": read_weibo_items,
    "weibo_cascade": read_weibo_cascade,
    "weibo_trending": read_trending,
    "weibo_board": board_parser("weibo"),
    "baidu_board": board_parser("baidu"),
    "tencent_board": board_parser("tencent"),
    "tieba": read_tieba,
    "tieba_html": read_tieba_html,
    "zhihu": read_zhihu,
    "douyin": read_douyin,
    "xhs": read_xhs,
    "channels": read_channels,
    "bilibili": read_bilibili,
    "heimao": read_heimao,
    "wechat": read_wechat,
}


def read_payload(body: bytes, base: datetime, name: str | None = None, about: str | None = None) -> list[Reading]:
    """At least one reading of a recorded answer; `base` is when it arrived (aware), `name` a key of PARSERS, else it is recognised.

    `about` is the id the request named and the answer does not: the post of a long text, or the one that comments and reposts belong to.
    """
    known = name or recognise(body)
    if known is None:
        raise changed("of no known shape")
    try:
        readings = PARSERS[known](body, base)
    except (*UNUSABLE, RecursionError) as problem:
        raise changed(f"{known}: {type(problem).__name__}: {str(problem)[:200]}") from problem
    if not readings:
        raise changed(f"{known}: entries, but none that is a post, comment or title")
    return [_about(read, about) for read in readings] if about else readings


def _about(read: Reading, about: str) -> Reading:
    if read.native_id is None and read.url is None:
        return replace(read, native_id=about)
    if read.kind in ("comment", "repost") and about not in (read.native_id, read.root):
        return replace(read, root=read.root or about, parent=read.parent or read.root or about)
    return read
