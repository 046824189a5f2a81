"""Topics on hot boards: blind to the future, right on small boards made by hand, honest when a file is wrong."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.escalation.model import ModelProblem
from models.escalation.topic import baselines, judging
from models.escalation.topic.dataset import asked_only
from models.escalation.topic.features import FEATURES, KEY, courses, features
from models.escalation.topic.fit import fit, with_words, write
from models.escalation.topic.forecast import boards, odds
from models.escalation.topic.kin import kin
from models.escalation.topic.model import SHIPPED, TopicForecaster
from models.escalation.topic.outcomes import early, every, outcomes, split
from models.escalation.topic.readings import BoardProblem, board, shaped
from models.escalation.topic.text import BUCKETS, Words, runs
from warehouse.settings import PROJECT

START = datetime(2026, 3, 10, 0, 0, tzinfo=UTC)
SHARED = PROJECT.parent / "shared" / "data"


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def rows(*seen: tuple[str, float, int], heat: bool = True, name: str = "zhihu") -> pl.DataFrame:
    """(topic, hour, rank) -> SCHEMA; heat falls with rank, answers grow with the hour."""
    seen_at = {
        "topic_id": [topic for topic, _, _ in seen], "title": [f"构造：话题{topic}" for topic, _, _ in seen],
        "observed_at": [at(hour) for _, hour, _ in seen], "rank": [rank for _, _, rank in seen],
        "heat": [1e6 / rank if heat else None for _, _, rank in seen], "answers": [10 + float(hour) for _, hour, _ in seen],
    }  # fmt: skip
    return shaped(pl.DataFrame(seen_at), name)


def crowd(hours: int = 60, size: int = 20, seed: int = 7) -> pl.DataFrame:
    """A board of `size` places whose topics come, move and go."""
    draw, born = np.random.default_rng(seed), 0
    living: list[str] = []
    seen: list[tuple[str, float, int]] = []
    for hour in range(hours):
        living = [topic for topic in living if draw.random() < 0.85]
        while len(living) < size:
            living.append(str(1000 + born))
            born += 1
        strength = {topic: draw.random() + int(topic) % 7 / 4 for topic in living}
        ranked = sorted(living, key=lambda topic: -strength[topic])
        seen += [(topic, float(hour), place + 1) for place, topic in enumerate(ranked)]
    return rows(*seen)


def one(frame: pl.DataFrame, topic: str, hours: float) -> dict[str, object]:
    asked = pl.DataFrame(
        {"board": ["zhihu"], "topic_id": [topic], "as_of": [at(hours)]}, schema_overrides={"as_of": pl.Datetime("us", "UTC")}
    )
    return features(frame, asked).row(0, named=True)


def test_a_climb_is_read_as_it_went() -> None:
    frame = rows(("a", 0, 40), ("a", 1, 30), ("a", 2, 15), *((str(i), float(h), i) for i in range(1, 11) for h in range(3)))
    known = one(frame, "a", 2.1)
    assert (known["rank"], known["rank_1"], known["climb_1"], known["climb_first"], known["seen_n"]) == (15, 30, 15, 25, 3)
    assert known["heat_1"] == pytest.approx(np.log(2))
    assert known["gap_h"] == pytest.approx(0.1)
    assert known["is_on"] is True


def test_a_board_kept_in_part_says_nothing_of_its_state_and_a_whole_one_does() -> None:
    part, whole = rows(("a", 0, 40), ("a", 1, 30)), crowd(6)
    topic = str(whole.filter(pl.col("observed_at") == at(5))["topic_id"][0])
    assert [one(part, "a", 1.2)[name] for name in ("to_heat_10", "on_n", "place")] == [None, None, None]
    assert None not in [one(whole, topic, 5.2)[name] for name in ("to_heat_10", "on_n", "place")]


def test_one_that_left_is_not_on_and_its_absence_is_counted() -> None:
    frame = rows(("a", 0, 12), *((str(i), float(h), i) for i in range(1, 11) for h in range(4)))
    known = one(frame, "a", 3.0)
    assert (known["gone_n"], known["is_on"], known["gap_h"]) == (3, False, 3)


@pytest.mark.parametrize("way", ["dropped", "shuffled"])
def test_nothing_after_the_instant_is_read(way: str) -> None:
    frame = crowd()
    now = at(36)
    asked = every(frame).filter(pl.col("as_of") <= now).sample(60, seed=7)
    before, after = frame.filter(pl.col("observed_at") <= now), frame.filter(pl.col("observed_at") > now)
    if way == "shuffled":
        draw = np.random.default_rng(1)
        wrong = after.with_columns(
            pl.Series("rank", draw.permutation(after["rank"].to_numpy())), pl.Series("heat", draw.random(after.height) * 1e9),
            pl.Series("answers", draw.random(after.height) * 1e6), pl.Series("topic_id", draw.permutation(after["topic_id"].to_numpy())),
        )  # fmt: skip
        before = pl.concat([before, wrong])
    assert features(frame, asked).equals(features(before, asked))


@pytest.mark.skipif(not SHIPPED.exists(), reason="not trained yet")
def test_odds_on_the_road_read_nothing_later_and_ask_only_what_can_be_asked() -> None:
    frame = crowd(40)
    seen = frame.with_columns(pl.lit("e").alias("unit"), pl.col("topic_id").alias("topic"))
    now = at(30.5)
    said = odds(seen, now)
    assert said.equals(odds(seen.filter(pl.col("observed_at") <= now), now))
    assert said["p"].is_between(0, 1).all()
    top = frame.filter(pl.col("observed_at") == at(30), pl.col("rank") <= 10)["topic_id"].to_list()
    asked = said.filter(pl.col("target") == "board_top10")["topic"].to_list()
    assert not set(top) & set(asked)
    assert set(said.filter(pl.col("target") == "on_board")["topic"]) == set(frame.filter(pl.col("observed_at") == at(30))["topic_id"])
    assert odds(seen.head(0), now).is_empty()


def test_outcomes_by_rule() -> None:
    others = [(str(i), float(h), i) for i in range(1, 10) for h in range(40)]
    frame = rows(("a", 0, 20), ("a", 10, 10), ("b", 0, 20), ("b", 25, 10), ("c", 0, 20), ("c", 12, 30), *others)
    asked = pl.DataFrame(
        {"board": ["zhihu"] * 3, "topic_id": ["a", "b", "c"], "as_of": [at(0)] * 3}, schema_overrides={"as_of": pl.Datetime("us", "UTC")}
    )
    found = outcomes(frame, asked).sort("topic_id")
    assert found["board_top10"].to_list() == [1, 0, 0]
    assert found["on_board"].to_list() == [0, 0, 1]


def test_a_hole_in_the_readings_voids_what_it_could_hide() -> None:
    frame = rows(("a", 0, 20), *(("x", float(h), 1) for h in (*range(8), *range(12, 60))))
    asked = pl.DataFrame({"board": ["zhihu"], "topic_id": ["a"], "as_of": [at(0)]}, schema_overrides={"as_of": pl.Datetime("us", "UTC")})
    assert outcomes(frame, asked)["board_top10"].to_list() == [None]
    assert outcomes(frame, asked)["on_board"].to_list() == [0]


def test_the_end_of_a_file_voids_too() -> None:
    frame = rows(("a", 0, 20), *(("x", float(h), 1) for h in range(10)))
    asked = early(frame).filter(pl.col("topic_id") == "a")
    assert outcomes(frame, asked).select("board_top10", "on_board").row(0) == (None, None)


def test_splits_leave_a_day_before_each_border() -> None:
    days = [
        datetime(2023, 12, 30, tzinfo=UTC),
        datetime(2023, 12, 31, 12, tzinfo=UTC),
        datetime(2024, 2, 1, tzinfo=UTC),
        datetime(2024, 6, 1, tzinfo=UTC),
    ]
    frame = pl.DataFrame({"as_of": days, "platform": ["zhihu"] * 4}, schema_overrides={"as_of": pl.Datetime("us", "UTC")})
    assert frame.select(split().alias("s"))["s"].to_list() == ["train", None, "validation", "test"]


def test_customs_are_known_only_once_a_day_is_over() -> None:
    frame = crowd(80)
    asked = every(frame)
    found = features(frame, asked)
    assert found.filter(pl.col("as_of") < at(26))["custom"].drop_nulls().is_empty()
    assert found.filter(pl.col("as_of") > at(60))["custom"].null_count() == 0


def test_kin_counts_words_of_the_two_days_before_and_not_its_own() -> None:
    topics = pl.DataFrame(
        {
            "board": ["z", "w", "z"], "topic_id": ["1", "2", "3"], "platform": ["zhihu", "weibo", "zhihu"],
            "title": ["岚湖市第一人民医院", "岚湖市第一人民医院", "岚湖市第一人民医院"], "first_seen_at": [at(100), at(80), at(10)],
            "top_at": [None, at(90), None],
        }
    )  # fmt: skip
    found = {row["topic_id"]: row for row in kin(topics).iter_rows(named=True)}
    assert (found["1"]["kin_same"], found["1"]["kin_other"], found["1"]["kin_top"]) == (0.0, pytest.approx(1), pytest.approx(1))
    assert (found["3"]["kin_same"], found["3"]["kin_other"]) == (0.0, 0.0)


def test_words_survive_their_file() -> None:
    texts = pl.Series(["医院", "", "医院收费"])
    words = Words({"zhihu": np.random.default_rng(7).normal(size=BUCKETS)})
    again = Words.from_json(words.as_json())
    platforms = pl.Series(["zhihu", "zhihu", "elsewhere"])
    assert np.allclose(words.score(texts, platforms), again.score(texts, platforms), atol=0.03)
    assert runs(texts)[1].nnz == 0


def learning(hours: int = 700) -> pl.DataFrame:
    """Rows as of dataset.table, of one made board, its last third for validation."""
    frame = crowd(hours)
    asked = every(frame)
    found = asked_only(
        features(frame, asked).with_columns(pl.lit(value=True).alias("is_early")).join(outcomes(frame, asked), on=KEY, how="left")
    )
    return found.with_columns(
        pl.when(pl.col("as_of") < at(hours * 2 / 3)).then(pl.lit("train")).otherwise(pl.lit("validation")).alias("split"),
        pl.lit(value=True).alias("is_issue"),
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pl.DataFrame]:
    pytest.importorskip("sklearn")
    learned, words = with_words(learning())
    fitted = fit(learned, words)
    known = baselines.learn(learned.filter(pl.col("split") == "train"))
    for target, lines in known.items():
        fitted.knots[target]["baselines"] = lines
    folder = tmp_path_factory.mktemp("topic")
    write(fitted, folder)
    return folder, learned


def test_what_is_written_is_read_back_and_made_the_same_twice(made: tuple[Path, pl.DataFrame], tmp_path: Path) -> None:
    folder, learned = made
    forecaster = TopicForecaster.load(folder)
    again, words = with_words(learned.drop("text"))
    fitted = fit(again, words)
    for target in fitted.knots:
        fitted.knots[target]["baselines"] = forecaster.knots[target]["baselines"]
    write(fitted, tmp_path / "again")
    assert TopicForecaster.load(tmp_path / "again").sha256 == forecaster.sha256
    p = forecaster.predict(learned.drop_nulls("board_top10"), "board_top10")
    assert len(np.unique(p)) > 10
    assert ((p > 0) & (p < 1)).all()


def test_a_forecaster_no_better_than_rank_is_refused(made: tuple[Path, pl.DataFrame]) -> None:
    folder, learned = made
    figures = judging.table(TopicForecaster.load(folder), learned.filter(pl.col("split") == "validation").drop("text"))
    worse = figures.with_columns(pl.when(pl.col("who") == judging.FORECASTER).then(0.0).otherwise("ap").alias("ap"))
    said = judging.verdict(worse, None)
    assert not said.promote
    assert any(reason.startswith("refused: board_top10, zhihu") for reason in said.reasons)


def test_damaged_files_are_named(made: tuple[Path, pl.DataFrame], tmp_path: Path) -> None:
    with pytest.raises(ModelProblem, match=str(tmp_path)):
        TopicForecaster.load(tmp_path)


def folder_of(place: Path, name: str = "douban") -> Path:
    """A board nobody has seen, without the columns that may be missing."""
    frame = crowd(40)
    frame.select("topic_id", "observed_at", "rank").write_parquet(place / f"{name}_snapshots.parquet")
    frame.select("topic_id", "title").unique().write_parquet(place / f"{name}_topics.parquet")
    return place


@pytest.mark.skipif(not SHIPPED.exists(), reason="not trained yet")
def test_an_unknown_board_without_heat_is_forecast(tmp_path: Path) -> None:
    found = boards(folder_of(tmp_path), is_every=True)
    assert found.columns == ["board", "topic_id", "as_of", "target", "horizon_h", "p", "at"]
    assert set(found["at"]) == {"2.1h", "reading"}
    assert set(found["target"]) == {"board_top10", "on_board"}
    assert found["p"].is_between(0, 1).all()
    assert found.select(*KEY, "target").is_duplicated().sum() == 0


def test_wrong_folders_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BoardProblem, match="name the folder"):
        boards(tmp_path, forecaster=None)
    pl.DataFrame({"topic_id": ["1"], "title": ["构造"]}).write_parquet(tmp_path / "x_topics.parquet")
    pl.DataFrame({"topic_id": ["1"]}).write_parquet(tmp_path / "x_snapshots.parquet")
    with pytest.raises(BoardProblem, match="no column observed_at"):
        board(tmp_path, "x")
    done = subprocess.run([sys.executable, "-m", "flows.cli", "forecast", "--boards", str(tmp_path), "--out", str(tmp_path / "o.csv")],
                          capture_output=True, text=True, check=False, cwd=PROJECT)  # fmt: skip
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)


def test_features_are_all_there_and_named_once() -> None:
    frame = crowd(6)
    found = features(frame, every(frame), courses(frame))
    assert set(FEATURES) - {"text"} <= set(found.columns)


@pytest.mark.real
@pytest.mark.skipif(not (SHARED / "boards").exists() or not SHIPPED.exists(), reason="needs ../shared")
def test_the_issue_s_base_rate_on_zhihu() -> None:
    frame = board(SHARED / "boards", "zhihu").filter(pl.col("observed_at") >= datetime(2024, 1, 1, tzinfo=UTC))
    new = early(frame).join(early(board(SHARED / "boards", "zhihu")).select(*KEY), on=KEY, how="semi")
    ranks = frame.join(new, on=["board", "topic_id"]).filter(pl.col("observed_at") <= pl.col("as_of"))
    last = (
        ranks.group_by("topic_id")
        .agg(pl.col("rank").sort_by("observed_at").last(), pl.len())
        .filter(pl.col("rank") > 10, pl.col("len") > 1)
    )
    found = outcomes(frame, new).join(last, on="topic_id")
    assert found["board_top10"].mean() == pytest.approx(0.118, abs=0.004)
