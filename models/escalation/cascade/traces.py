"""One cascade at many ages -> numbers: counts in windows, pace, what the clock makes of them, point processes, tree and words.

Everything at age t is read from the first n(t) reposts, so that nothing later can matter. Hours are of the wall; "active hours" are
hours of the clock's mean activity (clock.py), in which a night is short.
"""

from __future__ import annotations

import numpy as np

from models.escalation.cascade.clock import Course
from models.escalation.cascade.data import Counts, Numbers
from models.escalation.cascade.marks import SUMS, TOPS, Marks

WINDOWS = {"5m": 1 / 12, "10m": 1 / 6, "20m": 1 / 3, "30m": 0.5, "1h": 1.0, "2h": 2.0, "3h": 3.0, "6h": 6.0, "12h": 12.0}
ACTIVE = {"1a": 1.0, "2a": 2.0, "4a": 4.0, "8a": 8.0}
WEEK_H = 168
LAST = (5, 10, 20, 50, 100)
SCALES = {"q": 0.25, "h": 0.75, "3": 3.0, "9": 9.0}  # active hours an excitation lasts
PARTS = {"10": 0.1, "25": 0.25, "50": 0.5, "75": 0.75, "90": 0.9}
MEMORY_THETA, MEMORY_S0 = 0.242, 1 / 12  # SEISMIC (Zhao et al. 2015), table 1: how long until a follower reacts
ROOT_WEIGHT = 40.0  # the author's reach in reposters' reaches: degrees are not in the data
Features = dict[str, Numbers]


def trace(hours: Numbers, ages: Numbers, marks: Marks, course: Course) -> Features:
    """name -> a value an age (hours after the post)."""
    n = np.searchsorted(hours, ages, side="right")
    seen = {name: n - np.searchsorted(hours, ages - width, side="right") for name, width in WINDOWS.items()}
    parts = (
        _counts(n, ages, seen), _surprise(hours, n, ages, seen["1h"]), _pace(hours, n, ages), _clock(n, ages, seen, course),
        _active(hours, n, ages, course), _tree(n, seen, marks), _branches(hours, n, seen["1h"], marks, ages),
    )  # fmt: skip
    return {name: value for part in parts for name, value in part.items()}


def _counts(n: Counts, ages: Numbers, seen: dict[str, Counts]) -> Features:
    out: Features = {"age": ages, "n": n.astype(float), "log_n": np.log1p(n), "rate": np.log((n + 0.5) / ages)}
    for name, count in seen.items():
        out[f"log_{name}"] = np.where(ages >= WINDOWS[name], np.log1p(count), np.nan)
    pairs = (("10m", "30m"), ("20m", "1h"), ("30m", "1h"), ("1h", "3h"), ("2h", "6h"), ("3h", "12h"))
    for short, long in pairs:
        pace = (seen[short] + 0.5) / WINDOWS[short] / ((seen[long] + 0.5) / np.minimum(WINDOWS[long], ages))
        out[f"faster_{short}_{long}"] = np.log(pace)
    before = np.maximum(seen["2h"] - seen["1h"], 0)
    out["faster_1h"] = np.where(ages >= 2, np.log((seen["1h"] + 1) / (before + 1)), np.nan)
    out["share_1h"] = seen["1h"] / np.maximum(n, 1)
    return out


def _surprise(hours: Numbers, n: Counts, ages: Numbers, last: Counts) -> Features:
    """The last hour's count in standard deviations above the mean of the whole hours before it (at most a week of them)."""
    back = np.arange(1, min(int(ages.max()), WEEK_H) + 1)
    edges = np.searchsorted(hours, ages[:, None] - back[None, :], side="right")
    counts, is_there = -np.diff(edges, axis=1), (ages[:, None] >= back[None, 1:])
    size = np.maximum(is_there.sum(axis=1), 1)
    mean = (counts * is_there).sum(axis=1) / size
    spread = np.sqrt((((counts - mean[:, None]) * is_there) ** 2).sum(axis=1) / size)
    return {"surprise": np.where(is_there.sum(axis=1) > 0, (last - mean) / (spread + 1), np.nan)}


def _pace(hours: Numbers, n: Counts, ages: Numbers) -> Features:
    """Gaps between reposts, how long the last k took, when parts of what is there had come."""
    out: Features = {}
    padded = np.concatenate([[0.0], hours])
    out["since_last"] = np.log1p((ages - padded[n]) * 60)
    for k in LAST:
        wait = ages - padded[np.maximum(n - k, 0)]
        out[f"last_{k}"] = np.where(n >= k, np.log(k / np.maximum(wait, 1 / 720)), np.nan)
    gaps = np.log(np.diff(padded) * 3600 + 1)
    one, two = (np.concatenate([[0.0], np.cumsum(gaps**power)]) for power in (1, 2))
    for k in (20, 10**6):
        first = np.maximum(n - k, 0)
        size = np.maximum(n - first, 1)
        mean = (one[n] - one[first]) / size
        name = "all" if k > 100 else str(k)
        out[f"gap_{name}"] = np.where(n > 0, mean, np.nan)
        out[f"gap_sd_{name}"] = np.where(n > 1, np.sqrt(np.maximum((two[n] - two[first]) / size - mean**2, 0)), np.nan)
    for name, part in PARTS.items():
        out[f"part_{name}"] = np.where(n > 3, padded[np.ceil(n * part).astype(int)] / ages, np.nan)
    for hour in (0.25, 0.5, 1, 2, 3, 6, 12):
        at = np.searchsorted(hours, hour, side="right")
        out[f"by_{hour}"] = np.where(ages >= hour, np.log1p(np.minimum(at, n)), np.nan)
    return out


def _clock(n: Counts, ages: Numbers, seen: dict[str, Counts], course: Course) -> Features:
    """What is due by the clock, and counts carried forward by it: n now × what is still due ÷ what was due."""
    out: Features = {}
    due = course.due(ages)
    for name, later in (("24", 24.0), ("48", 48.0)):
        ahead = course.due(ages + later) - due
        out[f"due_{name}"] = np.log(ahead / np.maximum(due, 1e-6))
        out[f"carried_{name}"] = np.log(n + 1 + (n + 0.5) * ahead / np.maximum(due, 1e-6))
        for window in ("30m", "1h", "3h", "6h"):
            was = due - course.due(np.maximum(ages - WINDOWS[window], 0))
            out[f"carried_{window}_{name}"] = np.log(n + 1 + (seen[window] + 0.3) * ahead / np.maximum(was, 1e-4))
    busy = course.elapsed(ages)
    for hour in (1, 3, 6, 12):
        out[f"busy_next_{hour}"] = course.elapsed(ages + hour) - busy
    out["busy_now"], out["busy_so_far"] = course.now(ages), busy
    out["busy_share"] = busy / ages
    for window in ("1h", "3h", "6h"):
        was = busy - course.elapsed(np.maximum(ages - WINDOWS[window], 0))
        out[f"active_rate_{window}"] = np.log((seen[window] + 0.5) / (was + 0.05))
    return out


def _active(hours: Numbers, n: Counts, ages: Numbers, course: Course) -> Features:
    """Windows of active hours, and point processes in active time."""
    out: Features = {}
    stamps, now = course.elapsed(hours), course.elapsed(ages)
    for name, width in ACTIVE.items():
        count = n - np.searchsorted(stamps[: len(hours)], now - width, side="right")
        out[f"log_{name}"] = np.log1p(np.clip(count, 0, n))
    lag = now[:, None] - stamps[None, : int(n.max(initial=0))]
    is_seen = np.arange(lag.shape[1])[None, :] < n[:, None]
    lag = np.where(is_seen, np.maximum(lag, 0), np.inf)
    for name, scale in SCALES.items():
        out[f"excited_{name}"] = np.log1p(np.exp(-lag / scale).sum(axis=1))
    out["excited_q_3"] = out["excited_q"] - out["excited_3"]
    out["excited_h_9"] = out["excited_h"] - out["excited_9"]
    return out | _seismic(lag, n, now, course, ages, stamps)


def _seismic(lag: Numbers, n: Counts, now: Numbers, course: Course, ages: Numbers, stamps: Numbers) -> Features:
    """Self-excited cascade with constant degrees (SEISMIC, Zhao et al. 2015), in active time: infectiousness and what it foretells."""
    open_share, is_seen = _not_yet(lag), np.isfinite(lag)
    done = np.where(is_seen, 1 - open_share, 0).sum(axis=1) + ROOT_WEIGHT * (1 - _not_yet(now))
    out: Features = {"infectious": np.log((n + 1) / (done + 1))}
    for name, later in (("24", 24.0), ("48", 48.0)):
        ahead = course.elapsed(ages + later) - now
        still = np.where(is_seen, open_share - _not_yet(lag + ahead[:, None]), 0).sum(axis=1)
        still = still + ROOT_WEIGHT * (_not_yet(now) - _not_yet(now + ahead))
        out[f"seismic_{name}"] = np.log(n + 1 + (n + 1) / (done + 1) * still)
    recent = now - 2.0
    before = np.maximum(recent[:, None] - stamps[None, : lag.shape[1]], 0)
    was = np.where(is_seen, 1 - _not_yet(before), 0).sum(axis=1) + ROOT_WEIGHT * (1 - _not_yet(np.maximum(recent, 0)))
    count = n - np.searchsorted(stamps, recent, side="right")
    out["infectious_2a"] = np.log((np.clip(count, 0, n) + 0.5) / (np.maximum(done - was, 0) + 0.5))
    return out


def _not_yet(lag: Numbers) -> Numbers:
    """Share of reactions that come later than `lag` active hours."""
    late = (np.maximum(lag, MEMORY_S0) / MEMORY_S0) ** -MEMORY_THETA / (1 + MEMORY_THETA)
    early = 1 - MEMORY_THETA / (1 + MEMORY_THETA) * lag / MEMORY_S0
    return np.asarray(np.where(lag > MEMORY_S0, late, np.where(np.isfinite(lag), early, 0.0)))


def _tree(n: Counts, seen: dict[str, Counts], marks: Marks) -> Features:
    """Means over all reposts and over the last hour's; the tree's depth, biggest branch and busiest hour so far."""
    out: Features = {}
    some = np.maximum(n, 1)
    totals, recent = marks.sums[n], marks.sums[n] - marks.sums[n - seen["1h"]]
    for j, name in enumerate(SUMS):
        out[f"mean_{name}"] = np.where(n > 0, totals[:, j] / some, np.nan)
        if name in ("direct", "depth", "delay", "doubt", "has_text"):
            mean = recent[:, j] / np.maximum(seen["1h"], 1)
            out[f"recent_{name}"] = np.where(seen["1h"] > 2, mean, np.nan)
    tops = dict(zip(TOPS, marks.tops[n].T, strict=True))
    out["deepest"], out["branch"] = tops["depth"], tops["branch"] / some
    out["off_peak"] = np.log((seen["1h"] + 1) / (tops["per_hour"] + 1))
    out["log_direct_1h"] = np.log1p(recent[:, SUMS.index("direct")])
    out["log_indirect_1h"] = np.log1p(seen["1h"] - recent[:, SUMS.index("direct")])
    return out


def _branches(hours: Numbers, n: Counts, last: Counts, marks: Marks, ages: Numbers) -> Features:
    """Of the last hour's reposts: the most under one parent, and how young that parent is."""
    most, young = np.zeros(len(n)), np.full(len(n), np.nan)
    for j, (stop, count) in enumerate(zip(n.tolist(), last.tolist(), strict=True)):
        under = marks.parent[stop - count : stop]
        under = under[under >= 0]
        if len(under):
            sizes = np.bincount(under)
            top = int(sizes.argmax())
            most[j], young[j] = sizes[top], ages[j] - hours[top]
    return {"log_one_parent": np.log1p(most), "parent_age": np.where(most > 2, np.log(young + 0.05), np.nan)}
