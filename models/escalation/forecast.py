"""Stage 6 of the road: events as known at as_of -> what will become of each within 24 and 48 h, and what would prove it.

`escalation`, of every event, by one of two heads: `board` where a hot board shows it now or showed it lately; `spread` where posts are all
that is known. `level_2`, `level_3` (every level of the playbook but the mildest), of every event with posts that count and that has not
reached it yet, by two ladders. `reposts_500`, of every event with posts whose reposts are counted, none of which has reached 500;
`board_top10` and `on_board`, of every event with topics on hot boards that can be asked (topics.py). Their rules are part of the forecast
and decided on stored rows alone:

- `board_top10:24h`: yes if an observation of any of the event's posts has board_rank ≤ 10 and observed_at in
  (as_of, as_of + 24 h]. Its unit: clock hours with such an observation.
- `event_posts>=12:24h`: yes if the event has at least 12 posts with first_seen_at ≤ as_of + 24 h (twice what was known at
  as_of, and five more). Its unit: those posts.
- `post_reposts>=500:24h`: yes if a count of a post of it is 500 or more by then. Its unit: the most reposts of a post.
- `on_board:12h`: yes if a post of it is on a board then. Its unit: such posts.
- `level>=2:24h`: yes if the observable criteria of that level or a graver one (levels.py) hold at any instant of
  (as_of, as_of + 24 h]. Its unit: the most posts within 24 h at any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from models.escalation import reposts, targets, topics
from models.escalation.crowd import crowd, facts
from models.escalation.known import Known, Rows, gather, measure
from models.escalation.levels import Scheme, bars_now, members, reached
from models.escalation.model import Forecaster
from models.escalation.topic.model import TopicForecaster
from models.escalation.whatif import counterfactuals, moved_by, top_posts
from models.escalation.why import Facts, event_drivers, repost_drivers, repost_movers, repost_otherwise, topic_why
from warehouse.schema import TABLES, empty

COLUMNS = [name for name in TABLES["forecasts"].columns if name not in ("run_id", "day_on")]
KEY = ["event_id", "as_of", "horizon_h", "target"]
LISTED_P = 0.05  # half the odds that the mildest criterion of conf/playbook.yml asks for: below, no list shows why
BARS = ("posts", "rank", "both_posts", "both_rank")
NOBODY = pl.DataFrame(schema={"unit": pl.String(), "target": pl.String()} | dict.fromkeys(BARS, pl.Float64()))


def forecast(
    posts: pl.DataFrame, observations: pl.DataFrame, mentions: pl.DataFrame, scores: pl.DataFrame, events: pl.DataFrame,
    event_posts: pl.DataFrame, as_of: datetime, forecaster: Forecaster | None = None, playbook: Mapping[str, Any] | None = None,
    topic_forecaster: TopicForecaster | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Forecasts of every event of `as_of`: a row a target and horizon, in the columns of the table, sorted by its key.

    Rows whose clock is later than as_of are not read. playbook: its parts scheme, groups and limits as a plain structure (levels.Scheme);
    without it no levels are forecast. ModelProblem if no model is shipped.
    """
    forecaster = forecaster or Forecaster.load()
    events = events.filter(pl.col("as_of") == as_of)
    posts, mentions, scores = (frame.filter(pl.col("first_seen_at") <= as_of) for frame in (posts, mentions, scores))
    observations = observations.filter(pl.col("observed_at") <= as_of)
    pairs = event_posts.filter(pl.col("as_of") == as_of).select("event_id", "post_id").unique()
    pairs = pairs.join(events, on="event_id", how="semi")
    of_events = pairs.rename({"event_id": "unit"}).join(posts, on="post_id").sort("unit", "post_id")
    inside, bars = None, NOBODY
    if playbook is not None:
        scheme = Scheme.of(playbook)
        inside = members(events, pairs, posts, mentions, scores, scheme)
        bars = _open_levels(inside, observations, events, scheme)
    rows = gather(of_events, observations, inside, as_of)
    known = measure(rows, events.select(pl.col("event_id").alias("unit"), "as_of").sort("unit"))
    counted = reposts.gather(rows, observations, as_of)
    bars = bars.join(known.volume.select("unit"), on="unit", how="semi")
    more = {row["unit"]: facts(row) for row in crowd(of_events, observations, scores, as_of).iter_rows(named=True)}
    found = pl.concat(
        [targets.escalations(forecaster, known), targets.levels(forecaster, known, bars), targets.reposts(forecaster, counted)],
        how="vertical_relaxed",
    )
    why = _why(forecaster, known, counted, rows, bars, found, observations, more)
    by_topic = topic_forecaster or TopicForecaster.load()
    on_boards = topics.gather(by_topic, posts, observations, rows.counted.select("unit", "post_id"), as_of)
    found = pl.concat([found, targets.topics(forecaster, by_topic.version, known, on_boards)], how="vertical_relaxed")
    why = pl.concat([why, topic_why(known, on_boards, more).select(why.columns)], how="vertical_relaxed")
    table = found.join(why, on=["unit", "target", "horizon_h"], how="left").with_columns(
        pl.col("unit").alias("event_id"), pl.lit(as_of).alias("as_of"), pl.col("p").alias("escalates_p"),
        pl.col("drivers").fill_null([]), (pl.lit(as_of) + pl.duration(hours=pl.col("horizon_h"))).alias("resolve_at"),
    )  # fmt: skip
    return pl.concat([empty("forecasts").select(COLUMNS), table.select(COLUMNS)]).sort(KEY)


def _why(
    forecaster: Forecaster, known: Known, counted: reposts.Counted, rows: Rows, bars: pl.DataFrame, found: pl.DataFrame,
    observations: pl.DataFrame, more: Facts,
) -> pl.DataFrame:  # fmt: skip
    """unit, target, horizon_h, drivers, counterfactual, moved_by."""
    listed = found.filter(pl.col("p") >= LISTED_P).select("unit").unique()
    newest = observations.drop_nulls("reposts_n").sort("observed_at").group_by("post_id").agg(pl.col("reposts_n").last())
    drivers = [event_drivers(forecaster, known, bars, found, listed, more)]
    otherwise = [counterfactuals(forecaster, known, rows, bars)]
    now = found.filter(pl.col("target") != reposts.TARGET)
    moved = [moved_by(forecaster, known, rows, bars, top_posts(rows, newest), now, listed)]
    if counted.features.height:
        drivers.append(repost_drivers(forecaster, counted, listed, more))
        otherwise.append(repost_otherwise(forecaster, counted))
        moved.append(repost_movers(forecaster, counted).select(moved[0].columns))
    said = found.select("unit", "target", "horizon_h").join(pl.concat(drivers), on=["unit", "target"], how="left")
    said = said.join(pl.concat(otherwise), on=["unit", "target", "horizon_h"], how="left")
    return said.join(pl.concat(moved), on=["unit", "target"], how="left")


def _open_levels(inside: pl.DataFrame, observations: pl.DataFrame, events: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """unit, target and bars of the levels that are not reached yet, the mildest left out: nearly everything is that by and by."""
    asked = events.select("event_id", since="as_of", until="as_of", category="category")
    now = reached(inside, observations, asked, scheme).filter(pl.col("reached_at").is_not_null()).select("event_id", "level")
    graver = bars_now(inside, asked, scheme).filter(pl.col("level") != scheme.numbers[0]).join(now, on=["event_id", "level"], how="anti")
    return graver.select(pl.col("event_id").alias("unit"), pl.format("level_{}", "level").alias("target"), *BARS)
