"""`guanchao bench text`: the shipped classifier on the frozen test split, and how fast it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from models import judge
from models.classifier import datasets
from models.classifier.judging import measure
from models.classifier.network import HEADS
from models.classifier.score import Classifier
from models.classifier.speed import speed


def bench(data: Path, full: bool = False) -> dict[str, dict[str, Any]]:
    """figure -> value, unit, bar, met, how; the speed of it by `speed.speed`."""
    own = datasets.labelled(data).filter(pl.col("relevant").is_not_null())
    test = own.filter(pl.col("split") == "test")
    classifier = Classifier.load()
    figures = measure(classifier, test)
    linear = judge.table(test, judge.linear_baseline(own.filter(pl.col("split") == "train"), test, HEADS), HEADS)
    out: dict[str, dict[str, Any]] = {}
    for name, value in figures.items():
        if name.endswith("/n"):
            continue
        is_ece = name.endswith("ece")
        bar = judge.ECE_BAR if is_ece else judge.BARS[name]
        rows_n = int(figures[name.rsplit("/", 1)[0] + "/n"])
        how = f"{rows_n} rows of the frozen test split (models/classifier/datasets.py); linear baseline {linear[name]:.3f}"
        out[name] = {"value": round(value, 4), "unit": "", "bar": bar, "met": bool(value <= bar if is_ece else value >= bar), "how": how}
    return out | speed(data, full)
