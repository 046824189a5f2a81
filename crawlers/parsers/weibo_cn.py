"""HTML of the old mobile site weibo.cn: a user's posts, and a post with its comments -> readings. Other pages there hold no posts."""

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
from crawlers.parsers.payload import changed, each, nested, once, unread
from crawlers.parsers.weibo_status import has_chain, own_words
from crawlers.reasons import NoReading

_OF_BID = re.compile(r"/(?:repost|comment|attitude)/(?P<bid>[0-9A-Za-z]{9})(?:[/?#]|$)")
_UID = re.compile(r"[?&;](?:f?uid)=(?P<uid>\d{6,})")
_USER = re.compile(r"(?:weibo\.cn)?/(?:u/)?(?P<user>[\w-]+)/?(?:$|\?)")
_COUNT = re.compile(r"\[(?P<n>[^\[\]]*)\]\s*$")
_REASON = re.compile(r"转发理由:\s*</span>(?P<own>.*?)(?:<a\b[^<>]*/attitude/|<!--|<span\b[^<>]*class=\"ct\"|$)", re.DOTALL)
_TIME = re.compile(r"^(?P<time>.*?\d{1,2}:\d{2}(?::\d{2})?|\S+前|刚刚)(?:\s|$)(?P<rest>.*)$", re.DOTALL)
_REGION = re.compile(r"(?<=来自)来自\S+|发布于\s*\S+")  # 来自绿洲APP is a device, 来自来自河南 a place
_OTHER_PAGES = re.compile("的资料|专辑|相册|^微博$|的关注|的粉丝|设置")
_NO_POSTS = re.compile("还没发过微博|没有(?:发布)?(?:过)?微博|没有评论|还没有人")


def read_weibo_cn(body: bytes, base: datetime) -> list[Reading]:
    """Posts of a profile page, or the post and comments of a comment page. NoReading(empty_confirmed) for pages of another kind."""
    text = decode(body)
    page = page_of(text)
    posts = page.xpath("//div[starts-with(@id, 'M_')]")
    comments = page.xpath("//div[starts-with(@id, 'C_')]")
    if comments or any(post.get("id") == "M_" for post in posts):
        return once(_commented(page, posts, comments))
    if posts:
        return once(each(posts, lambda post: _post(post, post, str(post.get("id"))[2:]), "posts"))
    title = (page.findtext(".//title") or "").strip()
    if _OTHER_PAGES.search(title) or _NO_POSTS.search(text):
        raise NoReading("empty_confirmed", "a page of weibo.cn that holds no posts")
    raise unread(text, "no div with id M_… or C_…")


def _commented(page: lxml.html.HtmlElement, posts: list[Any], comments: list[Any]) -> list[Reading]:
    """On a comment page the post's id and counts stand beside it, not in it."""
    links = page.xpath("//a[contains(@href, '/repost/')]/@href")
    bid = next((found["bid"] for link in links if (found := _OF_BID.search(link))), None)
    if not bid:
        raise changed("a comment page without a link to the post's reposts")
    mid = weibo_mid(bid)
    own = each(posts, lambda post: _post(post, page, bid), "posts") if posts else []
    return own + (each(comments, lambda comment: _comment(comment, mid), "comments") if comments else [])


def _post(post: lxml.html.HtmlElement, around: lxml.html.HtmlElement, bid: str) -> Iterator[Reading]:
    mid, original = weibo_mid(bid), next(nested([post], _original), None)
    forwarded = post.xpath(".//span[@class='cmt'][contains(., '转发了')]")
    text = _reason(post) if forwarded else inner(_need(post, ".//span[@class='ctt']"))
    uid = _uid_of_post(around, bid)
    published, region = _when(post)
    yield Reading(
        text=own_words(text), native_id=mid, url=f"https://weibo.com/{uid}/{bid}" if uid else f"https://m.weibo.cn/detail/{mid}",
        kind="repost" if forwarded or has_chain(text) else "post", platform="weibo", published=published, region=region, author=uid,
        parent=original.native_id if original else None, root=original.native_id if original else None,
        reposts=_count(around, "转发["), comments=_count(around, "评论["), likes=_count(around, "赞[", tag="a"),
    )  # fmt: skip
    if original:
        yield original


def _original(post: lxml.html.HtmlElement) -> Reading | None:
    """The reposted post: its address is in the link 原文评论; a deleted one has none."""
    links = post.xpath(".//a[starts-with(normalize-space(.), '原文评论')]/@href")
    found = _OF_BID.search(links[0]) if links else None
    if not found:
        return None
    by = post.xpath(".//span[@class='cmt'][contains(., '转发了')]//a/@href")
    user = _USER.search(by[0]) if by else None
    mid = weibo_mid(found["bid"])
    return Reading(
        text=own_words(inner(_need(post, ".//span[@class='ctt']"))), native_id=mid, url=f"https://m.weibo.cn/detail/{mid}",
        platform="weibo", author=user["user"] if user else None, reposts=_count(post, "原文转发["), comments=_count(post, "原文评论["),
        likes=_count(post, "赞[", tag="span"),
    )  # fmt: skip


def _comment(comment: lxml.html.HtmlElement, mid: str) -> Reading:
    report = comment.xpath(".//a[contains(@href, '/spam/')]/@href")
    uid = _UID.search(report[0]) if report else None
    by = _USER.search(str(comment.xpath("./a[1]/@href")[0]))
    published, region = _when(comment)
    return Reading(
        text=own_words(inner(_need(comment, ".//span[@class='ctt']"))), native_id=str(comment.get("id"))[2:], kind="comment",
        platform="weibo", published=published, region=region, author=uid["uid"] if uid else by["user"] if by else None, parent=mid,
        root=mid, likes=_count(comment, "赞["),
    )  # fmt: skip


def _need(node: lxml.html.HtmlElement, path: str) -> lxml.html.HtmlElement:
    found = node.xpath(path)
    if not found:
        raise LookupError(f"no {path}")
    return found[0]


def _reason(post: lxml.html.HtmlElement) -> str:
    """What the reposter wrote stands bare after 转发理由:, up to the buttons."""
    block = next(iter(post.xpath("./div[span[contains(., '转发理由')]]")), None)
    found = _REASON.search(inner(block)) if block is not None else None
    if not found:
        raise LookupError("no 转发理由")
    return found["own"]


def _uid_of_post(around: lxml.html.HtmlElement, bid: str) -> str | None:
    for href in around.xpath(f".//a[contains(@href, '/repost/{bid}')]/@href"):
        if found := _UID.search(href):
            return found["uid"]
    return None


def _when(node: lxml.html.HtmlElement) -> tuple[str | None, str | None]:
    """Time and region of `05月25日 11:13 来自iPhone客户端`."""
    said = re.sub(r"\s+", " ", first_text(node, ".//span[@class='ct']") or "").strip()
    found = _TIME.match(said)
    if not found:
        return said or None, None
    region = _REGION.search(found["rest"])
    return found["time"].strip(), region[0] if region else None


def _count(around: lxml.html.HtmlElement, label: str, tag: str = "*") -> str | None:
    """The number of 转发[57012]; `label` must start the words, so that 原文转发 is another count."""
    for node in around.xpath(f".//{tag}[not(*)][starts-with(normalize-space(translate(., '\xa0', ' ')), '{label}')]"):
        if found := _COUNT.search(text_of(node).strip()):
            return found["n"]
    return None
