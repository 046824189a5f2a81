"""A source that falls silent is on the list within one missed period of its own cadence, in words PR reads. Constructed rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from briefing.strip import coverage as strip
from briefing.strip import remarks, span
from expectations.coverage import Promise
from expectations.land import land
from tests.test_land import AS_OF, HOUR, fetches, items
from warehouse.store import Warehouse

HOURLY = Promise(60, 24, 1, 100)


def run(warehouse: Warehouse, at: datetime, asked: dict[str, dict[str, Any]], promises: dict[str, Promise]) -> dict[str, dict[str, Any]]:
    """A pulse at `at`: each asked source with what its answer was like and, under `items`, the posts in it. Returns coverage by source."""
    answers, seen = [], []
    for source, said in asked.items():
        fetch = {"source": source, "fetch_id": f"{source}-{at:%d%H%M}", "fetched_at": at, "items_n": len(said.get("items", ()))}
        answers.append({**fetch, **{name: value for name, value in said.items() if name != "items"}})
        seen += [{"source": source, "fetch_id": fetch["fetch_id"], **one} for one in said.get("items", ())]
    floors = dict.fromkeys(asked, (0, None))
    landed = land(warehouse, items(*seen, at=at), fetches(*answers, at=at), at, floors, None, promises)  # type: ignore[arg-type]
    return {row["source"]: row for row in landed.coverage.iter_rows(named=True)}


def post(source: str, n: int, published_at: datetime | None, **more: Any) -> dict[str, Any]:
    return {"post_id": f"{source}{n}", "published_at": published_at, **more}


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """paper and board were asked at AS_OF; both answered with a fresh post."""
    warehouse = Warehouse(tmp_path, "pulse-x")
    fresh = {source: {"items": [post(source, 0, AS_OF - HOUR)]} for source in ("paper", "board")}
    run(warehouse, AS_OF, fresh, {"paper": HOURLY, "board": HOURLY})
    return warehouse


def status(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {source: row["coverage_status"] for source, row in rows.items()}


def test_a_source_that_is_not_due_stands_on_the_list_all_the_same(warehouse: Warehouse) -> None:
    rows = run(warehouse, AS_OF + HOUR / 6, {"board": {"reason": "not_modified"}}, {"paper": HOURLY, "board": HOURLY})
    assert status(rows) == {"paper": "ok", "board": "ok"}
    assert (rows["paper"]["is_asked"], rows["paper"]["last_ok_at"], rows["board"]["is_asked"]) == (False, AS_OF, True)
    cells = {cell["name"]: cell["said"] for cell in strip(pl.DataFrame(list(rows.values())), {}, 0.5, AS_OF + HOUR / 6)["cells"]}
    assert cells == {"paper": "未到采集时间，上次 3月10日 08:30", "board": "无更新"}


@pytest.mark.parametrize(("minutes", "says"), [(60, "ok"), (90, "ok"), (91, "mute"), (600, "mute")])
def test_one_nobody_asked_is_mute_when_its_period_and_the_grace_are_over(warehouse: Warehouse, minutes: int, says: str) -> None:
    at = AS_OF + timedelta(minutes=minutes)
    rows = run(warehouse, at, {"board": {}}, {"paper": HOURLY, "board": HOURLY})
    assert rows["paper"]["coverage_status"] == says
    if says == "mute":
        assert rows["paper"]["reason"] == "not_asked"
        (cell,) = [cell for cell in strip(pl.DataFrame(list(rows.values())), {}, 0.5, at)["cells"] if cell["name"] == "paper"]
        assert (cell["word"], cell["said"], cell["last_ok"]) == ("无数据", "没有按时采集，应每 60 分钟一次", "3月10日 08:30")


@pytest.mark.parametrize("cadence", [5, 15, 60, 360, 1440])
def test_the_grace_is_never_longer_than_one_period(tmp_path: Path, cadence: int) -> None:
    warehouse, promises = Warehouse(tmp_path), {"paper": Promise(cadence, 24 * 365)}
    run(warehouse, AS_OF, {"paper": {"items": [post("paper", 0, AS_OF - HOUR)]}}, promises)
    assert status(run(warehouse, AS_OF + timedelta(minutes=cadence), {}, promises)) == {"paper": "ok"}
    assert status(run(warehouse, AS_OF + timedelta(minutes=2 * cadence, seconds=1), {}, promises)) == {"paper": "mute"}


def test_a_failure_stays_on_the_list_until_the_source_answers_again(warehouse: Warehouse) -> None:
    promises = {"paper": HOURLY}
    failed = run(warehouse, AS_OF + HOUR, {"paper": {"reason": "captcha", "items_n": 0, "detail": "a captcha page"}}, promises)
    between = run(warehouse, AS_OF + HOUR * 7 / 6, {}, promises)
    assert [rows["paper"]["coverage_status"] for rows in (failed, between)] == ["failed", "failed"]
    assert (between["paper"]["reason"], between["paper"]["detail"], between["paper"]["is_asked"]) == ("captcha", "a captcha page", False)
    again = run(warehouse, AS_OF + 2 * HOUR, {"paper": {"reason": "not_modified"}}, promises)
    assert (again["paper"]["coverage_status"], again["paper"]["last_ok_at"]) == ("ok", AS_OF + 2 * HOUR)


def test_not_modified_is_an_answer_whatever_the_floor_and_however_it_is_mixed(tmp_path: Path) -> None:
    answers = fetches({"reason": "not_modified", "items_n": 0}, {"items_n": 0}, {"items_n": 0})
    landed = land(Warehouse(tmp_path), items(), answers, AS_OF, {"feed": (8, 100)})
    assert landed.coverage.select("coverage_status", "last_ok_at").row(0) == ("ok", AS_OF - HOUR)
    one = land(Warehouse(tmp_path / "b"), items({}), fetches({"reason": "not_modified", "items_n": 0}, {}), AS_OF, {"feed": (8, 100)})
    assert one.coverage["coverage_status"].to_list() == ["ok"]  # one of its pages is as it was, the other shows one post
    none = land(Warehouse(tmp_path / "c"), items({}), fetches({}), AS_OF, {"feed": (8, 100)})
    assert none.coverage["coverage_status"].to_list() == ["quiet"]


@pytest.mark.parametrize(("hours", "says"), [(20, "ok"), (27, "stale")])
def test_one_that_answers_with_old_posts_only_is_stale(warehouse: Warehouse, hours: int, says: str) -> None:
    at = AS_OF + timedelta(hours=hours)
    rows = run(warehouse, at, {"paper": {"items": [post("paper", 0, AS_OF - HOUR)]}}, {"paper": HOURLY})
    assert rows["paper"]["coverage_status"] == says
    assert rows["paper"]["newest_at"] == AS_OF - HOUR
    (cell,) = strip(pl.DataFrame(list(rows.values())), {"paper": "岚湖晚报"}, 0.5, at)["cells"]
    if says == "stale":
        assert (cell["name"], cell["word"], cell["said"]) == ("岚湖晚报", "久无新帖", "最新内容停在 3月10日 07:30")
        assert "27 h" not in rows["paper"]["detail"]
        assert "28 h old" in rows["paper"]["detail"]


def test_a_title_that_still_stands_on_a_board_is_not_old_because_a_board_dates_nothing(tmp_path: Path) -> None:
    warehouse, promises, title = Warehouse(tmp_path), {"board": Promise(15, 6)}, [post("board", 0, None)]
    run(warehouse, AS_OF, {"board": {"items": title}}, promises)
    assert status(run(warehouse, AS_OF + 24 * HOUR, {"board": {"items": title}}, promises)) == {"board": "ok"}
    between = run(warehouse, AS_OF + 24 * HOUR + timedelta(minutes=10), {}, promises)
    assert (status(between), between["board"]["newest_at"]) == ({"board": "ok"}, AS_OF + 24 * HOUR)
    assert status(run(warehouse, AS_OF + 31 * HOUR, {"board": {"items_n": 30}}, promises)) == {"board": "stale"}


def test_lag_is_measured_on_what_was_published_since_we_look(warehouse: Warehouse) -> None:
    at = AS_OF + 10 * HOUR
    lags = [*range(1, 100), 1000]  # minutes
    seen = [post("paper", n, at - timedelta(minutes=lag)) for n, lag in enumerate(lags[:99], 1)]
    backlog = [post("paper", 900, AS_OF - timedelta(days=3)), post("paper", 901, at - 9 * HOUR, published_precision="day")]
    rows = run(warehouse, at, {"paper": {"items": [*seen, *backlog]}}, {"paper": HOURLY})
    assert (rows["paper"]["lag_median_min"], rows["paper"]["lag_p95_min"]) == (50.0, 94.0)
    (cell,) = [cell for cell in strip(pl.DataFrame(list(rows.values())), {}, 0.5, at)["cells"] if cell["name"] == "paper"]
    assert cell["lag"] == "发布后约 50 分钟读到，慢的要 2 小时"
    first_day = run(Warehouse(warehouse.root / "new"), at, {"paper": {"items": backlog}}, {"paper": HOURLY})
    assert first_day["paper"]["lag_median_min"] is None


def test_coverage_says_what_was_expected_and_a_second_run_the_same(warehouse: Warehouse) -> None:
    row = warehouse.read("coverage").filter(source="paper").row(0, named=True)
    assert (row["expected_n_low"], row["cadence_min"], row["got_n"], row["landed_n"]) == (0, 60, 1, 1)
    at, promises = AS_OF + 2 * HOUR, {"paper": HOURLY, "board": HOURLY, "new": HOURLY}
    first = run(warehouse, at, {"board": {}}, promises)
    assert run(warehouse, at, {"board": {}}, promises) == first
    assert (first["new"]["coverage_status"], first["new"]["detail"][:13]) == ("mute", "no answer yet")
    assert first["paper"]["expected_n_high"] == 100


def test_a_warning_of_the_gate_is_a_line_in_chinese_with_the_sources_name() -> None:
    rows = [
        {"as_of": AS_OF, "table_name": "posts", "check_name": f"x{n}", "check_verdict": "warn", "sentence": f"来自 weibo_keyword,第 {n} 条"}
        for n in range(8)
    ]  # fmt: skip
    passed = {**rows[0], "check_verdict": "pass", "sentence": None}
    said = remarks(pl.DataFrame([*rows, passed]), {"weibo_keyword": "微博关键词"}, AS_OF)
    assert said["shown"][0] == "来自 微博关键词,第 0 条"
    assert (len(said["shown"]), said["more_n"]) == (6, 2)


@pytest.mark.parametrize(
    ("minutes", "says"), [(0.2, " 1 分钟"), (45, " 45 分钟"), (200, " 3 小时"), (47 * 60, " 47 小时"), (4000, " 3 天")]
)
def test_a_span_is_said_in_the_unit_a_person_would_use(minutes: float, says: str) -> None:
    assert span(minutes) == says
