"""Figures of the shipped champion on the test splits, each with the baseline as its bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from models.escalation import boards, cascades
from models.escalation.judging import FORECASTER, table
from models.escalation.model import Forecaster

ECE_BAR = 0.05  # design/ESCALATION.md §4: the floor every forecaster must pass
PARTS = {"board": ("all", "medical", "medical, not in top 10"), "spread": ("all",)}


def bench(data: Path, full: bool = False) -> dict[str, dict[str, Any]]:
    """figure -> {value, unit, bar, met, how}. `full` uses every test row that training used, else all medical and 5 % of the others."""
    rows = {
        "board": boards.rows(data, ("test",), **({} if full else {"share": 0.05})),
        "spread": cascades.rows(data, ("test",), **({} if full else {"draws": 3})),
    }
    figures = table(Forecaster.load(), rows)
    out: dict[str, dict[str, Any]] = {}
    for line in figures.filter(pl.col("who") == FORECASTER).iter_rows(named=True):
        if line["slice"] not in PARTS[line["model"]]:
            continue
        rivals = figures.filter(pl.col("model") == line["model"], pl.col("slice") == line["slice"], pl.col("who") != FORECASTER)
        bars: dict[str, Any] = {"auc": rivals["auc"].max(), "ap": rivals["ap"].max(), "brier": rivals["brier"].min(), "ece": ECE_BAR}
        how = (
            f"test split, slice {line['slice']}, n = {line['n']:.0f}, base rate {line['base']:.3f}; bar: best of {', '.join(rivals['who'])}"
        )
        for name, bar in bars.items():
            met = line[name] >= bar if name in ("auc", "ap") else line[name] <= bar
            source = how if name != "ece" else how.split(";")[0] + "; bar: design/ESCALATION.md"
            value = {"value": round(line[name], 4), "unit": "", "bar": round(bar, 4), "met": bool(met), "how": source}
            out[f"escalation {line['model']} ({line['slice']}) {name}"] = value
    return out
