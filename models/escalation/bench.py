"""Figures of the shipped champion on the test splits, each with the baseline as its bar; and the correction, on posts in the wild."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from models.escalation import boards, cascades, selection
from models.escalation.features import HORIZONS, spread_features, threshold
from models.escalation.judging import CORRECTED, FORECASTER, table
from models.escalation.model import Forecaster, Head

Figures = dict[str, dict[str, Any]]
ECE_BAR = 0.05  # design/ESCALATION.md §4: the floor every forecaster must pass
PARTS = {"board": ("all", "medical", "medical, not in top 10"), "spread": ("all",)}
NOT_JUDGED = (
    "the model as on the road, corrected for selection, on cascades that were picked because they grew: not the population it is for"
)


def bench(data: Path, full: bool = False) -> Figures:
    """figure -> {value, unit, bar, met, how}. `full` uses every test row that training used, else all medical and 5 % of the others."""
    rows = {
        "board": boards.rows(data, ("test",), **({} if full else {"share": 0.05})),
        "spread": cascades.rows(data, ("test",), **({} if full else {"draws": 3})),
    }
    forecaster = Forecaster.load()
    figures = table(forecaster, rows)
    out: Figures = {}
    for line in figures.filter(pl.col("who") == FORECASTER).iter_rows(named=True):
        if line["slice"] in PARTS[line["model"]]:
            same = figures.filter(pl.col("model") == line["model"], pl.col("slice") == line["slice"])
            out |= _against_bars(line, same.filter(~pl.col("who").is_in([FORECASTER, CORRECTED])))
            for shown in same.filter(pl.col("who") == CORRECTED).iter_rows(named=True):
                out |= {f"{_name(line)} {name}, corrected": _shown(shown[name]) for name in ("auc", "ap", "brier", "ece")}
    return out | lone_posts(forecaster.heads["spread"], selection.wild(data))


def _name(line: dict[str, Any]) -> str:
    return f"escalation {line['model']} ({line['slice']})"


def _shown(value: float) -> dict[str, Any]:
    return {"value": round(value, 4), "unit": "", "bar": None, "met": None, "how": NOT_JUDGED}


def _against_bars(line: dict[str, Any], rivals: pl.DataFrame) -> Figures:
    bars: dict[str, Any] = {"auc": rivals["auc"].max(), "ap": rivals["ap"].max(), "brier": rivals["brier"].min(), "ece": ECE_BAR}
    how = f"test split, slice {line['slice']}, n = {line['n']:.0f}, base rate {line['base']:.3f}"
    if line["model"] == "spread":
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
    asked = wild.with_row_index("unit").with_columns((pl.col("published_at") + timedelta(minutes=15)).alias("as_of"))
    posted = asked.select("unit", pl.col("published_at").alias("posted_at"), pl.col("unit").alias("author"))
    rows = spread_features(posted, asked).with_columns(pl.lit(float(HORIZONS[0])).alias("horizon_h"))
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
