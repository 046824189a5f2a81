"""人民网领导留言板, the H5 form (design/SOURCES.md §2.5, 2): forum page for its cookie, then a list by cursor. No recorded answer exists;
fields are from public code. Opt-in: a card needs a written `basis`. The firewall answers 403/429 to haste; the base spider then backs off.

Options: `fid`, ids of the forums (a city or its leader); `pages` a forum at most (default 2). The largest tid of a forum is kept as its
watermark, when all pages down to the last one were read: paging stops there, and a run cut short is made good by the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scrapy import FormRequest, Request
from scrapy.http import Response

from crawlers.card import Card
from crawlers.items import Reading
from crawlers.parsers.payload import each, load, need, need_list
from crawlers.reasons import NoReading
from crawlers.spiders._source import Source

PAGE_SIZE = 20


class Liuyan(Source):
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        base = card.urls[0].rstrip("/")
        for fid in card.options["fid"]:
            yield Request(f"{base}/pro-dfbbs-front/forum/list?fid={fid}", meta={"fid": str(fid), "base": base, "top": 0})

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        where: dict[str, Any] = {name: response.meta[name] for name in ("fid", "base", "top")}
        if "page" not in response.meta:
            yield self._list(where, page=1, last="0")
            return
        answer = load(response.body)
        if answer.get("result") != "success":
            raise NoReading("error", f"the list says: {answer.get('resultDesc')}")
        threads = need_list({"responseData": answer["responseData"] or []}, "responseData")
        found = each(threads, lambda thread: self._thread(thread, where["base"]), "threads") if threads else []
        if lost := len(threads) - len(found):
            response.meta["note"] = f"{lost} of {len(threads)} letters could not be used"
        yield from found
        tids = [int(thread["tid"]) for thread in threads if str(thread.get("tid")).isdigit()]
        yield from self._next(response, where, tids, is_full=len(threads) == PAGE_SIZE)

    def _next(self, response: Response, where: dict[str, Any], tids: list[int], is_full: bool) -> Iterator[Request]:
        """The next page, or at the end of the new ones the watermark; it never steps back, though the newest may have been deleted."""
        page, mark = response.meta["page"], int(self.cursor(where["fid"]) or 0)
        where["top"] = max([where["top"], *tids])
        is_reached = not is_full or not tids or min(tids) <= mark
        if not is_reached and page < int(self.card.options.get("pages", 2)):
            yield self._list(where, page + 1, last=str(min(tids)))
            return
        if not is_reached and mark:
            missed = f"{page} pages did not reach the newest letter of the last run; raise `pages` in the card's options"
            response.meta["note"] = f"{missed}; {response.meta.get('note', '')}".rstrip("; ")
        if where["top"] > mark:
            self.keep_cursor(response, where["fid"], str(where["top"]))

    def _list(self, where: dict[str, Any], page: int, last: str) -> Request:
        return FormRequest(
            f"{where['base']}/pro-dfbbs-front/threads/queryThreadsList",
            formdata={"fid": where["fid"], "lastItem": last, "pageSize": str(PAGE_SIZE)},
            headers={"Referer": f"{where['base']}/pro-dfbbs-front/forum/list?fid={where['fid']}"},
            meta={**where, "page": page},
        )

    def _thread(self, thread: dict[str, Any], base: str) -> Reading:
        tid = str(need(thread, "tid"))
        return Reading(
            text=str(need(thread, "content")), title=str(need(thread, "subject")), native_id=tid, url=f"{base}/threads/content?tid={tid}",
            published=thread.get("dateline") or thread.get("threadsCheckTime"), author=thread.get("nickName") or None,
            region=thread.get("ip"), likes=thread.get("favNum"), kind="post",
        )  # fmt: skip
