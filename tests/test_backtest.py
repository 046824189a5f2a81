"""A small constructed archive lived again: the future is not seen, a killed backtest goes on, and what was learned from is called so."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from flows.backtest import SAID, STEP, Period, backtest, rooted, summary
from flows.cli_backtest import backtest as command
from flows.daily import READING
from flows.listing import deliver
from flows.relived import HELD
from warehouse.clock import SHANGHAI
from warehouse.schema import TABLES
from warehouse.settings import PROJECT, ConfigProblem, Settings, load_settings
from warehouse.store import Warehouse

NATIONAL = PROJECT / "conf" / "national"
BEGINS = datetime(2024, 12, 30, tzinfo=SHANGHAI)
PERIOD = Period(date(2024, 12, 31), date(2025, 1, 2), 12)
MADE = ("events", "event_posts", "forecasts", "warnings", "deliveries", "outcomes")
CUT = PERIOD.instants()[3]  # nothing after it may be known at it
TITLES = (  # constructed: none of these places exists
    "岚湖一院通报患者术后死亡", "女子称在青澜妇产被误诊八年", "云泽二院护士怒怼孕妇", "家属质疑麻醉致新生儿离世",
    "澄江中医院被指号贩子横行",     "卫健委查处院长收红包", "急诊医生凌晨被醉汉打伤", "器官移植论文数据造假",
)  # fmt: skip


def archive(data: Path) -> Path:
    """The shared folder's files: eight headlines climb and leave Weibo's board by turns, hourly for a week; the others are empty."""
    for folder in ("boards", "hot_search", "text"):
        (data / folder).mkdir(parents=True)
    rows = []
    for hour in range(24 * 7):
        at = BEGINS + timedelta(hours=hour, minutes=7)
        rows += [(at, 50 - hour % 50, "天气预报"), (at, 1, "新年")]
        for n, title in enumerate(TITLES):
            age = hour - 12 * n
            if 0 <= age < 60:  # five of them are on the board at CUT
                rows.append((at, 2 + (age - 30) ** 2 // 20 if n % 2 else 15 + n + age // 3, title))
    hot = pl.DataFrame(rows, schema=["observed_at", "rank", "title"], orient="row").with_columns(
        pl.col("observed_at").dt.cast_time_unit("us"), pl.col("rank").cast(pl.UInt8)
    )
    hot.write_parquet(data / "hot_search/hourly_2020-11_2025-12.parquet")
    for board in ("weibo", "baidu", "zhihu"):
        topics = {"topic_id": [""], "title": [""], "description": [""], "is_medical": [False]}
        pl.DataFrame(topics).write_parquet(data / f"boards/{board}_topics.parquet")
        snapshots = {"topic_id": [""], "observed_at": [BEGINS.astimezone(UTC)], "rank": [1], "heat": [1.0]}
        pl.DataFrame(snapshots).with_columns(pl.col("rank").cast(pl.Int16)).write_parquet(data / f"boards/{board}_snapshots.parquet")
    names = ("id", "source", "kind", "text", "published_at", "parent_id")
    pl.DataFrame(schema=dict.fromkeys(names, pl.String())).write_parquet(data / "text/hospital_posts.parquet")
    return data


def quiet(what: str, done: int, total: int) -> None:
    """No bar."""


def relived(root: Path, data: Path, period: Period = PERIOD) -> Settings:
    settings = rooted(load_settings(NATIONAL, root=root), "test")
    backtest(settings, period, data, quiet)
    return settings


def tables(settings: Settings) -> dict[str, str]:
    warehouse = Warehouse(settings.warehouse)
    return {name: warehouse.fingerprint(name) for name in TABLES}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive(tmp_path_factory.mktemp("archive") / "data")


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return relived(tmp_path_factory.mktemp("undisturbed"), data)


def test_steps_are_the_mornings_list_and_every_so_many_hours() -> None:
    steps = Period(date(2025, 1, 1), date(2025, 1, 2), 8).instants()
    assert [step.astimezone(SHANGHAI).strftime("%d %H:%M") for step in steps] == [
        "01 07:30", "01 15:30", "01 23:30", "02 07:30", "02 15:30", "02 23:30",
    ]  # fmt: skip
    assert len(Period(date(2025, 1, 1), date(2025, 12, 31)).instants()) == 365


def test_it_warns_lets_the_list_leave_and_decides(undisturbed: Settings) -> None:
    warehouse = Warehouse(undisturbed.warehouse)
    steps = PERIOD.instants()
    assert warehouse.read("deliveries")["as_of"].sort().to_list() == steps
    assert warehouse.read("events")["as_of"].unique().sort().to_list() == steps
    assert warehouse.read("warnings")["as_of"].n_unique() >= 2
    outcomes = warehouse.read("outcomes").join(warehouse.read("forecasts"), on=TABLES["outcomes"].key)
    assert (outcomes["resolved_at"] >= outcomes["resolve_at"]).all()
    assert {"yes", "no"} <= set(outcomes["outcome"])
    assert not list(undisturbed.root.rglob("list.json"))  # nobody is shown a past list as the day's
    assert warehouse.scan("fetches").filter(pl.col("detail") == "one reading of a recorded board").collect()["source"].n_unique() >= 2


def test_days_that_the_model_learned_from_are_called_in_sample(undisturbed: Settings) -> None:
    runs = Warehouse(undisturbed.warehouse).read("forecasts").group_by("as_of").agg(pl.col("run_id").first()).sort("as_of")
    assert [run.split("-")[0] for run in runs["run_id"]] == ["in_sample"] * 2 + ["backtest"] * 4
    asked = backtest(undisturbed, PERIOD, Path("nowhere"), quiet)  # all is there: the archive is not asked again
    assert not asked.is_out_of_sample
    assert summary(undisturbed, asked)[0].startswith("IN SAMPLE before 2025-01-01")


def test_again_changes_nothing_and_another_question_is_refused(undisturbed: Settings, data: Path) -> None:
    before = tables(undisturbed)
    backtest(undisturbed, PERIOD, data, quiet)
    assert tables(undisturbed) == before
    with pytest.raises(ConfigProblem, match="every_h 12"):
        backtest(undisturbed, Period(PERIOD.first, PERIOD.last, 6), data, quiet)


@pytest.mark.slow
def test_a_longer_period_goes_on_where_the_shorter_ended(undisturbed: Settings, data: Path, tmp_path: Path) -> None:
    short = relived(tmp_path, data, Period(PERIOD.first, PERIOD.last - timedelta(days=1), PERIOD.every_h))
    relived(tmp_path, data)
    assert {name: tables(short)[name] for name in MADE} == {name: tables(undisturbed)[name] for name in MADE}


def test_what_comes_after_is_not_seen(undisturbed: Settings, data: Path, tmp_path: Path) -> None:
    """Every row of a clock after CUT says something else; up to CUT all that was made is the same, and after it is not."""
    root = tmp_path / "backtest" / "test"
    shutil.copytree(undisturbed.root, root)
    for name in MADE:
        shutil.rmtree(root / "warehouse" / name)
    warehouse = Warehouse(root / "warehouse")
    for name in HELD:
        clock, key = TABLES[name].clock, TABLES[name].key
        mixed = [pl.col(column).shuffle(seed) for seed, column in enumerate(TABLES[name].columns) if column not in (*key, clock, "day_on")]
        if warehouse.exists(name):
            assert warehouse.rewrite(name, pl.col(clock) > CUT, lambda rows, mixed=mixed: rows.with_columns(mixed)), name  # type: ignore[misc]
    other = relived(tmp_path, data)
    assert other.root == root
    one, two = Warehouse(undisturbed.warehouse), Warehouse(root / "warehouse")
    for name in MADE:
        assert one.read(name, as_of=CUT).height, name
        assert one.read(name, as_of=CUT).equals(two.read(name, as_of=CUT)), name
    for name in ("events", "forecasts", "outcomes"):
        assert not one.read(name).equals(two.read(name)), name


@pytest.mark.slow
@pytest.mark.parametrize("where", ["import", "first", "later", "outcomes"])
def test_killed_it_goes_on_and_leaves_the_same_rows(where: str, undisturbed: Settings, data: Path, tmp_path: Path) -> None:
    marks = {"import": ("posts", 1), "first": ("events", 1), "later": ("warnings", 2), "outcomes": ("outcomes", 2)}
    table, days = marks[where]
    words = [
        "backtest", "--from", "2024-12-31", "--to", "2025-01-02", "--every", "12", "--name", "test", "--data", str(data),
    ]  # fmt: skip
    call = [str(Path(sys.executable).with_name("guanchao")), *words]
    environment = {**os.environ, "GUANCHAO_ROOT": str(tmp_path)}
    root = tmp_path / "backtest" / "test"
    killed = subprocess.Popen(call, env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while len(list((root / "warehouse" / table).glob("day_on=*/*.parquet"))) < days and time.monotonic() < deadline:
        assert killed.poll() is None
        time.sleep(0.005)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    again = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert again.returncode == 0, again.stderr[-2000:]
    assert "IN SAMPLE" in again.stdout
    assert tables(undisturbed.model_copy(update={"root": root})) == tables(undisturbed)
    assert json.loads((root / SAID).read_text())["filled_to"] == "2025-01-02"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"first": "2025-13-01"}, "--from 2025-13-01: not a day"),
        ({"last": "tomorrow"}, "--to tomorrow: not a day"),
        ({"first": "2025-02-01"}, "the period ends before it begins"),
        ({"every": 7}, "--every 7: hours that divide a day"),
        ({"every": 0}, "--every 0"),
        ({"name": "../live"}, "--name ../live: a plain name"),
    ],
)
def test_a_wrong_question_is_one_line(words: dict[str, object], said: str) -> None:
    asked: dict[str, object] = {"first": "2025-01-01", "last": "2025-01-31", "every": 24, "name": None, **words}
    with pytest.raises(ConfigProblem, match=said):
        command(**asked)  # type: ignore[arg-type]


def test_days_that_the_archive_lacks_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="no board was read between 2031-01-01 and 2031-01-02"):
        relived(tmp_path, data, Period(date(2031, 1, 1), date(2031, 1, 2)))
    assert not (tmp_path / "backtest" / "test" / "warehouse").exists()


def test_its_stages_are_the_roads_own() -> None:
    assert set(STEP) - {deliver} <= set(READING)
