"""Figures of the shipped forecasters: of events, here, on the test splits, each with the baseline as its bar; of cascades and of topics;
how long the road takes; and the correction for selection, on posts in the wild."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.escalation import boards, cascades, repost_rows, selection, speed
from models.escalation.early import early
from models.escalation.features import HORIZONS, spread_features, threshold
from models.escalation.judging import CORRECTED, FORECASTER, table
from models.escalation.ladder import Ladder
from models.escalation.model import Forecaster, Head

Figures = dict[str, dict[str, Any]]
ECE_BAR = 0.05  # design/ESCALATION.md §4: the floor every forecaster must pass
PARTS = {
    "board": ("all", "medical", "medical, not in top 10"), "spread": ("all",), "rank": ("medical", "medical, top 10", "medical, top 50"),
    "volume": ("all", "20 posts", "100 posts", "of several posts"), "reposts": ("all", "500 reposts"),
}  # fmt: skip
NOT_JUDGED = (
    "the model as on the road, corrected for selection, on cascades that were picked because they grew: not the population it is for"
)


def bench(data: Path, full: bool = False) -> Figures:
    """figure -> {value, unit, bar, met, how}. `full` uses every test row that training used, and adds what takes long."""
    from models.escalation.areas_bench import bench as of_areas
    from models.escalation.cascade.bench import bench as of_cascades
    from models.escalation.topic.bench import bench as of_topics

    return of_events(data, full) | of_cascades(data, full) | of_topics(data, full) | of_areas(data, full) | _speed()


def _speed() -> Figures:
    forecaster, began = Forecaster.load(), time.process_time()
    seconds, found, tables = speed.measure(forecaster)
    posts, counts, busy = tables["posts"].height, tables["observations"].height, time.process_time() - began
    how = (
        f"{speed.EVENTS} constructed live events, {posts} posts, {counts} observations -> {found.height} forecasts, explained; "
        f"{busy:.1f} s of processor time, the making of the events included"
    )
    return {
        "escalation 10,000 live events": {
            "value": round(seconds, 1), "unit": "s", "bar": speed.BAR_S, "met": seconds <= speed.BAR_S, "how": how,
        }
    }  # fmt: skip


def of_events(data: Path, full: bool) -> Figures:
    """`full`: else all medical rows of boards and 2 % of the others, and one draw of each cascade."""
    topics = boards.tables(data, ("test",), **({} if full else {"share": 0.02}))
    spread = cascades.tables(data, ("test",), **({} if full else {"draws": 1}))
    rows = topics | spread | {"reposts": repost_rows.rows(data, ("test",), **({} if full else {"draws": 1}))}
    forecaster = Forecaster.load()
    figures = table(forecaster, rows)
    out: Figures = {}
    for line in figures.filter(pl.col("who") == FORECASTER).iter_rows(named=True):
        if line["slice"] in PARTS[line["model"]]:
            same = figures.filter(pl.col("model") == line["model"], pl.col("slice") == line["slice"])
            out |= _against_bars(line, same.filter(~pl.col("who").is_in([FORECASTER, CORRECTED])))
            for shown in same.filter(pl.col("who") == CORRECTED).iter_rows(named=True):
                out |= {f"{_name(line)} {name}, corrected": _shown(shown[name]) for name in ("auc", "ap", "brier", "ece")}
    wild = selection.wild(data)
    out |= lone_posts(forecaster.heads["spread"], wild) | lone_levels(forecaster.ladders["volume"], wild)
    return out | (early(forecaster.ladders["volume"], data) if full else {})


def _name(line: dict[str, Any]) -> str:
    return f"escalation {line['model']} ({line['slice']})"


def _shown(value: float) -> dict[str, Any]:
    return {"value": round(value, 4), "unit": "", "bar": None, "met": None, "how": NOT_JUDGED}


def _against_bars(line: dict[str, Any], rivals: pl.DataFrame) -> Figures:
    bars: dict[str, Any] = {"auc": rivals["auc"].max(), "ap": rivals["ap"].max(), "brier": rivals["brier"].min(), "ece": ECE_BAR}
    how = f"test split, slice {line['slice']}, n = {line['n']:.0f}, base rate {line['base']:.3f}"
    if line["model"] in ("spread", "volume", "reposts"):
        how += ", the calibrated model before its correction for selection"
    out = {}
    for name, bar in bars.items():
        met = line[name] >= bar if name in ("auc", "ap") else line[name] <= bar
        source = "design/ESCALATION.md" if name == "ece" else f"best of {', '.join(rivals['who'])}"
        out[f"{_name(line)} {name}"] = {
            "value": round(line[name], 4), "unit": "", "bar": round(bar, 4), "met": bool(met), "how": f"{how}; bar: {source}",
        }  # fmt: skip
    return out


def lone_posts(head: Head, wild: pl.DataFrame) -> Figures:
    """What is said of each post in the wild when it is new and, nearly always, alone, against the share that ever grew."""
    rows = _lone(wild)
    grew = float((wild["size"] >= pl.select(threshold(pl.lit(1))).item()).mean())
    how = (
        f"mean of {wild.height} hospital posts, each alone, 15 min old; bar: share that ever had five reposts, of the same posts; a ceiling"
    )
    out = {}
    for name, is_picked in (("before correction", True), ("corrected", False)):
        said = float(head.predict(rows, is_picked)["escalates_p"].mean())  # type: ignore[arg-type]
        out[f"escalation spread (lone posts) p24, {name}"] = {
            "value": round(said, 4), "unit": "", "bar": round(grew, 4), "met": said <= grew, "how": how,
        }  # fmt: skip
    return out


def lone_levels(ladder: Ladder, wild: pl.DataFrame) -> Figures:
    """The same of the posts of a day that levels ask for, against the share that ever had as many."""
    climb, out = ladder.climb(_lone(wild)), {}
    for bar in (3, 8, 20, 100):
        said, grew = float(climb.at(np.full(wild.height, float(bar))).mean()), float(np.mean((wild["size"] >= bar).to_numpy()))
        how = (
            f"mean of {wild.height} hospital posts, each alone, 15 min old; bar: share that ever had as many, of the same posts; a ceiling"
        )
        out[f"escalation volume (lone posts) {bar} posts in 24 h"] = {
            "value": round(said, 4), "unit": "", "bar": round(grew, 4), "met": said <= grew, "how": how,
        }  # fmt: skip
    return out


def _lone(wild: pl.DataFrame) -> pl.DataFrame:
    """Features of each post 15 minutes after its publication, alone, for the first horizon."""
    asked = wild.with_row_index("unit").with_columns((pl.col("published_at") + timedelta(minutes=15)).alias("as_of"))
    posted = asked.select("unit", pl.col("published_at").alias("posted_at"), pl.col("unit").alias("author"))
    return spread_features(posted, asked).with_columns(pl.lit(float(HORIZONS[0])).alias("horizon_h"))
