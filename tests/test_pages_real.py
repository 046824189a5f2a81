"""The 62 real pages of samples/news_html against a key made by hand (tests/pages_key.csv: hashes and times, no words of the pages).

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

import pytest
from lxml.etree import LxmlError

from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.pages import read_page
from crawlers.reasons import NoReading
from crawlers.times import Moment
from warehouse.clock import SHANGHAI, shanghai

PAGES = Path(__file__).resolve().parents[2] / "shared" / "samples" / "news_html"
KEY = {row["page"]: row for row in csv.DictReader((Path(__file__).parent / "pages_key.csv").open(encoding="utf-8"))}
BASE = datetime(2026, 11, 26, 12, tzinfo=SHANGHAI)  # years after the recording: nothing may be read from the day of the test

pytestmark = [pytest.mark.real, pytest.mark.skipif(not PAGES.is_dir(), reason="no ../shared/samples")]


def page(name: str) -> bytes:
    return (PAGES / f"{name}.html").read_bytes()


def read(name: str, body: bytes, charset: str | None = None) -> Reading:
    return read_page(decode(body, charset) if charset else decode(body), f"https://site.example/{name}", BASE)


def squeezed(text: str | None) -> str:
    return re.sub(r"[\s\u200b\ufeff\ue000-\uf8ff]+", "", text or "")


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def windows(text: str, lengths: set[int]) -> set[str]:
    whole = squeezed(text)
    return {f"{n}:{sha(whole[i : i + n])}" for n in lengths for i in range(max(0, len(whole) - n + 1))}


def faults(name: str, found: Reading) -> list[str]:
    """What is wrong with a reading: title, body_first, body_last, body_more, minute, date."""
    key, wrong = KEY[name], []
    title = squeezed(found.title)
    if (str(len(title)), sha(title)) != (key["title_n"], key["title_sha"]):
        wrong.append("title")
    others = key["not_body"].split()
    has = windows(found.text, {int(entry.split(":")[0]) for entry in [key["first"], key["last"], *others]})
    wrong += [f"body_{part}" for part in ("first", "last") if key[part] not in has]
    wrong += ["body_more"] if has & set(others) else []
    assert isinstance(found.published, Moment)
    at, precision = found.published
    said = shanghai(at, "%Y-%m-%d %H:%M") if at else ""
    if key["precision"] == "minute" and (said != key["published"] or precision not in ("minute", "second")):
        wrong.append("minute")
    if at and said[:10] != key["published"][:10]:
        wrong.append("date")
    return wrong


@pytest.fixture(scope="module")
def readings() -> dict[str, Reading]:
    return {name: read(name, page(name)) for name in KEY}


def test_titles_bodies_and_times_of_real_pages(readings: dict[str, Reading]) -> None:
    wrong = {name: faults(name, found) for name, found in readings.items()}
    count = Counter(word.split("_")[0] for words in wrong.values() for word in {w.split("_")[0] for w in words})
    told = {name: words for name, words in wrong.items() if words}
    assert len(KEY) == 62
    assert count["title"] <= 2, told
    assert count["body"] <= 2, told
    assert count["minute"] <= 0, told
    assert count["date"] == 0, told


_META = re.compile(r"<meta[^>]+charset[^>]*>", re.IGNORECASE)
LABELS = {"right": '<meta charset="gb18030">', "wrong": '<meta charset="utf-8">', "traditional": '<meta charset="big5">', "missing": ""}


@pytest.mark.parametrize("label", LABELS)
def test_the_same_pages_in_gb18030_give_the_same_answers_whatever_they_declare(readings: dict[str, Reading], label: str) -> None:
    header = {"right": "gb18030", "wrong": "utf-8", "traditional": "gb2312", "missing": None}[label]
    for name, expected in readings.items():
        text = _META.sub("", decode(page(name)))
        body = re.sub(r"<head[^>]*>", lambda head: head[0] + LABELS[label], text, count=1, flags=re.IGNORECASE).encode("gb18030")
        assert read(name, body, header) == expected, name


def test_cutting_a_page_anywhere_never_raises_what_no_one_expects(readings: dict[str, Reading]) -> None:
    for name in list(readings)[::6]:
        body = page(name)
        for share in (0.1, 0.35, 0.62, 0.9):
            try:
                cut = read(name, body[: int(len(body) * share)])
            except (NoReading, LxmlError):
                continue
            assert cut.text
