"""Answers of people -> rows of the table `labels`, or why one is no label. Nothing is guessed: a word we do not know sets its row aside."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import polars as pl

from crawlers.redact import redact
from flows.label_readers import KNOWN, Answer, Aside
from models.classifier.datasets import key
from models.labels import with_text
from warehouse.schema import COLUMNS
from warehouse.vocabulary import CATEGORIES, LABEL_HEADS, RELEVANCE

NOT_SAID = re.compile(r"[^\u4e00-\u9fffA-Za-z0-9]")  # what a spreadsheet may lose on the way: emoji saved as GBK, line ends
LONGEST = COLUMNS["text"].longest or 0

Row = dict[str, Any]


class _Bad(Exception):
    """This answer is no label; the message says why."""


def rows_of(answers: Iterable[Answer], posts: pl.DataFrame, annotator: str) -> tuple[list[Row], list[Aside]]:
    """(rows: text_key, annotator, post_id, text, kind, is_relevant, sentiment, category, queue_reason; answers set aside).

    The text of a post of ours is the warehouse's own; another text is taken from the file, personal data masked.
    """
    answers = list(answers)
    asked = posts.filter(pl.col("post_id").is_in(list({answer.post_id for answer in answers})))
    if not {answer.post_id for answer in answers} <= set(asked["post_id"]):
        asked = posts  # texts without an id may still be ours: only then is every post's key worth its time
    known = with_text(asked).select("post_id", "text", "text_key", "kind").to_dicts()
    ours = {**{post["text_key"]: post for post in known}, **{post["post_id"]: post for post in known}}
    rows: dict[tuple[str, str], Row] = {}
    aside = []
    for answer in answers:
        try:
            row = {**_heads(answer.words), **_text(answer, ours), "queue_reason": answer.why or None}
            row["annotator"] = f"{annotator}-{answer.person}" if answer.person else annotator
            first = rows.setdefault((row["text_key"], row["annotator"]), row)
            if any(first[head] != row[head] for head in ("is_relevant", "sentiment", "category")):
                raise _Bad("the same text is labelled otherwise further up in this file")
        except _Bad as bad:
            aside.append(Aside(answer.place, str(bad), answer.post_id))
    return list(rows.values()), aside


def _heads(words: dict[str, str]) -> Row:
    keys = {}
    for head, word in words.items():
        if word not in KNOWN[head]:
            allowed = "、".join(dict.fromkeys(said for said in KNOWN[head] if not said.isascii()))
            raise _Bad(f"{LABEL_HEADS[head]}: unknown word {word[:40]!r}; allowed: {allowed}")
        keys[head] = KNOWN[head][word]
    if "relevant" not in keys:
        raise _Bad(f"{LABEL_HEADS['relevant']} is empty")
    relevant, category = keys["relevant"] == "relevant", keys.get("category")
    if not relevant and category not in (None, "other"):
        raise _Bad(
            f"{LABEL_HEADS['relevant']} {RELEVANCE['irrelevant']} and {LABEL_HEADS['category']} {CATEGORIES[category]}: one is wrong"
        )
    return {"is_relevant": relevant, "sentiment": keys.get("sentiment"), "category": category if relevant else "other"}


def _text(answer: Answer, ours: dict[str, Row]) -> Row:
    post = ours.get(answer.post_id)
    if post is not None:
        if answer.text and not _same(answer.text, post["text"]):
            raise _Bad("the text is not that of the post with this id; was a column sorted without the others?")
        return post
    text = redact(answer.text)
    if not text:
        raise _Bad("no text, and no post of this warehouse has this id")
    if len(text) > LONGEST:
        raise _Bad(f"the text has more than {LONGEST} characters")
    return ours.get(key(text)) or {"post_id": None, "text": text, "text_key": key(text), "kind": "post"}


def _same(one: str, other: str) -> bool:
    """Equal in what is said; a spreadsheet may have cut a very long one."""
    a, b = NOT_SAID.sub("", one), NOT_SAID.sub("", other)
    return a == b or (len(a) > 1000 and b.startswith(a))
