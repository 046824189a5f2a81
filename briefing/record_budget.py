"""What k warnings a day cost: the record's own warnings let through again by the rule of rank.py, k a day. Frames in, rows out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import polars as pl

from briefing.record_figures import Figures

CHOICES = (1, 2, 3, 5, 10, 20)
_DAY = pl.col("as_of").dt.convert_time_zone("Asia/Shanghai").dt.date()


@dataclass(frozen=True)
class Budget:
    """`threshold_p`: the chance that k warnings a day have at least, on average; None where the record never had so many.

    `missed_per_week`: all events missed at k; `lost_per_week`: those among them that were warned of without a budget.
    """

    k: int
    threshold_p: float | None
    kept_n: int
    held_n: int
    figures: Figures
    missed_per_week: float | None
    lost_per_week: float | None


def let_through(scored: pl.DataFrame, k: int, worst: int) -> pl.DataFrame:
    """The warnings that a budget of k events a day (Shanghai) lets out, list by list in the lists' own order; level `worst` always goes."""
    rows = scored.sort("issued_at", "as_of", "rank", "warning_id")
    used: dict[date, set[str]] = {}
    kept = []
    for day, level, event_id in rows.select(_DAY, "level", "event_id").iter_rows():
        today = used.setdefault(day, set())
        kept.append(event_id in today or level == worst or len(today) < k)
        if kept[-1]:
            today.add(event_id)
    return rows.filter(pl.Series(kept, dtype=pl.Boolean))


def threshold(scored: pl.DataFrame, k: int, days_n: int) -> float | None:
    """The (k × days)-th highest first chance, an event and day once; None where there were not so many."""
    chances = scored.drop_nulls("p").group_by("event_id", _DAY).agg(pl.col("p").max())["p"].sort(descending=True)
    return float(chances[k * days_n - 1]) if 0 < k * days_n <= len(chances) else None


def budget(scored: pl.DataFrame, k: int, worst: int, whole: Figures, over: Callable[[pl.DataFrame], Figures]) -> Budget:
    """`over`: the figures of a record that had issued only these warnings; `whole`: of all."""
    kept = let_through(scored, k, worst)
    found = over(kept)
    missed = found.caught.n - found.caught.hits
    weeks = whole.days_n / 7 if found.caught.is_enough else 0.0
    return Budget(
        k=k, threshold_p=threshold(scored, k, whole.days_n), kept_n=kept.height, held_n=scored.height - kept.height, figures=found,
        missed_per_week=missed / weeks if weeks else None,
        lost_per_week=(whole.caught.hits - found.caught.hits) / weeks if weeks else None,
    )  # fmt: skip
