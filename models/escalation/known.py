"""Tables as known at an instant -> what is known of each event, as features; also with one post left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from models.escalation.features import board_features, spread_features

NOW_H, MEMORY_H = 24, 72


@dataclass(frozen=True)
class Rows:
    """What features are made of. `sightings`: unit, topic, platform, observed_at, rank, heat; `posted` and `counted`: unit, post_id,
    posted_at, author, of all posts, and of those that the playbook counts."""

    sightings: pl.DataFrame
    posted: pl.DataFrame
    counted: pl.DataFrame

    def without(self, variants: pl.DataFrame) -> Rows:
        """variants: variant, unit, post_id -> the rows of each variant: its unit's, but those of that post; `unit` is the variant."""

        def cut(rows: pl.DataFrame, post: str) -> pl.DataFrame:
            joined = variants.rename({"post_id": "left_out"}).join(rows, on="unit").filter(pl.col(post) != pl.col("left_out"))
            return joined.drop("unit", "left_out").rename({"variant": "unit"})

        return Rows(cut(self.sightings, "topic"), cut(self.posted, "post_id"), cut(self.counted, "post_id"))


@dataclass(frozen=True)
class Known:
    """Features a unit, no horizon yet. `board`: of those on a board in the last 168 h; `spread`: of all; `volume`: of those with posts
    that count. `kinds`: unit, as_of and the head that says whether it escalates."""

    kinds: pl.DataFrame
    board: pl.DataFrame
    spread: pl.DataFrame
    volume: pl.DataFrame


def gather(members: pl.DataFrame, observations: pl.DataFrame, inside: pl.DataFrame | None, as_of: datetime) -> Rows:
    """members: posts' columns and `unit`; inside: as of levels.members (None: every post counts). Nothing later than as_of is read.

    A post was written when its author says; by our clock where theirs is unknown or ahead of ours.
    """
    known = members.filter(pl.col("first_seen_at") <= as_of).sort("unit", "post_id")
    ranked = observations.filter(pl.col("observed_at") <= as_of, pl.col("board_rank").is_not_null()).select(
        "post_id", "observed_at", pl.col("board_rank").alias("rank"), "heat"
    )
    sightings = known.select("unit", "post_id", "platform").join(ranked, on="post_id").rename({"post_id": "topic"})
    posted = known.select(
        "unit", "post_id", pl.min_horizontal("published_at", "first_seen_at").alias("posted_at"),
        pl.coalesce("author_hash", "post_id").alias("author"),
    )  # fmt: skip
    if inside is None:
        return Rows(sightings, posted, posted)
    said = inside.select(pl.col("event_id").alias("unit"), "post_id", pl.col("said_at").alias("posted_at"))
    return Rows(sightings, posted, posted.drop("posted_at").join(said, on=["unit", "post_id"]).select(posted.columns))


def measure(rows: Rows, asked: pl.DataFrame) -> Known:
    """asked: unit, as_of."""
    spread = spread_features(rows.posted, asked)
    board = board_features(rows.sightings, asked)
    is_board = board.join(spread.select("unit", pl.col("last_h").alias("last_post_h")), on="unit", maintain_order="left").filter(
        _is_of_board()
    )
    kinds = asked.join(is_board.select("unit", pl.lit("board").alias("kind")), on="unit", how="left", maintain_order="left")
    counted = spread_features(rows.counted, asked).filter(pl.col("n") > 0)
    return Known(kinds.with_columns(pl.col("kind").fill_null("spread")), board, spread, counted)


def _is_of_board() -> pl.Expr:
    """On a board within 24 h; or within 72 h, if nothing was posted since: then the board is still the newest that is known."""
    gap, post = pl.col("gap_h"), pl.col("last_post_h")
    return (gap <= NOW_H) | ((gap <= MEMORY_H) & (post.is_null() | (post >= gap)))
