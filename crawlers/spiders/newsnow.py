"""Hot boards through the hospital's own newsnow (MIT): GET {url}/api/s?id=…; shape from its shared/types.ts, no recorded answer exists.

Options: `boards`, a mapping of newsnow's board id -> our platform, e.g. {weibo: weibo, tencent-hot: news}.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from scrapy import Request
from scrapy.http import Response

from crawlers.card import Card
from crawlers.items import Reading
from crawlers.parsers.payload import each, find, ident, load, need, need_list, said, words
from crawlers.reasons import NoReading
from crawlers.spiders._source import Source
from crawlers.times import read_time


class Newsnow(Source):
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        for board, platform in card.options["boards"].items():
            yield Request(f"{card.urls[0].rstrip('/')}/api/s?id={board}", meta={"platform": platform})

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        answer = load(response.body)  # 财联社 puts raw newlines into strings
        if find(answer, "status") not in ("success", "cache"):
            raise NoReading("error", f"newsnow says: {words(find(answer, 'message')) or 'neither success nor cache'}")
        lines, base = need_list(answer, "items"), self.job.clock.now()
        if not lines:
            raise NoReading("format_changed", "the board is empty, and a hot board never is")
        notes, platform = list[str](), response.meta["platform"]
        if answer["status"] == "cache":
            base = _updated(answer.get("updatedTime")) or base
            notes.append(f"newsnow's cache of {base.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
        found = each(enumerate(lines, 1), lambda numbered: _title(numbered[1], numbered[0], platform, base), "titles")
        if lost := len(lines) - len(found):
            notes.append(f"{lost} of {len(lines)} lines could not be used")
        response.meta["note"] = "; ".join(notes)
        yield from found


def _updated(milliseconds: Any) -> datetime | None:
    """When newsnow asked the board: `2小时前` in its cache is seen from there."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if isinstance(milliseconds, int | float) and milliseconds else None


def _title(entry: Any, rank: int, platform: str, base: datetime) -> Reading:
    """One line of the board. Its id is the topic's, not a post's, so it is kept apart from the platform's post ids."""
    title, date = words(need(entry, "title")), said(find(entry, "pubDate", "extra.date"))
    return Reading(
        text=words(find(entry, "extra.hover")) or title, title=title, native_id=f"board:{ident(entry['id'])}",
        url=words(find(entry, "url", "mobileUrl")) or None, kind="title", platform=platform, published=read_time(date, base),
        board_rank=rank, heat=said(find(entry, "extra.info")),
    )  # fmt: skip
