"""`guanchao bench NAME`: one function a name, data folder and `full` in, figures out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Figures = dict[str, dict[str, Any]]


def text(data: Path, full: bool) -> Figures:
    """The shipped classifier on the frozen test split, a linear baseline beside it, and its speed; `full`: more texts, BERT-base too."""
    from models.classifier.bench import bench

    return bench(data, full)


def events(data: Path, full: bool) -> Figures:
    """Grouping against the labelled event keys of the headlines."""
    from models.bench_events import bench

    return bench(data)


def escalation(data: Path, full: bool) -> Figures:
    """The shipped forecasters on their test periods, baselines beside them."""
    from models.escalation.bench import bench

    return bench(data, full)


def transfer(data: Path, full: bool) -> Figures:
    """The pretrained encoder with its own head on public tasks; `full` takes about 15 minutes on two idle cores."""
    from models.classifier.bench_transfer import bench

    return bench(data, full)


def behaviour(data: Path, full: bool) -> Figures:
    """What must not turn a reading, and what must not turn it the wrong way; `full` reads every real validation text."""
    from models.behaviour import bench

    return bench(data, full)


def crawl(data: Path, full: bool) -> Figures:
    """The crawlers against hostile answers, real pages, a bare spider and kill -9, on loopback; `full`: 10,000 answers, ten kills."""
    from datetime import UTC, datetime

    from crawlers.bench import bench
    from expectations.gate import check

    return bench(data, full, lambda items: check("posts", items, datetime.now(UTC)).good)


BENCHES: dict[str, Callable[[Path, bool], Figures]] = {
    "text": text,
    "events": events,
    "escalation": escalation,
    "transfer": transfer,
    "behaviour": behaviour,
    "crawl": crawl,
}
