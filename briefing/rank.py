"""Forecasts + playbook + what was sent + what people decided -> the day's graded warnings. Pure: same frames, same list."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from briefing import facts
from briefing.playbook import Level, Playbook, Rule
from briefing.render import text
from warehouse.clock import shanghai
from warehouse.schema import polars_schema
from warehouse.vocabulary import PLATFORMS, VERDICTS

CLOSING = ("false_alarm", "resolved")
COLUMNS = pl.Schema({name: dtype for name, dtype in polars_schema("warnings").items() if name not in ("run_id", "day_on")})


@dataclass(frozen=True)
class Past:
    """What was sent about one event before now, oldest first, and the last thing a person said of it."""

    sent: tuple[dict[str, Any], ...] = ()
    verdict: dict[str, Any] | None = None

    def worst(self, playbook: Playbook, since: datetime | None = None, until: datetime | None = None) -> int:
        """Highest severity sent in (since, until], as its order; -1 if none."""
        within = (w for w in self.sent if (since is None or w["as_of"] > since) and (until is None or w["as_of"] <= until))
        return max((playbook.order(w["level"]) for w in within), default=-1)


Graded = tuple[dict[str, Any], Level, Rule | None, Past]  # an event, its level, the criterion that gave it, what was said before


def rank(
    events: pl.DataFrame, forecasts: pl.DataFrame, event_posts: pl.DataFrame, posts: pl.DataFrame, mentions: pl.DataFrame,
    scores: pl.DataFrame, observations: pl.DataFrame, earlier_warnings: pl.DataFrame, verdicts: pl.DataFrame,
    playbook: Playbook, as_of: datetime, is_drill: bool, list_days: int, *, is_whole: bool = False,
) -> pl.DataFrame:  # fmt: skip
    """Rows of `warnings` (no run_id, day_on), worst first. Frames are tables as known at `as_of`; later rows are not looked at.

    `earlier_warnings` are those that really left (the caller joins `deliveries`): the cool-down counts from them, and
    verdicts find their event through them. Drill and life do not see each other's. `is_whole`: the morning's list, on which
    what was alerted in the night stands again; otherwise an alert, which says only what is new.
    """
    words = sorted({word for group in playbook.groups.values() for word in group.words})
    limits = playbook.limits
    inside = facts.members(events, event_posts, posts, mentions, scores, as_of)
    measured = facts.measure(inside, observations, words, limits.relevant_p, as_of, list_days)
    known = events.filter(pl.col("as_of") == as_of).drop("as_of")
    rows = known.join(measured, on="event_id").join(facts.chances(forecasts, as_of), on="event_id", how="left")
    history = _history(earlier_warnings, verdicts, as_of, is_drill)
    graded: list[Graded] = []
    for event in rows.iter_rows(named=True):
        past = history.get(event["event_id"], Past())
        grade = _grade(event, past, playbook) if _concerns(event, playbook) else None
        if grade and not _closed(grade[0], past, playbook) and (is_whole or not _said(grade[0], past, playbook, as_of)):
            graded.append((event, *grade, past))
    graded.sort(key=lambda item: _place(item[0], item[1], playbook))
    worst = playbook.levels[-1]
    graded = _within_budget(graded, _sent_today(earlier_warnings, as_of, is_drill), playbook)
    kept = [item for n, item in enumerate(graded) if n < limits.list_length or item[1] is worst]  # the worst level is never cut
    warnings = [_warning(n, *item, playbook, as_of) for n, item in enumerate(kept, 1)]
    return pl.DataFrame([{**row, "is_drill": is_drill} for row in warnings], schema=COLUMNS)


def _within_budget(graded: list[Graded], sent: set[str], playbook: Playbook) -> list[Graded]:
    """The first of the list's own order, so many that the day does not warn of more events than its budget; the worst level always goes.

    An event that was warned of earlier today is paid for: it stands again, or rises, without counting twice.
    """
    most = playbook.limits.warnings_per_day
    if most is None:
        return graded
    kept, used = [], set(sent)
    for item in graded:
        event_id = item[0]["event_id"]
        if event_id in used or item[1] is playbook.levels[-1] or len(used) < most:
            kept.append(item)
            used.add(event_id)
    return kept


def _sent_today(warnings: pl.DataFrame, as_of: datetime, is_drill: bool) -> set[str]:
    """Events that were warned of earlier on this Shanghai day."""
    today = pl.col("as_of").dt.convert_time_zone("Asia/Shanghai").dt.strftime("%F") == shanghai(as_of, "%F")
    return set(warnings.filter(pl.col("as_of") < as_of, today, pl.col("is_drill") == is_drill)["event_id"])


def _concerns(event: dict[str, Any], playbook: Playbook) -> bool:
    """Confirmed to be this hospital, about the medical side, and negative enough for its category."""
    floor = playbook.categories[event["category"]].negative_p
    return bool(event["confirmed_n"] and event["relevant_n"] and (event["negative_p"] or 0.0) >= floor)


def _grade(event: dict[str, Any], past: Past, playbook: Playbook) -> tuple[Level, Rule | None] | None:
    """The worst level one of whose criteria holds, and that criterion; a person's regrading stands until things get worse."""
    measures = {
        "escalates_p_24h": event["p_24h"], "escalates_p_48h": event["p_48h"],
        "posts_24h": event["posts_24h"], "board_rank": event["board_rank"],
    }  # fmt: skip
    groups = playbook.groups_of(event["category"], set(event["words"]))
    met = [(level, rule) for level in reversed(playbook.levels) for rule in level.criteria if rule.holds(measures, groups)]
    if not met:
        return None
    said = past.verdict
    if said and said["verdict"] == "regraded" and (chosen := playbook.order(said["level"])) >= 0:
        known = max(chosen, past.worst(playbook, until=said["said_at"]))
        if playbook.order(met[0][0].number) <= known:
            return playbook.levels[chosen], None
    return met[0]


def _closed(level: Level, past: Past, playbook: Playbook) -> bool:
    """A person called it a false alarm or resolved, and it is no worse than what that person saw."""
    said = past.verdict
    seen = past.worst(playbook, until=said["said_at"]) if said and said["verdict"] in CLOSING else -1
    return playbook.order(level.number) <= seen


def _said(level: Level, past: Past, playbook: Playbook, as_of: datetime) -> bool:
    """Cooling down, or sent often enough today; a level above what was sent always goes out."""
    order, limits = playbook.order(level.number), playbook.limits
    if order <= past.worst(playbook, since=as_of - timedelta(hours=limits.cooldown_h)):
        return True
    today = [w for w in past.sent if shanghai(w["as_of"], "%F") == shanghai(as_of, "%F")]
    return len(today) >= limits.warnings_per_event_per_day and order <= Past(tuple(today)).worst(playbook)


def _place(event: dict[str, Any], level: Level, playbook: Playbook) -> tuple[float, float, float, str]:
    """Severity, then chance × size × weight of the category, then the newest activity; the id settles what is left."""
    score = (_chance(event) or 0.0) * event["posts_n"] * playbook.categories[event["category"]].weight
    return -playbook.order(level.number), -round(score, 9), -event["active_at"].timestamp(), event["event_id"]


def _chance(event: dict[str, Any]) -> float | None:
    chance: float | None = event["p_24h"] if event["p_24h"] is not None else event["p_48h"]
    return chance


def _warning(
    place: int, event: dict[str, Any], level: Level, rule: Rule | None, past: Past, playbook: Playbook, as_of: datetime
) -> dict[str, Any]:
    identity = f"{event['event_id']}|{level.number}|{shanghai(as_of, '%F')}"
    same = ("event_id", "hospital_id", "title", "category", "department")
    return {
        **{name: event[name] for name in same},
        "warning_id": hashlib.sha256(identity.encode()).hexdigest()[:16],
        "as_of": as_of,
        "level": level.number,
        "severity": level.severity,
        "rank": place,
        "escalates_p": _chance(event),
        "reasons": _reasons(event, level, rule, past, playbook),
        "owner_role": level.owner_role,
        "due_at": as_of + timedelta(minutes=level.due_minutes),
        "plan_version": playbook.version,
    }


def _reasons(event: dict[str, Any], level: Level, rule: Rule | None, past: Past, playbook: Playbook) -> list[str]:
    """Two to four sentences of templates/reasons.txt."""
    last = past.sent[-1] if past.sent else None
    rose = last is not None and playbook.order(level.number) > playbook.order(last["level"]) >= 0
    closed = past.verdict is not None and past.verdict["verdict"] in CLOSING
    said = text("reasons.txt").render(
        {**event, "platforms": [PLATFORMS[p] for p in event["platforms"]], "board": PLATFORMS.get(event["board"] or "")},
        level=level, rule=rule, regraded=rule is None,
        rose_from=playbook.level(last["level"]).label if last and rose else None,
        rose_at=shanghai(last["as_of"], "%-m月%-d日 %H:%M") if last else None,
        judged=VERDICTS[past.verdict["verdict"]] if past.verdict and closed else None,
    )  # fmt: skip
    return said.strip().splitlines()[:4]


def _history(warnings: pl.DataFrame, verdicts: pl.DataFrame, as_of: datetime, is_drill: bool) -> dict[str, Past]:
    """Event -> its past. Warnings of this very as_of are the run being repeated, not the past."""
    sent = warnings.filter(pl.col("as_of") < as_of, pl.col("is_drill") == is_drill).sort("as_of", "warning_id")
    by_event: dict[str, list[dict[str, Any]]] = {}
    for row in sent.select("event_id", "warning_id", "as_of", "level").iter_rows(named=True):
        by_event.setdefault(row["event_id"], []).append(row)
    said = verdicts.filter(pl.col("said_at") <= as_of).join(sent.select("warning_id", "event_id").unique(), on="warning_id")
    last = {row["event_id"]: row for row in said.sort("said_at", "verdict_id").iter_rows(named=True)}
    return {event_id: Past(tuple(rows), last.get(event_id)) for event_id, rows in by_event.items()}
