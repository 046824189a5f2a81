"""黑猫投诉: the API's lists (JSON or JSONP), the page of a complaint, cards scraped in a browser (JSON, CSV) -> readings (SOURCES §2.14).

Whom a complaint is against stands in a field of its own: it is made part of the text, or a hospital's name would be lost.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from typing import Any

import lxml.html

from crawlers.clean import decode, plain
from crawlers.items import Reading
from crawlers.parsers.markup import first_text, has_class, inner, page_of, text_of
from crawlers.parsers.payload import changed, each, find, ident, load_text, need, once, refused, said, unread, words

_COLUMNS = ("date", "title", "summary", "object", "demands", "href")
_SN = re.compile(r"/complaint/view/(\d+)")
_HIT = re.compile(r"</?span\b[^>]*>")  # hits of a keyword are wrapped in span.code-red
_CARD = re.compile(r"^(?P<date>\d{4}-\d\d-\d\d)\s*于黑猫投诉平台发起\s*\n(?P<title>[^\n]*)\n(?P<rest>.*)$", re.DOTALL)
_GONE = re.compile("投诉(?:不存在|已删除|已被删除|已隐藏)|页面不存在|您访问的页面")
_FIELD = re.compile(r"\[(?P<name>投诉对象|投诉要求|投诉问题)\](?P<value>[^\n\[]*)")


def read_heimao(body: bytes, base: datetime) -> list[Reading]:
    """Complaints of any of these. NoReading: login_wall and captcha (the site asks for both since 2025), blocked (a signature), error."""
    text = decode(body).lstrip("\ufeff")
    if text.lstrip().startswith("<"):
        return [_page(text)]
    if text.startswith(",".join(_COLUMNS)):
        return once(each(csv.DictReader(io.StringIO(text, newline="")), _row, "rows"))
    answer = load_text(text)
    if isinstance(answer, list):
        return once(each(answer, _scraped, "cards"))
    code = find(answer, "result.status.code")
    if code not in (0, "0", None):
        raise refused(f"{words(find(answer, 'result.status.msg'))} ({code})")
    listed = find(answer, "result.data.lists", "result.data.complaints")
    if not isinstance(listed, list):
        raise changed("no result.data.lists, no result.data.complaints")
    return once(each(listed, _listed, "complaints"))


def _reading(sn: str, title: str, text: str, published: Any, **parts: str) -> Reading:
    """`parts`: 投诉对象 and the like; each becomes a line under what the complainant wrote."""
    lines = [text.strip(), *(f"{name}：{value.strip()}" for name, value in parts.items() if value.strip())]
    return Reading(
        text="\n".join(lines), title=title.strip(), native_id=sn, url=f"https://tousu.sina.com.cn/complaint/view/{sn}/", platform="heimao",
        published=said(published),
    )  # fmt: skip


def _listed(entry: Any) -> Reading:
    main = {name: _HIT.sub("", words(value)) for name, value in need(entry, "main").items()}
    return _reading(
        ident(entry["main"]["sn"]), main.get("title", ""), main.get("summary") or main["title"], entry["main"].get("timestamp"),
        投诉对象=main.get("cotitle", ""), 投诉问题=main.get("issue", ""), 投诉要求=main.get("appeal", ""),
    )  # fmt: skip


def _scraped(card: Any) -> Reading:
    """One string holds all: date, title, text, then [投诉对象] and [投诉要求]."""
    said_all, shown = words(need(card, "title")), words(card.get("content"))
    parts = _CARD.match(said_all.strip())
    fields = {found["name"]: found["value"] for found in _FIELD.finditer(said_all)}
    rest = _FIELD.sub("", parts["rest"]) if parts else said_all
    title, date = (parts["title"], parts["date"]) if parts else ("", card.get("time"))
    return _reading(_sn(words(card.get("href"))), title, shown or rest, date, **fields)


def _row(row: Any) -> Reading:
    return _reading(
        _sn(row["href"]), row["title"], row["summary"], row["date"], 投诉对象=row["object"] or "", 投诉要求=row["demands"] or ""
    )


def _sn(href: str) -> str:
    found = _SN.search(href)
    if not found:
        raise ValueError("no /complaint/view/ in href")
    return found[1]


def _page(text: str) -> Reading:
    """What was complained, and every step since: 分配商家, 回复, 补充投诉, 完成投诉."""
    page = page_of(text)
    question = next(iter(page.xpath(f"//div[{has_class('ts-d-question')}]")), None)
    if question is None:
        raise unread(text, "no div.ts-d-question", _GONE)
    fields = dict(_label(item) for item in question.xpath(f".//ul[{has_class('ts-q-list')}]/li"))
    sn = fields.pop("投诉编号", "") or _sn(next(iter(page.xpath("//link[@rel='canonical']/@href")), ""))
    steps = page.xpath(f"//div[{has_class('ts-d-steplist')}]//div[{has_class('ts-reply')}]") or page.xpath(
        f"//div[{has_class('ts-reply')}]"
    )
    told = "\n".join(filter(None, (plain("\n".join(inner(part) for part in step.xpath(".//p"))) for step in steps)))
    title = first_text(question, ".//h1") or ""
    asked = {name: fields[name] for name in ("投诉对象", "投诉问题", "投诉要求", "涉诉金额", "投诉进度") if name in fields}
    when = first_text(question, f".//span[{has_class('u-date')}]") or ""
    return _reading(ident(sn), title, told or title, when.removeprefix("发布于").strip() or None, **asked)


def _label(item: lxml.html.HtmlElement) -> tuple[str, str]:
    name, _, value = text_of(item).replace(":", "：", 1).partition("：")
    return name.strip(), re.sub(r"\s+", " ", value).strip()
