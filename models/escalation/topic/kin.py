"""Who else spoke of it lately: how much of a headline's words stood in headlines of the 48 h before it was first seen.

Words are runs of three characters, each weighed by its rarity in the 60 days before. Questions on 知乎 are worded unlike
Weibo's headlines, so that equal titles are few; names and places are shared all the same.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
NEAR_S, RARE_S = 48 * 3600, 60 * 86400
BITS = 20  # of a run's hash
SPAN = 1 << 34  # seconds: above any instant
NAMES = ("kin_same", "kin_other", "kin_top", "kin_most")


def kin(topics: pl.DataFrame) -> pl.DataFrame:
    """board, topic_id and NAMES. topics: board, topic_id, platform, title, first_seen_at, top_at (first seen in a top 10, or null).

    kin_other is null where all topics are of one platform.
    """
    owner, bucket = _triples(topics["title"])
    at = topics["first_seen_at"].dt.epoch("s").to_numpy()[owner]
    order = np.argsort(bucket * SPAN + at, kind="stable")  # bisections in the order of the keys are many times quicker
    owner, bucket, at = owner[order], bucket[order], at[order]
    platform = topics["platform"].rank("dense").cast(pl.Int64).to_numpy()[owner]
    top = topics["top_at"].dt.epoch("s").fill_null(-1).to_numpy()[owner]
    keys = bucket * SPAN + at
    rarity = 1 / np.log(np.e + _count(keys, keys, RARE_S))
    near, mine = _count(keys, keys, NEAR_S), np.zeros(len(keys), np.int64)
    for one in np.unique(platform):
        which = platform == one
        mine[which] = _count(keys[which], keys[which], NEAR_S)
    tops = _count(np.sort((bucket * SPAN + top)[top >= 0]), keys, NEAR_S)
    whole = np.maximum(np.bincount(owner, rarity, topics.height), 1e-9)
    shares = [np.bincount(owner, rarity * (found > 0), topics.height) / whole for found in (mine, near - mine, tops)]
    bursts = np.bincount(owner, rarity * np.log1p(near), topics.height) / whole
    found = topics.select("board", "topic_id").with_columns(
        pl.Series(name, values) for name, values in zip(NAMES, (*shares, bursts), strict=True)
    )
    alone = topics["platform"].n_unique() < 2
    return found.with_columns(pl.lit(None, pl.Float64).alias("kin_other")) if alone else found


def _count(seen: Whole, keys: Whole, seconds: int) -> Whole:
    """How many of the sorted `seen` are of the same run, and of the `seconds` before: the topic's own instant is not among them."""
    return np.searchsorted(seen, keys, "left") - np.searchsorted(seen, keys - seconds, "left")


def _triples(titles: pl.Series) -> tuple[Whole, Whole]:
    """Owner (row of `titles`) and hash of every distinct run of three characters."""
    texts = [title.replace(" ", "")[:80] for title in titles.fill_null("").to_list()]
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    row, ends = np.repeat(np.arange(len(texts)), lengths), np.repeat(np.cumsum(lengths), lengths)
    start = np.flatnonzero(np.arange(len(codes)) + 2 < ends)
    mixed = (codes[start] * 2654435761 + codes[start + 1] * 40503 + codes[start + 2] * 2246822519) % 2147483647
    pairs = np.unique(row[start] * (1 << BITS) + mixed % (1 << BITS))
    return pairs >> BITS, pairs & ((1 << BITS) - 1)
