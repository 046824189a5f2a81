"""Archives people hand in: every member its own file; what is hostile or unreadable is one line, and nothing of it is unpacked."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from crawlers.imports.bundles import Skipped, files_in
from crawlers.imports.importers import ImportProblem
from crawlers.imports.rows import Export
from crawlers.imports.sheets import open_sheet

CSV = "内容,发布时间\n岚湖一院排队,2026-03-09 21:05\n"


def write_zip(path: Path, members: dict[str, bytes | str], **how: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **how) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return path


def texts(path: Path, scratch: Path) -> dict[str, list[str]]:
    """name in the archive -> the texts of its rows; what was skipped under its reason."""
    found: dict[str, list[str]] = {}
    for each in files_in(path, scratch):
        name = each.name.removeprefix(f"{path}/")
        found[name] = [each.why] if isinstance(each, Skipped) else [str(row.cells["内容"]) for row in open_sheet(each).rows]
    return found


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_every_member_is_a_file_of_its_own_and_gone_afterwards(tmp_path: Path, scratch: Path) -> None:
    openpyxl_book = tmp_path / "b.xlsx"
    book = openpyxl.Workbook()
    for row in (["内容"], ["岚湖一院停车"]):
        book.worksheets[0].append(row)
    book.save(openpyxl_book)
    path = write_zip(tmp_path / "a.zip", {
        "三月/评论.csv": CSV.replace("排队", "评论"), "三月/数据.csv": CSV.encode("gb18030"), "b.xlsx": openpyxl_book.read_bytes(),
        "c.jsonl": '{"内容": "岚湖一院挂号"}\n', "readme.pdf": b"%PDF", "__MACOSX/._b.xlsx": b"x", ".DS_Store": b"x", "empty/": b"",
    })  # fmt: skip
    assert texts(path, scratch) == {
        "b.xlsx": ["岚湖一院停车"], "c.jsonl": ["岚湖一院挂号"], "三月/数据.csv": ["岚湖一院排队"], "三月/评论.csv": ["岚湖一院评论"],
        "readme.pdf": ["not a table"],
    }  # fmt: skip
    assert list(scratch.iterdir()) == []


def test_names_that_windows_wrote_in_gbk_are_read(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        name = zipfile.ZipInfo("X")
        archive.writestr(name, CSV)
    raw = "岚湖舆情\\三月.csv".encode("gb18030")
    body = path.read_bytes()
    for mark, at in ((b"PK\x03\x04", 26), (b"PK\x01\x02", 28)):  # the name's length, in both headers
        start = body.index(mark)
        body = body[: start + at] + len(raw).to_bytes(2, "little") + body[start + at + 2 :]
        begins = start + (30 if mark == b"PK\x03\x04" else 46)
        body = body[:begins] + raw + body[begins + 1 :]
    end = body.index(b"PK\x05\x06")
    body = (
        body[: end + 12]
        + (end - body.index(b"PK\x01\x02")).to_bytes(4, "little")
        + body.index(b"PK\x01\x02").to_bytes(4, "little")
        + body[end + 20 :]
    )
    path.write_bytes(body)
    assert texts(path, scratch) == {"岚湖舆情/三月.csv": ["岚湖一院排队"]}


def test_gzip_of_a_table_and_of_a_damaged_one(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    assert texts(path, scratch) == {str(path): ["岚湖一院排队"]}
    assert list(scratch.iterdir()) == []
    path.write_bytes(gzip.compress(CSV.encode())[:-9])
    with pytest.raises(ImportProblem, match=r"damaged \.gz"):
        list(files_in(path, scratch))


def test_a_damaged_member_is_its_own_line_and_the_others_are_read(tmp_path: Path, scratch: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.csv": CSV, "b.csv": CSV.replace("排队", "停车") * 50})
    body = bytearray(path.read_bytes())
    at = body.index(b"b.csv") + 40
    body[at : at + 20] = b"\xff" * 20
    path.write_bytes(body)
    assert texts(path, scratch) == {"a.csv": ["岚湖一院排队"], "b.csv": ["row 1: damaged inside the archive; pack it again"]}


def bomb(path: Path) -> None:
    write_zip(path, {"a.csv": "内容\n" + "岚" * (30 << 20)})


def overlapping(path: Path) -> None:
    """Many entries of the central directory that share one member's bytes."""
    write_zip(path, {"a.csv": b"x" * (2 << 20)})
    body = path.read_bytes()
    start, end = body.index(b"PK\x01\x02"), body.index(b"PK\x05\x06")
    n = 200
    tail = body[end : end + 8] + n.to_bytes(2, "little") * 2 + ((end - start) * n).to_bytes(4, "little") + start.to_bytes(4, "little")
    path.write_bytes(body[:start] + body[start:end] * n + tail + b"\0\0")


def lying(path: Path) -> None:
    """Declares 100 bytes and holds 100 MB: unpacking stops at what was declared."""
    path.write_bytes(gzip.compress(b"\0" * (100 << 20)))


def encrypted(path: Path) -> None:
    write_zip(path, {"a.csv": CSV})
    body = bytearray(path.read_bytes())
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(body)


def document(path: Path) -> None:
    write_zip(path, {"[Content_Types].xml": "<a/>", "word/document.xml": "<a/>"})


def nested(path: Path) -> None:
    inner = write_zip(path.parent / "inner.zip", {"a.csv": CSV}).read_bytes()
    write_zip(path, {"三月.zip": inner, "b.csv": CSV})


HOSTILE: list[tuple[str, Callable[[Path], object], tuple[str, ...]]] = [
    ("bomb.zip", bomb, ("ZIP bomb", "unpack it yourself")),
    ("overlap.zip", overlapping, ("ZIP bomb",)),
    ("bomb.csv.gz", lying, ("a bomb",)),
    ("encrypted.zip", encrypted, ("member a.csv", "encrypted", "password", "nothing of the archive was imported")),
    ("nested.zip", nested, ("member 三月.zip", "an archive within the archive")),
    ("renamed.zip", lambda path: write_zip(path, {"a.csv": gzip.compress(b"x")}), ("member a.csv", "an archive within the archive")),
    ("inner.csv.gz", lambda path: path.write_bytes(gzip.compress(gzip.compress(CSV.encode()))), ("an archive within an archive",)),
    ("up.zip", lambda path: write_zip(path, {"../../etc/a.csv": CSV}), ("../../etc/a.csv", "leaves the folder")),
    ("root.zip", lambda path: write_zip(path, {"/etc/a.csv": CSV}), ("member /etc/a.csv", "leaves the folder")),
    ("drive.zip", lambda path: write_zip(path, {"C:\\a.csv": CSV}), ("leaves the folder",)),
    ("escape.zip", lambda path: write_zip(path, {"\x1b[31m..\\..\\a.csv": CSV}), ("?[31m", "leaves the folder")),
    ("none.zip", lambda path: write_zip(path, {"a.pdf": b"%PDF"}), ("no table in the archive", "a.pdf")),
    ("nothing.zip", lambda path: write_zip(path, {}), ("no table in the archive", "nothing")),
    ("torn.zip", lambda path: path.write_bytes(b"PK\x03\x04" + zlib.compress(b"x" * 99)), ("not a readable XLSX workbook or ZIP",)),
    ("report.docx", document, ("a document, not a table",)),
    ("many.zip", lambda path: write_zip(path, {f"{n}.csv": "" for n in range(10_001)}), ("10,001 files", "pack fewer")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "words"), HOSTILE, ids=[name for name, _, _ in HOSTILE])
def test_a_hostile_archive_is_one_line_and_leaves_nothing(
    tmp_path: Path, scratch: Path, name: str, make: Callable[[Path], object], words: tuple[str, ...]
) -> None:
    make(tmp_path / name)
    with pytest.raises(ImportProblem) as problem:
        list(files_in(tmp_path / name, scratch))
    said = str(problem.value)
    assert said.startswith(f"{tmp_path / name}: ")
    assert "\n" not in said
    assert "\x1b" not in said
    assert len(said) < 500
    for word in words:
        assert word in said
    assert sum(each.stat().st_size for each in scratch.iterdir()) < 80 << 20
    assert not (tmp_path.parent / "etc").exists()


def rewritten(path: Path, member: str, body: bytes) -> None:
    """A workbook with one of its parts exchanged."""
    book = openpyxl.Workbook()
    for row in (["内容", "评论数"], ["岚湖一院排队", 3]):
        book.worksheets[0].append(row)
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    write_zip(path, {**members, member: body})


def entities(levels: int = 9) -> bytes:
    """A billion laughs where a cell's text stands."""
    inner = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, levels + 1))
    doctype = f'<!DOCTYPE x [<!ENTITY a0 "岚湖一院">{inner}]>'
    return f'<?xml version="1.0"?>{doctype}'.encode() + grid("3").replace("岚湖一院".encode(), f"&a{levels};".encode())


def grid(last: str) -> bytes:
    """A sheet that declares the whole grid, and a last row far below."""
    head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData>'
    cell = '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>{1}</t></is></c></row>'
    return (
        head + cell.format(1, "内容") + cell.format(2, "岚湖一院") + cell.format(last, "岚湖一院") + "</sheetData></worksheet>"
    ).encode()


@pytest.mark.parametrize(
    ("member", "body", "words"),
    [
        ("xl/sharedStrings.xml", b"<sst>" + b" " * (100 << 20) + b"</sst>", ("too large to open", "CSV UTF-8")),
        ("xl/worksheets/sheet1.xml", entities(), ("row 1", "not a readable XLSX")),
        ("xl/worksheets/sheet1.xml", grid("9999999999"), ("more rows than Excel has", "CSV")),
        ("xl/worksheets/sheet1.xml", b"<worksheet>", ("row 1", "not a readable XLSX")),
    ],
)
def test_a_hostile_workbook_is_one_line(tmp_path: Path, member: str, body: bytes, words: tuple[str, ...]) -> None:
    path = tmp_path / "a.xlsx"
    rewritten(path, member, body)
    with pytest.raises(ImportProblem) as problem:
        list(open_sheet(Export.at(path)).rows)
    for word in words:
        assert word in str(problem.value)


def test_a_workbook_that_declares_the_whole_grid_is_read_by_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    rewritten(path, "xl/worksheets/sheet1.xml", grid("90000"))
    assert [(row.n, row.cells) for row in open_sheet(path).rows] == [(2, {"内容": "岚湖一院"}), (90_000, {"内容": "岚湖一院"})]


def test_other_sheets_with_posts_are_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for name, rows in {
        "Contents": [["note_id", "desc", "time"], ["1", "岚湖一院", 1]],
        "Comments": [["comment_id", "content"], ["2", "好"]],
    }.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    found = open_sheet(tmp_path / "a.xlsx")
    assert ("'Contents'" in found.form, found.also) == (True, ("Comments",))
