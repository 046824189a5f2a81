"""Every kind of bad row is set aside under its own name, a broken table stops, and rules and suite never disagree. Constructed rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from expectations import gate, rows, suites
from expectations.datadocs import page_name, write_page
from expectations.gate import check, shape, strangers
from warehouse.schema import COLUMNS, TABLES
from warehouse.vocabulary import QUARANTINE_REASONS

AS_OF = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
POST: dict[str, Any] = {
    "post_id": "p", "source": "constructed_feed", "platform": "weibo", "kind": "post", "url": "https://example.invalid/p",
    "text": "在岚湖市第一人民医院排队三小时没人理", "published_at": AS_OF - timedelta(hours=3), "published_precision": "minute",
    "first_seen_at": AS_OF - timedelta(hours=1), "fetch_id": "f",
}  # fmt: skip


def posts(*changes: dict[str, Any]) -> pl.DataFrame:
    """One sound post for each change, changed so."""
    return pl.DataFrame([{**POST, "post_id": f"p{n:03}", **change} for n, change in enumerate(changes)], infer_schema_length=None)


def judge(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    assert shape("posts", frame) == []
    return rows.judge("posts", gate.fitted("posts", frame), AS_OF)


def names(checked: gate.Checked) -> list[tuple[str, str]]:
    return [(finding.name, finding.verdict) for finding in checked.findings]


def test_sound_rows_pass_unchanged_and_say_nothing() -> None:
    frame = posts({}, {"followers_n": 12, "author_kind": "media"}, {"is_verified": True, "region": "青澜省"})
    checked = check("posts", frame, AS_OF)
    assert checked.good.select(frame.columns).equals(frame)
    assert checked.good.columns == suites.columns("posts")
    assert checked.quarantined.is_empty()
    assert checked.findings == []
    assert all(entry["success"] for entry in checked.contract)


@pytest.mark.parametrize(
    ("change", "reason", "column"),
    [
        ({"text": None}, "missing", "text"),
        ({"text": " \n　"}, "missing", "text"),
        ({"post_id": None}, "missing", "post_id"),
        ({"platform": "myspace"}, "not_in_set", "platform"),
        ({"followers_n": -1}, "out_of_range", "followers_n"),
        ({"url": "javascript:alert(1)"}, "bad_pattern", "url"),
        ({"text": "锟斤拷锟斤拷医院"}, "mojibake", "text"),
        ({"text": "烫烫烫烫烫烫烫烫"}, "mojibake", "text"),
        ({"title": "岚湖\ufffd\ufffd医院"}, "mojibake", "title"),
        (
            {"text": "等了三个小时\ufffd没有人管我们,大厅里全是人,问谁谁都说不知道"},
            "mojibake",
            "text",
        ),  # clean.py leaves none in a readable text
        ({"published_at": datetime(1900, 1, 1, tzinfo=UTC)}, "too_old", "published_at"),
        ({"published_at": datetime(2100, 1, 1, tzinfo=UTC)}, "in_future", "published_at"),
        ({"first_seen_at": datetime(2100, 1, 1, tzinfo=UTC)}, "in_future", "first_seen_at"),
        ({"text": "长" * 50_001}, "too_long", "text"),
        ({"post_id": "p000"}, "duplicate", "post_id"),
        ({"text": None, "platform": "myspace", "followers_n": -1}, "missing", "text"),
    ],
)
def test_a_bad_row_is_set_aside_under_the_first_rule_it_broke(change: dict[str, Any], reason: str, column: str) -> None:
    good, aside = judge(posts({}, change, {}))
    assert good["post_id"].to_list() == ["p000", "p002"]
    assert aside.select("table_name", "source", "quarantine_reason", "column_name", "set_aside_at").rows() == [
        ("posts", "constructed_feed", reason, column, AS_OF)
    ]


@pytest.mark.parametrize(
    "text",
    ["护士把热水袋放太近,烫烫烫,孩子哭了一夜", "等了三个小时□没有人管我们", "长" * 50_000, "0"],
)
def test_what_only_looks_bad_passes(text: str) -> None:
    assert judge(posts({"text": text}))[1].is_empty()


@pytest.mark.parametrize(("minutes", "passes"), [(9, True), (11, False)])
def test_a_site_whose_clock_runs_a_little_fast_is_believed(minutes: int, passes: bool) -> None:
    assert judge(posts({"published_at": AS_OF + timedelta(minutes=minutes)}))[1].is_empty() is passes


def test_every_reason_that_exists_is_given_by_some_rule() -> None:
    tables = ("posts", "observations", "fetches")
    given = {reason for table in tables for reason, _, _ in rows.row_rules(table, AS_OF)} | {"duplicate"}
    assert given == set(QUARANTINE_REASONS)


def test_of_two_rows_with_one_key_the_sound_one_stays() -> None:
    good, aside = judge(posts({"post_id": "same", "text": None}, {"post_id": "same", "text": "岚湖一院停车难"}))
    assert good["text"].to_list() == ["岚湖一院停车难"]
    assert aside["quarantine_reason"].to_list() == ["missing"]


def test_a_quarantined_row_can_be_read_again_and_huge_texts_are_cut() -> None:
    _, aside = judge(posts({"text": "长" * 2_000_000}, {"post_id": None}, {"post_id": None, "text": "另一条"}))
    read = [json.loads(row) for row in aside["row"]]
    assert sorted(len(row["text"]) for row in read) == [3, len(POST["text"]), rows.SHOWN]
    assert aside["row"].str.len_chars().max() < COLUMNS["row"].longest  # type: ignore[operator]
    assert aside["row_id"].n_unique() == 3
    assert judge(posts({}))[1].schema == aside.schema


def test_half_the_rows_broken_stops_and_copies_do_not_count() -> None:
    broken = check("posts", posts(*[{}] * 10, *[{"text": None}] * 10), AS_OF)
    assert ("quarantine_share", "stop") in names(broken)
    assert "50.0%" in broken.stops[0].sentence
    assert "必填项为空" in broken.stops[0].sentence
    copies = check("posts", posts(*[{"post_id": "same"}] * 40, *[{"text": None}] * 9), AS_OF)
    assert copies.quarantined.height == 48
    assert ("duplicates", "warn") in names(copies)
    assert copies.stops == []
    few = check("posts", posts(*[{}] * 36, *[{"text": None}] * 4), AS_OF)
    assert [finding for finding in names(few) if finding[0] == "quarantine_share"] == [("quarantine_share", "warn")]
    assert few.stops == []


def test_counts_that_are_words_stop_with_column_source_and_value() -> None:
    frame = pl.DataFrame([{"post_id": "p", "observed_at": AS_OF, "likes_n": "1.2万", "fetch_id": "f", "source": "constructed_feed"}])
    checked = check("observations", frame, AS_OF)
    assert names(checked) == [("shape_type:likes_n", "stop")]
    sentence = checked.stops[0].sentence
    assert all(said in sentence for said in ("likes_n", "整数", "1.2万", "constructed_feed"))
    assert checked.good.is_empty()


def test_shape_forgives_what_loses_nothing_and_nothing_else() -> None:
    assert shape("posts", posts({"followers_n": 3.0}, {"followers_n": None})) == []
    assert [f.name for f in shape("posts", posts({"followers_n": 3.5}))] == ["shape_type:followers_n"]
    assert [f.name for f in shape("posts", posts({"followers_n": float("nan")}))] == ["shape_type:followers_n"]
    assert shape("posts", posts({}, {}).with_columns(pl.col("kind").cast(pl.Categorical))) == []
    event = pl.DataFrame({"event_id": ["e"], "platforms": [[]]}, schema={"event_id": pl.String, "platforms": pl.List(pl.Null)})
    assert [f.name for f in shape("events", event)] == ["shape_missing"]
    naive = posts({"published_at": datetime(2026, 3, 10, 8)})  # noqa: DTZ001 what it must refuse
    assert [f.name for f in shape("posts", naive)] == ["shape_type:published_at"]
    assert [f.name for f in shape("posts", posts({}).drop("text"))] == ["shape_missing"]
    assert [f.name for f in strangers("posts", posts({"mood": "bad"}))] == ["shape_unknown"]


def test_a_table_thin_stale_or_one_sided_is_said_but_goes_on() -> None:
    thin = check("posts", posts(*[{"url": None, "published_at": AS_OF - timedelta(hours=60)}] * 20), AS_OF)
    assert names(thin) == [("fill_rate:url", "warn"), ("one_source", "warn"), ("same_text", "warn"), ("freshness_h", "warn")]
    assert "60" in thin.findings[3].sentence
    assert thin.findings[0].sentence == "帖文:链接 只有 0.0% 的行有值(应不低于 80.0%)"


@pytest.mark.parametrize(("usual", "found"), [([9] * 14, "明显偏少"), ([0] * 14, "明显偏多"), ([9] * 4, "")])
def test_volume_is_held_against_the_last_fortnight(usual: list[int], found: str) -> None:
    history = pl.DataFrame({"rows_n": usual}, schema={"rows_n": pl.Int64})
    checked = check("posts", posts({}, {}), AS_OF, history)
    assert names(checked) == [("volume", "warn")] * bool(found)
    assert all(found in finding.sentence for finding in checked.findings)


def test_a_crisis_is_no_reason_to_stop_but_a_reader_gone_mad_is() -> None:
    for usual in (0, 1, 20):
        history = pl.DataFrame({"rows_n": [usual] * 14})
        crisis = posts(*[{"source": f"constructed_{n % 3}", "text": f"岚湖一院,第 {n} 个人说"} for n in range(2500)])
        assert names(check("posts", crisis, AS_OF, history)) == [("volume", "warn")]
    mad = posts({}).with_columns(n=pl.lit(list(range(20_001)))).explode("n").with_columns(post_id=pl.col("n").cast(pl.String)).drop("n")
    assert ("volume", "stop") in names(check("posts", mad, AS_OF, history))


OLD = {"published_at": AS_OF - timedelta(days=31)}
HARM: dict[str, list[dict[str, Any]]] = {  # each check of the table as a whole that can stop, brought just over its limit
    "quarantine_share": [{}] * 10 + [{"platform": "myspace"}] * 10,
    "duplicates": [{}] + [{"post_id": "same"}] * 40,
    "fill_rate:text": [{}] * 9 + [{"text": None}] * 11,
}


@pytest.mark.parametrize("name", HARM)
def test_each_check_of_the_whole_table_can_stop(name: str) -> None:
    assert (name, "stop") in names(check("posts", posts(*HARM[name]), AS_OF, contract=False))


@pytest.mark.parametrize(
    ("name", "rows_"),
    [
        ("duplicates", [{}] * 5 + [{"post_id": "same"}] * 95),  # a page repeated and repeated
        ("freshness_h", [OLD] * 300),  # a column's first crawl
        ("one_source", [{}] * 300),  # a pulse of one card
        ("fill_rate:published_at", [{"published_at": None}] * 300),  # hot boards alone answered
        ("fill_rate:url", [{"url": None}] * 300),  # a sheet kept by hand
    ],
)
def test_what_may_be_so_on_a_true_day_never_stops(name: str, rows_: list[dict[str, Any]]) -> None:
    checked = check("posts", posts(*rows_), AS_OF, contract=False)
    assert checked.stops == []
    assert (name, "warn") in names(checked)


def test_a_stage_of_ours_that_gives_one_key_to_most_rows_stops() -> None:
    mention = {"post_id": "same", "hospital_id": "h", "confidence_p": 0.9, "status": "confirmed", "first_seen_at": AS_OF}
    mentions = [{**mention, "evidence": f"岚湖{n}院"} for n in range(4)]
    assert ("duplicates", "stop") in names(check("mentions", pl.DataFrame(mentions), AS_OF, contract=False))
    assert ("duplicates", "warn") in names(check("mentions", pl.DataFrame(mentions[:2]), AS_OF, contract=False))


@pytest.mark.parametrize("table", list(TABLES))
def test_every_column_that_may_not_be_empty_is_in_its_tables_suite(table: str) -> None:
    named = {expectation.column for expectation in suites.suite(table).expectations}
    for name in suites.columns(table):
        assert name in TABLES[table].optional or named & {name, f"{name}_len", f"{name}_h"}, f"{table}.{name} has no expectation"


@pytest.mark.parametrize("table", ["observations", "events"])
def test_an_empty_frame_meets_the_suite(table: str) -> None:
    checked = check(table, pl.DataFrame(schema={name: COLUMNS[name].dtype for name in suites.columns(table)}), AS_OF)
    assert checked.findings == []
    assert len(checked.contract) == len(suites.suite(table).expectations)


def test_what_the_rules_let_slip_the_contract_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    slipped = {
        "text_len": [{"text": None}, {"text": "长" * 50_001}], "platform": [{"platform": "myspace"}], "followers_n": [{"followers_n": -1}],
        "url": [{"url": "javascript:alert(1)"}], "published_at_h": [{"published_at": datetime(1900, 1, 1, tzinfo=UTC)}],
        "published_at_ahead_h": [{"published_at": datetime(2100, 1, 1, tzinfo=UTC)}], suites.KEY: [{"post_id": "p000"}],
        "title_garbled": [{"title": "岚湖\ufffd医院"}], "text_garbled": [{"text": "锟斤拷"}],
    }  # fmt: skip
    nothing_aside = judge(posts({}))[1]
    monkeypatch.setattr(gate, "judge", lambda table, frame, as_of: (frame.select(suites.columns(table)), nothing_aside))
    checked = check("posts", posts({}, *(change for changes in slipped.values() for change in changes)), AS_OF)
    breaches = {entry["column"] for entry in checked.contract if not entry["success"]}
    assert breaches == set(slipped)
    assert len(checked.stops) == len(slipped) + 1  # text breaks two
    assert all(0 not in entry["rows"] for entry in checked.contract if entry["column"] != suites.KEY)


def test_a_suite_that_crashes_stops_too(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = suites.slim
    monkeypatch.setattr(suites, "slim", lambda table, frame, as_of: whole(table, frame, as_of).drop("platform"))
    inside = check("posts", posts({}), AS_OF)
    assert {finding.name.rpartition(":")[0] for finding in inside.stops} == {"contract_crashed:platform"}
    monkeypatch.setattr(suites, "slim", lambda *_: 1 / 0)
    outside = check("posts", posts({}), AS_OF)
    assert "ZeroDivisionError" in outside.stops[0].sentence


def test_the_page_has_no_foreign_address_escapes_and_is_the_same_twice(tmp_path: Path) -> None:
    hostile = {"source": "<script>alert(1)</script>", "text": None}
    written = [write_page(tmp_path / name, "posts", AS_OF, check("posts", posts({}, hostile), AS_OF)) for name in ("one", "two")]
    assert [path.name for path in written] == ["20260310T0830-posts.html"] * 2 == [page_name("posts", AS_OF)] * 2
    page = written[0].read_text(encoding="utf-8")
    assert "<script" not in page
    assert "://" not in page.replace("regex=^https?://", "")
    assert "必填项为空" in page
    assert page == written[1].read_text(encoding="utf-8")
    said = json.loads(written[0].with_suffix(".json").read_text(encoding="utf-8"))
    assert (said["good_n"], said["quarantined_n"]) == (1, 1)
    assert written[0].with_suffix(".json").read_bytes() == written[1].with_suffix(".json").read_bytes()


def test_importing_the_gate_does_not_load_great_expectations() -> None:
    import subprocess
    import sys

    code = "import sys, expectations.land; sys.exit('great_expectations' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent, check=False).returncode == 0
