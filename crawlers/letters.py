"""Open letters to a city's government (12345, 市长信箱; design/SOURCES.md §2.4) -> readings. No network here.

The list has titles only; a letter's page has the citizen's words and the government's answer. What things are called is Beijing's in its
three generations (code of 2020-24; no recorded answer exists), and can be said anew for another city in the card's options.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import lxml.html

from crawlers.clean import decode, html_tree, plain
from crawlers.items import Reading, Said
from crawlers.parsers.payload import find, ident, load_text, need, need_list, said, words
from crawlers.reasons import NoReading

LIST = "com.web.search.mailList.mailList.biz.ext"
FORM = {
    "PageCond/begin": "{begin}", "PageCond/length": "{length}", "PageCond/isCount": "true", "keywords": "", "orgids": "", "startDate": "",
    "endDate": "", "letterType": "", "letterStatue": "",
}  # fmt: skip
NAMES: dict[str, list[str]] = {
    "rows": ["mailList", "result", "newComplainnList", "everyoneAnswer"],
    "id": ["original_id", "originalId"],
    "title": ["letter_title", "letterTitle"],
    "type": ["letter_type", "letterTypeName"],
    "date": ["create_date", "createDate", "writeDate", "fomateWriteDate"],
    "state": ["isReply", "letter_statue", "letterStatue"],
}
DETAIL = {
    "咨询": "com.web.consult.consultDetail.flow?originalId={id}",
    "建议": "com.web.suggest.suggesDetail.flow?originalId={id}",
    "投诉": "com.web.complain.complainDetail.flow?originalId={id}",
    "other": "com.web.suggest.suggesDetail.flow?originalId={id}",
}
QUESTION, ANSWER, OFFICE = "div.column.p-2.text-muted.mx-2", "div.column.p-4.text-muted.my-3", "div.col-md-5.o-font4.my-2"
_BARE = re.compile(r"^\s*\{\s*(?:\w+\s*:|')")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?P<words>(?:[^\'\\]|\\.)*)\'|(?P<key>[A-Za-z_$][\w$]*)(?=\s*:)', re.DOTALL)
_DAY = r"(?:20\d\d\s*[-/.年]\s*)?\d{1,2}\s*[-/.月]\s*\d{1,2}日?(?:\s*\d{1,2}:\d{2}(?::\d{2})?)?"
_DATE = re.compile(_DAY)
_AUTHOR = re.compile(r"(?:来信人|写信人|留言人|提问人|网友|昵称)\s*[:：]\s*([^\s:：]{1,20})")
_ASKED = re.compile(rf"(?<![复办理结])(?:来信|写信|提交|留言|提问|投诉)?(?:时间|日期)\s*[:：]\s*({_DAY})")
_ANSWERED = re.compile(rf"(?:答复|回复|办结|办理)(?:时间|日期)\s*[:：]\s*({_DAY})")
_OFFICE = re.compile(r"(?:答复|回复|办理|承办)(?:单位|部门|机构)\s*[:：]\s*([^\s:：]{2,30})")
_STATE = re.compile(r"已[答回]复|已办[结理]|[办处]理中|[待未][答回办受处]\w")
_GONE = re.compile(r"(?:信件|来信|留言|该内容)(?:不存在|已删除|已被删除|未公开)")


class Letter(NamedTuple):
    """A line of the list. `id`: host and the city's own number, which is another letter's elsewhere. `state`: whether it was answered, in
    the list's words; empty if it does not say."""

    id: str
    url: str
    title: str
    date: Said
    state: str


def read_list(body: bytes, url: str, options: dict[str, Any], host: str) -> tuple[list[Letter], int]:
    """(letters in the list's order, how many lines could not be used); addresses are relative to `url`. NoReading if it is no list."""
    rows = _rows(body, url, options)
    letters = [row._replace(id=f"{host}/{row.id}") for row in rows if row]
    unusable = len(rows) - len(letters)
    if unusable > len(letters):
        raise NoReading("format_changed", f"{unusable} of {len(rows)} lines without id, title or link")
    return letters, unusable


def _rows(body: bytes, url: str, options: dict[str, Any]) -> list[Letter | None]:
    if css := options.get("rows"):
        rows: list[Any] = [row for row in html_tree(decode(body)).cssselect(css) if row.tag == "a" or row.cssselect("a[href]")]
        if not rows:
            raise NoReading("format_changed", f"no line with a link at css {css}")
        return [_row(row, url) for row in rows]
    names, detail = {**NAMES, **options.get("names", {})}, {**DETAIL, **options.get("detail", {})}
    text = decode(body)
    rows = need_list(load_text(_TOKEN.sub(_quoted, text) if _BARE.match(text) else text), *names["rows"])
    return [_line(row, url, names, detail) for row in rows]


def _quoted(token: re.Match[str]) -> str:
    """Beijing's list of 2023 is JavaScript, {result:[{originalId:'…'}]}: keys and words in the quotes JSON wants."""
    if token["key"]:
        return f'"{token["key"]}"'
    return token[0] if token["words"] is None else json.dumps(re.sub(r"\\(.)", r"\1", token["words"]), ensure_ascii=False)


def _line(row: Any, url: str, names: dict[str, list[str]], detail: dict[str, str]) -> Letter | None:
    try:
        own, title = ident(need(row, *names["id"])), plain(words(need(row, *names["title"])))
    except (LookupError, ValueError):
        return None
    place = detail.get(words(find(row, *names["type"])), detail["other"])
    state = find(row, *names["state"])
    return Letter(
        own, urljoin(url, place.replace("{id}", own)), title, said(find(row, *names["date"])), "" if state is None else str(state)
    )


def _row(row: lxml.html.HtmlElement, url: str) -> Letter | None:
    """A line of an HTML list: its first link, the last date and the state (已答复, 办理中) in the words beside it."""
    link = row if row.tag == "a" else next(iter(row.cssselect("a[href]")), None)
    if link is None or (link.get("href") or "javascript:").startswith(("javascript:", "#")):
        return None
    address, label = urljoin(url, link.get("href").strip()), plain(str(link.text_content()))
    beside, parts = plain(str(row.text_content())).replace(label, " "), urlsplit(address)
    dates, state = _DATE.findall(beside), _STATE.search(beside)
    own = f"{parts.path}?{parts.query}".rstrip("?")
    return Letter(own, address, plain(link.get("title") or "") or label, dates[-1] if dates else None, state[0] if state else "")


def read_letter(text: str, letter: Letter, options: dict[str, Any]) -> Iterator[Reading]:
    """The letter, then the government's answers as its comments.

    An answer bears the letter's title: it may not name the hospital that the letter is about. NoReading if the page holds no letter.
    """
    page = html_tree(text)
    css = options.get("question", QUESTION)
    asked = page.cssselect(css)
    seen = plain(str(page.text_content()))
    if not asked or not plain(str(asked[0].text_content())):
        gone = _GONE.search(seen)
        raise NoReading("empty_confirmed" if gone else "format_changed", gone[0] if gone else f"no letter at css {css}")
    flat = re.sub(r"\s+", " ", seen)
    author = _AUTHOR.search(flat)
    yield Reading(
        text=_markup(asked[0]), title=letter.title, native_id=letter.id, url=letter.url, kind="post", author=author[1] if author else None,
        published=letter.date or next(iter(_ASKED.findall(flat)), None),
    )  # fmt: skip
    times, offices = _ANSWERED.findall(flat), _offices(page, flat, options)
    answers = [node for node in page.cssselect(options.get("answer", ANSWER)) if node is not asked[0] and plain(str(node.text_content()))]
    for n, node in enumerate(answers):
        yield Reading(
            text=_markup(node), title=f"答复：{letter.title}", native_id=f"{letter.id}:answer{n or ''}", url=letter.url, kind="comment",
            parent=letter.id, root=letter.id, author=next(iter(offices[n : n + 1] or offices), None), author_kind="government",
            published=times[n] if n < len(times) else None,
        )  # fmt: skip


def _offices(page: lxml.html.HtmlElement, flat: str, options: dict[str, Any]) -> list[str]:
    named = [plain(str(node.text_content())).replace("\n", " ") for node in page.cssselect(options.get("office", OFFICE))]
    return [name for name in named if name] or _OFFICE.findall(flat)


def _markup(node: lxml.html.HtmlElement) -> str:
    return str(lxml.html.tostring(node, encoding="unicode", with_tail=False))
