"""Clusters of texts that pairs of their texts prove to be one join: step 3 of `linkage`.

In rounds, the strongest proof first and each cluster once a round. Among a hundred thousand texts there are hundreds of rounds, and most
touch a few clusters only, so what is counted is kept, and only what the joined ones had twice is counted off.
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

    `ways` (own · n + other, in order): how many texts of `own` are in a proven pair with one of `other` (`texts_n`), and the `best` such
    proof; each two clusters stand in it both ways. `heard`: of each cluster, the texts, in order, that are in a proven pair with it.
    """

    def __init__(self, labels: Ints, row: Ints, column: Ints, proof: Reals) -> None:
        self.labels, self.m, self.n = labels, len(labels), int(labels.max(initial=-1)) + 1
        self.size = np.bincount(labels, minlength=self.n)
        a, b = labels[row], labels[column]
        open_ = (a != b) & (np.minimum(self.size[a], self.size[b]) > 1)
        a, b, row, column, proof = a[open_], b[open_], row[open_], column[open_], proof[open_]
        other, text = np.divmod(_distinct(np.concatenate([b * self.m + row, a * self.m + column])), max(1, self.m))
        self.heard = np.split(text, np.searchsorted(other, np.arange(1, self.n)))
        texts = np.sort(labels[text] * self.n + other)
        self.ways, self.texts_n = texts[_starts(texts)], np.diff(_starts(texts), append=len(texts))
        joints, best = _strongest(np.minimum(a, b) * self.n + np.maximum(a, b), proof)
        low, high = np.divmod(joints, max(1, self.n))
        back = high * self.n + low
        order = np.argsort(np.concatenate([joints, back]))
        self.best = np.concatenate([best, best])[order]
        self.ready = self._ready(np.ones(self.n, dtype=bool))

    def merge(self, into: Ints, pairs: list[tuple[int, int]]) -> None:
        """The second of each pair goes into the first. What two clusters have that are in no pair stays refused."""
        self.labels = into[self.labels]
        self.size = np.bincount(into, self.size, self.n).astype(np.int64)
        own, other = into[self.ways // self.n], into[self.ways % self.n]
        order = np.argsort(own * self.n + other, kind="stable")
        ways = (own * self.n + other)[order]
        starts = _starts(ways)
        self.ways, self.texts_n, self.best = (
            ways[starts], np.add.reduceat(self.texts_n[order], starts), np.maximum.reduceat(self.best[order], starts)
        )  # fmt: skip
        for one, two in pairs:
            heard = np.sort(np.concatenate([self.heard[one], self.heard[two]]), kind="stable")
            twice = heard[1:][heard[1:] == heard[:-1]]
            found = np.searchsorted(self.ways, self.labels[twice] * self.n + one)
            np.subtract.at(self.texts_n, found, 1)
            self.heard[one], self.heard[two] = heard[_starts(heard)], np.zeros(0, dtype=np.int64)
        apart = self.ways // self.n != self.ways % self.n
        self.ways, self.texts_n, self.best = self.ways[apart], self.texts_n[apart], self.best[apart]
        touched = np.zeros(self.n, dtype=bool)
        touched[[one for one, _ in pairs]] = True
        self.ready = self._ready(touched)

    def _ready(self, touched: Flags) -> list[tuple[int, int]]:
        """Pairs of clusters, one of them touched, with enough proven texts, the strongest proof first.

        Enough is a third of the smaller cluster, for among thousands of pairs some is like by chance; and two texts on either side unless
        that third is one, for a single text that speaks of both is a bridge.
        """
        own, other = self.ways // self.n, self.ways % self.n
        from_smaller = (touched[own] | touched[other]) & (self.size[own] * self.n + own < self.size[other] * self.n + other)
        own, other, small, best = own[from_smaller], other[from_smaller], self.texts_n[from_smaller], self.best[from_smaller]
        large = self.texts_n[np.searchsorted(self.ways, other * self.n + own)]
        third = -(-self.size[own] // PROVEN)
        enough = (small >= third) & (large >= np.minimum(third, 2))
        joints, best = (np.minimum(own, other) * self.n + np.maximum(own, other))[enough], best[enough]
        return [(int(joint // self.n), int(joint % self.n)) for joint in joints[np.lexsort((joints, -best))]]


def _strongest(joints: Ints, proof: Reals) -> tuple[Ints, Reals]:
    """Each joint once, in order, and the largest of its proofs."""
    order = np.argsort(joints, kind="stable")
    joints, proof = joints[order], proof[order]
    starts = _starts(joints)
    return joints[starts], np.maximum.reduceat(proof, starts) if len(starts) else proof


def _distinct(numbers: Ints) -> Ints:
    """np.unique by sorting: its hash table takes eight times as long."""
    numbers = np.sort(numbers)
    return numbers[_starts(numbers)]


def _starts(numbers: Ints) -> Ints:
    """Where each of the numbers, which are in order, stands first."""
    return np.flatnonzero(np.diff(numbers, prepend=-1))


def join(labels: Ints, row: Ints, column: Ints, proof: Reals, may: Callable[[int, int], bool], joined: Callable[[int, int], None]) -> Ints:
    """Labels (0, 1, … of each text) -> labels. `may` the clusters of two labels be one? `joined`: the second is in the first from now on.

    `may` must answer for its two clusters alone: two that may not join are asked about again only when one of them has grown.
    """
    proofs = _Proofs(labels, row, column, proof)
    while proofs.ready:
        into, pairs = np.arange(proofs.n), list[tuple[int, int]]()
        taken = set[int]()
        for one, other in proofs.ready:
            if taken.isdisjoint((one, other)) and may(one, other):
                into[other] = one
                pairs.append((one, other))
                taken.update((one, other))
                joined(one, other)
        proofs.merge(into, pairs)
    return proofs.labels
