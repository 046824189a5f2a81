"""RSS, Atom and JSON Feed addresses. Options: none beyond those of every kind (crawlers/card_options.py)."""

from __future__ import annotations

from collections.abc import Iterator

from scrapy import Request
from scrapy.http import Response

from crawlers.card import Card
from crawlers.feeds import read_feed
from crawlers.items import Reading
from crawlers.spiders._source import Source


class Feed(Source):
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        for url in card.urls:
            yield Request(url)

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        yield from read_feed(response.body, self.card.platform)
