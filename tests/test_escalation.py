"""The forecaster: blind to the future, whole on the smallest event, the same twice, and honest when it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.escalation import boards, cascades, metrics, selection, speed
from models.escalation.features import BOARD, OFF, SPREAD, at_horizons, board_features, spread_features, threshold
from models.escalation.forecast import COLUMNS, forecast
from models.escalation.judging import CORRECTED, verdict
from models.escalation.model import Forecaster, ModelProblem
from warehouse.schema import empty, polars_schema

NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
NONE = {name: empty(name) for name in ("observations", "mentions", "scores")}
Frames = dict[str, pl.DataFrame]


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def table(name: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    """Constructed rows in a table's columns, null where nothing was said."""
    schema = polars_schema(name)
    return pl.DataFrame([{column: row.get(column) for column in schema} for row in rows], schema=schema)


def post(number: str, hours: float, seen: float | None = None, platform: str = "weibo") -> dict[str, object]:
    return {
        "post_id": number, "platform": platform, "published_at": ago(hours), "first_seen_at": ago(hours if seen is None else seen),
        "author_hash": f"a-{number}", "text": "构造:岚湖市第一人民医院",
    }  # fmt: skip


def world() -> Frames:
    """Constructed: an event that climbs a board, one that left it, one of twenty posts, one of a single post."""
    posts = [post("t1", 8), post("t2", 60)] + [post(f"p{i}", 3 - i / 10, platform="tieba") for i in range(20)] + [post("alone", 5)]
    ranks = [("t1", hour + 0.4, rank) for hour, rank in ((7, 45), (4, 38), (3, 31), (2, 22), (1, 14), (0, 11))] + [
        ("t2", 50, 12),
        ("t2", 49, 16),
    ]
    seen = [{"post_id": number, "observed_at": ago(hours), "board_rank": rank} for number, hours, rank in ranks]
    members = {"climbs": ["t1"], "left": ["t2"], "posts": [f"p{i}" for i in range(20)], "single": ["alone"]}
    pairs = [(name, one) for name, ids in members.items() for one in ids]
    return {
        "posts": table("posts", posts), "observations": table("observations", seen), "mentions": NONE["mentions"], "scores": NONE["scores"],
        "events": table("events", [{"event_id": name, "as_of": NOW, "posts_n": len(ids)} for name, ids in members.items()]),
        "event_posts": table("event_posts", [{"event_id": name, "post_id": one, "as_of": NOW} for name, one in pairs]),
    }  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Forecaster:
    return Forecaster.load()


def escalations(frames: Frames, shipped: Forecaster) -> pl.DataFrame:
    """The other targets are tests/test_forecast_targets.py's."""
    return forecast(**frames, as_of=NOW, forecaster=shipped).filter(pl.col("target") == "escalation")


def test_every_event_gets_both_horizons_in_the_tables_columns(shipped: Forecaster) -> None:
    found = escalations(world(), shipped)
    assert found.columns == COLUMNS
    assert found.select("event_id", "horizon_h").rows() == [(name, h) for name in ("climbs", "left", "posts", "single") for h in (24, 48)]
    assert found.null_count().sum_horizontal().item() == 0
    assert found["escalates_p"].is_between(0, 1, closed="none").all()
    assert found.filter(pl.col("low_n") > pl.col("expected_n")).is_empty()
    assert found.filter(pl.col("expected_n") > pl.col("high_n")).is_empty()
    assert (found["resolve_at"] - found["as_of"]).dt.total_hours().to_list() == found["horizon_h"].to_list()
    early, late = (found.filter(pl.col("horizon_h") == h)["escalates_p"] for h in (24, 48))
    assert (late >= early).all()


def test_what_is_known_chooses_the_model_and_its_rule(shipped: Forecaster) -> None:
    found = escalations(world(), shipped).filter(pl.col("horizon_h") == 24)
    said = {
        name: (version.split("@")[0], rule) for name, version, rule in found.select("event_id", "model_version", "resolve_rule").iter_rows()
    }
    assert said == {
        "climbs": ("escalation.board", "board_top10:24h"), "left": ("escalation.board", "board_top10:24h"),
        "posts": ("escalation.spread", "event_posts>=40:24h"), "single": ("escalation.spread", "event_posts>=6:24h"),
    }  # fmt: skip
    likely = dict(found.select("event_id", "escalates_p").iter_rows())
    assert likely["climbs"] > 10 * likely["left"]


def test_a_post_newer_than_an_old_board_reading_hands_the_event_to_spread(shipped: Forecaster) -> None:
    frames = world()
    frames["posts"] = pl.concat([frames["posts"], table("posts", [post("fresh", 2)])])
    frames["event_posts"] = pl.concat(
        [frames["event_posts"], table("event_posts", [{"event_id": "left", "post_id": "fresh", "as_of": NOW}])]
    )
    found = escalations(frames, shipped).filter(pl.col("event_id") == "left")
    assert found["resolve_rule"].to_list() == ["event_posts>=7:24h", "event_posts>=7:48h"]


def test_drivers_state_the_facts_in_chinese(shipped: Forecaster) -> None:
    found = escalations(world(), shipped).filter(pl.col("horizon_h") == 24)
    said = dict(found.select("event_id", "drivers").iter_rows())
    assert all(2 <= len(lines) <= 3 for lines in said.values())
    assert "微博热榜第11位，3小时前为第31位" in said["climbs"]
    assert any("已离开微博热榜约49小时，离榜前第16位" in line for line in said["left"])
    assert "共见到20篇，都在近24小时内" in said["posts"]
    assert sorted(said["single"]) == ["发于5小时前，此后没有新帖", "目前只见到这一篇"]


def shapes() -> pl.DataFrame:
    """Constructed: feature rows of events of 1 to 300 posts, spread over 2 minutes to 10 days, evenly or mostly of the last hour."""
    posts = [
        (f"{n}:{hours}:{shape}", ago(hours * ((i + 1) / n) ** (1 if shape == "even" else 4)), f"a{i}")
        for n in (1, 2, 3, 5, 7, 12, 25, 39, 40, 100, 300) for hours in (0.03, 1, 5, 14, 40, 240) for shape in ("even", "late")
        for i in range(n)
    ]  # fmt: skip
    frame = pl.DataFrame(posts, schema=["unit", "posted_at", "author"], orient="row")
    return at_horizons(spread_features(frame, frame.select("unit", pl.lit(NOW).alias("as_of")).unique(maintain_order=True)))


def test_the_correction_never_raises_and_ends_where_posts_are_many(shipped: Forecaster) -> None:
    rows, head = shapes(), shipped.heads["spread"]
    raw, said = head.predict(rows, is_picked=True), head.predict(rows)
    for name in raw.columns:
        assert (said[name] <= raw[name] + 1e-9).all(), name
    assert ((said["low_n"] <= said["expected_n"]) & (said["expected_n"] <= said["high_n"])).all()
    assert (said["low_n"] >= rows["n"] - 1e-9).all()
    many = (rows["n"] >= 40).to_numpy()
    assert np.allclose(said.filter(many).to_numpy(), raw.filter(many).to_numpy())
    assert (said.filter(~many)["escalates_p"] < raw.filter(~many)["escalates_p"]).any()
    for one in (raw, said):
        early, late = (one.filter((rows["horizon_h"] == h).to_numpy())["escalates_p"] for h in (24, 48))
        assert (late >= early).all()


def test_a_lone_post_is_unlikely_and_a_burst_is_likely(shipped: Forecaster) -> None:
    posts = [post("new", 1), *(post(f"b{i}", 6 * ((i + 1) / 100) ** 3, platform="weibo") for i in range(100))]
    frames = NONE | {
        "posts": table("posts", posts),
        "events": table("events", [{"event_id": name, "as_of": NOW, "posts_n": n} for name, n in (("lone", 1), ("burst", 100))]),
        "event_posts": table("event_posts", [
            {"event_id": "lone" if one["post_id"] == "new" else "burst", "post_id": one["post_id"], "as_of": NOW} for one in posts
        ]),
    }  # fmt: skip
    found = forecast(**frames, as_of=NOW, forecaster=shipped)
    said = {name: part["escalates_p"].to_list() for (name,), part in found.group_by("event_id")}
    assert max(said["lone"]) <= 0.15
    assert found.filter(pl.col("event_id") == "lone")["expected_n"].max() < 6  # what is expected does not contradict the chance
    assert min(said["burst"]) > 0.5


def test_the_correction_is_the_ratio_of_prior_odds() -> None:
    """Constructed: in the wild 1 of 5 lone posts grows and every larger one; picked, 4 of 5 do so in time and 1 of 5 too late."""
    sizes = pl.Series([1] * 400 + [1000] * 100)
    growth = [(f"u{i}", NOW - timedelta(hours=30 * j if i % 5 == 0 else j / 100)) for i in range(500) for j in range(12)]
    curve = selection.learn(sizes, pl.DataFrame(growth, schema=["unit", "posted_at"], orient="row"))
    assert (curve["wild"][0], curve["picked"][0]) == (0.2, 0.8)
    assert curve["factor"][0] == pytest.approx((0.2 / 0.8) / (0.8 / 0.2))
    assert (curve["factor"][-1], curve["still"][0]) == (1, 0.8)
    assert selection.factor(np.array([1.0, 1e6]), curve).tolist() == pytest.approx([1 / 16, 1])
    assert selection.shift(np.array([0.8, 0.5]), np.array([1 / 16, 1.0])).tolist() == pytest.approx([0.2, 0.5])
    assert selection.learn(sizes.head(50), pl.DataFrame(growth, schema=["unit", "posted_at"], orient="row"))["n"] == []


def later_rows(frames: Frames) -> Frames:
    """The same world with loud rows whose own clock is after as_of."""
    loud = [post(f"later{i}", 0.5, seen=-0.1 - i) for i in range(50)]
    peak = [{"post_id": one, "observed_at": ago(-0.2 - i), "board_rank": 1, "heat": 9e9} for i, one in enumerate(("t1", "t2", "alone"))]
    members = [{"event_id": "single", "post_id": f"later{i}", "as_of": NOW} for i in range(50)]
    tomorrow = [{"event_id": "climbs", "as_of": ago(-24), "posts_n": 900}, {"event_id": "tomorrow", "as_of": ago(-24), "posts_n": 1}]
    return frames | {
        "posts": pl.concat([frames["posts"], table("posts", loud)]),
        "observations": pl.concat([frames["observations"], table("observations", peak)]),
        "events": pl.concat([frames["events"], table("events", tomorrow)]),
        "event_posts": pl.concat([frames["event_posts"], table("event_posts", members)]),
    }


def test_rows_of_the_future_change_nothing(shipped: Forecaster) -> None:
    before = forecast(**world(), as_of=NOW, forecaster=shipped)
    assert forecast(**later_rows(world()), as_of=NOW, forecaster=shipped).equals(before)


def test_the_leakage_test_would_notice(shipped: Forecaster) -> None:
    """The same rows an hour before as_of do change forecasts, so the test above tests something."""
    frames = world()
    loud = table("observations", [{"post_id": "t2", "observed_at": ago(0.3), "board_rank": 1}])
    before = forecast(**frames, as_of=NOW, forecaster=shipped)
    frames["observations"] = pl.concat([frames["observations"], loud])
    assert not forecast(**frames, as_of=NOW, forecaster=shipped).equals(before)


def test_order_of_rows_changes_nothing(shipped: Forecaster) -> None:
    frames = world()
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in frames.items()}
    assert forecast(**shuffled, as_of=NOW, forecaster=shipped).equals(forecast(**frames, as_of=NOW, forecaster=shipped))


def test_no_events_and_an_event_whose_posts_are_unknown(shipped: Forecaster) -> None:
    frames = world()
    assert forecast(**(frames | {"events": empty("events")}), as_of=NOW, forecaster=shipped).is_empty()
    bare = forecast(**(frames | {"event_posts": empty("event_posts")}), as_of=NOW, forecaster=shipped)
    assert bare.height == 8
    assert set(bare["resolve_rule"]) == {"event_posts>=5:24h", "event_posts>=5:48h"}


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ModelProblem, match="no usable forecaster"):
        Forecaster.load(tmp_path)


@pytest.mark.slow
def test_ten_thousand_events_with_all_targets_and_reasons_take_less_than_thirty_seconds(shipped: Forecaster) -> None:
    began = time.process_time()
    _, found, _ = speed.measure(shipped)
    assert found.filter(pl.col("target") == "escalation").height == 2 * speed.EVENTS
    assert found.filter(pl.col("drivers").list.len() == 0).is_empty()
    assert time.process_time() - began < speed.BAR_S  # processor time: other work on the machine does not count; 7 on an idle one


def test_features_are_what_they_say() -> None:
    frames = world()
    seen = frames["observations"].filter(pl.col("post_id") == "t1").select(
        pl.lit("u").alias("unit"), pl.col("post_id").alias("topic"), pl.lit("weibo").alias("platform"), "observed_at",
        pl.col("board_rank").alias("rank"), "heat",
    )  # fmt: skip
    row = board_features(seen, pl.DataFrame({"unit": ["u"], "as_of": [NOW]})).row(0, named=True)
    assert set(BOARD) - {"horizon_h"} <= set(row)
    assert (row["rank_now"], row["rank_1h"], row["rank_3h"], row["rank_6h"]) == (11, 14, 31, OFF)
    assert (row["hours_n"], row["top_hours_n"], row["rise_3h"], row["hour"], row["weekday"]) == (6, 0, 20, 8, 2)
    posts = pl.DataFrame({"unit": "u", "posted_at": [ago(h) for h in (0.5, 0.9, 1.5, 5, 30)], "author": ["a", "a", "b", "c", "d"]})
    told = spread_features(posts, pl.DataFrame({"unit": ["u", "v"], "as_of": [NOW, NOW]})).rows(named=True)
    assert set(SPREAD) - {"horizon_h"} <= set(told[0])
    assert (told[0]["n"], told[0]["n_1h"], told[0]["n_before_1h"], told[0]["n_24h"], told[0]["authors_share"]) == (5, 2, 1, 4, 0.8)
    assert told[0]["last_h"] == pytest.approx(0.5)
    assert (told[1]["n"], told[1]["last_h"]) == (0, None)


def test_outcome_windows_are_open_at_as_of_and_closed_at_the_end() -> None:
    readings = [(0.0, 1), (-1.0, 10), (-1.2, 9), (-2.0, 11), (-24.0, 3), (-48.1, 1)]
    seen = pl.DataFrame({"unit": "u", "observed_at": [ago(h) for h, _ in readings], "rank": [r for _, r in readings]})
    found = boards.outcomes(seen, pl.DataFrame({"unit": ["u"], "as_of": [NOW]})).sort("horizon_h")
    assert found.select("horizon_h", "size").rows() == [(24.0, 2), (48.0, 2)]
    assert pl.select(threshold(pl.Series([1, 5, 12]))).to_series().to_list() == [6, 10, 24]


def test_metrics_agree_with_sklearn() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    draw = np.random.default_rng(5)
    p = draw.random(500).round(2)
    y = (draw.random(500) < p).astype(float)
    assert metrics.auc(y, p) == pytest.approx(roc_auc_score(y, p))
    assert metrics.average_precision(y, p) == pytest.approx(average_precision_score(y, p))
    assert metrics.ece(y, y) == 0
    assert np.isnan(metrics.auc(np.zeros(3), np.zeros(3)))


def test_the_verdict_names_who_was_better() -> None:
    def line(who: str, ap: float, brier: float) -> dict[str, object]:
        return {"model": "board", "slice": "all", "who": who, "ap": ap, "brier": brier}

    good = pl.DataFrame([line("forecaster", 0.6, 0.04), line("rank_now_logistic", 0.5, 0.05)])
    assert verdict(good, None).promote
    assert verdict(pl.concat([good, pl.DataFrame([line(CORRECTED, 0.9, 0.01)])]), None).promote  # shown, not a rival
    refused = verdict(good, pl.DataFrame([line("forecaster", 0.65, 0.03)]))
    assert not refused.promote
    assert any(reason.startswith("refused") and "champion" in reason for reason in refused.reasons)
    worse = pl.DataFrame([line("forecaster", 0.6, 0.06), line("base_rate", 0.1, 0.05)])
    assert not verdict(worse, None).promote


def constructed(data: Path) -> Path:
    """Constructed boards and cascades in the shared files' shapes: low ranks stay in the top 10, high ones do not."""
    for folder in ("boards", "hot_search", "text", "cascades"):
        (data / folder).mkdir(parents=True)
    draw, titles = np.random.default_rng(2), []
    rows: list[tuple[datetime, int, str]] = []
    for start in (datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 7, 2, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)):
        alive = [f"题{start.month}号{i}" for i in range(400)]
        titles += alive
        for hour in range(24 * 20):
            shown = alive[hour * 2 % 350 : hour * 2 % 350 + 20]
            rows += [
                (start + timedelta(hours=hour), rank, title)
                for rank, title in enumerate(draw.permuted(shown[:10]).tolist() + shown[10:], 1)
            ]
    hot = pl.DataFrame(rows, schema=["observed_at", "rank", "title"], orient="row")
    hot.with_columns(pl.col("rank").cast(pl.UInt8)).write_parquet(data / boards.FILES[0])
    pl.DataFrame({"title": titles, "event": ["-"] * len(titles)}).write_csv(data / "text/hot_titles_labeled.csv")
    for board in ("weibo", "baidu", "zhihu"):
        pl.DataFrame({"topic_id": [""], "title": [""], "is_medical": [False]}).write_parquet(data / f"boards/{board}_topics.parquet")
        pl.DataFrame({"topic_id": [""], "observed_at": [datetime(2024, 5, 1, tzinfo=UTC)], "rank": [1], "heat": [1.0]}).write_parquet(
            data / f"boards/{board}_snapshots.parquet"
        )
    month, names = 30 * 86400, {"train": 240, "val": 80, "test": 60}
    told = [
        (f"{split}{i}", split, 1_300_000_000 + k * month * 3 + i * 7200, "构造")
        for k, (split, n) in enumerate(names.items())
        for i in range(n)
    ]
    every = pl.DataFrame(told, schema=["cascade_id", "split", "post_time", "text"], orient="row").with_columns(
        pl.lit("root").alias("author_hash")
    )
    every.write_parquet(data / cascades.FILES[0])
    answers = [(name, int(s), f"u{j}") for name, *_ in told for j, s in enumerate(draw.exponential(draw.choice([7e3, 2e5]), 150))]
    pl.DataFrame(answers, schema=["cascade_id", "sec", "uid_hash"], orient="row").write_parquet(data / cascades.FILES[1])
    finals = [0] * 300 + [2] * 60 + [9] * 60 + [90] * 150
    wild = {"source": "lunarwhite_covid_weibo", "kind": "post", "published_at": "2020-02-01T08:00:00+08:00"}
    pl.DataFrame({"reposts": finals}).with_columns(**{name: pl.lit(value) for name, value in wild.items()}).write_parquet(
        data / selection.FILE
    )
    return data


@pytest.mark.slow
def test_training_ships_logs_and_then_refuses_what_is_worse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models import registry
    from models.escalation import fit
    from models.escalation.train import train

    monkeypatch.setattr(fit, "ROUNDS", {"chance": 30, "size": 10})
    monkeypatch.setitem(fit.TREES, "num_threads", 1)
    data, out, uri = constructed(tmp_path / "data"), tmp_path / "out", f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    report = train(data, out, uri)
    assert report.is_shipped, report.verdict.reasons
    assert json.loads((out / "card.json").read_text())["sha256"] == Forecaster.load(out).sha256
    crowned = registry.champion("escalation", uri)
    assert crowned is not None
    assert (crowned.version, crowned.run_id) == (report.version, report.run_id)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    monkeypatch.setattr(fit, "ROUNDS", {"chance": 1, "size": 1})
    second = train(data, out, uri)
    assert not second.is_shipped
    assert any("champion" in reason and reason.startswith("refused") for reason in second.verdict.reasons)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert registry.champion("escalation", uri) == crowned


@pytest.mark.real
def test_split_windows_do_not_overlap() -> None:
    data = Path("/work/shared/data") if Path("/work/shared/data").is_dir() else Path("../shared/data")
    if not data.is_dir():
        pytest.skip("needs ../shared")
    rows = cascades.rows(data, draws=1)
    ends = rows.filter(pl.col("split") == "train")["as_of"].max() + timedelta(hours=48)  # type: ignore[operator]
    assert ends < rows.filter(pl.col("split") == "validation")["as_of"].min()  # type: ignore[operator]


def test_the_road_needs_neither_sklearn_nor_mlflow() -> None:
    blocked = "import sys; sys.modules.update(dict.fromkeys(('sklearn', 'mlflow', 'matplotlib', 'torch')))"
    road = "from models.escalation.forecast import Forecaster; print(Forecaster.load().version_of('board'))"
    done = subprocess.run(
        [sys.executable, "-c", f"{blocked}; {road}"],
        capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("escalation.board@")
