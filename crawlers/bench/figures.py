"""`guanchao bench crawl`: speed, hostile answers, real pages and payloads, redaction, and a crawl killed in the middle. Loopback only."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from crawlers.bench.race import race
from crawlers.bench.real_pages import right
from crawlers.bench.redaction_set import measure
from crawlers.bench.siege import kills, siege
from crawlers.parsers import read_payload
from crawlers.reasons import NoReading
from warehouse.settings import PROJECT

Figures = dict[str, dict[str, Any]]
PAYLOADS = (
    "weibo", "weibo_items", "weibo_cn", "tieba", "zhihu", "tikhub_2026-02", "tousu", "hot_boards", "wechat_sogou", "repost_chain_ced",
)  # fmt: skip
BARS = {"title": 60, "body": 60, "minute": 52}


def bench(data: Path, full: bool, landed_as_good: Callable[[pl.DataFrame], pl.DataFrame]) -> Figures:
    """`data`: the shared folder, its neighbour samples/ holds the recordings; `landed_as_good`: raw_items -> what the gate lets pass."""
    samples, conf = data.parent / "samples", PROJECT / "conf" / "drill"
    figures = _speed(conf, full) | _kills(conf, full) | _redaction()
    if samples.is_dir():
        figures |= _pages(samples) | _payloads(samples) | _siege(samples, full, landed_as_good)
    return figures


def _figure(value: Any, unit: str, bar: Any, met: bool | None, how: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "bar": bar, "met": met, "how": how}


def _speed(conf: Path, full: bool) -> Figures:
    with tempfile.TemporaryDirectory() as work:
        found = race(conf, Path(work), *((400, 5) if full else (100, 1)))
    figures: Figures = {}
    for name, said in found.items():
        barred = "trafilatura" in name or "feedparser" in name
        figures[f"speed, {name}"] = _figure(
            said["value"], said["unit"], ">= 0.6" if barred else None, said["value"] >= 0.6 if barred else None, said["how"]
        )
    return figures


def _kills(conf: Path, full: bool) -> Figures:
    with tempfile.TemporaryDirectory() as work:
        said = kills(conf, Path(work), *((1500, 10) if full else (300, 1)))
    how = f"{said['pages']} pages; both starts of the child killed with kill -9 in {said['killed']} crawls, then gone on with"
    return {f"kill -9: {name}": _figure(said[name], "pages", "0", said[name] == 0, how) for name in ("lost", "doubled")}


def _redaction() -> Figures:
    figures: Figures = {}
    for half in ("tuning", "held_out"):
        said = measure(half)
        how = f"{said['texts']} constructed texts, {said['spans']} spans of personal data, {half.replace('_', ' ')} part"
        for name, bar in (("precision", 0.99), ("recall", 0.98)):
            figures[f"redaction: {name} ({half})"] = _figure(round(said[name], 4), "share of spans", f">= {bar}", said[name] >= bar, how)
    return figures


def _pages(samples: Path) -> Figures:
    figures: Figures = {}
    for part, (n, of) in right(samples / "news_html").items():
        how = f"of {of} real pages, key by hand (tests/pages_key.csv)"
        if part == "date":
            figures["pages: wrong dates"] = _figure(of - n, "pages", "0", n == of, how)
        else:
            figures[f"pages: {part} right"] = _figure(n, "pages", f">= {BARS[part]}", n >= BARS[part], how)
    return figures


def _payloads(samples: Path) -> Figures:
    """Every recorded file is read, or refused for a reason that it really has; the readings themselves are keyed in the tests."""
    outcomes: Counter[str] = Counter()
    for path in sorted(path for folder in PAYLOADS for path in (samples / folder).rglob("*") if path.is_file()):
        try:
            outcomes["read" if read_payload(path.read_bytes(), datetime(2026, 11, 26, tzinfo=UTC)) else "empty"] += 1
        except NoReading as told:
            outcomes[told.reason] += 1
        except Exception as crash:
            outcomes[f"crash {type(crash).__name__}"] += 1
    crashed = sum(n for word, n in outcomes.items() if word.startswith(("crash", "empty")) and word != "empty_confirmed")
    how = f"recorded files by outcome: {dict(outcomes.most_common())}; ids, counts and times against a key: tests/test_parsers_real.py"
    return {"recorded payloads: unread without a reason": _figure(crashed, "files", "0", crashed == 0, how)}


def _siege(samples: Path, full: bool, landed_as_good: Callable[[pl.DataFrame], pl.DataFrame]) -> Figures:
    with tempfile.TemporaryDirectory() as work:
        said = siege(samples, Path(work), 10_000 if full else 300)
    good = landed_as_good(said.items)
    garbled = good.filter(pl.any_horizontal(pl.col(name).fill_null("").str.contains("\ufffd") for name in ("title", "text"))).height
    how = f"{said.inputs_n} inputs over HTTP through the spiders; reasons {dict(said.reasons.most_common())}"
    return {
        "hostile answers: crashes": _figure(len(said.crashes), "answers", "0", not said.crashes, f"{how}; {said.crashes[:3]}"),
        "hostile answers: without a row": _figure(said.unanswered_n, "answers", "0", said.unanswered_n == 0, how),
        "hostile answers: slowest": _figure(
            round(said.slowest_s, 2), "s", "<= 10", said.slowest_s <= 10, "between the rows of two answers, download and work together"
        ),
        "hostile answers: rows with U+FFFD landed as good": _figure(
            garbled, "rows", "0", garbled == 0, f"{said.items.height} items read, {good.height} past the gate"
        ),
    }
