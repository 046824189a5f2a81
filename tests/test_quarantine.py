"""Rows set aside are looked at, let in after a fix, written off; who, when and why is kept, and twice is once. Constructed rows."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from expectations import quarantine, rows, suites
from expectations.door import Gated
from expectations.gate import StageStop
from expectations.land import land
from expectations.quarantine import Act, Done, Wish, drop, release, standing
from flows.cli import app
from flows.cli_quarantine import visible
from tests.test_land import AS_OF, HOUR, fetches, items
from warehouse.schema import COLUMNS, TABLES
from warehouse.settings import PROJECT, ConfigProblem
from warehouse.store import Warehouse

LATER = AS_OF + timedelta(days=1)
ACT = Act("王工", LATER, "站点改版,解析器已修")
FUTURE = {"published_at": AS_OF + 2 * HOUR}  # p1: a site whose clock runs ahead


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """p0 landed; set aside: p1 in_future, p2 mojibake, p3 missing text, p4 a bad count."""
    warehouse = Warehouse(tmp_path / "warehouse", "daily")
    land(warehouse, items({}, FUTURE, {"text": "锟斤拷"}, {"text": None}, {"likes_n": -5}), fetches({}), AS_OF, {"feed": (1, 10)})
    return warehouse


def mended(monkeypatch: pytest.MonkeyPatch, ahead_min: int = 600) -> None:
    """The rule that was wrong, put right."""
    whole = suites.rules()
    changed = json.loads(json.dumps(whole))
    changed["tables"]["posts"]["times"]["published_at"]["ahead_min"] = ahead_min
    monkeypatch.setattr(suites, "rules", lambda: changed)


def states(warehouse: Warehouse) -> dict[str, str]:
    return dict(standing(warehouse).select("row_id", "state").iter_rows())


def test_what_is_set_aside_is_open_until_somebody_acts(warehouse: Warehouse) -> None:
    assert set(states(warehouse).values()) == {"open"}
    assert standing(warehouse)["quarantine_reason"].sort().to_list() == ["in_future", "missing", "mojibake", "out_of_range"]


def test_rows_are_let_in_once_the_rule_or_the_reader_is_mended(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    still = release(warehouse, Wish(reason="in_future"), ACT)
    assert still == Done(0, 0, (("p1", "in_future (published_at), still"),))
    assert warehouse.read("quarantine_actions").is_empty()
    mended(monkeypatch)
    assert release(warehouse, Wish(table="posts"), ACT) == Done(1, 0, (("p2", "mojibake (text), still"), ("p3", "missing (text), still")))
    post = warehouse.read("posts").filter(post_id="p1").row(0, named=True)
    assert (post["first_seen_at"], post["published_at"], post["fetch_id"]) == (LATER, FUTURE["published_at"], "feed-1")
    counts = warehouse.read("observations").filter(post_id="p1").row(0, named=True)
    assert (counts["observed_at"], counts["comments_n"]) == (LATER, 1)
    action = warehouse.read("quarantine_actions").row(0, named=True)
    said = {
        name: action[name] for name in ("table_name", "row_id", "quarantine_reason", "action", "is_override", "acted_by", "acted_at", "why")
    }
    assert said == {
        "table_name": "posts", "row_id": "p1", "quarantine_reason": "in_future", "action": "released", "is_override": False,
        "acted_by": "王工", "acted_at": LATER, "why": ACT.why,
    }  # fmt: skip


def test_the_past_does_not_change_when_a_row_is_let_in(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {table: warehouse.read(table, as_of=LATER - HOUR) for table in ("posts", "observations")}
    mended(monkeypatch)
    assert release(warehouse, Wish(("p1",)), ACT).acted_n == 1
    for table, frame in before.items():
        assert warehouse.read(table, as_of=LATER - HOUR).equals(frame)


def test_twice_is_once_also_when_retention_took_the_row(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mended(monkeypatch)
    release(warehouse, Wish(("p1",)), ACT)
    before = {table: warehouse.fingerprint(table) for table in TABLES}
    again = Act("别人", LATER + HOUR, "再来一次")
    assert release(warehouse, Wish(("p1",)), again) == Done(0, 1)
    assert drop(warehouse, Wish(("p1",)), again) == Done(0, 1)  # a row that was let in cannot be written off
    assert {table: warehouse.fingerprint(table) for table in TABLES} == before
    cleared = Warehouse(tmp_path / "cleared")
    cleared.add("quarantine_actions", warehouse.read("quarantine_actions").drop("run_id", "day_on", strict=False))
    assert release(cleared, Wish(("p1",)), again) == Done(0, 1)
    assert cleared.read("posts").is_empty()  # what retention took stays gone
    assert release(cleared, Wish(("nobody",)), again).refused[0][0] == "nobody"


def test_a_release_that_was_killed_after_its_rows_goes_on(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    mended(monkeypatch)
    monkeypatch.setattr("expectations.quarantine._write_down", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        release(warehouse, Wish(("p1",)), ACT)
    monkeypatch.undo()
    mended(monkeypatch)
    assert release(warehouse, Wish(("p1",)), Act("王工", LATER + HOUR, "又一次")).acted_n == 1
    assert warehouse.read("posts").filter(post_id="p1").height == 1
    assert warehouse.read("quarantine_actions")["detail"].to_list() == ["known already"]


def test_an_override_is_for_named_rows_and_for_what_a_person_can_know_better(warehouse: Warehouse) -> None:
    with pytest.raises(ConfigProblem, match="name them by their row_id"):
        release(warehouse, Wish(reason="in_future"), ACT, override=True)
    done = release(warehouse, Wish(("p1", "p2", "p3")), ACT, override=True)
    assert (done.acted_n, dict(done.refused)) == (2, {"p3": "missing cannot be overridden: a page or a stage would fail on it"})
    assert warehouse.read("quarantine_actions")["is_override"].to_list() == [True, True]
    assert set(warehouse.read("posts")["post_id"]) == {"p0", "p1", "p2", "p4"}


def test_an_overridden_address_that_a_page_would_run_is_refused(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    land(warehouse, items({"url": "javascript:alert(1)"}), fetches({}), AS_OF, {"feed": (1, 10)})
    assert release(warehouse, Wish(("p0",)), ACT, override=True).acted_n == 0
    assert warehouse.read("posts").is_empty()


def test_counts_come_in_unless_newer_ones_are_known(warehouse: Warehouse) -> None:
    row_id = standing(warehouse).filter(table_name="observations")["row_id"][0]
    newer = items({"post_id": "p4", "likes_n": 9}, at=AS_OF + 3 * HOUR)
    land(warehouse, newer, fetches({"fetch_id": "feed-9"}, at=AS_OF + 3 * HOUR), AS_OF + 4 * HOUR, {"feed": (1, 10)})
    done = release(warehouse, Wish((row_id,)), ACT, override=True)
    assert done.acted_n == 1
    assert warehouse.read("observations").filter(post_id="p4")["likes_n"].to_list() == [9]
    assert warehouse.read("quarantine_actions")["detail"].to_list() == ["known already"]


def test_a_text_is_kept_whole_unless_it_is_too_long_to_be_let_in_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = Warehouse(tmp_path)
    bad = [{**FUTURE, "text": "长" * 50_000}, {"text": "长" * 50_001}]
    land(warehouse, items({}, *bad), fetches({}), AS_OF, {"feed": (1, 10)})
    mended(monkeypatch)
    done = release(warehouse, Wish(table="posts"), ACT)
    assert done.acted_n == 1
    assert dict(done.refused)["p2"].startswith("text was too long")
    assert warehouse.read("posts").filter(post_id="p1")["text"][0] == "长" * 50_000
    kept = json.loads(warehouse.read("quarantine").filter(row_id="p2")["row"][0])
    assert (len(kept["text"]), kept[rows.CUT]) == (rows.SHOWN, ["text"])


def test_a_row_as_wide_as_can_be_still_fits_its_column() -> None:
    text = rows.as_text({"text": '"\x01' * 25_000, "title": "\x02" * 60_000, "n": 1})
    assert len(text) < COLUMNS["row"].longest  # type: ignore[operator]
    assert json.loads(text)[rows.CUT] == ["text", "title"]


def test_dropped_rows_are_no_longer_open_and_can_still_be_let_in(warehouse: Warehouse) -> None:
    assert drop(warehouse, Wish(source="feed", reason="missing"), ACT) == Done(1, 0)
    assert states(warehouse) == {**dict.fromkeys(states(warehouse), "open"), "p3": "dropped"}
    drop(warehouse, Wish(("p2",)), ACT)
    assert release(warehouse, Wish(("p2",)), Act("王工", LATER + HOUR, "看错了"), override=True).acted_n == 1
    assert states(warehouse)["p2"] == "released"


def test_of_a_release_and_a_drop_at_once_one_wins_and_the_other_says_so(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either first; and the same done twice at once is the same as once."""
    write, there, go = quarantine._write_down, Event(), Event()

    def slow(*given: Any) -> None:
        if not there.is_set():
            there.set()
            assert go.wait(20)
        write(*given)

    def let_in(row_id: str) -> Done:
        return release(Warehouse(warehouse.root), Wish((row_id,)), Act("王工", LATER, "看错了"), override=True)

    def written_off(row_id: str) -> Done:
        return drop(Warehouse(warehouse.root), Wish((row_id,)), Act("李工", LATER, "无用"))

    monkeypatch.setattr(quarantine, "_write_down", slow)
    cases = [(let_in, written_off, "p1", (("p1", "let in, by 王工: 看错了"),), "released"),
             (written_off, let_in, "p2", (("p2", "written off, by 李工: 无用"),), "dropped")]  # fmt: skip
    for first, second, row_id, refused, state in cases:
        there.clear()
        go.clear()
        with ThreadPoolExecutor(3) as pool:
            winner = pool.submit(first, row_id)
            assert there.wait(20)
            loser, twin = pool.submit(second, row_id), pool.submit(first, row_id)
            assert not wait([loser, twin], 1).done
            go.set()
            assert (winner.result(20), loser.result(20), twin.result(20)) == (Done(1, 0), Done(0, 0, refused), Done(0, 1))
        assert states(warehouse)[row_id] == state
    assert warehouse.read("quarantine_actions").height == 2
    later = let_in("p2")
    assert (later.acted_n, later.overruled) == (1, (("p2", "written off, by 李工: 无用"),))
    assert states(warehouse)["p2"] == "released"  # though of one instant, as in a drill


def test_what_our_own_stages_make_is_judged_at_the_door(tmp_path: Path) -> None:
    gated = Gated(tmp_path / "wh", "daily", AS_OF, tmp_path / "docs")
    good = {
        "post_id": "p0", "model_version": "m", "relevant_p": 0.9, "negative_p": 0.8, "neutral_p": 0.1, "positive_p": 0.1,
        "category": "safety", "category_p": 0.7, "first_seen_at": AS_OF,
    }  # fmt: skip
    many = [{**good, "post_id": f"p{n}"} for n in range(200)]
    assert gated.add("scores", pl.DataFrame([*many, {**good, "post_id": "bad", "relevant_p": 1.5}])) == 200
    assert gated.read("quarantine").select("table_name", "row_id", "quarantine_reason", "column_name").rows() == [
        ("scores", "bad|m", "out_of_range", "relevant_p")
    ]
    said = gated.read("checks").filter(table_name="scores", check_name="quarantine_share").row(0, named=True)
    assert (said["check_verdict"], said["rows_n"]) == ("warn", 201)
    assert said["sentence"].startswith("研判结果:0.5% 的行被隔离")
    assert "研判结果" in (tmp_path / "docs" / "20260310T0830-checks.html").read_text(encoding="utf-8")
    before = gated.fingerprint("checks")
    assert gated.add("scores", pl.DataFrame(many).clear()) == 0  # run again: nothing is left to read
    assert gated.fingerprint("checks") == before
    assert release(gated, Wish(("bad|m",)), ACT).refused[0][1].startswith("a row of scores: run the stage")


def test_a_stage_that_makes_many_bad_rows_or_one_bad_warning_stops(tmp_path: Path) -> None:
    gated = Gated(tmp_path, "daily", AS_OF)
    mention: dict[str, Any] = {
        "post_id": "p0", "hospital_id": "h", "evidence": "别名", "confidence_p": 0.9, "status": "confirmed", "first_seen_at": AS_OF,
    }  # fmt: skip
    with pytest.raises(StageStop, match=r"医院识别:50\.0% 的行被隔离"):
        gated.add("mentions", pl.DataFrame([mention, {**mention, "post_id": "p1", "status": "perhaps"}]))
    warning: dict[str, Any] = {
        "warning_id": "w", "event_id": "e", "hospital_id": "h", "as_of": AS_OF, "level": 2, "severity": "中度", "rank": 1, "title": "排队",
        "category": "service", "reasons": ["x"], "owner_role": "宣传科", "due_at": AS_OF, "plan_version": "v", "is_drill": True,
    }  # fmt: skip
    many = [{**warning, "warning_id": f"w{n}", "rank": n + 1} for n in range(300)]
    with pytest.raises(StageStop, match="预警"):
        gated.replace("warnings", pl.DataFrame([*many, {**warning, "category": "weather"}]), AS_OF)
    assert not gated.exists("mentions")
    assert not gated.exists("warnings")
    assert set(gated.read("checks").filter(check_verdict="stop")["table_name"]) == {"mentions", "warnings"}


@pytest.fixture
def root(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GUANCHAO_ROOT", str(warehouse.root.parent))
    return warehouse.root.parent


def guanchao(*words: str) -> tuple[int, str]:
    try:
        done = CliRunner().invoke(app, ["quarantine", *words], catch_exceptions=False, env={"COLUMNS": "200"})
    except ConfigProblem as problem:  # main() makes it one line and exit code 2
        return 2, str(problem)
    return done.exit_code, done.output


def test_the_command_lists_shows_releases_and_drops(root: Path) -> None:
    code, said = guanchao("list")
    assert code == 0
    assert all(word in said for word in ("in_future", "时间在未来", "mojibake", "missing", "out_of_range", "feed"))
    code, said = guanchao("show", "p2")
    assert code == 0
    assert "锟斤拷" in said
    assert guanchao("release", "p1", "--override", "--why", "钟快了", "--by", "王工") == (0, "1 let in, 0 settled before, 0 not\n")
    assert guanchao("release", "p1", "--override", "--why", "钟快了") == (0, "0 let in, 1 settled before, 0 not\n")
    assert guanchao("drop", "--reason", "mojibake", "--why", "看过,无用")[0] == 0
    assert "released" in guanchao("show", "p1")[1]
    assert "王工" in guanchao("show", "p1")[1]
    code, said = guanchao("release", "--reason", "missing", "--why", "再试")
    assert code == 1
    assert "p3: missing (text), still" in said
    assert "p2" not in guanchao("list", "--rows")[1]
    assert "p2" in guanchao("list", "--rows", "--state", "dropped")[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "nobody"), "list --rows shows them"), (("list", "--state", "lost"), "one of open, released, dropped"),
        (("drop", "--why", "x"), "say which"), (("release", "--why", " "), "a reason is kept"),
        (("release", "--why", "x", "--override"), "name them"), (("release", "--reason", "odd", "--why", "x"), "one of: missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_clear_line(root: Path, words: tuple[str, ...], says: str) -> None:
    code, said = guanchao(*words)
    assert (code, says in said, "\n" in said.strip()) == (2, True, False)


def test_a_hostile_row_cannot_steer_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\x1b]0;owned\x07\x1b[31m锟斤拷 [bold]x[/bold] \u202eevil\u2066\ufffd"
    land(Warehouse(tmp_path / "warehouse"), items({}, {"text": text}), fetches({}), AS_OF, {"feed": (1, 10)})
    monkeypatch.setenv("GUANCHAO_ROOT", str(tmp_path))
    code, said = guanchao("show", "p1")
    assert code == 0
    assert not set("\x1b\x07\u202e\u2066") & set(said)
    assert "\\u001b[31m锟斤拷 [bold]x[/bold] \\u202eevil\\u2066\\ufffd" in said
    assert visible(None) == "-"


def test_the_clock_that_judges_a_row_again_is_its_own(tmp_path: Path) -> None:
    """A post dated two hours ahead is not sound because two hours went by."""
    warehouse = Warehouse(tmp_path)
    land(warehouse, items({}, FUTURE), fetches({}), AS_OF, {"feed": (1, 10)})
    assert release(warehouse, Wish(("p1",)), Act("王工", datetime(2027, 1, 1, tzinfo=UTC), "x")).acted_n == 0


def test_validate_finds_what_lies_in_a_table_against_its_contract_and_leaves_out_what_a_person_let_in(
    warehouse: Warehouse, root: Path
) -> None:
    def validated() -> tuple[int, str]:
        done = CliRunner().invoke(app, ["validate", "posts", "scores", "--as-of", "2026-03-10T08:30+08:00"], catch_exceptions=False)
        return done.exit_code, done.output

    assert validated()[0] == 0
    release(warehouse, Wish(("p2",)), Act("王工", AS_OF, "引文"), override=True)
    assert validated()[0] == 0
    score: dict[str, Any] = {
        "post_id": "p0", "model_version": "m", "relevant_p": 1.9, "negative_p": 0.8, "neutral_p": 0.1, "positive_p": 0.1,
        "category": "safety", "category_p": 0.7, "first_seen_at": AS_OF,
    }  # fmt: skip
    warehouse.add("scores", pl.DataFrame([score]))  # past the door: written before the rule was
    code, said = validated()
    assert code == 1
    assert "relevant_p" in said
    checks = warehouse.read("checks").filter(pl.col("check_name").str.starts_with("stored:"))
    assert dict(checks.select("table_name", "check_verdict").iter_rows()) == {"posts": "pass", "scores": "stop"}
    assert warehouse.read("checks").filter(table_name="posts", check_name="quarantine_share").height == 1  # the run's own verdicts stay


def test_a_day_of_any_size_is_made_of_the_scenario_without_a_post_twice() -> None:
    from flows.bench_day import varied

    made = varied(items({}, {"text": "岚湖一院急诊等了五个小时,孩子还在发烧"}), ("岚湖一院",), 7)
    assert (made.height, made["post_id"].n_unique()) == (7, 7)
    assert made["text"].str.contains("岚湖").all()


def test_a_days_growth_is_from_size_to_size_with_and_without_scoring(tmp_path: Path) -> None:
    from flows.bench_day import chart, figures_of

    def day(posts: int, cpu_s: float, **stages: float) -> dict[str, Any]:
        return {"posts": posts, "cpu_s": cpu_s, "stages_cpu_s": stages, "stages": stages, "peak_mib": posts, "disk_mib": posts}

    figures = figures_of([day(10, 9.0, land=1.0, score=5.0), day(100, 80.0, land=20.0, score=50.0)])
    told = {name: (figure["value"], figure["met"]) for name, figure in figures.items() if name.startswith("growth")}
    assert told == {"growth, 10 to 100 posts": (0.89, True), "growth without scoring, 10 to 100 posts": (2.0, False)}
    chart(figures, tmp_path / "day.png")
    assert (tmp_path / "day.png").stat().st_size > 1000


def test_the_nightly_audit_fails_with_a_sentence_and_the_next_list_says_it(
    warehouse: Warehouse, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from briefing.strip import remarks
    from expectations.record import listed
    from flows import upkeep

    monkeypatch.setattr(upkeep, "record_drift", lambda settings, as_of: (None, 3))
    monkeypatch.setattr(upkeep, "resolve", lambda road: 0)

    def said(at: datetime) -> list[str]:
        shown: list[str] = remarks(listed(warehouse, at), {}, at)["shown"]
        return [line for line in shown if line.startswith("已入库的")]

    night, morning, after = (AS_OF + timedelta(hours=hours) for hours in (1, 24, 48))
    assert upkeep.upkeep.fn(str(PROJECT / "conf" / "drill"), night.isoformat()) == 3
    score: dict[str, Any] = {
        "post_id": "p0", "model_version": "m", "relevant_p": 1.9, "negative_p": 0.8, "neutral_p": 0.1, "positive_p": 0.1,
        "category": "safety", "category_p": 0.7, "first_seen_at": AS_OF,
    }  # fmt: skip
    warehouse.add("scores", pl.DataFrame([score]))
    failed: Any = upkeep.upkeep.fn(str(PROJECT / "conf" / "drill"), night.isoformat())
    assert failed.is_failed()
    assert "relevant_p" in failed.message
    assert said(night) == []  # the list of that very instant was out
    assert len(said(morning)) == 1
    assert "1 / 1" in said(morning)[0]
    warehouse.rewrite("scores", pl.col("relevant_p") > 1, lambda rows: rows.with_columns(relevant_p=pl.lit(0.9)))
    assert upkeep.upkeep.fn(str(PROJECT / "conf" / "drill"), morning.isoformat()) == 3
    assert said(after) == []
    assert len(said(morning)) == 1  # read again, it says what it said
