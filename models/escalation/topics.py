"""Topics of an event on hot boards: into the top 10 within 24 h, still on the board after 12 h. By the topic forecaster (topic/)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from models.escalation.features import TOP
from models.escalation.head import LEAST_P
from models.escalation.topic.forecast import odds
from models.escalation.topic.model import TopicForecaster

LOWER, LAST_PLACE = 10, 50
RULES = {"board_top10": f"board_top{TOP}:{{}}h", "on_board": "on_board:{}h"}


@dataclass(frozen=True)
class Topics:
    """`odds`: a row a topic of an event and target (unit, topic, target, horizon_h, p); `lower`: the same, the event's topics stood ten
    places lower."""

    odds: pl.DataFrame
    lower: pl.DataFrame


def gather(forecaster: TopicForecaster, posts: pl.DataFrame, observations: pl.DataFrame, members: pl.DataFrame, as_of: datetime) -> Topics:
    """Every topic kept of the boards is read, as what else stands there is half of what is known. members: unit, post_id.

    An event that is in a top 10 now, on any board, is not asked whether it enters one.
    """
    seen = observations.filter(pl.col("board_rank").is_not_null(), pl.col("observed_at") <= as_of)
    rows = seen.join(posts.select("post_id", "platform", "title"), on="post_id").join(members, on="post_id", how="left").select(
        pl.col("unit").fill_null(""), pl.col("post_id").alias("topic"), "platform", "title", "observed_at",
        pl.col("board_rank").alias("rank"), "heat", pl.col("comments_n").alias("comments"),
    )  # fmt: skip
    said = _of_events(odds(rows, as_of, forecaster))
    last = pl.col("observed_at") == pl.col("observed_at").max().over("unit", "topic", "platform")
    lower = pl.when((pl.col("unit") != "") & last).then((pl.col("rank") + LOWER).clip(upper_bound=LAST_PLACE)).otherwise("rank")
    at_top = rows.filter(last, pl.col("rank") <= TOP).join(said.filter(pl.col("target") == "on_board"), on=["unit", "topic"], how="semi")
    asked = said.join(at_top.select("unit", target=pl.lit("board_top10")).unique(), on=["unit", "target"], how="anti")
    below = _of_events(odds(rows.with_columns(lower.alias("rank")), as_of, forecaster))
    return Topics(asked, below.join(asked.select("unit", "target").unique(), on=["unit", "target"], how="semi"))


def _of_events(said: pl.DataFrame) -> pl.DataFrame:
    rows = said.filter(pl.col("unit") != "").with_columns(pl.col("horizon_h").cast(pl.Int64), pl.col("p").clip(LEAST_P, 1 - LEAST_P))
    return rows.select("unit", "topic", "target", "horizon_h", "p").sort(
        "unit", "target", "p", "topic", descending=[False, False, True, False]
    )


def event_rows(topics: Topics, hours: pl.DataFrame) -> pl.DataFrame:
    """unit, target, horizon_h, p (of its likeliest topic), sizes. hours: unit and sizes of the board head, in hours in a top 10.

    What `on_board` counts are topics still there: each is or is not, so 10 and 90 % are those of a sum of such.
    """
    best = topics.odds.group_by("unit", "target", "horizon_h", maintain_order=True).agg(pl.col("p").first(), each=pl.col("p"))
    counts = np.array([_spread(each) for each in best["each"].to_list()]).reshape(best.height, 3)
    sizes = best.with_columns(low=counts[:, 0], expected=counts[:, 1], high=counts[:, 2]).join(hours, on="unit", how="left")
    is_top = pl.col("target") == "board_top10"
    named = {f"{name}_n": pl.when(is_top).then(f"{name}_n").otherwise(name) for name in ("low", "expected", "high")}
    return sizes.with_columns(**named).drop("each", "low", "expected", "high")


def _spread(each: list[float]) -> tuple[float, float, float]:
    """10 %, mean and 90 % of how many of independent events come true."""
    chance = np.ones(1)
    for p in each:
        chance = np.convolve(chance, (1 - p, p))
    below = np.cumsum(chance)
    mean = float(np.sum(each))
    return min(float(np.searchsorted(below, 0.1)), mean), mean, max(float(np.searchsorted(below, 0.9)), mean)
