"""A schema that changes under tables that are there: what is read on, and what is refused with a way out. Constructed rows only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import write_deltalake

from warehouse import schema
from warehouse.store import TableProblem, Warehouse

AS_OF = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)


def fetches(ids: list[str], **more: Any) -> pl.DataFrame:
    fixed = {"source": "constructed", "url": "https://example.invalid/", "reason": "ok", "bytes_n": 1, "items_n": 1, **more}
    frame = pl.DataFrame({"fetch_id": ids}, schema={"fetch_id": pl.String})
    return frame.with_columns(fetched_at=pl.lit(AS_OF), **{name: pl.lit(value) for name, value in fixed.items()})


@pytest.fixture
def change(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The table fetches declared otherwise: columns renamed (old=new), added, dropped; any field of Table."""

    def declare(names: dict[str, str | None] | None = None, added: tuple[str, ...] = (), **fields: Any) -> None:
        table, names = schema.TABLES["fetches"], names or {}

        def renamed(columns: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(new for old in columns if (new := names.get(old, old)) is not None)

        columns = (*renamed(table.columns[:-2]), *added, *table.columns[-2:])
        changed = replace(table, **{"columns": columns, "optional": renamed(table.optional), "key": renamed(table.key), **fields})
        monkeypatch.setitem(schema.TABLES, "fetches", changed)

    return declare


def test_a_column_renamed_through_an_alias_reads_on_and_takes_new_rows(
    tmp_path: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.add("fetches", fetches(["old"], detail="said"))
    monkeypatch.setitem(schema.COLUMNS, "remark", schema.Column("remark", pl.String(), "as detail", aliases=("detail",)))
    change({"detail": "remark"})
    assert warehouse.read("fetches")["remark"].to_list() == ["said"]
    assert warehouse.add("fetches", fetches(["old", "young"], remark="new")) == 1
    assert warehouse.read("fetches").select("fetch_id", "remark").rows() == [("old", "said"), ("young", "new")]
    warehouse.rewrite("fetches", pl.col("fetch_id") == "old", lambda rows: rows.with_columns(remark=pl.lit("mended")))
    assert warehouse.read("fetches")["remark"].to_list() == ["mended", "new"]


def test_a_key_renamed_through_an_alias_is_the_same_key(
    tmp_path: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.add("fetches", fetches(["old"]))
    monkeypatch.setitem(schema.COLUMNS, "answer_id", schema.Column("answer_id", pl.String(), "as fetch_id", aliases=("fetch_id",)))
    change({"fetch_id": "answer_id"})
    assert warehouse.add("fetches", fetches(["old", "young"]).rename({"fetch_id": "answer_id"})) == 1
    assert warehouse.read("fetches")["answer_id"].to_list() == ["old", "young"]


def test_a_wider_integer_reads_old_files_and_takes_values_they_could_not_hold(tmp_path: Path) -> None:
    narrow = fetches(["old"]).with_columns(
        bytes_n=pl.lit(7, pl.Int32), items_n=pl.lit(7, pl.Int16), run_id=pl.lit("r"), day_on=pl.lit("2026-03-10")
    )
    path = str(tmp_path / "fetches")
    write_deltalake(path, narrow.to_arrow(compat_level=pl.CompatLevel.oldest()), partition_by=["day_on"])
    warehouse = Warehouse(tmp_path)
    assert warehouse.read("fetches").select("bytes_n", "items_n").rows() == [(7, 7)]
    assert warehouse.add("fetches", fetches(["old", "young"], bytes_n=2**40)) == 1
    assert warehouse.read("fetches").select("fetch_id", "bytes_n").rows() == [("old", 7), ("young", 2**40)]
    assert pl.scan_delta(path).collect_schema()["bytes_n"] == pl.Int64
    assert warehouse.add("fetches", fetches(["third"])) == 1


def test_a_new_optional_column_reads_as_null_and_a_new_required_one_is_refused(tmp_path: Path, change: Callable[..., None]) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.add("fetches", fetches(["old"]))
    change(added=("region",))
    with pytest.raises(TableProblem, match=r"region is new .*list it under `optional`"):
        warehouse.read("fetches")
    with pytest.raises(TableProblem, match=r"list it under `optional`"):
        warehouse.add("fetches", fetches(["young"], region="青澜省"))
    change(optional=(*schema.TABLES["fetches"].optional, "region"))
    assert warehouse.read("fetches")["region"].to_list() == [None]
    assert warehouse.add("fetches", fetches(["young"], region="青澜省")) == 1


def test_another_type_is_refused_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.add("fetches", fetches(["old"]))
    monkeypatch.setitem(schema.COLUMNS, "bytes_n", replace(schema.COLUMNS["bytes_n"], dtype=pl.String()))
    for attempt in (lambda: warehouse.read("fetches"), lambda: warehouse.add("fetches", fetches(["young"], bytes_n="1"))):
        with pytest.raises(TableProblem, match=r"bytes_n is Int64 in the files and String in schema.py; give the new meaning a new name"):
            attempt()
    monkeypatch.undo()
    assert warehouse.read("fetches").height == 1


def test_a_dropped_column_stops_writers_until_it_is_retired(tmp_path: Path, change: Callable[..., None]) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.add("fetches", fetches(["old"], detail="said"))
    change({"detail": None})
    assert "detail" not in warehouse.read("fetches").columns
    with pytest.raises(TableProblem, match=r"detail is in the files .*`retired`"):
        warehouse.add("fetches", fetches(["young"]))
    change(retired=("detail",))
    assert warehouse.add("fetches", fetches(["young"])) == 1
    assert warehouse.read("fetches")["fetch_id"].to_list() == ["old", "young"]


def test_another_key_is_refused(tmp_path: Path, change: Callable[..., None]) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.add("fetches", fetches(["old"]))
    change(key=("source", "url"))
    with pytest.raises(TableProblem, match=r"by key \(fetch_id\) .*schema.py says \(source, url\).*new name"):
        warehouse.add("fetches", fetches(["young"], source="other"))
