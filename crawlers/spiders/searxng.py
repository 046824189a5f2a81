"""Search engines through the hospital's own SearXNG (design/SOURCES.md §2.8): GET {url}/search?format=json. A search that found nothing
because its engines were walled is not an empty search: it says captcha or error.

In its settings.yml: `search: {formats: [html, json]}`, else it answers 403. Run it with TZ=Asia/Shanghai: it gives times without an offset.
Its robots.txt forbids searches to strangers; the card of your own says so: `overrides: {robots: 本院自建的 SearXNG, private: …}`.
Options: `queries` (default: the names of the watched hospitals), `engines` (default: all of the category; only with them named can one
engine's honest "nothing" be told from another's captcha), `categories` (news), `language` (zh-CN), `time_range` (day).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from scrapy import Request
from scrapy.http import Response

from crawlers.card import Card
from crawlers.feeds import ARTICLE_PLATFORMS
from crawlers.imports.headings import platform_of
from crawlers.items import Reading
from crawlers.parsers.payload import each, find, listed, load, need, need_list, said, words
from crawlers.reasons import NoReading
from crawlers.spiders._source import Source

ASKED = {"categories": "news", "language": "zh-CN", "time_range": "day"}
NOWHERE = Path()


class Searxng(Source):
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        watched = self.job.watchlist
        queries = card.options.get("queries") or [hospital.name for hospital in watched.hospitals] or watched.words
        asked = {name: card.options.get(name, default) for name, default in ASKED.items()}
        if engines := self._engines():
            asked["engines"] = ",".join(engines)
        for url in card.urls:
            for query in queries:
                yield Request(f"{url.rstrip('/')}/search?{urlencode({'q': query, 'format': 'json', **asked})}")

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        answer = load(response.body)
        silent = {words(entry[0]): words(entry[-1]) for entry in listed(find(answer, "unresponsive_engines")) if entry}
        if silent:
            response.meta["note"] = f"no answer from {'; '.join(f'{name}: {why}' for name, why in sorted(silent.items()))}"
        results = need_list(answer, "results")
        if not results and silent and not set(self._engines()) - set(silent):
            walled = any("captcha" in why.lower() or "验证码" in why for why in silent.values())
            raise NoReading("captcha" if walled else "error", response.meta["note"])
        found = each(results, _result, "results") if results else []
        if lost := len(results) - len(found):
            response.meta["note"] = f"{lost} of {len(results)} results could not be used; {response.meta.get('note', '')}".rstrip("; ")
        yield from found

    def _engines(self) -> list[str]:
        return [str(name) for name in self.card.options.get("engines", ())]


def _result(result: Any) -> Reading:
    url = words(need(result, "url"))
    platform = platform_of("", url, (), NOWHERE) or "news"
    return Reading(
        text=words(result.get("content")), title=words(need(result, "title")), url=url, platform=platform,
        kind="article" if platform in ARTICLE_PLATFORMS else "post", published=said(result.get("publishedDate")),
    )  # fmt: skip
