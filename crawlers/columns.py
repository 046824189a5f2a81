"""A column's list page -> the links to its articles, each with the day the list gives it, and the next page's address. No network here.

Lists are HTML, or JSON that a script of the site reads (news_json.js; 163 in 2015: {"news": [[{"t": …, "l": …, "p": …}]]}).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import lxml.html

from crawlers.addresses import canonical_url
from crawlers.clean import html_tree
from crawlers.reasons import NoReading
from crawlers.times import UNKNOWN, Moment, read_time

ARTICLE = r"\.s?html?(?:\?|$)|\d{5,}"
ROW_DEPTH = 4  # a date stands at most so many tags above its link
LONGEST_ROW = 400  # characters of a row without its link: a teaser and a date
_NEXT = re.compile(r"\W*(?:下一?页|后一?页|next(?:\s*page)?)\W*|[>»›]{1,2}", re.IGNORECASE)
_PAGER = re.compile(r"""createPageHTML\(\s*["']?(\d+)["']?\s*,\s*["']?(\d+)["']?\s*,\s*["']([\w./-]+)["']\s*,\s*["'](\w+)["']""")  # TRS
_NUMBERED = re.compile(
    r"^(?P<head>.*?(?:[?&](?:page|p|pageno|pageindex|currpage)=|(?:index|list|page|default)[_-]?))(?P<n>\d*)(?P<tail>\.\w+|&.*|)$", re.I
)
_DAY_FORMS = (
    (
        re.compile(r"(?<!\d)((?:19|20)\d\d)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})(?!\d)\s*日?(?:\s*(\d{1,2}:\d\d(?::\d\d)?))?"),
        (1, 2, 3, 4),
    ),
    (re.compile(r"(?<![\d/.-])(\d{1,2})\s+((?:19|20)\d\d)[-/.年](\d{1,2})(?!\d)"), (2, 3, 1, None)),  # the day large, the month under it
    (re.compile(r"(?<!\d)((?:19|20)\d\d)[-/.年](\d{1,2})月?\s+(\d{1,2})(?!\d)"), (1, 2, 3, None)),
    (re.compile(r"(?<![\d/.-])(\d{1,2})[-/.月](\d{1,2})日?\s+((?:19|20)\d\d)(?!\d)"), (3, 1, 2, None)),
)
_SHORT = re.compile(
    r"(?<![\d/.-])\d{1,2}\s*[-/月]\s*\d{1,2}(?!\d)\s*日?(?:\s*\d{1,2}:\d\d)?(?![-/.\d])|(?:今天|昨天|前天)(?:\s*\d{1,2}:\d\d)?|\d+\s*(?:分钟|小时|天)前"
)


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    listed: Moment


def read_column(text: str, url: str, options: dict[str, Any], is_home: Callable[[str], bool], base: datetime) -> list[Link]:
    """Links on the card's hosts in the list's order, once each. `options`: the card's css, match, json. NoReading if json finds no list."""
    css = options.get("css")
    found = _from_json(text, url, options["json"], base) if "json" in options else _from_html(text, url, css or "a", base)
    wanted = re.compile(options.get("match", "" if css or "json" in options else ARTICLE))
    here = _place(url)
    pages = (here[0],) if here else ()  # the list's own pages are no articles
    own = [link for link in found if is_home(link.url) and wanted.search(link.url.split("/", 3)[-1]) and link.url != url]
    own = [link for link in own if (place := _place(link.url)) is None or place[0] not in pages]
    return list({canonical_url(link.url): link for link in reversed(own)}.values())[::-1]


def _from_html(text: str, url: str, css: str, base: datetime) -> Iterator[Link]:
    page = html_tree(text)
    page.make_links_absolute(url, resolve_base_href=True, handle_failures="ignore")
    for node in page.cssselect(css):
        if href := str(node.get("href") or "").strip():
            yield Link(href, _beside(node, base))


def _beside(link: lxml.html.HtmlElement, base: datetime) -> Moment:
    """The time in the link's row: in a tag of its own inside the link, or in the text around it before another link begins."""
    for part in link.iter("span", "em", "i", "time", "p", "div", "font", "b"):
        moment = _day(str(part.text_content()), base)
        if moment.at and len(str(part.text_content()).strip()) < 25:
            return moment
    own, row = str(link.text_content()), link
    for _ in range(ROW_DEPTH):
        row = row.getparent()
        if row is None or any(a.get("href") not in (None, link.get("href")) for a in row.iter("a")):
            return UNKNOWN
        around = " ".join(" ".join(row.itertext()).replace(own, " ", 1).split())
        if len(around) < LONGEST_ROW and (moment := _day(around, base)).at:
            return moment
    return UNKNOWN


def _day(text: str, base: datetime) -> Moment:
    for form, (year, month, day, clock) in _DAY_FORMS:
        if found := form.search(text):
            return read_time(f"{found[year]}-{found[month]}-{found[day]} {found[clock] or '' if clock else ''}".strip(), base)
    short = _SHORT.search(text)
    return read_time(short[0], base) if short else UNKNOWN


def _from_json(text: str, url: str, names: dict[str, str], base: datetime) -> Iterator[Link]:
    """Entries under `list` (a dotted path; lists in lists are flattened), their `url` and `time`; what is around the JSON is skipped."""
    start = re.search(r"[{\[]", text)
    try:
        data, _ = json.JSONDecoder(strict=False).raw_decode(text[start.start() :] if start else "")
    except (ValueError, RecursionError) as problem:
        raise NoReading("format_changed", f"options.json: no JSON in the answer: {problem}") from None
    for name in filter(None, str(names.get("list", "")).split(".")):
        data = data.get(name) if isinstance(data, dict) else None
    if not isinstance(data, list):
        raise NoReading("format_changed", f"options.json: no list under {names.get('list') or 'the top'}")
    if not data:
        raise NoReading("empty_confirmed", "the list holds no entry")
    for entry in _flat(data):
        if address := entry.get(names.get("url", "url")):
            yield Link(urljoin(url, str(address).strip()), read_time(entry.get(names.get("time", "time")), base))


def _flat(entries: list[Any]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        if isinstance(entry, list):
            yield from _flat(entry)
        elif isinstance(entry, dict):
            yield entry


def next_page(text: str, url: str) -> str | None:
    """The list's next page: its link 下一页, its link numbered one higher, or what a pager's script says. None on the last page."""
    page = html_tree(text)
    page.make_links_absolute(url, resolve_base_href=True, handle_failures="ignore")
    links = [(str(a.text_content()).strip(), str(a.get("rel") or ""), str(a.get("href") or "").strip()) for a in page.iter("a", "link")]
    links = [link for link in links if link[2].startswith("http") and link[2].split("#")[0] != url.split("#")[0]]
    if found := next((href for said, rel, href in links if rel == "next" or _NEXT.fullmatch(said)), None):
        return found
    if pager := _PAGER.search(text):
        total, current = int(pager[1]), int(pager[2])
        return urljoin(url, f"{pager[3]}_{current + 1}.{pager[4]}") if current + 1 < total else None
    return next((href for _, _, href in links if _follows(_place(href), url)), None)


def _follows(place: tuple[str, int] | None, url: str) -> bool:
    here = _place(url)
    if place is None:
        return False
    if here is None:  # a folder's first page has no number: index_1.html or ?page=2 comes next
        head = place[0].split("\n")[0]
        return (head == f"{url}index" and place[1] == 1) or (head.startswith(f"{url}?") and place[1] == 2)
    return place == (here[0], here[1] + 1)


def _place(url: str) -> tuple[str, int] | None:
    """What pages of one list have in common, and the number of this one: index.html, index_1.html → 0, 1; ?page=2 → 2."""
    found = _NUMBERED.match(url)
    if not found:
        return None
    head, number = found["head"].rstrip("_-"), found["n"]
    first = 1 if "=" in head else 0
    return f"{head}\n{found['tail']}", int(number) if number else first
