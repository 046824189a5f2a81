"""What a headline's own words say of its chance: a linear score over hashed runs of one to three characters, learned on train alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Numbers = NDArray[np.float64]
BUCKETS = 1 << 14
LONGEST = 3
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))
STEPS = 120  # a weight is shipped as a whole number of this many steps to the largest


def runs(titles: pl.Series) -> csr_matrix:
    """Title x bucket: 1 where a run of the title falls into the bucket, each row of length 1."""
    texts = [title.replace(" ", "")[:120] for title in titles.fill_null("").to_list()]
    lengths = np.array([len(text) for text in texts])
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    row = np.repeat(np.arange(len(texts)), lengths)
    ends = np.repeat(np.cumsum(lengths), lengths)
    here = np.arange(len(codes))
    rows, buckets, mixed = [], [], np.zeros(len(codes), np.uint64)
    with np.errstate(over="ignore"):
        for n in range(LONGEST):
            is_whole = here + n < ends
            mixed = (mixed ^ np.where(is_whole, codes[np.minimum(here + n, max(len(codes) - 1, 0))], 0).astype(np.uint64)) * _MIX[n]
            mixed ^= mixed >> np.uint64(29)
            rows.append(row[is_whole])
            buckets.append((mixed[is_whole] >> np.uint64(13)) % np.uint64(BUCKETS))
    pairs = np.unique(np.concatenate(rows).astype(np.int64) * BUCKETS + np.concatenate(buckets).astype(np.int64))
    owner, bucket = np.divmod(pairs, BUCKETS)
    many = np.bincount(owner, minlength=len(texts))
    return csr_matrix((1 / np.sqrt(many[owner]), (owner, bucket)), shape=(len(texts), BUCKETS))


@dataclass(frozen=True)
class Words:
    """Platform -> weights; a platform without its own is read by the mean of the others."""

    weights: dict[str, Numbers]

    def score(self, titles: pl.Series, platforms: pl.Series) -> Numbers:
        """Log-odds, up to a constant a platform."""
        if not self.weights:
            return np.full(len(titles), np.nan)
        found, matrix = np.empty(len(titles)), runs(titles)
        names = np.asarray(platforms.to_list())
        for name in np.unique(names):
            which = np.flatnonzero(names == name)
            found[which] = matrix[which] @ self.weights.get(str(name), np.mean(list(self.weights.values()), axis=0))
        return found

    def as_json(self) -> dict[str, Any]:
        """Weights as whole numbers of `step`."""
        steps = {name: float(np.abs(weights).max()) / STEPS for name, weights in self.weights.items()}
        return {
            name: {"step": steps[name], "weights": np.rint(weights / max(steps[name], 1e-12)).astype(int).tolist()}
            for name, weights in self.weights.items()
        }  # fmt: skip

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Words:
        return cls({name: np.array(one["weights"], dtype=np.float64) * one["step"] for name, one in said.items()})
