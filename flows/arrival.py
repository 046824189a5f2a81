"""How the public's words arrive: the stages crawl and land, and look_back in their place when a past instant is run again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from flows.hosts import by_host, of_shard, reserved
from flows.road import Road
from warehouse.instants import Instants, known_from

SOURCE_S = 900.0  # the longest a source may take
RUN = "run.json"  # in a landing folder: the process that fills it, and the items a run each source should bring
KNOWN_OF_FETCHES = ("fetch_id", "source", "url", "fetched_at", "http_status", "reason", "etag", "last_modified", "cursor")


def crawl(road: Road) -> int:
    """Every source that is due into the run's landing folder; returns the items read. One process for a drill, one a source in life.

    A live run whose process was killed is gone on with by the next: what it landed is not asked for again, and lands with it.
    """
    from crawlers import run
    from crawlers.landing import hold

    if road.settings.drill:
        shutil.rmtree(road.landing, ignore_errors=True)  # its clock stands still: it starts over and makes the same rows
    cards, errands = _errands(road)
    road.landing.mkdir(parents=True, exist_ok=True)
    floors = {card.id: (0 if errands[card.id].only_again else card.floor, card.ceiling) for card in cards}
    hold(road.landing / RUN, floors)
    if road.settings.drill:
        run.crawl_together(cards, road.landing, road.settings.conf, road.clock, timeout_s=300, errands=errands)
        return run.read_landing(road.landing)[0].height

    def ask(group: list[Any]) -> None:
        with reserved(sorted({host for card in group for host in card.hosts}), road.settings.root / "hosts"):
            for card in group:
                run.crawl(card, road.landing, road.settings.conf, road.clock, SOURCE_S, errands[card.id])

    with ThreadPoolExecutor(max_workers=road.settings.crawl_processes) as pool:
        list(pool.map(ask, by_host(cards)))
    return run.read_landing(road.landing)[0].height


def _errands(road: Road) -> tuple[list[Any], dict[str, Any]]:
    """The cards to ask in this run, and what is asked of each beyond its card: a pulse asks those whose cadence, or a post, is due."""
    from crawlers.again import due
    from crawlers.memory import remember
    from crawlers.run import Errand

    cards = of_shard(road.cards(), road.settings.crawl_shard)
    fetches, posts = _fetches_before(road), _before(road, "posts")
    following = [card.id for card in cards if card.options.get("again")]
    followed = posts.filter(pl.col("source").is_in(following)).select("post_id", "source", "url", "first_seen_at").collect()
    observations = _before(road, "observations").join(followed.lazy(), on="post_id", how="semi").collect()
    again = due(followed, observations, fetches, cards, road.start)
    last = dict(fetches.group_by("source").agg(pl.col("fetched_at").max()).iter_rows())
    fresh = {card.id for card in cards if road.edition == "daily" or _is_due(card, last.get(card.id), road.start)}
    asked = [card for card in cards if card.id in fresh or card.id in again]
    memories = remember(fetches, posts, [card.id for card in asked])
    errands = {card.id: Errand(memories[card.id], again.get(card.id, ()), only_again=card.id not in fresh) for card in asked}
    return asked, errands


def _before(road: Road, table: str) -> pl.LazyFrame:
    """A table's rows from before this run: run again, it remembers, and so asks, the same."""
    since = road.start - timedelta(days=road.settings.event_window_days)
    return road.warehouse.scan(table, as_of=road.start - timedelta(microseconds=1), since=since)


def _fetches_before(road: Road) -> pl.DataFrame:
    """The table's, and those that still lie in the landing folders of runs that were killed."""
    from crawlers.landing import read_landing

    landed = []
    for folder in _left_by_killed_runs(road):
        with suppress(FileNotFoundError):  # another run has just landed it: the table has them
            landed.append(read_landing(folder)[1].select(KNOWN_OF_FETCHES))
    stored = _before(road, "fetches").select(KNOWN_OF_FETCHES).collect()
    return pl.concat([stored, *landed]).unique("fetch_id", maintain_order=True)


def _is_due(card: Any, last: datetime | None, at: datetime) -> bool:
    return last is None or last + timedelta(minutes=card.cadence_minutes) <= at


def _left_by_killed_runs(road: Road) -> list[Path]:
    """Landing folders of live runs that died before `land`. A drill leaves none: it makes the same rows again."""
    from crawlers.landing import is_left

    if road.settings.drill:
        return []
    others = sorted(road.landing.parent.glob(f"*/{RUN}"))
    return [said.parent for said in others if said.parent != road.landing and is_left(said)]


@contextmanager
def in_turn(road: Road) -> Iterator[Road]:
    """The road as its rows land, or as it looks back: nobody else does meanwhile, and a live run's as_of is later than any list's so far.

    A drill's clock stands still: it is the same run every time.
    """
    if road.settings.drill:
        yield road
        return
    instants = Instants(road.settings.root)
    with instants.turn() as told:
        road = road.arrived(told)
        instants.take(road.as_of, datetime.now(UTC))
        yield road


def land(road: Road) -> int:
    """The landing folders through the gate into fetches, posts, observations, quarantine, coverage; returns new posts."""
    from crawlers.landing import let_go, read_landing
    from expectations.coverage import Promise
    from expectations.land import land as through_the_gate
    from warehouse.erase import bury_again

    folders = [*_left_by_killed_runs(road), road.landing]
    came, fetches = (pl.concat(frames) for frames in zip(*(read_landing(folder) for folder in folders), strict=True))
    bury_again(road.warehouse, came, fetches, (road.landing.parent, road.settings.archive), road.as_of)
    items = came
    if road.told is not None:
        items = known_from(came, road.warehouse.scan("observations"), road.told, road.as_of)
    for folder in folders:
        _keep_evidence(road, folder)
    said = json.loads((road.landing / RUN).read_text())
    floors = {source: (low, high) for source, (low, high) in said["floors"].items()}
    promises = {card.id: Promise(card.cadence_minutes, card.max_age_h, card.floor, card.ceiling) for card in road.cards()}
    landed = through_the_gate(
        road.warehouse, items, fetches, road.as_of, floors, road.data_docs, promises,
        answered=came,  # what another run has landed meanwhile is not new, and yet what the sources answered in this one
    )  # fmt: skip
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    let_go(road.landing / RUN)
    return landed.posts_new


def _keep_evidence(road: Road, landing: Path) -> None:
    """Raw answers go to the archive before the rows that point at them; a run that is repeated made the same bytes. Logs go along."""
    for path in sorted([*landing.glob("*/*.warc.gz"), *landing.rglob("child.log")]):
        kept = road.settings.archive / path.relative_to(landing.parent)
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.replace(kept)


def look_back(road: Road) -> int:
    """In place of a crawl when a past instant is run again: what each source was known to have said by then."""
    from expectations.lookback import look_back as recall

    return recall(road.warehouse, road.as_of)
