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

    from crawlers.bench.figures import bench
    from expectations.gate import check

    return bench(data, full, lambda items: check("posts", items, datetime.now(UTC)).good)


def gate(data: Path, full: bool) -> Figures:
    """The gate on constructed posts: seconds, memory, Great Expectations' share; `full`: a million rows, too."""
    from expectations.bench import bench

    return bench(full)


def day(data: Path, full: bool) -> Figures:
    """A day from land to rank against its size, the drill's posts varied; `full`: 100,000 posts and a million, most of an hour.

    The chart is build/bench-day.png.
    """
    from flows.bench_day import bench, chart

    figures = bench(full)
    Path("build").mkdir(exist_ok=True)
    chart(figures, Path("build/bench-day.png"))
    return figures


def warehouse(data: Path, full: bool) -> Figures:
    """Upserts and questions on two years of constructed posts; `full`: 5 million of them, some 10 minutes."""
    from warehouse.bench import bench

    return bench(full)


def faults(data: Path, full: bool) -> Figures:
    """The road killed and out of disk at random moments, then run again; `full`: 200 kills and 20 full disks, an hour or more."""
    from flows.bench_faults import bench

    return bench(full)


BENCHES: dict[str, Callable[[Path, bool], Figures]] = {
    "text": text,
    "events": events,
    "escalation": escalation,
    "transfer": transfer,
    "behaviour": behaviour,
    "warehouse": warehouse,
    "faults": faults,
    "crawl": crawl,
    "gate": gate,
    "day": day,
}
