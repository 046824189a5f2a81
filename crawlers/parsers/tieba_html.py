"""Pages of 百度贴吧 until 2025 -> readings: search results, a thread's floors with 楼中楼, a forum's list, replies alone (SOURCES §2.11).

Floors carry JSON in `data-field`, escaped in several ways; addresses percent-encode GBK; a forum's list may lie in an HTML comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import lxml.html

from crawlers.clean import decode, plain
from crawlers.items import Reading
from crawlers.parsers.markup import first_text, has_class, inner, json_of, page_of, text_of
from crawlers.parsers.payload import changed, each, find, ident, ident_or_none, need, nested, said, unread, words
from crawlers.parsers.tieba import author_id, thread_url

_HIDDEN = re.compile(r"<code\b[^<>]*>\s*<!--|-->\s*</code>")  # the site's scripts unpack what these hold
_TID = (re.compile(r"\bthread_id[\"']?\s*[:=]\s*[\"']?([1-9]\d+)"), re.compile(r"\btid\s*[:=]\s*[\"']([1-9]\d+)"))
_REPLIES = re.compile(r"\breply_num[\"']?\s*[:=]\s*[\"']?(\d+)")
_TITLE_END = re.compile(r"(?:【[^【】]*吧】|_[^_]*吧)?_百度贴吧\s*$")
_WHEN = re.compile(r"\d{4}-\d{1,2}-\d{1,2}\s+\d{1,2}:\d{2}")
_GONE = re.compile("贴子被隐藏|贴已被删除|帖子不存在|帖子已被删除|贴吧404|没有找到(?:与|相关)|抱歉，没有找到")
_THREAD = re.compile(r"/p/(\d+)(?:[?#]|$)")


def read_tieba_html(body: bytes, base: datetime) -> list[Reading]:
    """Readings of whichever of these pages it is. NoReading: captcha (百度安全验证), empty_confirmed (deleted, nothing found)."""
    text = decode(body)
    page = page_of(_HIDDEN.sub("", text))
    shapes: tuple[tuple[str, Callable[[list[Any]], list[Reading]]], ...] = (
        (f"//div[{has_class('l_post')}][@data-pid]", lambda nodes: _thread(page, text, nodes)),
        (f"//li[{has_class('j_thread_list')}]", lambda nodes: each(nodes, _listed, "threads")),
        (f"//div[{has_class('s_post')}]", lambda nodes: each(nodes, _hit, "hits")),
        (f"//li[{has_class('lzl_single_post')}]", lambda nodes: each(nodes, _reply, "replies")),
        (f"//div[{has_class('threadcardclass')}]", lambda nodes: each(nodes, _card, "cards")),
    )
    for path, read in shapes:
        if nodes := page.xpath(path):
            return read(nodes)
    raise unread(text, "no floor, thread list, hit or reply", _GONE)


def _thread(page: lxml.html.HtmlElement, text: str, floors: list[Any]) -> list[Reading]:
    """Floors without data-pid are advertisements that pose as floors."""
    own = next((str(find(_data(floor), "content.thread_id") or "") for floor in floors), "")
    tid = own if own not in ("", "0") else next((found[1] for pattern in _TID if (found := pattern.search(text))), "")
    if not tid:
        raise changed("no thread_id")
    title = re.sub(r"^回复[:：]\s*", "", _TITLE_END.sub("", (page.findtext(".//title") or "").strip()[:500]))
    total = first_text(page, f"//li[{has_class('l_reply_num')}]/span[1]")
    replies = total or (found[1] if (found := _REPLIES.search(text)) else None)
    return each(floors, lambda floor: _floor(floor, tid, title, replies), "floors")


def _floor(floor: lxml.html.HtmlElement, tid: str, title: str, replies: str | None) -> Iterator[Reading]:
    data = _data(floor)
    content, pid = need(data, "content"), ident(floor.get("data-pid"))
    node = next(iter(floor.xpath(".//div[starts-with(@id, 'post_content_')]")), None)
    tails = " ".join(text_of(tail) for tail in floor.xpath(f".//span[{has_class('tail-info')}]"))
    when = _WHEN.search(tails)
    for tip in node.xpath(f".//*[{has_class('replace_tip')}]") if node is not None else []:
        tip.drop_tree()  # 点击展开，查看完整图片
    is_first = str(find(content, "post_no")) == "1"
    region = next((text_of(span) for span in floor.xpath(f".//div[{has_class('post-tail-wrap')}]/span") if "IP属地" in text_of(span)), None)
    yield Reading(
        text=inner(node).strip() if node is not None else words(need(content, "content")), title=title if is_first else None,
        native_id=tid if is_first else pid, url=thread_url(tid) if is_first else f"{thread_url(tid)}?pid={pid}",
        kind="post" if is_first else "comment", platform="tieba", published=when[0] if when else said(content.get("date")), region=region,
        author=_author(find(data, "author")), parent=None if is_first else tid, root=None if is_first else tid,
        comments=replies if is_first else said(content.get("comment_num")),
    )  # fmt: skip
    replies = floor.xpath(f".//li[{has_class('lzl_single_post')}]")
    yield from nested(replies, lambda reply: _reply(reply, parent=tid if is_first else pid, tid=tid))


def _reply(reply: lxml.html.HtmlElement, parent: str | None = None, tid: str | None = None) -> Reading:
    data = json_of(reply.get("data-field"))
    node = reply.xpath(f".//span[{has_class('lzl_content_main')}]")[0]
    when = first_text(reply, f".//span[{has_class('lzl_time')}]")
    return Reading(
        text=inner(node).strip(), native_id=ident(data["spid"]), kind="comment", platform="tieba", author=_author(data),
        published=re.sub(r"\s+", " ", when) if when else None, parent=parent or ident_or_none(find(data, "pid")), root=tid,
    )  # fmt: skip


def _listed(item: lxml.html.HtmlElement) -> Reading:
    data = json_of(item.get("data-field"))
    tid, title = ident(data["id"]), item.xpath(f".//a[{has_class('j_th_tit')}]")[0]
    shown = next(iter(item.xpath(f".//div[{has_class('threadlist_abs')}]")), None)
    text = inner(shown).strip() if shown is not None else ""
    return Reading(
        text=text if plain(text) else text_of(title).strip(), title=title.get("title") or text_of(title).strip(), native_id=tid,
        url=thread_url(tid), platform="tieba", published=first_text(item, f".//span[{has_class('is_show_create_time')}]"),
        author=author_id(words(data.get("author_portrait"))) or words(data.get("author_name")) or None,
        comments=said(data.get("reply_num")),
    )  # fmt: skip


def _hit(hit: lxml.html.HtmlElement) -> Reading:
    """A search hit is a thread, or a floor in one: then its title begins with 回复."""
    link = hit.xpath(f".//span[{has_class('p_title')}]//a[@data-tid]")[0]
    tid, title = ident(link.get("data-tid")), text_of(link).strip()
    floor = re.search(r"[?&]pid=(\d+)", link.get("href") or "") if title.startswith(("回复:", "回复：")) else None
    by = hit.xpath(".//a[contains(@href, '/home/main')]")
    return Reading(
        text=first_text(hit, f".//div[{has_class('p_content')}]") or title, title=None if floor else title,
        native_id=floor[1] if floor else tid, url=f"{thread_url(tid)}?pid={floor[1]}" if floor else thread_url(tid),
        kind="comment" if floor else "post", platform="tieba", author=_account(by[0]) if by else None,
        published=first_text(hit, f".//*[{has_class('p_date')}]"), parent=tid if floor else None, root=tid if floor else None,
    )  # fmt: skip


def _card(card: lxml.html.HtmlElement) -> Reading:
    """Search results as the PC site draws them since 2026."""
    link = _THREAD.search(card.xpath(".//a[contains(@href, '/p/')]/@href")[0])
    when = re.search(r"发布于\s*(\S+(?: \d+:\d+)?)", first_text(card, ".//*[not(*)][contains(., '发布于')]") or "")
    title = first_text(card, f".//*[{has_class('title-wrap')}]") or ""
    if not link:
        raise LookupError("no link to a thread")
    return Reading(
        text=first_text(card, f".//*[{has_class('abstract-wrap')}]") or title, title=title, native_id=link[1], url=thread_url(link[1]),
        platform="tieba", published=when[1] if when else None, author=first_text(card, f".//*[{has_class('user')}]"),
        comments=first_text(card, f".//a[{has_class('comment-link-zone')}]//*[{has_class('action-number')}]"),
    )  # fmt: skip


def _data(floor: lxml.html.HtmlElement) -> Any:
    return json_of(floor.get("data-field"))


def _author(user: Any) -> str | None:
    name = words(find(user, "user_name")) or words(find(user, "user_nickname", "showname"))
    return author_id(words(find(user, "portrait"))) or ident_or_none(find(user, "user_id")) or name or None


def _account(link: lxml.html.HtmlElement) -> str | None:
    """The name in /home/main?un=…: bytes of GBK, unless the address says ie=utf-8."""
    href = link.get("href") or ""
    name = re.search(r"[?&]un=([^&]*)", href)
    decoded = unquote(name[1], encoding="utf-8" if "ie=utf-8" in href else "gb18030", errors="replace") if name else ""
    return decoded if decoded and "\ufffd" not in decoded else text_of(link).strip() or None
