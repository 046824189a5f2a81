"""An article's page -> one reading: title and source here, the body in article_body.py, the time in article_times.py.

Measured on 62 Chinese pages (design/SOURCES.md §6): trafilatura 2.3.1 alone gives days without times though 54 show HH:MM, cuts titles at
quotation marks, takes the site's name for the title of a government page, and its author is mostly 责任编辑.
"""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise
from urllib.parse import urlsplit

from crawlers.article.body import article_body
from crawlers.article.page_parts import Line, Page, one_line, take_apart
from crawlers.article.page_times import published
from crawlers.items import Reading
from crawlers.reasons import NoReading
from crawlers.times import UNKNOWN, Moment

SHORTEST_BODY = 30  # characters; less is a page without an article
SHORTEST_TITLE, LONGEST_TITLE = 5, 80
_FROM = re.compile(r"(?:稿件|文章|信息|新闻)?来\s*源\s*于?\s*[:：]\s*([^\s|:：<>()（）【】]{2,25})")
_NOT_A_SOURCE = re.compile(r"\s*(?:\d{1,4}\s*(?:人参与|评论|阅读)|作者|时间|发布|责任?编辑?|编辑|字号|浏览|点击).*$")
_GONE = re.compile(r"(?:该|此)?(?:内容|文章|页面|链接)(?:已被|已经?|不存在|被)(?:发布者)?(?:删除|过期|下架|撤回)|链接已过期")
_TITLE_CUT = re.compile(r"\s*[_|–—]\s*|\s+-\s+|--+|-(?=[^-]{2,12}$)")
_SITE_NAME = re.compile(r"(?:医院|网|网站|政府|委员会|卫健委|局|厅|办事处|大学|学院|中心|频道|首页|官网|日报|晚报|公告|动态|新闻)$")
_TELLS_TIME = re.compile(r"(?:发布|发表|更新)?(?:时间|日期)\s*[:：]|(?:19|20)\d\d\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d")
_TITLE_TAGS = ("og:title", "twitter:title", "articletitle", "weibo:article:title", "dc.title")
_SOURCE_TAGS = ("contentsource", "source", "og:article:author", "mediaid")


def read_page(text: str, url: str, base: datetime, platform: str = "news", listed: Moment = UNKNOWN) -> Reading:
    """The article on a page, decoded; `base` is when it arrived, `listed` what a list said of its time, for a page that does not say.

    NoReading(empty_confirmed) if the page says the article was removed, format_changed if it holds none.
    """
    page = take_apart(text)
    title = _title(page)
    said = _source(page)
    at = published(page, _line_of(title, page.lines), base)
    body = article_body(page.tree)
    if len(body) < SHORTEST_BODY and _GONE.search("\n".join(line.text for line in page.lines)[:3000]):
        raise NoReading("empty_confirmed", "the page says the article was removed")
    if len(body) < SHORTEST_BODY or not title:
        raise NoReading("format_changed", "no article found" if title else "an article without a title")
    return Reading(
        text=body, title=title, url=url, kind="article", platform=platform,
        published=at if at.at else listed, author=said or urlsplit(url).netloc,
    )  # fmt: skip


def _title(page: Page) -> str:
    """The line that the window's title holds; else a meta's title; else the line over the time; else the window's title without the site.

    Metas are cut at a quotation mark (网易), the window's title adds site and column, a heading may be the site's own.
    """
    window = one_line(page.tree.findtext(".//title") or "")
    stated = next((one_line(page.metas[tag]) for tag in _TITLE_TAGS if tag in page.metas), "")
    shown = _shown_title(page.lines, window, stated)
    if shown:
        return shown
    cut = _TITLE_CUT.split(window)[0].strip()
    return stated or (cut if len(cut) > 2 * SHORTEST_TITLE else "") or _over_the_time(page.lines) or cut


def _shown_title(lines: list[Line], window: str, stated: str) -> str:
    longest = max(len(window), len(stated))
    held = (
        line.text for line in lines if line.links < 0.5 and SHORTEST_TITLE < len(line.text) <= longest and not _SITE_NAME.search(line.text)
    )
    return max(
        (text for text in held if _is_part(text, window) or _is_part(text, stated) or (stated and text.startswith(stated))),
        key=len,
        default="",
    )


def _is_part(text: str, window: str) -> bool:
    """Whether the window's title has the text as a whole part: other parts are set off by a sign, a site's name also by a space."""
    before, found, after = window.partition(text)
    return bool(found) and _sets_off(before[::-1], _TITLE_CUT.split(before)[-1]) and _sets_off(after, _TITLE_CUT.split(after.strip())[0])


def _sets_off(rest: str, part: str) -> bool:
    return not re.match(r"\s*[^\W_]", rest) or (rest[0].isspace() and bool(_SITE_NAME.search(part.strip())))


def _over_the_time(lines: list[Line]) -> str:
    """Where the window names only the column: the line above the one that tells the time of publication."""
    for above, line in pairwise(lines):
        if _TELLS_TIME.match(line.text) and above.links < 0.5 and SHORTEST_TITLE < len(above.text) < LONGEST_TITLE:
            return above.text
    return ""


def _line_of(title: str, lines: list[Line]) -> int | None:
    wanted = _letters(title)[:20]
    places = [n for n, line in enumerate(lines) if wanted and wanted in _letters(line.text)[: len(title) + 20]]
    return next((n for n in places if lines[n].links < 0.5), None)


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text)


def _source(page: Page) -> str | None:
    for account in page.tree.xpath("//*[@id='js_name']"):  # WeChat
        return one_line(str(account.text_content()))[:25] or None
    for tag in _SOURCE_TAGS:
        if tag in page.metas:
            return re.sub(r"^来源\s*[:：]", "", one_line(page.metas[tag]))[:25]
    for line in page.lines:
        if found := _FROM.search(line.text):
            name = _NOT_A_SOURCE.sub("", found[1])
            if len(name) > 1:
                return name
    return None
