"""A full or a read-only disk: verbs that write say so in one line before anything starts; verbs that read go on reading."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows import imports
from flows.imports import Wish
from flows.options import DRILL, ROOM, check_room
from warehouse.settings import ConfigProblem, load_settings

Mount = Callable[[str, str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Makes a file system of this size under this name."""
    made = list[Path]()

    def make(name: str, size: str) -> Path:
        place = tmp_path / name
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
        made.append(place)
        return place

    yield make
    for place in made:
        subprocess.run(["umount", str(place)], check=True)


def read_only(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)


def fill(place: Path) -> None:
    with (place / "ballast").open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, shutil.disk_usage(place).free)
    assert shutil.disk_usage(place).free == 0


def guanchao(root: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GUANCHAO_", "PREFECT_"))}
    return subprocess.run(
        [str(Path(sys.executable).with_name("guanchao")), *words],
        capture_output=True, text=True, timeout=120, check=False, env={**environment, "GUANCHAO_ROOT": str(root), **more},
    )  # fmt: skip


def export_of(path: Path, n: int, padding: int = 0) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(["内容", "发布时间"])
        out.writerows([f"岚湖一院第{k}号窗口排队{os.urandom(padding).hex()}", "2026-03-09 21:05"] for k in range(n))
    return path


def said(done: subprocess.CompletedProcess[str], folder: Path) -> str:
    """The one line."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"guanchao: {folder}: ")
    assert "at least 200.0 MiB needed; nothing was started" in line
    return line


WRITERS = [
    ("run",),
    ("crawl",),
    ("stage", "rank"),
    ("import", "{}/v.csv"),
    ("drift",),
    ("validate",),
    ("backscore",),
    ("backtest", "--from", "2025-01-01", "--to", "2025-01-02"),
    ("serve",),
]


@pytest.mark.parametrize("words", WRITERS, ids=lambda words: words[0])
@pytest.mark.parametrize("is_full", [True, False], ids=["full", "read-only"])
def test_what_writes_is_refused_before_it_starts(words: tuple[str, ...], is_full: bool, mount: Mount, tmp_path: Path) -> None:
    root = mount("disk", "8m" if is_full else "300m")
    if is_full:
        fill(root)
    else:
        read_only(root)
    export_of(tmp_path / "v.csv", 5)
    before, started = sorted(root.iterdir()), time.monotonic()
    line = said(guanchao(root, *(word.format(tmp_path) for word in words)), root)
    assert time.monotonic() - started < 60
    assert ("No space left on device: 0.0 MiB free" if is_full else "Read-only file system: 300.0 MiB free") in line
    assert "GUANCHAO_ROOT" in line
    assert sorted(root.iterdir()) == before


def test_the_folder_of_prefects_database_counts_too(mount: Mount, tmp_path: Path) -> None:
    home = mount("prefect", "8m")
    line = said(guanchao(tmp_path / "root", "run", PREFECT_HOME=str(home / "made later")), home / "made later")
    assert "too little room: 8.0 MiB free" in line
    assert "set PREFECT_HOME" in line
    assert not (tmp_path / "root").exists()
    assert not list(home.iterdir())


def test_with_a_prefect_server_its_folder_is_none_of_ours(mount: Mount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(mount("prefect", "8m")))
    settings = load_settings(DRILL, root=tmp_path)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(ConfigProblem, match="PREFECT_HOME"):
        check_room(settings)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    check_room(settings)


def test_a_disk_with_just_enough_room_is_taken(mount: Mount) -> None:
    root = mount("disk", f"{ROOM}")
    settings = load_settings(DRILL, root=root / "made" / "later")
    check_room(settings)
    assert not list(root.iterdir())
    (root / "page").write_bytes(b"x")
    with pytest.raises(ConfigProblem, match="too little room"):
        check_room(settings)


@pytest.mark.parametrize("is_full", [True, False], ids=["full", "read-only"])
def test_what_reads_goes_on_reading(is_full: bool, mount: Mount, tmp_path: Path) -> None:
    root, source = mount("disk", "8m"), export_of(tmp_path / "v.csv", 5)
    imports.export(load_settings(DRILL, root=root), source, Wish())
    if is_full:
        fill(root)
    else:
        read_only(root)
    for verb in ("tables list", "record", "sources list", "quarantine list", f"import {source} --dry-run"):
        done = guanchao(root, *verb.split())
        assert done.returncode == 0, f"{verb}: {done.stderr}"
    for verb in ("trace no-such-id", f"evidence no-such-id --out {tmp_path / 'bundle'}"):
        done = guanchao(root, *verb.split())
        assert "no-such-id: no " in done.stderr, verb
        assert "MiB" not in done.stderr


@pytest.mark.parametrize("padding", [0, 1000], ids=["rows", "batches"])
def test_an_import_that_fills_the_disk_names_folder_and_file(padding: int, mount: Mount, tmp_path: Path) -> None:
    root = mount("disk", "8m")
    settings = load_settings(DRILL, root=root)
    source = export_of(tmp_path / "v.csv", 8000, padding)
    if not padding:
        fill(root)
    with pytest.raises(ConfigProblem) as refusal:
        imports.export(settings, source, Wish())
    assert str(refusal.value).startswith(f"{root}: No space left on device: ")
    assert f"MiB free while importing {source}" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    (root / "ballast").unlink(missing_ok=True)
    assert imports.export(settings, export_of(tmp_path / "w.csv", 5), Wish())[0].posts_n == 5
