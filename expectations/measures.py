"""What is measured of a table as a whole, each figure held against its limits in rules.yml: one Finding a rule, broken or not."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from expectations.suites import rules, table_rules
from warehouse.vocabulary import COLUMN_WORDS, QUARANTINE_REASONS, TABLE_WORDS

PASS, WARN, STOP = "pass", "warn", "stop"
ARRIVED = ("raw_items", "fetches", "posts", "observations")  # tables of rows from outside; all others are made by stages of ours
BREAKS: dict[str, Callable[[float, float], bool]] = {"above": operator.gt, "from": operator.ge, "below": operator.lt}
OWN_WORDS = ("repost", "comment")  # kinds that repeat others' words by their nature


@dataclass(frozen=True)
class Finding:
    """One rule on one table. `verdict`: how it ended; `severity`: the gravest it can end in; `sentence`: what people are told, "" if it
    passed. `value` and `limit` are null for what has no number."""

    name: str
    verdict: str
    severity: str
    value: float | None
    limit: float | None
    sentence: str = ""


def numbers(table: str, rule: str) -> Any:
    """The table's own limits of a rule, else those of its kind of table; {} if neither has any."""
    kind = rules()["numbers"]["arrived" if table in ARRIVED else "made"]
    return table_rules(table, rule) or kind.get(rule, {})


def measure(
    table: str, frame: pl.DataFrame, good: pl.DataFrame, aside: pl.DataFrame, as_of: datetime, history: pl.DataFrame | None
) -> list[Finding]:
    """frame: the rows as they came; good, aside: what row rules made of them; history: column rows_n, a row an earlier run."""
    return [
        _set_aside(table, frame.height, aside), _duplicates(table, frame.height, aside), *_fill(table, frame), *_one_source(table, frame),
        *_same_text(table, frame), *_freshness(table, good, as_of), *_volume(table, frame.height, history),
    ]  # fmt: skip


def _graded(table: str, name: str, value: float, limits: dict[str, Any], words: Callable[[float], str], **more: str) -> Finding:
    """The verdict on a figure. `words` says a figure as people read it; `more` are the sentence's other words, `column` names the rule."""
    column = more.get("column", "")
    full = f"{name}:{column}" if name == "fill_rate" else name
    known = {verdict: {how: limits[f"{verdict}_{how}"] for how in BREAKS if f"{verdict}_{how}" in limits} for verdict in (STOP, WARN)}
    severity = STOP if known[STOP] else WARN
    for verdict, said in known.items():
        for how, limit in said.items():
            if BREAKS[how](value, limit):
                expected = more.pop("usual", None) or words(limit)
                told = sentence(name, table, words(value), expected, **more)
                return Finding(full, verdict, severity, value, limit, told)
    nearest = next(iter([*known[WARN].values(), *known[STOP].values()]), None)
    return Finding(full, PASS, severity, value, nearest)


def sentence(name: str, table: str, observed: str, expected: str, **more: str) -> str:
    """The line of rules.yml; tables and columns in people's words, but in lines that only an engineer can act on."""
    is_arrived = table in ARRIVED
    if not name.startswith(("shape", "contract")):
        table = TABLE_WORDS.get(table, table)
        more["column"] = COLUMN_WORDS.get(more.get("column", ""), more.get("column", ""))
    sentences: dict[str, str] = rules()["sentences"]
    if name == "volume":
        name = "volume_low" if float(observed) < float(expected) else "volume_high"
    said = sentences[name] if is_arrived else sentences.get(f"made_{name}", sentences[name])
    return said.format(table=table, observed=observed, expected=expected, **more)


def _set_aside(table: str, rows_n: int, aside: pl.DataFrame) -> Finding:
    faults = aside.filter(pl.col("quarantine_reason") != "duplicate")
    limits = numbers(table, "quarantine_share") if rows_n >= numbers(table, "at_least") else {}
    kinds = faults.group_by("quarantine_reason", "column_name").len()
    kinds = kinds.sort("len", "quarantine_reason", "column_name", descending=[True, False, False])
    reason, column, _ = kinds.row(0) if kinds.height else ("missing", "", 0)
    share = faults.height / rows_n if rows_n else 0.0
    return _graded(table, "quarantine_share", share, limits, _percent, reason=QUARANTINE_REASONS[reason], column=column)


def _duplicates(table: str, rows_n: int, aside: pl.DataFrame) -> Finding:
    copies = aside.filter(pl.col("quarantine_reason") == "duplicate").height
    limits = numbers(table, "duplicates") if rows_n >= numbers(table, "at_least") else {}
    return _graded(table, "duplicates", copies / rows_n if rows_n else 0.0, limits, _percent)


def _fill(table: str, frame: pl.DataFrame) -> list[Finding]:
    said = table_rules(table, "fill")
    if not said or frame.height < numbers(table, "at_least"):
        return []
    filled = {name: frame[name].drop_nulls() for name in said}
    shares = {name: (c != "").sum() / frame.height if c.dtype == pl.String else len(c) / frame.height for name, c in filled.items()}
    return [_graded(table, "fill_rate", share, said[name], _percent, column=name) for name, share in shares.items()]


def _one_source(table: str, frame: pl.DataFrame) -> list[Finding]:
    limits = table_rules(table, "one_source")
    if not limits or frame.height < numbers(table, "at_least"):
        return []
    source, rows_n = frame.group_by("source").len().sort("len", "source", descending=[True, False]).row(0)
    return [_graded(table, "one_source", rows_n / frame.height, limits, _percent, source=str(source))]


def _same_text(table: str, frame: pl.DataFrame) -> list[Finding]:
    limits = table_rules(table, "same_text")
    if not limits:
        return []
    words = frame.lazy().filter(~pl.col("kind").is_in(OWN_WORDS)).unique("post_id").select("title", "text").collect()
    if words.height < numbers(table, "at_least"):
        return []
    repeated = words.height - words.select(pl.struct("title", "text").hash()).n_unique()
    return [_graded(table, "same_text", repeated / words.height, limits, _percent)]


def _freshness(table: str, good: pl.DataFrame, as_of: datetime) -> list[Finding]:
    limits = table_rules(table, "freshness_h")
    newest = good["published_at"].max() if limits and good.height else None
    if not isinstance(newest, datetime):
        return []
    return [_graded(table, "freshness_h", (as_of - newest).total_seconds() / 3600, limits, _whole)]


def _volume(table: str, rows_n: int, history: pl.DataFrame | None) -> list[Finding]:
    said = table_rules(table, "volume")
    if not said or history is None or history.height < said["least_days"]:
        return []
    usual = float(history["rows_n"].median())  # type: ignore[arg-type]
    limits = {name: usual * said[name] for name in ("warn_below", "warn_above")}
    limits["stop_above"] = max(usual * said["stop_above"], said["stop_at_least"])
    return [_graded(table, "volume", float(rows_n), limits, _whole, usual=_whole(usual))]


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _whole(number: float) -> str:
    return f"{number:.0f}"
