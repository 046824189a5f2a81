"""Back-scoring a constructed warehouse: threads and a two-worker Ray give the road's own scores; killed, spoilt and run again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flows.backscore import ALWAYS, PORTION, Days, Work, alone, champion, read_days, unread_portions
from models.classifier.score import SHIPPED, Classifier, version
from warehouse.schema import polars_schema
from warehouse.settings import ConfigProblem, Settings, load_settings
from warehouse.store import Warehouse

START = datetime(2026, 3, 1, 2, tzinfo=UTC)
TEXTS = (
    "岚湖市中医院结账三千六，明细里有没听说过的药",
    "岚湖一院急诊等了三个小时",
    "谢谢岚湖妇儿的护士",
    "今天岚湖下雨了",
)  # 岚湖市 does not exist
DAYS, A_DAY = 6, 40

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six days of forty posts; every fourth speaks of no hospital."""
    root = tmp_path_factory.mktemp("filled")
    posts, mentions = [], []
    for n in range(DAYS * A_DAY):
        seen = START + timedelta(days=n // A_DAY, minutes=n % A_DAY)
        post = {"post_id": f"p{n:04}", "first_seen_at": seen, "text": f"{TEXTS[n % 4]}，{n % 7} 楼" * (1 + n % 5)}
        posts.append({**post, "source": "s", "platform": "weibo", "kind": "post", "published_precision": "minute", "fetch_id": "f"})
        if n % 4 != 3:
            said = {"hospital_id": "*", "evidence": "e", "confidence_p": 0.9, "status": "confirmed"}
            mentions.append({"post_id": post["post_id"], "first_seen_at": seen, **said})
    warehouse = Warehouse(root / "warehouse")
    for table, rows in (("posts", posts), ("mentions", mentions)):
        warehouse.add(table, pl.DataFrame(rows, schema_overrides={k: v for k, v in polars_schema(table).items() if k in rows[0]}))
    return root


@pytest.fixture
def root(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "root"))


def command(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("guanchao")), "backscore", *words]


def backscore(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GUANCHAO_ROOT": str(root), "HOME": str(root)}
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=400, check=False, env=environment)


def work(root: Path, model: Path = SHIPPED) -> Work:
    (root / "backscore").mkdir(exist_ok=True)
    return Work(str(root / "warehouse"), str(model), version(model), str(root / "backscore"))


def scores(root: Path) -> pl.DataFrame:
    return Warehouse(root / "warehouse").read("scores")


def by_the_road(root: Path) -> pl.DataFrame:
    """What the road's own stage would have written, all days in one go."""
    warehouse = Warehouse(root / "warehouse")
    concerned = warehouse.read("posts").join(warehouse.read("mentions"), on="post_id", how="semi")
    return Classifier.load().score(concerned)


def is_the_roads(root: Path) -> bool:
    expected = by_the_road(root)
    return scores(root).select(expected.columns).equals(expected)


@pytest.mark.parametrize("runner", ["threads", "ray"])
def test_two_workers_write_what_the_road_writes(runner: str, root: Path) -> None:
    if runner == "ray":
        pytest.importorskip("prefect_ray", reason="the extra `scale` is not installed")
    done = backscore(root, "--runner", runner, "--workers", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{DAYS * A_DAY * 3 // 4} posts" in done.stdout
    assert is_the_roads(root)
    assert [path.name for path in (root / "backscore").iterdir()] == [".lock"]
    assert not (root / ".ray").exists()  # HOME: no token left behind
    before = Warehouse(root / "warehouse").fingerprint("scores")
    again = backscore(root, "--runner", runner)
    assert again.returncode == 0
    assert again.stdout.startswith("0 posts")
    assert Warehouse(root / "warehouse").fingerprint("scores") == before


def test_killed_it_goes_on_and_a_bad_day_costs_no_other(root: Path) -> None:
    bad = next((root / "warehouse" / "posts" / "day_on=2026-03-03").glob("*.parquet"))
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])  # so every day is a task of its own
    environment = {**os.environ, "GUANCHAO_ROOT": str(root)}
    killed = subprocess.Popen(command("--workers", "1"), env=environment, start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not list((root / "warehouse" / "scores").glob("day_on=*/*.parquet")) and time.monotonic() < deadline:
        assert killed.poll() is None
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with suppress(ProcessLookupError):  # Prefect's temporary server outlives it
        os.killpg(killed.pid, signal.SIGKILL)
    assert scores(root)["day_on"].n_unique() < DAYS - 1
    done = backscore(root, "--workers", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2026-03-03" in done.stderr
    assert "Traceback" not in done.stderr
    assert scores(root)["day_on"].n_unique() == DAYS - 1
    bad.write_bytes(whole)
    assert backscore(root).returncode == 0
    assert is_the_roads(root)


def test_only_the_days_asked_for(root: Path) -> None:
    assert unread_portions(work(root), ALWAYS) == [Days("2026-03-01", "2026-03-06")]
    assert unread_portions(work(root), Days("2026-03-02", "2026-03-03")) == [Days("2026-03-02", "2026-03-03")]
    assert unread_portions(work(root), Days("2027-01-01", "9999")) == []


def test_quiet_days_share_a_task_and_a_large_one_has_its_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PORTION > DAYS * A_DAY
    monkeypatch.setattr("flows.backscore.PORTION", 60)  # two days of thirty
    assert unread_portions(work(root), ALWAYS)[0] == Days("2026-03-05", "2026-03-06")
    monkeypatch.setattr("flows.backscore.PORTION", 10)
    assert len(unread_portions(work(root), ALWAYS)) == DAYS


def test_a_new_champion_reads_everything_again(root: Path, tmp_path: Path) -> None:
    days = Days("2026-03-01", "2026-03-06")
    first = read_days.fn(work(root), days)
    Warehouse(root / "warehouse").add("scores", pl.read_parquet(first.file))
    assert read_days.fn(work(root), days).posts_n == 0
    other = Path(shutil.copytree(SHIPPED, tmp_path / "other"))
    card = json.loads((other / "card.json").read_text(encoding="utf-8"))
    (other / "card.json").write_text(json.dumps({**card, "name": "other"}), encoding="utf-8")
    assert read_days.fn(work(root, other), days).posts_n == first.posts_n


def test_a_worker_with_another_model_is_refused(root: Path) -> None:
    mine = work(root)
    with pytest.raises(ConfigProblem, match="check out one commit"):
        read_days.fn(Work(mine.warehouse, mine.model, "old-00000000", mine.out), ALWAYS)


def test_one_at_a_time_and_no_leftovers(tmp_path: Path) -> None:
    with alone(tmp_path):
        (tmp_path / "2026-03-01.parquet").touch()
        with pytest.raises(ConfigProblem, match="another back-scoring"), alone(tmp_path):
            pass
    with alone(tmp_path):
        assert not list(tmp_path.glob("*.parquet"))


def test_one_core_scores_as_all_do() -> None:
    texts = [text * n for n in (1, 3, 9) for text in TEXTS]
    for one, every in zip(champion(str(SHIPPED), 1).probabilities(texts), champion(str(SHIPPED), 0).probabilities(texts), strict=True):
        assert np.abs(one - every).max() < 1e-5


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--runner", "spark"), "task_runner"), (("--from", "soon"), "--from soon"), (("--address", "10.0.0.5:6379"), "PREFECT_API_URL")],
)
def test_a_mistake_costs_one_line(words: tuple[str, ...], said: str, root: Path) -> None:
    done = backscore(root, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_threads_unless_said_otherwise(tmp_path: Path) -> None:
    assert Settings().task_runner == "threads"
    assert load_settings(Path("conf/drill"), task_runner="ray").task_runner == "ray"
