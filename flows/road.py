"""The stages of the road as plain functions of a Road: tested and run without a server; flows/daily.py puts them in order.

Each reads earlier tables as known at `as_of` and writes its own. Frameworks are imported where they are used: start-up is most
of a small day's cost.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.clock import Clock, parse_instant
from warehouse.settings import PROJECT, ConfigProblem, Settings
from warehouse.store import Warehouse
from warehouse.vocabulary import ARCHIVES
from warehouse.watchlist import Watchlist, load_watchlist


def instant(name: str, said: str) -> datetime:
    """What a user wrote as a time; ConfigProblem names where he wrote it."""
    try:
        return parse_instant(said)
    except ValueError as problem:
        raise ConfigProblem(f"{name} {said}: not an instant; write it like 2026-03-10T08:30+08:00") from problem


def when(as_of: str | None, settled: str | None) -> datetime:
    """The instant a run looks back from: the one asked for, else the drill's own, else now."""
    said = as_of or settled
    return instant("as_of", said) if said else datetime.now(UTC).replace(microsecond=0)


def last_run(settings: Settings) -> str | None:
    """The instant of the newest published list, ISO 8601; None before the first."""
    runs = Warehouse(settings.warehouse).scan("deliveries").select(pl.col("as_of").max()).collect()["as_of"][0]
    return None if runs is None else str(runs.isoformat())


@dataclass(frozen=True)
class Road:
    """One run: whose, looking back from when, into which warehouse. A live one crawls from `began` on and looks back once all is in.

    `told`: the newest instant that a list had looked back from when this run's rows came in.
    """

    settings: Settings
    as_of: datetime
    replica_url: str = ""
    edition: str = "daily"
    is_live: bool = False
    began: datetime | None = None
    told: datetime | None = None

    @property
    def start(self) -> datetime:
        return self.began or self.as_of

    def arrived(self, told: datetime | None = None) -> Road:
        """After the crawl: a live run's as_of is now, or it could not see what it has just fetched; and later than `told`."""
        if not self.is_live:
            return self
        now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        after = now if told is None or told < now else told.replace(microsecond=0) + timedelta(seconds=1)
        return replace(self, began=self.start, as_of=after, told=told)

    @property
    def run_id(self) -> str:
        return f"{self.edition}-{self.as_of.astimezone(UTC):%Y%m%dT%H%M%SZ}"

    @property
    def warehouse(self) -> Warehouse:
        """What a stage writes to it passes the gate."""
        from expectations.door import Gated

        return Gated(self.settings.warehouse, self.run_id, self.as_of, self.data_docs)

    @property
    def data_docs(self) -> Path:
        return self.settings.published / "data_docs"

    @property
    def landing(self) -> Path:
        return self.settings.root / "landing" / f"{self.edition}-{self.start.astimezone(UTC):%Y%m%dT%H%M%SZ}"

    @property
    def clock(self) -> Clock:
        """A drill's clock stands still, so that every run of it is the same run."""
        return Clock(self.start, speed=0.0 if self.settings.drill else 1.0)

    @property
    def window_from(self) -> datetime:
        return self.as_of - timedelta(days=self.settings.event_window_days)

    @property
    def watchlist(self) -> Watchlist:
        return load_watchlist(self.settings.conf)

    @property
    def playbook_file(self) -> Path:
        """The conf folder's own playbook, else the one for all."""
        own = self.settings.conf / "playbook.yml"
        return own if own.exists() else PROJECT / "conf" / "playbook.yml"

    @property
    def playbook(self) -> Any:
        from briefing.playbook import load_playbook

        return load_playbook(self.playbook_file)

    @property
    def text_model(self) -> str:
        """Version of the shipped champion: its scores are those in force."""
        from models.classifier.score import SHIPPED, version

        return version(SHIPPED)

    def known(self, table: str) -> pl.DataFrame:
        """A table's rows of the event window as known at as_of."""
        return self.warehouse.read(table, as_of=self.as_of, since=self.window_from)

    def made(self, table: str) -> pl.DataFrame:
        """The rows this run's earlier stages wrote."""
        rows = self.warehouse.scan(table, as_of=self.as_of, since=self.as_of).collect()
        return rows.filter(pl.col("as_of") == self.as_of).drop("run_id", "day_on")

    @property
    def is_whole(self) -> bool:
        """The morning's list, on which all that stands is said again; other runs say what is new."""
        return self.edition == "daily"

    @property
    def published(self) -> Path:
        """A pulse's list lies beside the day's, never over it."""
        return self.settings.published if self.edition == "daily" else self.settings.published / self.edition

    def cards(self) -> list[Any]:
        """The enabled sources' cards, the drill's address filled in."""
        from crawlers.card import load_cards

        values = {"replica": self.replica_url} if self.replica_url else None
        return [card for card in load_cards(self.settings.conf, values) if card.enabled]


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

    frames = _frames(road)
    posts = explained(frames, road.as_of).join(frames.explanations.select("post_id").unique(), on="post_id", how="anti")
    return road.warehouse.add("explanations", weigh(Classifier.load(), posts)) if posts.height else 0


def _frames(road: Road) -> Any:
    """The tables that a list is printed from."""
    from briefing.pages import Frames
    from expectations.record import listed
    from flows.outlook import shown

    return Frames(
        warnings=road.made("warnings"), events=road.made("events"), forecasts=road.made("forecasts"), event_posts=road.made("event_posts"),
        posts=road.known("posts"), mentions=road.known("mentions"), scores=scores_in_force(road), observations=road.known("observations"),
        coverage=road.made("coverage"), checks=listed(road.warehouse, road.as_of),
        explanations=road.known("explanations").filter(pl.col("model_version") == road.text_model), outlooks=shown(road),
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


def publish(road: Road) -> int:
    """The list as pages and as JSON and CSV twins; returns the files written."""
    from briefing.publish import publish as write

    frames, playbook = _frames(road), road.playbook
    titles = {f"import:{name}": words for name, words in ARCHIVES.items()} | {card.id: card.title for card in road.cards()}
    docs = road.data_docs / "index.html"
    published = write(
        frames,
        playbook,
        road.watchlist,
        road.settings,
        road.published,
        road.as_of,
        titles,
        docs if docs.exists() else None,
        beyond_budget_n=_beyond_budget(road, playbook),
        has_record=road.edition == "daily",
    )
    deliver(road)
    return len(published.paths)


def deliver(road: Road) -> int:
    """Note that the list left as files: the cool-down counts from what left; returns 1, 0 if that was noted before."""
    left = {"delivery_id": f"{road.run_id}-file", "as_of": road.as_of, "channel": "file", "is_sent": True, "sent_at": road.as_of}
    return road.warehouse.add("deliveries", pl.DataFrame([left]))


def resolve(road: Road) -> int:
    """How the forecasts that are due ended, by their own rules; returns new outcomes. A pulse has no time for it: days do."""
    if road.edition == "pulse":
        return 0
    from flows.resolving import due, evidence
    from models.escalation.resolution import resolve as decide

    forecasts = due(road)
    return road.warehouse.add("outcomes", decide(forecasts, evidence(road, forecasts), road.as_of)) if forecasts.height else 0


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
