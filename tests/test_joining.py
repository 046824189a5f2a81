"""Step 3 of grouping keeps count from round to round; what it decides is what counting anew each round decides."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.joining import PROVEN, join

TEXTS = 24


def counted_anew(labels: list[int], pairs: list[tuple[int, int, float]], strangers: set[frozenset[int]]) -> list[int]:
    """The rule as `joining` tells it, with nothing kept between rounds."""
    labels, home = list(labels), {label: {label} for label in labels}
    while True:
        said: dict[tuple[int, int], list[set[int]]] = defaultdict(lambda: [set(), set()])
        best: dict[tuple[int, int], float] = defaultdict(float)
        for left, right, proof in pairs:
            (one, text), (other, answer) = sorted([(labels[left], left), (labels[right], right)])
            if one != other and min(labels.count(one), labels.count(other)) > 1:
                said[one, other][0].add(text)
                said[one, other][1].add(answer)
                best[one, other] = max(best[one, other], proof)
        touched: set[int] = set()
        for one, other in sorted(said, key=lambda joint: (-best[joint], joint)):
            if not touched.isdisjoint((one, other)):
                continue
            sides = sorted(zip((labels.count(one), labels.count(other)), (one, other), map(len, said[one, other]), strict=True))
            third = -(-sides[0][0] // PROVEN)
            is_enough = sides[0][2] >= third and sides[1][2] >= min(third, 2)
            may = not any(frozenset((a, b)) in strangers for a in home[one] for b in home[other])
            if is_enough and may:
                touched |= {one, other}
                home[one] |= home.pop(other)
        if not touched:
            return labels
        labels = [next(label for label in home if first in home[label]) for first in labels]


@st.composite
def clustered(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int, float]], set[frozenset[int]]]:
    clusters = draw(st.integers(2, 9))
    labels = list(range(clusters)) + draw(st.lists(st.integers(0, clusters - 1), min_size=TEXTS - clusters, max_size=TEXTS - clusters))
    text = st.integers(0, TEXTS - 1)
    proof = st.integers(1, 5).map(lambda tenths: tenths / 10)  # ties are common
    drawn = draw(st.dictionaries(st.tuples(text, text).filter(lambda pair: pair[0] < pair[1]), proof, max_size=90))
    apart = st.frozensets(st.integers(0, clusters - 1), min_size=2, max_size=2)
    return labels, [(*pair, value) for pair, value in drawn.items()], draw(st.sets(apart, max_size=4))


@settings(max_examples=400, deadline=None)
@given(clustered())
def test_counting_on_is_counting_anew(case: tuple[list[int], list[tuple[int, int, float]], set[frozenset[int]]]) -> None:
    labels, pairs, strangers = case
    home = {label: {label} for label in labels}
    row, column, proof = (np.array([pair[k] for pair in pairs], dtype=kind) for k, kind in enumerate((np.int64, np.int64, np.float64)))
    found = join(
        np.array(labels), row, column, proof,
        may=lambda one, other: not any(frozenset((a, b)) in strangers for a in home[one] for b in home[other]),
        joined=lambda one, other: home[one].update(home.pop(other)),
    )  # fmt: skip
    assert found.tolist() == counted_anew(labels, pairs, strangers)


def test_a_text_like_two_that_joined_is_counted_once() -> None:
    """Text 4 is a bridge to what 0 and 2 have become; counted twice it would be two."""
    labels, pairs = [0, 0, 1, 1, 2, 2, 2, 2], [(0, 2, 0.5), (1, 3, 0.5), (0, 4, 0.3), (2, 4, 0.3)]
    row, column, proof = (np.array(side) for side in zip(*pairs, strict=True))
    found = join(np.array(labels), row, column, proof, may=lambda one, other: True, joined=lambda one, other: None)
    assert found.tolist() == counted_anew(labels, pairs, set()) == [0, 0, 0, 0, 2, 2, 2, 2]
