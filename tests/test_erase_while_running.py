"""What is erased while a run works stays erased: no table and no page that the run makes brings it back. Constructed rows, real locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import models.grouping
from flows import listing, reading
from flows.cli import app
from flows.handed_out import none_erased
from flows.road import Road
from flows.steps import timed
from warehouse import erasing
from warehouse.commits import Tables
from warehouse.erase import ERASED, Erased, Wish, erase
from warehouse.schema import TABLES
from warehouse.settings import PROJECT, Settings
from warehouse.store import TableProblem, Warehouse

AS_OF = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
SEEN = AS_OF - timedelta(hours=2)
SAID = "岚湖市第一医院急诊排队两小时没有人管"
URL = "https://example.invalid/1"
HIM = Wish(authors=("him",))
SHORT_S = 0.3


def posts(*ids: str) -> pl.DataFrame:
    fixed = {"source": "constructed", "platform": "weibo", "kind": "title", "author_hash": "him", "published_precision": "unknown"}
    rows = [
        {**fixed, "post_id": id, "url": URL.replace("/1", f"/{id}"), "text": SAID, "first_seen_at": SEEN, "fetch_id": "f"} for id in ids
    ]
    return pl.DataFrame(rows)


def events(title: str = SAID) -> pl.DataFrame:
    event = {"event_id": "e", "as_of": AS_OF, "hospital_id": "lanhu-first", "title": title, "category": "service", "first_post_at": SEEN,
             "last_post_at": SEEN, "posts_n": 1, "authors_n": 1, "platforms": ["weibo"], "growth": 1.0}  # fmt: skip
    return pl.DataFrame([event])


def members(post_id: str = "1") -> pl.DataFrame:
    return pl.DataFrame([{"event_id": "e", "post_id": post_id, "as_of": AS_OF}])


@pytest.fixture
def road(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Road:
    """A run over one post, read by the models, that is not grouped yet."""
    monkeypatch.setenv("GUANCHAO_ROOT", str(tmp_path))
    road = Road(Settings(conf=PROJECT / "conf" / "drill", root=tmp_path, drill=True), AS_OF)
    tables = Warehouse(road.settings.warehouse)
    tables.add("posts", posts("1"))
    hospital = road.watchlist.hospitals[0].id
    tables.add("mentions", pl.DataFrame([{"post_id": "1", "hospital_id": hospital, "evidence": SAID, "confidence_p": 1.0,
                                          "status": "confirmed", "first_seen_at": SEEN}]))  # fmt: skip
    tables.add("scores", pl.DataFrame([{"post_id": "1", "model_version": road.text_model, "relevant_p": 0.9, "negative_p": 0.9,
                                        "neutral_p": 0.05, "positive_p": 0.05, "category": "service", "category_p": 0.9,
                                        "first_seen_at": SEEN}]))  # fmt: skip
    return road


def again(road: Road) -> Road:
    return Road(road.settings, road.as_of)


def everything(road: Road) -> str:
    tables = Warehouse(road.settings.warehouse)
    return "".join(tables.read(table).write_json() for table in TABLES if table != "erasures")


def erased(road: Road, wish: Wish = HIM) -> Erased:
    return erase(Warehouse(road.settings.warehouse), road.settings.archive, wish, AS_OF)


def test_grouping_whose_post_is_erased_meanwhile_stops_and_running_again_is_clean(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = models.grouping.group

    def slow(*given: Any) -> Any:
        made = whole(*given)
        assert made[0]["title"].to_list() == [SAID]
        said = CliRunner().invoke(app, ["tables", "erase", "--url", URL], catch_exceptions=False).output
        assert "posts: 1 rows erased" in said
        return made

    with monkeypatch.context() as patched:
        patched.setattr(models.grouping, "group", slow)
        step = timed(reading.group)(road)
    assert step.ends_the_road
    assert step.stopped.startswith("event_posts: posts were erased at someone's wish while this run was under way")
    assert SAID not in everything(road)
    assert not timed(reading.group)(again(road)).stopped
    assert SAID not in everything(road)


@pytest.mark.parametrize("table", erasing.WORKED_OUT)
def test_no_table_worked_out_of_posts_is_written_after_an_erasure(road: Road, table: str) -> None:
    tables = road.warehouse
    erased(road)
    rows = {"events": events(), "event_posts": members("other")}.get(table, pl.DataFrame())
    with pytest.raises(TableProblem, match=f"^{table}: .*run it again"):
        tables._without_erased(table, rows)
    if table in ("events", "event_posts"):
        with pytest.raises(TableProblem, match="run it again"):
            road.warehouse.replace(table, rows, AS_OF)
        assert again(road).warehouse.replace(table, rows, AS_OF) == 1


def test_what_is_of_one_post_is_kept_out_row_by_row_and_the_run_goes_on(road: Road) -> None:
    tables = road.warehouse
    mention = tables.read("mentions").drop("run_id", "day_on")
    erased(road)
    assert tables.add("mentions", pl.concat([mention, mention.with_columns(post_id=pl.lit("other"))])) == 1
    assert tables.add("posts", posts("1").with_columns(author_hash=pl.lit("her"), url=pl.lit("https://example.invalid/x"))) == 0


def test_a_broken_event_is_not_set_aside_with_the_words_either(road: Road) -> None:
    tables = road.warehouse
    erased(road)
    sound = [events("别人的话").with_columns(event_id=pl.lit(f"e{n}")) for n in range(200)]
    with pytest.raises(TableProblem, match=r"^quarantine: .*run it again"):
        tables.replace("events", pl.concat([*sound, events().with_columns(growth=pl.lit(-1.0))]), AS_OF)
    assert SAID not in everything(road)


@contextmanager
def held_up(table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Event, Event]]:
    """The next commit of the table has looked at what was erased and is about to write: (it is there, let it go)."""
    there, go, write = Event(), Event(), Tables._write

    def slow(self: Tables, name: str, *given: Any) -> None:
        if name == table and not there.is_set():
            there.set()
            assert go.wait(20)
        write(self, name, *given)

    with monkeypatch.context() as patched:
        patched.setattr(Tables, "_write", slow)
        try:
            yield there, go
        finally:
            go.set()


def is_waiting(future: Future[Any]) -> bool:
    return not wait([future], SHORT_S).done


@pytest.mark.parametrize(
    ("table", "write"),
    [
        ("events", lambda road: road.warehouse.replace("events", events(), AS_OF)),
        ("posts", lambda road: road.warehouse.add("posts", posts("2"))),
    ],
)
def test_a_commit_that_was_under_way_is_found(
    road: Road, monkeypatch: pytest.MonkeyPatch, table: str, write: Callable[[Road], int]
) -> None:
    road.warehouse.replace("event_posts", members(), AS_OF)
    with ThreadPoolExecutor(2) as pool, held_up(table, monkeypatch) as (there, go):
        writing = pool.submit(write, road)
        assert there.wait(20)
        erasure = pool.submit(erased, road)
        assert is_waiting(erasure)
        go.set()
        assert (writing.result(20), erasure.result(20).rows[table]) == (1, 1 if table == "events" else 2)
    assert SAID not in everything(road)
    assert Warehouse(road.settings.warehouse).read("events")["title"].to_list() == ([ERASED] if table == "events" else [])


def test_a_run_that_begins_meanwhile_waits_for_the_end(road: Road) -> None:
    erased(road, Wish(urls=("https://example.invalid/before",)))
    with ThreadPoolExecutor(1) as pool:
        with erasing.under_way(road.warehouse):
            beginning = pool.submit(lambda: again(road).erased_before)
            assert is_waiting(beginning)
        assert beginning.result(20) == erasing.newest(road.warehouse)


def test_an_erasure_waits_for_pages_and_pages_are_not_begun_after_it(road: Road) -> None:
    printing, go = Event(), Event()

    @none_erased
    def publish(road: Road) -> int:
        printing.set()
        assert go.wait(20)
        return 1

    with ThreadPoolExecutor(2) as pool:
        pages = pool.submit(publish, road)
        assert printing.wait(20)
        erasure = pool.submit(erased, road)
        try:
            assert is_waiting(erasure)
        finally:
            go.set()
        assert pages.result(20) == 1
        assert erasure.result(20).posts == ["1"]
    printing.clear()
    with pytest.raises(TableProblem, match=r"^publish: .*run it again"):
        publish(road)
    assert not printing.is_set()
    assert publish(again(road)) == 1


@pytest.mark.parametrize("stage", [listing.publish, listing.record])
def test_the_stages_that_print_post_words_print_nothing_after_an_erasure(road: Road, stage: Callable[[Road], int]) -> None:
    assert road.warehouse.read("posts").height == 1
    erased(road)
    assert timed(stage)(road).stopped.startswith(f"{stage.__name__}: posts were erased")
    assert not road.settings.published.exists()


def test_a_dry_run_stops_nobody(road: Road) -> None:
    tables = road.warehouse
    assert erase(tables, road.settings.archive, HIM, AS_OF, dry_run=True).rows["posts"] == 1
    assert tables.replace("events", events(), AS_OF) == 1
