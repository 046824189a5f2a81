"""Back-fill from WARC files on this machine, such as CC-NEWS (design/SOURCES.md §2.16); nothing is asked of any network.

`urls` are files, file:///data/CC-NEWS-2024*.warc.gz. Options: `domains`, the sites wanted, their sub-domains included (default: all sites).
An article that concerns a hospital is a row of fetches of its record's own date, and is kept again in our archive; each file has a row for
the whole of it, with what was damaged. A killed back-fill goes on behind the last article that landed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.http import Response

from crawlers.addresses import canonical_url
from crawlers.card import Card
from crawlers.items import Answer, Reading
from crawlers.reasons import Verdict
from crawlers.spiders._job import Job
from crawlers.spiders._source import Source
from crawlers.webarchive import Page, article_of, farthest, files_of, is_under, read_records
from warehouse.clock import Clock


class Warc(Source):
    def __init__(self, job: Job, **kwargs: Any) -> None:
        super().__init__(replace(job), **kwargs)  # a job of our own: its clock is set to each record's date
        self._now = job.clock

    def start_requests_for(self, card: Card) -> Iterator[Request]:
        yield from ()

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        yield from ()  # no answer of any site comes here: start() reads the files itself

    async def start(self) -> AsyncIterator[Any]:
        for url in () if self.job.only_again else self.card.urls:
            for path in (paths := files_of(url)):
                async for answer in self._file(path):
                    yield answer
            if not paths:
                yield Answer(self.rows.fetch(url, Verdict("error", "no such file")), [])

    async def _file(self, path: Path) -> AsyncIterator[Answer]:
        """An answer for each article that concerns us, then one for the file."""
        file, n, problems = str(path)[-400:], Counter[str](), list[str]()
        start = end = farthest(self.job.memory.cursors, file)
        for end, page, problem in read_records(path, start, self._is_wanted):
            n["records"] += 1
            problems += [problem] if problem else []
            if page and (answer := self._article(page, n)):
                answer.fetch.cursor = f"{file}@{end}\t"
                yield answer
            await asyncio.sleep(0)  # whoever wants to stop us is heard
        told = "; ".join([*(f"{count} {what}" for what, count in n.items()), *problems]) or "read to its end by an earlier run"
        reason = "error" if problems else "ok" if n["articles"] else "empty_confirmed"
        whole = self.rows.fetch(path.as_uri(), Verdict(reason, told))
        whole.cursor = f"{file}@{end}\t"
        yield Answer(whole, [])

    def _is_wanted(self, url: str) -> bool:
        domains = self.card.options.get("domains")
        return (not domains or is_under(url, domains)) and canonical_url(url) not in self.job.memory.read

    def _article(self, page: Page, n: Counter[str]) -> Answer | None:
        if not (read := article_of(page, self.job.watchlist, self.card.platform, n)):
            return None
        response = Response(page.url, headers={"Content-Type": page.type}, body=page.body, request=Request(page.url))
        self.job.clock = Clock(page.at, speed=0)
        answer = self._answer(response, Verdict("ok"), [read])
        self.job.clock = self._now
        return answer
