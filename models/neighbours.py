"""Which of many short texts are alike, by the character pairs that few of them hold; sparse arithmetic, no neural net, no labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.event_terms import SPLIT, UNSEEN, shipped
from models.text import prepare

ALIKE = 0.2  # cosine of neighbours
COPY = 0.7  # share of the pairs of two texts that both hold, of near copies (Jaccard)
COMMON = 0.05  # a pair in a larger share of the texts is this place's own word (its hospital's name) and tells nothing
SHORT = 10  # a text of fewer pairs is not new for one of them
BLOCK = 512

Reals = NDArray[np.float64]
Note = Callable[[int], None]  # texts compared so far


@dataclass(frozen=True)
class Pairs:
    """Texts as unit vectors over their telling pairs. `new`: share of a text's pairs that the shipped rarity table lacks; `said`: all."""

    vectors: Any
    new: Reals
    said: list[set[str]]

    def are_copies(self, one: int, other: int) -> bool:
        both = len(self.said[one] & self.said[other])
        return both >= COPY * (len(self.said[one]) + len(self.said[other]) - both)


def pairs_of(texts: list[str]) -> Pairs:
    """Rarity is learned on the texts at hand."""
    said = [{a + b for run in SPLIT.sub(" ", prepare(text)).split() for a, b in pairwise(run)} for text in texts]
    held = Counter(pair for one in said for pair in one)
    telling = sorted(pair for pair, count in held.items() if count <= max(2.0, COMMON * len(texts)))
    place = {pair: i for i, pair in enumerate(telling)}
    weight = np.array([np.log(len(texts) / held[pair]) + 1 for pair in telling])
    rows = [(i, place[pair]) for i, one in enumerate(said) for pair in one if pair in place]
    row, column = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    table = sparse.csr_matrix((weight[column], (row, column)), shape=(len(texts), max(1, len(place))))
    length = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    rarity = shipped()
    strange = {pair for pair in telling if rarity("2" + pair) >= UNSEEN}
    new = np.array([len(one & strange) / max(SHORT, len(one)) for one in said])
    return Pairs(sparse.diags(1 / np.where(length > 0, length, 1)) @ table, new, said)


def opinions(vectors: Any, beliefs: list[Reals], weights: Reals, note: Note | None = None) -> list[Reals]:
    """Per head what the texts like each one are believed to be, (texts, answers); NaN where a text has none.

    `beliefs` are (texts, answers) a head, `weights` say how loud each text speaks.
    """
    second = [np.full_like(head, np.nan) for head in beliefs]
    for start, near in _likenesses(vectors):
        near = near.multiply(near > ALIKE).tocsr() @ sparse.diags(weights)
        mass = np.asarray(near.sum(axis=1)).ravel()
        some = np.flatnonzero(mass)
        for head, said in zip(second, beliefs, strict=True):
            head[start + some] = (near @ said)[some] / mass[some, None]
        if note:
            note(start + near.shape[0])
    return second


def _likenesses(vectors: Any) -> Iterator[tuple[int, Any]]:
    """(first row, cosines of a block of texts to all), a text's own left out."""
    across = vectors.T.tocsr()
    for start in range(0, vectors.shape[0], BLOCK):
        near = (vectors[start : start + BLOCK] @ across).tocoo()
        others = near.col != near.row + start
        yield start, sparse.csr_matrix((near.data[others], (near.row[others], near.col[others])), shape=near.shape)
