"""Which words moved a reading: a word's weight is how far the decided label's probability falls when the word is left out.

Occlusion (Zeiler & Fergus 2014) needs the reading alone: no gradients, no torch, and any later classifier is explained by the same code.
Words are left out of the text as it was written, so that their places are the page's own, whatever `prepare` makes of it.
A long text is searched in two steps: parts first, then the words of the parts that count.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.classifier.score import LIMIT, Classifier, read_as
from models.classifier.words import Span, words
from warehouse.schema import COLUMNS
from warehouse.vocabulary import READINGS

KEPT = 3  # words a head
PARTS, BUDGET = 8, 2_500  # parts of a long text; characters read again for its words: as true as 7,300 and a third of the time
Heads = list[NDArray[np.float32]]  # probabilities per head, (texts, labels) each
Read = Callable[[list[str]], Heads]  # Classifier.probabilities
ROW = ("post_id", "model_version", "head", "label", "part", "start_n", "word", "fall_p", "first_seen_at")


@dataclass(frozen=True)
class Moved:
    """A word of a text, where it starts, and how far the label's probability falls without it (0 to 1)."""

    head: str
    label: str
    word: str
    start: int
    fall: float


def explain(classifier: Classifier, posts: pl.DataFrame) -> pl.DataFrame:
    """posts (post_id, title, text, first_seen_at) -> explanations."""
    columns = posts.select("post_id", "title", "text", "first_seen_at").rows()
    found = moving(classifier.probabilities, [read_as(title, text) for _, title, text, _ in columns])
    rows = [
        (post_id, classifier.version, one.head, one.label, *_place(title or "", text, one.start), one.word, one.fall, seen)
        for (post_id, title, text, seen), moved in zip(columns, found, strict=True)
        for one in moved
    ]
    schema = pl.Schema((name, COLUMNS[name].dtype) for name in ROW)
    return pl.DataFrame(rows, schema=schema, orient="row").sort("post_id", "head", "part", "start_n")


def moving(read: Read, texts: list[str]) -> list[list[Moved]]:
    """The KEPT words of each head that move its decided label most, heaviest first, by text; a word said twice is listed twice.

    All texts go through a step together: the reading is fastest in bulk, and does not depend on a text's company.
    """
    searches = [_search(text) for text in texts]
    found: list[list[Moved]] = [[] for _ in texts]
    wanted = {n: next(search, []) for n, search in enumerate(searches)}
    while wanted := {n: variants for n, variants in wanted.items() if variants}:
        heads = read([variant for variants in wanted.values() for variant in variants])
        ends = list(accumulate(map(len, wanted.values())))
        for n, start, end in zip(wanted, [0, *ends], ends, strict=False):
            try:
                wanted[n] = searches[n].send([head[start:end] for head in heads])
            except StopIteration as done:
                found[n], wanted[n] = done.value, []
    return found


def _search(text: str) -> Generator[list[str], Heads, list[Moved]]:
    """Asks for readings of variants of one text, twice, and returns what moved it."""
    seen, gap, shift = _as_read(text)
    places: dict[str, list[Span]] = {}
    for start, end in words(seen):
        if not start < gap < end:
            places.setdefault(seen[start:end], []).append((start, end))
    if not places:
        return []
    chosen = list(places)
    parts = [] if len(chosen) * len(seen) <= BUDGET else _parts(chosen, places)
    heads = yield [text, seen, *(_without(seen, part) for part in parts)]
    labels = [int(head[0].argmax()) for head in heads]
    if parts:
        weights = np.stack([head[1, label] - head[2:, label] for head, label in zip(heads, labels, strict=True)])
        chosen = _of_heaviest(parts, weights, places, max(KEPT, BUDGET // len(seen)))
    without = yield [_without(seen, places[word]) for word in chosen]
    found = []
    for name, label, whole, hidden in zip(READINGS, labels, heads, without, strict=True):
        falls = np.round((whole[1, label] - hidden[:, label]).astype(np.float64), 4)
        for i in sorted(range(len(chosen)), key=lambda i: (-falls[i], places[chosen[i]]))[:KEPT]:
            starts = [start + (shift if start >= gap else 0) for start, _ in places[chosen[i]]]
            found += [Moved(name, list(READINGS[name])[label], chosen[i], start, float(falls[i])) for start in starts if falls[i] > 0]
    return found


def _as_read(text: str) -> tuple[str, int, int]:
    """A long text without the middle that the model never sees (`Vocabulary.encode`), where it is missing, and how long it was."""
    shown = [i for i, char in enumerate(text) if not char.isspace()]
    if len(shown) <= LIMIT:
        return text, len(text), 0
    head = LIMIT * 3 // 4
    gap, after = shown[head], shown[len(shown) - (LIMIT - head)]
    return text[:gap] + text[after:], gap, after - gap


def _parts(chosen: list[str], places: dict[str, list[Span]]) -> list[list[Span]]:
    """The words' places in PARTS runs of equal count, in the order of the text."""
    spans = sorted(span for word in chosen for span in places[word])
    edges = [n * len(spans) // PARTS for n in range(PARTS + 1)]
    return [spans[start:end] for start, end in pairwise(edges) if start < end]


def _of_heaviest(parts: list[list[Span]], weights: NDArray[np.float32], places: dict[str, list[Span]], most: int) -> list[str]:
    """At most `most` words, of each head's heaviest part first, then of its second, …; `weights` (heads, parts)."""
    at = {span: word for word, spans in places.items() for span in spans}
    orders = np.argsort(-weights, axis=1, kind="stable")
    turns = [int(part) for rank in range(len(parts)) for part in orders[:, rank]]
    return list(dict.fromkeys(at[span] for part in turns for span in parts[part]))[:most]


def _without(text: str, spans: list[Span]) -> str:
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return "".join(text[end:start] for end, start in zip(ends, starts, strict=True))


def _place(title: str, text: str, start: int) -> tuple[str, int]:
    """Where a place of `read_as(title, text)` lies: in which column, at which character."""
    headline = title.strip()
    if not headline or text.startswith(headline):
        return "text", start
    if start < len(headline):
        return "title", start + len(title) - len(title.lstrip())
    return "text", start - len(headline) - 1
