"""What a record comes to over a period: shares with Wilson intervals, lead time, Brier skill, reliability. Nothing is said of too few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from briefing.record_scores import SCORED, STATUSES
from warehouse.clock import SHANGHAI

LEAST_N, LEAST_EACH = 30, 5  # fewer warnings, or fewer of either outcome, and no share is stated
AHEAD_H = (3, 6, 12)
BINS = 10
Z = NormalDist().inv_cdf(0.975)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927); (0, 1) of nothing."""
    if not n:
        return 0.0, 1.0
    share, spread = hits / n, Z * Z / n
    middle, half = share + spread / 2, Z * sqrt(share * (1 - share) / n + spread / (4 * n))
    low, high = ((middle + side) / (1 + spread) for side in (-half, half))
    return (0.0 if not hits else low), (1.0 if hits == n else high)


@dataclass(frozen=True)
class Share:
    """`hits` of `n`. Its value and interval are None where there are too few to say."""

    hits: int
    n: int
    is_enough: bool = True

    @property
    def value(self) -> float | None:
        return self.hits / self.n if self.is_enough and self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.hits, self.n) if self.is_enough and self.n else None


@dataclass(frozen=True)
class Bin:
    """Warnings of nearly one chance: their mean chance, and how many came true."""

    p: float
    came: Share


@dataclass(frozen=True)
class Figures:
    """One period of one task. `statuses` counts every warning of it; `days_n` are days on which a list left.

    Of `reached_n` events that reached the rule, `caught` were warned of in the horizon before; `unavoidable_n` stood there when a list
    first saw them (part of the denominator), `beyond_n` are no matter of warnings by the hospital's own rules (not part of it).
    Lead hours are of caught events; `ahead` are shares of all events of the denominator.
    """

    statuses: dict[str, int]
    days_n: int
    events_n: int
    precision: Share
    caught: Share
    caught_of_seen: Share
    unavoidable_n: int
    beyond_n: int
    false_per_day: float | None
    lead_h: tuple[float, float, float] | None
    ahead: dict[int, Share]
    leads: tuple[float, ...]
    base_rate: float | None
    brier: float | None
    brier_skill: float | None
    reliability: tuple[Bin, ...]

    @property
    def warnings_n(self) -> int:
        return sum(self.statuses.values())

    @property
    def is_enough(self) -> bool:
        return self.precision.is_enough


def figures(scored: pl.DataFrame, reached: pl.DataFrame, delivered: pl.DataFrame, since: datetime | None, until: datetime) -> Figures:
    """Of warnings that left, and of events that reached the rule, in (since, until]. `reached` carries `why` of those missed."""
    rows = within(scored, "issued_at", since, until).select("event_id", "warning_id", "status", "p")
    counts = Counter(rows["status"].to_list())
    precision, events = _precision(counts), _events(within(reached, "reached_at", since, until), _precision(counts).is_enough)
    days = {moment.astimezone(SHANGHAI).date() for moment in within(delivered, "issued_at", since, until)["issued_at"]}
    decided = sorted(row[1:] for row in rows.select("status", "p", "warning_id").iter_rows() if row[0] in SCORED)
    yes = {row[1] for row in rows.select("status", "warning_id").iter_rows() if row[0] == "yes"}
    came = [(p, warning_id in yes) for p, warning_id in decided]
    return Figures(
        statuses={status: counts[status] for status in STATUSES},
        days_n=len(days),
        events_n=rows["event_id"].n_unique(),
        precision=precision,
        false_per_day=counts["no"] / len(days) if precision.is_enough and days else None,
        **events,
        **(_brier(came) if precision.is_enough else {"base_rate": None, "brier": None, "brier_skill": None}),
        reliability=reliability(came) if precision.is_enough else (),
    )


def _precision(counts: Mapping[str, int]) -> Share:
    yes, no = (counts.get(status, 0) for status in SCORED)
    return Share(yes, yes + no, yes + no >= LEAST_N and min(yes, no) >= LEAST_EACH)


def _events(reached: pl.DataFrame, enough: bool) -> dict[str, Any]:
    """What became of the events that reached the rule; `enough`: of the warnings."""
    rows = reached.select("why", "lead_h", "first_as_of", "reached_at").rows()
    ours = [row for row in rows if row[0] != "beyond"]
    leads = sorted(lead for _, lead, _, _ in ours if lead is not None)
    there_n = sum(lead is None and first is not None and first >= at for _, lead, first, at in ours)
    enough = enough and len(ours) >= LEAST_EACH
    return {
        "caught": Share(len(leads), len(ours), enough),
        "caught_of_seen": Share(len(leads), len(ours) - there_n, enough),
        "unavoidable_n": there_n,
        "beyond_n": len(rows) - len(ours),
        "leads": tuple(leads),
        "lead_h": tuple(np.quantile(leads, (0.1, 0.5, 0.9)).tolist()) if enough and len(leads) >= LEAST_EACH else None,
        "ahead": {h: Share(sum(lead >= h for lead in leads), len(ours), enough) for h in AHEAD_H},
    }


def within(frame: pl.DataFrame, column: str, since: datetime | None, until: datetime) -> pl.DataFrame:
    """Rows in (since, until]; all of them where there is no beginning, for a record knows of nothing after its end."""
    return frame if since is None else frame.filter(pl.col(column) > since, pl.col(column) <= until)


def _brier(came: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """Against saying the period's own base rate every time: the hardest constant there is, known only afterwards."""
    base = sum(is_yes for _, is_yes in came) / len(came)
    brier = sum((p - is_yes) ** 2 for p, is_yes in came) / len(came)
    return {"base_rate": base, "brier": brier, "brier_skill": 1 - brier / (base * (1 - base))}


def reliability(came: Sequence[tuple[float, bool]]) -> tuple[Bin, ...]:
    """Ten bins of equal count (they differ by one at most), by chance; `came` in order of it."""
    n = len(came)
    parts = [came[-(-n * k // BINS) : -(-n * (k + 1) // BINS)] for k in range(BINS)]
    return tuple(Bin(sum(p for p, _ in part) / len(part), Share(sum(is_yes for _, is_yes in part), len(part))) for part in parts)


@dataclass(frozen=True)
class Point:
    """The 90 days up to a moment."""

    until: datetime
    precision: Share
    caught: Share


def trend(scored: pl.DataFrame, reached: pl.DataFrame, delivered: pl.DataFrame, until: datetime, days: int = 90) -> tuple[Point, ...]:
    """At the end of each Shanghai month since the first list, and at `until`, the last `days` days."""
    if delivered.is_empty():
        return ()
    ends, moment = [until], until.astimezone(SHANGHAI).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while moment > delivered["issued_at"][0]:
        ends.append(moment.astimezone(UTC))
        moment = (moment - timedelta(days=1)).replace(day=1)
    points = []
    for end in reversed(ends):
        begins = end - timedelta(days=days)
        precision = _precision(Counter(within(scored, "issued_at", begins, end)["status"].to_list()))
        points.append(Point(end, precision, _events(within(reached, "reached_at", begins, end), precision.is_enough)["caught"]))
    return tuple(points)
