"""A Road: one run as its stages see it. Each stage is a plain function of it, tested and run without a server.

A stage reads earlier tables as known at `as_of` and writes its own. Frameworks are imported where they are used: start-up is most of a
small day's cost. flows/daily.py puts the stages in order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.clock import Clock, parse_instant, shanghai
from warehouse.erasing import begun
from warehouse.settings import PROJECT, ConfigProblem, Settings
from warehouse.store import Warehouse
from warehouse.watchlist import Watchlist, load_watchlist

SKEW = timedelta(minutes=10)  # two machines' clocks may differ by so much


def instant(name: str, said: str) -> datetime:
    """What a user wrote as a time; ConfigProblem names where he wrote it."""
    try:
        return parse_instant(said)
    except ValueError as problem:
        raise ConfigProblem(f"{name} {said}: not an instant; write it like 2026-03-10T08:30+08:00") from problem


def when(as_of: str | None, settled: str | None) -> datetime:
    """The instant a run looks back from: the one asked for, else the drill's own, else now. ConfigProblem if that is still to come."""
    if not as_of:
        return instant("as_of", settled) if settled else _now()
    asked = instant("as_of", as_of)
    if asked > _latest(settled):
        raise ConfigProblem(f"as_of {as_of}: still to come; it is {shanghai(_now())} in Shanghai")
    return asked


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _latest(settled: str | None) -> datetime:
    """No list looks back from later than this: now, or a drill's own instant on a machine whose clock is behind it."""
    return max(_now(), when(None, settled)) + SKEW


def last_run(settings: Settings) -> str | None:
    """The instant of the newest published list, ISO 8601; None before the first. One that is still to come was a slip, and is none."""
    lists = Warehouse(settings.warehouse).scan("deliveries").filter(pl.col("as_of") <= _latest(settings.as_of))
    newest = lists.select(pl.col("as_of").max()).collect()["as_of"][0]
    return None if newest is None else str(newest.isoformat())


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

        gated = Gated(self.settings.warehouse, self.run_id, self.as_of, self.data_docs)
        gated.erased_before = self.erased_before
        return gated

    @cached_property
    def erased_before(self) -> str:
        """The newest erasure when this run began to read: nothing that it makes is written once there is a newer one."""
        return begun(Warehouse(self.settings.warehouse))

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
        """A table's rows of the event window as known at as_of; of mentions those of hospitals on the watchlist.

        A mention is as old as its post, whenever its hospital was put on the list: past days can be run in any order.
        """
        rows = self.warehouse.read(table, as_of=self.as_of, since=self.window_from)
        return rows.filter(pl.col("hospital_id").is_in(self.watchlist.ids)) if table == "mentions" else rows

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
