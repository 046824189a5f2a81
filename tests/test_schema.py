"""The declarations agree with themselves: walks every column, table and word."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
import yaml

from warehouse import dictionary, vocabulary
from warehouse.schema import COLUMNS, TABLES, Column, empty, polars_schema

ENDINGS = {
    "_at": {pl.Datetime("us", "UTC")},
    "as_of": {pl.Datetime("us", "UTC")},
    "_on": {pl.String()},
    "_id": {pl.String()},
    "_n": {pl.Int64(), pl.Float64()},  # a forecast or the figure it is decided on may be a fraction
    "_p": {pl.Float64()},
    "_h": {pl.Int64()},
}
FRACTIONS = {"expected_n", "naive_n", "low_n", "high_n", "observed_n"}
RULES = yaml.safe_load((Path(__file__).parent.parent / "expectations" / "rules.yml").read_text(encoding="utf-8"))

every_table = pytest.mark.parametrize("table", list(TABLES.values()), ids=list(TABLES))
every_column = pytest.mark.parametrize("column", list(COLUMNS.values()), ids=list(COLUMNS))


@every_table
def test_a_table_is_made_of_columns_that_exist_each_once(table) -> None:  # type: ignore[no-untyped-def]
    assert set(table.columns) <= set(COLUMNS)
    assert len(table.columns) == len(set(table.columns))
    assert set(table.optional) <= set(table.columns)
    assert table.columns[-2:] == ("run_id", "day_on")


@every_table
def test_key_and_clock_are_never_empty_and_the_clock_is_an_instant(table) -> None:  # type: ignore[no-untyped-def]
    assert table.key
    assert set(table.key) <= set(table.columns) - set(table.optional)
    assert table.clock in set(table.columns) - set(table.optional)
    assert COLUMNS[table.clock].dtype == pl.Datetime("us", "UTC")


@every_table
def test_an_empty_frame_has_the_tables_columns_and_types_in_order(table) -> None:  # type: ignore[no-untyped-def]
    assert empty(table.name).schema == polars_schema(table.name)
    assert tuple(empty(table.name).columns) == table.columns


@every_column
def test_a_columns_ending_says_its_type(column: Column) -> None:
    for ending, dtypes in ENDINGS.items():
        if column.name.endswith(ending):
            assert column.dtype in dtypes
    if column.name.endswith("_n"):
        assert column.dtype == (pl.Float64() if column.name in FRACTIONS else pl.Int64())
    if column.name.startswith(("is_", "has_")):
        assert column.dtype == pl.Boolean()
    if column.dtype == pl.Boolean():
        assert column.name.startswith(("is_", "has_"))
    if isinstance(column.dtype, pl.Datetime):
        assert column.name.endswith("_at") or column.name == "as_of"


@every_column
def test_bounds_fit_the_type_and_a_probability_lies_between_0_and_1(column: Column) -> None:
    assert column.meaning
    if column.low is not None or column.high is not None:
        assert column.dtype in (pl.Int64(), pl.Float64())
    if column.low is not None and column.high is not None:
        assert column.low < column.high
    if column.values is not None or column.longest is not None or column.pattern is not None:
        assert column.dtype == pl.String()
    if column.pattern is not None:
        re.compile(column.pattern)
    if column.name.endswith("_p"):
        assert (column.low, column.high) == (0, 1)


def test_every_column_is_in_some_table() -> None:
    assert set(COLUMNS) == {name for table in TABLES.values() for name in table.columns}


def test_the_words_people_read_are_chinese_and_their_keys_are_not() -> None:
    shapes = {"TARGETS"}  # its keys are patterns
    sets = [words for name, words in vars(vocabulary).items() if name.isupper() and name not in shapes and isinstance(words, dict)]
    sets = [words for words in sets if all(isinstance(word, str) for word in words.values())]
    assert len(sets) > 5
    for words in sets:
        assert len(set(words.values())) == len(words)
        for key, word in words.items():
            assert re.fullmatch(r"[a-z][a-z0-9_]*", key)
            assert re.search(r"[\u4e00-\u9fff]", word), word


def test_a_raw_item_is_exactly_a_post_and_an_observation() -> None:
    assert set(TABLES["raw_items"].columns) == set(TABLES["posts"].columns) | set(TABLES["observations"].columns)


def test_rules_speak_only_of_tables_and_columns_that_exist() -> None:
    for table, said in RULES["tables"].items():
        for kind in ("times", "patterns", "fill"):
            assert set(said.get(kind, {})) <= set(TABLES[table].columns), (table, kind)


def test_the_dictionary_is_fresh_and_a_stale_one_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dictionary.main(["--check"]) == 0, "run `python -m warehouse.dictionary`"
    monkeypatch.setattr(dictionary, "FILE", tmp_path / "dictionary.md")
    assert dictionary.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert dictionary.main([]) == 0
    assert dictionary.main(["--check"]) == 0
    text = (tmp_path / "dictionary.md").read_text(encoding="utf-8")
    assert all(f"### {name}\n" in text for name in TABLES)
