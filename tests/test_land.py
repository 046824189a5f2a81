"""One run's landing files into tables: whole or not at all, twice the same as once, every source accounted for. Constructed rows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from expectations.gate import StageStop
from expectations.land import Landed, land
from warehouse.schema import COLUMNS, TABLES
from warehouse.store import Warehouse

AS_OF = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
WRITTEN = ("fetches", "posts", "observations", "quarantine", "coverage")  # and checks, also by a run that stops


def frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    names = [name for name in TABLES[table].columns if name not in ("run_id", "day_on")]
    return pl.DataFrame(rows, schema={name: COLUMNS[name].dtype for name in names})


def items(*changes: dict[str, Any], at: datetime = AS_OF - HOUR) -> pl.DataFrame:
    return frame("raw_items", [
        {
            "post_id": f"p{n}", "source": "feed", "platform": "news", "kind": "article", "url": f"https://example.invalid/{n}",
            "title": "岚湖一院回应排队",
            "text": f"岚湖市第一人民医院排队三小时,第 {n} 条", "published_at": at - HOUR, "published_precision": "minute",
            "first_seen_at": at, "observed_at": at, "comments_n": n, "fetch_id": "feed-1", **change,
        }
        for n, change in enumerate(changes)
    ])  # fmt: skip


def fetches(*changes: dict[str, Any], at: datetime = AS_OF - HOUR) -> pl.DataFrame:
    return frame("fetches", [
        {
            "fetch_id": f"feed-{n}", "source": "feed", "url": "https://example.invalid/feed", "fetched_at": at, "http_status": 200,
            "reason": "ok",
            "bytes_n": 100, "items_n": 5, **change,
        }
        for n, change in enumerate(changes, 1)
    ])  # fmt: skip


def contents(warehouse: Warehouse) -> dict[str, str]:
    return {table: warehouse.fingerprint(table) for table in WRITTEN}


def status(landed: Landed) -> dict[str, str]:
    return dict(landed.coverage.select("source", "coverage_status").iter_rows())


def test_items_become_posts_and_observations_and_a_second_run_changes_no_byte(tmp_path: Path) -> None:
    warehouse, docs = Warehouse(tmp_path / "wh", "daily"), tmp_path / "docs"
    bad = {"text": None}
    first = land(warehouse, items({}, {}, bad), fetches({}), AS_OF, {"feed": (1, 10)}, docs)
    assert (first.posts_new, first.observations_new, first.quarantined) == (2, 2, 1)
    assert warehouse.read("posts")["post_id"].to_list() == ["p0", "p1"]
    assert warehouse.read("observations").select("post_id", "comments_n").rows() == [("p0", 0), ("p1", 1)]
    assert warehouse.read("quarantine").select("table_name", "row_id", "quarantine_reason", "source").rows() == [
        ("posts", "p2", "missing", "feed")
    ]
    assert '"comments_n": 2' in warehouse.read("quarantine")["row"][0]  # the whole item is kept, counts too
    row = warehouse.read("coverage").row(0, named=True)
    assert (row["coverage_status"], row["got_n"], row["landed_n"], row["quarantined_n"], row["last_ok_at"]) == ("ok", 3, 2, 1, AS_OF - HOUR)
    pages = [f"20260310T0830-{table}" for table in ("fetches", "observations", "posts")]
    named = {f"{page}.{end}" for page in pages for end in ("html", "json")}
    assert {path.name for path in docs.iterdir()} == {"index.html", "20260310T0830-checks.html", *named}
    assert all(f'href="{page}.html"' in (docs / "index.html").read_text(encoding="utf-8") for page in pages)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = land(warehouse, items({}, {}, bad).reverse(), fetches({}), AS_OF, {"feed": (1, 10)}, docs)
    assert (again.posts_new, again.observations_new, again.quarantined) == (0, 0, 1)
    assert again.coverage.equals(first.coverage)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_post_seen_again_keeps_its_first_sighting_and_every_observation(tmp_path: Path) -> None:
    warehouse, next_day = Warehouse(tmp_path), AS_OF + timedelta(days=1)
    land(warehouse, items({}), fetches({}), AS_OF, {"feed": (0, 10)})
    first_day = contents(warehouse)["coverage"]
    later = items({"fetch_id": "feed-9", "text": "已编辑"}, {"fetch_id": "feed-9"}, at=next_day - HOUR)
    landed = land(warehouse, later, fetches({"fetch_id": "feed-9"}, at=next_day - HOUR), next_day, {"feed": (0, 10)})
    assert (landed.posts_new, landed.observations_new) == (1, 2)
    kept = warehouse.read("posts").row(0, named=True)
    assert (kept["first_seen_at"], kept["fetch_id"], kept["text"][:2]) == (AS_OF - HOUR, "feed-1", "岚湖")
    assert warehouse.read("observations").filter(pl.col("post_id") == "p0").height == 2
    assert landed.coverage["landed_n"].to_list() == [1]
    again = land(warehouse, items({}), fetches({}), AS_OF, {"feed": (0, 10)})  # yesterday once more, today already known
    assert again.coverage["landed_n"].to_list() == [1]
    assert Warehouse(tmp_path).read("coverage", as_of=AS_OF)["got_n"].to_list() == [1]
    assert contents(warehouse)["coverage"] != first_day  # today's row is there beside it
    assert warehouse.read("coverage").height == 2


def test_one_post_on_two_pages_and_in_two_sources_at_one_moment_is_one_post_and_no_fault(tmp_path: Path) -> None:
    same = {"post_id": "p", "comments_n": 1, "text": "岚湖一院排队", "url": "https://example.invalid/p"}
    landed = land(
        Warehouse(tmp_path),
        items(same, {**same, "fetch_id": "feed-2"}, {**same, "source": "board", "fetch_id": "board-1", "text": "岚湖一院"}),
        fetches({}, {}, {"fetch_id": "board-1", "source": "board"}),
        AS_OF,
        {"feed": (1, 10), "board": (1, 10)},
    )
    assert (landed.posts_new, landed.observations_new, landed.quarantined) == (1, 1, 0)
    assert Warehouse(tmp_path).read("posts")["text"].to_list() == ["岚湖一院排队"]
    assert status(landed) == {"feed": "ok", "board": "ok"}  # the board did its work too


def test_bad_input_of_every_kind_is_set_aside_and_the_rest_lands(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    bad = [
        {"published_at": datetime(1900, 1, 1, tzinfo=UTC)}, {"published_at": datetime(2100, 1, 1, tzinfo=UTC)}, {"text": None},
        {"text": "锟斤拷锟斤拷"}, {"text": "长" * 60_000}, {"post_id": None}, {"post_id": "p0"}, {"post_id": None, "source": "other"},
    ]  # fmt: skip
    landed = land(warehouse, items(*[{}] * 30, *bad), fetches({}), AS_OF, {"feed": (1, 50)})
    assert landed.posts_new == landed.observations_new == 30
    reasons = warehouse.read("quarantine").group_by("table_name", "quarantine_reason").len().sort(pl.all()).rows()
    assert reasons == [
        ("observations", "duplicate", 1), ("posts", "duplicate", 1), ("posts", "in_future", 1), ("posts", "missing", 3),
        ("posts", "mojibake", 1), ("posts", "too_long", 1), ("posts", "too_old", 1),
    ]  # fmt: skip
    assert {finding.verdict for finding in landed.findings} == {"warn"}


def test_a_bad_count_costs_the_observation_not_the_post(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    landed = land(warehouse, items({}, {"likes_n": -5}), fetches({}), AS_OF, {"feed": (1, 10)})
    assert (landed.posts_new, landed.observations_new) == (2, 1)
    assert warehouse.read("quarantine").select("table_name", "column_name", "detail").rows() == [("observations", "likes_n", "-5")]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (items({}).with_columns(likes_n=pl.lit("1.2万")), "likes_n 应为 整数"),
        (items({}).with_columns(observed_at=pl.lit("昨天")), "observed_at 应为 带时区的时间"),
        (items({}).drop("text"), "缺少列 text"),
        (items({}).with_columns(mood=pl.lit("bad")), "未登记的列 mood"),
        (items(*[{"text": "锟斤拷"}] * 15, *[{}] * 15), "50.0% 的行被隔离"),
    ],
)
def test_a_broken_table_stops_with_one_clear_line_and_nothing_is_written(tmp_path: Path, broken: pl.DataFrame, says: str) -> None:
    warehouse = Warehouse(tmp_path)
    with pytest.raises(StageStop, match=says) as stop:
        land(warehouse, broken, fetches({}), AS_OF, {"feed": (1, 10)})
    assert "\n" not in str(stop.value)
    assert not any(warehouse.exists(table) for table in WRITTEN)
    stopped = warehouse.read("checks").filter(check_verdict="stop")
    assert any(re.search(says, sentence) for sentence in stopped["sentence"])


def test_coverage_tells_silence_from_failure(tmp_path: Path) -> None:
    answers = fetches(
        {"source": "good"}, {"source": "good", "reason": "error", "detail": "timeout"},
        {"source": "quiet"}, {"source": "flood"}, {"source": "mute", "items_n": 0},
        {"source": "unchanged", "reason": "not_modified", "items_n": 0},
        {"source": "dead", "reason": "blocked", "items_n": 0, "detail": "403"}, {"source": "dead", "reason": "captcha", "items_n": 0},
        {"source": "dead", "reason": "captcha", "items_n": 0},
    )  # fmt: skip
    seen = items(
        *[{"source": "good", "fetch_id": "feed-1"}] * 2, {"source": "quiet", "fetch_id": "feed-3"},
        *[{"source": "flood", "fetch_id": "feed-4"}] * 3, {"source": "import:vendor", "fetch_id": "file-1"},
    )  # fmt: skip
    floors = {"good": (2, 5), "quiet": (2, 5), "flood": (0, 2), "mute": (0, 5), "unchanged": (0, 5), "dead": (1, 5), "never": (0, 5)}
    landed = land(Warehouse(tmp_path), seen, answers, AS_OF, floors)
    rows = {row["source"]: row for row in landed.coverage.iter_rows(named=True)}
    assert status(landed) == {
        "good": "ok", "quiet": "quiet", "flood": "flood", "mute": "mute", "unchanged": "ok", "dead": "failed", "never": "failed",
        "import:vendor": "ok",
    }  # fmt: skip
    assert (rows["dead"]["reason"], rows["dead"]["detail"]) == ("captcha", "1 blocked, 2 captcha; 403")
    assert (rows["good"]["reason"], rows["good"]["detail"]) == ("error", "1 error, 1 ok; timeout")
    assert (rows["never"]["reason"], rows["never"]["fetches_n"]) == ("error", 0)
    assert "no request" in rows["never"]["detail"]
    assert (rows["mute"]["last_ok_at"], rows["dead"]["last_ok_at"]) == (AS_OF - HOUR, None)


def test_a_day_without_anything_still_has_its_coverage_and_remembers_the_last_answer(tmp_path: Path) -> None:
    warehouse, next_day = Warehouse(tmp_path), AS_OF + timedelta(days=1)
    land(warehouse, items({}), fetches({}), AS_OF, {"feed": (1, 10)})
    landed = land(warehouse, items(), fetches(), next_day, {"feed": (1, 10)})
    row = landed.coverage.row(0, named=True)
    assert (row["coverage_status"], row["got_n"], row["last_ok_at"]) == ("failed", 0, AS_OF - HOUR)


def test_a_day_far_below_the_fortnight_is_said(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for day in range(1, 8):
        earlier = AS_OF - timedelta(days=day)
        usual = (
            items({})
            .select("source")
            .with_columns(as_of=pl.lit(earlier), coverage_status=pl.lit("ok"), reason=pl.lit("ok"), got_n=pl.lit(40))
        )
        counts = {name: pl.lit(0) for name in ("expected_n_low", "fetches_n", "landed_n", "quarantined_n")}
        warehouse.replace("coverage", usual.with_columns(**counts), earlier)
    landed = land(warehouse, items({}), fetches({}), AS_OF, {"feed": (1, 50)})
    assert [finding.name for finding in landed.findings] == ["volume"]
    said = warehouse.read("checks").filter(table_name="posts", check_name="volume").row(0, named=True)
    assert (said["value"], said["limit"], said["check_verdict"], said["check_severity"]) == (1.0, 16.0, "warn", "stop")
    assert "40" in landed.findings[0].sentence
