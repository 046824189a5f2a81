"""Files into the tables: whole or not at all, the same file again changes nothing, a killed import is finished by the next. Constructed."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from briefing.twins import cell as safe
from crawlers.imports import importers
from crawlers.imports.importers import ImportProblem
from expectations.gate import StageStop
from flows import imports
from flows.cli import app
from flows.imports import Wish
from flows.options import DRILL
from tests.media_crawler import NOTE, REPLY, write_folder
from warehouse.lock import alone
from warehouse.settings import PROJECT, ConfigProblem, Settings, load_settings
from warehouse.store import Warehouse

TABLES = ("posts", "observations", "fetches", "coverage", "quarantine")
HEAD = ["内容", "发布时间", "评论数"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(DRILL, root=tmp_path / "root")


def write_csv(path: Path, n: int, *more: list[str]) -> Path:
    rows = [[f"岚湖一院第{k}号窗口排队", "2026-03-09 21:05", str(k)] for k in range(n)]
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([HEAD, *rows, *more])
    return path


def prints(settings: Settings) -> dict[str, str]:
    return {table: Warehouse(settings.warehouse).fingerprint(table) for table in TABLES}


def files_under(root: Path) -> set[Path]:
    return {path for path in root.rglob("*") if path.is_file() and path.name != ".import.lock"}


def test_the_same_file_again_changes_nothing(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importers, "BATCH", 40)
    garbled = [[f"岚湖一院{'锟斤拷' * 9}{n}", "2026-03-09", "1"] for n in range(3)]
    path = write_csv(tmp_path / "v.csv", 100, *garbled, ["岚湖一院", "不知道", "3"], ["=cmd", "", ""])
    first = imports.export(settings, path, Wish())[0]
    assert (first.read_n, first.posts_n, first.set_aside_n) == (104, 100, 3)
    before, files = prints(settings), files_under(settings.root)
    again = imports.export(settings, path, Wish())[0]
    assert (again.read_n, again.posts_n, again.set_aside_n) == (104, 0, 0)
    assert "103 rows known from an earlier import" in again.note
    assert prints(settings) == before
    assert files_under(settings.root) == files
    (coverage,) = Warehouse(settings.warehouse).read("coverage").to_dicts()
    assert (coverage["source"], coverage["got_n"], coverage["landed_n"], coverage["quarantined_n"]) == ("import:v", 103, 100, 3)
    (rejects,) = (settings.root / "rejects").iterdir()
    assert rejects.read_text(encoding="utf-8-sig").splitlines()[1].startswith("105,发布时间,bad_pattern,格式不符,")


def test_a_later_export_of_the_same_posts_is_one_more_observation(settings: Settings, tmp_path: Path) -> None:
    imports.export(settings, write_csv(tmp_path / "v.csv", 5), Wish())
    again = imports.export(settings, write_csv(tmp_path / "v.csv", 7), Wish())[0]
    assert again.posts_n == 2
    assert Warehouse(settings.warehouse).read("observations").height == 5 + 7


def test_a_file_damaged_in_its_last_row_leaves_nothing(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importers, "BATCH", 40)
    path = write_csv(tmp_path / "v.csv", 100)
    path.write_text(path.read_text(encoding="utf-8") + '"岚湖一院,,\n', encoding="utf-8")
    with pytest.raises(ImportProblem, match="row 102: a quotation mark"):
        imports.export(settings, path, Wish())
    assert files_under(settings.root) == set()


def test_a_file_the_gate_does_not_believe_leaves_nothing(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importers, "BATCH", 40)
    garbled = [[f"岚湖一院{'锟斤拷' * 9}{n}", "2026-03-09", "1"] for n in range(60)]
    with pytest.raises(StageStop, match=r"v.csv \(part 2 of 3\): .*乱码.*nothing of it was imported"):
        imports.export(settings, write_csv(tmp_path / "v.csv", 40, *garbled), Wish())
    assert files_under(settings.root) == set()


KILLED = """
import os, signal, sys
from pathlib import Path
from crawlers.imports import importers
from flows import import_landing, imports
from flows.options import DRILL
from warehouse.settings import load_settings
importers.BATCH = 80
whole, calls = import_landing.land, []
def land(*said, **more):
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*said, **more)
import_landing.land = land
imports.export(load_settings(DRILL, root=Path(sys.argv[1])), Path(sys.argv[2]), imports.Wish())
"""


def test_an_import_killed_half_way_is_finished_by_the_next(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "v.csv", 200)
    died = subprocess.run([sys.executable, "-c", KILLED, str(settings.root), str(path)], cwd=PROJECT, check=False, env=os.environ)
    assert died.returncode == -signal.SIGKILL
    warehouse = Warehouse(settings.warehouse)
    assert warehouse.read("posts").height == 80
    monkeypatch.setattr(importers, "BATCH", 80)
    done = imports.export(settings, path, Wish())[0]
    assert (done.posts_n, done.note) == (120, "80 rows known from an earlier import of this file")
    verdicts = warehouse.read("checks").filter(table_name="posts", check_name="contract").sort("as_of")
    assert verdicts.select("rows_n", "check_verdict").rows()[-1] == (120, "pass")  # of both batches together
    assert warehouse.read("posts")["text"].n_unique() == 200
    assert warehouse.read("observations").height == 200
    assert not (settings.root / "importing").exists()
    before = prints(settings)
    imports.export(settings, path, Wish())
    assert prints(settings) == before


def test_mediacrawlers_folder(settings: Settings, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, 2026, "jsonl", ("weibo", "bili", "zhihu"))
    done = imports.export(settings, folder, Wish())
    assert sum(one.posts_n for one in done) == 6
    assert [one.note for one in done if one.note] == ["not a file of posts or comments"] * 2
    posts = Warehouse(settings.warehouse).read("posts")
    assert posts["text"].str.ends_with(NOTE).sum() == 3
    comments = posts.filter(pl.col("kind") == "comment")
    assert comments["text"].to_list() == [REPLY] * 3
    assert comments.join(posts, left_on="parent_id", right_on="post_id", how="semi").height == 3
    assert set(posts["source"]) == {f"import:mediacrawler_{platform}" for platform in ("weibo", "bili", "zhihu")}
    coverage = Warehouse(settings.warehouse).read("coverage")
    assert (coverage.height, coverage["landed_n"].sum()) == (6, 6)
    before = prints(settings)
    imports.export(settings, folder, Wish())
    assert prints(settings) == before


def test_a_preview_writes_nothing_and_says_what_would_come(settings: Settings, tmp_path: Path) -> None:
    folder = write_folder(tmp_path, 2025, "csv")
    found = [one for one in imports.preview(settings, folder, Wish()) if one.report is not None]
    assert sum(one.report.kept_n for one in found if one.report) == 14  # comments find the posts that would have come before them
    assert not settings.root.exists()
    path = write_csv(tmp_path / "v.csv", 9, ["岚湖一院", "不知道", "3"], ["望川", "", ""])
    said = CliRunner().invoke(app, ["import", str(path), "--conf", str(DRILL), "--dry-run"], env={"GUANCHAO_ROOT": str(settings.root)})
    assert said.exit_code == 0
    assert not settings.root.exists()
    for words in (
        "CSV utf-8-sig", "published_at", "发布时间", "item 5:", "岚湖一院第4号窗口排队", "11 rows: 9 would come in, 1 concern nobody",
        "1 cannot be read", "1 × 发布时间: bad_pattern 格式不符", "nothing was written",
    ):  # fmt: skip
        assert words in said.output
    assert "item 6" not in said.output


def test_a_refused_member_has_its_line_and_the_command_fails(settings: Settings, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("[red]good.csv", "内容\n岚湖一院排队\n")
        archive.writestr("bad.csv", "日期\n2026\n")
    said = CliRunner().invoke(app, ["import", str(tmp_path / "a.zip"), "--conf", str(DRILL)], env={"GUANCHAO_ROOT": str(settings.root)})
    assert said.exit_code == 2
    assert "[red]good.csv" in said.output
    assert "bad.csv: refused: no text column; found: 日期" in said.output
    assert Warehouse(settings.warehouse).read("posts")["source"].to_list() == ["import:[red]good"]


def test_one_import_at_a_time(settings: Settings, tmp_path: Path) -> None:
    with alone(settings.root / ".import.lock", "busy"), pytest.raises(ConfigProblem, match="another import is running"):
        imports.export(settings, write_csv(tmp_path / "v.csv", 1), Wish())


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_options_of_the_shared_data_are_refused_for_a_file(settings: Settings, tmp_path: Path, option: str) -> None:
    path = write_csv(tmp_path / "v.csv", 1)
    said = CliRunner().invoke(app, ["import", str(path), option, "2026-01-01"], env={"GUANCHAO_ROOT": str(settings.root)})
    assert isinstance(said.exception, ConfigProblem)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_the_rejects_is_a_formula(cell: str) -> None:
    assert safe(cell) == f"'{cell}"
    assert safe("发布时间") == "发布时间"
