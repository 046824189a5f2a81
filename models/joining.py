"""Clusters of texts that pairs of their texts prove to be one join: step 3 of `linkage`.

In rounds, the strongest proof first and each cluster once a round. Among a hundred thousand texts there are hundreds of rounds, and most
touch a few clusters only: what joins none of those is not counted again, and a text that had pairs with several clusters has one with
what they have become.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

PROVEN = 3  # one text in so many of the smaller cluster must be in a proven pair

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]


class _Proofs:
    """What is proven between clusters of two texts or more, of n clusters and m texts.

    `own`, `other`, `text`: a text of cluster `own` is in a proven pair with one of cluster `other`; each is said once, and both ways.
    `joints`: two clusters as smaller · n + larger label, each once, and `best`, their strongest proof.
    """

    def __init__(self, labels: Ints, row: Ints, column: Ints, proof: Reals) -> None:
        self.m, self.n = len(labels), int(labels.max(initial=-1)) + 1
        self.size = np.bincount(labels, minlength=self.n)
        a, b = labels[row], labels[column]
        open_ = (a != b) & (np.minimum(self.size[a], self.size[b]) > 1)
        a, b, row, column = a[open_], b[open_], row[open_], column[open_]
        self.own, self.other, self.text = np.concatenate([a, b]), np.concatenate([b, a]), np.concatenate([row, column])
        self.joints, self.best = _strongest(np.minimum(a, b) * self.n + np.maximum(a, b), proof[open_])
        self.ready = self._ready(np.ones(self.n, dtype=bool))

    def merge(self, into: Ints, touched: Flags) -> None:
        """Each cluster goes `into` another, or stays. What two have that were not touched stays refused."""
        self.size = np.bincount(into, self.size, self.n).astype(np.int64)
        self.own, self.other = into[self.own], into[self.other]
        self._keep(self.own != self.other)
        a, b = into[self.joints // self.n], into[self.joints % self.n]
        apart = a != b
        self.joints, self.best = _strongest((np.minimum(a, b) * self.n + np.maximum(a, b))[apart], self.best[apart])
        self.ready = self._ready(touched)

    def _keep(self, kept: Flags) -> None:
        self.own, self.other, self.text = self.own[kept], self.other[kept], self.text[kept]

    def _ready(self, touched: Flags) -> list[tuple[int, int]]:
        """Pairs of clusters, one of them touched, with enough proven texts, the strongest proof first.

        Enough is a third of the smaller cluster, for among thousands of pairs some is like by chance; and two texts on either side unless
        that third is one, for a single text that speaks of both is a bridge.
        """
        counted = touched[self.own] | touched[self.other]
        said = _distinct((self.own[counted] * self.n + self.other[counted]) * self.m + self.text[counted])
        way, text = np.divmod(said, self.m)
        own, other = np.divmod(way, self.n)
        self._keep(~counted)
        self.own, self.other, self.text = (np.concatenate(two) for two in ((self.own, own), (self.other, other), (self.text, text)))
        starts = np.flatnonzero(np.diff(way, prepend=-1))
        ways, texts = way[starts], np.diff(starts, append=len(way))
        a, b = np.divmod(ways, self.n)
        is_first = self.size[a] * self.n + a < self.size[b] * self.n + b  # from the smaller to the larger
        a, b, small, large = a[is_first], b[is_first], texts[is_first], texts[np.searchsorted(ways, b[is_first] * self.n + a[is_first])]
        third = -(-self.size[a] // PROVEN)
        enough = (small >= third) & (large >= np.minimum(third, 2))
        joints = np.minimum(a, b)[enough] * self.n + np.maximum(a, b)[enough]
        best = self.best[np.searchsorted(self.joints, joints)]
        return [(int(joint // self.n), int(joint % self.n)) for joint in joints[np.lexsort((joints, -best))]]


def _strongest(joints: Ints, proof: Reals) -> tuple[Ints, Reals]:
    """Each joint once, in order, and the largest of its proofs."""
    order = np.argsort(joints, kind="stable")
    joints, proof = joints[order], proof[order]
    starts = np.flatnonzero(np.diff(joints, prepend=-1))
    return joints[starts], np.maximum.reduceat(proof, starts) if len(starts) else proof


def _distinct(numbers: Ints) -> Ints:
    """np.unique by sorting: its hash table takes eight times as long."""
    numbers = np.sort(numbers)
    return numbers[np.flatnonzero(np.diff(numbers, prepend=-1))]


def join(labels: Ints, row: Ints, column: Ints, proof: Reals, may: Callable[[int, int], bool], joined: Callable[[int, int], None]) -> Ints:
    """Labels (0, 1, … of each text) -> labels. `may` the clusters of two labels be one? `joined`: the second is in the first from now on.

    `may` must answer for its two clusters alone: two that may not join are asked about again only when one of them has grown.
    """
    proofs = _Proofs(labels, row, column, proof)
    while proofs.ready:
        into, touched = np.arange(proofs.n), np.zeros(proofs.n, dtype=bool)
        for one, other in proofs.ready:
            if not (touched[one] or touched[other]) and may(one, other):
                into[other] = one
                touched[one] = touched[other] = True
                joined(one, other)
        labels = into[labels]
        proofs.merge(into, touched)
    return labels
