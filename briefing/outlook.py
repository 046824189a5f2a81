"""The section 未来一周: the newest outlook while its week lasts, beside the week before and what is usual. Every figure is a stored one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from briefing.render import clock_words
from warehouse.clock import SHANGHAI
from warehouse.vocabulary import AREA_KINDS, CATEGORIES, USUAL_WORDS

SEEN, LEAST_WEEKS = timedelta(weeks=26), 4  # outlooks whose week-before figures make the usual one, and how many that takes
SHOWN, LEAST_N = 5, 0.5  # areas of a kind, and what is expected of one that is worth a line
TIMES, POSTS = 1.5, 1.0  # more, or less, than usual: by half and by a post at least
AREA = ["hospital_id", "area_kind", "area"]


def coming(outlooks: pl.DataFrame, hospitals: dict[str, str], as_of: datetime) -> dict[str, Any] | None:
    """What the section says; None where no outlook reaches beyond as_of. outlooks: the table's rows known at as_of."""
    newest = outlooks.filter(pl.col("as_of") == pl.col("as_of").max())
    if not newest.height:
        return None
    start = date.fromisoformat(newest["week_on"][0])
    if start + timedelta(weeks=1) <= as_of.astimezone(SHANGHAI).date():
        return None
    rows = newest.join(_usual(outlooks), on=AREA, how="left").sort("expected_n", *AREA, descending=[True, False, False, False])
    names = hospitals if newest["hospital_id"].n_unique() > 1 else {}
    kinds = [_kind(kind, rows.filter(pl.col("area_kind") == kind), names) for kind in AREA_KINDS]
    return {
        "from": _day(start), "to": _day(start + timedelta(days=6)), "made": clock_words(newest["as_of"][0]),
        "kinds": [kind for kind in kinds if kind["rows"] or kind["more_n"]],
    }  # fmt: skip


def _usual(outlooks: pl.DataFrame) -> pl.DataFrame:
    """AREA, usual_n: mean week before each earlier outlook; an area that was not in one had no post. None of fewer than LEAST_WEEKS."""
    earlier = outlooks.filter(pl.col("as_of") < pl.col("as_of").max())
    weeks_n = earlier["as_of"].n_unique()
    found = earlier.group_by(AREA).agg(usual_n=pl.col("naive_n").sum() / max(weeks_n, 1))
    return found if weeks_n >= LEAST_WEEKS else found.clear()


def _kind(kind: str, rows: pl.DataFrame, hospitals: dict[str, str]) -> dict[str, Any]:
    shown = rows.filter(pl.col("expected_n") >= LEAST_N).head(SHOWN)
    top = max([1.0, *shown["high_n"], *shown["naive_n"]])
    said = [_row(row, hospitals, top) for row in shown.iter_rows(named=True)]
    return {"word": AREA_KINDS[kind], "rows": said, "more_n": rows.height - shown.height}


def _row(row: dict[str, Any], hospitals: dict[str, str], top: float) -> dict[str, Any]:
    place = {name: round(100 * min(row[f"{name}_n"], top) / top, 2) for name in ("expected", "low", "high", "naive")}
    low, high = f"{row['low_n']:.0f}", f"{row['high_n']:.0f}"
    usual = row["usual_n"]
    return {
        "area": CATEGORIES.get(row["area"], row["area"]) if row["area_kind"] == "category" else row["area"],
        "hospital": hospitals.get(row["hospital_id"], ""), "expected": f"{row['expected_n']:.1f}",
        "range": low if low == high else f"{low}–{high}", "before": f"{row['naive_n']:.0f}",
        "usual": None if usual is None else f"{usual:.1f}", "heat": _heat(row["expected_n"], usual),
        "word": USUAL_WORDS[_heat(row["expected_n"], usual)], "place": place,
    }  # fmt: skip


def _heat(expected: float, usual: float | None) -> str:
    if usual is None:
        return "unknown"
    if expected >= TIMES * usual and expected - usual >= POSTS:
        return "more"
    return "less" if usual >= TIMES * expected and usual - expected >= POSTS else "same"


def _day(day: date) -> str:
    return f"{day.month}月{day.day}日"
