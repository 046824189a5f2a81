"""One row of somebody's export, read by our fields instead of their headings; a cell as text, whatever type the file gave it."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from crawlers.addresses import native_id, stable_id, weibo_mid
from crawlers.imports.headings import fields_of, is_of_comments

_ROUNDED = re.compile(r"\d(?:\.\d+)?[eE]\+?\d+")  # what Excel makes of a long id
_ZHIHU_KINDS = {"answer": "answer", "article": "p", "question": "question"}
_NOTHING = ("", "null", "None", "nan", "NaN")


class Cells:
    """A row by our fields: `said` is the first filled cell of a field as text, empty if there is none."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row
        headings = tuple(row)
        self.own = fields_of(headings)
        self.is_comment = is_of_comments(headings)
        self._said: dict[str, str] = {}

    def every(self, name: str) -> list[str]:
        return [text for heading in self.own.get(name, ()) if (text := as_text(self.row[heading]))]

    def said(self, name: str) -> str:
        found = self._said.get(name)
        if found is None:
            found = self._said[name] = next((text for heading in self.own.get(name, ()) if (text := as_text(self.row[heading]))), "")
        return found

    def heading(self, name: str) -> str:
        """The file's own name of the column that was read (or would have been)."""
        own = self.own.get(name, ())
        return next((heading for heading in own if as_text(self.row[heading])), own[0] if own else name)


def as_text(value: Any) -> str:
    if isinstance(value, str):
        if value in _NOTHING:
            return ""
        return value.strip() if value.isascii() else value.encode("utf-8", "replace").decode().strip()  # JSON may carry half a character
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if value != value else str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)
    if isinstance(value, date):  # datetime too
        return value.isoformat()
    return str(value).encode("utf-8", "replace").decode().strip()


def own_id(cells: Cells, platform: str, url: str) -> str | None:
    """The platform's id: of the address if that carries one (as a crawl would find it), else of the column; Excel's 5.05E+15 is none."""
    from_url = native_id(platform, url) if url and not cells.is_comment else None
    said = from_url or cells.said("own_id")
    if not said or _ROUNDED.fullmatch(said):
        return None
    return said if cells.is_comment else _as_crawled(cells, platform, said)


def _as_crawled(cells: Cells, platform: str, said: str) -> str:
    """A post's id in the form its address carries it, so that a comment's row finds the post it stands under."""
    if platform == "weibo" and re.fullmatch(r"[0-9A-Za-z]{9}", said):
        return weibo_mid(said)
    if platform == "bilibili" and said.isdigit():
        return native_id(platform, f"https://www.bilibili.com/video/av{said}") or said
    if platform == "zhihu" and said.isdigit() and (kind := _ZHIHU_KINDS.get(as_text(cells.row.get("content_type")))):
        return f"{kind}/{said}"
    return said


def thread(cells: Cells, platform: str) -> tuple[str | None, str | None]:
    """(what a comment answers, the post it stands under): another comment if it names one, else that post.

    MediaCrawler writes 0 for no comment, and on Weibo a comment that answers none names itself.
    """
    comment, post = "", ""
    for heading in cells.own.get("thread", ()):
        said = as_text(cells.row[heading])
        if "comment_id" in heading.lower():
            comment = comment or said
        elif said and not _ROUNDED.fullmatch(said):
            post = post or _as_crawled(cells, platform, said)
    if comment in ("", "0", cells.said("own_id")) or _ROUNDED.fullmatch(comment):
        return post or None, post or None
    return comment, post or None


def verified(said: str) -> bool | None:
    if said[:2] in ("蓝V", "黄V", "红V", "金V") or said == "True":
        return True
    return False if said in ("普通用户", "False") else None


def content_id(cells: Cells) -> str:
    """For a row with neither id nor address: the same words at the same time are the same post."""
    return stable_id(*cells.every("vendor_id"), cells.said("title"), cells.said("text"), cells.said("published_at"))
