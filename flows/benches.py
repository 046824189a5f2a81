"""`guanchao bench NAME`: one function a name, data folder and `full` in, figures out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Figures = dict[str, dict[str, Any]]


def text(data: Path, full: bool) -> Figures:
    """The shipped classifier on the frozen test split, the linear baseline beside it; `full` adds nothing yet that takes longer."""
    from models.classifier.bench import bench

    return bench(data)


def events(data: Path, full: bool) -> Figures:
    """Grouping against the labelled event keys of the headlines."""
    from models.bench_events import bench

    return bench(data)


def escalation(data: Path, full: bool) -> Figures:
    """The shipped forecasters on their test periods, baselines beside them."""
    from models.escalation.bench import bench

    return bench(data, full)


BENCHES: dict[str, Callable[[Path, bool], Figures]] = {"text": text, "events": events, "escalation": escalation}
