"""Cascades × ages -> feature rows, strictly as of each age. Training and the road share it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from models.escalation.cascade import clock, marks, post
from models.escalation.cascade.clock import REACH_H, Clock
from models.escalation.cascade.data import Cascades
from models.escalation.cascade.traces import trace

T0 = (1.0, 3.0, 6.0, 12.0, 24.0)
GRID = (.25, .5, .75, 1., 1.25, 1.5, 1.75, 2., 2.5, 3., 3.5, 4., 4.5, 5., 5.5, 6., *(float(hour) for hour in range(7, 37)))  # fmt: skip
KEY = ("cascade_id", "t0_h")
OLDEST_H = REACH_H - 48  # the clock looks so far and no farther
TOLD_EVERY = 100
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Known:
    """What features take from training posts: their clock, and the middle of what an author may lack."""

    clock: Clock
    fill: post.Fill

    def state(self) -> dict[str, Any]:
        return {"clock": self.clock.state(), "fill": self.fill}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Known:
        return cls(Clock.of(state["clock"]), dict(state["fill"]))


def learn(training: Cascades) -> Known:
    return Known(Clock.of(clock.learn(training).state()), post.middles(training.posts))


def rows(cascades: Cascades, known: Known, ages: Sequence[float] = GRID, progress: Progress = lambda _: None) -> pl.DataFrame:
    """KEY and Float32 features, a row for every cascade and age (hours, at most OLDEST_H), in order of both.

    `progress` is told how many cascades are done.
    """
    at = np.array(sorted(ages))
    parent, is_new, said = marks.parents(cascades), marks.first_seen(cascades), marks.says(cascades.reposts)
    wrote = cascades.reposts.join(cascades.posts.select("at", "author_hash"), on="at", how="left", maintain_order="left")
    by_author = wrote.select((pl.col("uid_hash") == pl.col("author_hash")).fill_null(False).cast(pl.Float64)).to_series().to_numpy()
    blocks, names = [], []
    for k, posted in enumerate(cascades.posts["post_time"].to_list()):
        part = slice(cascades.starts[k], cascades.starts[k + 1])
        seen = marks.marks(cascades.hours(k), parent[part], is_new[part], by_author[part], said[part])
        found = trace(cascades.hours(k), at, seen, known.clock.course(posted))
        names = list(found)
        blocks.append(np.column_stack(list(found.values())).astype(np.float32))
        progress(k + 1)
    told = pl.DataFrame(np.vstack(blocks), schema=names)
    key = pl.DataFrame({"cascade_id": np.repeat(cascades.posts["cascade_id"].to_numpy(), len(at)), "t0_h": np.tile(at, len(cascades))})
    return pl.concat([key, told, post.hour_of(key, cascades)], how="horizontal").join(
        post.features(cascades.posts, known.fill), on="cascade_id", how="left", maintain_order="left"
    )
