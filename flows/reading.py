"""What the words mean: the stages mention, score, group and forecast."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from flows.road import Road


def mention(road: Road) -> int:
    """Which hospital each post of the window speaks of; returns new mentions."""
    from models.mentions import mention as find

    return road.warehouse.add("mentions", find(road.known("posts"), road.watchlist))


def score(road: Road) -> int:
    """What the champion reads in each post that concerns us and that it has not read yet; returns posts read."""
    from models.classifier.score import Classifier

    classifier = Classifier.load()
    concerned = road.known("posts").join(road.known("mentions").select("post_id").unique(), on="post_id", how="semi")
    read = road.known("scores").filter(pl.col("model_version") == classifier.version)
    return road.warehouse.add("scores", classifier.score(concerned.join(read, on="post_id", how="anti")))


def scores_in_force(road: Road) -> pl.DataFrame:
    """The window's scores by the shipped champion alone: a post read by two models counts once."""
    return road.known("scores").filter(pl.col("model_version") == road.text_model)


def group(road: Road) -> int:
    """Posts of the window into events, keeping the ids of earlier days; returns events."""
    from models.grouping import group as into_events

    before = road.warehouse.read("events", as_of=road.as_of - timedelta(microseconds=1), since=road.window_from)
    last = before.filter(pl.col("as_of") == pl.col("as_of").max())
    members = road.warehouse.read("event_posts", as_of=road.as_of - timedelta(microseconds=1), since=road.window_from)
    members = members.join(last.select("event_id", "as_of"), on=["event_id", "as_of"], how="semi")
    events, event_posts = into_events(
        road.known("posts"), road.known("mentions"), scores_in_force(road), last, members, road.as_of, road.settings.event_window_days
    )
    road.warehouse.replace("event_posts", event_posts, road.as_of)
    road.warehouse.replace("events", events, road.as_of)
    return events.height


def forecast(road: Road) -> int:
    """What will become of each event; returns forecasts."""
    from models.escalation.forecast import forecast as look_ahead

    forecasts = look_ahead(
        road.known("posts"), road.known("observations"), road.known("mentions"), scores_in_force(road),
        road.made("events"), road.made("event_posts"), road.as_of, playbook=road.playbook.model_dump(),
    )  # fmt: skip
    road.warehouse.replace("forecasts", forecasts, road.as_of)
    return forecasts.height
