"""HTML of s.weibo.com's search, cards of 2018 and of 2021 and later -> readings (design/SOURCES.md §2.10).

Nothing is found by position or by digits in attributes: a commented-out 收藏 shifts indexes, `mid=` fools number patterns. Logged out,
Weibo shows a page without cards; that is a wall, not silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import lxml.html

from crawlers.addresses import weibo_mid
from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.parsers.markup import first_text, inner, page_of, text_of
from crawlers.parsers.payload import each, nested, once, unread
from crawlers.parsers.weibo_status import CUT, has_chain, own_words
from crawlers.reasons import NoReading

_LOGGED_OUT = re.compile(
    r"Sina Visitor System|passport\.weibo\.(?:com|cn)/(?:visitor|signin|sso)|login\.sina\.com\.cn|pl_login_form|"
    r"\['islogin'\]\s*=\s*'0'|微博通行证"
)
_ADDRESS = re.compile(r"weibo\.com/(?P<uid>\d+)/(?P<bid>[0-9A-Za-z]{9})(?:$|[?#/])")
_USER = re.compile(r"weibo\.com/(?:u/)?(?P<uid>\d{6,})(?:$|[?#/])")
_AFTER_TIME = re.compile(r"\s*(?:转赞人数|转赞超过|来自).*$", re.DOTALL)
_REGION = re.compile(r"发布于\s*\S+")
_NOT_IN_REPOST = "[not(ancestor::div[contains(@class, 'card-comment')])]"
_FULL, _SHORT = ".//p[@node-type='feed_list_content_full']", ".//p[@node-type='feed_list_content']"


def read_weibo_search(body: bytes, base: datetime) -> list[Reading]:
    """Hits of one page of results, each with the original it reposts. NoReading: login_wall, captcha, empty_confirmed (card-no-result)."""
    text = decode(body)
    page = page_of(text)
    cards = page.xpath("//div[@action-type='feed_list_item'][@mid]")
    if page.xpath("//div[contains(@class, 'card-no-result')]"):
        raise NoReading("empty_confirmed", f"card-no-result; {len(cards)} cards the site recommends instead are left out")
    if not cards and _LOGGED_OUT.search(text):
        raise NoReading("login_wall", "HTTP 200, but the page of a visitor who is not logged in")
    if not cards:
        raise unread(text, "no div[action-type=feed_list_item], no card-no-result")
    return once(each(cards, _card, "cards"))


def _card(card: lxml.html.HtmlElement) -> Iterator[Reading]:
    original = _forwarded(card)
    text = _content(card, _NOT_IN_REPOST)
    link = _link(card, _NOT_IN_REPOST)
    is_repost = bool(card.xpath(".//div[contains(@class, 'card-comment')]")) or has_chain(text)
    mid = str(card.get("mid"))
    if not mid.isdigit():
        raise ValueError(f"mid {mid[:20]}")
    yield Reading(
        text=own_words(text), native_id=mid, url=link["url"] or f"https://m.weibo.cn/detail/{mid}",
        kind="repost" if is_repost else "post", platform="weibo", published=link["published"], region=link["region"],
        author=link["uid"] or _name(card, _NOT_IN_REPOST), is_verified=_is_verified(card),
        parent=original.native_id if original else None, root=original.native_id if original else None, **_counts(card),
    )  # fmt: skip
    if original:
        yield original


def _forwarded(card: lxml.html.HtmlElement) -> Reading | None:
    """The reposted status, if the card shows one that can be read."""
    blocks = card.xpath(".//div[contains(@class, 'card-comment')]")
    return next(nested(blocks[:1], _original), None)


def _original(block: lxml.html.HtmlElement) -> Reading | None:
    """The reposted status in its block, or None if it was deleted: then it has no address."""
    link = _link(block, "")
    said = block.xpath(".//a[@action-type='feed_list_like']/@action-data")
    mid = re.search(r"mid=(\d{10,})", said[0]) if said else None
    if not link["bid"] and not mid:
        return None
    items = block.xpath(".//ul[contains(@class, 'act')]/li")
    counts: dict[str, Any] = dict(zip(("reposts", "comments", "likes"), map(_count, items), strict=False))
    return Reading(
        text=own_words(_content(block, "")), native_id=mid[1] if mid else weibo_mid(link["bid"]), url=link["url"], platform="weibo",
        published=link["published"], region=link["region"], author=link["uid"] or _name(block, ""), **counts,
    )  # fmt: skip


def _content(card: lxml.html.HtmlElement, where: str) -> str:
    """The whole text where the page holds it folded, else the shown one with CUT where it was shortened."""
    for path in (_FULL, _SHORT):
        for node in card.xpath(path + where):
            folds = node.xpath(".//a[@action-type='fl_unfold' or @action-type='fl_fold']")
            is_cut = path == _SHORT and bool(folds)
            for icon in [*folds, *node.xpath(".//i[contains(@class, 'wbicon')]")]:  # icons are letters of a font
                icon.drop_tree()
            text = inner(node).strip()
            return text.rstrip(" .…") + CUT if is_cut else text
    raise LookupError("no p[node-type=feed_list_content]")


def _link(card: lxml.html.HtmlElement, where: str) -> dict[str, Any]:
    """Time, address and region of the line 32分钟前 来自 iPhone客户端 发布于 河南."""
    lines = card.xpath(f".//*[self::div or self::p][contains(concat(' ', @class, ' '), ' from ')]{where}")
    anchor = next(iter(lines[0].xpath("./a")), None) if lines else None
    href = (anchor.get("href") or "") if anchor is not None else ""
    found = _ADDRESS.search(href)
    uid = found["uid"] if found else _uid(card, where)
    region = _REGION.search(text_of(lines[0])) if lines else None
    return {
        "uid": uid,
        "bid": found["bid"] if found else None,
        "url": f"https://weibo.com/{found['uid']}/{found['bid']}" if found else None,
        "published": _AFTER_TIME.sub("", re.sub(r"\s+", " ", text_of(anchor))[:200]).strip() or None if anchor is not None else None,
        "region": region[0] if region else None,
    }


def _uid(card: lxml.html.HtmlElement, where: str) -> str | None:
    for href in card.xpath(f".//a[@nick-name]{where}/@href"):
        if found := _USER.search(href):
            return found["uid"]
    return None


def _name(card: lxml.html.HtmlElement, where: str) -> str | None:
    return next(iter(card.xpath(f".//a[@nick-name]{where}/@nick-name")), None)


def _counts(card: lxml.html.HtmlElement) -> dict[str, Any]:
    names = {"reposts": "feed_list_forward", "comments": "feed_list_comment", "likes": "feed_list_like"}
    found = {}
    for name, action in names.items():
        anchors = card.xpath(f".//a[@action-type='{action}']{_NOT_IN_REPOST}")
        found[name] = _count(anchors[0]) if anchors else None
    if found["likes"] is None:
        found["likes"] = first_text(card, f".//span[contains(@class, 'woo-like-count')]{_NOT_IN_REPOST}")
    return found


def _count(node: lxml.html.HtmlElement) -> str | None:
    """`转发 28`, or the bare word where it is zero; a praise icon followed by nothing is zero too."""
    said = re.sub(r"\s+", " ", text_of(node)).strip()
    if not said and node.xpath("descendant-or-self::*[contains(@class, 'praise') or contains(@class, 'like')]"):
        return "赞"
    return said or None


def _is_verified(card: lxml.html.HtmlElement) -> bool:
    badges = (
        "contains(@id, 'woo_svg_v') or contains(@class, 'icon-vip-b') or contains(@class, 'icon-vip-y') or contains(@class, 'icon-vip-g')"
    )
    uses = "contains(@*[name()='xlink:href'], 'woo_svg_v')"
    return bool(card.xpath(f".//*[{badges} or {uses}]{_NOT_IN_REPOST}"))
