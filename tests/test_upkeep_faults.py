"""Upkeep of tables that cannot be tidied, and `keep_days` that nobody can have meant: told, and no other table's loss."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from flows import cli
from flows.upkeep import upkeep
from warehouse.settings import PROJECT, ConfigProblem, load_settings
from warehouse.store import Warehouse

DRILL = PROJECT / "conf" / "drill"  # its instant: 10 March 2026
AS_OF = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
OVERDUE = AS_OF - timedelta(days=200)
UNSHARED = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"']


def fetches(name: str, at: datetime) -> pl.DataFrame:
    fixed = {"source": "constructed", "url": "https://example.invalid/", "reason": "ok", "bytes_n": 1, "items_n": 1}
    return pl.DataFrame([{**fixed, "fetch_id": name, "fetched_at": at}])


def post(name: str, at: datetime) -> pl.DataFrame:
    fixed = {"source": "constructed", "platform": "weibo", "kind": "post", "published_precision": "unknown", "text": "x", "fetch_id": "f"}
    return pl.DataFrame([{**fixed, "post_id": name, "first_seen_at": at}])


def seen(name: str, at: datetime) -> pl.DataFrame:
    return pl.DataFrame([{"post_id": name, "observed_at": at, "fetch_id": "f"}])


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """Three tables, each with an overdue day and one in two files."""
    monkeypatch.setenv("GUANCHAO_ROOT", str(tmp_path))
    warehouse = Warehouse(tmp_path / "warehouse")
    for n, at in enumerate((OVERDUE, AS_OF - timedelta(days=1), AS_OF - timedelta(days=1))):
        warehouse.add("fetches", fetches(f"f{n}", at))
        warehouse.add("posts", post(f"p{n}", at))
        warehouse.add("observations", seen(f"p{n}", at))
    return warehouse


def tear(warehouse: Warehouse, table: str) -> Path:
    """The last entry of the table's log, emptied as by a power cut."""
    entry = max((Path(warehouse.storage.table(table)) / "_delta_log").glob("*.json"))
    entry.write_bytes(b"")
    return entry


def orphan(warehouse: Warehouse, table: str) -> Path:
    """A file that a killed writer left a day ago."""
    file = next(Path(warehouse.storage.table(table)).glob("day_on=*")) / "part-orphan.zstd.parquet"
    file.write_bytes(b"torn")
    os.utime(file, (time.time() - 90_000,) * 2)
    return file


def tables(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli.app, ["tables", *words], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_one_torn_table_costs_no_other_its_vacuum_and_the_end_is_not_0(warehouse: Warehouse) -> None:
    entry, left = tear(warehouse, "fetches"), [orphan(warehouse, table) for table in ("fetches", "posts", "observations")]
    code, said, failed = tables("vacuum")
    assert code == 1
    assert said.splitlines() == ["posts: 1 files removed", "observations: 1 files removed"]
    assert len(failed.splitlines()) == 1
    assert f"{entry} is empty" in failed
    assert [file.exists() for file in left] == [True, False, False]


@pytest.mark.parametrize(("verb", "done"), [("retain", "1 rows or files dropped"), ("compact", "1 days compacted")])
def test_the_other_verbs_end_like_it_and_a_dry_run_too(warehouse: Warehouse, verb: str, done: str) -> None:
    tear(warehouse, "posts")
    code, said, failed = tables(verb, "--dry-run")
    assert (code, "fetches: " in said, "is empty" in failed) == (1, True, True)
    code, said, failed = tables(verb)
    assert code == 1
    assert [line.partition(";")[0] for line in said.splitlines()] == [f"fetches: {done}", f"observations: {done}"]
    assert failed.startswith("posts: 0 ")
    assert failed.count("\n") == 1


def test_a_busy_writer_is_no_failure(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    from deltalake import DeltaTable
    from deltalake.exceptions import CommitFailedError

    def lost(*given: object) -> None:
        raise CommitFailedError("another was first")

    monkeypatch.setattr(DeltaTable, "delete", lost)  # a race that cannot be lost at will
    code, said, failed = tables("retain")
    assert (code, said.count("a writer was at it"), failed) == (0, 3, "")


@pytest.mark.slow
def test_a_table_on_a_read_only_mount_is_told_and_its_overdue_rows_stay(warehouse: Warehouse) -> None:
    folder = warehouse.storage.table("posts")
    if subprocess.run([*UNSHARED, folder, "true"], capture_output=True, check=False).returncode:
        pytest.skip("may not mount here")
    command = [*UNSHARED, folder, sys.executable, "-m", "flows.cli", "tables"]
    for verb in ("retain", "compact", "vacuum"):
        left = [orphan(warehouse, table) for table in ("fetches", "posts", "observations")] if verb == "vacuum" else []
        ended = subprocess.run([*command, verb], cwd=PROJECT, capture_output=True, text=True, check=False)
        assert (verb, ended.returncode) == (verb, 1)
        told = [line for line in ended.stderr.splitlines() if line.startswith("posts: 0 ")]  # delta-rs may say something, too
        assert len(told) == 1
        assert "Read-only file system" in told[0]
        assert [line[: line.index(" 1 ")] for line in ended.stdout.splitlines()] == ["fetches:", "observations:"]
        assert [file.exists() for file in left] in ([], [False, True, False])
    assert warehouse.read("posts").height == 3
    assert warehouse.read("fetches").height == 2


def test_the_archive_stays_while_nobody_can_say_what_points_at_it(warehouse: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "archive" / "old.warc.gz"
    file.parent.mkdir()
    file.write_bytes(b"x")
    os.utime(file, (OVERDUE.timestamp(),) * 2)
    entry = tear(warehouse, "fetches")
    code, said, failed = tables("retain")
    assert (code, file.exists()) == (1, True)
    assert [line.partition(":")[0] for line in failed.splitlines()] == ["fetches", "archive"]
    assert "posts: 1 rows" in said
    entry.unlink()
    assert tables("retain")[0] == 0
    assert not file.exists()


@pytest.mark.slow
def test_the_flow_goes_on_to_its_end_and_fails_with_the_sentences(warehouse: Warehouse, tmp_path: Path) -> None:
    assert upkeep.fn(str(DRILL)) == 0
    entry, left = tear(warehouse, "posts"), orphan(warehouse, "observations")
    warehouse.add("fetches", fetches("old", OVERDUE))
    (tmp_path / "mlflow.db").unlink(missing_ok=True)
    warehouse.rewrite("checks", pl.lit(True), lambda rows: rows.clear())
    failed: Any = upkeep.fn(str(DRILL))
    assert failed.is_failed()
    assert f"{entry} is empty" in failed.message
    assert failed.message.count("as after a power cut") == 1  # said once, though every step met it
    assert warehouse.read("fetches")["fetch_id"].to_list() == ["f1", "f2"]
    assert not left.exists()
    held = set(warehouse.read("checks")["table_name"])
    assert {"fetches", "observations"} <= held
    assert "posts" not in held


ALLOWED = "whole days from 1 to 36500, or null for good"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("{posts: -5}", f"keep_days: posts: -5: {ALLOWED}"), ("{posts: 0}", f"keep_days: posts: 0: {ALLOWED}"),
        ("{posts: 1000000}", f"keep_days: posts: 1000000: {ALLOWED}"), ("{posts: yes}", f"keep_days: posts: True: {ALLOWED}"),
        ("{posts: 36.5}", f"keep_days: posts: 36.5: {ALLOWED}"), ("{posts: '365'}", f"keep_days: posts: '365': {ALLOWED}"),
        ("{psots: 365}", "keep_days: psots: no such table; known: fetches, posts, "), ("365", "keep_days: 365: write table: days"),
        ("{erasures: 365}", "keep_days: erasures: 365: null alone"),
        ("{posts: 36}", "keep_days: posts: 36: whole days from 37 (event_window_days 30 and 7 of the longest forecast) to 36500"),
        ("{posts: 365}\nevent_window_days: 174", "keep_days: fetches: 180: whole days from 181 (event_window_days 174 "),
        ("{}\nevent_window_days: 0", "event_window_days: 0: Input should be greater than or equal to 1"),
    ],
)  # fmt: skip
def test_days_that_nobody_can_have_meant_are_refused_in_a_line(tmp_path: Path, said: str, answer: str) -> None:
    (tmp_path / "settings.yml").write_text(f"keep_days: {said}\n")
    with pytest.raises(ConfigProblem) as problem:
        load_settings(tmp_path)
    assert str(problem.value).startswith(f"{tmp_path}/settings.yml: {answer}")
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("said", ["{posts: 37}", "{posts: 36500, labels: null}", "{posts: null}", "{posts: 10}\nevent_window_days: 3"])
def test_days_that_can_be_meant_are_taken(tmp_path: Path, said: str) -> None:
    (tmp_path / "settings.yml").write_text(f"keep_days: {said}\n")
    assert load_settings(tmp_path).keep_days


@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [
        ("KEEP_DAYS", "posts: 365", "'posts: 365': write table: days, in the environment as JSON"),
        ("KEEP_DAYS", "", "'': write table: days"),
        ("KEEP_DAYS", '{"posts": -5}', f"posts: -5: {ALLOWED}"), ("LIST_DAYS", "two", "'two': Input should be a valid integer"),
        ("CRAWL_SHARD", "3", "'3': String should match"), ("DRILL", "perhaps", "'perhaps': Input should be a valid boolean"),
    ],
)  # fmt: skip
def test_a_value_of_the_environment_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str, answer: str) -> None:
    monkeypatch.setenv(f"GUANCHAO_{name}", value)
    with pytest.raises(ConfigProblem) as problem:
        load_settings(DRILL)
    assert str(problem.value).startswith(f"environment: GUANCHAO_{name}: {answer}")
    assert "\n" not in str(problem.value)


def test_days_of_the_environment_are_held_against_the_window_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANCHAO_KEEP_DAYS", '{"posts": 20}')
    (tmp_path / "settings.yml").write_text("event_window_days: 10\n")
    assert load_settings(tmp_path).keep_days == {"posts": 20}
    (tmp_path / "settings.yml").write_text("event_window_days: 14\n")
    with pytest.raises(ConfigProblem, match="environment: keep_days: posts: 20: whole days from 21 "):
        load_settings(tmp_path)


def test_no_value_of_a_secret_is_shown(tmp_path: Path) -> None:
    for line in ("author_secret: 8313", "autor_secret: 8313"):
        (tmp_path / "settings.yml").write_text(line)
        with pytest.raises(ConfigProblem) as problem:
            load_settings(tmp_path)
        assert "8313" not in str(problem.value)
