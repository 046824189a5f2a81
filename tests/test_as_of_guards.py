"""An --as-of that would do harm is refused and all stays as it is: still to come, or its posts are gone. Constructed rows."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from flows import cli
from flows.past import check_kept
from flows.road import Road, last_run, when
from warehouse.erase import Wish, erase
from warehouse.schema import TABLES
from warehouse.settings import PROJECT, ConfigProblem, Settings, load_settings
from warehouse.store import Warehouse
from warehouse.tables_upkeep import retain

NATIONAL = PROJECT / "conf" / "national"
NOW = datetime.now(UTC).replace(microsecond=0)
MADE = NOW - timedelta(days=170)  # its window of 30 days reaches beyond the 180 that posts are kept
NEXT_YEAR = (NOW + timedelta(days=365)).isoformat()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(NATIONAL, root=tmp_path)


def fill(settings: Settings, ages: tuple[float, ...], made: datetime | None = None) -> Warehouse:
    """A post so many days old each; at `made` an event of them all."""
    warehouse = Warehouse(settings.warehouse, "constructed")
    post = {"source": "constructed", "platform": "weibo", "kind": "post", "published_precision": "unknown", "fetch_id": "f"}
    said = {"title": "岚湖一院挂号排队", "text": "窗口没有人"}
    rows = [{**post, **said, "post_id": f"p{n}", "first_seen_at": NOW - timedelta(days=age)} for n, age in enumerate(ages)]
    warehouse.add("posts", pl.DataFrame(rows))
    if made:
        counts = {"posts_n": len(ages), "authors_n": 1, "platforms": ["weibo"], "growth": 0.0}
        times = {"as_of": made, "first_post_at": made, "last_post_at": made}
        event = {"event_id": "e", "hospital_id": "h", "title": "岚湖一院挂号排队", "category": "service", **times, **counts}
        warehouse.replace("event_posts", pl.DataFrame([{"event_id": "e", "post_id": row["post_id"], "as_of": made} for row in rows]), made)
        warehouse.replace("events", pl.DataFrame([event]), made)
    return warehouse


def refused(root: Path, said: str, *words: str) -> bool:
    command = [str(Path(sys.executable).with_name("guanchao")), *words, "--conf", str(NATIONAL)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "GUANCHAO_ROOT": str(root)})
    lines = done.stderr.strip().splitlines()
    assert (done.returncode, len(lines)) == (2, 1), done.stdout + done.stderr
    return lines[0].startswith("guanchao: ") and said in lines[0]


def test_an_instant_still_to_come_is_refused() -> None:
    assert when((NOW + timedelta(minutes=5)).isoformat(), None) == NOW + timedelta(minutes=5)  # two machines' clocks
    for late in (timedelta(minutes=15), timedelta(days=365)):
        with pytest.raises(ConfigProblem, match="still to come"):
            when((NOW + late).isoformat(), None)
        with pytest.raises(ConfigProblem, match="still to come"):
            when((NOW + late).isoformat(), "2026-03-10T08:30+08:00")


def test_a_drill_has_its_own_clock_on_a_machine_of_any_date() -> None:
    ahead = NOW + timedelta(days=900)
    assert when(None, ahead.isoformat()) == ahead
    assert when(ahead.isoformat(), ahead.isoformat()) == ahead
    with pytest.raises(ConfigProblem, match="still to come"):
        when((ahead + timedelta(days=1)).isoformat(), ahead.isoformat())


COMMANDS = [("run",), ("stage", "resolve"), ("record",), ("validate",), ("drift",), ("evidence", "e", "--out", "bundle")]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_every_command_refuses_a_mistyped_year(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["guanchao", *words, "--as-of", NEXT_YEAR, "--conf", str(NATIONAL)])
    for name, value in {"GUANCHAO_ROOT": str(tmp_path), "PREFECT_HOME": str(tmp_path), "PREFECT_LOGGING_LEVEL": "CRITICAL"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().err.strip().splitlines()
    assert (end.value.code, len(said)) == (2, 1)
    assert said[0].startswith(f"guanchao: as_of {NEXT_YEAR}: still to come")
    assert not (tmp_path / "warehouse").exists()


def test_a_list_of_a_mistyped_year_is_not_the_last_run(settings: Settings) -> None:
    warehouse = Warehouse(settings.warehouse, "constructed")
    for moment in (NOW - timedelta(hours=2), NOW + timedelta(days=365)):
        left = {"delivery_id": moment.isoformat(), "as_of": moment, "channel": "file", "is_sent": True, "sent_at": moment}
        warehouse.add("deliveries", pl.DataFrame([left]))
    assert last_run(settings) == (NOW - timedelta(hours=2)).isoformat()


@pytest.mark.parametrize("made", [NOW - timedelta(days=345), MADE], ids=["all-gone", "some-gone"])
def test_a_day_whose_posts_retention_dropped_is_not_made_again(settings: Settings, made: datetime) -> None:
    age = (NOW - made).days
    warehouse = fill(settings, (age + 1, age + 20), made)
    check_kept(Road(settings, made))  # an old archive that was just imported and walked: its posts are here
    retain(warehouse, NOW, settings.keep_days)
    assert warehouse.read("posts").height == (1 if age < 180 else 0)
    with pytest.raises(ConfigProblem, match="no longer kept"):
        check_kept(Road(settings, made))


def test_the_run_is_refused_before_anything_is_replaced_or_published(settings: Settings) -> None:
    warehouse = fill(settings, (171, 190), MADE)
    retain(warehouse, NOW, settings.keep_days)
    settings.published.mkdir()
    page = settings.published / "latest.html"
    page.write_text("the list as it was", encoding="utf-8")
    tables = sorted(path.name for path in settings.warehouse.iterdir() if path.name in TABLES)
    before = [warehouse.fingerprint(table) for table in tables]
    assert refused(settings.root, "no longer kept", "run", "--as-of", MADE.isoformat())
    assert page.read_text(encoding="utf-8") == "the list as it was"
    assert list(settings.published.iterdir()) == [page]
    assert sorted(path.name for path in settings.warehouse.iterdir() if path.name in TABLES) == tables
    assert [warehouse.fingerprint(table) for table in tables] == before


def test_where_nothing_was_made_an_archive_is_walked_and_a_void_is_not(settings: Settings) -> None:
    old = Road(settings, NOW - timedelta(days=345))
    with pytest.raises(ConfigProblem, match="no post of its 30 days is here; posts are kept 180 days"):
        check_kept(old)
    check_kept(Road(settings, NOW - timedelta(days=1)))  # a young platform: nothing was dropped
    check_kept(Road(settings.model_copy(update={"keep_days": {"posts": None}}), old.as_of))
    fill(settings, (346,))
    check_kept(old)


def test_what_people_had_erased_is_not_missed(settings: Settings) -> None:
    """Its page is made again so that it no longer shows it."""
    made = NOW - timedelta(days=3)
    warehouse = fill(settings, (4,), made)
    warehouse.rewrite("posts", pl.lit(True), lambda rows: rows.with_columns(author_hash=pl.lit("a" * 16)))
    erase(warehouse, settings.archive, Wish(("a" * 16,), (), ""), NOW)
    assert warehouse.read("events").height == 1
    assert warehouse.read("event_posts").is_empty()
    check_kept(Road(settings, made))
