"""The rules of the list, each on a small constructed world: who is warned of, at what level, in what order, and when we stay silent."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from briefing.playbook import Playbook, load_playbook
from briefing.rank import rank
from warehouse.schema import empty, polars_schema

BOOK = Path(__file__).parent.parent / "conf" / "playbook.yml"
NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)  # 08:30 in Shanghai
HOUR = timedelta(hours=1)
LIST = pl.Schema({k: v for k, v in polars_schema("warnings").items() if k not in ("run_id", "day_on")})


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    return load_playbook(BOOK)


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    """The same playbook numbered as most official schemes do: 一级 is the worst."""
    said = yaml.safe_load(BOOK.read_text(encoding="utf-8"))
    said["scheme"]["direction"] = "smaller_is_worse"
    for level in said["scheme"]["levels"]:
        level["number"] = 4 - level["number"]
    path = tmp_path_factory.mktemp("conf") / "playbook.yml"
    path.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    return load_playbook(path)


class World:
    """Constructed tables. An event is one confirmed, relevant, negative post of three hours ago unless told otherwise."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}

    def put(self, table: str, **row: Any) -> None:
        self.rows.setdefault(table, []).append(row)

    def post(self, event_id: str, post_id: str, hours_ago: float = 3, *, seen_ago: float | None = None, status: str | None = "confirmed",
             negative_p: float = 0.8, relevant_p: float = 0.9, text: str = "等了很久", precision: str = "minute",
             published: bool = True, department: str | None = None) -> None:  # fmt: skip
        said, seen = NOW - hours_ago * HOUR, NOW - (hours_ago if seen_ago is None else seen_ago) * HOUR
        self.put("posts", post_id=post_id, platform="weibo", title=None, text=text, first_seen_at=seen, published_precision=precision,
                 published_at=said if published else None)  # fmt: skip
        self.put("event_posts", event_id=event_id, post_id=post_id, as_of=NOW)
        self.put("scores", post_id=post_id, model_version="m1", relevant_p=relevant_p, negative_p=negative_p, first_seen_at=seen)
        if status:
            self.put("mentions", post_id=post_id, hospital_id="lanhu_first", status=status, department=department, first_seen_at=seen)

    def event(self, event_id: str, category: str = "service", p24: float | None = 0.2, p48: float | None = None, posts_n: int = 5,
              as_of: datetime = NOW, **post: Any) -> None:  # fmt: skip
        self.put("events", event_id=event_id, as_of=as_of, hospital_id="lanhu_first", title=f"事件{event_id}", category=category,
                 posts_n=posts_n, platforms=["weibo"], growth=1.0)  # fmt: skip
        self.post(event_id, f"{event_id}-0", **post)
        for horizon, p in ((24, p24), (48, p48)):
            if p is not None:
                self.put(
                    "forecasts",
                    event_id=event_id,
                    as_of=as_of,
                    horizon_h=horizon,
                    target="escalation",
                    escalates_p=p,
                    drivers=[f"因素{horizon}"],
                )

    def sent(self, event_id: str, level: int, hours_ago: float, warning_id: str = "", is_drill: bool = False) -> None:
        self.put("warnings", warning_id=warning_id or f"{event_id}@{hours_ago}", event_id=event_id, level=level,
                 as_of=NOW - hours_ago * HOUR, is_drill=is_drill)  # fmt: skip

    def verdict(self, warning_id: str, verdict: str, hours_ago: float, level: int | None = None) -> None:
        self.put("verdicts", verdict_id=f"{verdict}@{hours_ago}", warning_id=warning_id, verdict=verdict, level=level,
                 said_at=NOW - hours_ago * HOUR)  # fmt: skip

    def frame(self, table: str) -> pl.DataFrame:
        return pl.DataFrame(self.rows[table], schema_overrides=polars_schema(table)) if table in self.rows else empty(table)

    def rank(
        self, playbook: Playbook, as_of: datetime = NOW, is_drill: bool = False, shuffle: int | None = None, is_whole: bool = False
    ) -> pl.DataFrame:
        names = ("events", "forecasts", "event_posts", "posts", "mentions", "scores", "observations", "warnings", "verdicts")
        frames = [self.frame(name) for name in names]
        if shuffle is not None:
            frames = [frame.sample(fraction=1.0, shuffle=True, seed=shuffle) for frame in frames]
        return rank(*frames, playbook, as_of, is_drill, 2, is_whole=is_whole)

    def listed(self, playbook: Playbook, **how: Any) -> list[tuple[str, int]]:
        return [(row["event_id"], row["level"]) for row in self.rank(playbook, **how).iter_rows(named=True)]


@pytest.fixture
def world() -> World:
    return World()


# ── shape ───────────────────────────────────────────────────────────────


def test_an_empty_world_is_an_empty_list_of_the_declared_shape(world: World, playbook: Playbook) -> None:
    assert world.rank(playbook).schema == LIST
    assert world.rank(playbook).height == 0


def test_a_warning_carries_what_the_table_declares(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.35, p48=0.5, department="急诊科")
    (row,) = world.rank(playbook, is_drill=True).iter_rows(named=True)
    assert row.keys() == set(LIST)
    assert row["warning_id"] == hashlib.sha256(b"a|2|2026-03-10").hexdigest()[:16]
    assert (row["level"], row["severity"], row["rank"], row["escalates_p"]) == (2, "中度", 1, 0.35)
    assert (row["owner_role"], row["due_at"]) == ("宣传科负责人", NOW + 2 * HOUR)
    assert (row["department"], row["plan_version"], row["is_drill"]) == ("急诊科", playbook.version, True)


def test_the_id_is_of_the_shanghai_day(world: World, playbook: Playbook) -> None:
    late = datetime(2026, 3, 9, 16, 5, tzinfo=UTC)  # 00:05 of the tenth in Shanghai
    world.event("a", as_of=late, hours_ago=9)
    world.rows["event_posts"][0]["as_of"] = late
    (row,) = world.rank(playbook, as_of=late).iter_rows(named=True)
    assert row["warning_id"] == hashlib.sha256(b"a|1|2026-03-10").hexdigest()[:16]


# ── who is on the list ──────────────────────────────────────────────────


def test_an_unconfirmed_mention_never_alerts(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.99, status="unconfirmed")
    assert world.listed(playbook) == []


def test_no_mention_at_all_never_alerts(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.99, status=None)
    assert world.listed(playbook) == []


def test_unconfirmed_posts_do_not_swell_an_event_that_has_one_confirmed(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.01, hours_ago=30)
    for n in range(1, 30):
        world.post("a", f"a-{n}", status="unconfirmed")
    assert world.listed(playbook) == []


def test_comments_that_name_no_hospital_do_count(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.01)
    for n in range(1, 3):
        world.post("a", f"a-{n}", status=None)
    assert world.listed(playbook) == [("a", 1)]


def test_a_mention_of_another_hospital_is_no_tie_to_this_one(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.9)
    world.rows["mentions"][0]["hospital_id"] = "lanhu_tcm"
    assert world.listed(playbook) == []


@pytest.mark.parametrize(("hours_ago", "listed"), [(47, True), (49, False)])
def test_only_the_last_days_of_activity(world: World, playbook: Playbook, hours_ago: float, listed: bool) -> None:
    world.event("a", p24=0.2, hours_ago=hours_ago)
    assert bool(world.listed(playbook)) is listed


def test_an_old_post_first_seen_now_is_news_to_us(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.2, hours_ago=200, seen_ago=1)
    assert world.listed(playbook) == [("a", 1)]


def test_an_old_post_observed_again_is_activity(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.2, hours_ago=100)
    world.put("observations", post_id="a-0", observed_at=NOW - HOUR, board_rank=None)
    assert world.listed(playbook) == [("a", 1)]


@pytest.mark.parametrize(
    ("category", "negative_p", "listed"),
    [
        ("praise", 0.6, False), ("praise", 0.8, True), ("other", 0.6, False), ("other", 0.8, True), ("service", 0.3, False),
        ("service", 0.5, True), ("conflict", 0.05, True),
    ],
)  # fmt: skip
def test_negative_enough_for_its_category(world: World, playbook: Playbook, category: str, negative_p: float, listed: bool) -> None:
    world.event("a", category=category, p24=0.3, negative_p=negative_p)
    assert bool(world.listed(playbook)) is listed


def test_posts_off_the_subject_do_not_speak_for_an_event(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.3, negative_p=0.1)
    world.post("a", "a-1", negative_p=0.99, relevant_p=0.2)
    assert world.listed(playbook) == []


def test_an_event_with_nothing_relevant_is_left_out(world: World, playbook: Playbook) -> None:
    world.event("a", category="conflict", p24=0.9, relevant_p=0.4)
    assert world.listed(playbook) == []


def test_below_every_criterion_is_no_warning(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.09, p48=0.14)
    assert world.listed(playbook) == []


# ── levels ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("p24", "p48", "level"), [(0.1, 0.0, 1), (0.29, 0.0, 1), (0.3, 0.0, 2), (0.6, 0.0, 3), (0.0, 0.15, 1), (0.0, 0.4, 2), (0.0, 0.7, 3)]
)
def test_chances_make_levels(world: World, playbook: Playbook, p24: float, p48: float, level: int) -> None:
    world.event("a", p24=p24, p48=p48)
    assert world.listed(playbook) == [("a", level)]


@pytest.mark.parametrize(("n", "level"), [(3, 1), (19, 1), (20, 2), (99, 2), (100, 3)])
def test_posts_of_a_day_make_levels_without_any_forecast(world: World, playbook: Playbook, n: int, level: int) -> None:
    world.event("a", p24=None)
    for i in range(1, n):
        world.post("a", f"a-{i}")
    assert world.listed(playbook) == [("a", level)]
    assert world.rank(playbook)["escalates_p"].to_list() == [None]


def test_posts_of_the_day_before_do_not_count_as_today(world: World, playbook: Playbook) -> None:
    world.event("a", p24=None)
    for i in range(1, 30):
        world.post("a", f"a-{i}", hours_ago=25)
    assert world.listed(playbook) == []


def test_a_letter_dated_only_by_day_is_of_that_whole_day(world: World, playbook: Playbook) -> None:
    yesterday_midnight = 32.5
    world.event("a", p24=None, hours_ago=yesterday_midnight, seen_ago=1, precision="day")
    for i in range(1, 3):
        world.post("a", f"a-{i}", hours_ago=yesterday_midnight, seen_ago=1, precision="day")
    assert world.listed(playbook) == [("a", 1)]


def test_a_post_without_a_date_is_of_when_we_saw_it(world: World, playbook: Playbook) -> None:
    world.event("a", p24=None, published=False, hours_ago=400, seen_ago=2, category="safety")
    world.post("a", "a-1", published=False, hours_ago=400, seen_ago=2)
    assert world.listed(playbook) == [("a", 1)]


@pytest.mark.parametrize(("place", "hours_ago", "level"), [(50, 2, 2), (51, 2, None), (10, 2, 3), (11, 2, 2), (1, 25, None)])
def test_hot_boards_make_levels(world: World, playbook: Playbook, place: int, hours_ago: float, level: int | None) -> None:
    world.event("a", p24=None)
    world.put("observations", post_id="a-0", observed_at=NOW - hours_ago * HOUR, board_rank=place)
    assert world.listed(playbook) == ([("a", level)] if level else [])


def test_the_best_place_of_the_day_counts_not_the_last(world: World, playbook: Playbook) -> None:
    world.event("a", p24=None)
    for hours_ago, place in ((9, 30), (5, 7), (1, 44)):
        world.put("observations", post_id="a-0", observed_at=NOW - hours_ago * HOUR, board_rank=place)
    assert world.listed(playbook) == [("a", 3)]


@pytest.mark.parametrize(("category", "level"), [("safety", 3), ("conflict", 3), ("emergency", 3), ("service", 2), ("rumor", 2)])
def test_grave_categories_need_less(world: World, playbook: Playbook, category: str, level: int) -> None:
    world.event("a", category=category, p24=0.5)
    assert world.listed(playbook) == [("a", level)]


def test_words_of_death_need_less(world: World, playbook: Playbook) -> None:
    for event_id, word in (("dead", "家属称老人抢救无效"), ("alive", "家属称老人已出院")):
        world.event(event_id, p24=None, text=word)
        for n in range(1, 3):
            world.post(event_id, f"{event_id}-{n}", text="求一个说法")
    assert world.listed(playbook) == [("dead", 2), ("alive", 1)]


def test_words_in_posts_off_the_subject_do_not_grade(world: World, playbook: Playbook) -> None:
    world.event("a", p24=None)
    world.post("a", "a-1")
    world.post("a", "a-2", text="电视剧里他猝死了", relevant_p=0.1)
    assert world.listed(playbook) == [("a", 1)]


# ── both directions of the scheme ───────────────────────────────────────


def test_the_numbers_may_run_the_other_way(world: World, playbook: Playbook, official: Playbook) -> None:
    for event_id, p24 in (("mild", 0.15), ("middle", 0.35), ("worst", 0.8)):
        world.event(event_id, p24=p24)
    assert world.listed(playbook) == [("worst", 3), ("middle", 2), ("mild", 1)]
    assert world.listed(official) == [("worst", 1), ("middle", 2), ("mild", 3)]
    assert world.rank(official)["severity"].to_list() == ["重度", "中度", "轻度"]
    assert world.rank(official)["owner_role"].to_list() == world.rank(playbook)["owner_role"].to_list()


def test_a_rise_is_a_rise_in_either_direction(world: World, playbook: Playbook, official: Playbook) -> None:
    world.event("a", p24=0.35)
    world.sent("a", level=2, hours_ago=1)
    assert world.listed(playbook) == world.listed(official) == []
    world.rows["forecasts"][0]["escalates_p"] = 0.8
    assert world.listed(playbook) == [("a", 3)]
    assert world.listed(official) == [("a", 1)]
    assert "上次为二级（中度）" in "".join(world.rank(official)["reasons"][0])


# ── order ───────────────────────────────────────────────────────────────


def test_severity_comes_before_any_score(world: World, playbook: Playbook) -> None:
    world.event("big", p24=0.29, posts_n=100_000)
    world.event("grave", p24=0.6, posts_n=1)
    assert world.listed(playbook) == [("grave", 3), ("big", 1)]


def test_inside_a_level_chance_times_size_times_weight(world: World, playbook: Playbook) -> None:
    world.event("small", p24=0.25, posts_n=4)
    world.event("large", p24=0.15, posts_n=10)
    world.event("weighty", category="integrity", p24=0.15, posts_n=8)  # × 1.3 beats service's × 1.0
    assert [event for event, _ in world.listed(playbook)] == ["weighty", "large", "small"]
    assert world.rank(playbook)["rank"].to_list() == [1, 2, 3]


def test_ties_go_to_the_newest_then_to_the_id(world: World, playbook: Playbook) -> None:
    world.event("old", hours_ago=9)
    world.event("b")
    world.event("new", hours_ago=1)
    world.event("a")
    assert [event for event, _ in world.listed(playbook)] == ["new", "a", "b", "old"]


def test_the_order_of_rows_given_changes_nothing(world: World, playbook: Playbook) -> None:
    for n in range(12):
        world.event(f"e{n}", p24=0.1 + n % 3 * 0.2, hours_ago=1 + n % 4, text="死亡" if n % 5 == 0 else "排队", department=f"科{n % 2}")
    first = world.rank(playbook)
    assert first.height == 12
    for seed in range(5):
        assert world.rank(playbook, shuffle=seed).equals(first)


def test_the_list_is_cut_but_never_through_the_worst_level(world: World, playbook: Playbook) -> None:
    for n in range(25):
        world.event(f"mild{n:02}", p24=0.2)
    assert len(world.listed(playbook)) == playbook.limits.list_length == 20
    for n in range(22):
        world.event(f"grave{n:02}", p24=0.9)
    assert [level for _, level in world.listed(playbook)] == [3] * 22


# ── the day's budget ────────────────────────────────────────────────────


def on_budget(playbook: Playbook, k: int) -> Playbook:
    return playbook.model_copy(update={"limits": playbook.limits.model_copy(update={"warnings_per_day": k})})


def test_a_budget_keeps_the_head_of_the_list(world: World, playbook: Playbook) -> None:
    for event_id, p24, posts_n in (("middle", 0.35, 5), ("large", 0.15, 50), ("small", 0.15, 5), ("likely", 0.25, 5)):
        world.event(event_id, p24=p24, posts_n=posts_n)
    whole = world.listed(playbook)
    assert whole == [("middle", 2), ("large", 1), ("likely", 1), ("small", 1)]
    for k in range(1, 6):
        assert world.listed(on_budget(playbook, k)) == whole[:k]
    assert world.rank(on_budget(playbook, 3))["rank"].to_list() == [1, 2, 3]


def test_a_budget_never_holds_back_the_worst_level_and_it_counts(world: World, playbook: Playbook, official: Playbook) -> None:
    for n in range(4):
        world.event(f"grave{n}", p24=0.9)
    world.event("middle", p24=0.35)
    assert world.listed(on_budget(playbook, 2)) == [(f"grave{n}", 3) for n in range(4)]
    assert world.listed(on_budget(official, 2)) == [(f"grave{n}", 1) for n in range(4)]
    assert world.listed(on_budget(playbook, 5))[-1] == ("middle", 2)


def test_what_left_earlier_today_is_spent(world: World, playbook: Playbook) -> None:
    world.event("new", p24=0.35)
    world.event("grave", p24=0.9)
    for n in range(2):
        world.sent(f"earlier{n}", level=2, hours_ago=3 + n)
    assert world.listed(on_budget(playbook, 3)) == [("grave", 3)]
    assert world.listed(on_budget(playbook, 4)) == [("grave", 3), ("new", 2)]


def test_yesterdays_and_the_drills_warnings_are_not_spent_today(world: World, playbook: Playbook) -> None:
    world.event("new", p24=0.35)
    world.sent("yesterday", level=2, hours_ago=9)  # before midnight in Shanghai
    world.sent("drill", level=2, hours_ago=1, is_drill=True)
    assert world.listed(on_budget(playbook, 1)) == [("new", 2)]
    assert world.listed(on_budget(playbook, 1), is_drill=True) == []


def test_an_event_warned_of_today_stands_again_and_rises_without_paying_twice(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.35)
    world.event("b", p24=0.35, posts_n=1)
    world.sent("a", level=1, hours_ago=2)
    assert world.listed(on_budget(playbook, 1)) == [("a", 2)]
    world.rows["forecasts"][0]["escalates_p"] = 0.15
    assert world.listed(on_budget(playbook, 1), is_whole=True) == [("a", 1)]


def test_the_list_stays_no_longer_than_its_length_whatever_the_budget(world: World, playbook: Playbook) -> None:
    for n in range(25):
        world.event(f"mild{n:02}", p24=0.2)
    assert len(world.listed(on_budget(playbook, 22))) == 20


def test_a_budget_is_cut_the_same_whatever_the_order_of_rows(world: World, playbook: Playbook) -> None:
    for n in range(9):
        world.event(f"e{n}", p24=0.1 + n % 3 * 0.1, hours_ago=1 + n % 4)
        world.sent(f"x{n % 2}", level=1, hours_ago=1 + n % 2)
    first = world.rank(on_budget(playbook, 5))
    assert first.height == 3
    for seed in range(3):
        assert world.rank(on_budget(playbook, 5), shuffle=seed).equals(first)


# ── cool-down and the day's cap ─────────────────────────────────────────


@pytest.mark.parametrize(("hours_ago", "listed"), [(1, False), (11.9, False), (12, True), (24, True)])
def test_the_same_level_waits_for_the_cool_down(world: World, playbook: Playbook, hours_ago: float, listed: bool) -> None:
    world.event("a", p24=0.35)
    world.sent("a", level=2, hours_ago=hours_ago)
    assert bool(world.listed(playbook)) is listed


def test_a_lower_level_cools_down_too(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.2)
    world.sent("a", level=3, hours_ago=5)
    assert world.listed(playbook) == []


def test_only_what_was_sent_cools_down(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.35)
    world.sent("other", level=2, hours_ago=1)
    assert world.listed(playbook) == [("a", 2)]


def test_a_drill_does_not_cool_down_life_nor_life_a_drill(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.35)
    world.sent("a", level=2, hours_ago=1, is_drill=True)
    assert world.listed(playbook) == [("a", 2)]
    assert world.listed(playbook, is_drill=True) == []


def test_the_days_cap_stops_repeats_but_not_a_rise(world: World, playbook: Playbook) -> None:
    quick = playbook.model_copy(update={"limits": playbook.limits.model_copy(update={"cooldown_h": 0})})
    world.event("a", p24=0.35)
    world.sent("a", level=2, hours_ago=1)
    assert world.listed(quick) == [("a", 2)]
    world.sent("a", level=2, hours_ago=2)
    assert world.listed(quick) == []
    world.rows["forecasts"][0]["escalates_p"] = 0.8
    assert world.listed(quick) == [("a", 3)]


def test_the_days_cap_forgets_yesterday(world: World, playbook: Playbook) -> None:
    quick = playbook.model_copy(update={"limits": playbook.limits.model_copy(update={"cooldown_h": 0})})
    world.event("a", p24=0.35)
    for hours_ago in (9, 10, 11):  # before midnight in Shanghai
        world.sent("a", level=2, hours_ago=hours_ago)
    assert world.listed(quick) == [("a", 2)]


def test_what_was_alerted_in_the_night_stands_on_the_mornings_list(world: World, playbook: Playbook) -> None:
    for event_id in ("alerted", "closed"):
        world.event(event_id, p24=0.35)
        world.sent(event_id, level=2, hours_ago=3, warning_id=event_id)
    world.verdict("closed", "resolved", hours_ago=1)
    assert world.listed(playbook) == []
    assert world.listed(playbook, is_whole=True) == [("alerted", 2)]


def test_repeating_the_run_gives_the_same_list(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.35)
    first = world.rank(playbook)
    world.sent("a", level=2, hours_ago=0, warning_id=first["warning_id"][0])
    assert world.rank(playbook).equals(first)


# ── what people decided ─────────────────────────────────────────────────


@pytest.mark.parametrize("verdict", ["false_alarm", "resolved"])
def test_a_closed_event_stays_away_until_it_rises(world: World, playbook: Playbook, verdict: str) -> None:
    world.event("a", p24=0.35)
    world.sent("a", level=2, hours_ago=24, warning_id="w")
    world.verdict("w", verdict, hours_ago=20)
    assert world.listed(playbook) == []
    world.rows["forecasts"][0]["escalates_p"] = 0.8
    assert world.listed(playbook) == [("a", 3)]
    assert {"false_alarm": "误报", "resolved": "已办结"}[verdict] in "".join(world.rank(playbook)["reasons"][0])


def test_after_the_rise_it_keeps_being_listed(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.8)
    world.sent("a", level=2, hours_ago=48, warning_id="w")
    world.verdict("w", "false_alarm", hours_ago=40)
    world.sent("a", level=3, hours_ago=24)
    assert world.listed(playbook) == [("a", 3)]


def test_claimed_stays_on_the_list(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.35)
    world.sent("a", level=2, hours_ago=24, warning_id="w")
    world.verdict("w", "claimed", hours_ago=20)
    assert world.listed(playbook) == [("a", 2)]


def test_the_last_word_counts(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.35)
    world.sent("a", level=2, hours_ago=24, warning_id="w")
    world.verdict("w", "false_alarm", hours_ago=20)
    world.verdict("w", "claimed", hours_ago=19)
    assert world.listed(playbook) == [("a", 2)]


def test_a_verdict_of_the_future_is_not_known_yet(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.35)
    world.sent("a", level=2, hours_ago=24, warning_id="w")
    world.verdict("w", "false_alarm", hours_ago=-1)
    assert world.listed(playbook) == [("a", 2)]


def test_a_false_alarm_on_one_event_says_nothing_of_another(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.35)
    world.event("b", p24=0.35)
    world.sent("a", level=2, hours_ago=24, warning_id="w")
    world.verdict("w", "false_alarm", hours_ago=20)
    assert world.listed(playbook) == [("b", 2)]


@pytest.mark.parametrize(("chosen", "p24", "level"), [(1, 0.35, 1), (3, 0.35, 3), (1, 0.8, 3), (3, 0.8, 3)])
def test_a_regrading_stands_until_things_get_worse(world: World, playbook: Playbook, chosen: int, p24: float, level: int) -> None:
    world.event("a", p24=p24)
    world.sent("a", level=2, hours_ago=24, warning_id="w")
    world.verdict("w", "regraded", hours_ago=20, level=chosen)
    assert world.listed(playbook) == [("a", level)]
    said = world.rank(playbook)["reasons"][0][0]
    assert said.startswith("已由人工定为" if level == chosen else "达到三级（重度）标准")


# ── nothing later than as_of ────────────────────────────────────────────


def test_nothing_later_than_as_of_is_looked_at(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.2)
    before = world.rank(playbook)
    later = NOW + HOUR
    for n in range(1, 150):
        world.post("a", f"late-{n}", hours_ago=2, seen_ago=-1, text="死亡")
    world.put("observations", post_id="a-0", observed_at=later, board_rank=1)
    world.put("events", **{**world.rows["events"][0], "as_of": later, "title": "后来的标题"})
    world.put("forecasts", event_id="a", target="escalation", as_of=later, horizon_h=24, escalates_p=0.99, drivers=["后来"])
    world.sent("a", level=3, hours_ago=-2)
    assert world.rank(playbook).equals(before)


def test_a_forecast_of_an_earlier_run_does_not_speak_for_this_one(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.2)
    world.put("forecasts", event_id="a", target="escalation", as_of=NOW - 24 * HOUR, horizon_h=48, escalates_p=0.99, drivers=["昨天"])
    assert world.listed(playbook) == [("a", 1)]


def test_the_same_warning_on_two_lists_is_one_to_a_verdict(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.35)
    for hours_ago in (30, 24):
        world.sent("a", level=2, hours_ago=hours_ago, warning_id="w")
    world.verdict("w", "claimed", hours_ago=20)
    assert world.listed(playbook) == [("a", 2)]


# ── reasons ─────────────────────────────────────────────────────────────


def test_reasons_are_two_to_four_sentences_with_the_stored_numbers(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.634, p48=0.71, posts_n=42, text="一名患者死亡")
    world.post("a", "a-1", hours_ago=30)
    world.put("observations", post_id="a-0", observed_at=NOW - HOUR, board_rank=12)
    reasons = world.rank(playbook)["reasons"][0].to_list()
    assert reasons == [
        "达到三级（重度）标准：24 小时内升级可能性 63%（门槛 60%）。",
        "已知 42 帖，近 24 小时 1 帖，再前 24 小时 1 帖；见于微博。",
        "帖文中出现“死亡”。",
        "近 24 小时登上微博热榜，最高第 12 位。",
    ]


def test_every_criterion_can_be_the_reason(world: World, playbook: Playbook) -> None:
    world.event("board", p24=None)
    world.put("observations", post_id="board-0", observed_at=NOW - HOUR, board_rank=8)
    world.event("group", category="safety", p24=0.5)
    world.event("later", p24=None, p48=0.75)
    world.event("pair", category="conflict", p24=None)
    world.post("pair", "pair-1")
    first = {row["event_id"]: row["reasons"][0] for row in world.rank(playbook).iter_rows(named=True)}
    assert first == {
        "board": "达到三级（重度）标准：近 24 小时最高第 8 位（门槛前 10 位）。",
        "group": "达到三级（重度）标准：属于“高敏感”，24 小时内升级可能性 50%（门槛 45%）。",
        "later": "达到三级（重度）标准：48 小时内升级可能性 75%（门槛 70%）。",
        "pair": "达到一级（轻度）标准：属于“高敏感”，近 24 小时 2 帖（门槛 2 帖）。",
    }
    assert all(2 <= len(reasons) <= 4 for reasons in world.rank(playbook)["reasons"])


def test_drivers_of_the_nearest_horizon_are_a_reason(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.2, p48=0.3)
    assert "推动预测的主要因素：因素24。" in world.rank(playbook)["reasons"][0].to_list()


def test_a_rescored_post_counts_once_by_the_model_that_sorts_last(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.2, negative_p=0.9)
    world.put("scores", post_id="a-0", model_version="m2", relevant_p=0.9, negative_p=0.1, first_seen_at=NOW - HOUR)
    assert world.listed(playbook) == []


def test_a_level_the_scheme_no_longer_has_does_not_silence_anything(world: World, playbook: Playbook) -> None:
    world.event("a", p24=0.2)
    world.sent("a", level=5, hours_ago=1, warning_id="w")
    world.verdict("w", "regraded", hours_ago=1, level=5)
    assert world.listed(playbook) == [("a", 1)]
