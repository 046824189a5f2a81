"""What is known of events -> the odds of each target, without sizes or words: for the forecast, and for the same with one thing changed."""

from __future__ import annotations

import numpy as np
import polars as pl

from models.escalation.features import HORIZONS
from models.escalation.head import LEAST_P
from models.escalation.known import Known
from models.escalation.ladder import Climb
from models.escalation.model import KINDS, Forecaster

KEY = ["unit", "target", "horizon_h"]


def at(rows: pl.DataFrame, hours: int) -> pl.DataFrame:
    return rows.with_columns(pl.lit(float(hours)).alias("horizon_h"))


def odds(forecaster: Forecaster, known: Known, bars: pl.DataFrame, horizons: tuple[int, ...] = HORIZONS) -> pl.DataFrame:
    """unit, target, horizon_h, p: `escalation` of every unit of known.kinds, and the levels of `bars` (as level_odds)."""
    parts = [escalation_odds(forecaster, known, hours) for hours in horizons]
    parts += [level_odds(forecaster, known, bars, hours)[0] for hours in horizons if bars.height]
    return pl.concat([part.select(*KEY, "p") for part in parts])


def escalation_odds(forecaster: Forecaster, known: Known, hours: int) -> pl.DataFrame:
    """A unit of which its head knows nothing (no post, or no board reading left) cannot be said to escalate: LEAST_P."""
    parts = []
    for kind in KINDS:
        rows = known.board if kind == "board" else known.spread.filter(pl.col("n") > 0)
        rows = at(known.kinds.filter(pl.col("kind") == kind).select("unit").join(rows, on="unit", maintain_order="left"), hours)
        parts.append(rows.select("unit").hstack(forecaster.heads[kind].predict(rows).select(p="escalates_p")))
    found = known.kinds.select("unit").join(pl.concat(parts), on="unit", how="left", maintain_order="left")
    return found.with_columns(pl.col("p").fill_null(LEAST_P), target=pl.lit("escalation"), horizon_h=pl.lit(hours, pl.Int64))


def level_odds(forecaster: Forecaster, known: Known, bars: pl.DataFrame, hours: int) -> tuple[pl.DataFrame, Climb]:
    """unit, target, horizon_h, p, by (volume or rank: what brings it there more likely), and known.volume's climb.

    bars: unit, target and the bars of levels.bars_now. Posts and places are taken as independent of each other, given what is known;
    a unit that was on no board in the last week is given no chance of a place, for nothing here has learned from such.
    """
    volume = forecaster.ladders["volume"].climb(at(known.volume, hours))
    rank = forecaster.ladders["rank"].climb(at(known.board, hours))
    posts, places = _of(bars, "posts", known.volume, volume), _of(bars, "rank", known.board, rank)
    both = np.minimum(_of(bars, "both_posts", known.volume, volume), _of(bars, "both_rank", known.board, rank))
    p = np.clip(np.maximum(1 - (1 - posts) * (1 - places), both), LEAST_P, 1 - LEAST_P)
    by = np.where(places > posts, "rank", "volume")
    said = bars.select("unit", "target").with_columns(pl.lit(hours, pl.Int64).alias("horizon_h"), p=p, by=pl.Series(by, dtype=pl.String))
    return said, volume


def _of(bars: pl.DataFrame, name: str, rows: pl.DataFrame, climb: Climb) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Odds that each row of `bars` reaches its bar of that name; 0 without a bar, or where nothing is known."""
    place = rows.select("unit").with_row_index("row")
    joined = bars.select("unit", name).join(place, on="unit", how="left", maintain_order="left")
    is_known = joined["row"].is_not_null().to_numpy() & joined[name].is_not_null().to_numpy()
    found = np.zeros(bars.height)
    if is_known.any():
        rows_in = joined.filter(pl.Series(is_known))
        picked = Climb(climb.chances[rows_in["row"].to_numpy()], climb.bars, climb.is_rank)
        found[is_known] = picked.at(rows_in[name].to_numpy())
    return found
