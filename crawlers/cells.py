"""One row of somebody's export, read by our fields instead of their headings; a cell as text, whatever type the file gave it."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from crawlers.addresses import native_id, stable_id, weibo_mid
from crawlers.headings import fields_of


class Cells:
    """A row by our fields: `said` is the first filled cell of a field as text, empty if there is none."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row
        self.own = fields_of(tuple(row))

    def every(self, name: str) -> list[str]:
        return [text for heading in self.own.get(name, ()) if (text := as_text(self.row[heading]))]

    def said(self, name: str) -> str:
        return next(iter(self.every(name)), "")

    def heading(self, name: str) -> str:
        """The file's own name of the column that was read (or would have been)."""
        own = self.own.get(name, ())
        return next((heading for heading in own if as_text(self.row[heading])), own[0] if own else name)


def as_text(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else str(int(value)) if value.is_integer() and abs(value) < 1e15 else str(value)
    if isinstance(value, date):  # datetime too
        return value.isoformat()
    if value is None or value in ("null", "None", "nan", "NaN"):
        return ""
    return str(value).encode("utf-8", "replace").decode().strip()  # JSON may carry half a character (\\ud800)


def own_id(cells: Cells, platform: str, url: str, is_comment: bool) -> str | None:
    """The platform's id: of the address if that carries one (as a crawl would find it), else of the column; Excel's 5.05E+15 is none."""
    from_url = native_id(platform, url) if url and not is_comment else None
    said = from_url or cells.said("own_id")
    if not said or re.fullmatch(r"\d(\.\d+)?[eE]\+?\d+", said):
        return None
    if platform == "weibo" and re.fullmatch(r"[0-9A-Za-z]{9}", said):
        return weibo_mid(said)
    return said


def thread(cells: Cells) -> str | None:
    """What a comment answers: another comment (MediaCrawler writes 0 for none), else the post it stands under."""
    return next((said for said in cells.every("thread") if said != "0"), None)


def verified(said: str) -> bool | None:
    if said[:2] in ("蓝V", "黄V", "红V", "金V") or said == "True":
        return True
    return False if said in ("普通用户", "False") else None


def content_id(cells: Cells) -> str:
    """For a row with neither id nor address: the same words at the same time are the same post."""
    return stable_id(*cells.every("vendor_id"), cells.said("title"), cells.said("text"), cells.said("published_at"))
