"""Levels and reposts beside the escalation: what is written and what not, blind to the future, never lower for more, and explained."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest

from models.escalation import cascades, early, reposts, selection, speed
from models.escalation.clusters import clusters
from models.escalation.crowd import counts_at, crowd, facts
from models.escalation.features import spread_features
from models.escalation.forecast import COLUMNS, LISTED_P, forecast
from models.escalation.ladder import Climb
from models.escalation.model import Forecaster
from models.escalation.series import count_features, interpolate
from models.escalation.topic import features as topic_features
from models.escalation.topic.model import TopicForecaster
from models.escalation.topic.text import Words
from warehouse.schema import polars_schema

NOW, HOUR = speed.NOW, timedelta(hours=1)
Frames = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def shipped() -> Forecaster:
    return Forecaster.load()


@pytest.fixture(scope="module")
def many() -> Frames:
    return speed.world(400, seed=3)


@pytest.fixture(scope="module")
def said(shipped: Forecaster, many: Frames) -> pl.DataFrame:
    return forecast(**many, as_of=NOW, forecaster=shipped, playbook=speed.PLAYBOOK)


def table(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = polars_schema(name)
    return pl.DataFrame([{column: row.get(column) for column in schema} for row in rows], schema=schema)


def world(events: dict[str, list[dict[str, Any]]], counts: list[dict[str, Any]] | None = None) -> Frames:
    """Constructed: events of these posts (`hours` ago, and columns of posts), all confirmed and relevant; counts: rows of observations."""
    posts = [
        {"post_id": f"{event}{i}", "platform": "weibo", "kind": "post", "text": "构造:排队", "author_hash": f"a{i}",
         "published_at": NOW - one["hours"] * HOUR, "first_seen_at": NOW - one["hours"] * HOUR, **one}
        for event, rows in events.items() for i, one in enumerate(rows)
    ]  # fmt: skip
    tie = {"hospital_id": "h", "status": "confirmed"}
    read = {"model_version": "m", "relevant_p": 0.9, "negative_p": 0.9}
    same = [{"post_id": one["post_id"], "first_seen_at": one["first_seen_at"], **tie, **read} for one in posts]
    return {
        "posts": table("posts", posts), "observations": table("observations", counts or []), "mentions": table("mentions", same),
        "scores": table("scores", same),
        "events": table("events", [{"event_id": e, "as_of": NOW, "hospital_id": "h", "category": "service", "posts_n": 1} for e in events]),
        "event_posts": table("event_posts", [
            {"event_id": e, "post_id": f"{e}{i}", "as_of": NOW} for e, rows in events.items() for i in range(len(rows))
        ]),
    }  # fmt: skip


def odds(frames: Frames, shipped: Forecaster, target: str) -> dict[tuple[str, int], float]:
    found = forecast(**frames, as_of=NOW, forecaster=shipped, playbook=speed.PLAYBOOK).filter(pl.col("target") == target)
    return {(event, hours): p for event, hours, p in found.select("event_id", "horizon_h", "escalates_p").iter_rows()}


def test_every_row_is_whole(said: pl.DataFrame) -> None:
    assert said.columns == COLUMNS
    assert set(said["target"]) == {"escalation", "level_2", "level_3", "reposts_500", "board_top10", "on_board"}
    assert said.null_count().sum_horizontal().item() == 0
    assert said["escalates_p"].is_between(0, 1, closed="none").all()
    assert said.filter((pl.col("low_n") > pl.col("expected_n")) | (pl.col("expected_n") > pl.col("high_n"))).is_empty()
    assert said.filter(pl.col("drivers").list.len() == 0).is_empty()
    assert said["counterfactual"].str.contains(r"^若.+ → (\d+%|不到1%|99%以上)$").all()
    assert (said["resolve_at"] - said["as_of"]).dt.total_hours().to_list() == said["horizon_h"].to_list()
    assert said.unique(["event_id", "as_of", "horizon_h", "target"]).height == said.height


def test_a_level_is_never_likelier_than_a_milder_one_nor_sooner_than_later(said: pl.DataFrame) -> None:
    wide = said.pivot("target", index=["event_id", "horizon_h"], values="escalates_p").drop_nulls(["level_2", "level_3"])
    assert wide.height
    assert (wide["level_2"] >= wide["level_3"]).all()
    by_hour = said.pivot("horizon_h", index=["event_id", "target"], values="escalates_p")
    assert (by_hour["48"] >= by_hour["24"] - 1e-12).all()


def test_what_is_reached_already_is_not_forecast(shipped: Forecaster) -> None:
    frames = world({
        "small": [{"hours": 1}], "twenty": [{"hours": 1 + i / 10} for i in range(20)],
        "deadly": [{"hours": i + 1, "text": "构造:去世"} for i in range(3)],
    }, [{"post_id": "small0", "observed_at": NOW - HOUR / 2, "reposts_n": 500}])  # fmt: skip
    found = forecast(**frames, as_of=NOW, forecaster=shipped, playbook=speed.PLAYBOOK)
    rows = {(event, target) for event, target in found.select("event_id", "target").iter_rows()}
    assert rows == {
        ("small", "escalation"), ("small", "level_2"), ("small", "level_3"), ("twenty", "escalation"), ("twenty", "level_3"),
        ("deadly", "escalation"), ("deadly", "level_3"),
    }  # fmt: skip
    rules = set(found.filter(pl.col("target") == "level_3")["resolve_rule"])
    assert rules == {"level>=3:24h", "level>=3:48h"}


def test_without_a_playbook_there_are_no_levels(shipped: Forecaster) -> None:
    found = forecast(**world({"one": [{"hours": 1}]}), as_of=NOW, forecaster=shipped)
    assert set(found["target"]) == {"escalation"}


def test_a_group_with_lower_bars_is_likelier_to_reach_them(shipped: Forecaster) -> None:
    frames = world({"plain": [{"hours": h} for h in (1, 3)], "deadly": [{"hours": 1, "text": "构造:去世"}, {"hours": 3}]})
    level_2 = odds(frames, shipped, "level_2")
    assert level_2["deadly", 24] > 2 * level_2["plain", 24]


@pytest.mark.parametrize("earlier", [0, 1, 4, 9, 18])
def test_more_posts_now_never_lower_the_odds_of_a_level(shipped: Forecaster, earlier: int) -> None:
    draw = np.random.default_rng(earlier)
    old = [{"hours": h} for h in draw.uniform(1, 40, earlier)]
    events = {f"e{n:02}": old + [{"hours": 0.1 + i / 100} for i in range(n)] for n in range(0 if earlier else 1, 20, 2)}
    for target in ("level_2", "level_3"):
        found = odds(world(events), shipped, target)
        for hours in (24, 48):
            p = [found[event, hours] for event in events if (event, hours) in found]
            assert p == sorted(p), target
            assert len(p) > 3


@pytest.mark.parametrize("before", [0, 20, 150, 400])
def test_more_reposts_never_lower_the_odds_of_500(shipped: Forecaster, before: int) -> None:
    later = [before + more for more in (0, 1, 5, 20, 50, 90)]
    events = {f"e{n:03}": [{"hours": 5}] for n in later}
    counts = [
        row for n in later for row in (
            {"post_id": f"e{n:03}0", "observed_at": NOW - 2 * HOUR, "reposts_n": before},
            {"post_id": f"e{n:03}0", "observed_at": NOW - HOUR / 4, "reposts_n": n},
        )
    ]  # fmt: skip
    found = odds(world(events, counts), shipped, "reposts_500")
    for hours in (24, 48):
        p = [found[event, hours] for event in events]
        assert p == sorted(p)
        assert p[-1] > p[0]


def test_a_better_place_never_lowers_the_odds_of_a_board_level(shipped: Forecaster) -> None:
    events = {f"e{rank:02}": [{"hours": 30}] for rank in range(50, 10, -4)}
    counts = [{"post_id": f"{event}0", "observed_at": NOW - HOUR / 4, "board_rank": int(event[1:])} for event in events]
    found = odds(world(events, counts), shipped, "level_3")
    p = [found[event, 24] for event in events]
    assert p == sorted(p)
    assert p[-1] > p[0]


def shuffled_future(frames: Frames, as_of: Any, seed: int) -> Frames:
    """Of every table, the rows whose own clock is after as_of: their values dealt out anew among them, numbers made extreme."""
    clocks = {"posts": "first_seen_at", "observations": "observed_at", "mentions": "first_seen_at", "scores": "first_seen_at",
              "events": "as_of", "event_posts": "as_of"}  # fmt: skip
    dealt = {}
    for name, frame in frames.items():
        past, future = frame.filter(pl.col(clocks[name]) <= as_of), frame.filter(pl.col(clocks[name]) > as_of)
        columns = [future[c].shuffle(seed + i) if c != clocks[name] else future[c] for i, c in enumerate(future.columns)]
        extreme = pl.DataFrame(columns, schema=future.schema).with_columns(pl.selectors.ends_with("_n") * 1000)
        dealt[name] = pl.concat([extreme, past])
    return dealt


def test_rows_of_the_future_dealt_out_anew_change_no_forecast(shipped: Forecaster, many: Frames) -> None:
    as_of = NOW - 12 * HOUR
    then = {name: many[name].with_columns(as_of=pl.lit(as_of)) for name in ("events", "event_posts")}
    frames = many | {name: pl.concat([frame, many[name]]) for name, frame in then.items()}
    before = forecast(**frames, as_of=as_of, forecaster=shipped, playbook=speed.PLAYBOOK)
    assert before["target"].n_unique() == 6
    for seed in (1, 2):
        after = forecast(**shuffled_future(frames, as_of, seed), as_of=as_of, forecaster=shipped, playbook=speed.PLAYBOOK)
        assert after.equals(before)
    past = shuffled_future(frames, as_of - 6 * HOUR, 1) | {name: frames[name] for name in ("events", "event_posts")}
    assert not forecast(**past, as_of=as_of, forecaster=shipped, playbook=speed.PLAYBOOK).equals(before)


def test_what_if_it_left_the_board_and_which_topic_put_it_there(shipped: Forecaster) -> None:
    posts = [{"hours": 8}, {"hours": 8}, {"hours": 30}]
    counts = [
        {"post_id": "e0", "observed_at": NOW - (h + 0.3) * HOUR, "board_rank": rank} for h, rank in ((3, 40), (2, 30), (1, 22), (0, 12))
    ]
    counts += [{"post_id": "e1", "observed_at": NOW - 0.3 * HOUR, "board_rank": 45}]
    found = forecast(**world({"e": posts}, counts), as_of=NOW, forecaster=shipped, playbook=speed.PLAYBOOK)
    row = found.row(by_predicate=(pl.col("target") == "escalation") & (pl.col("horizon_h") == 24), named=True)
    assert row["escalates_p"] > LISTED_P
    assert row["counterfactual"].startswith("若跌出热榜 → ")
    told = row["counterfactual"].removeprefix("若跌出热榜 → ").removesuffix("%")
    assert told == "不到1" or int(told) < 100 * row["escalates_p"]
    assert row["moved_by"][0] == "e0"
    assert set(row["moved_by"]) == {"e0", "e1", "e2"}


def test_slower_is_never_likelier_for_levels_and_reposts(said: pl.DataFrame) -> None:
    told = said.filter(pl.col("target").is_in(["level_2", "level_3", "reposts_500"]), pl.col("counterfactual").str.contains("减半"))
    assert told.height > 20
    percent = told["counterfactual"].str.extract(r"(\d+)%$").cast(pl.Float64)
    assert (percent <= told["escalates_p"] * 100 + 1).all()


def test_a_count_is_read_off_a_line_between_readings() -> None:
    readings = pl.DataFrame({"post_id": "p", "read_at": [NOW - 4 * HOUR, NOW - 2 * HOUR, NOW], "count": [0.0, 40.0, 100.0]})
    asked = pl.DataFrame({"post_id": "p", "at": [NOW - 5 * HOUR, NOW - 3 * HOUR, NOW - 1 * HOUR, NOW, NOW + HOUR]})
    assert interpolate(readings, asked).to_list() == [0, 20, 70, 100, 100]
    posts = pl.DataFrame({"post_id": ["p", "q"], "published_at": [NOW - 4 * HOUR] * 2})
    seen = table("observations", [{"post_id": "p", "observed_at": NOW - 2 * HOUR, "reposts_n": 40}])
    assert counts_at(seen, posts, "reposts_n", [NOW - 3 * HOUR, NOW])["count"].to_list() == [20, 40]


def test_the_course_of_a_count_is_told_from_its_last_reading() -> None:
    readings = pl.DataFrame({"post_id": "p", "read_at": [NOW - 3 * HOUR, NOW - HOUR], "count": [10, 70]})
    asked = pl.DataFrame({"unit": "e", "post_id": "p", "posted_at": [NOW - 4 * HOUR], "as_of": [NOW]})
    row = count_features(readings, asked).row(0, named=True)
    assert (row["count"], row["grown_1h"], row["grown_2h"], row["grown_3h"]) == (70, 30, 60, 70)
    assert (row["age_h"], row["read_h"], row["apart_h"]) == (4, 1, 2)
    assert count_features(readings.with_columns(pl.col("read_at") + 5 * HOUR), asked).is_empty()


def test_facts_beyond_the_models_are_told_as_they_are() -> None:
    frames = world(
        {"e": [{"hours": 5, "author_kind": "media"}, {"hours": 3, "author_kind": "own"}]},
        [{"post_id": "e0", "observed_at": NOW - h * HOUR, "reposts_n": n, "comments_n": 7} for h, n in ((2, 100), (1, 110), (0, 142))],
    )
    members = frames["event_posts"].select(pl.col("event_id").alias("unit"), "post_id").join(frames["posts"], on="post_id")
    row = crowd(members, frames["observations"], frames["scores"], NOW).row(0, named=True)
    assert facts(row) == [
        "过去1小时转发是前一小时的3.2倍",
        "近24小时负面帖占100%",
        "本院账号已发声1次",
        "其中媒体、政务账号1篇",
        "各帖共被转发142次",
    ]


def test_posts_of_an_event_together() -> None:
    units = pl.Series(["a", "b", "b", "b"])
    p = dict(reposts.event_odds(units, np.array([0.3, 0.3, 0.3, 0.3])).iter_rows())
    assert p["a"] == pytest.approx(0.3, abs=1e-6)
    assert 0.3 < p["b"] < 1 - 0.7**3  # they lean on one another: less than three strangers


def test_bars_between_two_of_the_ladder_and_sizes_from_it() -> None:
    climb = Climb(np.array([[1.0, 0.8, 0.2]]), np.array([10.0, 20.0, 40.0]), is_rank=False)
    at = [climb.at(np.array([bar]))[0] for bar in (10, 20, 28.284271, 40, 400, float("nan"))]
    assert at == pytest.approx([1, 0.8, 0.5, 0.2, 0.2, 0])
    assert climb.quantile(0.5, np.array([0.0]))[0] == pytest.approx(28.284271)
    assert climb.quantile(0.9, np.array([0.0]))[0] == pytest.approx(40)
    assert climb.quantile(0.1, np.array([25.0]))[0] == 25
    place = Climb(np.array([[1.0, 0.5]]), np.array([50.0, 10.0]), is_rank=True)
    assert [place.at(np.array([bar]))[0] for bar in (50.0, 10.0, 3.0)] == pytest.approx([1, 0.5, 0.5])


def test_the_correction_keeps_odds_down_where_posts_are_few(shipped: Forecaster) -> None:
    few = spread_features(
        pl.DataFrame({"unit": "u", "posted_at": [NOW - HOUR], "author": "a"}), pl.DataFrame({"unit": ["u"], "as_of": [NOW]})
    )
    climb = shipped.ladders["volume"].climb(few.with_columns(horizon_h=pl.lit(24.0)))
    assert climb.at(np.array([20.0]))[0] < 0.05
    assert (np.diff(climb.chances[0]) <= 0).all()


@pytest.fixture(scope="module")
def by_topic() -> TopicForecaster:
    """Constructed: one tree a target that likes low ranks."""
    names = list(topic_features.FEATURES)
    ranks = np.tile(np.arange(1.0, 51), 20)
    seen = np.zeros((len(ranks), len(names)))
    seen[:, names.index("rank")] = ranks
    held = lightgbm.Dataset(seen, (ranks < 25).astype(float), feature_name=names)
    tree = lightgbm.train({"objective": "binary", "num_leaves": 8, "verbosity": -1, "num_threads": 1}, held, 5)
    line = {"isotonic": {"": {"x": [0.0, 1.0], "y": [0.0, 1.0]}}}
    return TopicForecaster(
        dict.fromkeys(("board_top10", "on_board"), tree), dict.fromkeys(("board_top10", "on_board"), line), Words({}), "0" * 64
    )


def test_topics_of_events_are_asked_about_their_board(shipped: Forecaster, by_topic: TopicForecaster) -> None:
    events = {
        "low": [{"hours": 5, "title": "构造:题一"}],
        "top": [{"hours": 5, "title": "构造:题二"}],
        "off": [{"hours": 5, "title": "构造:题三"}],
    }
    places = {"low0": 22, "top0": 4, "off0": None}
    counts = [
        {"post_id": post, "observed_at": NOW - h * HOUR, "board_rank": (40 if h > 1 else rank)}
        for post, rank in places.items() for h in (4.1, 3.1, 2.1, 1.1, 0.1) if rank or h > 1
    ]  # fmt: skip
    frames = world(events, counts)
    found = forecast(**frames, as_of=NOW, forecaster=shipped, playbook=speed.PLAYBOOK, topic_forecaster=by_topic)
    rows = found.filter(pl.col("target").is_in(["board_top10", "on_board"]))
    asked = {(event, target, rule) for event, target, rule in rows.select("event_id", "target", "resolve_rule").iter_rows()}
    assert asked == {
        ("low", "board_top10", "board_top10:24h"), ("low", "on_board", "on_board:12h"), ("top", "on_board", "on_board:12h"),
        ("off", "board_top10", "board_top10:24h"),
    }  # fmt: skip
    assert rows.null_count().sum_horizontal().item() == 0
    assert rows["counterfactual"].str.contains(r"^若名次再降10位 → ").all()
    assert rows["model_version"].unique().to_list() == [by_topic.version]
    low = rows.row(by_predicate=(pl.col("event_id") == "low") & (pl.col("target") == "on_board"), named=True)
    assert low["moved_by"] == ["low0"]
    assert int(low["counterfactual"].removesuffix("%").split(" → ")[1]) < 100 * low["escalates_p"]
    assert low["low_n"] <= low["expected_n"] <= low["high_n"] <= 1
    later = table("observations", [{"post_id": "low0", "observed_at": NOW + HOUR, "board_rank": 1}])
    shifted = frames | {"observations": pl.concat([frames["observations"], later])}
    assert forecast(**shifted, as_of=NOW, forecaster=shipped, playbook=speed.PLAYBOOK, topic_forecaster=by_topic).equals(found)


def test_cascades_of_one_happening_are_one_event() -> None:
    same = "构造:岚湖市第一人民医院门诊楼昨夜停电，多名患者滞留走廊，院方尚未回应"
    week = 7 * 86400
    rows = [
        ("a", 0, same),
        ("b", 3600, same + "！！！ http://x.cn/1"),
        ("c", week + 7200, same),
        ("d", 10, "构造:别的事情，与前面的那件事全无关系可言"),
        ("e", 20, "转"),
    ]
    found = clusters(pl.DataFrame(rows, schema=["cascade_id", "post_time", "text"], orient="row"))
    assert found.rows() == [("a", "a"), ("b", "a")]


def test_the_most_posts_of_a_day_are_counted_at_any_instant_ahead() -> None:
    hours = [-30, -20, -1, 1, 2, 3, 26, 27, 60]
    seen = pl.DataFrame({"unit": "u", "posted_at": [NOW + h * HOUR for h in hours]})
    found = cascades.peak_ahead(seen, pl.DataFrame({"unit": ["u"], "as_of": [NOW]})).sort("horizon_h")
    assert found.select("horizon_h", "peak").rows() == [(24.0, 5), (48.0, 5)]  # at hour 3: those of -20, -1, 1, 2, 3
    rows = cascades.volume_rows(found.select("unit", "as_of", "horizon_h").with_columns(n_24h=pl.lit(2)), seen)
    assert dict(rows.filter(pl.col("horizon_h") == 24).select("bar", "y").iter_rows()) == {
        bar: int(bar <= 5) for bar in cascades.VOLUME_BARS if bar > 2
    }


def test_the_correction_of_a_ladder_is_the_ratio_of_prior_odds_of_its_bar() -> None:
    """Constructed: in the wild 1 of 5 lone posts reaches 10; picked, 4 of 5 do so in time."""
    sizes = pl.Series([1] * 400 + [1000] * 100)
    growth = [(f"u{i}", NOW + timedelta(hours=30 * j if i % 5 == 0 else j / 100)) for i in range(500) for j in range(12)]
    curve = selection.learn_ladder(sizes, pl.DataFrame(growth, schema=["unit", "posted_at"], orient="row"), [1.0, 10.0])
    assert curve["factors"][0] == pytest.approx([1 / 16, 1 / 16])  # a bar that is reached takes the next one's
    assert (np.diff(np.array(curve["factors"]), axis=0) >= 0).all()
    assert selection.ladder_factor(np.array([1.0, 1e6]), curve)[:, 1].tolist() == pytest.approx([1 / 16, curve["factors"][-1][1]])


def test_early_recall_is_of_those_that_reach_the_bar(tmp_path: Path, shipped: Forecaster) -> None:
    """Constructed: every second cascade brings 120 posts within an hour, the others one a day."""
    rows, reposts_of = [], []
    for split, start in (("train", 1_300_000_000), ("val", 1_320_000_000), ("test", 1_340_000_000)):
        for i in range(60):
            name = f"{split}{i}"
            rows.append((name, split, start + i * 86400, f"构造:第{i}件事情发生在{split}", "root"))
            gap = 30 if i % 2 else 86400
            reposts_of += [(name, j * gap, f"u{i}-{j}") for j in range(1, 121)]
    (tmp_path / "cascades").mkdir()
    pl.DataFrame(rows, schema=["cascade_id", "split", "post_time", "text", "author_hash"], orient="row").write_parquet(
        tmp_path / cascades.FILES[0]
    )
    pl.DataFrame(reposts_of, schema=["cascade_id", "sec", "uid_hash"], orient="row").write_parquet(tmp_path / cascades.FILES[1])
    found = early.early(shipped.ladders["volume"], tmp_path, draws=4)
    assert {name.split(" recall")[0] for name in found} >= {"escalation volume (20 posts, all)"}
    assert all(0 <= figure["value"] <= 1 for figure in found.values())
    figure = found["escalation volume (20 posts, all) recall at 30 min"]
    reach, every = map(int, re.findall(r"of (\d+)", figure["how"])[:2])
    assert 20 <= reach <= every / 2  # none of those that bring one a day
    assert figure["value"] > 0
