"""人民网领导留言板, the H5 form (design/SOURCES.md §2.5, 2): forum page for its cookie, then a list by cursor. No recorded answer exists;
fields are from public code. Opt-in: the site's firewall answers 403/429 to haste, and the base spider then backs off.

Options: `fid`, ids of the forums (a city or its leader); `pages` a forum (default 2).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scrapy import FormRequest, Request
from scrapy.http import Response

from crawlers.card import Card
from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.reasons import NoReading
from crawlers.spiders._source import Source

PAGE_SIZE = 20


class Liuyan(Source):
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        base = card.urls[0].rstrip("/")
        for fid in card.options["fid"]:
            yield Request(f"{base}/pro-dfbbs-front/forum/list?fid={fid}", meta={"fid": str(fid), "base": base})

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        where: dict[str, Any] = {name: response.meta[name] for name in ("fid", "base")}
        if "page" not in response.meta:
            yield self._list(where, page=1, last="0")
            return
        said = json.loads(decode(response.body), strict=False)
        if said.get("result") != "success":
            raise NoReading("error", f"the list says: {said.get('resultDesc')}")
        threads = said["responseData"] or []
        for thread in threads:
            yield self._thread(thread, where["base"])
        if len(threads) == PAGE_SIZE and response.meta["page"] < int(self.card.options.get("pages", 2)):
            yield self._list(where, page=response.meta["page"] + 1, last=str(threads[-1]["tid"]))

    def _list(self, where: dict[str, Any], page: int, last: str) -> Request:
        return FormRequest(
            f"{where['base']}/pro-dfbbs-front/threads/queryThreadsList",
            formdata={"fid": where["fid"], "lastItem": last, "pageSize": str(PAGE_SIZE)},
            headers={"Referer": f"{where['base']}/pro-dfbbs-front/forum/list?fid={where['fid']}"},
            meta={**where, "page": page},
        )

    def _thread(self, thread: dict[str, Any], base: str) -> Reading:
        tid = str(thread["tid"])
        return Reading(
            text=str(thread["content"]), title=str(thread["subject"]), native_id=tid, url=f"{base}/threads/content?tid={tid}",
            published=thread.get("dateline") or thread.get("threadsCheckTime"), author=thread.get("nickName") or None,
            region=thread.get("ip"), likes=thread.get("favNum"), kind="post",
        )  # fmt: skip
