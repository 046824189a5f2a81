"""From cascades that were picked because they grew to a hospital's own stream: a prior shift by the number of posts known.

Saerens, Latinne, Decaestecker 2002 and Elkan 2001: if two populations differ in how often the answer is yes, but not in what
yes and no look like, the odds of one become those of the other when multiplied by the ratio of their prior odds. The prior here
is the chance that an event which has just reached n posts doubles and grows by five:

- picked: within 24 h, in the thinned training cascades;
- in the wild: ever, among hospital posts on Weibo collected without regard to their outcome (their final reposts, and themselves).

"Ever" is more than "within 24 h", which makes the correction too weak; the training rows are asked later than at the nth post,
when fewer still grow, which makes it too strong. docs/model-card-escalation.md has both, measured. It never raises a probability.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.escalation.features import HORIZONS, threshold

Numbers = NDArray[np.float64]
Curve = dict[str, list[float]]

FILE = "text/hospital_posts.parquet"
SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 14, 20, 28, 40, 57, 80)
FEWEST = 100  # posts in the wild, or picked cascades, that reached n: with fewer the curve ends


def wild(data: Path) -> pl.DataFrame:
    """published_at and final known posts `size` (itself and its reposts) of 7,673 hospital posts of 2016–2020, most of early 2020."""
    found = pl.read_parquet(data / FILE).filter(pl.col("source") == "lunarwhite_covid_weibo", pl.col("kind") == "post")
    return found.drop_nulls("reposts").select(
        pl.col("published_at").str.to_datetime(time_zone="UTC"), (pl.col("reposts") + 1).alias("size")
    )


def learn(sizes: pl.Series, picked: pl.DataFrame) -> Curve:
    """n -> prior `wild` and `picked`; the `factor` on the odds, never falling with n, and ended by its first 1; and the share
    `still` of those in the wild with n posts or more that never got one more than n.

    sizes: final posts of events in the wild; picked: unit, posted_at of the posts seen of each cascade.
    """
    cascades = picked.sort("unit", "posted_at").group_by("unit", maintain_order=True).agg("posted_at")
    curve: Curve = {"n": [], "wild": [], "picked": [], "factor": [], "still": []}
    least = 0.0
    for n in SIZES:
        need = pl.select(threshold(pl.lit(n))).item()
        reached, grown = int((sizes >= n).sum()), int((sizes >= need).sum())
        nth, last = (pl.col("posted_at").list.get(k - 1, null_on_oob=True) for k in (n, need))
        waits = cascades.select(nth.alias("nth"), (last - nth).alias("wait")).drop_nulls("nth")["wait"]
        if min(reached, len(waits)) < FEWEST:
            break
        rates = grown / reached, int((waits <= timedelta(hours=HORIZONS[0])).sum()) / len(waits)
        least = min(1.0, max(least, _odds(rates[0]) / _odds(rates[1])))
        for name, value in zip(curve, (float(n), *rates, least, int((sizes == n).sum()) / reached), strict=True):
            curve[name].append(value)
        if least == 1:
            break
    return curve


def _odds(rate: float) -> float:
    """Kept off 0 and 1, which a small sample may show."""
    inside = min(max(rate, 1e-3), 1 - 1e-3)
    return inside / (1 - inside)


def learn_ladder(sizes: pl.Series, picked: pl.DataFrame, bars: list[float]) -> dict[str, list[Any]]:
    """n -> `factors`, one a bar, on the odds that an event of n posts reaches that bar: as `learn`, with a bar for its doubling.

    Never above 1, never falling with n; a bar that n has reached takes the factor of the next.
    """
    cascades = picked.sort("unit", "posted_at").group_by("unit", maintain_order=True).agg("posted_at")
    curve: dict[str, list[Any]] = {"n": [], "factors": []}
    least = np.zeros(len(bars))
    for n in SIZES:
        reached = int((sizes >= n).sum())
        nth = pl.col("posted_at").list.get(n - 1, null_on_oob=True)
        grown = [(pl.col("posted_at").list.get(int(bar) - 1, null_on_oob=True) - nth).alias(f"{bar}") for bar in bars]
        waits = cascades.select(nth.alias("nth"), *grown).drop_nulls("nth")
        if min(reached, waits.height) < FEWEST:
            break
        within = [int((waits[f"{bar}"] <= timedelta(hours=HORIZONS[0])).sum()) / waits.height for bar in bars]
        ratios = [
            np.nan if bar <= n else _odds(int((sizes >= bar).sum()) / reached) / _odds(share)
            for bar, share in zip(bars, within, strict=True)
        ]  # fmt: skip
        if np.isnan(ratios).all():
            break
        filled = pl.Series(ratios).fill_nan(None).fill_null(strategy="backward").to_numpy()
        least = np.minimum(1.0, np.maximum(least, filled))
        curve["n"].append(float(n))
        curve["factors"].append(least.tolist())
    return curve


def ladder_factor(n: Numbers, curve: dict[str, list[Any]]) -> Numbers:
    """One row an n, one column a bar."""
    at, log_n = np.log(curve["n"]), np.log(np.maximum(n, 1))
    return np.column_stack([np.interp(log_n, at, column) for column in np.array(curve["factors"]).T])


def factor(n: Numbers, curve: Curve) -> Numbers:
    """What the odds of an event of n posts are multiplied by: in (0, 1], 1 beyond the curve's end."""
    return _read(n, curve, "factor", 1.0)


def _read(n: Numbers, curve: Curve, name: str, beyond: float) -> Numbers:
    if not curve["n"]:
        return np.full_like(n, beyond)
    between = np.interp(np.log(np.maximum(n, 1)), np.log(curve["n"]), curve[name])
    return np.where(n > curve["n"][-1], beyond, between)


def shift(p: Numbers, by: Numbers) -> Numbers:
    """Probabilities with their odds multiplied."""
    return np.asarray(p * by / (1 - p * (1 - by)))


def shift_sizes(sizes: dict[str, Numbers], n: Numbers, p: Numbers, less: Numbers, curve: Curve) -> dict[str, Numbers]:
    """low, expected, high (10, 50, 90 %) when the part of the distribution that escalates weighs `less` instead of p.

    A quantile of the shifted distribution is a lower quantile of the unshifted one, read off a line through (0, n) and the three;
    it is n as far as the share that is known to stay there reaches.
    """
    still = _read(n, curve, "still", 0.0)
    low, expected, high = sizes["low"], sizes["expected"], sizes["high"]

    def at(level: float) -> Numbers:
        stays = 1 - less
        was = np.where(level <= stays, level * (1 - p) / stays, 1 - (1 - level) * p / less)
        lines = [n + (low - n) * was / 0.1, low + (expected - low) * (was - 0.1) / 0.4]
        return np.select([level <= still, was <= 0.1, was <= 0.5], [n, *lines], expected + (high - expected) * (was - 0.5) / 0.4)

    return {"expected": at(0.5), "low": at(0.1), "high": at(0.9)}
