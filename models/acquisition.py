"""Active learning: which scored texts are worth a person's look, and why (pool-based sampling, Settles 2009).

Three acquisition functions and a random share. *Uncertain*: margins of the model's own probabilities. *Disagreeing*: the model against a
second opinion that needs no other model, no labels and no shared data: what it says of the texts most like this one (k-nearest-neighbour
agreement), people's labels among them weighing more. *New words*: character pairs rare here and in the shipped rarity table (medical
texts up to 2024), and characters the model's vocabulary lacks. The random share is drawn first, from the whole pool: figures measured on
it are unbiased, figures on the rest are not. Near copies appear once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.classifier.vocabulary import Vocabulary
from models.labels import with_text
from models.neighbours import Note, Reals, opinions, pairs_of
from warehouse.vocabulary import CATEGORIES, SENTIMENTS

SHARES = {"random": 0.2, "uncertain": 0.4, "disagreeing": 0.25, "new_words": 0.15}
POOL = 20_000  # newest texts looked at
SAYS_SOMETHING = 6  # characters
PERSON = 3.0  # a labelled neighbour weighs as much as so many scored ones
UNKNOWN = 3.0  # a character the model cannot read at all weighs as much as so many new pairs

Ints = NDArray[np.int64]


def queue(
    posts: pl.DataFrame, scores: pl.DataFrame, labels: pl.DataFrame, vocabulary: Vocabulary, version: str, n: int, seed: int = 7,
    note: Note | None = None,
) -> pl.DataFrame:  # fmt: skip
    """post_id, text_key, text, kind, platform, published_at, queue_reason, heads (what it is about; may be empty): at most n rows.

    `labels` holds a row a text that people labelled (labels.settle): those are left out, and speak as neighbours. Scores of model `version`
    count where there are some, else any. The same tables and seed give the same queue.
    """
    pool = _pool(posts, scores, version)
    said = labels.select("text_key", *(pl.col(head).alias(f"said_{head}") for head in ("is_relevant", "sentiment", "category")))
    known = pool.join(said, on="text_key", how="left", maintain_order="left")
    open_ = known["said_is_relevant"].is_null().to_numpy()
    if not open_.any():
        return _shown(known.head(0), [], [])
    pairs = pairs_of(known["text"].to_list())
    second = opinions(pairs.vectors, _beliefs(known), np.where(open_, 1.0, PERSON), note)
    unknown = np.array([vocabulary.unknown_share(text) for text in known["text"]])
    margins, clashes = _uncertain(known), _disagreeing(known, second)
    ranked = {
        "uncertain": margins.mean(1), "disagreeing": clashes.max(1), "new_words": pairs.new + UNKNOWN * unknown,
        "random": np.array([_lot(key, seed) for key in known["text_key"]]),
    }  # fmt: skip
    chosen = _choose(ranked, open_, pairs.are_copies, n)
    heads = [_about(reason, margins[row], clashes[row]) for row, reason in chosen]
    return _shown(known[[row for row, _ in chosen]], [reason for _, reason in chosen], heads)


def readings(scores: pl.DataFrame, version: str) -> pl.DataFrame:
    """A row a post: what model `version` reads in it, or another where that one has not read it."""
    ranked = scores.with_columns(is_ours=pl.col("model_version") == version).sort("post_id", "is_ours", "model_version")
    return ranked.unique("post_id", keep="last", maintain_order=True).drop("first_seen_at", "run_id", "day_on", "is_ours", strict=False)


def _pool(posts: pl.DataFrame, scores: pl.DataFrame, version: str) -> pl.DataFrame:
    """The newest scored texts, each once, oldest first."""
    seen = posts.join(readings(scores, version), on="post_id").sort("first_seen_at", "published_at", "post_id")
    pool = with_text(seen.tail(2 * POOL)).unique("text_key", keep="first", maintain_order=True)
    return pool.filter(pl.col("text").str.len_chars() >= SAYS_SOMETHING).tail(POOL)


def _answers(pool: pl.DataFrame) -> list[Ints]:
    """Per head what the model answers for each text, as a position."""
    relevant = (pool["relevant_p"] >= 0.5).cast(pl.Int64).to_numpy()
    return [
        relevant,
        pool.select(f"{name}_p" for name in SENTIMENTS).to_numpy().argmax(1),
        _position(pool["category"], CATEGORIES).to_numpy(),
    ]


def _beliefs(pool: pl.DataFrame) -> list[Reals]:
    """Per head (texts, answers) one-hot: a person's answer where there is one, else the model's."""
    people = [
        pool["said_is_relevant"].cast(pl.Int64),
        _position(pool["said_sentiment"], SENTIMENTS),
        _position(pool["said_category"], CATEGORIES),
    ]
    answers_n = (2, len(SENTIMENTS), len(CATEGORIES))
    return [
        np.eye(n)[pl.select(pl.coalesce(person, pl.Series(model))).to_series().to_numpy()]
        for n, person, model in zip(answers_n, people, _answers(pool), strict=True)
    ]


def _position(said: pl.Series, words: dict[str, str]) -> pl.Series:
    return said.replace_strict({word: i for i, word in enumerate(words)}, return_dtype=pl.Int64)


def _uncertain(pool: pl.DataFrame) -> Reals:
    """(texts, heads) 0 sure … 1 a coin's throw: one minus the margin of the two best answers; sentiment and category matter as far as the
    text may be relevant. Of categories only the best is stored: its doubt, scaled.
    """
    relevant = pool["relevant_p"].to_numpy()
    sentiment = np.sort(pool.select(f"{name}_p" for name in SENTIMENTS).to_numpy(), axis=1)
    doubt = (1 - pool["category_p"].to_numpy()) * len(CATEGORIES) / (len(CATEGORIES) - 1)
    return np.stack([1 - abs(2 * relevant - 1), relevant * (1 - (sentiment[:, -1] - sentiment[:, -2])), relevant * doubt], axis=1)


def _disagreeing(pool: pl.DataFrame, second: list[Reals]) -> Reals:
    """(texts, heads) share of the neighbours that answer otherwise than the model; 0 without neighbours. As above, sentiment and category
    matter as far as the text may be relevant.
    """
    row, relevant = np.arange(pool.height), pool["relevant_p"].to_numpy()
    clashes = [1 - head[row, answer] for head, answer in zip(second, _answers(pool), strict=True)]
    return np.nan_to_num(np.stack([clashes[0], relevant * clashes[1], relevant * clashes[2]], axis=1))


def _lot(key: str, seed: int) -> float:
    """A text's place in the draw, fixed by its key and the seed."""
    return int(hashlib.sha256(f"{seed} {key}".encode()).hexdigest()[:8], 16) / 16**8


def _choose(ranked: dict[str, Reals], open_: NDArray[np.bool_], are_copies: Callable[[int, int], bool], n: int) -> list[tuple[int, str]]:
    """(row, reason): each reason's best up to its share, the random ones first; what a reason cannot fill goes to the uncertain."""
    taken: dict[int, str] = {}

    def take(reason: str, upto: int) -> None:
        for row in np.argsort(-ranked[reason], kind="stable").tolist():
            if len(taken) >= upto:
                return
            if open_[row] and ranked[reason][row] > 0 and not any(one == row or are_copies(one, row) for one in taken):
                taken[row] = reason

    for reason, share in SHARES.items():
        take(reason, min(n, len(taken) + round(n * share)))
    take("uncertain", n)
    return sorted(taken.items(), key=lambda one: _lot(str(one[0]), 1))  # mixed: who labels half of it labels some of each


def _about(reason: str, margins: Reals, clashes: Reals) -> list[str]:
    """The head that put the text there; never the model's answer, which would lead the reader's hand."""
    heads = ("relevant", "sentiment", "category")
    by_reason = {"uncertain": margins, "disagreeing": clashes}
    return [heads[int(by_reason[reason].argmax())]] if reason in by_reason else []


def _shown(rows: pl.DataFrame, reasons: list[str], heads: list[list[str]]) -> pl.DataFrame:
    columns = ["post_id", "text_key", "text", "kind", "platform", "published_at"]
    return rows.select(columns).with_columns(
        pl.Series("queue_reason", reasons, pl.String), pl.Series("heads", heads, pl.List(pl.String))
    )  # fmt: skip
