"""Frames -> one row a warning with how it ended, and one row an event that reached what was forecast. Frames in, frames out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

SCORED = ("yes", "no")
STATUSES = ("yes", "no", "void", "open", "already", "unforecast")
STANDING = ("on_board",)  # what lasts or ends is reached by nobody: its chance is scored, and no recall or lead
SAID = ("warning_id", "event_id", "hospital_id", "title", "category", "department", "level", "severity", "rank", "as_of", "is_drill")


@dataclass(frozen=True, order=True)
class Task:
    """What a forecast is asked: the shape of its rule, within how many hours."""

    target: str
    horizon_h: int

    @property
    def horizon(self) -> timedelta:
        return timedelta(hours=self.horizon_h)

    @property
    def name(self) -> str:
        return f"{self.target}_{self.horizon_h}h"

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("target") == self.target, pl.col("horizon_h") == self.horizon_h)


HEADLINE = Task("escalation", 24)


def tasks(forecasts: pl.DataFrame) -> tuple[Task, ...]:
    """What is forecast here, the escalation that grades a warning first."""
    found = {Task(*row) for row in forecasts.select("target", "horizon_h").unique().iter_rows()} | {HEADLINE}
    return tuple(sorted(found, key=lambda task: (task.target != HEADLINE.target, task)))


def lists(deliveries: pl.DataFrame) -> pl.DataFrame:
    """Every list that left: as_of and the first moment it did, `issued_at`."""
    return deliveries.filter("is_sent").group_by("as_of").agg(issued_at=pl.col("sent_at").min()).sort("as_of")


def issued(warnings: pl.DataFrame, delivered: pl.DataFrame, is_drill: bool) -> pl.DataFrame:
    """One row a warning (an event at a level on a day), as on the first list that carried it out of the house; oldest first."""
    return (
        warnings.filter(pl.col("is_drill") == is_drill)
        .select(SAID)
        .join(delivered, on="as_of")
        .sort("issued_at", "as_of", "rank", "warning_id")
        .unique("warning_id", keep="first", maintain_order=True)
    )


def scored(warned: pl.DataFrame, forecasts: pl.DataFrame, outcomes: pl.DataFrame, task: Task) -> pl.DataFrame:
    """`issued` with the chance `p` of the list that first carried it, how that ended and `status`.

    `already`: what the rule asks had been seen when the warning left, so it foretold nothing, however it went on. `open`: not decided yet.
    """
    said = task.of(forecasts).select("event_id", "as_of", "resolve_at", "model_version", p="escalates_p")
    ended = task.of(outcomes).select("event_id", "as_of", "outcome", "reached_at", "detail")
    rows = warned.join(said, on=["event_id", "as_of"], how="left", maintain_order="left")
    rows = rows.join(ended, on=["event_id", "as_of"], how="left", maintain_order="left")
    is_already = pl.col("outcome").is_in(SCORED) & (pl.col("reached_at") <= pl.col("issued_at"))
    status = (
        pl.when(pl.col("p").is_null()).then(pl.lit("unforecast"))
        .when(pl.col("outcome").is_null()).then(pl.lit("open"))
        .when(is_already).then(pl.lit("already"))
        .otherwise("outcome")
    )  # fmt: skip
    rows = rows.with_columns(status=status)
    return rows.with_columns(lead_h=pl.when(pl.col("status") == "yes").then(hours(pl.col("reached_at") - pl.col("issued_at"))))


def reached(forecasts: pl.DataFrame, outcomes: pl.DataFrame, delivered: pl.DataFrame, task: Task) -> pl.DataFrame:
    """One row an event for which what the rule asks was seen since the first list left: when first (`reached_at`), and when the event was
    first forecast (`first_as_of`). What went before is no matter of this record."""
    seen = task.of(outcomes).filter(pl.col("outcome").is_in(SCORED), pl.col("reached_at").is_not_null())
    events = seen.group_by("event_id").agg(pl.col("reached_at").min())
    first = task.of(forecasts).group_by("event_id").agg(first_as_of=pl.col("as_of").min())
    rows = events.join(first, on="event_id", how="left").sort("reached_at", "event_id")
    if task.target in STANDING:
        return rows.clear()
    return rows.filter(pl.col("reached_at") >= delivered["issued_at"].min()) if delivered.height else rows.clear()


def caught(events: pl.DataFrame, warned: pl.DataFrame, task: Task) -> pl.DataFrame:
    """`reached` with the first warning of the event that left in the horizon before (`lead_h`; null: missed), and the first after it
    (`late_at`)."""
    left = warned.select("event_id", "issued_at").join(events.select("event_id", "reached_at"), on="event_id")
    in_time = pl.col("issued_at").is_between(pl.col("reached_at") - task.horizon, pl.col("reached_at"), closed="left")
    when = left.group_by("event_id").agg(
        warned_at=pl.col("issued_at").filter(in_time).min(),
        late_at=pl.col("issued_at").filter(pl.col("issued_at") >= pl.col("reached_at")).min(),
    )
    rows = events.join(when, on="event_id", how="left", maintain_order="left")
    return rows.with_columns(lead_h=hours(pl.col("reached_at") - pl.col("warned_at")))


def hours(span: pl.Expr) -> pl.Expr:
    return span.dt.total_seconds() / 3600
