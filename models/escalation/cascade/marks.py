"""What each repost adds to its tree and to what is said: one row a repost, each computed from it and from earlier ones alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from models.escalation.cascade.data import Cascades, Counts, Numbers

DOUBT = "辟谣|谣言|造谣|不实|假的|真的吗|真的假的|真假|求证|真相|是不是真|骗|不信"
NEGATIVE = "怒|无耻|垃圾|可怕|恐怖|悲|哀|泪|衰|鄙视|混蛋|气愤|可恶|畜生|该死|滚|黑心|伤心|吓|抓狂|吐|唉|哎"
SPREAD_WORD = "扩散|求转|帮转|转起|速转|接力"
SAYS = ("has_text", "length", "doubt", "negative", "asks", "mentions", "urges")


@dataclass(frozen=True)
class Marks:
    """Of one cascade. `sums`: a row more than reposts, running totals by column of SUMS; `tops`: running maxima by column of TOPS."""

    sums: Numbers
    tops: Numbers
    parent: Counts
    parent_hours: Numbers


SUMS = ("authors", "direct", "depth", "delay", "by_author", *SAYS)
TOPS = ("depth", "branch", "per_hour")


def says(reposts: pl.DataFrame) -> Numbers:
    """What every repost's own words say, a column each of SAYS."""
    text = pl.col("text").fill_null("").str.strip_chars()
    own = pl.when(text.str.contains("^(转发微博|轉發微博|Repost)[。.]?$")).then(pl.lit("")).otherwise(text)
    columns = {
        "has_text": own.str.len_chars() > 0, "length": own.str.len_chars().clip(0, 140) / 20, "doubt": own.str.contains(DOUBT),
        "negative": own.str.contains(NEGATIVE), "asks": own.str.contains("[?？]"), "mentions": own.str.contains("@"),
        "urges": own.str.contains(SPREAD_WORD),
    }  # fmt: skip
    return np.asarray(reposts.select(columns[name].cast(pl.Float32).alias(name) for name in SAYS).to_numpy(), dtype=np.float64)


def parents(cascades: Cascades) -> Counts:
    """Position within its cascade of each repost's parent; −1 for the post itself, and for a parent that came later or is not there."""
    at = pl.int_range(pl.len()).over("at")
    places = cascades.reposts.select("at", "i", "parent_i", at.alias("place"))
    known = places.select("at", pl.col("i").alias("parent_i"), pl.col("place").alias("parent")).unique(["at", "parent_i"], keep="first")
    found = places.join(known, on=["at", "parent_i"], how="left", maintain_order="left")
    is_known = (pl.col("parent_i") >= 0) & (pl.col("parent") < pl.col("place"))
    return np.asarray(found.select(pl.when(is_known).then("parent").otherwise(-1).fill_null(-1)).to_series().to_numpy(), dtype=np.int64)


def first_seen(cascades: Cascades) -> Numbers:
    """1 where an account reposts this cascade for the first time; unknown accounts count as new."""
    is_first = pl.col("uid_hash").is_null() | pl.struct("at", "uid_hash").is_first_distinct()
    return np.asarray(cascades.reposts.select(is_first).to_series().to_numpy(), dtype=np.float64)


def marks(hours: Numbers, parent: Counts, is_new: Numbers, by_author: Numbers, said: Numbers) -> Marks:
    """Running totals and maxima along one cascade."""
    depth, size = _tree(parent)
    parent_hours = np.where(parent >= 0, hours[parent] if len(hours) else 0.0, 0.0)
    delay = np.log1p((hours - parent_hours) * 60)
    each = np.column_stack([is_new, parent < 0, depth, delay, by_author, said])
    sums = np.vstack([np.zeros(each.shape[1]), np.cumsum(each, axis=0)])
    per_hour = np.arange(1, len(hours) + 1) - np.searchsorted(hours, hours - 1, side="left")
    tops = np.column_stack([depth, size, per_hour]).astype(np.float64)
    return Marks(sums, np.vstack([np.zeros(3), np.maximum.accumulate(tops, axis=0)]), parent, parent_hours)


def _tree(parent: Counts) -> tuple[Counts, Counts]:
    """Depth of each repost, and how large its branch (all below one first-level repost) is once it is there."""
    depth, branch, size = (np.zeros(len(parent), np.int64) for _ in range(3))
    grown: list[int] = [0] * len(parent)
    for j, p in enumerate(parent.tolist()):
        top = j if p < 0 else int(branch[p])
        depth[j] = 1 if p < 0 else depth[p] + 1
        branch[j] = top
        grown[top] += 1
        size[j] = grown[top]
    return depth, size
