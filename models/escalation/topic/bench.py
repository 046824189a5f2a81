"""Figures of the shipped topic forecaster on the test splits: bars, baselines, intervals over topics, medical slices, a walk forward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.escalation import metrics
from models.escalation.topic.dataset import table as dataset
from models.escalation.topic.judging import FORECASTER, gains, table
from models.escalation.topic.model import TopicForecaster
from models.escalation.topic.readings import BoardProblem

Figures = dict[str, dict[str, Any]]
BARS = {("board_top10", "zhihu"): {"auc": 0.90, "ap": 0.62}, ("board_top10", "baidu"): {"auc": 0.80}}  # issue 6
ECE_BAR = 0.05  # design/ESCALATION.md §4: the floor every forecaster must pass
SHORT_DAYS = 45  # of each board's test period, from its first day, in the short form
QUARTERS = {
    "zhihu": tuple(datetime(2024, month, 1, tzinfo=UTC) for month in (1, 4, 7, 10)),
    "baidu": tuple(datetime(2025, month, 1, tzinfo=UTC) for month in (1, 4, 7)),
}
DAY = timedelta(days=1)
HOLD_OUT = timedelta(days=60)  # before a quarter: rounds and calibration are chosen there


def bench(data: Path, full: bool = False) -> Figures:
    """figure -> {value, unit, bar, met, how}. Short: the first 45 days of each test period; full: all of them, and the walk forward."""
    forecaster = TopicForecaster.load()
    rows = dataset(data, splits=("test",), later=2 if full else 0, days=None if full else SHORT_DAYS)
    known = table(forecaster, rows)
    spans = gains(forecaster, rows, draws=200 if full else 50)
    out: Figures = {}
    for line in known.filter(pl.col("who") == FORECASTER).iter_rows(named=True):
        same = known.filter(pl.col("target") == line["target"], pl.col("slice") == line["slice"], pl.col("who") != FORECASTER)
        out |= _figures(line, same, spans)
    return out | (walk(data) if full else {})


def _figures(line: dict[str, Any], rivals: pl.DataFrame, spans: pl.DataFrame) -> Figures:
    best = {name: rivals.select(pl.col(name).max()).item() for name in ("auc", "ap")}
    how = f"test split, n = {line['n']:.0f}, base rate {line['base']:.3f}; best baseline AUC {best['auc']:.3f}, AP {best['ap']:.3f}"
    bars: dict[str, float] = BARS.get((line["target"], line["slice"]), {})
    out = {}
    for name in ("auc", "ap", "brier", "ece"):
        bar = ECE_BAR if name == "ece" else bars.get(name)
        span = spans.filter(pl.col("target") == line["target"], pl.col("slice") == line["slice"], pl.col("figure") == name)
        beside = "".join(f"; minus rank, 95 % over topics: {one['low']:+.3f} … {one['high']:+.3f}" for one in span.iter_rows(named=True))
        met = None if bar is None else bool(line[name] <= bar if name == "ece" else line[name] >= bar)
        out[f"topic {line['target']} ({line['slice']}) {name}"] = {
            "value": round(line[name], 4), "unit": "", "bar": bar, "met": met, "how": how + beside,
        }  # fmt: skip
    return out


def walk(data: Path, rows: pl.DataFrame | None = None) -> Figures:
    """Learned anew before each quarter, on what was known by then, and asked about it: a board and quarter, and all quarters together.

    知乎 of 2024, whole, is the test of the study that the issue's bars come from (base rate .118; the rank alone .54).
    Only instants 2.1 h after a topic was first seen, of the two years before: quicker, and little worse than the shipped training.
    """
    rows = (dataset(data, later=0) if rows is None else rows).filter("is_early").drop_nulls("board_top10")
    out: Figures = {}
    for board, starts in QUARTERS.items():
        said = []
        for start, end in zip(starts, (*starts[1:], starts[-1] + timedelta(days=92)), strict=True):
            asked = rows.filter(pl.col("board") == board, pl.col("is_issue"), pl.col("as_of") >= start, pl.col("as_of") < end)
            said.append(_said_before(rows, asked, start))
            out |= _walked(f"{board} {start:%Y} Q{(start.month + 2) // 3}", said[-1], {})
        out |= _walked(f"{board} {starts[0]:%Y}, all", pl.concat(said), BARS["board_top10", board] | {"ece": ECE_BAR})
    return out


def _said_before(rows: pl.DataFrame, asked: pl.DataFrame, start: datetime) -> pl.DataFrame:
    """y, p and rank of `asked`, by a forecaster of what was over a day before `start`."""
    from models.escalation.topic.fit import fit, with_words

    over, held = start - DAY, start - HOLD_OUT
    past = rows.filter(pl.col("as_of") < over, pl.col("as_of") > start - timedelta(days=730)).with_columns(
        pl.when(pl.col("as_of") < held - DAY).then(pl.lit("train")).when(pl.col("as_of") >= held).then(pl.lit("validation")).alias("split")
    )  # fmt: skip
    learned, words = with_words(past.drop_nulls("split"))
    fitted = fit(learned, words, ("board_top10",))
    forecaster = TopicForecaster(fitted.boosters, fitted.knots, words, "")
    p = forecaster.predict(forecaster.with_text(asked), "board_top10")
    return pl.DataFrame({"y": asked["board_top10"].cast(pl.Float64), "p": p, "rank": asked["rank"]})


def _walked(name: str, said: pl.DataFrame, bars: dict[str, float]) -> Figures:
    y, p, rank = (said[column].to_numpy() for column in ("y", "p", "rank"))
    if len(np.unique(y)) < 2:
        raise BoardProblem(f"{name}: one outcome alone among {len(y)} rows")
    how = f"learned anew before each quarter, n = {len(y)}, base rate {y.mean():.3f}, AUC of rank {metrics.auc(y, -rank):.3f}"
    found, out = metrics.figures(y, p), {}
    for one in ("auc", "ap", "ece"):
        bar = bars.get(one)
        met = None if bar is None else bool(found[one] <= bar if one == "ece" else found[one] >= bar)
        out[f"topic walk forward ({name}) {one}"] = {"value": round(found[one], 4), "unit": "", "bar": bar, "met": met, "how": how}
    return out
