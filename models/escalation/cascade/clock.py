"""When people repost: the share of the week's activity in each hour, and how attention to a post fades with its age.

log rate of cascade c at age t = log size of c + log activity(local hour) + log fading(t); fitted to hourly counts of training
cascades by turns (iterative proportional fitting of a Poisson table), so that an hour in which many posts are young is not
taken for a busy hour. Shares learned from training cascades only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.escalation.cascade.data import Cascades, Numbers

STEP_H = 1 / 12
REACH_H = 96.0  # how far the clock looks: the oldest age asked about and the longest horizon
EAST_8 = 8 * 3600
TURNS = 30
AGES = np.array([0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 10, 12, 15, 18, 21, 24, 30, 36, 42, 48, 60, 72, 96])


@dataclass(frozen=True)
class Clock:
    """activity: 48 numbers of mean 1, hour of day of Monday–Friday, then of Saturday–Sunday. fading: a number an interval of AGES."""

    activity: Numbers
    fading: Numbers

    def course(self, posted: int) -> Course:
        """What the clock says of the hours after a post of unix time `posted`."""
        at = posted + (np.arange(int(REACH_H / STEP_H)) + 0.5) * STEP_H * 3600
        busy = self.activity[_hour(at)]
        fading = self.fading[np.clip(np.searchsorted(AGES, (at - posted) / 3600, side="right") - 1, 0, len(self.fading) - 1)]
        grid: Numbers = np.arange(len(at) + 1, dtype=np.float64) * STEP_H
        return Course(grid, _sum(busy), _sum(busy * fading), busy)

    def state(self) -> dict[str, Any]:
        return {"activity": [round(float(x), 5) for x in self.activity], "fading": [round(float(x), 6) for x in self.fading]}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Clock:
        return cls(np.array(state["activity"]), np.array(state["fading"]))


@dataclass(frozen=True)
class Course:
    """Of one post: `busy_sum` is activity from the post to each instant of `grid` (hours), in mean hours; `due_sum` fades, too."""

    grid: Numbers
    busy_sum: Numbers
    due_sum: Numbers
    busy: Numbers

    def elapsed(self, hours: Numbers) -> Numbers:
        return np.asarray(np.interp(hours, self.grid, self.busy_sum))

    def due(self, hours: Numbers) -> Numbers:
        return np.asarray(np.interp(hours, self.grid, self.due_sum))

    def now(self, hours: Numbers) -> Numbers:
        return np.asarray(self.busy[np.clip((hours / STEP_H).astype(int), 0, len(self.busy) - 1)])


def learn(cascades: Cascades) -> Clock:
    """Fit on the reposts of the first 96 h of these cascades."""
    hours = np.arange(int(REACH_H))
    posted = cascades.posts["post_time"].to_numpy()
    table = np.stack([np.bincount(h[h < REACH_H].astype(int), minlength=len(hours)) for h in map(cascades.hours, range(len(cascades)))])
    part = np.searchsorted(AGES, hours + 0.5, side="right") - 1
    hour = _hour(posted[:, None] + (hours + 0.5) * 3600)
    activity, fading = np.ones(48), np.ones(len(AGES) - 1)
    sizes = table.sum(axis=1, keepdims=True).astype(np.float64)
    for _ in range(TURNS):
        fading = _ratio(part[None, :].repeat(len(posted), 0), table, sizes * activity[hour], len(fading))
        activity = _ratio(hour, table, sizes * fading[part][None, :], 48)
        activity /= activity.mean()
        sizes = table.sum(axis=1, keepdims=True) / np.maximum((activity[hour] * fading[part]).sum(axis=1, keepdims=True), 1e-9)
    return Clock(activity, _finer(cascades, activity, fading, sizes[:, 0]))


def _finer(cascades: Cascades, activity: Numbers, fading: Numbers, sizes: Numbers) -> Numbers:
    """The hourly table cannot see inside the first hours: count those reposts by the intervals of AGES themselves."""
    seen, due = np.zeros(len(fading)), np.zeros(len(fading))
    for k, posted in enumerate(cascades.posts["post_time"].to_list()):
        seen += np.histogram(cascades.hours(k), AGES)[0]
        middle = posted + (AGES[:-1] + AGES[1:]) / 2 * 3600
        due += sizes[k] * activity[_hour(middle)] * np.diff(AGES)
    return np.asarray(seen / np.maximum(due, 1e-9))


def _ratio(cell: Any, seen: Any, expected: Any, length: int) -> Numbers:
    top = np.bincount(cell.ravel(), np.broadcast_to(seen, cell.shape).ravel(), length)
    return np.asarray(top / np.maximum(np.bincount(cell.ravel(), np.broadcast_to(expected, cell.shape).ravel(), length), 1e-9))


def _hour(at: Any) -> Any:
    """Unix seconds -> 0–47: local hour of the day, 24 more on Saturday and Sunday."""
    local = (np.asarray(at) + EAST_8).astype(np.int64)
    return local // 3600 % 24 + 24 * ((local // 86400 + 3) % 7 >= 5)


def _sum(rate: Numbers) -> Numbers:
    return np.concatenate([[0.0], np.cumsum(rate) * STEP_H])
