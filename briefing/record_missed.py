"""Why no warning left before an event reached the rule, told from stored rows alone. Frames in, frames out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from briefing.playbook import Playbook
from briefing.record_scores import HEADLINE, Task
from warehouse.clock import shanghai

GRADING = ("escalation", "board_top10", *(f"level_{n}" for n in range(1, 6)))  # what is reached is a level's criterion itself
CLOSING = ("false_alarm", "resolved")
SPAN = timedelta(hours=HEADLINE.horizon_h)


class Reasons:
    """The tables a reason is looked up in, by event and by list. `seen`: event_id -> when our clock first saw a post of it."""

    def __init__(
        self, forecasts: pl.DataFrame, warnings: pl.DataFrame, delivered: pl.DataFrame, coverage: pl.DataFrame, verdicts: pl.DataFrame,
        seen: pl.DataFrame, playbook: Playbook,
    ) -> None:  # fmt: skip
        self.playbook = playbook
        self.lists: list[datetime] = delivered["as_of"].to_list()
        self.left = set(self.lists)
        graded = forecasts.filter(pl.col("target") == HEADLINE.target).sort("as_of")
        self.chances = _by_event(graded.select("event_id", "as_of", "horizon_h", "escalates_p"))
        listed = warnings.select("event_id", "warning_id", "as_of", "level", "is_drill")
        self.sent = _by_event(listed.join(delivered, on="as_of").sort("issued_at"))
        said = verdicts.join(warnings.select("warning_id", "event_id").unique(), on="warning_id")
        self.closed = _by_event(said.filter(pl.col("verdict").is_in(CLOSING)).select("event_id", "said_at"))
        self.sizes = dict(listed.group_by("as_of").agg(pl.len()).iter_rows())
        self.days = _per_day(listed.filter(pl.col("as_of").is_in(self.lists)))
        well = coverage.group_by("as_of").agg((pl.col("coverage_status") == "ok").mean())
        self.well: dict[datetime, float] = dict(well.iter_rows())
        self.seen: dict[str, datetime] = dict(seen.select("event_id", "first_seen_at").iter_rows())

    def why(self, event: dict[str, Any], task: Task) -> tuple[str, float | None]:
        """The reason's key, and the highest chance given in the horizon before (null where there was none)."""
        reached, first = event["reached_at"], event["first_as_of"]
        if task.target in GRADING and self._passed_over(event["event_id"], reached):
            return "beyond", None
        if first is None or first >= reached:
            return self._unseen(event["event_id"], reached, first), None
        since = max(first, reached - max(task.horizon, SPAN))
        said = [row for row in self.chances.get(event["event_id"], []) if since <= row["as_of"] < reached]
        chance = max((row["escalates_p"] for row in said if row["horizon_h"] == HEADLINE.horizon_h), default=None)
        on_lists = [row for row in said if row["as_of"] in self.left]
        if not on_lists:
            return ("undelivered" if said else "no_list"), chance
        return self._held(event["event_id"], on_lists, reached), chance

    def _passed_over(self, event_id: str, reached: datetime) -> bool:
        """It stood on a list that left within a day of reaching, when facts alone would have listed it, and was not warned of."""
        said = {row["as_of"] for row in self.chances.get(event_id, [])}
        after = [moment for moment in self.lists if reached <= moment < reached + SPAN and moment in said]
        if not after or any(row["as_of"] in after for row in self.sent.get(event_id, [])):
            return False
        is_closed = any(row["said_at"] < after[-1] for row in self.closed.get(event_id, []))
        return not is_closed and not any(self._is_full(moment) for moment in after)

    def _is_full(self, moment: datetime) -> bool:
        """The list was as long as it may be, or the day's budget spent."""
        limits = self.playbook.limits
        is_spent = limits.warnings_per_day is not None and self.days.get(shanghai(moment, "%F"), 0) >= limits.warnings_per_day
        return is_spent or self.sizes.get(moment, 0) >= limits.list_length

    def _unseen(self, event_id: str, reached: datetime, first: datetime | None) -> str:
        """No list before it reached: the sources were down, or it came and reached between two lists, or stood there at first sight."""
        around = [moment for moment in self.lists if moment < reached][-1:] + ([first] if first else [])
        if any(self.well.get(moment, 1.0) < self.playbook.limits.coverage_ok_share for moment in around):
            return "outage"
        return "between" if (seen := self.seen.get(event_id)) is not None and seen < reached else "there"

    def _held(self, event_id: str, said: list[dict[str, Any]], reached: datetime) -> str:
        """Lists saw it in time and did not warn."""
        last = said[-1]["as_of"]
        if all(row["escalates_p"] < self.bar(row["horizon_h"]) for row in said):
            return "below"
        if any(row["said_at"] < reached for row in self.closed.get(event_id, [])):
            return "closed"
        cooling = last - timedelta(hours=self.playbook.limits.cooldown_h)
        if any(cooling < row["issued_at"] < reached for row in self.sent.get(event_id, [])):
            return "cooling"
        return "full" if self._is_full(last) else "beyond"

    def bar(self, horizon_h: int) -> float:
        """The mildest chance that lists an event, whatever else it needs; 2 where none does."""
        rules = [rule for level in self.playbook.levels for rule in level.criteria]
        return min((bar for rule in rules if (bar := rule.bars.get(f"escalates_p_{horizon_h}h")) is not None), default=2.0)


def with_why(reached: pl.DataFrame, reasons: Reasons, task: Task) -> pl.DataFrame:
    """`reached` with `why` (null: it was warned of in time) and `chance`, the highest that was given before."""
    told = [(None, None) if row["lead_h"] is not None else reasons.why(row, task) for row in reached.iter_rows(named=True)]
    why, chance = (pl.Series(name, [one[n] for one in told], dtype) for n, (name, dtype) in enumerate(_WHY))
    return reached.with_columns(why, chance)


_WHY: tuple[tuple[str, Any], ...] = (("why", pl.String), ("chance", pl.Float64))


def _by_event(frame: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        rows.setdefault(row["event_id"], []).append(row)
    return rows


def _per_day(listed: pl.DataFrame) -> dict[str, int]:
    day = pl.col("as_of").dt.convert_time_zone("Asia/Shanghai").dt.strftime("%F")
    return dict(listed.group_by(day).agg(pl.col("event_id").n_unique()).iter_rows())
