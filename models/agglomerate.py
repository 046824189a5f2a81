"""Step 1 of `linkage`: the two clusters of texts whose centroids are most alike become one, until no two are alike enough.

Centroid linkage with cosine over a sparse graph (Müllner 2011, arXiv:1109.2378, the generic algorithm with a queue of bounds): two texts
without a pair in the graph count as not alike at all.
"""

from __future__ import annotations

import heapq
import math

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-12

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


def agglomerate(n: int, row: Ints, column: Ints, near: Reals, bar: float) -> Ints:
    """Pairs (row < column) of n texts and how near they are -> a label each: clusters no two of which are as near as `bar`."""
    clusters = _Clusters(n, row, column, near, bar)
    while (pair := clusters.nearest()) is not None:
        clusters.merge(*pair)
    return np.array([_root(clusters.label, node) for node in range(n)], dtype=np.int64)


class _Clusters:
    """Clusters under merging. Two centroids' cosine needs only sums over pairs, so no vector is kept: `cross` between, `inner` within.

    Each pair stands in the heap of one of the two, the larger, as its likeness but for that one's own size: all of a cluster's pairs fall
    alike as it grows, so none of them need be weighed again then. One bound a cluster stands in the queue.
    """

    def __init__(self, n: int, row: Ints, column: Ints, near: Reals, bar: float) -> None:
        self.label, self.inner, self.bar = list(range(n)), [1.0] * n, bar
        self.cross: list[dict[int, float]] = [{} for _ in range(n)]
        one = self.label.copy()  # the same number everywhere: a million pairs of fresh ones are slow to look up
        for low, high, value in zip(row.tolist(), column.tolist(), near.tolist(), strict=True):
            a, b = one[low], one[high]
            self.cross[a][b] = self.cross[b][a] = value
        self.pairs = [[(-value, b) for b, value in self.cross[a].items() if a < b and value >= bar] for a in range(n)]
        self.bound, self.queue = [0.0] * n, list[tuple[float, int]]()
        for a in range(n):
            heapq.heapify(self.pairs[a])
            self._announce(a)

    def likeness(self, a: int, b: int) -> float:
        return self.cross[a][b] / math.sqrt(self.inner[a] * self.inner[b])

    def nearest(self) -> tuple[int, int] | None:
        """The two clusters most like each other; None if none are alike enough. Queue and heaps hold upper bounds: likeness to a grown
        cluster only falls, unless the pair itself changed, and then it is offered anew."""
        while self.queue:
            bound, a = heapq.heappop(self.queue)
            if -bound != self.bound[a]:
                continue  # another bound was announced since
            self._settle(a)
            if self.pairs[a] and self.likeness(a, self.pairs[a][0][1]) >= -bound - ROUNDING:
                return a, self.pairs[a][0][1]
            self._announce(a)
        return None

    def merge(self, a: int, b: int) -> None:
        """One goes into the other: the one with fewer neighbours, for those are walked through."""
        if len(self.cross[a]) < len(self.cross[b]):
            a, b = b, a
        self.inner[a] += self.inner[b] + 2 * self.cross[a].pop(b)
        self.cross[b].pop(a)
        self.label[b] = a
        nearer = self.cross[b]
        self.cross[b], self.pairs[b], self.bound[b] = {}, [], 0.0
        for other, value in nearer.items():
            self.cross[other].pop(b)
            self.cross[a][other] = self.cross[other][a] = self.cross[a].get(other, 0.0) + value
        for other in nearer:
            self._offer(a, other)
        self._announce(a)

    def _settle(self, a: int) -> None:
        """Make the first of a's pairs a true one: merged ones go, one that has fallen is offered again as it is now."""
        own = self.pairs[a]
        while own:
            least, b = own[0]
            if b in self.cross[a] and self.cross[a][b] / math.sqrt(self.inner[b]) >= -least - ROUNDING:
                return
            heapq.heappop(own)
            if b in self.cross[a]:
                self._offer(a, b)

    def _offer(self, a: int, b: int) -> None:
        if self.likeness(a, b) < self.bar:
            return
        if (self.inner[b], -b) > (self.inner[a], -a):
            a, b = b, a
        pair = (-self.cross[a][b] / math.sqrt(self.inner[b]), b)
        heapq.heappush(self.pairs[a], pair)
        if self.pairs[a][0] is pair:
            self._announce(a)

    def _announce(self, a: int) -> None:
        self.bound[a] = -self.pairs[a][0][0] / math.sqrt(self.inner[a]) if self.pairs[a] else 0.0
        if self.bound[a] >= self.bar:
            heapq.heappush(self.queue, (-self.bound[a], a))


def _root(parent: list[int], node: int) -> int:
    while parent[node] != node:
        parent[node] = node = parent[parent[node]]
    return node
