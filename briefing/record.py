"""The record (战绩): every warning that left, scored at its first chance by its own rule. Pure: the same frames, the same record.

What counts is defined in docs/record.md and at the foot of the page. A record is of life or of one backtest, never of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

import polars as pl

from briefing.playbook import Playbook
from briefing.record_budget import CHOICES, Budget, budget
from briefing.record_figures import Figures, Point, figures, trend
from briefing.record_missed import Reasons, with_why
from briefing.record_scores import HEADLINE, Task, caught, issued, lists, reached, scored, tasks
from warehouse.schema import AT, TEXT, empty

SEEN = pl.Schema({"event_id": TEXT, "first_seen_at": AT})
PERIODS: tuple[int | None, ...] = (30, 90, 180, None)  # days back from the record's end; None: all


@dataclass(frozen=True)
class Tables:
    """What a record is made of, by table name. `forecasts` and `outcomes` need only hold events that were warned of or reached a rule;
    `seen` (event_id, first_seen_at): when a post of the event was first seen, where the first list came too late."""

    warnings: pl.DataFrame
    deliveries: pl.DataFrame
    forecasts: pl.DataFrame
    outcomes: pl.DataFrame
    events: pl.DataFrame
    coverage: pl.DataFrame = field(default_factory=lambda: empty("coverage"))
    verdicts: pl.DataFrame = field(default_factory=lambda: empty("verdicts"))
    seen: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SEEN))


@dataclass(frozen=True)
class Record:
    """`warnings`: a row each, as scored by the headline task; `others`: the same by each other task. `missed`: events, newest first.

    `parts`: had only those warnings been issued: `forecast` (a chance over a bar gave them), `facts` (posts or a board alone), `level_3` …
    """

    kind: Literal["live", "backtest"]
    name: str
    is_drill: bool
    since: datetime | None
    until: datetime
    lists_n: int
    step_h: float | None
    models: tuple[str, ...]
    undelivered_n: int
    apart_n: int
    periods: Mapping[int | None, Mapping[Task, Figures]]
    warnings: pl.DataFrame
    others: Mapping[Task, pl.DataFrame]
    missed: pl.DataFrame
    budget: tuple[Budget, ...]
    trend: tuple[Point, ...]
    parts: Mapping[str, Figures]
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def headline(self) -> Figures:
        return self.periods[None][HEADLINE]


def record(
    tables: Tables, playbook: Playbook, until: datetime, *, kind: Literal["live", "backtest"] = "live", name: str = "",
    is_drill: bool = False, choices: tuple[int, ...] = CHOICES, about: Mapping[str, str] | None = None,
) -> Record:  # fmt: skip
    """The record of what was known at `until`. `is_drill`: score the drill's warnings; the others are counted apart, either way."""
    tables = _known(tables, until)
    delivered = lists(tables.deliveries)
    warned = issued(tables.warnings, delivered, is_drill)
    reasons = Reasons(
        tables.forecasts, tables.warnings, delivered, tables.coverage, tables.verdicts, tables.seen, playbook
    )  # fmt: skip
    asked = tasks(tables.forecasts)
    by_task = {task: scored(warned, tables.forecasts, tables.outcomes, task) for task in asked}
    events = {task: reached(tables.forecasts, tables.outcomes, delivered, task) for task in asked}
    told = {task: with_why(caught(events[task], warned, task), reasons, task) for task in asked}
    since = {days: None if days is None else until - timedelta(days=days) for days in PERIODS}
    periods = {
        days: {task: figures(by_task[task], told[task], delivered, since[days], until) for task in asked} for days in PERIODS
    }  # fmt: skip
    rows, whole = by_task[HEADLINE], periods[None][HEADLINE]

    def over(kept: pl.DataFrame) -> Figures:
        again = caught(told[HEADLINE].select("event_id", "reached_at", "first_as_of", "why"), kept, HEADLINE)
        return figures(kept, again, delivered, None, until)

    bars = {task: reasons.bar(task.horizon_h) for task in asked if task.target == HEADLINE.target}
    likely = pl.concat([by_task[task].filter(pl.col("p") >= bar).select("warning_id") for task, bar in bars.items()])
    parts = {"forecast": rows.join(likely, on="warning_id", how="semi"), "facts": rows.join(likely, on="warning_id", how="anti")}
    parts |= {f"level_{level.number}": rows.filter(pl.col("level") == level.number) for level in reversed(playbook.levels)}
    wrong_kind = tables.warnings.filter(pl.col("is_drill") != is_drill)["warning_id"].n_unique()
    worst = playbook.levels[-1].number
    return Record(
        kind=kind,
        name=name,
        is_drill=is_drill,
        since=delivered["as_of"].min(),  # type: ignore[arg-type]
        until=until,
        lists_n=delivered.height,
        step_h=_step(delivered),
        models=tuple(sorted(rows["model_version"].drop_nulls().unique())),
        undelivered_n=tables.warnings.filter(pl.col("is_drill") == is_drill)["warning_id"].n_unique() - warned.height,
        apart_n=wrong_kind,
        periods=periods,
        warnings=rows,
        others={task: frame for task, frame in by_task.items() if task != HEADLINE},
        missed=_missed(told[HEADLINE], tables.events),
        budget=tuple(budget(rows, k, worst, whole, over) for k in choices),
        parts={name: over(kept) for name, kept in parts.items()},
        trend=trend(rows, told[HEADLINE], delivered, until),
        about=dict(about or {}),
    )


def _known(tables: Tables, until: datetime) -> Tables:
    """Nothing later than `until`, by each table's own clock."""
    clocks = {"warnings": "as_of", "deliveries": "sent_at", "forecasts": "as_of", "outcomes": "resolved_at", "events": "as_of",
              "coverage": "as_of", "verdicts": "said_at"}  # fmt: skip
    return replace(tables, **{name: getattr(tables, name).filter(pl.col(clock) <= until) for name, clock in clocks.items()})


def _step(delivered: pl.DataFrame) -> float | None:
    """The usual hours between two lists."""
    gaps = delivered["as_of"].diff().drop_nulls().dt.total_seconds()
    return None if gaps.is_empty() else float(gaps.median() or 0) / 3600  # type: ignore[arg-type]


def _missed(events: pl.DataFrame, titles: pl.DataFrame) -> pl.DataFrame:
    """Events missed, with what they were last called; newest first."""
    last = titles.sort("as_of").unique("event_id", keep="last").select("event_id", "title", "category", "hospital_id")
    gone = events.filter(pl.col("why").is_not_null()).drop("warned_at", "lead_h")
    return gone.join(last, on="event_id", how="left").sort(["reached_at", "event_id"], descending=[True, False])
