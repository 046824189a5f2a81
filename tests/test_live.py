"""A run in life: the clock moves while it crawls, and what it has just crawled must be on its own list."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from crawlers.replica.site import Replica
from flows.drill import SCENARIOS
from warehouse.settings import PROJECT
from warehouse.store import Warehouse

pytestmark = pytest.mark.slow


def test_a_live_run_reads_what_it_crawled(tmp_path: Path) -> None:
    """The drill's site asked as if it were the world: a real clock, one process a source, an author secret."""
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "hospitals.yml").write_bytes((PROJECT / "conf/drill/hospitals.yml").read_bytes())
    (conf / "settings.yml").write_text("drill: false\n", encoding="utf-8")
    with Replica(SCENARIOS / "lanhu", datetime.now(UTC)) as site:
        said = yaml.safe_load((PROJECT / "conf/drill/sources.yml").read_text(encoding="utf-8").replace("{replica}", site.url))
        said["sources"] = [card for card in said["sources"] if card["id"] in ("tieba_search", "wechat_articles")]
        (conf / "sources.yml").write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
        environment = {**os.environ, "GUANCHAO_ROOT": str(tmp_path / "root"), "GUANCHAO_AUTHOR_SECRET": "constructed"}
        command = [str(Path(sys.executable).with_name("guanchao")), "run", "--conf", str(conf)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    warehouse = Warehouse(tmp_path / "root" / "warehouse")
    posts, coverage = warehouse.read("posts"), warehouse.read("coverage")
    assert posts.height > 50
    assert posts["first_seen_at"].max() <= coverage["as_of"].max()
    assert warehouse.read("scores").height > 50
    assert warehouse.read("mentions").height > 50  # no events: the constructed posts are older than the event window
