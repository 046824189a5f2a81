"""The whole road on the constructed scenario: real crawl over loopback, real gate, real models, real pages."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from warehouse.schema import TABLES
from warehouse.settings import PROJECT
from warehouse.store import Warehouse

DRILL = PROJECT / "conf" / "drill"
STAGES = ("crawl", "land", "resolve", "mention", "score", "group", "forecast", "rank", "explain", "watch", "publish", "record")

pytestmark = pytest.mark.slow


def guanchao(*words: str, root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The installed command, as a user runs it."""
    command = [str(Path(sys.executable).with_name("guanchao")), *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=600, check=False, env={**os.environ, "GUANCHAO_ROOT": str(root), **environment}
    )


def tables(root: Path) -> dict[str, str]:
    warehouse = Warehouse(root / "warehouse")
    return {name: warehouse.fingerprint(name) for name in TABLES}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drill")
    done = guanchao("run", root=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for word in (*STAGES, "rumor_board: 采集失败 · 遇到验证码"):
        assert word in done.stdout
    return root


def listed(root: Path) -> dict:  # type: ignore[type-arg]
    return json.loads((root / "published" / "2026-03-10" / "list.json").read_text(encoding="utf-8"))


def test_the_erupting_story_heads_the_list(walked: Path) -> None:
    said = listed(walked)
    first = said["warnings"][0]
    assert first["category"] == "safety"
    warehouse = Warehouse(walked / "warehouse")
    events = warehouse.read("events").filter(event_id=first["event_id"])
    assert events["hospital_id"].to_list() == ["lanhu_children"]
    assert events["posts_n"][0] >= 100


def test_a_story_of_another_city_is_nobodys(walked: Path) -> None:
    text = (walked / "published" / "2026-03-10" / "index.html").read_text(encoding="utf-8")
    warehouse = Warehouse(walked / "warehouse")
    about = warehouse.read("posts").filter(pl.col("text").str.contains("望川市妇女儿童医院") & ~pl.col("text").str.contains("岚湖"))
    named = warehouse.read("mentions").filter(pl.col("post_id").is_in(about["post_id"].to_list()))
    assert named.height == 0
    assert "演练" in text


def test_every_output_is_stamped_and_the_mute_source_is_named(walked: Path) -> None:
    day = walked / "published" / "2026-03-10"
    for name in ("index.html", "list.json", "list.csv"):
        assert "演练" in (day / name).read_text(encoding="utf-8-sig"), name
    assert "遇到验证码" in (day / "index.html").read_text(encoding="utf-8")


def test_every_other_source_gave_what_it_had(walked: Path) -> None:
    """A missing package or a broken spider shows here first: the day goes on without its source."""
    coverage = Warehouse(walked / "warehouse").read("coverage")
    unwell = coverage.filter(pl.col("coverage_status") != "ok")
    assert unwell.select("source", "coverage_status", "reason").rows() == [("rumor_board", "failed", "captcha")]


def test_a_second_run_changes_nothing(walked: Path) -> None:
    before_tables, before_files = tables(walked), files(walked / "published")
    versions = {path: path.stat().st_mtime_ns for path in (walked / "warehouse").rglob("*.parquet")}
    done = guanchao("run", root=walked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert tables(walked) == before_tables
    assert files(walked / "published") == before_files
    assert {path: path.stat().st_mtime_ns for path in (walked / "warehouse").rglob("*.parquet")} == versions


def test_personal_data_never_reaches_the_disk(walked: Path) -> None:
    posts = Warehouse(walked / "warehouse").read("posts")
    text = "\n".join(posts["text"])
    assert not re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", text)


def test_trace_walks_a_warning_to_intact_bytes(walked: Path) -> None:
    warning = listed(walked)["warnings"][0]["warning_id"]
    done = guanchao("trace", warning, root=walked)
    assert done.returncode == 0, done.stderr
    assert "intact" in done.stdout or "完好" in done.stdout
    assert guanchao("trace", "no-such-id", root=walked).returncode == 2


def test_a_stage_that_stops_says_so_on_the_page(tmp_path: Path) -> None:
    """A hole in the playbook: no list today and why, exit code 1, and never a traceback."""
    conf, root = tmp_path / "conf", tmp_path / "root"
    shutil.copytree(DRILL, conf)
    whole = (PROJECT / "conf" / "playbook.yml").read_text(encoding="utf-8")
    (conf / "playbook.yml").write_text(whole.replace("  rumor:\n    轻度:", "  rumour:\n    轻度:", 1), encoding="utf-8")
    done = guanchao("run", "--conf", str(conf), root=root)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    page = (root / "published" / "2026-03-10" / "index.html").read_text(encoding="utf-8")
    assert "今日无榜单" in page
    assert "playbook.yml" in page


def same_tables(root: Path, other: Path) -> None:
    """Where two differ, the failure says which rows: on a CI machine nobody can look."""
    differing = [name for name, told in tables(root).items() if told != Warehouse(other / "warehouse").fingerprint(name)]
    for name in differing:
        assert_frame_equal(*(Warehouse(folder / "warehouse").read(name) for folder in (root, other)), check_exact=True)
    assert not differing


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_a_stage_and_run_again(stage: str, tmp_path: Path, walked: Path) -> None:
    """SIGKILL of the whole process group while `stage` runs, then a plain run: nothing lost, nothing twice."""
    script = [sys.executable, str(PROJECT / "tests" / "walk.py"), str(tmp_path), str(DRILL)]
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True, start_new_session=True, cwd=PROJECT) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.strip() == f"stage {stage}":
                time.sleep(random.Random(stage).uniform(0.0, 0.8))
                os.killpg(child.pid, signal.SIGKILL)
                break
    again = subprocess.run(script, capture_output=True, text=True, timeout=300, check=False, cwd=PROJECT)
    assert again.returncode == 0, again.stderr[-2000:]
    same_tables(tmp_path, walked)
    assert files(tmp_path / "published") == files(walked / "published")
    shutil.rmtree(tmp_path)
