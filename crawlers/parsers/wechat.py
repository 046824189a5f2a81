"""微信公众号 as Sogou and WeChat show them: article and account search, a front page, an account's history, an article (SOURCES §2.8).

An article's id is biz:mid:idx; where an address with `signature` hides it (and dies within hours), Sogou's number of the article.
Accounts are known by name: articles and feeds give nothing else. The article's page itself is read by crawlers.article.pages.
"""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import lxml.etree
import lxml.html

from crawlers.article.pages import read_page
from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.parsers.markup import first_text, inner, page_of, text_of
from crawlers.parsers.payload import each, embedded, find, ident, ident_or_none, load_text, need, need_list, once, said, unread, words
from crawlers.reasons import NoReading

_HISTORY = re.compile(r"\bmsgList\s*=\s*(?=\{)")
_EPOCH = re.compile(r"timeConvert\('(\d{10})'\)")
_PART = {name: re.compile(rf"""\bvar {name}\s*=\s*(?:(?:""|'')\s*\|\|\s*)*["']([\w=+/-]+)["']""") for name in ("biz", "mid", "idx")}
_NAME = re.compile(r"""\bvar nickname\s*=\s*["']([^"']+)["']""")
_CT = re.compile(r"""\bvar ct\s*=\s*["'](\d{10})["']""")
_NONE = re.compile(
    "没有找到相关的|没有找到与|暂无与|链接已过期|(?:该|此)内容(?:已被|因)[^<]{0,12}(?:删除|违规|无法查看)|(?:该|此)公众号已迁移|账号已注销"
)
_HIT = re.compile(r"</?em\b[^>]*>|<!--red_(?:beg|end)-->|[\ue40a\ue40b]")


def read_wechat(body: bytes, base: datetime) -> list[Reading]:
    """Articles of whichever of these it is. NoReading: captcha (HTTP 200, 您的访问过于频繁), empty_confirmed (expired, nothing found)."""
    text = decode(body)
    if text.lstrip("\ufeff \r\n").startswith("{"):
        return once(each(need_list(load_text(text), "items"), _document, "items"))
    if (history := embedded(text, _HISTORY)) is not None:
        return _history(history, _account_of(text))
    page = page_of(text)
    for path, read in (
        ("//ul[@class='news-list']/li", _article),
        ("//ul[@class='news-list2']/li", _account),
        ("//li[@d][.//h4]", _front),
    ):
        if found := page.xpath(path):
            return once(each(found, read, "results"))
    if not page.xpath("//*[@id='js_content'] | //*[@id='activity-name']"):
        raise unread(text, "no results, no history, no article", _NONE)
    return [_page(text, page, base)]


def _article(item: lxml.html.HtmlElement) -> Reading:
    title = item.xpath(".//h3/a")[0]
    summary = next(iter(item.xpath(".//p[@class='txt-info']")), None)
    by = item.xpath(".//a[contains(@class, 'account')] | .//span[@class='all-time-y2']")
    seconds = item.xpath(".//div[@class='s-p']/@t") or _EPOCH.findall(inner(item))
    return Reading(
        text=_without_hits(inner(summary)) if summary is not None else text_of(title), title=_without_hits(inner(title)),
        native_id=f"sogou:{ident(item.get('d'))}", url=_absolute(title.get("href")), kind="article", platform="wechat",
        published=seconds[0] if seconds else None, author=text_of(by[0]).strip() if by else None,
    )  # fmt: skip


def _account(item: lxml.html.HtmlElement) -> Reading | None:
    """An account is no post, but its newest article is one; some have none."""
    link = next(iter(item.xpath(".//dd/a[starts-with(@uigs, 'account_article')]")), None)
    openid, name = ident(item.get("d")), item.xpath(".//p[@class='tit']/a")[0]
    if link is None:
        return None
    seconds = _EPOCH.search(inner(link.getparent()))
    title = _without_hits(inner(link))
    return Reading(
        text=title, title=title, native_id=f"sogou:{openid}:{seconds[1] if seconds else title}", url=_absolute(link.get("href")),
        kind="article", platform="wechat", published=seconds[1] if seconds else None, author=text_of(name).strip() or None,
    )  # fmt: skip


def _front(item: lxml.html.HtmlElement) -> Reading:
    title = text_of(item.xpath(".//h4")[0]).strip()
    by = next(iter(item.xpath(".//span[@data-sourcename]/@data-sourcename")), None)
    seconds = item.xpath(".//@data-lastmodified | .//@data-lastModified")
    return Reading(
        text=first_text(item, ".//p[@data-type='article_summary']") or title, title=title, native_id=f"sogou:{ident(item.get('d'))}",
        url=_absolute(item.xpath(".//h4/a/@href")[0]), kind="article", platform="wechat", published=seconds[0] if seconds else None,
        author=by,
    )  # fmt: skip


def _document(item: Any) -> Reading:
    """Sogou's own JSON holds one XML document an article; it alone gives the article's lasting address."""
    parser = lxml.etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    document = lxml.etree.fromstring(words(item).encode(), parser)
    fields = {node.tag: node.text or "" for node in reversed(list(document.iter())) if isinstance(node.tag, str)}  # the first of each name
    title = _without_hits(fields["title"])
    return Reading(
        text=_without_hits(fields.get("content168") or fields.get("content", "")) or title, title=title,
        native_id=_id_in(fields.get("url", "")) or f"sogou:{ident(fields['docid'])}", url=fields.get("url") or None, kind="article",
        platform="wechat",
        published=fields.get("lastModified") or fields.get("date") or None, author=fields.get("sourcename") or None,
    )  # fmt: skip


def _history(told: Any, account: str | None) -> list[Reading]:
    return once(each(need_list(told, "list"), lambda message: _pushed(message, account), "messages"))


def _pushed(message: Any, account: str | None) -> Iterator[Reading]:
    """One push of an account: its first article and those below it; type 1 is a message of mere text."""
    info = need(message, "comm_msg_info")
    push = f"{b64encode(words(info.get('fakeid')).encode()).decode()}:{ident(info['id'])}"  # the biz and mid of the article's address
    if info.get("type") == 1:
        yield Reading(
            text=words(need(info, "content")),
            native_id=push,
            kind="article",
            platform="wechat",
            published=said(info.get("datetime")),
            author=account,
        )
        return
    first = message.get("app_msg_ext_info")
    if not isinstance(first, dict):  # pictures and voices have no words
        return
    for n, article in enumerate([first, *(first.get("multi_app_msg_item_list") or [])], 1):
        title = html.unescape(words(need(article, "title")))
        yield Reading(
            text=html.unescape(words(article.get("digest"))) or title, title=title, native_id=f"{push}:{n}",
            url=_absolute(html.unescape(words(article.get("content_url")))), kind="article", platform="wechat",
            published=said(info.get("datetime")), author=account or ident_or_none(find(article, "author")),
        )  # fmt: skip


def _page(text: str, page: lxml.html.HtmlElement, base: datetime) -> Reading:
    """An article's page. One that is only a film or a piece of music has a title and few words: they are kept."""
    parts = {name: found[1] for name, pattern in _PART.items() if (found := pattern.search(text))}
    own = ":".join(parts.values()) if len(parts) == len(_PART) else None
    url = f"https://mp.weixin.qq.com/s?__biz={parts['biz']}&mid={parts['mid']}&idx={parts['idx']}" if own else "https://mp.weixin.qq.com/s"
    account = _account_of(text) or first_text(page, "//*[@id='js_name'] | //*[@id='post-user']")
    content = next(iter(page.xpath("//*[@id='js_content']")), None)
    try:
        read = read_page(text, url, base, "wechat")
    except NoReading as told:
        title = first_text(page, "//*[@id='activity-name']") or (page.findtext(".//title") or "").strip()
        if told.reason != "format_changed" or content is None or not title:
            raise
        seconds = _CT.search(text)
        read = Reading(
            text=" ".join(text_of(content).split()) or title,
            title=title,
            kind="article",
            platform="wechat",
            published=seconds[1] if seconds else None,
        )
    return replace(read, native_id=own, url=url if own else None, author=account or read.author)


def _account_of(text: str) -> str | None:
    found = _NAME.search(text)
    return html.unescape(found[1]) if found else None


def _id_in(url: str) -> str | None:
    """biz:mid:idx, where an address names the article by them: the same id its page and its account's history give."""
    said = dict(pair.partition("=")[::2] for pair in url.partition("?")[2].partition("#")[0].split("&"))
    parts = [said.get(name, "") for name in ("__biz", "mid", "idx")]
    return ":".join(parts) if all(parts) else None


def _absolute(href: str | None) -> str | None:
    return urljoin("https://mp.weixin.qq.com/" if (href or "").startswith("/s?") else "https://weixin.sogou.com/", href) if href else None


def _without_hits(markup: str) -> str:
    """Hits of the search are wrapped in em, comments and private-use characters."""
    return _HIT.sub("", markup).strip()
