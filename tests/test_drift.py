"""Drift is said when there is one, not on a small day, never of the future, and written where people look."""

import json
import math
import shutil
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from briefing.desk.app import create
from briefing.models_page import SEEN_DAYS, figures, publish_models, reliability, spark
from briefing.publish import publish_no_list
from flows.listing import watch
from flows.road import Road
from flows.steps import timed
from models import drift
from models.classifier.score import version
from models.classifier.vocabulary import SPECIAL, Vocabulary
from tests.sample_list import publish_sample, quiet, settings
from tests.test_browser import CHROMIUM, CONTRAST
from warehouse.settings import ConfigProblem
from warehouse.store import Warehouse
from warehouse.vocabulary import CATEGORIES, DRIFT_FEATURES

NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
DAY = timedelta(days=1)
KNOWN = "岚湖市医院门诊排队两小时护士态度好急诊收费明细要求公开调查孩子手术家属等说法谢谢大夫耐心细致"
CARD = {
    "name": "guanchao-text",
    "test": {
        "challenger": {"posts/relevant/macro_f1": 0.91, "posts/relevant/ece": 0.03, "posts/relevant/n": 493.0},
        "linear_baseline": {"posts/relevant/macro_f1": 0.78},
        "reliability": {"relevant": [{"confidence": 0.6, "accuracy": 0.58, "n": 40}, {"confidence": 0.9, "accuracy": 0.93, "n": 200}]},
    },
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder; what drift needs of it is the vocabulary and the version."""
    folder = tmp_path_factory.mktemp("weights")
    Vocabulary(SPECIAL + sorted({*KNOWN})).save(folder / "vocabulary.txt")
    for name in ("model.xml", "model.bin"):
        (folder / name).write_bytes(b"constructed")
    (folder / "card.json").write_text(json.dumps(CARD), encoding="utf-8")
    return folder


def posts(n: int, seed: int, newest: datetime, days: float, length: tuple[int, int] = (20, 60), strange: float = 0.0) -> pl.DataFrame:
    """n texts of known characters, of `length`, spread over the `days` before `newest`; a share `strange` of characters is unknown."""
    draw = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        text = "".join(draw.choice([*KNOWN], int(draw.integers(*length))))
        text = "".join("𠀀" if draw.random() < strange else char for char in text)
        rows.append(
            {
                "post_id": f"{seed}-{i}",
                "source": "weibo_search",
                "platform": str(draw.choice(["weibo", "zhihu"], p=[0.7, 0.3])),
                "kind": "post",
                "text": text,
                "title": None,
                "fetch_id": "f",
                "published_precision": "minute",
                "first_seen_at": newest - timedelta(days=days) * float(draw.random()),
            }
        )
    return pl.DataFrame(rows, schema_overrides={"title": pl.String})


def scores(of: pl.DataFrame, model: str, seed: int, lean: float = 2.0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    shares = draw.dirichlet([lean, 2, 2], of.height).round(4)
    return of.select("post_id", "first_seen_at").with_columns(
        pl.lit(model).alias("model_version"), pl.Series("relevant_p", draw.beta(lean, 2, of.height).round(4)),
        *(pl.Series(name, shares[:, i]) for i, name in enumerate(("negative_p", "neutral_p", "positive_p"))),
        pl.Series("category", draw.choice(list(CATEGORIES), of.height)), pl.Series("category_p", draw.beta(4, 2, of.height).round(4)),
    )  # fmt: skip


def fill(warehouse: Warehouse, frame: pl.DataFrame, model: str, **how: Any) -> None:
    warehouse.add("posts", frame)
    warehouse.add("scores", scores(frame, model, **how))


@pytest.fixture
def warehouse(tmp_path: Path, weights: Path) -> Warehouse:
    """Six hundred texts of the month before, and a week like them."""
    made = Warehouse(tmp_path / "warehouse")
    fill(made, posts(600, 1, NOW - 8 * DAY, 20), version(weights), seed=1)
    fill(made, posts(300, 2, NOW - DAY, 6), version(weights), seed=2)
    return made


def said(rows: pl.DataFrame, days: int) -> dict[str, dict[str, Any]]:
    return {row["feature"]: row for row in rows.filter(pl.col("days_n") == days).iter_rows(named=True)}


# ── the figure ──────────────────────────────────────────────────────────


def test_psi_is_the_textbooks_sum() -> None:
    seen = drift.psi(np.array([500, 500]), np.array([300, 700]))
    assert seen == pytest.approx((0.3 - 0.5) * math.log(0.3 / 0.5) + (0.7 - 0.5) * math.log(0.7 / 0.5), rel=0.01)
    assert drift.psi(np.array([10, 90]), np.array([10, 90])) == 0
    assert math.isfinite(drift.psi(np.array([100, 0]), np.array([0, 100])))


def test_chance_shrinks_with_the_texts_and_raises_the_bar_of_a_small_day() -> None:
    assert drift.chance(50, 500, 10) > drift.MARKED > drift.chance(1000, 500, 10)
    assert drift.chance(100, 100, 2) == pytest.approx(0.02 * 10.828, rel=1e-3)  # the 0.999 quantile of χ² with one degree
    assert [drift.status(psi, 0.01) for psi in (0.1, 0.11, 0.25, 0.26)] == ["stable", "slight", "slight", "marked"]
    assert drift.status(0.4, 0.5) == "stable"


@pytest.mark.parametrize("n", [50, 120, 400, 2000])
def test_the_same_distribution_raises_no_alarm(n: int) -> None:
    """200 days drawn as the reference was: a day with any feature not `stable` is a false alarm; at most one day in twenty."""

    def drawn(draw: np.random.Generator, n: int) -> dict[str, pl.Series]:
        made = {
            "length": draw.lognormal(3.5, 1, n).round(), "unknown": np.where(draw.random(n) < 0.06, draw.random(n), 0),
            "never": np.zeros(n), "sure": draw.beta(0.4, 0.4, n), "even": draw.random(n), "low": draw.beta(1, 9, n).round(2),
        }  # fmt: skip
        share = np.array([0.4, 0.2, 0.1, 0.1, 0.06, 0.05, 0.05, 0.03, 0.01])
        made |= {"category": draw.choice(list(CATEGORIES), n, p=share), "platform": draw.choice(["weibo", "zhihu"], n, p=[0.97, 0.03])}
        return {name: pl.Series(name, values) for name, values in made.items()}

    alarms, errors = 0, 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        reference = {name: drift.Bins.of(values) for name, values in drawn(draw, drift.OWN_N).items()}
        today = drawn(draw, n)
        figures = [drift._compare(bins, "own", today[name]) for name, bins in reference.items()]
        alarms += any(one["drift_status"] != "stable" for one in figures)
        errors += any(one["drift_status"] == "marked" for one in figures)
    assert alarms <= 10, alarms
    assert errors <= 10, errors


def test_bins_of_one_value_of_rare_names_and_of_names_never_seen() -> None:
    zero = drift.Bins.of(pl.Series("x", [0.0] * 60))
    assert zero.counts == [60, 0]
    assert zero.count(pl.Series("x", [0.0, 0.2])).tolist() == [1, 1]
    names = drift.Bins.of(pl.Series("x", ["weibo"] * 58 + ["zhihu"] * 2))
    assert (names.labels, names.counts) == (["weibo"], [58, 2])
    assert names.count(pl.Series("x", ["douyin", "weibo"])).tolist() == [1, 1]
    assert drift.Bins.of(pl.Series("x", [str(i) for i in range(60)])).counts == [60]


# ── the table ───────────────────────────────────────────────────────────


def test_a_week_like_the_months_before_is_stable(warehouse: Warehouse, weights: Path) -> None:
    fill(warehouse, posts(120, 3, NOW, 0.9), version(weights), seed=3)
    rows = drift.drift(warehouse, NOW, weights)
    assert rows.height == 2 * len(DRIFT_FEATURES)
    assert set(rows["drift_status"]) == {"stable"}
    assert set(rows.select("reference", "reference_n").iter_rows()) == {("own", drift.OWN_N)}
    assert (said(rows, 1)["pieces_n"]["texts_n"], said(rows, 7)["pieces_n"]["texts_n"]) == (120, 420)


@pytest.mark.parametrize(
    ("shift", "moved"),
    [({"strange": 0.2}, "unknown_share"), ({"length": (60, 160)}, "pieces_n")],
)
def test_a_constructed_shift_of_the_input_is_marked_and_only_it(
    shift: dict[str, Any], moved: str, warehouse: Warehouse, weights: Path
) -> None:
    fill(warehouse, posts(120, 3, NOW, 0.9, **shift), version(weights), seed=3)
    today = said(drift.drift(warehouse, NOW, weights), 1)
    assert today[moved]["psi"] > drift.MARKED
    assert {name for name, row in today.items() if row["drift_status"] != "stable"} == {moved}


def test_a_shift_of_what_the_model_says_is_marked(warehouse: Warehouse, weights: Path) -> None:
    fill(warehouse, posts(120, 3, NOW, 0.9), version(weights), seed=3, lean=9.0)
    today = said(drift.drift(warehouse, NOW, weights), 1)
    marked = {name for name, row in today.items() if row["drift_status"] == "marked"}
    assert {"relevant_p", "negative_p"} <= marked
    assert not marked & {"pieces_n", "unknown_share", "platform", "category"}


def test_too_few_texts_are_not_judged_and_equal_texts_count_once(warehouse: Warehouse, weights: Path) -> None:
    fresh = posts(drift.LEAST - 1, 3, NOW, 0.9, strange=0.5)
    again = fresh.with_columns(post_id="again-" + pl.col("post_id"))
    fill(warehouse, pl.concat([fresh, again]), version(weights), seed=3)
    today = said(drift.drift(warehouse, NOW, weights), 1)["unknown_share"]
    assert (today["texts_n"], today["drift_status"], today["psi"]) == (drift.LEAST - 1, "few", None)
    assert today["text_mean"] == pytest.approx(0.5, abs=0.05)


def test_the_shipped_reference_stands_in_until_the_own_is_old_enough(tmp_path: Path, weights: Path) -> None:
    folder = Path(shutil.copytree(weights, tmp_path / "weights"))
    made, model = Warehouse(tmp_path / "warehouse"), version(folder)
    fill(made, posts(700, 5, NOW, 6), model, seed=5)
    assert set(drift.drift(made, NOW, folder)["drift_status"]) == {"no_reference"}
    taught = posts(300, 6, NOW, 1)
    readings = drift.readings(taught.drop("platform", "kind"), scores(taught, model, 6), Vocabulary.load(folder / "vocabulary.txt"))
    stored = {name: asdict(bins) for name, bins in drift.reference(readings).items()}
    (folder / "reference.json").write_text(json.dumps(stored), encoding="utf-8")
    today = said(drift.drift(made, NOW, folder), 7)
    assert version(folder) == model  # a reference decides no score
    assert (today["pieces_n"]["reference"], today["pieces_n"]["reference_n"], today["pieces_n"]["drift_status"]) == (
        "shipped",
        300,
        "stable",
    )
    assert today["platform"]["drift_status"] == "no_reference"
    fill(made, posts(100, 7, NOW + 20 * DAY, 1), model, seed=7)
    assert set(drift.drift(made, NOW + 20 * DAY, folder)["reference"]) == {"own"}
    (folder / "reference.json").write_text('{"pieces_n": [1, 2]}', encoding="utf-8")
    with pytest.raises(ConfigProblem, match=r"reference\.json"):
        drift.drift(made, NOW, folder)


def test_the_future_another_model_and_a_second_run_change_nothing(warehouse: Warehouse, weights: Path) -> None:
    fill(warehouse, posts(120, 3, NOW, 0.9), version(weights), seed=3)
    rows = drift.drift(warehouse, NOW, weights)
    assert warehouse.replace("drift", rows, NOW) == rows.height
    before = warehouse.fingerprint("drift")
    fill(warehouse, posts(200, 8, NOW + 3 * DAY, 2, strange=0.5), version(weights), seed=8)
    fill(warehouse, posts(200, 9, NOW, 5, strange=0.5), "another-model", seed=9)
    assert warehouse.replace("drift", drift.drift(warehouse, NOW, weights), NOW) == 0
    assert warehouse.fingerprint("drift") == before


def test_an_empty_warehouse_has_a_row_and_no_figure(tmp_path: Path, weights: Path) -> None:
    made = Warehouse(tmp_path / "warehouse")
    rows = drift.drift(made, NOW, weights)
    assert made.replace("drift", rows, NOW) == 2 * len(DRIFT_FEATURES)
    assert set(rows["texts_n"]) == {0}


# ── MLflow ──────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_each_day_is_in_mlflow_once_at_its_own_step(warehouse: Warehouse, weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from models.tracking import client_of

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    for day in range(2):
        moment = NOW - DAY + day * DAY
        warehouse.replace("drift", drift.drift(warehouse, moment, weights), moment)
    first = warehouse.read("drift", as_of=NOW - DAY)
    assert drift.log(first, uri) > 0
    assert drift.log(first, uri) == 0
    assert drift.log(warehouse.read("drift"), uri) > 0
    assert drift.log(warehouse.read("drift"), uri) == 0
    client = client_of(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("guanchao-drift").experiment_id])
    assert run.info.run_name == version(weights)
    points = client.get_metric_history(run.info.run_id, "7d/input/unknown_share/psi")
    assert [point.step for point in points] == [20521, 20522]  # days since 1970: 9 and 10 March 2026


# ── the page ────────────────────────────────────────────────────────────


@pytest.fixture
def rows(warehouse: Warehouse, weights: Path) -> pl.DataFrame:
    fill(warehouse, posts(120, 3, NOW, 0.9, strange=0.2), version(weights), seed=3)
    for day in range(4):
        moment = NOW - day * DAY
        warehouse.replace("drift", drift.drift(warehouse, moment, weights), moment)
    return warehouse.read("drift", as_of=NOW, since=NOW - SEEN_DAYS * DAY)


def test_the_page_says_who_reads_how_well_and_what_moved(rows: pl.DataFrame, tmp_path: Path) -> None:
    out = tmp_path / "published"
    text = publish_models(CARD, "guanchao-text-<b>", rows, settings(tmp_path), out, NOW).read_text(encoding="utf-8")
    for words in (
        "guanchao-text-&lt;b&gt;",
        "0.910",
        "0.780",
        "+0.130",
        "0.030",
        "493",
        "明显变化：不认识的字占比",
        "本单位最早读到的文本 500 条",
        "演练",
    ):
        assert words in text, words
    assert text.count("<svg") == len(DRIFT_FEATURES) + 1
    assert "<script" not in text
    assert text == publish_models(CARD, "guanchao-text-<b>", rows, settings(tmp_path), out, NOW).read_text(encoding="utf-8")


def test_a_card_and_a_table_that_say_little_still_make_a_page(tmp_path: Path, rows: pl.DataFrame) -> None:
    text = publish_models({}, "v", rows.clear(), settings(tmp_path), tmp_path / "p", NOW).read_text(encoding="utf-8")
    assert "模型卡里没有测试结果" in text
    assert "今天没有监测记录" in text
    assert (figures({}), reliability({})) == ([], [])


def test_a_past_day_run_again_leaves_the_newer_page(tmp_path: Path, rows: pl.DataFrame) -> None:
    out, said = tmp_path / "p", settings(tmp_path)
    publish_models(CARD, "newer", rows, said, out, NOW)
    publish_no_list("constructed", said, out, NOW)
    publish_models(CARD, "older", rows, said, out, NOW - 3 * DAY)
    assert "newer" in (out / "models.html").read_text(encoding="utf-8")


def test_a_bar_a_day_in_its_place() -> None:
    row = {"on": NOW.date(), "psi": 0.25, "drift_status": "slight"}
    drawn = spark([row | {"on": NOW.date() - 40 * DAY}, row | {"on": NOW.date() - DAY, "psi": None}, row], NOW.date())
    assert drawn["bars"] == [{"place": SEEN_DAYS - 1, "height": 0.5, "psi": 0.25, "is_marked": False}]


def test_the_list_and_the_desk_lead_to_it(tmp_path: Path, rows: pl.DataFrame) -> None:
    out = tmp_path / "published"
    desk = TestClient(create(out))
    assert desk.get("/models").status_code == 404
    publish_sample(quiet(), out)
    assert "models.html" not in (out / "latest.html").read_text(encoding="utf-8")
    publish_models(CARD, "v", rows, settings(tmp_path), out, NOW)
    publish_sample(quiet(), out)
    for page, link in (("latest.html", 'href="models.html"'), ("2026-03-10/index.html", 'href="../models.html"')):
        assert link in (out / page).read_text(encoding="utf-8")
    for address in ("/models", "/models.html"):
        assert "模型页" in desk.get(address).text
        assert desk.get(address).status_code == 200
    assert desk.get("/pulse/models.html").status_code == 404


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}")
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_desk_asks_for_nothing_and_can_be_read(width: int, tmp_path: Path, rows: pl.DataFrame) -> None:
    path = publish_models(CARD, "guanchao-text-0123abcd", rows, settings(tmp_path), tmp_path / "p", NOW)
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert (asked, said) == ([path.as_uri()], [])
        seen, poor = page.evaluate(CONTRAST)
        assert seen > 50
        assert poor == []
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
        assert (levels[0], levels.count(1)) == (1, 1)
        marked = page.locator("tr", has_text="不认识的字占比").locator("rect.today")
        assert marked.count() == 1
        assert marked.bounding_box()["height"] > 20
        browser.close()


# ── the road ────────────────────────────────────────────────────────────


def test_the_road_watches_daily_and_never_loses_its_list_by_it(tmp_path: Path) -> None:
    road = Road(settings(tmp_path), NOW)
    assert timed(watch)(replace(road, edition="pulse")).rows == 0
    assert timed(watch)(road).rows == 2 * len(DRIFT_FEATURES)
    assert (road.published / "models.html").is_file()
    shutil.rmtree(road.settings.warehouse)
    road.settings.warehouse.write_text("no folder", encoding="utf-8")
    step = timed(watch)(road)
    assert step.stopped
    assert not step.ends_the_road
    assert replace(step, stage="rank").ends_the_road
