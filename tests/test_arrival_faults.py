"""What killed, torn and overlapping runs leave behind is taken in, and counted. Constructed rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crawlers.landing import hold, is_left, let_go
from flows import arrival
from flows.road import Road
from tests.test_land import fetches, items
from warehouse.instants import FAR, Instants
from warehouse.settings import PROJECT, Settings, load_settings
from warehouse.store import Warehouse

NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)
HOLDS = """
import pathlib, subprocess, sys, time
from crawlers.landing import hold
hold(pathlib.Path(sys.argv[1]), {"feed": (1, 9)})
print(subprocess.Popen(["sleep", "60"]).pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def conf(tmp_path: Path) -> Settings:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "settings.yml").write_text(f"drill: false\nroot: {tmp_path / 'root'}\n")
    (folder / "hospitals.yml").write_text("scope: listed\nhospitals:\n- {id: lanhu_first, name: 岚湖市第一人民医院, aliases: [岚湖一院]}\n")
    card = "id: feed, kind: feed, title: A, owner: 宣传科, platform: news, urls: ['http://x.test/a.xml'], cadence_minutes: 60"
    more = "max_age_h: 48, floor: 3, ceiling: 100, robots_note: x, basis: y"
    (folder / "sources.yml").write_text(f"contact: https://www.lanhu-first.example/about\nsources:\n- {{{card}, {more}}}\n")
    return load_settings(folder)


def crawled(settings: Settings, name: str, began: datetime, read_at: datetime, posts: list[str]) -> Road:
    """A live run that has asked the feed at `read_at` and landed nothing yet."""
    road = Road(settings, began, edition=name, is_live=True)
    folder = road.landing / "feed"
    folder.mkdir(parents=True)
    hold(road.landing / arrival.RUN, {"feed": (3, 100)})
    came = items(*({"post_id": post, "fetch_id": name, "url": f"https://x.test/{post}"} for post in posts), at=read_at)
    came.write_parquet(folder / "items-00000.parquet")
    fetches({"fetch_id": name, "items_n": len(posts)}, at=read_at).write_parquet(folder / "fetches-00000.parquet")
    return road


def landed(road: Road) -> datetime:
    with arrival.in_turn(road) as road:
        arrival.land(road)
    return road.as_of


def test_a_run_is_told_from_another_process_that_has_its_id_now(tmp_path: Path) -> None:
    run = tmp_path / "run.json"
    living = subprocess.Popen([sys.executable, "-c", HOLDS, str(run)], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    assert living.stdout is not None
    its_child = int(living.stdout.readline())
    assert not is_left(run)
    living.kill()
    living.wait()
    said = json.loads(run.read_text())
    assert said["floors"] == {"feed": [1, 9]}
    run.write_text(json.dumps({**said, "pid": os.getpid()}))
    assert is_left(run)  # also while a child of it is there
    os.kill(its_child, signal.SIGKILL)


def test_a_run_file_stands_locked_or_not_at_all(tmp_path: Path) -> None:
    run = tmp_path / "run.json"
    assert not is_left(run)
    hold(run, {})
    hold(run, {"feed": (0, 1)})
    assert list(tmp_path.iterdir()) == [run]
    assert not is_left(run)
    let_go(run)
    assert is_left(run)


def test_a_file_without_a_lock_is_judged_by_its_process_id(tmp_path: Path) -> None:
    run = tmp_path / "run.json"
    run.write_text(json.dumps({"pid": os.getpid(), "floors": {}}))
    assert not is_left(run)
    run.write_text(json.dumps({"pid": 2**22 + 1, "floors": {}}))
    assert is_left(run)


@pytest.mark.parametrize("torn", [b"", b'{"pid": 1, "fl', b"\xff\xfe", b"[]", b'{"pid": null}'])
def test_rows_of_a_run_whose_file_is_torn_are_taken_in(conf: Settings, torn: bytes) -> None:
    dead = crawled(conf, "dead", NOW - 9 * MINUTE, NOW - 8 * MINUTE, ["a", "b"])
    let_go(dead.landing / arrival.RUN)
    (dead.landing / arrival.RUN).write_bytes(torn)
    alive = crawled(conf, "alive", NOW - 7 * MINUTE, NOW - 6 * MINUTE, ["d"])
    landed(crawled(conf, "next", NOW - 5 * MINUTE, NOW - 4 * MINUTE, ["c"]))
    assert set(Warehouse(conf.warehouse).read("posts")["post_id"]) == {"a", "b", "c"}
    assert [path.name for path in alive.landing.parent.iterdir()] == [alive.landing.name]


def test_a_source_has_answered_a_run_whose_posts_another_landed_meanwhile(conf: Settings) -> None:
    posts = [f"p{n}" for n in range(5)]
    slow = crawled(conf, "daily", NOW - 9 * MINUTE, NOW - 8 * MINUTE, posts)
    fast = landed(crawled(conf, "pulse", NOW - 7 * MINUTE, NOW - 6 * MINUTE, [*posts[1:], "p9"]))
    at = landed(slow)
    assert fast < at
    warehouse = Warehouse(conf.warehouse)
    coverage = warehouse.read("coverage").sort("as_of").select("as_of", "coverage_status", "got_n", "landed_n", "quarantined_n")
    assert coverage.rows() == [(fast, "ok", 5, 5, 0), (at, "ok", 5, 1, 0)]
    assert warehouse.read("observations").select("post_id").to_series().sort().to_list() == [*posts, "p9"]


def test_of_a_run_that_overlapped_rows_set_aside_are_counted_once(conf: Settings) -> None:
    slow = crawled(conf, "daily", NOW - 9 * MINUTE, NOW - 8 * MINUTE, ["p0", "p1", "p2", "bad"])
    file = slow.landing / "feed" / "items-00000.parquet"
    came = pl.read_parquet(file)
    came.with_columns(text=pl.when(pl.col("post_id") == "bad").then(None).otherwise("text")).write_parquet(file)
    landed(crawled(conf, "pulse", NOW - 7 * MINUTE, NOW - 6 * MINUTE, ["p0", "p1", "p2"]))
    at = landed(slow)
    row = Warehouse(conf.warehouse).read("coverage").filter(as_of=at).row(0, named=True)
    assert (row["coverage_status"], row["got_n"], row["quarantined_n"]) == ("ok", 4, 1)


@pytest.mark.parametrize("ago_s", [0, 119, 9000])
def test_after_a_torn_file_no_instant_is_earlier_than_one_that_was_taken(tmp_path: Path, ago_s: int) -> None:
    """Cut anywhere: as long as it says anything it says what stood in it, else something later than that."""
    instants, file, wrote = Instants(tmp_path), tmp_path / ".instants", NOW - timedelta(seconds=ago_s)
    taken = wrote + FAR - timedelta(microseconds=1)  # the furthest that can be
    whole = taken.isoformat().encode()
    for torn in [*(whole[:n] for n in range(len(whole) + 1)), b"\xff", b"0" * 40]:
        file.write_bytes(torn)
        os.utime(file, (wrote.timestamp(), wrote.timestamp()))
        with instants.turn() as told:
            assert taken <= told <= wrote + FAR
        assert instants.newest == datetime.fromisoformat(file.read_text()) == told
        now = NOW + timedelta(seconds=2)
        instants.take(after := max(now, told + timedelta(seconds=1)), now)
        assert instants.newest == after


def test_a_crawl_lands_after_the_file_of_instants_was_emptied(conf: Settings) -> None:
    first = landed(crawled(conf, "daily", NOW - 9 * MINUTE, NOW - 8 * MINUTE, ["a"]))
    (conf.root / ".instants").write_bytes(b"")
    again = landed(crawled(conf, "pulse", NOW - 7 * MINUTE, NOW - 6 * MINUTE, ["b"]))
    assert first < again
    assert set(Warehouse(conf.warehouse).read("posts", as_of=first)["post_id"]) == {"a"}
