"""Boards -> odds: of every topic 2.1 h after it was first seen, at each of its readings, or at one instant on the road."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from models.escalation.topic.dataset import asked_only
from models.escalation.topic.features import KEY, courses, features
from models.escalation.topic.model import TopicForecaster
from models.escalation.topic.outcomes import TARGETS, early, every
from models.escalation.topic.readings import board, boards_in, shaped

ROUND = timedelta(minutes=20)  # sightings of a platform no further apart than this are of one reading
LATEST = timedelta(days=7)  # a topic unseen for longer is not asked about
AT = {"early": "2.1h", "every": "reading"}


def boards(folder: Path, is_every: bool = False, forecaster: TopicForecaster | None = None) -> pl.DataFrame:
    """board, topic_id, as_of, target, horizon_h, p, at. BoardProblem if the folder holds no board.

    at: `2.1h` (first seen + 2.1 h) or, with is_every, also `reading` (each of its own). Where the last reading lies before
    first seen + 2.1 h there is no row: the board was not read for long enough to ask.
    """
    rows = pl.concat([board(folder, name) for name in boards_in(folder)])
    forecaster = forecaster or TopicForecaster.load()
    ends = rows.group_by("board").agg(pl.col("observed_at").max().alias("end"))
    asked = [early(rows).join(ends, on="board").filter(pl.col("as_of") <= pl.col("end")).select(*KEY, pl.lit(AT["early"]).alias("at"))]
    if is_every:
        asked.append(every(rows).select(*KEY, pl.lit(AT["every"]).alias("at")))
    instants = pl.concat(asked).unique(KEY, keep="first", maintain_order=True)
    found = forecaster.with_text(features(rows, instants, courses(rows)))
    said = _said(found.join(instants, on=KEY, how="left"), forecaster, [*KEY, "at"])
    return said.select(*KEY, "target", "horizon_h", "p", "at").sort(*KEY, "target")


def odds(sightings: pl.DataFrame, as_of: datetime, forecaster: TopicForecaster | None = None) -> pl.DataFrame:
    """unit, topic, platform, target, horizon_h, p: see the package."""
    forecaster = forecaster or TopicForecaster.load()
    seen = sightings.filter(pl.col("observed_at") <= as_of, pl.col("rank").is_not_null()).sort("platform", "observed_at")
    if seen.is_empty():
        return _nobody(sightings)
    rows = pl.concat([_rounds(mine, str(name)) for (name,), mine in seen.group_by("platform", maintain_order=True)])
    instants = rows.group_by("board", "topic_id").agg(pl.col("observed_at").max().alias("last"))
    instants = instants.filter(pl.col("last") > as_of - LATEST).select(
        "board", "topic_id", pl.lit(as_of).cast(pl.Datetime("us", "UTC")).alias("as_of")
    )
    if instants.is_empty():
        return _nobody(sightings)
    said = _said(forecaster.with_text(features(rows, instants)), forecaster, KEY)
    topics = seen.select("unit", "topic", "platform").unique().with_columns(pl.col("topic").cast(pl.String).alias("topic_id"))
    return topics.join(said, left_on=["platform", "topic_id"], right_on=["board", "topic_id"]).select(
        "unit", "topic", "platform", "target", "horizon_h", "p"
    ).sort("unit", "platform", "topic", "target")  # fmt: skip


def _said(found: pl.DataFrame, forecaster: TopicForecaster, keep: list[str]) -> pl.DataFrame:
    """A row a target that can be asked."""
    askable = asked_only(
        found.with_columns(
            pl.lit(1, pl.Int8).alias("board_top10"), pl.lit(1, pl.Int8).alias("on_board"), pl.lit(value=False).alias("is_early")
        )
    )
    parts = []
    for target, hours in TARGETS.items():
        rows = askable.drop_nulls(target)
        p = pl.Series("p", forecaster.predict(rows, target) if rows.height else [], dtype=pl.Float64)
        parts.append(rows.select(*keep, pl.lit(target).alias("target"), pl.lit(float(hours)).alias("horizon_h")).with_columns(p))
    return pl.concat(parts)


def _rounds(seen: pl.DataFrame, name: str) -> pl.DataFrame:
    """One platform's sightings in SCHEMA, those of one round of reading at one instant."""
    at = pl.col("observed_at")
    rounds = seen.select("observed_at").unique().sort("observed_at")
    rounds = rounds.with_columns((at - at.shift(1) > ROUND).fill_null(value=False).cum_sum().alias("round"))
    rounds = rounds.with_columns(at.max().over("round").alias("read_at"))
    titles = pl.col("title") if "title" in seen.columns else pl.col("topic").cast(pl.String)
    answers = next((pl.col(column) for column in ("answers", "comments") if column in seen.columns), pl.lit(None))
    numbered = seen.join(rounds, on="observed_at", how="left").with_columns(
        pl.col("topic").cast(pl.String).alias("topic_id"), titles.alias("title"), answers.alias("answers"),
        pl.col("read_at").alias("observed_at")
    )  # fmt: skip
    return shaped(numbered, name)


def _nobody(sightings: pl.DataFrame) -> pl.DataFrame:
    kinds = {name: sightings.schema[name] for name in ("unit", "topic", "platform")}
    return pl.DataFrame(schema={**kinds, "target": pl.String(), "horizon_h": pl.Float64(), "p": pl.Float64()})
