"""Short texts with times -> which belong together. Cosine over rare terms, weakened by the days between; no neural net.

Three steps, each with a guard against chaining. (1) Agglomerate by the likeness of centroids (`agglomerate`): a text joins an event for
being like all of it, not like one straggler. (2) A text that names another province than its event does leaves. (3) Events of two texts
or more join where pairs of their texts prove it (`joining`): the bar rises with the gap in time, and nothing joins across provinces.
The numbers were set on the labelled headlines of 2020-2024, never on 2025 (`bench_events`); the bar of step 3 is where a logistic fit
on log cosine and log gap says one event as likely as not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.agglomerate import agglomerate
from models.event_terms import shipped, terms
from models.joining import join
from models.places import apart, places, provinces

FAINT = 0.02  # cosines below are chance
NEAREST = 50  # neighbours kept of each text: of a month of headlines no more change anything but the time
MOST = 500  # texts may share a term that neighbours are looked for by; of a month of headlines none is in so many
BLOCK, AT_ONCE = 512, 200_000  # rows of texts, and pairs of them, in memory at a time
FADE, JOIN = 0.6, 0.11  # step 1: cosine · (1 + gap in days) ^ -FADE; least likeness of two centroids
BAR, RISE, SOON = 0.12, 0.25, 1 / 24  # step 3: a pair proves from cosine ≥ BAR · (gap in days + an hour) ^ RISE

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Place = tuple[str, ...]


@dataclass(frozen=True)
class Pairs:
    """Pairs of texts (row < column) that share something: cosine, and days between the last of one and the first of the other."""

    row: Ints
    column: Ints
    cosine: Reals
    gap: Reals


def link(texts: list[str], first: Reals, last: Reals) -> tuple[Ints, Pairs]:
    """Texts with the days (float) of their first and last copy, in time order -> a label for each, and the pairs it was decided on."""
    named = [places(text) for text in texts]
    pairs = _pairs(_vectors(texts), first, last, named)
    labels = _by_centroid(len(texts), pairs)
    labels = _without_strangers(labels, named)
    return _by_proof(labels, pairs, named), pairs


def _vectors(texts: list[str]) -> Any:
    """Rows of length one: term weight × rarity."""
    vocabulary: dict[str, int] = {}
    column, weight, ends = list[int](), list[float](), [0]
    for text in texts:
        said = terms(text)
        column += [vocabulary.setdefault(term, len(vocabulary)) for term in said]
        weight += said.values()
        ends.append(len(column))
    rarity = np.array([*map(shipped(), vocabulary)])
    value = np.array(weight) * rarity[column] if column else np.zeros(0)
    table = sparse.csr_matrix((value, column, ends), shape=(len(texts), max(1, len(vocabulary))))
    table.sort_indices()
    length = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    return sparse.diags(1 / np.where(length > 0, length, 1)) @ table


def _pairs(vectors: Any, first: Reals, last: Reals, named: list[Place]) -> Pairs:
    """The nearest neighbours of each text, but none that speaks of another place.

    Terms that very many texts have say next to nothing of any, and alone would make the work grow with the square of the texts: among
    large numbers neighbours are those nearest by the other terms. The cosine is over all.
    """
    n = vectors.shape[0]
    is_common = np.bincount(vectors.indices, minlength=vectors.shape[1]) > MOST
    telling, common = (vectors @ sparse.diags(kept.astype(float)) for kept in (~is_common, is_common))
    telling.eliminate_zeros()
    common.eliminate_zeros()
    across = telling.T.tocsr()
    blocks = [_nearest((telling[start : start + BLOCK] @ across).tocsr(), start) for start in range(0, n, BLOCK)]
    row, column, cosine = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    low, high = np.minimum(row, column), np.maximum(row, column)
    _, once = np.unique(low * n + high, return_index=True)
    low, high, cosine = low[once], high[once], cosine[once]
    here = ~_apart(low, high, named)
    low, high, cosine = low[here], high[here], cosine[here]
    cosine = cosine + _shared(common, low, high)
    gap = np.maximum(0.0, np.maximum(first[low], first[high]) - np.minimum(last[low], last[high]))
    return Pairs(low, high, cosine, gap)


def _shared(vectors: Any, low: Ints, high: Ints) -> Reals:
    """The dot product of each pair of rows."""
    if not vectors.nnz:
        return np.zeros(len(low))
    parts = [slice(start, start + AT_ONCE) for start in range(0, len(low), AT_ONCE)]
    return np.concatenate([np.asarray(vectors[low[at]].multiply(vectors[high[at]]).sum(axis=1)).ravel() for at in parts])


def _nearest(near: Any, start: int) -> tuple[Ints, Ints, Reals]:
    """Row, column and cosine of the NEAREST best of each row of a block of similarities."""
    rows, columns, cosines = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for n in range(near.shape[0]):
        at = slice(near.indptr[n], near.indptr[n + 1])
        column, cosine = near.indices[at], near.data[at]
        keep = (cosine > FAINT) & (column != start + n)
        column, cosine = column[keep], cosine[keep]
        if len(cosine) > NEAREST:
            near_enough = cosine >= np.partition(cosine, -NEAREST)[-NEAREST]
            column, cosine = column[near_enough], cosine[near_enough]
        best = np.lexsort((column, -cosine))[:NEAREST]
        rows.append(np.full(len(best), start + n))
        columns.append(column[best].astype(np.int64))
        cosines.append(cosine[best])
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(cosines)


def _apart(low: Ints, high: Ints, named: list[Place]) -> NDArray[np.bool_]:
    """Which pairs name places that cannot be one; most texts name none, so few kinds of pairs are looked at."""
    number: dict[Place, int] = {(): 0}
    kind = np.array([number.setdefault(places_, len(number)) for places_ in named])
    kinds, pair = list(number), kind[low] * len(number) + kind[high]
    met, which = np.unique(pair, return_inverse=True)
    return np.array([apart(kinds[n // len(kinds)], kinds[n % len(kinds)]) for n in met.tolist()], dtype=bool)[which]


def _by_centroid(n: int, pairs: Pairs) -> Ints:
    """Step 1."""
    return agglomerate(n, pairs.row, pairs.column, pairs.cosine * (1 + pairs.gap) ** -FADE, JOIN)


def _named_most(counts: Counter[str]) -> str | None:
    return max(counts.items(), key=lambda item: (item[1], item[0]))[0] if counts else None


def _where(labels: Ints, named: list[Place]) -> dict[int, Counter[str]]:
    """How many texts of each cluster name each province."""
    where: dict[int, Counter[str]] = {}
    for label, places_ in zip(labels.tolist(), named, strict=True):
        where.setdefault(label, Counter()).update(provinces(places_))
    return where


def _without_strangers(labels: Ints, named: list[Place]) -> Ints:
    """Step 2. Where two texts or more agree on a province, one that names only others stands alone."""
    where = _where(labels, named)
    out = labels.copy()
    for n, (label, places_) in enumerate(zip(labels.tolist(), named, strict=True)):
        home = _named_most(where[label])
        if home and where[label][home] > 1 and places_ and home not in provinces(places_):
            out[n] = len(labels) + n
    return out


def _by_proof(labels: Ints, pairs: Pairs, named: list[Place]) -> Ints:
    """Step 3: the best proven clusters join, until no two are left that should."""
    proof = pairs.cosine * (pairs.gap + SOON) ** -RISE
    proven = proof >= BAR
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    where = _where(labels, named)
    return join(
        labels, pairs.row[proven], pairs.column[proven], proof[proven],
        may=lambda one, other: not _strangers(where[one], where[other]), joined=lambda one, other: where[one].update(where.pop(other)),
    )  # fmt: skip


def _strangers(one: Counter[str], other: Counter[str]) -> bool:
    home, away = _named_most(one), _named_most(other)
    return bool(home and away and home != away and not (home in other and away in one))
