"""The words and pages PR reads. `page` escapes everything it prints; `text` is for plain sentences, escaped later by the page."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from warehouse.clock import shanghai

FOLDER = Path(__file__).parent / "templates"


def percent(share: float) -> str:
    """0.634 -> 63%; never 0% or 100%: a forecast is never certain."""
    return f"{min(max(round(share * 100), 1), 99)}%"


def share(value: float) -> str:
    """0.634 -> 63%, 1.0 -> 100%: what was counted, not what is foretold."""
    return f"{value * 100:.0f}%"


def clock_words(moment: datetime) -> str:
    """3月10日 08:30, by the clock of Shanghai."""
    return shanghai(moment, "%-m月%-d日 %H:%M")


@cache
def _environment(escapes: bool) -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=escapes, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["percent"] = percent
    made.filters["share"] = share
    return made


def page(name: str) -> Template:
    return _environment(True).get_template(name)


def text(name: str) -> Template:
    return _environment(False).get_template(name)
