"""Frames -> what the templates print: plain dicts of ready words and numbers. Nothing here decides; every figure is a stored one."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from briefing import evidence, facts, foretold
from briefing.playbook import Level, Playbook
from briefing.render import clock_words
from warehouse.clock import shanghai
from warehouse.schema import empty
from warehouse.vocabulary import CATEGORIES, RESOLVE_RULES

SPARK_H, BUCKET_H = 72, 3
TONES = ("worst", "middle", "mild")
CHANCE_WORDS = ((0.8, "很可能"), (0.5, "较可能"), (0.2, "有可能"), (0.0, "可能性较小"))


@dataclass(frozen=True)
class Frames:
    """The tables a list is printed from, as known at its as_of, by table name."""

    warnings: pl.DataFrame
    events: pl.DataFrame
    forecasts: pl.DataFrame
    event_posts: pl.DataFrame
    posts: pl.DataFrame
    mentions: pl.DataFrame
    scores: pl.DataFrame
    observations: pl.DataFrame
    coverage: pl.DataFrame
    explanations: pl.DataFrame
    checks: pl.DataFrame = field(default_factory=lambda: empty("checks"))
    outlooks: pl.DataFrame = field(default_factory=lambda: empty("outlooks"))


def day(moment: datetime) -> str:
    return shanghai(moment, "%Y-%m-%d")


def cards(frames: Frames, playbook: Playbook, hospitals: dict[str, str], as_of: datetime) -> list[dict[str, Any]]:
    """One card a warning, in rank order."""
    inside = _inside(frames, as_of)
    by_event = {event_id: rows for (event_id,), rows in inside.group_by("event_id")}
    forecasts = frames.forecasts.filter(pl.col("as_of") == as_of).sort("event_id", "horizon_h")
    sizes = dict(frames.events.filter(pl.col("as_of") == as_of).select("event_id", "posts_n").iter_rows())
    made = []
    for warning in frames.warnings.sort("rank", "warning_id").iter_rows(named=True):
        event_id = warning["event_id"]
        rows = by_event.get(event_id, inside.clear())
        ahead = forecasts.filter(pl.col("event_id") == event_id)
        chances = [_chance(row) for row in ahead.filter(pl.col("target") == "escalation").iter_rows(named=True)]
        said = evidence.said(evidence.in_order(rows), frames.explanations)
        made.append(
            {
                **_plan(warning, playbook),
                **{name: warning[name] for name in ("rank", "warning_id", "event_id", "title", "department", "reasons", "owner_role")},
                "category": CATEGORIES[warning["category"]],
                "hospital": hospitals.get(warning["hospital_id"], ""),
                "chances": chances,
                "drivers": chances[0]["drivers"] if chances else [],
                "posts_n": sizes.get(event_id, rows.height),
                "spark": spark(facts.counting(rows)["said_at"].to_list(), as_of),
                "posts": said,
                "steps_ahead": foretold.steps(ahead, playbook),
                "otherwise": foretold.otherwise(ahead, playbook),
                "movers": foretold.movers(ahead, said),
            }
        )
    return made


def explained(frames: Frames, as_of: datetime) -> pl.DataFrame:
    """The posts whose deciding words the event pages mark: the first of each warning's event (post_id, title, text, first_seen_at)."""
    events = [evidence.in_order(rows).head(evidence.EXPLAINED) for _, rows in _inside(frames, as_of).group_by("event_id")]
    posts = pl.concat([frames.posts.clear(), *(rows.select(frames.posts.columns) for rows in events)])
    return posts.select("post_id", "title", "text", "first_seen_at").unique("post_id").sort("post_id")


def _inside(frames: Frames, as_of: datetime) -> pl.DataFrame:
    """Posts of the events warned of, with their counts."""
    inside = facts.members(frames.events, frames.event_posts, frames.posts, frames.mentions, frames.scores, as_of)
    wanted = frames.warnings["event_id"].unique().to_list()
    return evidence.with_counts(inside.filter(pl.col("event_id").is_in(wanted)), frames.observations, as_of)


def _plan(warning: dict[str, Any], playbook: Playbook) -> dict[str, Any]:
    level, plan = playbook.level(warning["level"]), playbook.plan(warning["category"], warning["severity"])
    start = warning["as_of"]
    return {
        "level": level, "tone": tone(level, playbook), "due": clock_words(warning["due_at"]), "lead": plan.department, "avoid": plan.avoid,
        "statement_due": clock_words(start + timedelta(hours=level.statement_h)),
        "steps": [{"who": s.who, "does": s.does, "due": clock_words(start + timedelta(hours=s.within_h))} for s in plan.steps],
    }  # fmt: skip


def tone(level: Level, playbook: Playbook) -> str:
    from_top = len(playbook.levels) - 1 - playbook.order(level.number)
    return TONES[min(from_top, len(TONES) - 1)]


def _chance(row: dict[str, Any]) -> dict[str, Any]:
    said = next(word for least, word in CHANCE_WORDS if row["escalates_p"] >= least)
    size = {name: _figure(row[name]) for name in ("expected_n", "low_n", "high_n")}
    same = {name: row[name] for name in ("horizon_h", "escalates_p", "drivers")}
    rule, counted = rule_words(row["resolve_rule"])
    return {**same, **size, "word": said, "rule": rule, "counted": counted, "resolves": clock_words(row["resolve_at"])}


def rule_words(rule: str) -> tuple[str, str]:
    """A resolve rule in PR's words, and what its figures count; a rule without words yet is shown as it is stored."""
    for shape, words in RESOLVE_RULES.items():
        if found := re.fullmatch(shape, rule):
            return words[0].format(*found.groups()), words[1].format(*found.groups())
    return rule, "规模"


def _figure(n: float) -> str:
    return f"{n:,.0f}" if n >= 10 or n == round(n) else f"{n:.1f}"


def spark(moments: list[datetime], as_of: datetime) -> dict[str, Any]:
    """Posts per 3 h of the last 72 h, oldest first, with the words a reader of the drawing needs."""
    n, start = SPARK_H // BUCKET_H, as_of - timedelta(hours=SPARK_H)
    bars = [0] * n
    for moment in moments:
        place = (moment - start) / timedelta(hours=BUCKET_H)
        if 0 < place <= n:
            bars[math.ceil(place) - 1] += 1
    last, before = sum(bars[-n // 3 :]), sum(bars[n // 3 : -n // 3])
    trend = "上升" if last > before else "回落" if last < before else "持平"
    return {
        "bars": bars,
        "top": max(bars),
        "last": last,
        "before": before,
        "trend": trend,
        "from": clock_words(start),
        "to": clock_words(as_of),
    }
