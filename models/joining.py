"""Clusters of texts that pairs of their texts prove to be one join: step 3 of `linkage`.

In rounds, the strongest proof first and each cluster once a round. Among a hundred thousand texts there are hundreds of rounds, and most
touch a few clusters only: nothing is counted again but what joins those, and of two that join the one with fewer neighbours is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

PROVEN = 3  # one text in so many of the smaller cluster must be in a proven pair

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Joint = tuple[float, int, int, int, int]  # minus the strongest proof, the two labels, the smaller first, and their places here


class _Proofs:
    """Clusters of two texts or more: `said[a][b]` are the texts of a in a proven pair with b, `best[a][b]` the strongest of those;
    `ready[a]`: those with which it has enough of them.

    A place keeps its number as its cluster grows; its `label` is the least of those that went into it.
    """

    def __init__(self, labels: Ints, row: Ints, column: Ints, proof: Reals) -> None:
        size = np.bincount(labels)
        self.size: list[int] = size.tolist()
        self.label = list(range(len(size)))
        self.said: list[dict[int, set[int]]] = [{} for _ in self.label]
        self.best: list[dict[int, float]] = [{} for _ in self.label]
        a, b = labels[row], labels[column]
        open_ = (a != b) & (np.minimum(size[a], size[b]) > 1)
        for one, other, left, right, value in zip(*(each[open_].tolist() for each in (a, b, row, column, proof)), strict=True):
            self.said[one].setdefault(other, set()).add(left)
            self.said[other].setdefault(one, set()).add(right)
            self.best[one][other] = self.best[other][one] = max(value, self.best[one].get(other, 0.0))
        self.ready = [{b for b in said if self._is_enough(a, b)} for a, said in enumerate(self.said)]

    def joints(self, places: Iterable[int]) -> list[Joint]:
        """What the clusters at these places may join with, the strongest proof first."""
        found = {(a, b) if self.label[a] < self.label[b] else (b, a) for a in places for b in self.ready[a]}
        return sorted((-self.best[a][b], self.label[a], self.label[b], a, b) for a, b in found)

    def _is_enough(self, a: int, b: int) -> bool:
        """A third of the smaller cluster, for among thousands of pairs some is like by chance; and two texts on either side unless that
        third is one, for a single text that speaks of both is a bridge."""
        small, large = (a, b) if (self.size[a], self.label[a]) < (self.size[b], self.label[b]) else (b, a)
        third = -(-self.size[small] // PROVEN)
        return len(self.said[small][large]) >= third and len(self.said[large][small]) >= min(third, 2)

    def merge(self, a: int, b: int) -> int:
        """Returns the place where both are from now on."""
        if len(self.said[a]) < len(self.said[b]):
            a, b = b, a
        was = self.size[a]
        self.size[a] += self.size[b]
        self.label[a] = min(self.label[a], self.label[b])
        moved = self._move(b, a)
        for other in moved | {other for other in self.said[a] if self.size[other] >= was}:  # to the smaller ones a is what it was
            if self._is_enough(a, other):
                self.ready[a].add(other)
                self.ready[other].add(a)
            else:
                self.ready[a].discard(other)
                self.ready[other].discard(a)
        return a

    def _move(self, b: int, a: int) -> set[int]:
        """What b shares with others is a's; returns those others."""
        said, best = self.said[b], self.best[b]
        for other in said:
            heard, _ = self.said[other].pop(b), self.best[other].pop(b)
            self.ready[other].discard(b)
            if other != a:
                self.said[a].setdefault(other, set()).update(said[other])
                self.said[other].setdefault(a, set()).update(heard)
                self.best[a][other] = self.best[other][a] = max(best[other], self.best[a].get(other, 0.0))
        self.said[b], self.best[b], self.ready[b] = {}, {}, set()
        return said.keys() - {a}


def join(labels: Ints, row: Ints, column: Ints, proof: Reals, may: Callable[[int, int], bool], joined: Callable[[int, int], None]) -> Ints:
    """Labels (0, 1, … of each text) -> labels. `may` the clusters of two labels be one? `joined`: the second is in the first from now on.

    Both must answer for their two labels alone: two that may not join are asked about again only when one of them has grown.
    """
    proofs = _Proofs(labels, row, column, proof)
    into = np.arange(len(proofs.size))
    places: Iterable[int] = range(len(proofs.size))
    while places:
        touched, grown = set[int](), list[int]()
        for _, one, other, a, b in proofs.joints(places):
            if touched.isdisjoint((a, b)) and may(one, other):
                touched |= {a, b}
                into[other] = one
                joined(one, other)
                grown.append(proofs.merge(a, b))
        places = grown
    for label, older in enumerate(into.tolist()):  # a label only ever goes into a smaller one
        into[label] = into[older]
    return into[labels]
