"""A file ten times as large takes no more memory: CSV, JSON lines, a JSON list, UTF-16, staged to the end in a process of its own."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from warehouse.settings import PROJECT

SMALL, LARGE = 6 << 20, 60 << 20  # bytes of the two files
FLAT = 30 << 20  # bytes the peaks may differ by
HEAD = ["标题", "正文", "发布时间", "平台", "作者", "链接", "转发数", "评论量"]
READ = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import psutil
from crawlers.imports import importers
from flows.import_landing import stage
from warehouse.watchlist import Hospital, Watchlist
importers.BATCH = 2_000
lanhu = Watchlist((Hospital("lanhu_first", "岚湖市第一人民医院", aliases=("岚湖一院",)),))
peak = 0
def tell(read):
    global peak
    peak = max(peak, psutil.Process().memory_info().rss)
read = importers.read_export(Path(sys.argv[1]), lanhu, datetime(2026, 3, 10, tzinfo=UTC), "v", secret="s")
staged = stage(read, Path(sys.argv[2]), tell)
print(peak, read.report.rows_n, read.report.kept_n, read.report.rejected_n, len(staged.batches))
"""


def rows() -> Iterator[list[object]]:
    """One in ten of ours, one in a hundred of those broken: what is not kept is read all the same."""
    n = 0
    while True:
        who = "岚湖一院" if n % 10 == 0 else "望川县医院"
        text = f"在{who}排队三个小时,{n}号窗口说系统坏了," + "患者家属在走廊里等了一整天,问了三次都没有答复。" * 20
        when = "不知道" if n % 1000 == 0 else "2026-03-09 21:05"
        yield [f"{who}{n}号", text, when, "新浪微博", f"某{n}", f"https://weibo.com/1234567/{5143389461382402 + n}", n % 100, "1.2万"]
        n += 1


def write(path: Path, form: str, size: int) -> int:
    """The number of rows that fill so many bytes."""
    with path.open("w", encoding="utf-16" if form == "utf-16" else "utf-8", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(HEAD) if form in ("csv", "utf-16") else stream.write("[" if form == "json" else "")
        for n, row in enumerate(rows()):
            if n % 500 == 0 and stream.tell() > size:
                break
            record = json.dumps(dict(zip(HEAD, row, strict=True)), ensure_ascii=False)
            if form in ("csv", "utf-16"):
                out.writerow(row)
            else:
                stream.write(f"{',' if form == 'json' and n else ''}\n{record}" if form == "json" else f"{record}\n")
        stream.write("]" if form == "json" else "")
    return n


def read(path: Path, scratch: Path) -> list[int]:
    done = subprocess.run([sys.executable, "-c", READ, str(path), str(scratch)], cwd=PROJECT, check=True, capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "jsonl", "json", "utf-16"])
def test_ten_times_the_file_takes_no_more_memory(tmp_path: Path, form: str) -> None:
    peaks = []
    for size in (SMALL, LARGE):
        path = tmp_path / f"v.{form}"
        n = write(path, form, size)
        peak, rows_n, kept_n, rejected_n, _ = read(path, tmp_path / "staged")
        assert (rows_n, kept_n + rejected_n, rejected_n) == (n, -(-n // 10), -(-n // 1000))
        peaks.append(peak)
    assert peaks[1] - peaks[0] < FLAT, f"{peaks[0] >> 20} MiB for {SMALL >> 20} MB, {peaks[1] >> 20} MiB for {LARGE >> 20} MB"
