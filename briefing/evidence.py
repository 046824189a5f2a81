"""The posts that carry a warning: in order, in the page's words, and with the words that moved the classifier's reading marked."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import groupby
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from briefing.render import clock_words
from warehouse.clock import shanghai
from warehouse.vocabulary import AUTHOR_KINDS, KINDS, PLATFORMS, READINGS

EVENT_POSTS, EXCERPT, WHOLE = 200, 120, 2000
EXPLAINED = 5  # the first posts of an event are explained, and no others: a list printed again must not gain marks
LEAST_FALL = 0.02  # a word that moves a probability by less says nothing to a reader

Piece = tuple[str, bool]  # text, is it marked; markup is made by the template from such pieces, never from strings


def safe_link(url: str | None) -> str | None:
    """Only http(s) may be followed from a page made of strangers' text."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc else None


def in_order(posts: pl.DataFrame) -> pl.DataFrame:
    """The posts that carry the warning first: confirmed, then relevant, then most answered, newest; the same words once."""
    sure, relevant = (
        pl.col("status").replace_strict({"confirmed": 2, "unconfirmed": 0}, default=1),
        pl.col("relevant_p").fill_null(0.0).round(1),
    )
    ranked = posts.with_columns(sure=sure, near=relevant).sort(
        "sure", "near", "engaged_n", "said_at", "post_id", descending=[True, True, True, True, False]
    )
    return ranked.unique(["title", "text"], keep="first", maintain_order=True).head(EVENT_POSTS)


def with_counts(posts: pl.DataFrame, observations: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Latest known counts of each post, and their sum as `engaged_n`."""
    counts = ("reposts_n", "comments_n", "likes_n")
    last = observations.filter(pl.col("observed_at") <= as_of).sort("observed_at").unique("post_id", keep="last", maintain_order=True)
    last = last.select("post_id", *counts, engaged_n=pl.sum_horizontal(counts))
    return posts.join(last, on="post_id", how="left").with_columns(pl.col("engaged_n").fill_null(0))


def said(posts: pl.DataFrame, explanations: pl.DataFrame) -> list[dict[str, Any]]:
    """An event's posts (`in_order`) for the page; the first EXPLAINED with marks and with what they were read as, and why."""
    first = explanations.filter(pl.col("fall_p") >= LEAST_FALL, pl.col("post_id").is_in(posts["post_id"].head(EXPLAINED).to_list()))
    moved = {post_id: rows.to_dicts() for (post_id,), rows in first.sort("head", "part", "start_n").group_by("post_id")}
    return [_post(row, moved.get(row["post_id"], [])) for row in posts.iter_rows(named=True)]


def _post(row: dict[str, Any], moved: list[dict[str, Any]]) -> dict[str, Any]:
    counted = (("转发", row["reposts_n"]), ("评论", row["comments_n"]), ("点赞", row["likes_n"]))
    places = {part: [(m["start_n"], m["start_n"] + len(m["word"])) for m in moved if m["part"] == part] for part in ("title", "text")}
    return {
        "title": marked(row["title"], places["title"], WHOLE) if row["title"] and row["title"] != row["text"] else None,
        "text": marked(row["text"], places["text"], WHOLE),
        "excerpt": marked(row["text"], [], EXCERPT),
        "why": _why(moved),
        "platform": PLATFORMS[row["platform"]],
        "kind": KINDS[row["kind"]],
        "author": AUTHOR_KINDS.get(row["author_kind"] or ""),
        "time": _when(row),
        "seen": clock_words(row["first_seen_at"]),
        "link": safe_link(row["url"]),
        "counts": [f"{word} {n:,}" for word, n in counted if n],
        "is_sure": row["status"] != "unconfirmed",
        "post_id": row["post_id"],
    }


def marked(raw: str, places: list[tuple[int, int]], longest: int) -> list[Piece]:
    """The text in pieces, white space drawn together, cut after `longest` characters; `places` [start, end) of `raw` are marked.

    A place outside the text marks nothing.
    """
    if not places:
        text = " ".join(raw.split())
        return [(text if len(text) <= longest else text[:longest] + "……", False)]
    at = {i: start for start, end in places for i in range(start, end)}
    shown: list[tuple[str, int | None]] = []  # a character, and the start of the place it lies in
    for word in re.finditer(r"\S+", raw):
        if shown:
            shown.append((" ", shown[-1][1] if at.get(word.start()) == shown[-1][1] else None))
        shown += [(raw[i], at.get(i)) for i in range(*word.span())]
    rest = [("……", False)] if len(shown) > longest else []
    runs = groupby(shown[:longest], key=lambda one: one[1])
    return [("".join(char for char, _ in run), place is not None) for place, run in runs] + rest


def _why(moved: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the post was read as and the words that decided it, heaviest first, in the order of the classifier's heads."""
    why = []
    for head, labels in READINGS.items():
        rows = sorted((m for m in moved if m["head"] == head), key=lambda m: (-m["fall_p"], m["part"], m["start_n"]))
        if rows:
            why.append({"label": labels[rows[0]["label"]], "words": list(dict.fromkeys(m["word"] for m in rows))})
    return why


def _when(row: dict[str, Any]) -> str:
    if row["published_at"] is None:
        return f"{clock_words(row['first_seen_at'])} 首次看到"
    return shanghai(row["published_at"], "%-m月%-d日") if row["published_precision"] == "day" else clock_words(row["published_at"])
