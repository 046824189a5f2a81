"""The hospital's own bridge, answering in a platform's format: what needs a login is fetched by a program the hospital runs under its own
account (a signed-in browser, a Weibo proxy …); here its addresses are only asked for and read. No login, cookie or signature is ours.

Options: `reads`, the parser of the answers (crawlers.parsers.PARSERS), e.g. weibo. `again: {url: "http://127.0.0.1:8000/statuses/show?id={id}",
reads: weibo}`: where the base spider asks for one post's counts again ({id}: the platform's own id, {url}: the post's address).
"""

from __future__ import annotations

from collections.abc import Iterator

from scrapy import Request
from scrapy.http import Response

from crawlers.card import Card
from crawlers.items import Reading
from crawlers.spiders._source import Source


class Bridge(Source):
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        for url in card.urls:
            yield Request(url)

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        from crawlers.parsers import read_payload  # a dozen formats that most crawls never meet

        yield from read_payload(response.body, self.job.clock.now(), self.card.options.get("reads"))
