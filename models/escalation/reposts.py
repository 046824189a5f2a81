"""Will any post of an event reach 500 reposts? Each post's odds by its count's course, and those of an event's posts together.

Posts of one event rise and fall together, but weakly (design/ESCALATION.md §5: the rest that a forecast leaves correlates .14 between
posts of one event), so they share one normal factor. Posts not yet written are not counted: nothing here says how many come, nor how
large they grow, so that a young event's odds are somewhat too low.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from models.escalation.head import LEAST_P, Numbers
from models.escalation.known import Rows
from models.escalation.model import Forecaster
from models.escalation.series import count_features

BAR = 500  # the judicial interpretation on online defamation of 2013 calls as many reposts serious
SHARED = 0.15  # variance of the factor that an event's posts share
OLDEST = timedelta(days=7)
QUIET = timedelta(hours=6)
TARGET = f"reposts_{BAR}"


@dataclass(frozen=True)
class Counted:
    """`features`: a row a post that was read and may reach BAR, of events none of whose posts has, sorted by unit and post."""

    features: pl.DataFrame
    readings: pl.DataFrame
    asked: pl.DataFrame


def gather(rows: Rows, observations: pl.DataFrame, as_of: datetime) -> Counted:
    """Posts of the last week whose reposts were read. observations: the table's rows up to as_of."""
    young = rows.counted.filter(pl.col("posted_at") > as_of - OLDEST).select("unit", "post_id", "posted_at")
    read = observations.filter(pl.col("reposts_n").is_not_null())
    read = read.select("post_id", pl.col("observed_at").alias("read_at"), pl.col("reposts_n").alias("count"))
    there = rows.counted.join(read.filter(pl.col("count") >= BAR), on="post_id", how="semi").select("unit").unique()
    asked = young.join(there, on="unit", how="anti").join(read, on="post_id", how="semi").with_columns(as_of=pl.lit(as_of))
    found = count_features(read, asked.select("post_id", "posted_at", "as_of", "unit")) if asked.height else None
    empty = pl.DataFrame(schema={"unit": pl.String(), "post_id": pl.String()})
    return Counted(empty if found is None else found.sort("unit", "post_id"), read, asked)


def post_odds(forecaster: Forecaster, features: pl.DataFrame, hours: int) -> Numbers:
    climb = forecaster.ladders["reposts"].climb(features.with_columns(pl.lit(float(hours)).alias("horizon_h")), (float(BAR),))
    return np.clip(climb.chances[:, 0], LEAST_P, 1 - LEAST_P)


def event_odds(units: pl.Series, p: Numbers) -> pl.DataFrame:
    """unit, p: that any of its posts reaches it. units: sorted, with the odds of each of their posts.

    One minus the odds that none does, averaged over the shared factor (Gauss–Hermite, 15 points).
    """
    from scipy.special import ndtr, ndtri

    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    starts = np.flatnonzero(np.r_[True, units.to_numpy()[1:] != units.to_numpy()[:-1]])
    none = np.zeros(len(starts))
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        given = ndtr((ndtri(p) + np.sqrt(SHARED) * node) / np.sqrt(1 - SHARED))
        none += weight * np.exp(np.add.reduceat(np.log1p(-np.clip(given, 0, 1 - 1e-12)), starts))
    return pl.DataFrame({"unit": units.gather(starts), "p": np.clip(1 - none, LEAST_P, 1 - LEAST_P)})


def slower(counted: Counted) -> pl.DataFrame:
    """The features had the last 3 h brought half as much; or, where they brought nothing, after 6 h more of that."""
    fewer = pl.col("grown_3h") / 2
    halved = {f"log_grown_{h}h": (pl.col(f"log_grown_{h}h").exp() - 1 - fewer).clip(0).log1p() for h in (3, 6, 12, 24)}
    pace = (pl.col("grown_1h") / 2 + 1) / ((pl.col("grown_2h") - pl.col("grown_1h")) / 2 + 1)
    moving = counted.features.with_columns(
        **halved, log_grown_1h=(pl.col("grown_1h") / 2).log1p(), pace=pl.min_horizontal("pace", pace)
    ).filter(pl.col("grown_3h") > 0)  # fmt: skip
    still = counted.features.filter(pl.col("grown_3h") <= 0).select("post_id")
    asked = counted.asked.join(still, on="post_id", how="semi").with_columns(pl.col("as_of") + QUIET)
    if not asked.height:
        return moving
    last = counted.features.select("post_id", read_at=pl.col("as_of") + QUIET, count=pl.col("count").cast(counted.readings.schema["count"]))
    readings = pl.concat([counted.readings, last.select(counted.readings.columns)], how="vertical_relaxed")
    later = count_features(readings, asked.select("post_id", "posted_at", "as_of", "unit"))
    return pl.concat([moving, later.select(moving.columns)], how="vertical_relaxed").sort("unit", "post_id")
