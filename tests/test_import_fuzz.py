"""Files broken at random in every form: each gives rows or one line, never a traceback, and soon. Seeds are constructed."""

from __future__ import annotations

import gzip
import io
import json
import random
import time
import zipfile
from pathlib import Path

import openpyxl
import polars as pl

from crawlers.imports.bundles import Skipped, files_in
from crawlers.imports.importers import ImportProblem, read_export
from tests.media_crawler import row_of
from tests.test_recordings import CARDS, LANHU, NOW, nghuyong

NASTY = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"[", b"{", b"}", b"]", b",", b"\n", b"\r", b"\\ud800", b"<!--", b"9" * 400, b"1e999",
    b"null", b"PK\x03\x04", b"\xe5\xb2", b"\x81\x30",
)  # fmt: skip
CASES = 60  # a form


def seeds(tmp_path: Path) -> dict[str, bytes]:
    table = "标题,正文,发布时间,链接,评论数\n" + "排队,岚湖一院排队,2026-03-09 21:05,https://weibo.com/1234567/PzxMFDdIO,1.2万\n" * 4
    rows = [row_of("weibo", "contents", 2025), row_of("weibo", "comments", 2026)]
    book = openpyxl.Workbook()
    for line in table.splitlines():
        book.worksheets[0].append(line.split(","))
    book.save(tmp_path / "a.xlsx")
    pl.DataFrame({"content": ["岚湖一院"] * 50, "time": [1773061507] * 50}).write_parquet(tmp_path / "a.parquet")
    found = {
        "a.csv": table.encode(), "g.csv": table.encode("gb18030"), "u.csv": table.encode("utf-16"),
        "a.xlsx": (tmp_path / "a.xlsx").read_bytes(), "a.parquet": (tmp_path / "a.parquet").read_bytes(),
        "a.jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in rows * 2).encode(),
        "a.json": json.dumps(rows, ensure_ascii=False, indent=4).encode(),
        "o.json": json.dumps(nghuyong(1), ensure_ascii=False, indent=1).encode(), "c.json": json.dumps(CARDS).encode(),
    }  # fmt: skip
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.csv", "a.xlsx", "c.json"):
            archive.writestr(name, found[name])
    return {**found, "a.zip": packed.getvalue(), "a.csv.gz": gzip.compress(found["a.csv"])}


def broken(body: bytes, dice: random.Random) -> bytes:
    said = bytearray(body)
    for _ in range(dice.choice((1, 1, 2, 5, 20))):
        at, how = dice.randrange(len(said) + 1), dice.randrange(6)
        if how == 0:
            said[at : at + 1] = dice.randbytes(1)
        elif how == 1:
            said[at:at] = dice.choice(NASTY)
        elif how == 2:
            del said[at : at + dice.choice((1, 3, 50))]
        elif how == 3:
            said[at:at] = said[: dice.choice((5, 100))]
        elif how == 4:
            del said[at:]
        else:
            said[at : at + 4] = dice.randbytes(4)
    return bytes(said)


def take_in(path: Path, scratch: Path) -> int:
    """Rows read; problems of single members are lines of theirs."""
    rows_n = 0
    for file in files_in(path, scratch):
        if isinstance(file, Skipped):
            assert "\n" not in file.why
            continue
        read = read_export(file, LANHU, NOW, "x", secret="s", known=lambda ids: set())
        for batch in read:
            assert batch.items["text"].null_count() == 0
        report = read.report
        assert report.rows_n == report.kept_n + report.not_ours_n + report.rejected_n
        rows_n += report.rows_n
    return rows_n


def refusal(path: Path, scratch: Path) -> str:
    """The line with which the whole is refused, "" if it is read."""
    try:
        take_in(path, scratch)
    except ImportProblem as problem:
        return str(problem)
    return ""


def test_whatever_is_broken_gives_rows_or_one_line(tmp_path: Path) -> None:
    dice = random.Random(2026)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    slowest = 0.0
    for name, body in seeds(tmp_path).items():
        path = tmp_path / f"broken-{name}"
        path.write_bytes(body)
        assert take_in(path, scratch) > 0, name  # the seed itself is read
        for _ in range(CASES):
            path.write_bytes(broken(body, dice))
            began = time.monotonic()
            said = refusal(path, scratch)
            slowest = max(slowest, time.monotonic() - began)
            assert said == "" or said.startswith(str(path))
            assert "\n" not in said
    assert slowest < 10
    assert list(scratch.iterdir()) == []
