"""A list that was published and is read again knows what it knew: however runs are killed, and whatever lands late. Constructed rows."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.landing import read_landing
from flows import arrival, road
from flows.road import Road
from tests.test_land import fetches, items
from warehouse.instants import Instants, known_from
from warehouse.settings import PROJECT, Settings, load_settings
from warehouse.store import Warehouse

START = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOBODY = 2**22 + 1  # a process id that this machine does not give


def test_an_instant_is_taken_once_and_one_that_somebody_typed_is_not(tmp_path: Path) -> None:
    instants = Instants(tmp_path)
    with instants.turn() as newest:
        assert newest < START
        instants.take(START, START)
    instants.take(START - MINUTE, START)
    instants.take(START + timedelta(days=900), START)
    assert instants.newest == START


def test_what_was_read_before_a_list_and_lands_after_it_is_known_from_its_landing() -> None:
    came = items(
        {"post_id": "late", "observed_at": START, "reposts_n": 1},
        {"post_id": "late", "observed_at": START + MINUTE, "reposts_n": 2},
        {"post_id": "again", "observed_at": START},
        {"post_id": "again", "observed_at": START + 9 * MINUTE},
        {"post_id": "known", "observed_at": START},
        {"post_id": "new", "observed_at": START + 8 * MINUTE},
    )
    there = pl.LazyFrame(
        {"post_id": ["known"], "observed_at": [START + 2 * MINUTE]}, schema_overrides={"observed_at": came.schema["observed_at"]}
    )
    at = START + 10 * MINUTE
    moved = known_from(came, there, START + 5 * MINUTE, at).sort("post_id")
    assert moved.select("post_id", "observed_at").rows() == [("again", START + 9 * MINUTE), ("late", at), ("new", START + 8 * MINUTE)]
    assert moved.filter(post_id="late").select("reposts_n", "first_seen_at").row(0) == (2, at)
    assert known_from(came, there, START - MINUTE, at).equals(came)


class Installation:
    """Live runs of constructed crawls at instants of our own; each list's inputs are kept as they were read."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings: Settings = load_settings(PROJECT / "conf" / "drill", root=root, drill=False, scenario=None, as_of=None)
        self.now, self.n, self.lists = START, 0, dict[datetime, dict[str, str]]()
        self.dying: str | None = None
        outer = self

        class Ours(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return outer.now

        for module in (arrival, road):
            monkeypatch.setattr(module, "datetime", Ours)
        monkeypatch.setattr(Road, "cards", lambda self: [])
        monkeypatch.setattr("expectations.gate.meet", lambda *_: [])  # the suite costs a second and judges no clock

    def crawl(self, posts: list[int]) -> Road:
        """A run that has read these posts, a minute each, and landed nothing yet."""
        run = Road(self.settings, self.now, edition=f"daily{self.n}", is_live=True)
        folder = run.landing / "feed"
        folder.mkdir(parents=True)
        (run.landing / arrival.RUN).write_text(json.dumps({"pid": os.getpid(), "floors": {}}))
        rows = []
        for post in posts:
            self.now += MINUTE
            self.n += 1
            rows.append({"post_id": f"p{post}", "text": f"岚湖一院急诊排队第{post}号", "observed_at": self.now, "first_seen_at": self.now,
                         "published_at": START - MINUTE, "reposts_n": self.n, "fetch_id": f"f{self.n}"})  # fmt: skip
        items(*rows).write_parquet(folder / "items-00000.parquet")
        asked = fetches(
            *({"fetch_id": row["fetch_id"], "fetched_at": row["observed_at"], "url": f"http://x/{row['fetch_id']}"} for row in rows)
        )
        asked.write_parquet(folder / "fetches-00000.parquet")
        self.now += MINUTE
        return run

    def arrive(self, run: Road, killed: str | None) -> None:
        """Land, and look back; or die at a write of that table."""
        try:
            with arrival.in_turn(run) as run:
                self.dying = killed
                arrival.land(run)
        except Killed:
            if (run.landing / arrival.RUN).exists():
                (run.landing / arrival.RUN).write_text(json.dumps({"pid": NOBODY, "floors": {}}))
            return
        finally:
            self.dying = None
        self.lists[run.as_of] = self.inputs(run.as_of)
        self.now += timedelta(seconds=20)

    def inputs(self, as_of: datetime) -> dict[str, str]:
        warehouse = Warehouse(self.settings.warehouse)
        return {table: warehouse.read(table, as_of=as_of).drop("run_id").write_json() for table in ("posts", "observations")}


class Killed(BaseException):
    """As if by SIGKILL: nothing handles it."""


def mortal(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes, and the clearing of the landing folder, die where the installation says so."""
    whole_add, whole_replace, rmtree = Warehouse.add, Warehouse.replace, arrival.shutil.rmtree

    def die(at: str) -> None:
        if here.dying == at:
            raise Killed

    def add(self: Warehouse, table: str, frame: pl.DataFrame) -> int:
        die(table)
        return whole_add(self, table, frame)

    def replace(self: Warehouse, table: str, frame: pl.DataFrame, as_of: datetime) -> int:
        die(table)
        return whole_replace(self, table, frame, as_of)

    def remove(path: Path, **how: Any) -> None:
        die("rmtree")
        rmtree(path, **how)

    monkeypatch.setattr(Warehouse, "add", add)
    monkeypatch.setattr(Warehouse, "replace", replace)
    monkeypatch.setattr(arrival.shutil, "rmtree", remove)


TABLE = st.sampled_from([None, None, "fetches", "posts", "observations", "coverage", "rmtree"])
RUNS = st.lists(st.tuples(st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True), st.booleans(), TABLE), min_size=2, max_size=6)


@settings(max_examples=12, deadline=None)
@given(RUNS)
def test_a_published_list_read_again_knows_what_it_knew(runs: list[tuple[list[int], bool, str | None]]) -> None:
    """Runs overlap (`waits`: it has crawled, and lands only after the next one), die between any two writes, and land with a later one."""
    with pytest.MonkeyPatch.context() as monkeypatch, TemporaryDirectory() as folder:
        here = Installation(Path(folder), monkeypatch)
        mortal(here, monkeypatch)
        waiting: list[tuple[Road, str | None]] = []
        for posts, waits, killed in runs:
            run = here.crawl(posts)
            if waits:
                waiting.append((run, killed))
                continue
            here.arrive(run, killed)
            for late, its in waiting:
                here.arrive(late, its)
            waiting.clear()
        for late, its in waiting:
            here.arrive(late, its)
        here.arrive(here.crawl([9]), None)
        for as_of, known in here.lists.items():
            assert here.inputs(as_of) == known, as_of
        observations = Warehouse(here.settings.warehouse).read("observations")
        assert observations["fetch_id"].n_unique() == observations.height  # no reading twice
        told = {f"p{post}" for posts, _, _ in runs for post in posts} | {"p9"}
        assert set(Warehouse(here.settings.warehouse).read("posts")["post_id"]) == told
        assert read_landing(here.settings.root / "landing")[0].is_empty()
