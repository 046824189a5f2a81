"""The record on small constructed pasts, every figure worked out by hand; and what may never be mixed, hidden or said of too few."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from briefing.playbook import Playbook
from briefing.record import Record
from briefing.record_budget import let_through, threshold
from briefing.record_figures import Share, wilson
from briefing.record_scores import HEADLINE, Task
from tests.sample_record import BOOK, HOUR, START, Past, lively


def status(found: Record) -> dict[str, str]:
    return dict(found.warnings.select("event_id", "status").iter_rows())


def why(found: Record) -> dict[str, str]:
    return dict(found.missed.select("event_id", "why").iter_rows())


@pytest.fixture
def past() -> Past:
    return Past()


# ── intervals ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),  # statsmodels.stats.proportion.proportion_confint(hits, n, method="wilson")
    [(0, 10, 0.0, 0.277533), (8, 10, 0.490162, 0.943318), (10, 10, 0.722467, 1.0), (10, 100, 0.055229, 0.174366)],
)
def test_wilson_is_wilsons(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=1e-6)


def test_a_share_of_nothing_has_no_value() -> None:
    assert (Share(0, 0).value, Share(0, 0).interval) == (None, None)
    assert Share(3, 4, is_enough=False).value is None
    assert Share(3, 4).value == 0.75


# ── what is a warning, and when it was first issued ─────────────────────


def test_a_warning_on_several_lists_is_one_scored_at_its_first_chance(past: Past) -> None:
    past.leave(6)
    past.case("a", 0, 0.2, "yes", 10, day=0)
    past.case("a", 6, 0.9, "yes", 10, day=0)
    found = past.record()
    (row,) = found.warnings.iter_rows(named=True)
    assert (row["p"], row["issued_at"], row["status"], row["lead_h"]) == (0.2, START, "yes", 10.0)


def test_levels_and_days_are_warnings_of_their_own(past: Past) -> None:
    past.case("a", 0, 0.2, "no")
    past.warn("a", 0, level=2)
    past.case("a", 24, 0.2, "no")
    assert past.record().headline.warnings_n == 3


def test_a_list_that_did_not_leave_warned_nobody(past: Past) -> None:
    past.case("a", 0, 0.3, "yes", 30, day=0)
    past.case("a", 24, 0.8, "yes", 30, day=0)  # the same warning, on the first list that left
    past.case("b", 0, 0.3, "no")
    past.unsend(0)
    found = past.record()
    assert found.warnings["p"].to_list() == [0.8]
    assert found.undelivered_n == 1


def test_lead_counts_from_when_it_left_by_the_first_channel(past: Past) -> None:
    past.rows["deliveries"] = []
    past.leave(0, after=2)
    past.leave(0, after=1)
    past.leave(0, is_sent=False)
    past.case("a", 0, 0.5, "yes", 5)
    assert past.record().warnings["lead_h"].to_list() == [4.0]


def test_a_drill_is_apart(past: Past) -> None:
    past.case("real", 0, 0.5, "yes", 5)
    past.case("drill", 0, 0.5, "no", is_drill=True)
    life, drill = past.record(), past.record(is_drill=True)
    assert (status(life), life.apart_n, life.is_drill) == ({"real": "yes"}, 1, False)
    assert (status(drill), drill.apart_n, drill.is_drill) == ({"drill": "no"}, 1, True)


# ── how it ended ────────────────────────────────────────────────────────


def test_every_end_has_its_name(past: Past) -> None:
    past.case("yes", 0, 0.5, "yes", 5)
    past.case("no", 0, 0.5, "no")
    past.case("void", 0, 0.5, "void", detail="unread:weibo_board")
    past.case("open", 24 * 99, 0.5, None)
    past.case("there", 0, 0.5, "yes", -3)
    past.case("was", 0, 0.5, "no", -3)  # had been there before and did not come again: foretold nothing either
    past.case("at_once", 0, 0.5, "yes", 0)
    past.warn("mute", 0)
    found = past.record()
    assert status(found) == {
        "yes": "yes", "no": "no", "void": "void", "open": "open", "there": "already", "was": "already", "at_once": "already",
        "mute": "unforecast",
    }  # fmt: skip
    assert found.headline.statuses == {"yes": 1, "no": 1, "void": 1, "open": 1, "already": 3, "unforecast": 1}
    assert found.headline.precision == Share(1, 2, is_enough=False)
    assert found.warnings.filter(pl.col("status") != "yes")["lead_h"].drop_nulls().is_empty()


def test_what_is_decided_later_is_open_now(past: Past) -> None:
    past.case("a", 0, 0.5, "yes", 5)
    assert status(past.record(until=START + 47 * HOUR)) == {"a": "open"}
    assert status(past.record(until=START + 48 * HOUR)) == {"a": "yes"}


def test_each_task_is_scored_by_its_own_rows(past: Past) -> None:
    past.case("a", 0, 0.5, "no")
    past.forecast("a", 0, 0.7, "yes", 30, horizon=48)
    past.forecast("a", 0, 0.1, "no", target="level_3")
    found = past.record()
    assert list(found.periods[None]) == [HEADLINE, Task("escalation", 48), Task("level_3", 24)]
    assert status(found) == {"a": "no"}
    assert found.others[Task("escalation", 48)]["status"].to_list() == ["yes"]
    assert found.others[Task("escalation", 48)]["lead_h"].to_list() == [30.0]
    assert found.others[Task("level_3", 24)]["p"].to_list() == [0.1]


def test_what_lasts_is_scored_and_has_no_recall(past: Past) -> None:
    past.case("a", 0, 0.5, "no")
    past.forecast("a", 0, 0.7, "yes", 12, horizon=12, target="on_board")
    found = past.record().periods[None][Task("on_board", 12)]
    assert (found.precision.hits, found.precision.n, found.caught.n) == (1, 1, 0)


# ── figures ─────────────────────────────────────────────────────────────


def test_precision_false_alarms_and_brier(past: Past) -> None:
    past.many(hits=10, misses=30)
    found = past.record().headline
    assert found.precision == Share(10, 40)
    assert found.precision.interval == pytest.approx((0.141871, 0.401940), abs=1e-6)
    assert (found.days_n, found.false_per_day) == (100, 0.3)
    assert found.base_rate == 0.25
    assert found.brier == pytest.approx((10 * 0.36 + 30 * 0.16) / 40)  # 0.21 against 0.1875
    assert found.brier_skill == pytest.approx(1 - 0.21 / 0.1875)


def test_reliability_has_ten_bins_of_equal_count(past: Past) -> None:
    for n in range(43):
        past.case(f"e{n:02}", 24 * n, n / 100, "yes" if n >= 30 else "no", 24 * n + 2 if n >= 30 else None)
    bins = past.record().headline.reliability
    assert [one.came.n for one in bins] == [5, 4, 4, 5, 4, 4, 5, 4, 4, 4]
    assert [one.came.hits for one in bins] == [0, 0, 0, 0, 0, 0, 1, 4, 4, 4]
    assert bins[0].p == pytest.approx(0.02)
    assert [one.p for one in bins] == sorted(one.p for one in bins)


def test_lead_time_is_of_caught_events_and_its_shares_are_of_all(past: Past) -> None:
    for n, lead in enumerate((1, 2, 4, 8, 16)):
        past.case(f"e{n}", 24 * n, 0.5, "yes", 24 * n + lead)
    for n in range(30):
        past.case(f"f{n}", 24 * n, 0.2, "no")
    for n in range(5):
        past.forecast(f"missed{n}", 24 * n, 0.05, "yes", 24 * n + 5)
    found = past.record().headline
    assert found.lead_h == pytest.approx((1.4, 4, 12.8))
    assert found.leads == (1, 2, 4, 8, 16)
    assert {h: (one.hits, one.n) for h, one in found.ahead.items()} == {3: (3, 10), 6: (2, 10), 12: (1, 10)}
    assert found.caught == Share(5, 10)


def test_an_event_is_caught_once_by_its_first_warning_in_the_horizon(past: Past) -> None:
    past.leave(30)
    for hour in (0, 24, 30):  # the first is more than a day ahead and was wrong
        past.case("a", hour, 0.5, "no" if hour == 0 else "yes", None if hour == 0 else 40, day=hour)
    found = past.record()
    assert found.headline.leads == (16.0,)
    assert (found.headline.caught.hits, found.headline.caught.n) == (1, 1)


def test_recall_counts_what_stood_there_at_first_sight_and_says_so(past: Past) -> None:
    past.many(hits=6, misses=30)
    for n in range(4):
        past.case(f"t{n}", 24 * n, 0.9, "yes", 24 * n - 1)
    found = past.record().headline
    assert (found.caught, found.unavoidable_n, found.caught_of_seen) == (Share(6, 9), 3, Share(6, 6))  # t0 lies before the first list


def test_periods_look_back_from_the_end(past: Past) -> None:
    """The record's end is the morning after the hundredth list, which itself made none."""
    past.case("old", 24 * 5, 0.5, "no")
    past.case("mid", 24 * 50, 0.5, "yes", 24 * 50 + 3)
    past.case("new", 24 * 90, 0.5, "no")
    found = past.record()
    assert {days: by[HEADLINE].warnings_n for days, by in found.periods.items()} == {30: 1, 90: 2, 180: 3, None: 3}
    assert {days: by[HEADLINE].days_n for days, by in found.periods.items()} == {30: 29, 90: 89, 180: 100, None: 100}
    assert found.periods[90][HEADLINE].caught.n == 1
    assert found.periods[30][HEADLINE].caught.n == 0


def test_days_without_a_list_do_not_thin_the_false_alarms(past: Past) -> None:
    past.rows["deliveries"] = past.rows["deliveries"][:50]
    past.many(hits=10, misses=30)
    assert past.record().headline.false_per_day == 30 / 50


@pytest.mark.parametrize(("hits", "misses", "enough"), [(5, 25, True), (25, 5, True), (5, 24, False), (4, 60, False), (60, 4, False)])
def test_too_few_to_say(past: Past, hits: int, misses: int, enough: bool) -> None:
    past.many(hits, misses)
    found = past.record().headline
    assert found.is_enough is enough
    assert (found.precision.hits, found.precision.n) == (hits, hits + misses)
    stated = (found.precision.value, found.precision.interval, found.caught.value, found.false_per_day, found.lead_h, found.brier,
              found.brier_skill, found.ahead[3].value)  # fmt: skip
    assert all((one is not None) is enough for one in stated)
    assert bool(found.reliability) is enough


def test_the_trend_is_of_ninety_days_at_each_months_end(past: Past) -> None:
    past.many(hits=10, misses=30)  # a warning a morning from 1 January on
    points = past.record().trend
    assert [point.until.isoformat()[:10] for point in points] == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-11"]  # 16:00 UTC
    assert [point.precision.n for point in points] == [31, 40, 40, 29]
    assert [point.precision.hits for point in points] == [10, 10, 10, 0]


# ── missed, and why ─────────────────────────────────────────────────────


def test_a_chance_below_every_bar(past: Past) -> None:
    past.forecast("a", 0, 0.07, "yes", 8)
    past.forecast("a", 0, 0.12, "yes", 8, horizon=48)
    found = past.record()
    assert found.missed.select("event_id", "why", "chance").rows() == [("a", "below", 0.07)]


def test_there_at_first_sight_between_two_lists_or_unseen_because_sources_were_down(past: Past) -> None:
    for event, hour in (("there", 24), ("between", 24), ("down", 72)):
        past.case(event, hour, 0.9, "yes", hour - 5)
    past.put("seen", event_id="between", first_seen_at=START + 12 * HOUR)
    past.put("seen", event_id="there", first_seen_at=START + 19 * HOUR)
    for source in ("a", "b", "c"):
        past.put("coverage", as_of=START + 48 * HOUR, coverage_status="failed" if source != "c" else "ok", source=source)
    assert why(past.record()) == {"there": "there", "between": "between", "down": "outage"}


def test_a_list_that_was_not_sent_and_a_day_without_one(past: Past) -> None:
    past.unsend(24)
    past.forecast("unsent", 24, 0.9, "yes", 30)
    past.rows["deliveries"] = [row for row in past.rows["deliveries"] if row["as_of"] not in (START + 72 * HOUR, START + 96 * HOUR)]
    past.forecast("nothing", 48, 0.9, "no")
    past.case("nothing", 120, 0.9, "yes", 100)
    found = why(past.record())
    assert found == {"unsent": "undelivered", "nothing": "no_list"}


def test_closed_by_a_person(past: Past) -> None:
    past.warn("a", 0, day=0)
    past.forecast("a", 0, 0.5, "no")
    past.forecast("a", 48, 0.5, "yes", 60)
    past.put("verdicts", verdict_id="v", warning_id="a|1|0", verdict="false_alarm", said_at=START + 5 * HOUR)
    assert why(past.record()) == {"a": "closed"}


def test_cooling_down(past: Past) -> None:
    slow = BOOK.model_copy(update={"limits": BOOK.limits.model_copy(update={"cooldown_h": 72})})
    past.case("a", 0, 0.5, "no")
    past.forecast("a", 24, 0.5, "no")
    past.forecast("a", 48, 0.5, "yes", 60)
    assert why(past.record(slow)) == {"a": "cooling"}
    assert why(past.record()) == {"a": "beyond"}


def test_a_full_list_and_a_spent_budget(past: Past) -> None:
    for n in range(20):
        past.case(f"on{n}", 24, 0.5, "no", rank=n + 1)
    past.forecast("cut", 24, 0.5, "yes", 30)
    past.case("on", 48, 0.5, "no")
    past.forecast("held", 48, 0.5, "yes", 55)
    one_a_day = BOOK.model_copy(update={"limits": BOOK.limits.model_copy(update={"warnings_per_day": 1})})
    assert why(past.record(one_a_day)) == {"cut": "full", "held": "full"}
    assert why(past.record()) == {"cut": "full", "held": "beyond"}


def test_no_matter_of_warnings_is_listed_and_is_no_miss(past: Past) -> None:
    past.many(hits=6, misses=30)
    past.forecast("praise", 0, 0.8, "yes", 9)
    found = past.record()
    assert why(found) == {"praise": "beyond"}
    assert (found.headline.caught, found.headline.beyond_n) == (Share(6, 6), 1)


def test_what_stood_there_at_a_list_and_was_not_listed_is_no_matter_of_warnings_either(past: Past) -> None:
    past.forecast("praise", 24, 0.9, "yes", 20)
    past.forecast("praise", 48, 0.1, "yes", 20)
    past.forecast("praise", 24, 0.9, "yes", 20, target="reposts_500")
    found = past.record()
    assert why(found) == {"praise": "beyond"}
    for n in range(20):
        past.case(f"on{n}", 24, 0.5, "no", rank=n + 1)
    assert why(past.record()) == {"praise": "there"}  # the list was full: it may have been a matter of warnings


def test_a_late_warning_is_a_miss_and_is_told(past: Past) -> None:
    past.forecast("a", 0, 0.05, "yes", 8)
    past.case("a", 24, 0.9, "yes", 8)
    found = past.record()
    (row,) = found.missed.iter_rows(named=True)
    assert (row["why"], row["late_at"] - row["reached_at"], row["title"]) == ("below", timedelta(hours=16), "事件a")


def test_warnings_by_what_gave_them_and_by_level(past: Past) -> None:
    past.many(hits=6, misses=30)  # level 1, a chance of 0.4
    for n in range(4):
        past.case(f"board{n}", 24 * n, 0.01, "no", level=2)
    past.case("two_days", 0, 0.01, "no", level=3)
    past.forecast("two_days", 0, 0.2, "no", horizon=48)
    parts = past.record().parts
    assert {name: one.warnings_n for name, one in parts.items()} == {"forecast": 37, "facts": 4, "level_3": 1, "level_2": 4, "level_1": 36}
    assert (parts["forecast"].precision, parts["forecast"].caught) == (Share(6, 37), Share(6, 6))
    assert parts["facts"].precision == Share(0, 4, is_enough=False)


# ── the budget ──────────────────────────────────────────────────────────


def day_of_warnings(past: Past, day: int = 0) -> None:
    for n, (level, p) in enumerate(((3, 0.9), (2, 0.5), (1, 0.4), (1, 0.2)), 1):
        past.case(f"d{day}e{n}", 24 * day, p, "yes" if n != 3 else "no", 24 * day + 5 if n != 3 else None, level=level, rank=n)


def test_a_budget_keeps_the_head_of_the_list_and_always_the_worst_level(past: Past) -> None:
    day_of_warnings(past)
    past.case("grave", 0, 0.9, "no", level=3, rank=5)
    rows = past.record().warnings
    assert let_through(rows, 2, 3)["event_id"].to_list() == ["d0e1", "d0e2", "grave"]
    assert let_through(rows, 20, 3).height == 5


def test_an_event_listed_again_today_is_paid_for(past: Past) -> None:
    past.leave(6)
    past.case("a", 0, 0.4, "no", day=0)
    past.case("a", 6, 0.5, "no", level=2, day=0)
    past.case("b", 6, 0.4, "no", rank=2, day=0)
    assert let_through(past.record().warnings, 1, 3)["warning_id"].to_list() == ["a|1|0", "a|2|0"]


def test_what_a_budget_costs(past: Past) -> None:
    for day in range(14):
        day_of_warnings(past, day)
    past.rows["deliveries"] = past.rows["deliveries"][:14]
    found = past.record(choices=(1, 3, 4, 10))
    by_k = {one.k: one for one in found.budget}
    assert {k: one.threshold_p for k, one in by_k.items()} == {1: 0.9, 3: 0.4, 4: 0.2, 10: None}
    assert {k: one.held_n for k, one in by_k.items()} == {1: 42, 3: 14, 4: 0, 10: 0}
    assert by_k[3].figures.precision == Share(28, 42)
    assert (by_k[3].missed_per_week, by_k[3].lost_per_week) == (7.0, 7.0)
    assert (by_k[4].missed_per_week, by_k[4].lost_per_week) == (0.0, 0.0)
    assert by_k[1].missed_per_week is None  # 14 right, none wrong: too few to say


def test_the_threshold_counts_an_event_once_a_day(past: Past) -> None:
    past.leave(6)
    past.case("a", 0, 0.4, "no", day=0)
    past.case("a", 6, 0.7, "no", level=2, day=0)
    past.case("b", 6, 0.3, "no", rank=2, day=0)
    rows = past.record().warnings
    assert (threshold(rows, 1, 1), threshold(rows, 2, 1), threshold(rows, 3, 1)) == (0.7, 0.3, None)


# ── purity ──────────────────────────────────────────────────────────────


def test_the_order_of_rows_and_what_came_later_change_nothing() -> None:
    past = lively(60)
    first = past.record()
    tables = past.tables()
    shuffled = replace(tables, **{name: frame.sample(fraction=1.0, shuffle=True, seed=5) for name, frame in vars(tables).items()})
    past.tables = lambda: shuffled  # type: ignore[method-assign]
    again = past.record()
    assert again.warnings.equals(first.warnings)
    assert again.missed.equals(first.missed)
    assert (again.periods, again.budget, again.trend) == (first.periods, first.budget, first.trend)
    early = past.record(until=START + 30 * 24 * HOUR)
    cut = {
        name: frame.filter(pl.col(clock) <= START + 30 * 24 * HOUR)
        for name, frame in vars(shuffled).items()
        for clock in ({"deliveries": "sent_at", "outcomes": "resolved_at", "verdicts": "said_at"}.get(name, "as_of"),)
        if name != "seen"
    }
    past.tables = lambda: replace(shuffled, **cut)  # type: ignore[method-assign]
    assert past.record(until=START + 30 * 24 * HOUR).periods == early.periods


def test_an_empty_house_has_an_empty_record() -> None:
    found = Past(0).record()
    assert (found.since, found.lists_n, found.step_h, found.headline.warnings_n, found.trend) == (None, 0, None, 0, ())
    assert found.headline.precision.value is None


def test_either_direction_of_the_scheme_keeps_its_worst(past: Past) -> None:
    levels = tuple(level.model_copy(update={"number": 4 - level.number}) for level in BOOK.scheme.levels)
    turned: Playbook = BOOK.model_copy(
        update={"scheme": BOOK.scheme.model_copy(update={"direction": "smaller_is_worse", "levels": levels})}
    )
    turned.__dict__.pop("levels", None)
    past.case("mild", 0, 0.9, "no", level=3, rank=1)
    past.case("grave", 0, 0.9, "no", level=1, rank=2)
    found = past.record(turned, choices=(1,))
    assert found.budget[0].held_n == 0  # the grave one, second on the list, goes all the same
