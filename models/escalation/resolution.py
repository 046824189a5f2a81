"""Forecasts + what was stored later -> how each ended, by its own resolve_rule on stored rows alone.

When: never before resolve_at, and only once a grouping at or after it is known (the first within two days; else the last before it), for
until then nobody can say which of the posts seen by resolve_at belong to the event. Rows of a clock after resolve_at are not read. So an
outcome does not depend on when it is decided, and never changes.

Whose posts: those of the event in that grouping. An event that is no more in it has merged: it follows the event that holds most of the
posts it had at as_of (detail `merged:<id>`); where none holds any, those posts themselves are it.

The rules (`h` hours on: the forecast's resolve_at):
- `board_top10:24h` an observation of a post of it with board_rank ≤ 10 after as_of. observed_n: clock hours with one.
- `event_posts>=12:24h` at least 12 posts first seen by then. observed_n: those posts.
- `post_reposts>=500:48h` a post of it counted at 500 reposts or more by then. observed_n: the highest count.
- `on_board:12h` on a board in the hour before resolve_at. observed_n: the posts of it there.
- `level>=2:24h` the observable criteria of that level or a graver one (levels.py) at any instant. observed_n: the most posts within 24 h
  at any of them.

reached_at is the first instant of the last week before as_of, or later, at which what is asked for was seen. Where that is not after
as_of, detail says `already`: the outcome stands, but it was no forecast. A no that could have been a yes nobody saw is void (seeing.py):
`unread:<board or source>`, `uncounted`, `erased:<posts>`; `rule` where no rule here is meant.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from models.escalation import seeing
from models.escalation.cases import CASE, Cases, Evidence, cases
from models.escalation.features import HOUR
from models.escalation.levels import members, reached
from warehouse.schema import TABLES, empty

BOARD_HOUR = timedelta(hours=HOUR)
COLUMNS = [name for name in TABLES["outcomes"].columns if name not in ("run_id", "day_on")]


def resolve(forecasts: pl.DataFrame, evidence: Evidence, now: datetime) -> pl.DataFrame:
    """Rows of `outcomes` (no run_id, day_on) for the forecasts that can be decided at `now`, sorted by key; the others are left out."""
    known = cases(forecasts, evidence, now)
    if not known.asked.height:
        return empty("outcomes").select(COLUMNS)
    found = pl.concat([measure(known, evidence) for measure in (_board_top, _event_posts, _post_reposts, _on_board, _level)])
    told = known.asked.join(found, on=["case", "resolve_rule"], how="left").join(known.cases.drop(CASE), on="case")
    unseen = (
        pl.when(pl.col("rule").is_null()).then(pl.lit("rule"))
        .when(pl.col("erased_n") > 0).then(pl.format("erased:{}", "erased_n"))
        .otherwise("unseen")
    )  # fmt: skip
    is_met = pl.col("is_met").fill_null(False)
    outcome = pl.when(is_met).then(pl.lit("yes")).when(unseen.is_not_null()).then(pl.lit("void")).otherwise(pl.lit("no"))
    already = pl.when(pl.col("reached_at") <= pl.col("as_of")).then(pl.lit("already"))
    merged = pl.when(pl.col("followed").is_not_null()).then(pl.format("merged:{}", "followed"))
    said = pl.concat_str(pl.when(~is_met).then(unseen), already, merged, separator="; ", ignore_nulls=True)
    rows = told.with_columns(outcome=outcome, detail=pl.when(said != "").then(said), resolved_at=pl.lit(now))
    schema = empty("outcomes").schema
    return rows.select(pl.col(name).cast(schema[name]) for name in COLUMNS).sort(TABLES["outcomes"].key)


def _of(known: Cases, rule: str) -> pl.DataFrame:
    """case, resolve_rule, bar and the window of the forecasts of a rule."""
    return known.asked.filter(pl.col("rule") == rule).select("case", "resolve_rule", "bar", "as_of", "resolve_at").unique()


def _found(
    asked: pl.DataFrame, measured: pl.DataFrame, unseen: pl.DataFrame, is_met: pl.Expr, observed_n: pl.Expr | None = None
) -> pl.DataFrame:
    """What every rule comes to: case, resolve_rule, is_met, observed_n, reached_at, unseen."""
    rows = asked.join(measured, on=["case", "resolve_rule"], how="left").join(unseen, on="case", how="left")
    return rows.select(
        "case", "resolve_rule", is_met=is_met, observed_n=(observed_n if observed_n is not None else pl.col("n")).cast(pl.Float64),
        reached_at="reached_at", unseen="unseen",
    )  # fmt: skip


def _board_top(known: Cases, evidence: Evidence) -> pl.DataFrame:
    asked = _of(known, "board_top")
    hits = asked.select("case", "resolve_rule", "bar").join(known.seen, on="case").filter(pl.col("board_rank") <= pl.col("bar"))
    after = pl.col("observed_at") > pl.col("as_of")
    hours = pl.col("observed_at").dt.truncate("1h").filter(after).n_unique().alias("n")
    measured = hits.group_by("case", "resolve_rule").agg(hours, pl.col("observed_at").min().alias("reached_at"))
    n = pl.col("n").fill_null(0)
    return _found(asked, measured, seeing.boards_unread(asked, known.seen, evidence), n > 0, n)


def _event_posts(known: Cases, evidence: Evidence) -> pl.DataFrame:
    asked = _of(known, "event_posts")
    posts = asked.select("case", "resolve_rule", "bar").join(known.inside.select("case", "first_seen_at"), on="case")
    measured = posts.group_by("case", "resolve_rule").agg(
        n=pl.len(), reached_at=pl.col("first_seen_at").sort().get(pl.col("bar").first() - 1, null_on_oob=True)
    )
    n = pl.col("n").fill_null(0)
    return _found(asked, measured, seeing.sources_unread(asked, known.inside, evidence), n >= pl.col("bar"), n)


def _post_reposts(known: Cases, evidence: Evidence) -> pl.DataFrame:
    asked = _of(known, "post_reposts")
    counts = asked.select("case", "resolve_rule", "bar").join(known.seen.drop_nulls("reposts_n"), on="case")
    is_there = pl.col("reposts_n") >= pl.col("bar")
    measured = counts.group_by("case", "resolve_rule").agg(
        n=pl.col("reposts_n").max(), reached_at=pl.col("observed_at").filter(is_there).min()
    )
    return _found(asked, measured, seeing.uncounted(asked, known.seen), (pl.col("n") >= pl.col("bar")).fill_null(False))


def _on_board(known: Cases, evidence: Evidence) -> pl.DataFrame:
    asked = _of(known, "on_board")
    on = known.seen.filter(pl.col("board_rank").is_not_null(), pl.col("observed_at") > pl.col("resolve_at") - BOARD_HOUR)
    measured = asked.select("case", "resolve_rule").join(on, on="case").group_by("case", "resolve_rule").agg(
        n=pl.col("post_id").n_unique(), reached_at=pl.col("observed_at").min()
    )  # fmt: skip
    n = pl.col("n").fill_null(0)
    last_hour = asked.with_columns(as_of=pl.col("resolve_at") - BOARD_HOUR)
    return _found(asked, measured, seeing.boards_unread(last_hour, known.seen, evidence, never=True), n > 0, n)


def _level(known: Cases, evidence: Evidence) -> pl.DataFrame:
    """levels.py knows events; a case is one here, since what an event holds depends on when it is asked."""
    asked = _of(known, "level")
    units = known.cases.join(asked.select("case").unique(), on="case").with_columns(event=pl.col("case").cast(pl.String))
    inside = known.inside.join(units.select("case", "event"), on="case")
    hospital = units.select("event", "event_id", "as_of").join(evidence.events, on=["event_id", "as_of"]).select("event", "hospital_id")
    counted = members(
        hospital.rename({"event": "event_id"}), inside.select("post_id", event_id="event"), evidence.posts,
        evidence.mentions, evidence.scores, evidence.scheme,
    )  # fmt: skip
    windows = units.select("category", event_id="event", since="as_of", until="resolve_at")
    found = reached(counted, evidence.observations, windows, evidence.scheme)
    met = found.with_columns(case=pl.col("event_id").cast(pl.UInt32)).select("case", "level", "reached_at", n="posts_24h")
    measured = asked.join(met, left_on=["case", "bar"], right_on=["case", "level"]).select("case", "resolve_rule", "reached_at", "n")
    unseen = pl.concat([seeing.boards_unread(asked, known.seen, evidence), seeing.sources_unread(asked, known.inside, evidence)])
    unseen = unseen.sort("case", "unseen").unique("case", keep="first", maintain_order=True)
    return _found(asked, measured, unseen, pl.col("reached_at").is_not_null(), pl.col("n").fill_null(0))
