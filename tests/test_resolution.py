"""How forecasts end: each rule's yes, no and void on constructed rows; no outcome depends on when it is decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from expectations.gate import check
from flows.resolving import due
from flows.resolving import resolve as resolve_stage
from flows.road import Road
from models.escalation.cases import Evidence
from models.escalation.levels import Scheme
from models.escalation.resolution import COLUMNS, resolve
from warehouse.schema import empty, polars_schema
from warehouse.settings import PROJECT, load_settings, read_yaml
from warehouse.store import Warehouse

AS_OF = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
DAY = timedelta(days=1)
SCHEME = Scheme.of(read_yaml(PROJECT / "conf" / "playbook.yml"))
LATER = AS_OF + 10 * DAY
Rows = list[dict[str, object]]


def at(hours: float) -> datetime:
    return AS_OF + timedelta(hours=hours)


def table(name: str, rows: Rows) -> pl.DataFrame:
    schema = polars_schema(name)
    return pl.DataFrame([{column: row.get(column) for column in schema} for row in rows], schema=schema)


def post(post_id: str, hours: float = -5, **more: object) -> dict[str, object]:
    said = {"source": "board", "platform": "weibo", "kind": "title", "text": "岚湖一院", "published_precision": "unknown", "fetch_id": "f"}
    return {**said, "post_id": post_id, "first_seen_at": at(hours), **more}


def seen(post_id: str, hours: float, rank: int | None = None, reposts: int | None = None) -> dict[str, object]:
    return {"post_id": post_id, "observed_at": at(hours), "board_rank": rank, "reposts_n": reposts, "fetch_id": "f"}


def grouped(hours: float, **members: list[str]) -> tuple[Rows, Rows]:
    events: Rows = [
        {"event_id": name, "as_of": at(hours), "hospital_id": "h", "category": "service", "posts_n": len(ids)}
        for name, ids in members.items()
    ]
    return events, [{"event_id": name, "post_id": one, "as_of": at(hours)} for name, ids in members.items() for one in ids]


def asked(rule: str, hours: int = 24, event_id: str = "e") -> pl.DataFrame:
    row = {"event_id": event_id, "as_of": AS_OF, "horizon_h": hours, "target": "escalation", "resolve_rule": rule, "resolve_at": at(hours)}
    return table("forecasts", [row])


def world(
    posts: Rows, sightings: Rows, groups: list[tuple[Rows, Rows]],
    unread: tuple[float, float] = (0, 0), source: str = "board",
) -> Evidence:  # fmt: skip
    """A board read every half hour from a day before to four days after, but for the hours `unread`."""
    hours = [half / 2 for half in range(-48, 193)]
    reads = [{"fetch_id": f"r{h}", "source": source, "fetched_at": at(h), "reason": "ok"} for h in hours if not unread[0] < h < unread[1]]
    mentions = [
        {"post_id": one["post_id"], "hospital_id": "h", "status": "confirmed", "first_seen_at": one["first_seen_at"]} for one in posts
    ]
    scores = [{"post_id": one["post_id"], "model_version": "m", "relevant_p": 0.9, "first_seen_at": one["first_seen_at"]} for one in posts]
    return Evidence(
        events=table("events", [row for events, _ in groups for row in events]),
        event_posts=table("event_posts", [row for _, pairs in groups for row in pairs]), posts=table("posts", posts),
        observations=table("observations", sightings), mentions=table("mentions", mentions), scores=table("scores", scores),
        fetches=table("fetches", reads), coverage=empty("coverage"), scheme=SCHEME,
    )  # fmt: skip


ONE = [grouped(0, e=["p"]), grouped(24, e=["p"]), grouped(48, e=["p"])]


def ended(rule: str, evidence: Evidence, hours: int = 24, now: datetime = LATER) -> tuple[str, float | None, datetime | None, str | None]:
    found = resolve(asked(rule, hours), evidence, now)
    assert found.height == 1
    return found.select("outcome", "observed_n", "reached_at", "detail").row(0)


BOARD = "board_top10:24h"


@pytest.mark.parametrize(
    ("sightings", "unread", "expected"),
    [
        ([(-2, 30), (3, 10), (3.2, 4), (9, 10)], (0, 0), ("yes", 2, at(3), None)),
        ([(-2, 30), (3, 11), (24.5, 1)], (0, 0), ("no", 0, None, None)),
        ([(-2, 30), (0, 1)], (0, 0), ("no", 0, at(0), "already")),
        ([(-20, 9), (24, 10)], (0, 0), ("yes", 1, at(-20), "already")),
        ([(-2, 30), (3, 11)], (5, 9), ("void", 0, None, "unread:weibo")),
        ([(-2, 30), (3, 11)], (5, 8), ("no", 0, None, None)),
        ([(-2, 30), (3, 11)], (20, 99), ("void", 0, None, "unread:weibo")),
        ([(-2, 30), (3, 10)], (5, 20), ("yes", 1, at(3), None)),
        ([(-150, 1), (-2, 30)], (0, 0), ("no", 0, at(-150), "already")),
        ([(-200, 1), (-2, 30)], (0, 0), ("no", 0, None, None)),
    ],
    ids=["top", "late", "was there", "there before and again", "hole", "short hole", "never again", "yes all the same", "this week", "old"],
)  # fmt: skip
def test_a_board_shows_it_or_does_not_or_nobody_looked(
    sightings: list[tuple[float, int]], unread: tuple[float, float], expected: tuple[object, ...]
) -> None:
    evidence = world([post("p", -200)], [seen("p", hours, rank) for hours, rank in sightings], ONE, unread)
    assert ended(BOARD, evidence) == expected


def test_posts_are_counted_as_the_grouping_at_the_end_knows_them() -> None:
    posts = [post(f"p{n}", n - 2) for n in range(12)] + [post("late", 24.5)]
    ids = [str(one["post_id"]) for one in posts]
    evidence = world(posts, [], [grouped(0, e=ids[:3]), grouped(12, e=ids[:5]), grouped(25, e=ids)])
    assert ended("event_posts>=12:24h", evidence) == ("yes", 12, at(9), None)
    assert ended("event_posts>=13:24h", evidence) == ("no", 12, None, None)
    assert ended("event_posts>=3:24h", evidence) == ("yes", 12, at(0), "already")
    down = world(posts, [], [grouped(0, e=ids[:3]), grouped(25, e=ids)], unread=(4, 12))
    assert ended("event_posts>=13:24h", down) == ("void", 12, None, "unread:board")
    daily = replace(down, coverage=table("coverage", [{"source": "board", "as_of": AS_OF, "cadence_min": 1440}]))
    assert ended("event_posts>=13:24h", daily)[0] == "no"  # a source read once a day was read


def test_nothing_is_decided_before_its_time_nor_before_a_grouping_can_say_whose_posts() -> None:
    evidence = world([post("p")], [seen("p", 1, 3)], [grouped(0, e=["p"]), grouped(23, e=["p"])])
    for hours, n in ((23.9, 0), (24, 0), (30, 0), (71.9, 0), (72, 1)):  # at 72 h the last grouping before the end has to do
        assert resolve(asked(BOARD), evidence, at(hours)).height == n, hours
    then = world([post("p")], [seen("p", 1, 3)], [grouped(0, e=["p"]), grouped(30, e=["p"])])
    assert [resolve(asked(BOARD), then, at(hours)).height for hours in (24, 29.9, 30)] == [0, 0, 1]


def test_an_outcome_is_the_same_whenever_it_is_decided() -> None:
    """Rows of a clock after resolve_at, and groupings after the one that settled it, change nothing."""
    posts = [post("p"), post("q", 30)]
    evidence = world(posts, [seen("p", -1, 20), seen("p", 12, 15)], ONE)
    more = world(posts, [seen("p", -1, 20), seen("p", 12, 15), seen("p", 25, 1), seen("q", 31, 1)], [*ONE, grouped(50, other=["p", "q"])])
    for rule in (BOARD, "event_posts>=2:24h", "level>=3:24h"):
        early, late = resolve(asked(rule), evidence, at(24)), resolve(asked(rule), more, LATER)
        assert early.drop("resolved_at").equals(late.drop("resolved_at")), rule
        assert early["outcome"].to_list() == ["no"]


def test_a_merged_event_follows_the_one_that_holds_most_of_its_posts() -> None:
    posts = [post(name) for name in ("a", "b", "c", "x")] + [post("y", 2)]
    evidence = world(
        posts, [seen("x", -3, 25), seen("y", 3, 8)],
        [grouped(0, e=["a", "b", "c"], big=["x"]), grouped(24, big=["a", "b", "x", "y"], rest=["c"])],
    )  # fmt: skip
    assert ended(BOARD, evidence) == ("yes", 1, at(3), "merged:big")
    assert ended("event_posts>=4:24h", evidence) == ("yes", 4, at(2), "merged:big")
    gone = world(posts[:3], [], [grouped(0, e=["a", "b", "c"]), grouped(24, other=["z"])])
    assert ended("event_posts>=3:24h", gone) == ("yes", 3, at(-5), "already")  # none holds any: its own posts are it


@pytest.mark.parametrize(
    ("sightings", "unread", "expected"),
    [
        ([(-1, 9), (11.5, 40)], (0, 0), ("yes", 1, at(11.5), None)),
        ([(-1, 9), (10.5, 3), (12.5, 3)], (0, 0), ("no", 0, None, None)),
        ([(-1, 9)], (10.6, 12.1), ("void", 0, None, "unread:weibo")),
    ],
)
def test_still_on_the_board_is_asked_of_the_hour_before(
    sightings: list[tuple[float, int]], unread: tuple[float, float], expected: tuple[object, ...]
) -> None:
    evidence = world([post("p")], [seen("p", hours, rank) for hours, rank in sightings], ONE, unread)
    assert ended("on_board:12h", evidence, 12) == expected


def test_reposts_must_have_been_counted_late_enough_to_say_no() -> None:
    def of(*counts: tuple[float, int]) -> Evidence:
        return world([post("p")], [seen("p", hours, None, n) for hours, n in counts], ONE)

    rule = "post_reposts>=500:48h"
    assert ended(rule, of((-1, 90), (20, 499), (30, 640)), 48) == ("yes", 640, at(30), None)
    assert ended(rule, of((-1, 90), (40, 499), (49, 999)), 48) == ("no", 499, None, None)
    assert ended(rule, of((-1, 90), (35, 499)), 48) == ("void", 499, None, "uncounted")
    assert ended(rule, of((-1, 700)), 48) == ("yes", 700, at(-1), "already")
    assert ended(rule, of(), 48) == ("void", None, None, "uncounted")


def test_levels_are_the_playbooks_observable_criteria() -> None:
    posts = [post("p")] + [post(f"q{n}", 6 + n / 10, platform="tieba") for n in range(19)]
    ids = [str(one["post_id"]) for one in posts]
    evidence = world(posts, [seen("p", 10, 44)], [grouped(0, e=ids[:1]), grouped(24, e=ids)])
    assert ended("level>=1:24h", evidence) == ("yes", 20, at(6.1), None)  # three posts
    assert ended("level>=2:24h", evidence) == ("yes", 20, at(7.8), None)  # twenty posts, before the board's 44
    assert ended("level>=3:24h", evidence) == ("no", 20, None, None)
    held = world([post("p")], [seen("p", -1, 40)], ONE)
    assert ended("level>=2:24h", held) == ("yes", 1, AS_OF, "already")
    unread = world(posts, [seen("p", 10, 44)], [grouped(0, e=ids[:1]), grouped(24, e=ids)], unread=(12, 20))
    assert ended("level>=3:24h", unread) == ("void", 20, None, "unread:board")


def test_an_unknown_rule_and_erased_posts_are_void() -> None:
    evidence = world([post("p")], [seen("p", 1, 30)], ONE)
    for rule in ("board_top:24h", "moon_full:24h", "level>=9:24h"):
        assert ended(rule, evidence)[0::3] == ("void", "rule"), rule
    events, _ = grouped(0, e=["p", "erased", "gone"])
    erased = world([post("p")], [seen("p", 1, 30)], [(events, grouped(0, e=["p"])[1]), grouped(24, e=["p"])])
    assert ended(BOARD, erased) == ("void", 0, None, "erased:2")
    still = replace(erased, observations=table("observations", [seen("p", 1, 3)]))
    assert ended(BOARD, still)[0] == "yes"


def test_rows_are_the_tables_and_pass_its_suite() -> None:
    rules = pl.concat([asked(BOARD), asked("on_board:12h", 12), asked("level>=2:48h", 48), asked("nonsense", 36)])
    found = resolve(rules, world([post("p")], [seen("p", 1, 3)], ONE), LATER)
    assert found.columns == COLUMNS
    assert found["horizon_h"].to_list() == [12, 24, 36, 48]
    checked = check("outcomes", found, LATER)
    assert (checked.good.height, checked.stops) == (4, [])
    assert resolve(rules.clear(), world([], [], ONE), LATER).equals(found.clear())


def test_the_stage_decides_once_and_changes_nothing_the_second_time(tmp_path: Path) -> None:
    settings = load_settings(PROJECT / "conf" / "national", root=tmp_path)
    evidence = world([post("p")], [seen("p", -1, 20), seen("p", 5, 8)], ONE)
    warehouse = Warehouse(settings.warehouse, "test")
    for name in ("posts", "observations", "fetches", "event_posts"):
        known = getattr(evidence, name).drop("run_id", "day_on")
        warehouse.add(name, known.with_columns(url=pl.lit("u"), bytes_n=0, items_n=1) if name == "fetches" else known)
    kept = {"title": "t", "first_post_at": AS_OF, "last_post_at": AS_OF, "authors_n": 1, "platforms": ["weibo"], "growth": 1.0}
    warehouse.add("events", evidence.events.drop("run_id", "day_on").with_columns(**{k: pl.lit(v) for k, v in kept.items()}))
    said = {"escalates_p": 0.2, "expected_n": 1.0, "low_n": 0.0, "high_n": 3.0, "drivers": ["d"], "model_version": "m"}
    rows = pl.concat([asked(BOARD), asked("board_top10:48h", 48)]).drop("run_id", "day_on")
    warehouse.add("forecasts", rows.with_columns(**{k: pl.lit(v) for k, v in said.items()}))
    early = Road(settings, at(12))
    assert resolve_stage(early) == 0
    assert resolve_stage(Road(settings, at(24), edition="pulse")) == 0
    assert resolve_stage(Road(settings, at(24))) == 1
    before = warehouse.fingerprint("outcomes")
    assert resolve_stage(Road(settings, at(24))) == 0
    assert resolve_stage(Road(settings, at(30))) == 0
    assert warehouse.fingerprint("outcomes") == before
    assert due(Road(settings, at(30))).is_empty()
    assert resolve_stage(Road(settings, at(90 * 24))) == 1  # a machine that stood still for long decides what is left
    outcomes = warehouse.read("outcomes")
    assert outcomes.select("horizon_h", "outcome", "observed_n").rows() == [(24, "yes", 1.0), (48, "yes", 1.0)]
