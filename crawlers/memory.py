"""What earlier answers of a source taught, read from the tables: validators to send, pages not to ask again, how far a list was read.

A run remembers only answers before its own start: the same run again asks the same questions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from crawlers.addresses import canonical_url

READ = ("ok", "empty_confirmed")  # a followed page with this answer has been read; any other reason is asked again
LEAST_FOR_USUAL = 20  # posts; fewer say nothing about what a source usually fills in
FILLED = {"time": "published_at", "title": "title", "author": "author_hash"}


@dataclass
class Memory:
    """Of one source. Addresses are as tables show them (Card.shown).

    `validators`: address -> (ETag, Last-Modified), either may be empty; `read`: pages that were read, canonical; `cursors`: the words that
    spiders kept (Source.keep_cursor); `usual`: share of the source's posts that have a time, a title, an author (FILLED).
    """

    validators: dict[str, tuple[str, str]] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    cursors: dict[str, str] = field(default_factory=dict)
    usual: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "read": sorted(self.read)}

    def learn(self, fetches: pl.DataFrame) -> None:
        """From rows of fetches of this source, taken in the order in which they came."""
        rows = fetches.sort("fetched_at", "fetch_id").select("url", "reason", "etag", "last_modified", "cursor")
        for url, reason, etag, modified, cursor in rows.iter_rows():
            if reason in READ:
                self.read.add(canonical_url(url))
                self.validators[url] = (etag or "", modified or "")
            elif reason != "not_modified":  # what came last was no answer: ask for the whole of it
                self.validators.pop(url, None)
            if cursor:
                key, _, value = cursor.partition("\t")
                self.cursors[key] = value
        self.validators = {url: known for url, known in self.validators.items() if any(known)}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Memory:
        validators = {url: (etag, modified) for url, (etag, modified) in said["validators"].items()}
        return cls(validators, set(said["read"]), said["cursors"], said["usual"])


def remember(fetches: pl.DataFrame, posts: pl.DataFrame | pl.LazyFrame, sources: Iterable[str]) -> dict[str, Memory]:
    """Memories by source. fetches, posts: rows of those tables (or of landing files) from before the run; order does not matter.

    Of `posts` only shares are taken, so a month of them is best handed over lazily.
    """
    filled = [pl.col(column).is_not_null().mean().alias(name) for name, column in FILLED.items()]
    shares = posts.lazy().group_by("source").agg(pl.len(), *filled).filter(pl.col("len") >= LEAST_FOR_USUAL).drop("len").collect()
    usual = {row.pop("source"): row for row in shares.to_dicts()}
    memories = {source: Memory(usual=usual.get(source, {})) for source in sources}
    for source, memory in memories.items():
        memory.learn(fetches.filter(pl.col("source") == source))
    return memories
