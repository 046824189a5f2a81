"""How long the road's forecasts take: 10,000 constructed live events, all targets and explanations.

Constructed so as to be like a hospital's month: most events are one or two posts, a few run to hundreds; one in twelve is a topic of a
hot board read hourly; counts of posts are read every few hours; texts, authors and categories vary.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from models.escalation.forecast import forecast
from models.escalation.model import Forecaster
from warehouse.schema import polars_schema

NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
EVENTS, BAR_S = 10_000, 30.0
NAMES = ("posts", "observations", "mentions", "scores", "events", "event_posts")
PLATFORMS = ("weibo", "douyin", "tieba", "zhihu")
CATEGORIES = ("safety", "service", "price", "rumor", "conflict", "other")
PLAYBOOK: dict[str, Any] = {  # the criteria of conf/playbook.yml that ask for posts or places
    "scheme": {"direction": "larger_is_worse", "levels": [
        {"number": 1, "criteria": [{"posts_24h": 3}, {"group": "高敏感", "posts_24h": 2}]},
        {"number": 2, "criteria": [
            {"posts_24h": 20}, {"board_rank": 50}, {"group": "高敏感", "posts_24h": 8}, {"group": "涉及伤亡", "posts_24h": 3},
        ]},
        {"number": 3, "criteria": [{"posts_24h": 100}, {"board_rank": 10}, {"group": "涉及伤亡", "posts_24h": 20}]},
    ]},
    "groups": {"高敏感": {"categories": ["safety", "conflict", "emergency"]}, "涉及伤亡": {"words": ["死亡", "去世"]}},
    "limits": {"relevant_p": 0.5},
}  # fmt: skip


def world(events_n: int = EVENTS, seed: int = 7) -> dict[str, pl.DataFrame]:
    """Constructed tables: posts, observations, mentions, scores, events, event_posts."""
    draw = np.random.default_rng(seed)
    sizes = np.minimum(1 + np.floor(draw.pareto(1.3, events_n)).astype(int), 500)
    is_board = draw.random(events_n) < 1 / 12
    owner = np.repeat(np.arange(events_n), sizes)
    count = len(owner)
    starts = draw.uniform(0.2, 160, events_n)
    ages = starts[owner] * draw.random(count) ** 0.5
    seen = ages - np.minimum(ages, draw.exponential(0.3, count))
    texts = np.array(["构造:排队三小时没人理", "构造:老人抢救后去世家属质疑", "构造:收费单看不懂", "构造:谢谢护士"])
    posts = pl.DataFrame({
        "post_id": [f"p{i}" for i in range(count)], "source": "bench", "kind": "post", "platform": draw.choice(PLATFORMS, count),
        "author_hash": [f"a{i}" for i in draw.integers(0, count, count)], "text": texts[draw.integers(0, 4, count)],
        "author_kind": draw.choice(["personal", "personal", "personal", "media", "own"], count), "is_verified": draw.random(count) < 0.1,
        "published_at": _before(ages), "published_precision": "second", "first_seen_at": _before(seen), "fetch_id": "f",
    })  # fmt: skip
    ids, seen_at = posts["post_id"].to_numpy(), seen
    every = np.repeat(np.arange(count), draw.integers(1, 7, count))
    share = draw.random(len(every))
    grown = draw.pareto(1.0, count)[every] * (1 - share)
    counts = pl.DataFrame({
        "post_id": ids[every], "observed_at": _before(seen_at[every] * share), "reposts_n": np.floor(grown).astype(int).clip(0, 10**6),
        "comments_n": np.floor(grown * 2).astype(int).clip(0, 10**6), "board_rank": None,
    })  # fmt: skip
    first = np.searchsorted(owner, np.flatnonzero(is_board))
    hourly = np.repeat(first, draw.integers(1, 40, len(first)))
    hours = np.concatenate([np.arange(n) for n in np.unique(hourly, return_counts=True)[1]])
    ranks = np.clip(25 + 12 * draw.standard_normal(len(hourly)), 1, 50).astype(int)
    at = np.minimum(seen_at[hourly], draw.uniform(0, 60, count)[hourly])
    boards = pl.DataFrame({
        "post_id": ids[hourly], "observed_at": _before(np.maximum(at - hours, 0.2)), "reposts_n": None, "comments_n": None,
        "board_rank": ranks,
    })  # fmt: skip
    event_ids = np.array([f"e{i}" for i in range(events_n)])
    seen_posts = posts["first_seen_at"]
    return {
        "posts": _table("posts", posts),
        "observations": _table("observations", pl.concat([counts, boards], how="vertical_relaxed").unique(["post_id", "observed_at"])),
        "mentions": _table("mentions", pl.DataFrame({
            "post_id": ids, "hospital_id": "h", "status": "confirmed", "first_seen_at": seen_posts,
        })),
        "scores": _table("scores", pl.DataFrame({
            "post_id": ids, "model_version": "m", "relevant_p": draw.random(count) ** 0.3, "negative_p": draw.random(count),
            "first_seen_at": seen_posts,
        })),
        "events": _table("events", pl.DataFrame({
            "event_id": event_ids, "as_of": NOW, "hospital_id": "h", "category": draw.choice(CATEGORIES, events_n), "posts_n": sizes,
        })),
        "event_posts": _table("event_posts", pl.DataFrame({"event_id": event_ids[owner], "post_id": ids, "as_of": NOW})),
    }  # fmt: skip


def _before(hours: Any) -> pl.Series:
    return pl.Series([NOW - timedelta(seconds=int(h * 3600)) for h in hours], dtype=pl.Datetime("us", "UTC"))


def _table(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """In the table's columns, null where nothing was said."""
    schema = polars_schema(name)
    return frame.select(
        (pl.col(column) if column in frame.columns else pl.lit(None)).cast(dtype).alias(column) for column, dtype in schema.items()
    )


def measure(forecaster: Forecaster, events_n: int = EVENTS) -> tuple[float, pl.DataFrame, dict[str, pl.DataFrame]]:
    """Seconds, the forecasts, and the tables they were made of."""
    tables = world(events_n)
    began = time.perf_counter()
    posts, counts, mentions, scores, events, event_posts = (tables[name] for name in NAMES)
    found = forecast(posts, counts, mentions, scores, events, event_posts, NOW, forecaster, PLAYBOOK)
    return time.perf_counter() - began, found, tables
