"""A site's columns: list pages -> the articles they link to. Options: `css` of the links (default every `a`), `match` a pattern the
address must show after its host (default, without css: .html, .shtml or a long number), `most` articles a list (default 30)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scrapy import Request
from scrapy.http import Response

from crawlers.addresses import canonical_url
from crawlers.card import Card
from crawlers.clean import decode, html_tree
from crawlers.items import Reading
from crawlers.pages import read_page
from crawlers.reasons import NoReading
from crawlers.spiders._source import Source

_ARTICLE = r"\.s?html?(?:\?|$)|\d{5,}"
_SAYS_EMPTY = re.compile(r"暂无(?:数据|内容|信息|记录|新闻|文章|相关)|没有(?:找到|相关)")


class Article(Source):
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        for url in card.urls:
            yield Request(url, meta={"is_list": True})

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        if not response.meta.get("is_list"):
            yield read_page(decode(response.body), response.url, self.job.clock.now(), self.card.platform)
            return
        links = self._links(response)
        if not links:
            if _SAYS_EMPTY.search(decode(response.body)):
                raise NoReading("empty_confirmed", "the list says it is empty")
            raise NoReading("format_changed", f"no link to an article: css {self.card.options.get('css', 'a')}")
        for url in links[: int(self.card.options.get("most", 30))]:
            yield Request(url)

    def _links(self, response: Response) -> list[str]:
        """Addresses of articles on the card's hosts, in page order, once each."""
        page = html_tree(decode(response.body))
        page.make_links_absolute(response.url, resolve_base_href=True, handle_failures="ignore")
        css = self.card.options.get("css")
        wanted = re.compile(self.card.options.get("match", "" if css else _ARTICLE))
        found = (str(node.get("href") or "").strip() for node in page.cssselect(css or "a"))
        own = [url for url in found if self.card.is_home(url) and wanted.search(url.split("/", 3)[-1]) and url != response.url]
        return list({canonical_url(url): url for url in reversed(own)}.values())[::-1]
