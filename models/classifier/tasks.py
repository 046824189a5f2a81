"""Public Chinese sets as transfer tasks: the encoder alone is carried over, the head starts from nothing.

Rows as models/classifier/datasets.py splits them: a test file where the set has one, else a fifth by text hash. A train text
that is held out anywhere is banned, whichever set it stands in; repeats count once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from models.classifier import datasets

VALIDATION = range(80, 90)  # buckets (of 100) of a train set without a validation file; 0 … 19 are the test of datasets.OWN_SPLIT


@dataclass(frozen=True)
class Task:
    """`figure` is the one that decides; `bar` None: the linear baseline's figure is the bar."""

    name: str
    sources: tuple[str, ...]
    labels: tuple[str, ...]
    figure: str
    bar: float | None
    published: str


POLARITY = ("negative", "positive")
TASKS = (
    Task("smp2020_usual", ("smp2020_train", "smp2020_usual_eval", "smp2020_usual_test"),
         ("angry", "fear", "happy", "neutral", "sad", "surprise"), "macro_f1", 0.74,
         "published BERT-base, single model, same test: 0.739"),
    Task("chnsenticorp_hotel", ("chnsenticorp_hotel",), POLARITY, "accuracy", None,
         "no published split of this file; on the balanced 9,600-text ChnSentiCorp BERT-base has 0.950 (Cui et al. 2019, "
         "arXiv:1906.08101): another set, not comparable"),
    Task("waimai_10k", ("waimai_10k",), POLARITY, "accuracy", None,
         "a public repository (BERT-WWW_BiLSTM-Atten) reports 0.9145 for BERT on a split of its own: near, not the same rows"),
    Task("weibo2018", ("weibo2018_train", "weibo2018_test"), POLARITY, "accuracy", None,
         "published BERT (HIT wwm), same 500 test texts: 0.87 (github.com/dengxiuqi/WeiboSentiment)"),
)  # fmt: skip


def rows(task: Task, data: Path, banned: set[str]) -> pl.DataFrame:
    """text, label, split of a task; `banned` (datasets.held_out): keys that no train row may have. ConfigProblem where a file lacks."""
    frame = _raw(task, data)
    frame = frame.with_columns(frame["text"].map_elements(datasets.key, return_dtype=pl.String).alias("key"))
    test, validation, train = (frame.filter(split=split) for split in ("test", "validation", "train"))
    validation = validation.filter(~pl.col("key").is_in(test["key"].implode()))
    known = pl.Series(sorted(banned | set(test["key"]) | set(validation["key"])), dtype=pl.String)
    train = train.filter(~pl.col("key").is_in(known.implode())).unique("key", keep="first", maintain_order=True)
    if validation.is_empty():
        chosen = (train["key"].str.slice(0, 4).str.to_integer(base=16) % 100).is_in(list(VALIDATION))
        train, validation = train.filter(~chosen), train.filter(chosen).with_columns(split=pl.lit("validation"))
    return pl.concat([train, validation, test]).select("text", "label", "split")


def _raw(task: Task, data: Path) -> pl.DataFrame:
    """Two polarities come as datasets.py reads them; six emotions are what it folds into three, so they are read here."""
    if task.labels == POLARITY:
        sets = datasets.sentiment_sets(data).filter(pl.col("source").is_in(task.sources))
        return sets.select("text", "split", label="sentiment")
    frames = [
        pl.read_csv(data / f"sentiment/{source}.csv", infer_schema_length=0).select("text", "label", split=pl.lit(split))
        for source, split in zip(task.sources, ("train", "validation", "test"), strict=True)
    ]
    return pl.concat(frames).drop_nulls()
