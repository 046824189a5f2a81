"""Once a week: what the coming week will bring, area by area. A day without it still has its list (flows/steps.py, MONITORS)."""

from __future__ import annotations

from datetime import UTC, timedelta

import polars as pl

from flows.road import Road
from warehouse.clock import SHANGHAI
from warehouse.schema import empty


def outlook(road: Road) -> int:
    """Negative posts of the coming week by department and category, made by the week's first daily run; returns areas.

    A week whose first run has too little history to say anything is tried again each day.
    """
    if road.edition != "daily" or _has_one(road):
        return 0
    from models.escalation.areas import LOOKS_BACK
    from models.escalation.areas import outlook as look_ahead

    known = {
        table: road.warehouse.scan(table, as_of=road.as_of, since=road.as_of - LOOKS_BACK) for table in ("posts", "mentions", "scores")
    }
    named = known["mentions"].filter(pl.col("status") == "confirmed").collect()
    ours = named.lazy().select("post_id").unique()
    posts = known["posts"].select("post_id", "first_seen_at", "published_at").join(ours, on="post_id", how="semi").collect()
    scores = known["scores"].join(ours, on="post_id", how="semi").collect()
    areas = look_ahead(posts, named, _one_each(scores, road.text_model), road.as_of, road.playbook.limits.relevant_p)
    road.warehouse.replace("outlooks", areas, road.as_of)
    return areas.height


def _has_one(road: Road) -> bool:
    """Did an earlier run of this Shanghai week make one? This run's own does not count, so that a second run makes the same rows."""
    local = road.as_of.astimezone(SHANGHAI)
    monday = (local - timedelta(days=local.weekday())).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    made = road.warehouse.scan("outlooks", as_of=road.as_of - timedelta(microseconds=1), since=monday).select("as_of")
    return made.head(1).collect().height > 0


def _one_each(scores: pl.DataFrame, text_model: str) -> pl.DataFrame:
    """The shipped champion's score of a post, else the one it has: older posts were read by earlier champions."""
    ranked = scores.sort(pl.col("model_version") == text_model, "model_version")
    return ranked.unique("post_id", keep="last", maintain_order=True)


def shown(road: Road) -> pl.DataFrame:
    """The outlooks that a list shows: the newest and those before it, which say what is usual. A pulse shows none."""
    from briefing.outlook import SEEN

    return road.warehouse.read("outlooks", as_of=road.as_of, since=road.as_of - SEEN) if road.is_whole else empty("outlooks")
