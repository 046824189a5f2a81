"""What leaves the house: the stages rank, explain, watch, publish and record, and the note that a list left."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from flows.handed_out import none_erased
from flows.reading import scores_in_force
from flows.road import Road, when
from warehouse.store import shanghai_day
from warehouse.vocabulary import ARCHIVES

STALE = timedelta(hours=12)  # a list that is made so long after its instant is a look back


def rank(road: Road) -> int:
    """The graded list; returns warnings."""
    warnings = _graded(road, road.playbook)
    road.warehouse.replace("warnings", warnings, road.as_of)
    return warnings.height


def _graded(road: Road, playbook: Any) -> pl.DataFrame:
    from briefing.rank import rank as grade

    before = road.as_of - timedelta(microseconds=1)
    left = road.warehouse.read("deliveries", as_of=before).filter(pl.col("is_sent")).select("as_of").unique()
    earlier = road.warehouse.read("warnings", as_of=before).join(left, on="as_of", how="semi")
    return grade(
        road.made("events"), road.made("forecasts"), road.made("event_posts"), road.known("posts"), road.known("mentions"),
        scores_in_force(road), road.known("observations"), earlier, road.warehouse.read("verdicts", as_of=road.as_of),
        playbook, road.as_of, road.settings.drill, road.settings.list_days,
        is_whole=road.is_whole,
    )  # fmt: skip


def _beyond_budget(road: Road, playbook: Any) -> int:
    """Warnings that would be on this list, but for the day's budget."""
    if playbook.limits.warnings_per_day is None:
        return 0
    return max(0, _graded(road, playbook.without_budget).height - road.made("warnings").height)


def explain(road: Road) -> int:
    """Which words moved the champion's reading of the posts that carry the warnings; returns words found."""
    from briefing.pages import explained
    from models.classifier.explain import explain as weigh
    from models.classifier.score import Classifier

    shown = frames(road)
    posts = explained(shown, road.as_of).join(shown.explanations.select("post_id").unique(), on="post_id", how="anti")
    return road.warehouse.add("explanations", weigh(Classifier.load(), posts)) if posts.height else 0


def frames(road: Road) -> Any:
    """The tables that a list is printed from."""
    from briefing.pages import Frames
    from expectations.record import listed
    from flows.outlook import shown as outlooks_shown

    return Frames(
        warnings=road.made("warnings"), events=road.made("events"), forecasts=road.made("forecasts"), event_posts=road.made("event_posts"),
        posts=road.known("posts"), mentions=road.known("mentions"), scores=scores_in_force(road), observations=road.known("observations"),
        coverage=road.made("coverage"), checks=listed(road.warehouse, road.as_of),
        explanations=road.known("explanations").filter(pl.col("model_version") == road.text_model), outlooks=outlooks_shown(road),
    )  # fmt: skip


def watch(road: Road) -> int:
    """Has what the text model reads drifted? The day's rows and the models' page; returns rows. A pulse watches nothing: days do."""
    if road.edition != "daily":
        return 0
    from briefing.models_page import SEEN_DAYS, publish_models
    from models.classifier.score import SHIPPED
    from models.drift import drift

    road.warehouse.replace("drift", drift(road.warehouse, road.as_of), road.as_of)
    rows = road.warehouse.read("drift", as_of=road.as_of, since=road.as_of - timedelta(days=SEEN_DAYS))
    card = json.loads((SHIPPED / "card.json").read_text(encoding="utf-8"))
    publish_models(card, road.text_model, rows, road.settings, road.published, road.as_of, has_record=True)
    return rows.filter(pl.col("as_of") == road.as_of).height


@none_erased
def publish(road: Road) -> int:
    """The list as pages and as JSON and CSV twins; returns the files written."""
    from briefing.publish import publish as write

    shown, playbook = frames(road), road.playbook
    titles = {f"import:{name}": words for name, words in ARCHIVES.items()} | {card.id: card.title for card in road.cards()}
    docs = road.data_docs / "index.html"
    published = write(
        shown,
        playbook,
        road.watchlist,
        road.settings,
        road.published,
        road.as_of,
        titles,
        docs if docs.exists() else None,
        beyond_budget_n=_beyond_budget(road, playbook),
        has_record=road.edition == "daily",
        earlier=earlier(road),
    )
    deliver(road, is_sent=when(None, road.settings.as_of) - road.as_of <= STALE)
    return len(published.paths)


def earlier(road: Road) -> list[datetime]:
    """The lists of this edition that left before on this Shanghai day."""
    left = road.warehouse.read("deliveries", as_of=road.as_of - timedelta(microseconds=1)).filter("is_sent")
    own = left.filter(pl.col("delivery_id").str.starts_with(f"{road.edition}-"))["as_of"].unique()
    return [one for one in own if shanghai_day(one) == shanghai_day(road.as_of)]


def deliver(road: Road, is_sent: bool = True) -> int:
    """Note that the list left as files: the cool-down and the record count from what left; returns 1, 0 if that was noted before.

    A list about an instant long gone is looked at by whoever asked for it, and warned nobody.
    """
    left = {"delivery_id": f"{road.run_id}-file", "as_of": road.as_of, "channel": "file", "is_sent": is_sent, "sent_at": road.as_of}
    return road.warehouse.add("deliveries", pl.DataFrame([left]))


@none_erased
def record(road: Road) -> int:
    """The page of the record, as fresh as the list; returns its warnings. A pulse leaves it to the day."""
    if road.edition != "daily":
        return 0
    from briefing.record_page import publish_record
    from flows.records import backtests, live, relived

    playbook, names = road.playbook, backtests(road.settings)
    mine = live(road.settings, playbook, road.as_of)
    publish_record(mine, relived(road.settings, names[-1], playbook) if names else None, playbook, road.settings, road.published)
    return mine.warnings.height
