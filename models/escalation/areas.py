"""Next week's negative posts by department and by category, from the weekly counts of the last year.

Counted are relevant negative posts that name the hospital for sure, each in the week in which it was first seen, so a week's count is
never revised; a post already over a week old when first seen is old news brought in, and counts nowhere. Weeks are the seven days up
to each Shanghai midnight before as_of's day: on a Monday, calendar weeks.

Most areas have more empty weeks than others: expected_n is ADIDA's (Nikolopoulos et al. 2011, J. Operational Research Society 62(3)),
as in Nixtla's statsforecast. low_n to high_n is the shortest run of whole numbers that holds 80 % of a negative binomial with that mean
and the history's overdispersion. naive_n is the seasonal naive of days, season a week: the count of the last seven days.
A hospital seen for less than 8 whole weeks, and an area without a negative post in the weeks looked back over, get no row.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from warehouse.clock import SHANGHAI
from warehouse.schema import AT, TABLES, empty

WEEKS, LEAST_WEEKS, FRESH_DAYS = 52, 8, 7
LOOKS_BACK = timedelta(weeks=WEEKS, days=1)
SHARE = 0.8  # of the chances that low_n to high_n must hold
LEAST_MEAN = 0.01  # posts a week; the binomial has no mean of zero
COLUMNS = [name for name in TABLES["outlooks"].columns if name not in ("run_id", "day_on")]
AREA = ["hospital_id", "area_kind", "area"]


def coming_monday(as_of: datetime) -> date:
    """The Monday that the outlook starts on: as_of's own day if it is one, else the next."""
    today = as_of.astimezone(SHANGHAI).date()
    return today + timedelta(days=-today.weekday() % 7)


def outlook(posts: pl.DataFrame, mentions: pl.DataFrame, scores: pl.DataFrame, as_of: datetime, relevant_p: float = 0.5) -> pl.DataFrame:
    """A row an area, in the columns of `outlooks`, sorted by its key; nothing first seen after as_of is read.

    posts: post_id, first_seen_at, published_at; mentions and scores: the tables' columns, one score a post (else the last model's by
    name). A Monday's row looks one week ahead; on another day the week starts up to six days later, and the figure is the same.
    """
    as_of = as_of.astimezone(UTC)
    counts = weekly_counts(posts, mentions, scores, as_of, relevant_p)
    if not counts.height:
        return empty("outlooks").select(COLUMNS)
    found = [expect(np.array(y, dtype=np.float64)) for y in counts["y"]]
    figures = {name: pl.Series([row[i] for row in found], dtype=pl.Float64) for i, name in enumerate(("expected_n", "low_n", "high_n"))}
    return counts.with_columns(
        week_on=pl.lit(coming_monday(as_of).isoformat()), as_of=pl.lit(as_of, AT),
        naive_n=pl.col("y").list.last().cast(pl.Float64), model_version=pl.lit(f"areas-adida-{version('statsforecast')}"), **figures,
    ).select(COLUMNS)  # fmt: skip


def weekly_counts(posts: pl.DataFrame, mentions: pl.DataFrame, scores: pl.DataFrame, as_of: datetime, relevant_p: float) -> pl.DataFrame:
    """hospital_id, area_kind, area, y: negative posts of each whole week, oldest first; areas with history only, sorted."""
    said = _said(posts, mentions, scores, as_of)
    seen = said.group_by("hospital_id").agg(weeks_n=((pl.col("days_back").max()) // 7).clip(upper_bound=WEEKS))
    negative = (
        said.join(seen.filter(pl.col("weeks_n") >= LEAST_WEEKS), on="hospital_id")
        .filter(pl.col("relevant_p") >= relevant_p, pl.col("negative_p") >= pl.max_horizontal("neutral_p", "positive_p"))
        .with_columns(week=pl.col("weeks_n") - 1 - (pl.col("days_back") - 1) // 7)
        .filter(pl.col("days_back") >= 1, pl.col("week") >= 0)
    )
    kinds = [
        negative.select("hospital_id", pl.lit(kind).alias("area_kind"), pl.col(kind).alias("area"), "weeks_n", "week").drop_nulls("area")
        for kind in ("category", "department")
    ]
    areas = pl.concat(kinds).group_by(*AREA, "weeks_n").agg("week").sort(AREA)
    filled = [np.bincount(weeks, minlength=n).tolist() for weeks, n in areas.select("week", "weeks_n").iter_rows()]
    return areas.select(*AREA, pl.Series("y", filled, dtype=pl.List(pl.Int64)))


def _said(posts: pl.DataFrame, mentions: pl.DataFrame, scores: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """A row a post and hospital it names for sure: days_back (whole Shanghai days before as_of's; 0: today), what was read in it."""
    known = pl.col("first_seen_at") <= as_of
    fresh = pl.col("published_at").is_null() | (pl.col("first_seen_at") - pl.col("published_at") <= timedelta(days=FRESH_DAYS))
    day = pl.col("first_seen_at").dt.convert_time_zone("Asia/Shanghai").dt.date()
    today = as_of.astimezone(SHANGHAI).date()
    read = scores.filter(known).sort("model_version").unique("post_id", keep="last", maintain_order=True)
    sure = mentions.filter(known, pl.col("status") == "confirmed").select("post_id", "hospital_id", "department")
    return (
        posts.filter(known, fresh)
        .select("post_id", days_back=(pl.lit(today) - day).dt.total_days())
        .join(sure, on="post_id")
        .join(read.select("post_id", "relevant_p", "negative_p", "neutral_p", "positive_p", "category"), on="post_id", how="left")
    )


def expect(y: NDArray[np.float64]) -> tuple[float, float, float]:
    """(expected, low, high) of the week after y, at least LEAST_WEEKS counts, oldest first, not all zero."""
    from statsforecast.models import ADIDA

    mean = max(float(ADIDA().forecast(y=y, h=1)["mean"][0]), LEAST_MEAN)
    low, high = shortest(_chances(mean, y))
    return round(mean, 2), float(low), float(high)


def _chances(mean: float, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(0), P(1), … of a negative binomial, variance mean + k mean², k by the history's moments; nearly Poisson if it is not wider."""
    from scipy.stats import nbinom

    k = max(float(y.var(ddof=1) - y.mean()) / float(y.mean()) ** 2, 1e-3)
    law: Any = nbinom(1 / k, 1 / (1 + k * mean))
    return np.asarray(law.pmf(np.arange(int(law.ppf(0.999)) + 2)), dtype=np.float64)


def shortest(chances: NDArray[np.float64], share: float = SHARE) -> tuple[int, int]:
    """First and last of the fewest neighbouring counts that hold `share`; of equally many, the likelier. chances: P(0), P(1), …"""
    upto = np.concatenate([[0.0], np.cumsum(chances)])
    starts = np.arange(len(chances))
    ends = np.searchsorted(upto, upto[:-1] + share - 1e-9)
    starts, ends = starts[ends < len(upto)], ends[ends < len(upto)]
    best = np.lexsort((-(upto[ends] - upto[starts]), ends - starts))[0]
    return int(starts[best]), int(ends[best]) - 1
