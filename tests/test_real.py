"""Real input: the shared archives through the gate, a real past day looked back at, and the list a health authority would have had."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from warehouse.clock import parse_instant
from warehouse.settings import PROJECT
from warehouse.store import Warehouse

DATA = PROJECT.parent / "shared" / "data"
AS_OF = "2025-12-16T08:30+08:00"
NATIONAL = PROJECT / "conf" / "national"

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(not (DATA / "hot_search").is_dir(), reason="../shared/data is not here: real archives are not shipped"),
]


def guanchao(root: Path, *words: str) -> str:
    command = [str(Path(sys.executable).with_name("guanchao")), *words, "--conf", str(NATIONAL)]
    environment = {**os.environ, "GUANCHAO_ROOT": str(root)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything from October on, the weeks after as_of included: they must not be seen."""
    root = tmp_path_factory.mktemp("national")
    guanchao(root, "import", str(DATA), "--since", "2025-10-01")
    guanchao(root, "run", "--as-of", AS_OF)
    return root


def test_the_ningbo_infant_stands_first_as_one_event(root: Path) -> None:
    said = json.loads((root / "published" / "2025-12-16" / "list.json").read_text(encoding="utf-8"))
    first = said["warnings"][0]
    assert first["category"] == "safety"
    warehouse, as_of = Warehouse(root / "warehouse"), parse_instant(AS_OF)
    members = warehouse.read("event_posts", as_of=as_of).filter(event_id=first["event_id"])
    posts = warehouse.read("posts").join(members.select("post_id"), on="post_id", how="semi")
    titles = set(posts["title"])
    assert {"宁波通报患儿手术后离世", "小洛熙主刀医生被暂停诊疗", "宁波卫健委就小洛熙事件致歉"} <= titles
    assert posts["first_seen_at"].max() <= as_of
    day = root / "published" / "2025-12-16"
    assert sum(title in (day / "index.html").read_text(encoding="utf-8") for title in titles) >= 4
    evidence = re.sub(r"</?mark[^>]*>", "", (day / "events" / f"{first['event_id']}.html").read_text(encoding="utf-8"))
    assert all(title in evidence for title in titles)
    others = warehouse.read("event_posts", as_of=as_of).filter(pl.col("event_id") != first["event_id"])
    strays = warehouse.read("posts").join(others.select("post_id"), on="post_id", how="semi")
    assert not [title for title in strays["title"] if "小洛熙" in title]


def test_nothing_after_as_of_was_known(root: Path) -> None:
    warehouse, as_of = Warehouse(root / "warehouse"), parse_instant(AS_OF)
    assert warehouse.read("posts")["first_seen_at"].max() > as_of
    read = warehouse.read("scores")
    assert read["first_seen_at"].max() <= as_of
    assert warehouse.read("observations", as_of=as_of)["observed_at"].max() <= as_of
