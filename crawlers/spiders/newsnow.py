"""Hot boards through the hospital's own newsnow (MIT): GET {url}/api/s?id=…; shape from its shared/types.ts, no recorded answer exists.

Options: `boards`, a mapping of newsnow's board id -> our platform, e.g. {weibo: weibo, tencent-hot: news}.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from scrapy import Request
from scrapy.http import Response

from crawlers.card import Card
from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.reasons import NoReading
from crawlers.spiders._source import Source


class Newsnow(Source):
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        for board, platform in card.options["boards"].items():
            yield Request(f"{card.urls[0].rstrip('/')}/api/s?id={board}", meta={"platform": platform})

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        said = json.loads(decode(response.body), strict=False)  # 财联社 puts raw newlines into strings
        if not said["items"]:
            raise NoReading("format_changed", "the board is empty, and a hot board never is")
        if said.get("status") == "cache":
            at = datetime.fromtimestamp(said.get("updatedTime", 0) / 1000, UTC)
            response.meta["note"] = f"newsnow's cache of {at:%Y-%m-%d %H:%M} UTC"
        for rank, entry in enumerate(said["items"], 1):
            yield self._title(entry, rank, response.meta["platform"])

    def _title(self, entry: dict[str, Any], rank: int, platform: str) -> Reading:
        """One line of the board. Its id is the topic's, not a post's, so it is kept apart from the platform's post ids."""
        more = entry.get("extra") or {}
        return Reading(
            text=str(more.get("hover") or entry["title"]), title=str(entry["title"]), native_id=f"board:{entry['id']}",
            url=entry.get("url"), kind="title", platform=platform, published=entry.get("pubDate") or more.get("date"),
            board_rank=rank, heat=more.get("info") or None,
        )  # fmt: skip
