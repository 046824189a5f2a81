"""A column's list page -> the links to its articles, each with the day the list gives it, and the next page's address. No network here.

Lists are HTML, or JSON that a script of the site reads (news_json.js; 163 in 2015: {"news": [[{"t": …, "l": …, "p": …}]]}).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
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
_TURNS = re.compile(
    r"\W*(?:首页|上一?页|前一?页|下一?页|后一?页|[尾末]页|最后一页|first|prev(?:ious)?(?:\s*page)?|next(?:\s*page)?|last)\W*|[<>«»‹›]{1,2}",
    re.I,
)
_NUMBER = re.compile(r"\W*第?\s*\d{1,4}\s*页?\W*")
_SHOWN = 12  # of the names found in a JSON list, a sentence for the engineer shows so many
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
    """`said`: its words on an HTML list."""

    url: str
    listed: Moment
    said: str = ""


def read_column(text: str, url: str, options: dict[str, Any], is_home: Callable[[str], bool], base: datetime) -> list[Link]:
    """Links on the card's hosts in the list's order, once each. `options`: the card's css, match, json. NoReading if json finds no list."""
    css = options.get("css")
    if "json" in options:
        found = list(_from_json(text, url, options["json"], base))
    else:
        found = _articles(list(_from_html(text, url, css or "a", base)), next_page(text, url))
    wanted = re.compile(options.get("match", "" if css or "json" in options else ARTICLE))
    here = _place(url)
    pages = (here[0],) if here else ()  # the list's own pages are no articles
    own = [link for link in found if is_home(link.url) and wanted.search(link.url.split("/", 3)[-1]) and link.url != url]
    own = [link for link in own if (place := _place(link.url)) is None or place[0] not in pages]
    return list({canonical_url(link.url): link for link in reversed(own)}.values())[::-1]


def _articles(links: list[Link], next_url: str | None) -> list[Link]:
    """Without those that turn the list's pages. A bare number does so beside titles, or where it leads to an address like the next page's:
    list/16.htm."""
    kept = [link for link in links if link.url != next_url and not _TURNS.fullmatch(link.said)]
    titled = [link for link in kept if not _NUMBER.fullmatch(link.said)]
    of_pages = _shape(next_url or "")
    return [link for link in kept if not _NUMBER.fullmatch(link.said) or not (titled or _shape(link.url) == of_pages)]


def _shape(url: str) -> str:
    return re.sub(r"\d+", "0", url)


def _from_html(text: str, url: str, css: str, base: datetime) -> Iterator[Link]:
    page = html_tree(text)
    page.make_links_absolute(url, resolve_base_href=True, handle_failures="ignore")
    for node in page.cssselect(css):
        if href := str(node.get("href") or "").strip():
            yield Link(href, _beside(node, base), str(node.text_content()).strip())


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
    rows, path = _list_at(data, names.get("list", "")), names.get("list") or "the top"
    entries = list(_flat(rows))
    if not entries and any(row != [] for row in rows):
        raise NoReading("format_changed", f"options.json: the rows of {path} have no fields: {rows[0]!r:.80}")
    if not entries:
        raise NoReading("empty_confirmed", "the list holds no entry")
    if not any(_field(entry, names.get("url", "url")) for entry in entries):
        fields = dict.fromkeys(name for entry in entries[:20] for name in entry)
        raise NoReading("format_changed", f"options.json: no row of {path} has {names.get('url', 'url')}; its fields: {_listed(fields)}")
    for entry in entries:
        if address := _field(entry, names.get("url", "url")):
            yield Link(urljoin(url, str(address).strip()), read_time(_field(entry, names.get("time", "time")), base))


def _field(entry: dict[str, Any], name: str) -> Any:
    """What an entry calls `name`; dots walk down."""
    if name in entry or "." not in name:
        return entry.get(name)
    first, rest = name.split(".", 1)
    below = entry.get(first)
    return _field(below, rest) if isinstance(below, dict) else None


def _list_at(data: Any, path: str) -> list[Any]:
    """The list under a dotted path. NoReading says where the path ends, and what is there."""
    walked: list[str] = []
    for name in filter(None, path.split(".")):
        if not isinstance(data, dict) or name not in data:
            raise NoReading("format_changed", f"options.json: no list under {path}: {_inventory(data, walked)}")
        data = data[name]
        walked.append(name)
    if not isinstance(data, list):
        raise NoReading("format_changed", f"options.json: no list under {path or 'the top'}: {_inventory(data, walked)}")
    return data


def _inventory(data: Any, walked: list[str]) -> str:
    place = ".".join(walked) or "the top"
    return f"{place} holds {_listed(data)}" if isinstance(data, dict) else f"{place} is no list but {type(data).__name__}"


def _listed(names: Iterable[str]) -> str:
    said = [name[:40] for name in names]
    return ", ".join(said[:_SHOWN]) + (f" and {len(said) - _SHOWN} more" if len(said) > _SHOWN else "") if said else "nothing"


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
