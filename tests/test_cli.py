"""The command line against wrong input: exit code 2, one clear line on stderr, nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.settings import PROJECT

DRILL = PROJECT / "conf" / "drill"


def guanchao(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("guanchao")), *words]
    environment = {**os.environ, "GUANCHAO_ROOT": str(root)}
    return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False, env=environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "settings.yml").write_text("colour: red\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "{}/missing.csv"), "missing.csv"),
        (("import", "{}/empty.csv"), "empty.csv"),
        (("import", "{}/binary.csv"), "binary.csv"),
        (("import", "{}/other.csv"), "other.csv"),
        (("import", "{}"), "hot_search"),
        (("score", "{}/missing.csv", "--out", "{}/out.csv"), "missing.csv"),
        (("score", "{}/other.csv", "--out", "{}/out.csv"), "no text column"),
        (("run", "--conf", "{}/nowhere"), "nowhere"),
        (("run", "--conf", "{}/conf"), "colour"),
        (("run", "--as-of", "yesterday"), "yesterday"),
        (("stage", "guess"), "unknown"),
        (("trace", "no-such-id"), "no-such-id"),
        (("bench", "nothing"), "unknown"),
    ],
    ids=lambda value: "-".join(value).replace("{}/", "") if isinstance(value, tuple) else "",
)
def test_a_mistake_costs_one_line(words: tuple[str, ...], said: str, folder: Path, tmp_path: Path) -> None:
    done = guanchao(tmp_path / "root", *(word.format(folder) for word in words))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("guanchao: ")
    assert said in lines[0]
    assert not (folder / "out.csv").exists()
    assert not list((tmp_path / "root").rglob("*.parquet"))


def test_score_writes_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n7,感谢医生护士救命之恩\n8,\n", encoding="utf-8")
    done = guanchao(tmp_path / "root", "score", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv"))
    assert done.returncode == 0, done.stderr
    header, first, second = (tmp_path / "out.csv").read_text(encoding="utf-8").strip().splitlines()
    assert header.startswith("id,relevant_p,relevant,sentiment,negative_p,neutral_p,positive_p,category,safety_p")
    assert first.startswith("7,")
    assert second.startswith("8,")
