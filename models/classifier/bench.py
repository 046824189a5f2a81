"""`guanchao bench text`: the shipped classifier on the frozen test split, and how fast it reads."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import polars as pl

from models import judge
from models.classifier import datasets
from models.classifier.network import HEADS
from models.classifier.score import Classifier
from models.classifier.train import measure

BARS = {  # issue 3: the bar of each figure
    "posts/relevant/macro_f1": 0.91, "posts/sentiment/macro_f1": 0.87, "posts/category/macro_f1": 0.72,
    "headlines/relevant/macro_f1": 0.90, "headlines/sentiment/macro_f1": 0.82, "headlines/category/macro_f1": 0.65,
}  # fmt: skip
ECE_BAR = 0.04


def bench(data: Path) -> dict[str, dict[str, Any]]:
    """figure -> value, unit, bar, met, how."""
    own = datasets.labelled(data).filter(pl.col("relevant").is_not_null())
    test = own.filter(pl.col("split") == "test")
    classifier = Classifier.load()
    figures = measure(classifier, test)
    linear = judge.table(test, judge.linear_baseline(own.filter(pl.col("split") == "train"), test, HEADS), HEADS)
    out = {}
    for name, value in figures.items():
        if name.endswith("/n"):
            continue
        is_ece = name.endswith("ece")
        bar = ECE_BAR if is_ece else BARS[name]
        rows_n = int(figures[name.rsplit("/", 1)[0] + "/n"])
        how = f"{rows_n} rows of the frozen test split (models/classifier/datasets.py); linear baseline {linear[name]:.3f}"
        out[name] = {"value": round(value, 4), "unit": "", "bar": bar, "met": bool(value <= bar if is_ece else value >= bar), "how": how}
    texts = test["text"].to_list()[:2000]
    classifier.probabilities(texts[:64])
    started = time.perf_counter()
    classifier.probabilities(texts)
    speed = len(texts) / (time.perf_counter() - started)
    out["posts_per_second"] = {
        "value": round(speed, 1),
        "unit": "posts/s",
        "bar": None,
        "met": None,
        "how": "OpenVINO f32, tokenisation included",
    }
    return out
