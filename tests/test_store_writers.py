"""Two writers without a common lock, on a folder and on S3; tables that other engines open. Constructed rows only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from tests.s3_server import s3_bucket
from warehouse import keys
from warehouse import store as store_module
from warehouse.settings import PROJECT, load_settings
from warehouse.storage import Storage
from warehouse.store import TableProblem, Warehouse
from warehouse.tables_upkeep import compact, retain, vacuum

AS_OF = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
WRITER = """
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
import polars as pl
from warehouse.storage import Storage
from warehouse.store import Warehouse
Storage.turn = lambda self, name: nullcontext()  # as if on two machines
root, name, verb, batches = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
warehouse, at = Warehouse(root, name), datetime(2026, 3, 10, tzinfo=UTC)
for batch in range(batches):
    ids = [f"{name}-{batch}-{n}" for n in range(20)] + [f"both-{batch}-{n}" for n in range(20)]
    rows = pl.DataFrame({"post_id": ids}).with_columns(first_seen_at=pl.lit(at), text=pl.lit("t"), **{
        column: pl.lit(value) for column, value in dict(
            source="constructed", platform="weibo", kind="post", published_precision="unknown", fetch_id="f").items()})
    if verb == "replace":
        rows = pl.DataFrame({"post_id": ids}).with_columns(event_id=pl.lit(name), as_of=pl.lit(at.replace(hour=batch, minute=len(name))))
        warehouse.replace("event_posts", rows, at.replace(hour=batch, minute=len(name)))
    else:
        getattr(warehouse, verb)("posts", rows)
"""


def fetches(ids: list[str], at: datetime = AS_OF) -> pl.DataFrame:
    fixed = {"source": "constructed", "url": "https://example.invalid/", "reason": "ok", "bytes_n": 1, "items_n": 1}
    frame = pl.DataFrame({"fetch_id": ids}, schema={"fetch_id": pl.String})
    return frame.with_columns(fetched_at=pl.lit(at), **{name: pl.lit(value) for name, value in fixed.items()})


def two_writers(root: str, verb: str, batches: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    children = [
        subprocess.Popen([sys.executable, "-c", WRITER, root, name, verb, str(batches)], env=environment, cwd=PROJECT)
        for name in ("left", "right's")
    ]
    assert [child.wait() for child in children] == [0, 0]


@pytest.mark.parametrize("verb", ["add", "upsert"])
def test_of_two_first_writers_the_second_sees_what_the_first_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    create = Warehouse._create

    def beaten(self: Warehouse, table: str) -> DeltaTable:
        monkeypatch.setattr(Warehouse, "_create", create)
        getattr(Warehouse(tmp_path, "first"), verb)("fetches", fetches(["both", "first"]))
        return create(self, table)

    monkeypatch.setattr(Warehouse, "_create", beaten)
    monkeypatch.setattr(Storage, "turn", lambda self, name: nullcontext())  # as if on two machines
    assert getattr(Warehouse(tmp_path, "second"), verb)("fetches", fetches(["both", "second"])) == 1
    assert sorted(Warehouse(tmp_path).read("fetches")["fetch_id"]) == ["both", "first", "second"]


@pytest.mark.parametrize("verb", ["add", "upsert"])
def test_two_writers_without_a_lock_lose_nothing_and_double_nothing(tmp_path: Path, verb: str) -> None:
    two_writers(str(tmp_path), verb, batches=8)
    ids = Warehouse(tmp_path).read("posts")["post_id"]
    assert len(ids) == ids.n_unique() == 8 * 20 * 3


def test_two_replacers_of_one_day_without_a_lock_lose_nothing(tmp_path: Path) -> None:
    two_writers(str(tmp_path), "replace", batches=8)
    assert Warehouse(tmp_path).read("event_posts").height == 2 * 8 * 40


def test_a_writer_that_read_an_older_version_is_repeated_on_the_newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Storage, "turn", lambda *_: nullcontext())
    slow, quick, known = Warehouse(tmp_path), Warehouse(tmp_path), Warehouse._known
    Warehouse(tmp_path).add("fetches", fetches(["old"]))
    between = iter(["a"])

    def meanwhile(self: Warehouse, *given: object) -> pl.DataFrame:
        found = known(self, *given)  # type: ignore[arg-type]
        if self is slow and (name := next(between, None)):
            quick.add("fetches", fetches([name]))
        return found

    monkeypatch.setattr(Warehouse, "_known", meanwhile)
    assert slow.add("fetches", fetches(["a", "b"])) == 1
    assert Warehouse(tmp_path).read("fetches")["fetch_id"].to_list() == ["a", "b", "old"]


def test_a_large_table_asks_its_index_and_an_index_that_is_lost_or_torn_hides_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "WORTH_IT", 100)
    monkeypatch.setattr(keys, "WORTH_A_SEGMENT", 50)
    warehouse, index = Warehouse(tmp_path), tmp_path / ".keys" / "fetches"
    for day in range(20):
        ids = [f"{day}-{n}" for n in range(40)]
        assert warehouse.add("fetches", fetches(ids, AS_OF + timedelta(days=day))) == 40
    assert 0 < len(list(index.glob("*.segment"))) <= keys.MOST_SEGMENTS + 1
    later = AS_OF + timedelta(days=30)
    again = fetches([f"{day}-{n}" for day in range(20) for n in range(40)] + ["new"], later)
    segments = sorted(index.glob("*.segment"))
    (segments[0] / "hash.npy").write_bytes(b"torn")
    assert warehouse.add("fetches", again) == 1
    for path in index.glob("*.segment/files.json"):
        path.unlink()
    assert warehouse.add("fetches", again) == 0
    pinned = warehouse.opened("fetches")
    assert pinned is not None
    pinned.optimize.compact()  # other files, the same keys
    assert warehouse.add("fetches", again) == 0
    found = warehouse.read("fetches")["fetch_id"]
    assert len(found) == found.n_unique() == 801


def test_other_engines_open_a_table_without_our_code(tmp_path: Path) -> None:
    import duckdb

    Warehouse(tmp_path).add("fetches", fetches(["a", "b"]))
    Warehouse(tmp_path).add("fetches", fetches(["c"], AS_OF + timedelta(days=1)))
    path = str(tmp_path / "fetches")
    assert pl.scan_delta(path).select(pl.len()).collect().item() == 3
    dataset = DeltaTable(path).to_pyarrow_dataset()  # noqa: F841 DuckDB reads it by its name
    assert duckdb.sql("select day_on, count(*) from dataset group by 1 order by 1").fetchall() == [("2026-03-10", 2), ("2026-03-11", 1)]
    files = DeltaTable(path).file_uris()
    found = duckdb.sql(f"select fetch_id from read_parquet({files}, hive_partitioning=true) where day_on = '2026-03-11'").fetchall()
    assert found == [("c",)]


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_bucket() as place:
        yield place


def test_s3_by_settings_alone_reads_and_writes_as_a_folder_does(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    settings = load_settings(PROJECT / "conf" / "drill", storage=f"{bucket}/one", root=tmp_path)
    warehouse = Warehouse(settings.warehouse)
    assert warehouse.storage.location == f"{bucket}/one"
    assert warehouse.read("fetches").is_empty()
    assert warehouse.add("fetches", fetches(["a", "b"])) == 2
    assert warehouse.add("fetches", fetches(["b", "c"], AS_OF + timedelta(days=1))) == 1
    assert warehouse.read("fetches", as_of=AS_OF)["fetch_id"].to_list() == ["a", "b"]
    assert warehouse.days("fetches") == ["2026-03-10", "2026-03-11"]
    assert warehouse.rewrite("fetches", pl.col("fetch_id") == "a", lambda rows: rows.clear()) == 1
    assert warehouse.read("fetches")["fetch_id"].to_list() == ["b", "c"]
    assert warehouse.add("fetches", fetches(["d"], AS_OF + timedelta(days=1))) == 1
    assert [done.n for done in compact(warehouse, AS_OF + timedelta(days=9))] == [1]
    assert retain(warehouse, AS_OF + timedelta(days=181), {})[0].n == 1
    assert vacuum(warehouse) == []
    with pytest.raises(TableProblem, match="at least 1"):
        vacuum(warehouse, 0)
    assert warehouse.read("fetches")["fetch_id"].to_list() == ["c", "d"]
    assert not list(tmp_path.rglob("*.parquet"))


def test_two_writers_on_s3_lose_nothing_and_double_nothing(bucket: str) -> None:
    two_writers(f"{bucket}/two", "add", batches=3)
    ids = Warehouse(f"{bucket}/two").read("posts")["post_id"]
    assert len(ids) == ids.n_unique() == 3 * 20 * 3


def test_ray_data_reads_the_active_files_without_our_code(tmp_path: Path) -> None:
    ray, data = pytest.importorskip("ray"), pytest.importorskip("ray.data")
    Warehouse(tmp_path).add("fetches", fetches(["a", "b"]))
    Warehouse(tmp_path).add("fetches", fetches(["c"], AS_OF + timedelta(days=1)))
    Warehouse(tmp_path).rewrite("fetches", pl.col("fetch_id") == "a", lambda rows: rows.clear())
    ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR", log_to_driver=False, configure_logging=False)
    try:
        rows = data.read_parquet(DeltaTable(str(tmp_path / "fetches")).file_uris()).take_all()
    finally:
        ray.shutdown()
    assert sorted(row["fetch_id"] for row in rows) == ["b", "c"]


def test_a_bundle_of_evidence_is_not_refused_for_a_bucket(bucket: str, tmp_path: Path) -> None:
    """Nothing on this machine lies inside a bucket; where the tables lie in a folder, a bundle must not."""
    from flows.evidence import check_place
    from warehouse.settings import ConfigProblem

    settings = load_settings(PROJECT / "conf" / "drill", storage=f"{bucket}/evidence", root=tmp_path)
    check_place(settings, tmp_path / "bundle")
    with pytest.raises(ConfigProblem, match="lies inside"):
        check_place(load_settings(PROJECT / "conf" / "drill", root=tmp_path), tmp_path / "warehouse" / "bundle")
    warehouse = Warehouse(settings.warehouse)
    warehouse.add("fetches", fetches(["a"]))
    from warehouse.evidence import gather
    from warehouse.trace import TraceProblem

    with pytest.raises(TraceProblem, match="nobody"):
        gather(warehouse, "nobody", AS_OF)
