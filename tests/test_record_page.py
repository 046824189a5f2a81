"""What PR sees of the record, its twins, and how its tables are read: side by side, never mixed, nothing stated of too few."""

import csv
import io
import json
import re
from pathlib import Path

import polars as pl
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from briefing.desk.app import create
from briefing.record_charts import charts
from briefing.record_page import as_csv, publish_record
from briefing.record_words import TOO_FEW, WHY
from flows.cli import app
from flows.daily import READING
from flows.records import backtests, live, relived
from flows.road import Road
from flows.steps import timed
from tests.sample_list import publish_sample, sample, settings
from tests.sample_record import BOOK, START, Past, lively
from tests.test_publish import HOSTILE, Reader
from warehouse.schema import COLUMNS, TABLES
from warehouse.settings import ConfigProblem, Settings, load_settings
from warehouse.store import Warehouse


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "published"


@pytest.fixture(scope="module")
def year() -> Past:
    return lively(120)


def page(out: Path) -> str:
    return (out / "record.html").read_text(encoding="utf-8")


def words(out: Path) -> str:
    return " ".join(Reader(page(out)).words.split())


def sheet(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# ── the page ────────────────────────────────────────────────────────────


def test_the_page_says_the_records_figures(year: Past, out: Path) -> None:
    found = year.record()
    publish_record(found, None, BOOK, settings(out.parent, False), out)
    said, one = words(out), found.headline
    low, high = one.precision.interval or (0, 0)
    for promised in (
        "战绩", "预警准不准", "漏没漏", "早不早", f"{one.precision.value:.0%}", f"{low:.0%}–{high:.0%}",
        f"{one.precision.n} 条中 {one.precision.hits} 条", f"{one.caught.value:.0%}", f"{one.caught.n} 个中 {one.caught.hits} 个",
        f"{(one.lead_h or (0, 0))[1]:.1f} 小时", f"上榜前已达标 {one.unavoidable_n} 个", "还没有回测", "近 180 天", "达到 3 级的条件",
        "预警预算", "无法判定：来源没有读到", "可能性低于阈值（最高 5%）", "怎样算", "Wilson",
    ):  # fmt: skip
        assert promised in said, promised
    assert page(out).count("<svg") == 4
    assert page(out).count('class="status ') == 2 * one.warnings_n


def test_life_and_backtest_stand_side_by_side_and_are_never_mixed(year: Past, out: Path) -> None:
    few = Past(20)
    few.many(2, 5)
    mine, relived_one = few.record(), year.record(kind="backtest", name="2025", about={"样本外": "全部是样本外"})
    publish_record(mine, relived_one, BOOK, settings(out.parent, False), out)
    said = words(out)
    assert "实况2026-01-01 至 2026-01-21，20 天有榜单" in said
    assert "回测2026-01-01 至 2026-05-01，120 天有榜单" in said
    assert "全部是样本外" in said
    assert f"{TOO_FEW}对 2 条，错 5 条" in said
    data = json.loads((out / "record.json").read_text(encoding="utf-8"))
    assert set(data) == {"live", "backtest"}
    for kind, one in (("live", mine), ("backtest", relived_one)):
        assert data[kind]["periods"]["all"]["escalation_24h"]["precision"]["n"] == one.headline.precision.n
        name = "record.csv" if kind == "live" else "record-backtest.csv"
        rows = sheet((out / name).read_text(encoding="utf-8-sig"))
        assert {row["预警编号"] for row in rows} == set(one.warnings["warning_id"])
        assert {row["记录"] for row in rows} == {"实况" if kind == "live" else "回测"}
    with pytest.raises(ValueError, match="given for each other"):
        publish_record(relived_one, None, BOOK, settings(out.parent, False), out)
    with pytest.raises(ValueError, match="given for each other"):
        publish_record(mine, mine, BOOK, settings(out.parent, False), out)


def test_of_too_few_no_share_is_stated_anywhere(out: Path) -> None:
    few = Past(20)
    few.many(4, 10)
    few.forecast("low", 24, 0.05, "yes", 30)
    publish_record(few.record(), None, BOOK, settings(out.parent, False), out)
    body = re.sub(r"<footer.*", "", re.sub(r"<style>.*?</style>", "", page(out), flags=re.S), flags=re.S)
    assert TOO_FEW in body
    assert "对 4 条，错 10 条" in body
    shares = re.findall(r"\d+%", Reader(body).words)
    assert set(shares) == {"40%", "5%"}  # what was foretold, warning by warning; never a share of them
    figures = json.loads((out / "record.json").read_text(encoding="utf-8"))["live"]["periods"]["all"]["escalation_24h"]
    assert (figures["precision"]["hits"], figures["precision"]["n"]) == (4, 14)
    for name in ("precision", "caught"):
        assert (figures[name]["value"], figures[name]["interval"]) == (None, None)
    assert figures["brier"] is None


def test_a_backtest_alone_leaves_life_empty(year: Past, out: Path) -> None:
    publish_record(Past(0).record(until=year.until), year.record(kind="backtest", name="x"), BOOK, settings(out.parent, False), out)
    assert "还没有发出过榜单" in words(out)
    assert "还没有发出过预警" in words(out)
    assert (out / "record.csv").read_text(encoding="utf-8-sig").splitlines()[0].startswith("记录,演练,发出时间")
    assert len(sheet((out / "record.csv").read_text(encoding="utf-8-sig"))) == 0


def test_every_reason_has_words() -> None:
    import ast
    import inspect

    from briefing import record_missed

    told = {node.value for node in ast.walk(ast.parse(inspect.getsource(record_missed.Reasons))) if isinstance(node, ast.Constant)}
    assert set(WHY) <= told


def test_strangers_text_stays_text(out: Path) -> None:
    past = Past(40)
    past.many(10, 20)
    past.forecast("low", 24, 0.05, "yes", 30)
    for table in ("warnings", "events"):
        past.rows[table] = [row | {"title": HOSTILE} for row in past.rows[table]]
    past.rows["outcomes"][0]["outcome"], past.rows["outcomes"][0]["detail"] = "void", HOSTILE
    publish_record(past.record(), past.record(kind="backtest", name=HOSTILE), BOOK, settings(out.parent, False), out)
    reader = Reader(page(out))
    for tag, attributes in reader.tags:
        assert tag not in ("script", "img", "iframe", "object", "form", "base")
        assert not any(attribute.startswith("on") for attribute in attributes)
        assert not (attributes.get("href") or "").lower().startswith(("javascript", "data"))
    assert reader.words.count(HOSTILE) > 60


@pytest.mark.parametrize("start", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", " =1", "＝1"])
def test_no_cell_of_the_sheet_runs(start: str) -> None:
    past = Past(5)
    past.many(1, 1)
    past.rows["warnings"] = [row | {"title": start, "department": start} for row in past.rows["warnings"]]
    for row in sheet(as_csv(past.record(), BOOK)):
        assert row["标题"].startswith("'")
        assert not any(value.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "＝")) for value in row.values())


def test_a_drill_says_so(out: Path) -> None:
    past = Past(5)
    past.case("a", 0, 0.5, "yes", 5, is_drill=True)
    publish_record(past.record(is_drill=True), None, BOOK, settings(out.parent), out)
    assert 'class="stamp"' in page(out)
    assert "演练" in (out / "record.csv").read_text(encoding="utf-8-sig")
    assert json.loads((out / "record.json").read_text(encoding="utf-8"))["live"]["is_drill"] is True


def test_the_same_tables_give_the_same_bytes_and_the_page_only_moves_forward(year: Past, out: Path) -> None:
    publish_sample(sample(), out)
    late = year.record()
    assert publish_record(late, None, BOOK, settings(out.parent), out)
    before = {path.name: path.read_bytes() for path in out.glob("record*")}
    publish_record(year.record(), None, BOOK, settings(out.parent), out)
    assert {path.name: path.read_bytes() for path in out.glob("record*")} == before
    assert publish_record(year.record(until=START), None, BOOK, settings(out.parent), out) == ()
    assert {path.name: path.read_bytes() for path in out.glob("record*")} == before


def test_the_list_leads_to_the_record_and_the_desk_serves_it(year: Past, out: Path) -> None:
    publish_sample(sample(), out, has_record=True)
    publish_record(year.record(), year.record(kind="backtest", name="x"), BOOK, settings(out.parent), out)
    desk = TestClient(create(out))
    assert 'href="record.html"' in desk.get("/").text
    assert 'href="record.html"' in desk.get("/days").text
    for path, kind in (("/record", "text/html"), ("/record.html", "text/html"), ("/record.json", "application/json"),
                       ("/record.csv", "text/csv"), ("/record-backtest.csv", "text/csv")):  # fmt: skip
        answer = desk.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
    for tag, attributes in Reader(page(out)).tags:
        href = attributes.get("href") or ""
        if tag == "a" and not href.startswith("#"):
            assert desk.get(f"/{href}").status_code == 200, href
    assert desk.get("/record-other.csv").status_code == 404


def test_drawings_stay_on_their_sheet_whatever_the_figures(year: Past) -> None:
    low = Past(100)
    low.many(5, 90)
    low.rows["forecasts"] = [row | {"escalates_p": row["escalates_p"] / 100} for row in low.rows["forecasts"]]
    for found in (year.record(), low.record()):
        drawn = charts(found)
        assert len(drawn) == 4
        for chart in drawn:
            marks = [*chart["marks"], *(mark for line in chart["lines"] for mark in line["marks"])]
            assert all(38 <= mark["x"] <= 300 and 12 <= mark["y"] <= 160 for mark in marks)
            assert all(12 <= mark["high"] <= mark["y"] <= mark["low"] <= 160 for mark in marks if "low" in mark)
            assert all(bar["y"] + bar["h"] == pytest.approx(160, abs=0.2) for bar in chart["bars"])
    over_time = charts(low.record())[2]
    assert [tick["word"] for tick in over_time["y_ticks"]] == ["0%", "25%", "50%", "75%", "100%"]  # recall is whole
    low.rows["outcomes"] = [row for row in low.rows["outcomes"] if row["outcome"] == "no"] + low.rows["outcomes"][:5]
    for event in range(95):
        low.case(f"late{event}", 24 * event, 0.9, "yes", 24 * event - 1)
    assert [tick["word"] for tick in charts(low.record())[2]["y_ticks"]] == ["0%", "5%", "10%", "15%", "20%"]
    assert charts(Past(3).record()) == []


# ── its tables ──────────────────────────────────────────────────────────

FILL = {"Datetime": START, "List": [], "Float64": 0.5, "Int64": 1, "Boolean": False}


def write(past: Past, root: Path) -> None:
    """The constructed past as a warehouse; columns that the record does not read are filled."""
    warehouse, tables = Warehouse(root, "daily-x"), past.tables()
    for name in ("warnings", "deliveries", "forecasts", "outcomes", "events"):
        given, table = getattr(tables, name), TABLES[name]
        wanted = [column for column in table.columns if column not in ("run_id", "day_on")]
        missing = [COLUMNS[column] for column in wanted if column not in given.columns and column not in table.optional]
        filled = [pl.lit(FILL.get(one.dtype.base_type().__name__, "x"), one.dtype).alias(one.name) for one in missing]
        rows = given.unique(list(table.key), keep="first", maintain_order=True).with_columns(filled)
        warehouse.add(name, rows.select(column for column in wanted if column in rows.columns))


@pytest.fixture
def house(tmp_path: Path, year: Past) -> Settings:
    """A platform with twenty days of life and a backtest in its own root."""
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "settings.yml").write_text(f"name: 岚湖\nroot: {tmp_path / 'data'}\n", encoding="utf-8")
    few = Past(20)
    few.many(2, 5)
    made = load_settings(conf, root=tmp_path / "data")
    write(few, made.warehouse)
    root = made.root / "backtest" / "constructed"
    write(year, root / "warehouse")
    said = {"first": "2026-01-01", "last": "2026-04-30", "every_h": 24, "conf": "national", "forecaster": "f" * 12, "classifier": "c",
            "out_of_sample_from": "2026-01-01"}  # fmt: skip
    (root / "backtest.json").write_text(json.dumps(said), encoding="utf-8")
    return made


def test_what_is_read_is_the_record_of_the_frames(house: Settings, year: Past) -> None:
    assert backtests(house) == ["constructed"]
    few = Past(20)
    few.many(2, 5)
    assert live(house, BOOK, few.until).periods == few.record().periods
    found = relived(house, "constructed", BOOK)
    whole = year.record(until=found.until, kind="backtest")
    assert (found.kind, found.periods, found.budget) == ("backtest", whole.periods, whole.budget)
    assert found.about["样本外"] == "模型只学过 2026-01-01 之前的数据，全部是样本外"


def test_days_the_model_learned_from_are_left_out_and_counted(house: Settings) -> None:
    file = house.root / "backtest" / "constructed" / "backtest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"out_of_sample_from": "2026-02-01"}), encoding="utf-8")
    found = relived(house, "constructed", BOOK)
    assert found.lists_n == 120 - 31
    assert min(found.warnings["issued_at"]).isoformat() == "2026-02-01T00:30:00+00:00"
    assert "那之前的 31 期不计入" in found.about["样本外"]


def test_a_backtest_that_has_made_no_list_yet_is_not_shown(house: Settings) -> None:
    begun = house.root / "backtest" / "begun"
    begun.mkdir()
    (begun / "backtest.json").write_text((house.root / "backtest" / "constructed" / "backtest.json").read_text(), encoding="utf-8")
    assert backtests(house) == ["constructed"]
    with pytest.raises(ConfigProblem, match="has not made a list yet"):
        relived(house, "begun", BOOK)


def test_a_backtest_that_is_not_there_is_one_line(house: Settings) -> None:
    with pytest.raises(ConfigProblem, match="constructed"):
        relived(house, "other", BOOK)


def test_the_stage_writes_the_page_and_its_failure_costs_nobody_the_list(house: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = next(one for one in READING if one.__name__ == "record")
    assert READING.index(stage) > [one.__name__ for one in READING].index("publish")
    road = Road(house, Past(20).until)
    step = timed(stage)(road)
    assert (step.stopped, step.rows) == ("", 7)
    assert "回测" in (house.published / "record.html").read_text(encoding="utf-8")
    assert timed(stage)(Road(house, Past(20).until, edition="pulse")).rows == 0
    monkeypatch.setattr("flows.records.backtests", lambda settings: ["gone"])
    step = timed(stage)(road)
    assert "gone" in step.stopped
    assert not step.ends_the_road


def run(house: Settings, *more: str) -> str:
    done = CliRunner().invoke(app, ["record", "--conf", str(house.conf), *more], catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_says_the_same(house: Settings) -> None:
    assert "实况" in run(house)
    assert "样本太少" in run(house)
    assert "重走" in (relive := run(house, "--backtest", "constructed", "--days", "90"))
    assert "近 90 天" in relive
    found = relived(house, "constructed", BOOK, (4,))
    data = json.loads(run(house, "--backtest", "constructed", "--json", "--budget", "4"))
    assert data["periods"]["all"]["escalation_24h"]["precision"]["value"] == found.headline.precision.value
    assert [one["missed_per_week"] for one in data["budget"] if one["k"] == 4] == [found.budget[0].missed_per_week]
    assert len(sheet(run(house, "--backtest", "constructed", "--csv"))) == found.warnings.height
    assert "每周漏" in run(house, "--backtest", "constructed", "--budget", "4")
    assert TOO_FEW in run(house, "--budget", "4")


def test_what_the_command_refuses(house: Settings) -> None:
    for more, why in (
        (("--json", "--csv"), "choose one"),
        (("--backtest", "none"), "not under"),
        (("--backtest", "x", "--as-of", "2026-01-01T00:00Z"), "own end"),
    ):
        with pytest.raises(ConfigProblem, match=why):
            CliRunner().invoke(app, ["record", "--conf", str(house.conf), *more], catch_exceptions=False)
