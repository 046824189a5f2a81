"""Whatever file is handed in: one clear line that names file, place and fix, or rows set aside with their reason. Never a traceback.

All files are constructed here.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from crawlers.imports.importers import ImportProblem
from tests.whole_import import Imported, read_whole
from warehouse.clock import parse_instant
from warehouse.settings import ConfigProblem
from warehouse.vocabulary import QUARANTINE_REASONS
from warehouse.watchlist import Hospital, Watchlist

NOW = parse_instant("2026-03-10T08:30+08:00")
LANHU = Watchlist((Hospital("lanhu_first", "岚湖市第一人民医院", aliases=("岚湖一院",)),))
GOOD = "岚湖一院排队,2026-03-09 21:05,3\n"
HEAD = "内容,发布时间,评论数\n"


def imported(path: Path, sheet: str | None = None) -> Imported:
    return read_whole(path, LANHU, NOW, "vendor", sheet=sheet, secret="s")


def empty_book(path: Path) -> None:
    openpyxl.Workbook().save(path)


def torn_book(path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [["内容", "评论数"], *([f"岚湖一院第{n}号窗口", n] for n in range(3000))]:
        book.worksheets[0].append(row)
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["xl/worksheets/sheet1.xml"] = members["xl/worksheets/sheet1.xml"][:-5_000]
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)


def zip_of_a_csv(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", HEAD + GOOD)


BAD_FILES: list[tuple[str, Callable[[Path], object], tuple[str, ...]]] = [
    ("missing.csv", lambda path: None, ("no such file", "check the path")),
    ("folder.csv", lambda path: path.mkdir(), ("a folder", "name one file")),
    ("empty.csv", lambda path: path.write_bytes(b""), ("empty", "row 1", "export it again")),
    ("blank.csv", lambda path: path.write_bytes(b"\xef\xbb\xbf\r\n \r\n"), ("empty", "export it again")),
    ("binary.csv", lambda path: path.write_bytes(b"\x7fELF\x00\x01" * 500), ("binary", "row 1", "export CSV")),
    ("old.xls", lambda path: path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600), ("binary", "save it as .xlsx")),
    ("line.csv", lambda path: path.write_text(HEAD + "好" * 3_500_000), ("row 2", "2,000,000 bytes", "one record a line")),
    (
        "line.jsonl",
        lambda path: path.write_text('{"content": "岚湖一院"}\n{"content": "' + "a" * 10_000_000 + '"}'),
        ("row 2", "one record a line"),
    ),
    (
        "latin.csv",
        lambda path: path.write_bytes(HEAD.encode() + b"\xff\xfe\xff caf\xe9,,\n"),
        ("row 2", "neither UTF-8 nor GB18030", "save it as"),
    ),
    ("notext.csv", lambda path: path.write_text("日期,作者\n2026-03-09,某\n"), ("no text column", "日期, 作者", "正文", "rename")),
    ("noheader.csv", lambda path: path.write_text(GOOD * 3), ("no text column", "岚湖一院排队", "rename")),
    ("norows.csv", lambda path: path.write_text(HEAD), ("no rows below the header", "内容", "export again")),
    (
        "quote.csv",
        lambda path: path.write_text(HEAD + GOOD + '"岚湖一院,2026-03-09,1\n' + GOOD),
        ("row 3", "never closed", "close or remove"),
    ),
    (
        "list.json",
        lambda path: path.write_text('[{"content": "岚湖一院"},\n{"content": ]'),
        ("row 2, column 13", "not JSON", "export it again"),
    ),
    (
        "cut.json",
        lambda path: path.write_text('[{"content": "岚湖一院"},\n {"content": "岚湖一'),
        ("row 2, column 14", "not JSON", "export it again"),
    ),
    ("after.json", lambda path: path.write_text('[{"content": "岚湖一院"}]\n}'), ("row 2, column 1", "more after the end")),
    ("commas.json", lambda path: path.write_text('[{"content": "岚湖一院"}\n{"content": "岚湖一院"}]'), ("row 2, column 1", "',' or ']'")),
    (
        "record.json",
        lambda path: path.write_text('[{"content": "岚湖一院"}, {"content": "' + "a" * 5_000_000 + '"}]'),
        ("row 1", "a record of more than 2,000,000 characters"),
    ),
    (
        "twolists.json",
        lambda path: path.write_text('{"a": [' + ",".join(['{"content": "岚湖一院"}'] * 120_000) + '], "b": [{"content": "岚湖一院"}]}'),
        ("two lists of records, 'a' and 'b'", "export one of them"),
    ),
    (
        "cells.csv",
        lambda path: path.write_text(HEAD + ('"' + "\n" * 100_000 + '",') * 30 + "\n" + GOOD),
        ("row 2", "never closed"),
    ),
    ("page.html", lambda path: path.write_text("<html><body>岚湖一院</body></html>"), ("row 1", "a page of no platform", "sources.yml")),
    ("wall.json", lambda path: path.write_text('{"ok": -100, "url": "https://passport.weibo.com"}'), ("without posts: login_wall",)),
    ("emptylist.json", lambda path: path.write_text("[]"), ("no text column", "found: none")),
    ("numbers.json", lambda path: path.write_text("[1, 2]"), ("row 1", "not a JSON object")),
    ("deep.json", lambda path: path.write_text("[" * 200_000), ("row 1", "JSON")),
    ("digits.json", lambda path: path.write_text('[{"content": ' + "9" * 5000 + "}]"), ("row 1", "a list of records")),
    ("half.csv", lambda path: path.write_bytes(b"\xff\xfe" + HEAD.encode("utf-16-le") + b"\x00"), ("row 1", "UTF-16")),
    ("torn.jsonl", lambda path: path.write_text('{"content": \n{"content": \n'), ("row 1", "not JSON")),
    ("book.xlsx", empty_book, ("no text column", "found: none")),
    ("zip.xlsx", zip_of_a_csv, ("an archive, not a table", "import the files in it")),
    ("torn.xlsx", lambda path: path.write_bytes(b"PK\x03\x04 and no more"), ("row 1", "not a readable XLSX")),
    ("cutoff.xlsx", torn_book, ("row 2", "damaged from here on")),
    ("torn.parquet", lambda path: path.write_bytes(b"PAR1 and no more"), ("row 1", "damaged Parquet")),
    ("norows.parquet", lambda path: pl.DataFrame({"content": []}).write_parquet(path), ("no rows", "content")),
]


@pytest.mark.parametrize(("name", "make", "words"), BAD_FILES, ids=[name for name, _, _ in BAD_FILES])
def test_a_bad_file_is_one_clear_line(tmp_path: Path, name: str, make: Callable[[Path], object], words: tuple[str, ...]) -> None:
    make(tmp_path / name)
    with pytest.raises(ImportProblem) as problem:
        imported(tmp_path / name)
    said = str(problem.value)
    assert said.startswith(f"{tmp_path / name}: ")
    assert "\n" not in said
    assert len(said) < 700
    assert isinstance(problem.value, ConfigProblem)  # the CLI prints it and exits 2
    for word in words:
        assert word in said


def test_the_wrong_sheet_names_the_right_ones(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].title = "数据"
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(ImportProblem, match="no sheet '评论'; sheets: 数据"):
        imported(tmp_path / "a.xlsx", sheet="评论")


def test_an_unknown_platform_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + GOOD)
    with pytest.raises(ImportProblem, match="unknown platform 'facebook'; one of: weibo"):
        read_whole(tmp_path / "a.csv", LANHU, NOW, "vendor", platform="facebook")


RECORDS = '{"content": "岚湖一院排队\n太久", "time": NaN},\n\n{"content": "岚湖一院停车", "pics": [{"a": 1}]}'
SHAPES = {  # the same two records, as people's tools write them
    "list": f"[{RECORDS}]",
    "list_with_a_comma_too_many": f"[{RECORDS},]",
    "in_an_object": f'{{"code": 0, "tags": ["a"], "rows": [{RECORDS}]}}',
    "one_after_the_other": RECORDS.replace("},", "}"),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("shape", SHAPES)
def test_json_of_every_shape_and_charset(tmp_path: Path, shape: str, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(SHAPES[shape], encoding=encoding)
    found = imported(path)
    assert found.items["text"].to_list() == ["岚湖一院排队\n太久", "岚湖一院停车"]
    assert found.report.rows_n == 2


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"code": 0, "rows": [', '], "next": null}')])
def test_a_long_json_list_is_read_in_pieces(tmp_path: Path, before: str, after: str) -> None:
    records = [f'{{"content": "岚湖一院{n}{"排" * 50}", "id": {5143389461382402 + n}}}' for n in range(40_000)]
    path = tmp_path / "a.json"
    path.write_text(before + ",".join(records) + after, encoding="utf-8")
    found = imported(path)
    assert (found.report.rows_n, found.items["post_id"].n_unique(), found.report.rejected_n) == (40_000, 40_000, 0)


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (",2026-03-09 21:05,3", "内容", "missing"),
        ('" \u200b",2026-03-09 21:05,3', "内容", "missing"),
        ("岚湖一院,昨儿个,3", "发布时间", "bad_pattern"),
        ("岚湖一院,2026-13-45,3", "发布时间", "bad_pattern"),
        ("岚湖一院,1900-01-00,3", "发布时间", "bad_pattern"),
        ("岚湖一院,1900-01-01 00:00,3", "发布时间", "too_old"),
        ("岚湖一院,2100-01-01,3", "发布时间", "in_future"),
        ("岚湖一院,2026-03-09 21:05,很多", "评论数", "bad_pattern"),
        ("岚湖一院,2026-03-09 21:05,-3", "评论数", "out_of_range"),
        ("岚湖一院,2026-03-09 21:05,3,多一格", "(row)", "bad_pattern"),
        ('"岚湖一院"急,2026-03-09 21:05,3', "(row)", "bad_pattern"),
    ],
)
def test_a_bad_row_is_set_aside_and_the_good_ones_stay(tmp_path: Path, row: str, column: str, reason: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + GOOD + row + "\n" + GOOD.replace("排队", "停车"), encoding="utf-8")
    found = imported(path)
    assert found.items["text"].to_list() == ["岚湖一院排队", "岚湖一院停车"]
    reject = found.rejects.to_dicts()[0]
    assert (reject["row_n"], reject["column"], reject["reason"]) == (3, column, reason)
    assert reason in QUARANTINE_REASONS
    assert (found.report.rows_n, found.report.kept_n, found.report.rejected_n) == (3, 2, 1)


def test_every_row_is_accounted_for_whatever_it_holds(tmp_path: Path) -> None:
    lines = [
        '{"content": "岚湖一院好", "create_time": "2026-03-09"}', "{torn", "[1]", "null", '{"content": null}', '{"content": "望川"}',
        '{"content": "岚湖一院", "create_time": [1]}', '{"content": ["岚湖一院"], "liked_count": {"a": 1}}', '{"other": "岚湖一院"}',
        '{"content": "岚湖一院 \\ud800"}', '{"content": "岚湖一院", "comment_count": 1e30}', '{"content": "岚湖一院", "time": 1e999}',
        '{"content": "岚湖一院", "liked_count": ' + "9" * 5000 + "}", "[" * 9000, '{"content": {"a": {"b": "岚湖一院"}}}',
    ]  # fmt: skip
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = imported(path)
    assert found.report.rows_n == len(lines)
    assert found.report.kept_n + found.report.not_ours_n + found.report.rejected_n == len(lines)
    assert found.rejects["row_n"].to_list() == [2, 3, 4, 5, 7, 9, 11, 12, 13, 14, 15]


def test_a_row_set_aside_keeps_no_personal_data(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("内容,作者,user_id,粉丝数,发布时间\n岚湖一院电话13812345678,张三,777888999,4321,不知道\n", encoding="utf-8")
    row = imported(path).rejects["row"][0]
    assert "岚湖一院" in row
    assert "不知道" in row
    for secret in ("13812345678", "张三", "777888999", "4321"):
        assert secret not in row


def test_a_row_that_concerns_nobody_is_counted_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + GOOD + "望川的事,不知道,3\n", encoding="utf-8")
    found = imported(path)
    assert (found.report.not_ours_n, found.rejects.height) == (1, 0)
