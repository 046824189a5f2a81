"""An article's page -> one reading. trafilatura finds the body; title, time to the minute and source are our own layer.

Measured on 62 Chinese pages (design/SOURCES.md §6): trafilatura 2.3.1 gives days without times though 54 show HH:MM, cuts titles at
quotation marks, takes the site's name for the title of a government page, and its author is mostly 责任编辑.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

import lxml.html

from crawlers.clean import html_tree, plain
from crawlers.items import Reading
from crawlers.reasons import NoReading
from crawlers.times import UNKNOWN, Moment, read_time

SHORTEST_BODY = 30  # characters; less is a page without an article
_DAY = r"20\d{2}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}\s*日?"
_TIME = r"\d{1,2}:\d{2}(?::\d{2})?"
_WITH_TIME = re.compile(rf"{_DAY}[\s|]*(?:(?:星期|周)[一二三四五六日天])?[\s|]*{_TIME}")
_LABELLED = re.compile(rf"(?:发布|发表|时间|日期|更新)[^\d\n]{{0,8}}((?:{_DAY}|(?:\d\d-)?\d\d-\d\d)(?:\s*{_TIME})?)")
_FROM = re.compile(r"(?:稿件|文章|信息|新闻)?来\s*源\s*[:：]\s*([^\s|:：<>()（）]{2,25})")
_GONE = re.compile(r"(?:该|此)?(?:内容|文章|页面|链接)(?:已被|已经?|不存在|被)(?:发布者)?(?:删除|过期|下架|撤回)|链接已过期")
_WECHAT_TIME = re.compile(r"""\bvar ct\s*=\s*["'](\d{10})["']""")
_TITLE_CUT = re.compile(r"\s*[_|–—]\s*|\s+-\s+|-(?=[^-]{2,12}$)")
_TIME_TAGS = (
    "article:published_time",
    "og:release_date",
    "pubdate",
    "publishdate",
    "publish_time",
    "publishtime",
    "datepublished",
    "weibo:article:create_at",
)  # fmt: skip
_TITLE_TAGS = ("og:title", "twitter:title", "articletitle", "weibo:article:title")
_SOURCE_TAGS = ("contentsource", "source", "og:article:author", "mediaid")


def read_page(text: str, url: str, base: datetime, platform: str = "news") -> Reading:
    """The article on a page, decoded; `base` is when it arrived. NoReading(empty_confirmed) if the page says it was removed."""
    import trafilatura  # a second of imports: only spiders that meet a page pay it

    document = html_tree(text)
    body = trafilatura.extract(html_tree(text), include_comments=False, include_tables=True, favor_precision=False) or ""
    if len(body) < SHORTEST_BODY and _GONE.search(plain(text)[:3000]):
        raise NoReading("empty_confirmed", "the page says the article was removed")
    title = _title(document)
    if len(body) < SHORTEST_BODY or not title:
        raise NoReading("format_changed", "no article found" if title else "an article without a title")
    said = _source(document)
    return Reading(
        text=body, title=title, url=url, kind="article", platform=platform,
        published=_published(document, text, base), author=said or urlsplit(url).netloc,
    )  # fmt: skip


def _metas(document: lxml.html.HtmlElement) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in document.iter("meta"):
        name = (node.get("property") or node.get("name") or node.get("itemprop") or "").strip().lower()
        if name and (node.get("content") or "").strip():
            found.setdefault(name, str(node.get("content")).strip())
    return found


def _title(document: lxml.html.HtmlElement) -> str:
    """The meta title; else the heading that the window's title repeats; else the window's title without the site's name."""
    metas = _metas(document)
    window = plain(document.findtext(".//title") or "").replace("\n", " ")
    headings = [plain(str(node.text_content())).replace("\n", " ") for node in document.iter("h1", "h2")]
    repeated = [heading for heading in headings if len(heading) > 4 and heading[:12] in window]
    for said in (plain(metas[tag]) for tag in _TITLE_TAGS if tag in metas):
        return next((heading for heading in repeated if heading.startswith(said)), said)  # 163 cuts its meta title at a quotation mark
    tall = [heading for heading in headings if len(heading) > 8]
    return next(iter(repeated), "") or _TITLE_CUT.split(window)[0].rstrip("-") or next(iter(tall), "")


def _published(document: lxml.html.HtmlElement, text: str, base: datetime) -> Moment:
    """The first time to the minute among JSON-LD, meta, <time>, script and text; else the first day."""
    moments = [read_time(said, base) for said in _times_said(document, text)]
    known = [moment for moment in moments if moment.at is not None and moment.at <= base]
    for wanted in (("second", "minute"), ("hour", "day")):
        for moment in known:
            if moment.precision in wanted:
                return moment
    return UNKNOWN


def _times_said(document: lxml.html.HtmlElement, text: str) -> Iterator[str]:
    metas = _metas(document)
    yield from (metas[tag] for tag in _TIME_TAGS if tag in metas)
    for node in document.xpath("//script[@type='application/ld+json']"):
        try:
            said = json.loads(node.text or "", strict=False)
        except ValueError:
            continue
        entries = said if isinstance(said, list) else [said]
        yield from (str(entry["datePublished"]) for entry in entries if isinstance(entry, dict) and entry.get("datePublished"))
    yield from _WECHAT_TIME.findall(text)
    seen = re.sub(r"\s+", " ", " ".join(document.xpath("//body//text()[not(parent::script or parent::style)]")))
    yield from (found[0].replace("|", " ") for found in _WITH_TIME.finditer(seen))
    yield from (node.get("datetime") for node in document.iter("time") if node.get("datetime"))
    yield from _LABELLED.findall(seen)
    yield from re.findall(_DAY, seen)


def _source(document: lxml.html.HtmlElement) -> str | None:
    metas = _metas(document)
    for tag in _SOURCE_TAGS:
        if tag in metas:
            return re.sub(r"^来源\s*[:：]", "", plain(metas[tag]))[:25]
    found = _FROM.search(plain(str(document.text_content())))
    return found[1] if found else None
