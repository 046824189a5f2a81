"""The 62 real pages of samples/news_html against a key made by hand: crawlers/bench/real_pages.py says how it is read."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from lxml.etree import LxmlError

from crawlers.bench.real_pages import faults, key, read
from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.reasons import NoReading

PAGES = Path(__file__).resolve().parents[2] / "shared" / "samples" / "news_html"
KEY = key()

pytestmark = [pytest.mark.real, pytest.mark.skipif(not PAGES.is_dir(), reason="no ../shared/samples")]


def page(name: str) -> bytes:
    return (PAGES / f"{name}.html").read_bytes()


@pytest.fixture(scope="module")
def readings() -> dict[str, Reading]:
    return {name: read(name, page(name)) for name in KEY}


def test_titles_bodies_and_times_of_real_pages(readings: dict[str, Reading]) -> None:
    wrong = {name: faults(KEY[name], found) for name, found in readings.items()}
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
