"""A site's columns: list pages -> the articles they link to. Options: `css` of the links (default every `a`), `match` a pattern the
address must show after its host (default, without css: .html, .shtml or a long number), `most` articles a list (default 30), `pages` of
the list to follow while they hold unread articles (default 1), `json` where the list is JSON or JavaScript: {list: data.news, url: l,
time: p}. An article that the list dates before max_age_h is not asked for; one whose page shows no time takes the list's. The list's row
says how many were left alone, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from scrapy import Request
from scrapy.http import Response

from crawlers.article.columns import Link, next_page, read_column
from crawlers.article.pages import read_page
from crawlers.card import Card
from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.reasons import NoReading
from crawlers.spiders._source import Source
from crawlers.times import UNKNOWN

MOST, FEW = 30, 3  # articles asked for a list page; fewer links than FEW, found by no word of the card, are more likely its foot
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
        most = int(self.card.options.get("most", MOST))
        response.meta["note"] = "; ".join(self._notes(len(links), len(recent), most)) or None
        asked = [Request(link.url, meta={"listed": link.listed}) for link in recent[:most]]
        yield from asked
        if len(recent) == len(links) and self._unread(list(asked)):
            yield from self._next(text, response)

    def _notes(self, found_n: int, recent_n: int, most: int) -> Iterator[str]:
        """What was left alone, or looks wrong though it is read."""
        if old_n := found_n - recent_n:
            yield f"{old_n} of {found_n} older than max_age_h ({self.card.max_age_h} h), left alone"
        if recent_n > most:
            yield f"{recent_n - most} more than `most` ({most}), left alone"
        if found_n < FEW and not any(name in self.card.options for name in ("css", "match", "json")):
            yield (
                f"only {found_n} {'link looks' if found_n == 1 else 'links look'} like articles: if the page shows more, say which by css "
                "or match; if a script draws them, name its JSON (options.json)"
            )

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
        options = self.card.options
        narrowed = f" and matches {options['match']}" if "match" in options else ""
        if "json" in options:
            raise NoReading(
                "format_changed", f"no address in the JSON list is on the card's hosts{narrowed}; is options.json.url the right name?"
            )
        default = "" if "css" in options else ", .html, .shtml or a long number"
        looked = f"css {options.get('css', 'a')}" + (f", match {options['match']}" if "match" in options else default)
        raise NoReading(
            "format_changed", f"no link to an article: {looked}; a list that a script draws has its JSON elsewhere (options.json)"
        )
