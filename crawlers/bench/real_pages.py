"""Real pages against a key made by hand: hashes and times, no words of the pages (tests/pages_key.csv).

first, last: the first (last) 16 letters of the article's first (last) paragraph as `length:sha256[:12]`, white space taken out; not_body:
the same for lines of navigation, comments, other articles and footers. A body is right if it holds the first two and none of the rest.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from datetime import datetime
from pathlib import Path

from crawlers.article.pages import read_page
from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.times import Moment
from warehouse.clock import SHANGHAI, shanghai
from warehouse.settings import PROJECT

KEY_FILE = PROJECT / "tests" / "pages_key.csv"
BASE = datetime(2026, 11, 26, 12, tzinfo=SHANGHAI)  # years after the recording: nothing may be read from the day of the test


def key() -> dict[str, dict[str, str]]:
    """Page -> its row of the key."""
    return {row["page"]: row for row in csv.DictReader(KEY_FILE.open(encoding="utf-8"))}


def read(name: str, body: bytes, charset: str | None = None) -> Reading:
    return read_page(decode(body, charset) if charset else decode(body), f"https://site.example/{name}", BASE)


def faults(row: dict[str, str], found: Reading) -> list[str]:
    """What is wrong with a reading: title, body_first, body_last, body_more, minute, date."""
    wrong, title = list[str](), squeezed(found.title)
    if (str(len(title)), _sha(title)) != (row["title_n"], row["title_sha"]):
        wrong.append("title")
    others = row["not_body"].split()
    has = _windows(found.text, {int(entry.split(":")[0]) for entry in [row["first"], row["last"], *others]})
    wrong += [f"body_{part}" for part in ("first", "last") if row[part] not in has]
    wrong += ["body_more"] if has & set(others) else []
    assert isinstance(found.published, Moment)
    at, precision = found.published
    said = shanghai(at, "%Y-%m-%d %H:%M") if at else ""
    if row["precision"] == "minute" and (said != row["published"] or precision not in ("minute", "second")):
        wrong.append("minute")
    if at and said[:10] != row["published"][:10]:
        wrong.append("date")
    return wrong


def right(pages: Path) -> dict[str, tuple[int, int]]:
    """title, body, minute, date -> (pages that are right, pages that have one); `date` counts those that are not wrong."""
    rows = key()
    wrong = {
        name: {word.split("_")[0] for word in faults(row, read(name, (pages / f"{name}.html").read_bytes()))} for name, row in rows.items()
    }
    of = Counter(
        {"title": len(rows), "body": len(rows), "date": len(rows), "minute": sum(row["precision"] == "minute" for row in rows.values())}
    )
    return {part: (n - sum(part in words for words in wrong.values()), n) for part, n in of.items()}


def squeezed(text: str | None) -> str:
    return re.sub(r"[\s\u200b\ufeff\ue000-\uf8ff]+", "", text or "")


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _windows(text: str, lengths: set[int]) -> set[str]:
    whole = squeezed(text)
    return {f"{n}:{_sha(whole[i : i + n])}" for n in lengths for i in range(max(0, len(whole) - n + 1))}
