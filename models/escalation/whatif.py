"""What would move the odds: the same event with one thing otherwise, and with one of its posts left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl

from models.escalation.features import HORIZONS, HOUR, OFF
from models.escalation.known import Known, Rows, measure
from models.escalation.model import Forecaster
from models.escalation.odds import odds

QUIET = timedelta(hours=6)
LOUDEST, NEWEST, MOST_POSTS = 3, 2, 200  # posts left out in turn, of events no larger than that


def otherwise(known: Known, rows: Rows) -> tuple[Known, pl.DataFrame]:
    """What would be known if: an event on a board were off it, or back; one of posts had come half as fast, or stayed quiet for 6 h.

    Also unit and `what`, the change in words.
    """
    later = measure(rows, known.kinds.select("unit", pl.col("as_of") + QUIET))
    by_posts = known.kinds.filter(pl.col("kind") == "spread").select("unit")
    moving = known.spread.filter(pl.col("n_3h") > 0).select("unit").join(by_posts, on="unit", how="semi")
    quiet = by_posts.join(moving, on="unit", how="anti")
    on_board = known.kinds.filter(pl.col("kind") == "board").select("unit")
    changed = Known(
        known.kinds,
        _either(known.board, {"_": (on_board, _off_or_back(known.board))}),
        _either(known.spread, {"moving": (moving, _slower(known.spread, is_whole=False)), "quiet": (quiet, later.spread)}),
        _either(known.volume, {"moving": (moving, _slower(known.volume, is_whole=True)), "quiet": (quiet, later.volume)}),
    )
    is_off = pl.col("rank_now") >= OFF
    back = pl.format("若重回热榜第{}位", pl.col("rank_last").cast(pl.Int64))
    what = pl.when(is_off).then(back).otherwise(pl.lit("若跌出热榜")).alias("what")
    told = on_board.join(known.board, on="unit", maintain_order="left").select("unit", what)
    words = [told, moving.with_columns(what=pl.lit("若传播速度减半")), quiet.with_columns(what=pl.lit("若再过6小时仍无新帖"))]
    return changed, pl.concat([one.with_columns(pl.col("what").cast(pl.String)) for one in words])


def _either(rows: pl.DataFrame, changes: dict[str, tuple[pl.DataFrame, pl.DataFrame]]) -> pl.DataFrame:
    """`rows`, those of some units as they would be."""
    parts = [changed.join(units, on="unit", how="semi").select(rows.columns) for units, changed in changes.values()]
    kept = rows.join(pl.concat([units for units, _ in changes.values()]), on="unit", how="anti")
    return pl.concat([kept, *parts], how="vertical_relaxed").sort("unit")


def _off_or_back(board: pl.DataFrame) -> pl.DataFrame:
    """Who is on a board is off it, seen last somewhat over an hour ago; who is off it is back where he was last."""
    is_off = pl.col("rank_now") >= OFF
    moved = board.with_columns(
        rank_now=pl.when(is_off).then("rank_last").otherwise(OFF), gap_h=pl.when(is_off).then(0.0).otherwise(HOUR + 0.05),
        topics_1h=pl.when(is_off).then(1.0).otherwise(0.0), heat_growth_3h=pl.lit(None, pl.Float64),
    )  # fmt: skip
    return moved.with_columns(((pl.col(f"rank_{h}h") - pl.col("rank_now")).alias(f"rise_{h}h")) for h in (1, 3, 6))


def _slower(posts: pl.DataFrame, is_whole: bool) -> pl.DataFrame:
    """Half the posts of the last 3 h. Not `is_whole`: those known in all stay, as the rule asks for a multiple of them."""
    fewer = pl.col("n_3h") / 2
    logs = {f"log_{h}h": (pl.col(f"n_{h}h") / 2).log1p() for h in (1, 3)}
    paces = {
        "pace_1h": pl.min_horizontal("pace_1h", (pl.col("n_1h") / 2 + 1) / (pl.col("n_before_1h") / 2 + 1)),
        "pace_3h": pl.col("pace_3h") * (fewer + 1) / (pl.col("n_3h") + 1),
    }
    changed = posts.with_columns(**logs, **paces)
    if not is_whole:
        return changed
    n = pl.col("n") - fewer
    longer = {f"log_{h}h": (pl.col(f"log_{h}h").exp() - 1 - fewer).log1p() for h in (6, 12, 24)}
    return changed.with_columns(**longer, n=n, n_24h=pl.col("n_24h") - fewer, log_n=n.log1p(), rate=(n / (pl.col("first_h") + 1)).log1p())


def counterfactuals(forecaster: Forecaster, known: Known, rows: Rows, bars: pl.DataFrame) -> pl.DataFrame:
    """unit, target, horizon_h, counterfactual: `若传播速度减半 → 31%`."""
    changed, words = otherwise(known, rows)
    said = odds(forecaster, changed, bars).join(words, on="unit")
    return said.select("unit", "target", "horizon_h", pl.format("{} → {}", "what", percent(pl.col("p"))).alias("counterfactual"))


def percent(p: pl.Expr) -> pl.Expr:
    """As pages print it: never 0 % or 100 %."""
    whole = pl.format("{}%", (p * 100).round(0).cast(pl.Int64))
    return pl.when(p < 0.01).then(pl.lit("不到1%")).when(p > 0.99).then(pl.lit("99%以上")).otherwise(whole)


def top_posts(rows: Rows, reposts: pl.DataFrame) -> pl.DataFrame:
    """unit, post_id, place, posts_n: the posts of each event that may have moved it most: three by place on a board, then by reposts,
    and the two newest. reposts: post_id, reposts_n (the newest count)."""
    newest = rows.sightings.sort("observed_at", "rank").group_by("unit", "topic").agg(pl.col("rank").last())
    ranked = rows.posted.join(newest.rename({"topic": "post_id"}), on=["unit", "post_id"], how="left")
    known = ranked.join(reposts, on="post_id", how="left").with_columns(pl.col("reposts_n").fill_null(0))
    ordered = known.sort("unit", "rank", "reposts_n", "posted_at", "post_id", descending=[False, False, True, True, False], nulls_last=True)
    late = pl.struct("posted_at", "post_id").rank("ordinal", descending=True).over("unit")
    placed = ordered.with_columns(place=pl.int_range(pl.len()).over("unit"), posts_n=pl.len().over("unit"), late=late)
    return placed.filter((pl.col("place") < LOUDEST) | (pl.col("late") <= NEWEST)).select("unit", "post_id", "place", "posts_n")


def moved_by(
    forecaster: Forecaster, known: Known, rows: Rows, bars: pl.DataFrame, top: pl.DataFrame, now: pl.DataFrame, listed: pl.DataFrame
) -> pl.DataFrame:
    """unit, target, moved_by: post_ids of `top`, those first without which the odds of the first horizon would differ most.

    Left out in turn where the event is among `listed` (unit) and has 2 to 200 posts; else as `top` has them. now: as of odds().
    """
    as_they_are = top.sort("unit", "place").group_by("unit", maintain_order=True).agg(moved_by=pl.col("post_id"))
    targets = now.select("unit", "target").unique()
    tried = top.filter(pl.col("posts_n").is_between(2, MOST_POSTS)).join(listed, on="unit", how="semi")
    tried = tried.with_columns(variant=pl.format("{}#{}", "unit", "place"))
    if not tried.height:
        return targets.join(as_they_are, on="unit", how="left")
    asked = tried.join(known.kinds, on="unit")
    variant = asked.select(pl.col("variant").alias("unit"), "as_of", "kind")
    left = replace(measure(rows.without(tried.select("variant", "unit", "post_id")), variant.select("unit", "as_of")), kinds=variant)
    bars_too = tried.select("variant", "unit").join(bars, on="unit").drop("unit").rename({"variant": "unit"})
    said = odds(forecaster, left, bars_too, HORIZONS[:1]).rename({"unit": "variant"}).join(tried, on="variant")
    before = now.filter(pl.col("horizon_h") == HORIZONS[0]).select("unit", "target", was="p")
    weighed = said.join(before, on=["unit", "target"]).with_columns(change=_log_odds("p") - _log_odds("was"))
    ordered = weighed.sort("unit", "target", pl.col("change").abs().round(9), "place", descending=[False, False, True, False])
    found = ordered.group_by("unit", "target", maintain_order=True).agg(found=pl.col("post_id"))
    both = targets.join(as_they_are, on="unit", how="left").join(found, on=["unit", "target"], how="left")
    return both.select("unit", "target", pl.coalesce("found", "moved_by").alias("moved_by"))


def _log_odds(name: str) -> pl.Expr:
    p = pl.col(name).clip(1e-6, 1 - 1e-6)
    return (p / (1 - p)).log()
