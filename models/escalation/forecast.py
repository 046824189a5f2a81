"""Stage 6 of the road: events as known at as_of -> will each escalate within 24 and 48 h, and what would prove it.

Two models. `board` where a hot board shows the event now or showed it lately; `spread` where posts are all that is known.
Their rules are part of the forecast and decided on stored rows alone:

- `board_top10:24h`: yes if an observation of any of the event's posts has board_rank ≤ 10 and observed_at in
  (as_of, as_of + 24 h]. Its unit: clock hours with such an observation.
- `event_posts>=12:24h`: yes if the event has at least 12 posts with first_seen_at ≤ as_of + 24 h (twice what was known at
  as_of, and five more). Its unit: those posts.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from models.escalation.drivers import drivers
from models.escalation.features import HORIZONS, TOP, at_horizons, board_features, spread_features, threshold
from models.escalation.model import Forecaster
from warehouse.schema import TABLES, empty

NOW_H, MEMORY_H = 24, 72
COLUMNS = [name for name in TABLES["forecasts"].columns if name not in ("run_id", "day_on")]
KEY = ["event_id", "as_of", "horizon_h", "target"]


def forecast(
    posts: pl.DataFrame, observations: pl.DataFrame, mentions: pl.DataFrame, scores: pl.DataFrame, events: pl.DataFrame,
    event_posts: pl.DataFrame, as_of: datetime, forecaster: Forecaster | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Forecasts of every event of `as_of`: two rows each (24 and 48 h), in the columns of the table, sorted by its key.

    Rows whose clock is later than as_of are not read. `mentions` and `scores` are in the contract for models that use them;
    these two do not: the shared boards and cascades they learned from carry neither. ModelProblem if no model is shipped.
    """
    forecaster = forecaster or Forecaster.load()
    asked = events.filter(pl.col("as_of") == as_of).select(pl.col("event_id").alias("unit"), "as_of").sort("unit")
    members = event_posts.filter(pl.col("as_of") == as_of).select(pl.col("event_id").alias("unit"), "post_id")
    known = members.join(posts.filter(pl.col("first_seen_at") <= as_of), on="post_id").sort("unit", "post_id")
    board = board_features(_sightings(known, observations.filter(pl.col("observed_at") <= as_of)), asked)
    spread = spread_features(_posted(known), asked)
    board = board.join(spread.select("unit", pl.col("last_h").alias("last_post_h")), on="unit", maintain_order="left").filter(
        _is_of_board()
    )
    spread = spread.join(board, on="unit", how="anti", maintain_order="left")
    rules = {
        "board": pl.format(f"board_top{TOP}:{{}}h", "horizon_h"),
        "spread": pl.format("event_posts>={}:{}h", threshold(pl.col("n")), "horizon_h"),
    }
    parts = [_forecasts(forecaster, kind, rows, rules[kind]) for kind, rows in (("board", board), ("spread", spread)) if rows.height]
    return pl.concat([empty("forecasts").select(COLUMNS), *parts]).sort(KEY)


def _is_of_board() -> pl.Expr:
    """On a board within 24 h; or within 72 h, if nothing was posted since: then the board is still the newest that is known."""
    gap, post = pl.col("gap_h"), pl.col("last_post_h")
    return (gap <= NOW_H) | ((gap <= MEMORY_H) & (post.is_null() | (post >= gap)))


def _sightings(known: pl.DataFrame, observations: pl.DataFrame) -> pl.DataFrame:
    ranked = observations.filter(pl.col("board_rank").is_not_null()).select(
        "post_id", "observed_at", pl.col("board_rank").alias("rank"), "heat"
    )
    return known.select("unit", "post_id", "platform").join(ranked, on="post_id").rename({"post_id": "topic"})


def _posted(known: pl.DataFrame) -> pl.DataFrame:
    """When each post was written; by our clock where theirs is unknown or ahead of ours."""
    return known.select(
        "unit", pl.min_horizontal("published_at", "first_seen_at").alias("posted_at"),
        pl.coalesce("author_hash", "post_id").alias("author"),
    )  # fmt: skip


def _forecasts(forecaster: Forecaster, kind: str, features: pl.DataFrame, rule: pl.Expr) -> pl.DataFrame:
    """Drivers are those of the first horizon: the two differ by little, and TreeSHAP is nine tenths of the time."""
    head = forecaster.heads[kind]
    said = drivers(head, features.with_columns(pl.lit(float(HORIZONS[0])).alias("horizon_h")))
    rows = at_horizons(features.with_columns(pl.Series("drivers", said, pl.List(pl.String))))
    found = rows.hstack(head.predict(rows)).with_columns(
        pl.col("unit").alias("event_id"), pl.col("horizon_h").cast(pl.Int64), pl.lit(forecaster.version_of(kind)).alias("model_version"),
        target=pl.lit("escalation"), counterfactual=pl.lit(None, pl.String), moved_by=pl.lit(None, pl.List(pl.String)),
    )  # fmt: skip
    ends = pl.col("as_of") + pl.duration(hours=pl.col("horizon_h"))
    return found.with_columns(rule.alias("resolve_rule"), ends.alias("resolve_at")).select(COLUMNS)
