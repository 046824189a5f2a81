"""The one door to the tables: written once, read as of, whole or not at all. Constructed rows only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import schema
from warehouse.store import TableProblem, Warehouse

AS_OF = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)  # 08:30 in Shanghai
WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import polars as pl
from warehouse.store import Warehouse
root, name, batches, size = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
warehouse = Warehouse(root)
print("ready", flush=True)
for batch in range(batches):
    ids = [f"{name}-{batch}-{n}" for n in range(size)]
    rows = pl.DataFrame({"fetch_id": ids}).with_columns(
        source=pl.lit("constructed"), url=pl.col("fetch_id") + "/" + pl.lit("x" * 200),
        fetched_at=pl.lit(datetime(2026, 3, 10, tzinfo=UTC)), reason=pl.lit("ok"), bytes_n=1, items_n=1,
    )
    warehouse.add("fetches", rows)
    print(batch, flush=True)
"""


def fetches(ids: list[str], at: datetime = AS_OF) -> pl.DataFrame:
    fixed = {"source": "constructed", "url": "https://example.invalid/", "reason": "ok", "bytes_n": 1, "items_n": 1}
    frame = pl.DataFrame({"fetch_id": ids}, schema={"fetch_id": pl.String})
    return frame.with_columns(fetched_at=pl.lit(at), **{name: pl.lit(value) for name, value in fixed.items()})


def coverage(sources: list[str], as_of: datetime = AS_OF, got: int = 1) -> pl.DataFrame:
    counts = dict.fromkeys(("expected_n_low", "fetches_n", "landed_n", "quarantined_n"), pl.lit(0))
    frame = pl.DataFrame({"source": sources}, schema={"source": pl.String})
    return frame.with_columns(as_of=pl.lit(as_of), coverage_status=pl.lit("ok"), reason=pl.lit("ok"), got_n=pl.lit(got), **counts)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def writer(root: Path, name: str, batches: int, size: int) -> subprocess.Popen[str]:
    here = Path(__file__).resolve().parent.parent
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), name, str(batches), str(size)],
        stdout=subprocess.PIPE, text=True, cwd=here, env={**os.environ, "PYTHONPATH": str(here)},
    )  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9).map(str), max_size=6), min_size=1, max_size=4))
def test_however_often_rows_come_each_key_is_there_once_and_a_second_round_writes_no_byte(batches: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder))
        added = [warehouse.add("fetches", fetches(batch)) for batch in batches]
        expected = sorted({name for batch in batches for name in batch})
        assert warehouse.read("fetches")["fetch_id"].to_list() == expected
        assert sum(added) == len(expected)
        before = files(Path(folder))
        assert [warehouse.add("fetches", fetches(batch)) for batch in batches] == [0] * len(batches)
        assert files(Path(folder)) == before


def test_a_key_keeps_the_row_that_came_first(tmp_path: Path) -> None:
    Warehouse(tmp_path, "first").add("fetches", fetches(["a"]))
    Warehouse(tmp_path, "second").add("fetches", fetches(["a", "b"], AS_OF + timedelta(days=1)))
    rows = Warehouse(tmp_path).read("fetches")
    assert rows.select("fetch_id", "run_id", "fetched_at", "day_on").rows() == [
        ("a", "first", AS_OF, "2026-03-10"),
        ("b", "second", AS_OF + timedelta(days=1), "2026-03-11"),
    ]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(-72, 72), min_size=1, max_size=8, unique=True), st.integers(-80, 80))
def test_reading_as_of_shows_exactly_the_rows_whose_clock_had_struck(hours: list[int], later: int) -> None:
    looked = AS_OF + timedelta(hours=later)
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder))
        for hour in hours:
            warehouse.add("fetches", fetches([str(hour)], AS_OF + timedelta(hours=hour)))
        assert set(warehouse.read("fetches", as_of=looked)["fetch_id"]) == {str(h) for h in hours if h <= later}
        assert set(warehouse.read("fetches", since=looked)["fetch_id"]) == {str(h) for h in hours if h >= later}


def test_the_instant_itself_is_seen_and_the_next_microsecond_is_not(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.add("fetches", fetches(["at"], AS_OF))
    warehouse.add("fetches", fetches(["after"], AS_OF + timedelta(microseconds=1)))
    assert warehouse.read("fetches", as_of=AS_OF)["fetch_id"].to_list() == ["at"]


def test_a_day_is_a_shanghai_day(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.add("fetches", fetches(["late"], datetime(2026, 3, 9, 15, 59, tzinfo=UTC)))
    warehouse.add("fetches", fetches(["past-midnight"], datetime(2026, 3, 9, 16, 0, tzinfo=UTC)))
    assert warehouse.read("fetches").select("fetch_id", "day_on").rows() == [("late", "2026-03-09"), ("past-midnight", "2026-03-10")]


def test_replace_rewrites_one_as_of_only_and_again_writes_no_byte(tmp_path: Path) -> None:
    warehouse, later = Warehouse(tmp_path), AS_OF + timedelta(hours=1)
    assert warehouse.replace("coverage", coverage(["a", "b"]), AS_OF) == 2
    assert warehouse.replace("coverage", coverage(["a"], later), later) == 1
    assert warehouse.replace("coverage", coverage(["a"], got=7), AS_OF) == 1
    assert warehouse.read("coverage").select("source", "as_of", "got_n").rows() == [("a", AS_OF, 7), ("a", later, 1)]
    before = files(tmp_path)
    assert warehouse.replace("coverage", coverage(["a"], got=7), AS_OF) == 0
    assert files(tmp_path) == before
    warehouse.replace("coverage", coverage([]), AS_OF)
    assert warehouse.read("coverage")["as_of"].to_list() == [later]


@pytest.mark.parametrize(
    ("table", "frame", "says"),
    [
        ("coverage", coverage(["a"], AS_OF - timedelta(days=1)), "another as_of"),
        ("coverage", coverage(["a", "a"]), "two rows of one key"),
        ("fetches", fetches(["a"]), "only `add`"),
    ],
)
def test_replace_refuses_what_it_could_not_replace_again(tmp_path: Path, table: str, frame: pl.DataFrame, says: str) -> None:
    with pytest.raises(TableProblem, match=says):
        Warehouse(tmp_path).replace(table, frame, AS_OF)
    assert not (tmp_path / table).exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"fetched_at": None}, "missing columns"),
        ({"surprise": pl.lit(1)}, "unknown columns"),
        ({"fetched_at": pl.lit("2026-03-10")}, "datetime"),
        ({"fetched_at": pl.lit(datetime(2026, 3, 10, 8, 30))}, "time zone"),  # noqa: DTZ001 a naive time is what it refuses
        ({"bytes_n": pl.lit("1.2万")}, "1.2万"),
        ({"bytes_n": pl.lit(3.7)}, "whole"),
        ({"url": pl.lit(None, pl.String)}, "empty values"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_in_one_line(tmp_path: Path, change: dict[str, pl.Expr], says: str) -> None:
    frame = fetches(["a"])
    for name, value in change.items():
        frame = frame.drop(name) if value is None else frame.with_columns(value.alias(name))
    with pytest.raises(TableProblem, match=says) as refusal:
        Warehouse(tmp_path).add("fetches", frame)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "fetches").exists()


def test_no_rows_make_no_table_and_whole_floats_are_counts(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    assert warehouse.add("fetches", fetches([])) == 0
    assert warehouse.read("fetches").is_empty()
    assert not warehouse.exists("fetches")
    assert warehouse.add("fetches", fetches(["a"]).with_columns(bytes_n=pl.lit(3.0))) == 1


def test_a_column_added_later_reads_as_null_in_older_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Warehouse(tmp_path).add("fetches", fetches(["old"]))
    Warehouse(tmp_path).replace("coverage", coverage(["old"]), AS_OF)
    for name in ("fetches", "coverage"):
        table = schema.TABLES[name]
        columns = (*table.columns[:-2], "region", *table.columns[-2:])
        monkeypatch.setitem(schema.TABLES, name, replace(table, columns=columns, optional=(*table.optional, "region")))
    warehouse = Warehouse(tmp_path)
    assert warehouse.read("fetches")["region"].to_list() == [None]
    warehouse.add("fetches", fetches(["young"]).with_columns(region=pl.lit("青澜省")))
    assert warehouse.read("fetches").select("fetch_id", "region").rows() == [("old", None), ("young", "青澜省")]
    warehouse.replace("coverage", coverage(["old"]).with_columns(region=pl.lit("青澜省")), AS_OF)
    assert warehouse.read("coverage")["region"].to_list() == ["青澜省"]


def test_a_writer_killed_before_its_first_commit_leaves_a_table_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "fetches" / "_delta_log").mkdir(parents=True)
    warehouse = Warehouse(tmp_path)
    assert warehouse.read("fetches").is_empty()
    assert warehouse.add("fetches", fetches(["a"])) == 1


def test_a_killed_writer_leaves_whole_batches_and_frees_the_table(tmp_path: Path) -> None:
    size, acknowledged = 20_000, 0
    for n in range(4):
        child = writer(tmp_path, f"child{n}", batches=1000, size=size)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.03 + 0.11 * n)  # another moment of the append each time
        child.send_signal(signal.SIGKILL)
        acknowledged += sum(line.strip().isdigit() for line in child.stdout)
        assert child.wait() == -signal.SIGKILL
    warehouse = Warehouse(tmp_path)
    rows = warehouse.read("fetches").height
    assert rows % size == 0
    assert rows >= acknowledged * size
    assert warehouse.add("fetches", fetches(["after the killings"])) == 1
    assert warehouse.read("fetches").height == rows + 1


def test_two_processes_adding_at_once_lose_nothing(tmp_path: Path) -> None:
    children = [writer(tmp_path, name, batches=6, size=500) for name in ("left", "right")]
    assert [child.wait() for child in children] == [0, 0]
    ids = Warehouse(tmp_path).read("fetches")["fetch_id"]
    assert len(ids) == ids.n_unique() == 2 * 6 * 500


def test_two_processes_adding_the_same_rows_write_them_once(tmp_path: Path) -> None:
    children = [writer(tmp_path, "same", batches=4, size=500) for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    ids = Warehouse(tmp_path).read("fetches")["fetch_id"]
    assert len(ids) == ids.n_unique() == 4 * 500


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(mount)], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"a 1 MB tmpfs cannot be mounted here: {made.stderr.strip()}")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_is_one_clear_line_and_the_table_stays_as_it_was(small_disk: Path) -> None:
    warehouse = Warehouse(small_disk / "warehouse")
    warehouse.add("fetches", fetches(["kept"]))
    before = warehouse.fingerprint("fetches")
    (small_disk / "ballast").write_bytes(b"x" * 900_000)
    noise = fetches([os.urandom(400).hex() for _ in range(1000)])
    with pytest.raises(TableProblem, match=r"fetches: nothing was written .*No space left") as refusal:
        warehouse.add("fetches", noise)
    assert "\n" not in str(refusal.value)
    assert warehouse.fingerprint("fetches") == before
    (small_disk / "ballast").unlink()
    assert warehouse.add("fetches", fetches(["kept", "new"])) == 1
