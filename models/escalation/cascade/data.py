"""Cascades in the shared format: a post, and its reposts with their second after it. What is wrong with a folder is one line.

Columns `final_*` are outcomes and are never read. Accounts deleted before the crawl have no author columns, and all of them wrote
rumours (design/ESCALATION.md §1), so post.py fills what is missing instead of letting a model see that it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
FILES = ("cascades.parquet", "reposts.parquet")
# What a model may know of a post. Only the first two must be there.
POST: dict[str, pl.DataType] = {
    "cascade_id": pl.String(), "post_time": pl.Int64(), "text": pl.String(), "has_url": pl.Boolean(), "pics": pl.Int64(),
    "source": pl.String(), "attach_type": pl.String(), "author_hash": pl.String(), "author_verified": pl.Boolean(),
    "author_verified_type": pl.Int64(), "author_gender": pl.String(), "author_followers_at_crawl": pl.Int64(),
    "author_friends_at_crawl": pl.Int64(), "author_messages_at_crawl": pl.Int64(), "author_registered": pl.Int64(),
    "author_location": pl.String(),
}  # fmt: skip
REPOST: dict[str, pl.DataType] = {
    "cascade_id": pl.String(), "sec": pl.Int64(), "i": pl.Int64(), "parent_i": pl.Int64(), "uid_hash": pl.String(), "text": pl.String(),
}  # fmt: skip
NEEDED = ({"cascade_id", "post_time"}, {"cascade_id", "sec"})
LABELS: dict[str, pl.DataType] = {"split": pl.String(), "final_rumor_label": pl.String()}  # for judging, never for forecasting


class CascadeProblem(Exception):
    """The folder does not hold cascades in the shared format; the message is one line."""


@dataclass(frozen=True)
class Cascades:
    """posts: one row a cascade, in order of cascade_id. reposts: by cascade, second, i; `starts[k]:starts[k+1]` are post k's."""

    posts: pl.DataFrame
    reposts: pl.DataFrame
    starts: Counts
    all_hours: Numbers

    def __len__(self) -> int:
        return self.posts.height

    def hours(self, k: int) -> Numbers:
        """Hours after the post of each repost of cascade k, rising."""
        return self.all_hours[self.starts[k] : self.starts[k + 1]]

    def keep(self, which: pl.Expr) -> Cascades:
        """The cascades whose post row satisfies `which`."""
        return arranged(self.posts.filter(which), self.reposts)


def load(folder: Path, with_labels: bool = False) -> Cascades:
    """Read the two files of `folder`; missing optional columns are null. CascadeProblem if that cannot be."""
    posts = _read(folder / FILES[0], POST | (LABELS if with_labels else {}), NEEDED[0])
    reposts = _read(folder / FILES[1], REPOST, NEEDED[1])
    if posts.height == 0:
        raise CascadeProblem(f"{folder / FILES[0]}: no cascade in it")
    if posts["cascade_id"].n_unique() < posts.height:
        raise CascadeProblem(f"{folder / FILES[0]}: cascade_id {posts['cascade_id'].filter(posts['cascade_id'].is_duplicated())[0]} twice")
    return arranged(posts, reposts)


def arranged(posts: pl.DataFrame, reposts: pl.DataFrame) -> Cascades:
    """Order both, leave out reposts of other cascades and reposts before their post, and find where each post's reposts begin."""
    posts = posts.sort("cascade_id").drop("at", strict=False).with_row_index("at")
    known = reposts.drop("at", strict=False).join(posts.select("cascade_id", "at"), on="cascade_id", how="inner")
    known = known.filter(pl.col("sec") >= 0).sort("at", "sec", "i", maintain_order=True)
    counts = np.bincount(known["at"].to_numpy(), minlength=posts.height)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Cascades(posts, known, starts, np.asarray(known["sec"].to_numpy() / 3600.0))


def _read(path: Path, schema: dict[str, pl.DataType], needed: set[str]) -> pl.DataFrame:
    if not path.is_file():
        raise CascadeProblem(f"{path}: no such file; a folder of cascades holds {' and '.join(FILES)}")
    try:
        has = pl.read_parquet_schema(path)
        lacking = sorted(needed - set(has))
        if lacking:
            raise CascadeProblem(f"{path}: no column {', '.join(lacking)}")
        found = pl.read_parquet(path, columns=[name for name in schema if name in has])
        found = found.with_columns(pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in has)
        found = found.select(pl.col(name).cast(kind) for name, kind in schema.items())
    except (pl.exceptions.PolarsError, OSError) as problem:
        raise CascadeProblem(f"{path}: {str(problem).splitlines()[0]}") from problem
    if found.select(pl.any_horizontal(pl.col(sorted(needed)).is_null()).any()).item():
        raise CascadeProblem(f"{path}: {' or '.join(sorted(needed))} is empty in some row")
    return found
