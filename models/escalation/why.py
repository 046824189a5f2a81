"""What is said of a forecast beside its odds: drivers, what would be otherwise, and the posts that moved it. Keyed by unit and target."""

from __future__ import annotations

import polars as pl

from models.escalation.drivers import drivers, plain_facts
from models.escalation.features import HORIZONS, short
from models.escalation.known import Known
from models.escalation.model import Forecaster
from models.escalation.odds import at
from models.escalation.reposts import BAR, TARGET, Counted, event_odds, post_odds, slower
from models.escalation.topics import LOWER, Topics
from models.escalation.whatif import percent

Facts = dict[str, list[str]]  # unit -> sentences of crowd.facts
LINES = pl.List(pl.String)


def event_drivers(
    forecaster: Forecaster, known: Known, bars: pl.DataFrame, found: pl.DataFrame, listed: pl.DataFrame, more: Facts
) -> pl.DataFrame:
    """unit, target, drivers of what each head or ladder decided, at the first horizon: the two differ by little."""
    parts = []
    for kind, features in (("board", known.board), ("spread", known.spread), ("volume", known.volume), ("rank", known.board)):
        asked = found.filter(pl.col("horizon_h") == HORIZONS[0], pl.col("by") == kind).select("unit", "target")
        rows = at(asked.join(features, on="unit", maintain_order="left"), HORIZONS[0])
        if kind in forecaster.ladders:
            bar = "rank" if kind == "rank" else "posts"
            own = pl.coalesce(bar, f"both_{bar}", pl.lit(1.0)).alias("bar")
            rows = rows.join(bars.select("unit", "target", own), on=["unit", "target"], maintain_order="left")
        parts.append(_said(forecaster, kind, rows.with_columns(short("n_24h")) if kind == "volume" else rows, listed, more))
    return pl.concat(parts)


def _said(forecaster: Forecaster, kind: str, rows: pl.DataFrame, listed: pl.DataFrame, more: Facts) -> pl.DataFrame:
    """TreeSHAP orders the sentences of events that a list may show; the others' stand in a fixed order, which costs nothing."""
    model = forecaster.ladders.get(kind) or forecaster.heads[kind]
    parts = []
    for is_listed in (True, False):
        part = rows.join(listed, on="unit", how="semi" if is_listed else "anti", maintain_order="left")
        others = [more.get(unit, []) for unit in part["unit"]]
        said = drivers(model, part, others) if is_listed and part.height else plain_facts(kind, part, others)
        parts.append(part.select("unit", "target").with_columns(drivers=pl.Series(said, dtype=LINES)))
    return pl.concat(parts)


def repost_drivers(forecaster: Forecaster, counted: Counted, listed: pl.DataFrame, more: Facts) -> pl.DataFrame:
    """unit, target, drivers: those of the post that is most likely to reach the bar."""
    p = post_odds(forecaster, counted.features, HORIZONS[0])
    rows = at(counted.features.with_columns(p=p), HORIZONS[0]).sort("unit", "p", "post_id", descending=[False, True, False])
    rows = rows.unique("unit", keep="first", maintain_order=True).with_columns(bar=pl.lit(float(BAR)), target=pl.lit(TARGET))
    return _said(forecaster, "reposts", rows.with_columns(short("count")), listed, more)


def repost_otherwise(forecaster: Forecaster, counted: Counted) -> pl.DataFrame:
    """unit, target, horizon_h, counterfactual."""
    changed = slower(counted)
    is_moving = changed.group_by("unit").agg((pl.col("grown_3h") > 0).any().alias("is_moving"))
    what = pl.when("is_moving").then(pl.lit("若传播速度减半")).otherwise(pl.lit("若再过6小时仍无新增转发"))
    parts = []
    for hours in HORIZONS:
        said = event_odds(changed["unit"], post_odds(forecaster, changed, hours)).join(is_moving, on="unit")
        parts.append(said.select(
            "unit", pl.lit(TARGET).alias("target"), pl.lit(hours, pl.Int64).alias("horizon_h"),
            pl.format("{} → {}", what, percent(pl.col("p"))).alias("counterfactual"),
        ))  # fmt: skip
    return pl.concat(parts)


def repost_movers(forecaster: Forecaster, counted: Counted) -> pl.DataFrame:
    """unit, target, moved_by: the likeliest posts first, without which the event's odds would fall most; five at most."""
    p = post_odds(forecaster, counted.features, HORIZONS[0])
    rows = counted.features.select("unit", "post_id").with_columns(p=p).sort("unit", "p", "post_id", descending=[False, True, False])
    return rows.group_by("unit", maintain_order=True).agg(moved_by=pl.col("post_id").head(5)).with_columns(target=pl.lit(TARGET))


def topic_why(known: Known, topics: Topics, more: Facts) -> pl.DataFrame:
    """unit, target, horizon_h, drivers, counterfactual, moved_by. The facts stand in a fixed order: what the topic forecaster goes by, the
    places of all that stands on the board, has no words."""
    key = ["unit", "target", "horizon_h"]
    asked = topics.odds.select(key).unique(maintain_order=True)
    rows = asked.select("unit", "target").join(known.board, on="unit", maintain_order="left")
    said = plain_facts("board", rows, [more.get(unit, []) for unit in rows["unit"]])
    drivers = rows.select("unit", "target").with_columns(drivers=pl.Series(said, dtype=LINES))
    lower = topics.lower.group_by(key).agg(pl.col("p").max())
    lower = lower.select(*key, pl.format("若名次再降{}位 → {}", pl.lit(LOWER), percent(pl.col("p"))).alias("counterfactual"))
    moved = topics.odds.group_by("unit", "target", maintain_order=True).agg(moved_by=pl.col("topic").head(5))
    return (
        asked.join(drivers, on=["unit", "target"], how="left")
        .join(lower, on=key, how="left")
        .join(moved, on=["unit", "target"], how="left")
    )
