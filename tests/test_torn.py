"""Files cut short: every reader says which, no command ends in a traceback, an empty log entry is no empty table. Constructed rows."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from typer.testing import CliRunner

from flows import cli, daily, listing
from flows.backscore import collected
from flows.road import Road
from flows.steps import timed
from warehouse.settings import PROJECT, ConfigProblem, load_settings
from warehouse.store import TableProblem, Warehouse
from warehouse.tables_upkeep import compact, retain, vacuum
from warehouse.torn import PANIC

START = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
LATER = START + timedelta(days=1)


def fetches(ids: list[str], at: datetime = START) -> pl.DataFrame:
    fixed = {"source": "constructed", "url": "https://example.invalid/", "reason": "ok", "bytes_n": 1, "items_n": 1}
    return pl.DataFrame({"fetch_id": ids}).with_columns(fetched_at=pl.lit(at), **{name: pl.lit(said) for name, said in fixed.items()})


def post(name: str) -> pl.DataFrame:
    fixed = {"source": "constructed", "platform": "weibo", "kind": "post", "published_precision": "unknown", "first_seen_at": START}
    return pl.DataFrame([{**fixed, "post_id": name, "text": "x", "fetch_id": "f"}])


def cut(warehouse: Warehouse, table: str, to: int | None) -> Path:
    """The table's first file cut `to` bytes; None: gone."""
    file = min((Path(warehouse.storage.table(table))).rglob("*.parquet"))
    if to is None:
        file.unlink()
    else:
        os.truncate(file, to)
    return file


def log(warehouse: Warehouse, table: str) -> list[Path]:
    return sorted((Path(warehouse.storage.table(table)) / "_delta_log").glob("*.json"))


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    warehouse = Warehouse(tmp_path / "warehouse")
    warehouse.add("fetches", fetches(["a"]))
    warehouse.add("fetches", fetches(["b"]))
    warehouse.add("posts", post("p1"))
    return warehouse


@pytest.fixture
def road(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Road:
    monkeypatch.setenv("GUANCHAO_ROOT", str(tmp_path))
    return Road(load_settings(PROJECT / "conf" / "drill"), START)


def guanchao(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["guanchao", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


@pytest.mark.parametrize("to", [0, 100, 3000])
def test_a_torn_file_is_named_to_readers_and_writers_and_nothing_is_written(warehouse: Warehouse, to: int) -> None:
    file, before = cut(warehouse, "fetches", to), log(warehouse, "fetches")
    for use in (lambda: warehouse.read("fetches"), lambda: warehouse.add("fetches", fetches(["c"]))):
        with pytest.raises(
            TableProblem, match=rf"fetches: cannot be read: .*{file.name} has {to} of its \d+ bytes; .*docs/operations"
        ) as stop:
            use()
        assert "\n" not in str(stop.value)
    assert log(warehouse, "fetches") == before


def test_a_file_whose_length_is_right_and_whose_bytes_are_not_is_named(warehouse: Warehouse) -> None:
    file = cut(warehouse, "fetches", 3000)
    file.write_bytes(b"x" * next(one.bytes_n for one in _active(warehouse) if one.uri == str(file)))
    with pytest.raises(TableProblem, match=rf"{file.name} is not readable"):
        warehouse.read("fetches")
    file.unlink()
    assert f"{file.name} is missing" in warehouse.torn()


def _active(warehouse: Warehouse) -> list:  # type: ignore[type-arg]
    from warehouse.files import active

    pinned = warehouse.opened("fetches")
    return active(pinned) if pinned else []


def test_a_stage_that_collects_by_itself_stops_with_the_table_and_the_file(road: Road, tmp_path: Path) -> None:
    file = cut(road.warehouse, "posts", 100)

    def lazy(road: Road) -> int:
        return road.warehouse.scan("posts").collect().height

    stopped = timed(lazy)(road).stopped
    assert stopped.startswith("posts: cannot be read: ")
    assert file.name in stopped
    assert not (tmp_path / "errors").exists()
    with pytest.raises(TableProblem):
        collected(road.warehouse.scan("posts"))


def test_a_panic_that_no_file_explains_is_a_bug_whose_traceback_is_kept(road: Road, tmp_path: Path) -> None:
    def panics(road: Road) -> int:
        raise PANIC("out of cheese")

    assert "程序出错 PanicException: out of cheese" in timed(panics)(road).stopped
    assert "Traceback" in next((tmp_path / "errors").iterdir()).read_text(encoding="utf-8")


def test_the_days_page_says_why_there_is_no_list(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    cut(road.warehouse, "posts", 100)
    at_once = Mock(side_effect=lambda stage: lambda road, return_state: Mock(result=lambda raise_on_failure: timed(stage)(road)))
    monkeypatch.setattr(daily, "as_task", at_once)  # without Prefect, whose server takes 20 s to start

    def group(road: Road) -> int:
        return road.warehouse.scan("posts").collect().height

    daily.walk(road, (group, listing.record))
    page = road.published / "2026-03-10"
    assert '"state": "no_list"' in (page / "list.json").read_text(encoding="utf-8")
    said = (page / "index.html").read_text(encoding="utf-8")
    assert said.index("系统在“归并事件”这一步停下了") < said.index("posts: cannot be read")


@pytest.mark.parametrize("words", [("trace", "p1"), ("validate",), ("tables", "erase", "--url", "https://x.invalid/", "--dry-run")])
def test_no_command_shows_a_traceback(
    road: Road, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cut(road.warehouse, "posts", 100)
    assert guanchao(monkeypatch, *words) == 2
    said = capfd.readouterr().err
    assert "guanchao: posts: cannot be read" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(("problem", "code"), [(PANIC("odd"), 1), (pl.exceptions.ComputeError("a column of the user's own file"), None)])
def test_a_panic_is_a_line_and_a_polars_error_of_ours_stays_a_bug(
    road: Road, problem: BaseException, code: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise problem

    monkeypatch.setattr(cli, "app", broken)
    if code is None:
        with pytest.raises(pl.exceptions.ComputeError):
            cli.main()
        return
    assert guanchao(monkeypatch, "trace", "x", "--conf", str(PROJECT / "conf" / "drill")) == code
    assert "guanchao: 程序出错 PanicException: odd; details: " in capsys.readouterr().err


def test_an_empty_log_entry_is_refused_until_it_is_removed(warehouse: Warehouse) -> None:
    newest = log(warehouse, "fetches")[-1]
    newest.write_bytes(b"")
    for use in (lambda: warehouse.read("fetches"), lambda: warehouse.days("fetches"), lambda: warehouse.add("fetches", fetches(["c"]))):
        with pytest.raises(TableProblem, match=rf"fetches: .*{newest.name} is empty, as after a power cut: .*remove that file"):
            use()
    newest.unlink()
    assert warehouse.read("fetches")["fetch_id"].to_list() == ["a"]
    assert warehouse.add("fetches", fetches(["b"])) == 1


def test_half_a_log_entry_is_one_line(warehouse: Warehouse) -> None:
    newest = log(warehouse, "fetches")[-1]
    os.truncate(newest, newest.stat().st_size // 2)
    with pytest.raises(TableProblem, match=r"fetches: the log of .* cannot be read") as stop:
        warehouse.read("fetches")
    assert "\n" not in str(stop.value)


def test_a_commit_is_on_the_disk_before_it_is_told_of(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[str] = set()
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    acts = (
        ("fetches", lambda: warehouse.add("fetches", fetches(["c"]))), ("fetches", lambda: compact(warehouse, LATER)),
        ("fetches", lambda: vacuum(warehouse, 0)), ("posts", lambda: retain(warehouse, START + timedelta(days=400), {"fetches": None})),
    )  # fmt: skip
    for table, act in acts:
        synced.clear()
        before = set(log(warehouse, table))
        act()
        new = set(log(warehouse, table)) - before
        assert new
        assert {str(entry) for entry in new} | {str(next(iter(new)).parent)} <= synced


def test_a_table_nobody_knows_and_an_instant_without_offset_are_refused(warehouse: Warehouse) -> None:
    for use in (warehouse.read, warehouse.days, warehouse.exists, warehouse.scan):
        with pytest.raises(TableProblem, match=r"nope: no such table; known: .*posts"):
            use("nope")
    for table in ("fetches", "verdicts"):  # one that holds rows, one that was never written
        with pytest.raises(TableProblem, match=r"as_of 2026-03-10T08:30:00 needs an offset, e.g. 2026-03-10T08:30:00\+08:00"):
            warehouse.read(table, as_of=datetime(2026, 3, 10, 8, 30))  # noqa: DTZ001


@pytest.mark.parametrize("words", [("list",), ("drop", "--why", "x"), ("release", "--why", "x")])
def test_quarantine_of_a_table_nobody_knows_is_refused(road: Road, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigProblem, match=r"--table nope: unknown; one of: .*posts"):
        CliRunner().invoke(cli.app, ["quarantine", *words, "--table", "nope"], catch_exceptions=False)


def test_a_row_id_can_be_copied_from_a_narrow_terminal(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    import flows.terminal

    row_id = "0123456789abcdef|" * 5
    aside = {"table_name": "observations", "row_id": row_id, "quarantine_reason": "out_of_range", "column_name": "likes_n",
             "source": "constructed", "row": "{}", "set_aside_at": START}  # fmt: skip
    road.warehouse.add("quarantine", pl.DataFrame([aside]))
    monkeypatch.setattr(flows.terminal.console, "_width", 80)
    said = CliRunner().invoke(cli.app, ["quarantine", "list", "--rows"], catch_exceptions=False).output
    assert row_id in said


@pytest.mark.parametrize("problem", [CommitFailedError("another was first"), DeltaError("no")])
def test_a_race_lost_in_retain_is_a_line(warehouse: Warehouse, problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*given: object) -> None:
        raise problem

    far = START + timedelta(days=400)
    with monkeypatch.context() as patched:
        patched.setattr(DeltaTable, "delete", lost)
        told = retain(warehouse, far, {})
    assert [(one.table, one.n, "next time" in one.note) for one in told] == [("fetches", 0, True), ("posts", 0, True)]
    assert [(one.table, one.n) for one in retain(warehouse, far, {})] == [("fetches", 2), ("posts", 1)]


def test_a_torn_file_costs_no_other_table_its_upkeep(warehouse: Warehouse) -> None:
    warehouse.add("posts", post("p2"))
    file = cut(warehouse, "fetches", 100)
    told = {one.table: (one.n, one.note) for one in compact(warehouse, LATER)}
    assert told["posts"] == (1, "")
    assert told["fetches"][0] == 0
    assert file.name in told["fetches"][1]
    log(warehouse, "fetches")[-1].write_bytes(b"")
    assert ["is empty" in one.note for one in compact(warehouse, LATER)] == [True]
