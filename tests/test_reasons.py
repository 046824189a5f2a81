"""Every reason code, given by a real crawl of the replica's error modes in a child process: nothing bad looks like silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from crawlers.card import Card
from crawlers.memory import remember
from crawlers.replica.scenario import SCENARIOS
from crawlers.replica.site import Replica
from crawlers.run import Errand, crawl_together, read_landing
from warehouse.clock import Clock
from warehouse.schema import empty
from warehouse.settings import PROJECT
from warehouse.vocabulary import FETCH_REASONS

NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def reasons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Name of the error mode -> the reasons of its second crawl: the first left what `not_modified` needs."""
    folder = tmp_path_factory.mktemp("reasons")
    with Replica(SCENARIOS / "lanhu", NOW) as site:
        cards = [
            Card(
                name,
                "feed",
                name,
                "宣传科",
                "weibo",
                (f"{site.url}/errors/{name}",),
                delay_s=0,
                stands_for={site.url: "http://replica.test"},
            )
            for name in FETCH_REASONS
            if name != "ok"
        ]
        cards.append(Card("ok", "feed", "ok", "宣传科", "news", (f"{site.url}/wanbao/rss/health.xml",), delay_s=0))
        errands: dict[str, Errand] = {}
        for day in (0, 1):
            landing = folder / str(day)
            landing.mkdir()
            crawl_together(cards, landing, PROJECT / "conf" / "drill", Clock(NOW + timedelta(days=day), speed=0), 60, errands)
            fetches = read_landing(landing)[1]
            kept = fetches.filter(pl.col("source") == "not_modified")
            errands = {name: Errand(memory) for name, memory in remember(kept, empty("posts"), ["not_modified"]).items()}
    return {source: set(own["reason"]) for (source,), own in fetches.group_by("source")}


@pytest.mark.parametrize("reason", FETCH_REASONS)
def test_a_crawl_names_it(reasons: dict[str, set[str]], reason: str) -> None:
    assert reasons[reason] == {reason}
