"""Open letters to a city's government, 12345 or 市长信箱 (design/SOURCES.md §2.4): list, then the page of each letter that concerns us.

With Beijing's shape `urls` alone are enough: the page that gives the cookie, https://www.beijing.gov.cn/hudong/hdjl/com.web.search.mailList.flow
Options: `list`, address the form is POSTed to (relative to urls); `form`, its fields, {begin}, {length}, {page} are filled in; `form: {}`:
`urls` are the lists themselves, JSON or HTML; `pages` (2) of `length` (20) lines. JSON list: `names`, what it calls things, e.g.
{rows: [data.list], id: [no], title: [bt], type: [lx], date: [sj], state: [zt]}; `detail`, a letter's address by its type, {other:
"detail?no={id}"}. HTML list: `rows`, css of its lines. A letter's page: `question`, `answer`, `office`, css. `details: all` asks for every
letter's page, not only where the title names a watched hospital: many more requests, and it finds letters that name it in their text alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from scrapy import FormRequest, Request
from scrapy.http import Response

from crawlers.card import Card
from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.letters import FORM, LIST, Letter, read_letter, read_list
from crawlers.reasons import NoReading
from crawlers.spiders._source import Source

ANSWERED = "answered"  # state of a letter whose list tells none


class GovMailbox(Source):
    def start_requests_for(self, card: Card) -> Iterator[Request]:
        for url in card.urls:
            yield Request(url, meta={} if self._form() else {"page": 0})

    def parse_items(self, response: Response) -> Iterator[Reading | Request]:
        if letter := response.meta.get("letter"):
            yield from self._letter(response, letter)
        elif "page" in response.meta:
            yield from self._letters(response)
        else:
            yield self._list(response.url, 0)

    def _letter(self, response: Response, letter: Letter) -> Iterator[Reading]:
        reads = list(read_letter(decode(response.body), letter, self.card.options))
        if letter.state or len(reads) > 1:
            self.keep_cursor(response, letter.id, letter.state or ANSWERED)
        yield from reads

    def _letters(self, response: Response) -> Iterator[Reading | Request]:
        url = response.meta.get("home", response.url)
        letters, unusable = read_list(response.body, url, self.card.options, urlsplit(self.card.shown(url)).hostname or "")
        response.meta["note"] = f"{unusable} lines of the list could not be used" if unusable else None
        found = [one for one in (self._listed(letter) for letter in letters) if one]
        page, is_full = response.meta["page"] + 1, len(letters) + unusable >= int(self.card.options.get("length", 20))
        if self._form() and is_full and page < int(self.card.options.get("pages", 2)):
            found.append(self._list(response.meta["home"], page))
        if letters and not found:
            raise NoReading("not_modified", f"{len(letters)} letters, all read before")
        yield from found

    def _listed(self, letter: Letter) -> Reading | Request | None:
        """A letter that concerns us: the address of its page, unless that was read and its state is what it was. Of others the title."""
        if self.card.options.get("details") != "all" and not self.job.watchlist.concerns(letter.title):
            return Reading(text=letter.title, native_id=letter.id, url=letter.url, published=letter.date)
        if self.cursor(letter.id) == (letter.state or ANSWERED):
            return None
        return Request(
            f"{letter.url}#/{letter.state}", meta={"letter": letter}
        )  # the core asks no address twice; a fragment is sent to nobody

    def _list(self, home: str, page: int) -> Request:
        length = int(self.card.options.get("length", 20))
        filled = {"{begin}": str(page * length), "{length}": str(length), "{page}": str(page + 1)}
        form = {name: filled.get(value, value) for name, value in self._form().items()}
        url, meta = urljoin(home, self.card.options.get("list", LIST)), {"page": page, "home": home}
        return FormRequest(url, formdata=form, headers={"Referer": home}, meta=meta)

    def _form(self) -> dict[str, str]:
        options = self.card.options
        return {name: str(value) for name, value in options.get("form", {} if "rows" in options else FORM).items()}
