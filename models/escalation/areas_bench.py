"""The weekly outlook re-lived on real headlines: each Monday of a period as on the road, then the week as it was.

Shared data label the category and sentiment of 7,723 medical headlines (2020-11 to 2025-12), so categories are judged on people's
labels. No shared data name a department with a date and a sentiment: departments are not judged here.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.escalation.areas import WEEKS, outlook
from warehouse.clock import SHANGHAI
from warehouse.vocabulary import SENTIMENTS

Figures = dict[str, dict[str, Any]]
VALIDATION = (date(2023, 1, 2), date(2024, 12, 23))  # first and last Monday looked ahead from
TEST = (date(2025, 1, 6), date(2025, 12, 22))
COVERED = (0.75, 0.85)
DENSE_N = 1.0  # posts a week: where P(0) is higher, a run of whole numbers cannot hold just 80 %
HOW = "each Monday of 2025, as on the road, negative headlines by category"


def headlines(data: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The labelled headlines as posts, mentions and scores of one hospital: a label is a reading with probability 1."""
    rows = pl.read_csv(data / "text" / "hot_titles_labeled.csv").with_row_index("post_id").with_columns(pl.col("post_id").cast(pl.String))
    seen = pl.col("first_seen_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z").dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    rows = rows.with_columns(first_seen_at=seen, published_at=seen)
    mentions = rows.select(
        "post_id", "first_seen_at", hospital_id=pl.lit("*"), department=pl.lit(None, pl.String), status=pl.lit("confirmed")
    )
    judged = {f"{name}_p": (pl.col("sentiment") == name[:3]).cast(pl.Float64) for name in SENTIMENTS}
    scores = rows.select(
        "post_id", "first_seen_at", "category", relevant_p=pl.col("relevant").cast(pl.Float64), model_version=pl.lit("people"), **judged
    )
    return rows.select("post_id", "first_seen_at", "published_at"), mentions, scores


def relive(tables: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame], period: tuple[date, date]) -> pl.DataFrame:
    """A row an area and Monday of the period: outlooks' columns, y (what came), last_year_n (52 weeks before), scale (see MASE)."""
    counts = _counts(*tables)
    mondays = pl.date_range(*period, "1w", eager=True).to_list()
    said = pl.concat([outlook(*tables, datetime(day.year, day.month, day.day, 8, tzinfo=SHANGHAI)) for day in mondays])
    week = pl.col("week_on").str.to_date()
    rows = said.with_columns(week=week, year_ago=week - timedelta(weeks=52))
    came = rows.join(counts, on=["area", "week"], how="left").join(
        counts.rename({"week": "year_ago", "y": "last_year_n"}), on=["area", "year_ago"], how="left"
    )
    return came.with_columns(pl.col("y", "last_year_n").fill_null(0)).join(_scale(counts, period[0]), on="area").sort("week", "area")


def _counts(posts: pl.DataFrame, mentions: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """area, week, y: negative relevant headlines by category and calendar week; weeks without one are left out."""
    week = pl.col("first_seen_at").dt.convert_time_zone("Asia/Shanghai").dt.date().dt.truncate("1w")
    negative = scores.filter(pl.col("negative_p") == 1.0, pl.col("relevant_p") == 1.0)
    return negative.group_by(area="category", week=week).agg(y=pl.len().cast(pl.Float64))


def _scale(counts: pl.DataFrame, start: date) -> pl.DataFrame:
    """area, scale: the last-week forecast's mean error in the WEEKS before the period, what MASE divides by (Hyndman and Koehler 2006)."""
    weeks = pl.DataFrame({"week": pl.date_range(start - timedelta(weeks=WEEKS), start - timedelta(weeks=1), "1w", eager=True)})
    grid = counts.select("area").unique().join(weeks, how="cross").join(counts, on=["area", "week"], how="left").sort("area", "week")
    change = pl.col("y").fill_null(0).diff().over("area").abs()
    return grid.with_columns(change=change).group_by("area").agg(scale=pl.col("change").mean())


def measured(rows: pl.DataFrame) -> dict[str, float]:
    """Mean errors, pinball losses of the interval's ends (a point forecast is its own interval), coverage, of `relive`'s rows."""
    y, dense = pl.col("y"), pl.col("expected_n") >= DENSE_N
    inside = y.is_between("low_n", "high_n")
    who = {"": ("expected_n", "low_n", "high_n"), "last week ": ("naive_n",) * 3, "seasonal naive ": ("last_year_n",) * 3}
    asked = {"n": pl.len(), "dense n": dense.sum(), "mean": y.mean(), "bias": (pl.col("expected_n") - y).mean(),
             "coverage": inside.mean(), "dense coverage": inside.filter(dense).mean()}  # fmt: skip
    for name, (point, low, high) in who.items():
        off = (pl.col(point) - y).abs()
        asked |= {f"{name}mae": off.mean(), f"{name}mase": (off / pl.col("scale")).filter(pl.col("scale") > 0).mean(),
                  f"{name}pinball": ((_pinball(low, 0.1) + _pinball(high, 0.9)) / 2).mean()}  # fmt: skip
    return {name: float(value) for name, value in rows.select(**asked).row(0, named=True).items()}


def _pinball(column: str, level: float) -> pl.Expr:
    short = pl.col("y") - pl.col(column)
    return pl.max_horizontal(level * short, (level - 1) * short)


def difference(rows: pl.DataFrame, rival: str, draws: int = 2000) -> tuple[float, float]:
    """95 % interval of the mean error less the rival's; whole weeks are resampled, for areas of a week move together."""
    off = (pl.col("expected_n") - pl.col("y")).abs() - (pl.col(rival) - pl.col("y")).abs()
    weeks = rows.group_by("week").agg(off=off.sum(), n=pl.len()).sort("week")
    drawn = np.random.default_rng(7).integers(0, weeks.height, (draws, weeks.height))
    means = weeks["off"].to_numpy()[drawn].sum(1) / weeks["n"].to_numpy()[drawn].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def bench(data: Path, full: bool = False) -> Figures:
    """figure -> {value, unit, bar, met, how}, on the headlines of 2025. `full` changes nothing: it takes seconds."""
    rows = relive(headlines(data), TEST)
    found = measured(rows)
    how = f"{HOW}, n = {found['n']:.0f} area-weeks"
    out: Figures = {}
    for name in ("mae", "mase", "pinball"):
        for rival in ("seasonal naive", "last week"):
            bar = found[f"{rival} {name}"]
            note = "same week of last year" if rival == "seasonal naive" else "seasonal naive of days, season a week"
            if name == "mae":
                low, high = difference(rows, {"seasonal naive": "last_year_n", "last week": "naive_n"}[rival])
                note += f"; difference {low:.3f} to {high:.3f} at 95 %, weeks resampled"
            if name == "pinball":
                note += "; ends of the interval as 10 % and 90 %, a point forecast being its own interval"
            out[f"areas {name} against {rival}"] = _figure(found[name], bar, found[name] < bar, f"{how}; bar: {rival} ({note})")
    few = f"{how[: how.rindex(',')]}, the {found['dense n']:.0f} area-weeks with {DENSE_N:.0f} expected or more"
    value, (least, most) = found["dense coverage"], COVERED
    out["areas coverage of the 80 % interval"] = _figure(value, least, least <= value <= most, f"{few}; bar: {least} to {most}")
    out["areas coverage, rare areas too"] = _figure(
        found["coverage"], None, None, f"{how}; no bar: where nine weeks of ten are empty, no whole-number interval covers less"
    )
    out["areas bias"] = _figure(found["bias"], None, None, f"{how}; mean of expected less what came, which was {found['mean']:.2f} a week")
    return out


def _figure(value: float, bar: float | None, met: bool | None, how: str) -> dict[str, Any]:
    return {"value": round(value, 4), "unit": "", "bar": bar if bar is None else round(bar, 4), "met": met, "how": how}
