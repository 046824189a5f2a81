"""A site's columns: list pages -> the articles they link to. Options: `css` of the links (default every `a`), `match` a pattern the
address must show after its host (default, without css: .html, .shtml or a long number), `most` articles a list (default 30), `pages` of
the list to follow while they hold unread articles (default 1), `json` where the list is JSON or JavaScript: {list: data.news, url: l,
time: p}. An article that the list dates before max_age_h is not asked for; one whose page shows no time takes the list's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from scrapy import Request
from scrapy.http import Response

from crawlers.card import Card
from crawlers.clean import decode
from crawlers.columns import Link, next_page, read_column
from crawlers.items import Reading
from crawlers.pages import read_page
from crawlers.reasons import NoReading
from crawlers.spiders._source import Source
from crawlers.times import UNKNOWN

_SAYS_EMPTY = re.compile(r"暂无(?:数据|内容|信息|记录|新闻|文章|相关)|没有(?:找到|相关)")


class Article(Source):
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        for url in card.urls:
            yield Request(url, meta={"is_list": True, "page": 1})

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        text = decode(response.body)
        if not response.meta.get("is_list"):
            yield read_page(text, response.url, self.job.clock.now(), self.card.platform, response.meta.get("listed", UNKNOWN))
            return
        links = read_column(text, response.url, self.card.options, self.card.is_home, self.job.clock.now())
        if not links:
            self._explain(text)
        recent = [link for link in links if not self._is_old(link)]
        if not recent:
            raise NoReading("empty_confirmed", f"{len(links)} articles, all older than max_age_h ({self.card.max_age_h} h)")
        asked = [Request(link.url, meta={"listed": link.listed}) for link in recent[: int(self.card.options.get("most", 30))]]
        yield from asked
        if len(recent) == len(links) and self._unread(list(asked)):
            yield from self._next(text, response)

    def _next(self, text: str, response: Response) -> Iterator[Request]:
        page = response.meta.get("page", 1) + 1
        if page <= int(self.card.options.get("pages", 1)) and (url := next_page(text, response.url)) and self.card.is_home(url):
            yield Request(url, meta={"is_list": True, "page": page})

    def _is_old(self, link: Link) -> bool:
        """By the end of the day that the list gives."""
        ends = timedelta(days=1) if link.listed.precision == "day" else timedelta()
        return link.listed.at is not None and link.listed.at + ends < self.job.clock.now() - timedelta(hours=self.card.max_age_h)

    def _explain(self, text: str) -> None:
        if _SAYS_EMPTY.search(text):
            raise NoReading("empty_confirmed", "the list says it is empty")
        raise NoReading("format_changed", f"no link to an article: css {self.card.options.get('css', 'a')}")
