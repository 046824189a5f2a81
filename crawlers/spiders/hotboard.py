"""Hot boards asked at the platform itself (design/SOURCES.md §2.7), one card a site. No platform has offered this: off until a card says
`enabled: true`, and in `robots_note` and `basis` who read robots.txt and terms, when, and why we may; card.py refuses it otherwise.
Your own newsnow (kind newsnow) gives the same boards without asking the platforms from here.

Options: `shape` of the board: weibo (https://weibo.com/ajax/side/hotSearch), baidu (https://top.baidu.com/api/board?platform=pc&tab=realtime)
or tencent (https://r.inews.qq.com/gw/event/hot_ranking_list?page_size=60).
"""

from __future__ import annotations

from collections.abc import Iterator

from scrapy import Request
from scrapy.http import Response

from crawlers.card import Card
from crawlers.items import Reading
from crawlers.parsers.boards import read_board
from crawlers.reasons import NoReading
from crawlers.spiders._source import Source


class Hotboard(Source):
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        for url in card.urls:
            yield Request(url)

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        lines = read_board(response.body, self.card.options["shape"])
        if not lines:
            raise NoReading("format_changed", "the board is empty, and a hot board never is")
        yield from lines
