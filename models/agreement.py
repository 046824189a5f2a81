"""How far people who labelled the same texts agree beyond chance: Cohen's κ (1960) per pair of annotators and head."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import polars as pl

from warehouse.vocabulary import SENTIMENTS

FEW = 30  # below so many texts in common κ is mostly noise
HEADS = ("is_relevant", "sentiment", "category")
SCHEMA = pl.Schema({"head": pl.String(), "first": pl.String(), "second": pl.String(), "n": pl.Int64(), "same": pl.Float64(),
                    "kappa": pl.Float64()})  # fmt: skip


def cohen_kappa(first: list[str], second: list[str]) -> float | None:
    """(observed - expected agreement) / (1 - expected), 1 at most; None without texts, or where both only ever gave one same label."""
    n = len(first)
    if not n:
        return None
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    mine, theirs = Counter(first), Counter(second)
    expected = sum(mine[label] * theirs[label] for label in mine) / n**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def as_annotator(readings: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """The model (acquisition.readings) as one more annotator `model`, on the random share alone: on texts picked for being hard its figure
    would say nothing of the rest.
    """
    drawn = labels.filter(queue_reason="random").select("text_key", "post_id").unique("text_key", keep="first", maintain_order=True)
    sentiment = pl.concat_list(f"{name}_p" for name in SENTIMENTS).list.arg_max()
    return drawn.join(readings, on="post_id").select(
        "text_key", pl.lit("model").alias("annotator"), (pl.col("relevant_p") >= 0.5).alias("is_relevant"),
        sentiment.replace_strict(dict(enumerate(SENTIMENTS)), return_dtype=pl.String).alias("sentiment"), "category",
    )  # fmt: skip


def agreement(labels: pl.DataFrame) -> pl.DataFrame:
    """Labels (a row per text_key and annotator) -> head, first, second, n, same (share of equal labels), kappa, sorted.

    A head that either left open does not count; sentiment and category are compared where both call the text relevant.
    """
    rows = []
    for first, second in combinations(sorted(labels["annotator"].unique()), 2):
        both = labels.filter(annotator=first).join(labels.filter(annotator=second), on="text_key", suffix="_2").sort("text_key")
        for head in HEADS:
            said = both if head == "is_relevant" else both.filter("is_relevant", "is_relevant_2")
            pairs = said.select(head, f"{head}_2").drop_nulls().cast(pl.String)
            if pairs.height:
                mine, theirs = pairs[head].to_list(), pairs[f"{head}_2"].to_list()
                same = sum(a == b for a, b in zip(mine, theirs, strict=True)) / pairs.height
                rows.append((head, first, second, pairs.height, same, cohen_kappa(mine, theirs)))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
