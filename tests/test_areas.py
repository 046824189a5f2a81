"""The weekly outlook by area: its counts, its figures, what it must not know, and its place on the page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from briefing.outlook import coming
from briefing.render import page
from flows.daily import READING
from flows.outlook import outlook as stage
from flows.road import Road
from flows.steps import Step
from models.escalation.areas import COLUMNS, coming_monday, expect, outlook, shortest
from models.escalation.areas_bench import TEST, headlines, measured, relive
from warehouse.clock import SHANGHAI
from warehouse.schema import AT
from warehouse.settings import PROJECT, Settings
from warehouse.store import Warehouse

MONDAY = datetime(2026, 3, 9, 8, 30, tzinfo=SHANGHAI)
SHARED = PROJECT.parent / "shared" / "data"
NAMES = {"lanhu_first": "岚湖市第一人民医院"}
Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


def tables(weekly: dict[str, list[int]], department: str | None = "急诊科", as_of: datetime = MONDAY) -> Tables:
    """posts, mentions, scores: so many negative posts of a category each week, the last number in the seven days before as_of's day.

    A neutral post a week keeps the hospital in sight.
    """
    midnight = as_of.astimezone(SHANGHAI).replace(hour=0, minute=0)
    rows = []
    for category, counts in weekly.items():
        for back, n in enumerate(reversed(counts), 1):
            start = midnight - timedelta(weeks=back)
            rows += [(f"{category}-{back}-{i}", start + timedelta(hours=12 + i), category, 0.9, department) for i in range(n)]
            rows += [(f"{category}-{back}-quiet", start + timedelta(hours=1), category, 0.1, department)]
    names = {"post_id": pl.String, "first_seen_at": AT, "category": pl.String, "negative_p": pl.Float64, "department": pl.String}
    frame = pl.DataFrame([(a, b.astimezone(UTC), c, d, e) for a, b, c, d, e in rows], schema=names, orient="row")
    posts = frame.select("post_id", "first_seen_at", published_at=pl.col("first_seen_at") - timedelta(hours=2))
    mentions = frame.select("post_id", "first_seen_at", "department", hospital_id=pl.lit("lanhu_first"), status=pl.lit("confirmed"))
    scores = frame.select(
        "post_id", "first_seen_at", "category", "negative_p", neutral_p=1 - pl.col("negative_p"), positive_p=pl.lit(0.0),
        relevant_p=pl.lit(0.9), model_version=pl.lit("m"),
    )  # fmt: skip
    return posts, mentions, scores


def row(frame: pl.DataFrame, area: str) -> dict[str, object]:
    return frame.row(by_predicate=pl.col("area") == area, named=True)


def test_a_steady_area_is_expected_to_stay_as_it_is() -> None:
    said = outlook(*tables({"service": [4] * 20, "safety": [1] * 20}), MONDAY)
    assert said.columns == COLUMNS
    service = row(said, "service")
    assert service["expected_n"] == pytest.approx(4.0, abs=0.01)
    assert service["naive_n"] == 4.0
    assert service["low_n"] < 4.0 < service["high_n"]  # type: ignore[operator]
    assert service["week_on"] == "2026-03-09"
    department = row(said, "急诊科")
    assert department["area_kind"] == "department"
    assert department["expected_n"] == pytest.approx(5.0, abs=0.01)


def test_empty_weeks_are_counted_and_the_interval_starts_at_none() -> None:
    said = row(outlook(*tables({"rumor": [0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0]}), MONDAY), "rumor")
    assert 0.0 < said["expected_n"] < 1.0  # type: ignore[operator]
    assert said["low_n"] == 0.0
    assert said["high_n"] in (0.0, 1.0)
    assert said["naive_n"] == 0.0


def test_an_area_that_grew_is_expected_above_its_past() -> None:
    said = row(outlook(*tables({"safety": [1] * 26 + [9] * 26}), MONDAY), "safety")
    assert said["expected_n"] > 7.0  # type: ignore[operator]
    assert said["high_n"] > 9.0  # type: ignore[operator]


def test_eight_whole_weeks_are_needed() -> None:
    assert outlook(*tables({"service": [3] * 7}), MONDAY).height == 0
    assert outlook(*tables({"service": [3] * 8}), MONDAY).height == 2
    assert outlook(*tables({"service": [0] * 20}), MONDAY).height == 0
    assert outlook(*(frame.clear() for frame in tables({"service": [3] * 8})), MONDAY).columns == COLUMNS


def test_what_is_first_seen_later_changes_nothing() -> None:
    known = tables({"service": [2, 0, 5] * 5, "price": [1] * 15})
    later = tables({"service": [40, 40], "rumor": [30, 30]}, as_of=MONDAY + timedelta(weeks=3))
    later = tuple(frame.with_columns(post_id=pl.lit("later-") + pl.col("post_id")) for frame in later)  # type: ignore[assignment]
    assert later[0]["first_seen_at"].min() > MONDAY  # type: ignore[operator]
    for seed in (1, 2):
        both = [pl.concat(pair).sample(fraction=1.0, shuffle=True, seed=seed) for pair in zip(later, known, strict=True)]
        assert outlook(*both, MONDAY).equals(outlook(*known, MONDAY))
        assert row(outlook(*both, MONDAY + timedelta(weeks=3)), "rumor")["naive_n"] == 30.0


def test_old_news_brought_in_and_unsure_or_irrelevant_posts_count_nowhere() -> None:
    posts, mentions, scores = tables({"service": [2] * 10, "price": [2] * 10})
    expected = row(outlook(posts, mentions, scores, MONDAY), "service")
    price = pl.col("post_id").str.starts_with("price")
    old = posts.with_columns(published_at=pl.when(price).then(pl.col("published_at") - timedelta(days=30)).otherwise("published_at"))
    unsure = mentions.with_columns(status=pl.when(price).then(pl.lit("unconfirmed")).otherwise("status"))
    beside = scores.with_columns(relevant_p=pl.when(price).then(0.1).otherwise("relevant_p"))
    for changed in ((old, mentions, scores), (posts, unsure, scores), (posts, mentions, beside)):
        said = outlook(*changed, MONDAY)
        assert row(said, "service") == expected
        assert "price" not in said["area"].to_list()


def test_the_coming_monday() -> None:
    assert coming_monday(MONDAY) == date(2026, 3, 9)
    assert coming_monday(MONDAY + timedelta(days=1)) == date(2026, 3, 16)
    assert coming_monday(datetime(2026, 3, 8, 17, 0, tzinfo=UTC)) == date(2026, 3, 9)  # 01:00 in Shanghai


def test_the_shortest_run_holds_its_share() -> None:
    assert shortest(np.array([0.9, 0.05, 0.05])) == (0, 0)
    assert shortest(np.array([0.05, 0.1, 0.5, 0.3, 0.05])) == (2, 3)
    assert shortest(np.array([0.3, 0.3, 0.3, 0.1])) == (0, 2)


def test_the_interval_covers_what_it_says() -> None:
    rng, inside = np.random.default_rng(7), []
    for _ in range(150):
        y = rng.negative_binomial(2, 2 / (2 + 6.0), 53).astype(np.float64)
        _, low, high = expect(y[:-1])
        inside.append(low <= y[-1] <= high)
    assert 0.7 <= float(np.mean(inside)) <= 0.9


def road(root: Path, as_of: datetime, edition: str = "daily") -> Road:
    return Road(Settings(conf=PROJECT / "conf" / "drill", root=root, drill=True), as_of.astimezone(UTC), edition=edition)


def fill(warehouse: Warehouse, weekly: dict[str, list[int]]) -> None:
    posts, mentions, scores = tables(weekly)
    constant = {
        "source": "s",
        "platform": "weibo",
        "kind": "post",
        "text": "等了三个小时",
        "published_precision": "second",
        "fetch_id": "f",
    }
    warehouse.add("posts", posts.with_columns(**{name: pl.lit(value) for name, value in constant.items()}))
    warehouse.add("mentions", mentions.with_columns(evidence=pl.lit("岚湖一院"), confidence_p=pl.lit(0.9)))
    warehouse.add("scores", scores.with_columns(category_p=pl.lit(0.9)))


def test_the_stage_makes_one_a_week_and_the_same_run_the_same_rows(tmp_path: Path) -> None:
    first, next_day, next_week = (
        road(tmp_path, MONDAY),
        road(tmp_path, MONDAY + timedelta(days=1)),
        road(tmp_path, MONDAY + timedelta(days=7)),
    )
    fill(Warehouse(tmp_path / "warehouse"), {"service": [3, 0, 1, 4] * 4})
    assert stage(road(tmp_path, MONDAY, "pulse")) == 0
    assert stage(first) == 2
    before = Warehouse(tmp_path / "warehouse").fingerprint("outlooks")
    assert stage(first) == 2
    assert stage(next_day) == 0
    assert Warehouse(tmp_path / "warehouse").fingerprint("outlooks") == before
    assert stage(next_week) == 2


def rows_of(as_of: datetime, areas: dict[str, tuple[float, float]], kind: str = "department") -> pl.DataFrame:
    """area -> expected_n and naive_n, as rows of an outlook."""
    found = pl.DataFrame([(area, n, before) for area, (n, before) in areas.items()], ["area", "expected_n", "naive_n"], orient="row")
    return found.select(
        "area", "expected_n", "naive_n", hospital_id=pl.lit("lanhu_first"), area_kind=pl.lit(kind), low_n=pl.lit(0.0),
        high_n=pl.col("expected_n") + 2, week_on=pl.lit(coming_monday(as_of).isoformat()), as_of=pl.lit(as_of.astimezone(UTC), AT),
    )  # fmt: skip


def test_the_page_tells_what_is_hot_and_escapes_an_area(tmp_path: Path) -> None:
    earlier = [rows_of(MONDAY - timedelta(weeks=back), {"急诊科": (2.0, 2.0), "骨科": (3.0, 3.0)}) for back in range(1, 5)]
    hostile = '<script>alert("科")</script>'
    now = rows_of(MONDAY, {"急诊科": (6.0, 8.0), "骨科": (3.2, 1.0), hostile: (1.0, 0.0)})
    said = coming(pl.concat([*earlier, now]), NAMES, MONDAY)
    assert said is not None
    assert (said["from"], said["to"]) == ("3月9日", "3月15日")
    (kind,) = said["kinds"]
    assert [(one["area"], one["heat"], one["usual"]) for one in kind["rows"]] == [
        ("急诊科", "more", "2.0"), ("骨科", "same", "3.0"), (hostile, "unknown", None),
    ]  # fmt: skip
    html = page("outlook.html").render(outlook=said)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "比平时多" in html


def test_only_areas_worth_a_line_are_listed_and_the_rest_is_counted() -> None:
    said = coming(rows_of(MONDAY, {f"科{n}": (n / 2, 0.0) for n in range(9)}), NAMES, MONDAY)
    assert said is not None
    (kind,) = said["kinds"]
    assert [one["area"] for one in kind["rows"]] == ["科8", "科7", "科6", "科5", "科4"]
    assert kind["more_n"] == 4
    few = coming(rows_of(MONDAY, {"骨科": (0.2, 0.0)}), NAMES, MONDAY)
    assert few is not None
    assert "1 个科室预计都不到" in page("outlook.html").render(outlook=few)


def test_an_outlook_that_fails_does_not_stop_the_list() -> None:
    assert not Step("outlook", 0, 0.1, stopped="broken").ends_the_road
    order = [one.__name__ for one in READING]
    assert order.index("watch") < order.index("outlook") < order.index("publish")


def test_an_outlook_is_shown_while_its_week_lasts() -> None:
    rows = rows_of(MONDAY, {"service": (2.0, 1.0)}, "category")
    assert coming(rows, NAMES, MONDAY + timedelta(days=6)) is not None
    assert coming(rows, NAMES, MONDAY + timedelta(days=7)) is None
    assert coming(rows.clear(), NAMES, MONDAY) is None
    said = coming(rows, NAMES, MONDAY)
    assert said is not None
    assert said["kinds"][0]["rows"][0]["area"] == "服务投诉"


@pytest.mark.real
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared")
def test_real_headlines_are_foreseen_better_than_by_last_year() -> None:
    found = measured(relive(headlines(SHARED), (TEST[0] - timedelta(weeks=9), TEST[0] - timedelta(weeks=2))))
    assert found["mae"] < found["seasonal naive mae"]
