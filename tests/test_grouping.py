"""Constructed posts of 岚湖市, a city that does not exist (演练); tests marked `real` read the shared headlines."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from models import bench_events, event_terms, linkage
from models.grouping import group
from warehouse.schema import empty
from warehouse.store import Warehouse
from warehouse.watchlist import EVERY

SHARED = Path(__file__).parents[2] / "shared"
NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
NONE = (empty("events"), empty("event_posts"))
INFANT = ("岚湖女婴心脏手术后离世 家属质疑", "岚湖市卫健委回应女婴手术离世", "女婴心脏手术离世涉事医生已停诊")
FEES = ("住院七天收十九天护理费 多人晒清单", "护理费收十九天 医院称系统出错", "晒清单的人多了 护理费十九天怎么来的")


class World:
    """Posts of one hospital, all judged to be about it unless said otherwise."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.mentions: list[dict[str, Any]] = []
        self.scores: list[dict[str, Any]] = []

    def say(
        self, text: str, hours_ago: float = 5.0, *, hospital: str | None = EVERY, category: str = "safety", weight: float = 0.9,
        relevant_p: float = 0.9, evidence: str = "医院", **post: Any,
    ) -> str:  # fmt: skip
        post_id = f"p{len(self.posts):04d}"
        at = NOW - timedelta(hours=hours_ago)
        self.posts.append({"post_id": post_id, "text": text, "platform": "weibo", "published_at": at, "first_seen_at": at} | post)
        if hospital:
            self.mentions.append({"post_id": post_id, "hospital_id": hospital, "evidence": evidence, "status": "confirmed"})
            self.scores.append(
                {"post_id": post_id, "model_version": "m", "relevant_p": relevant_p, "category": category, "category_p": weight}
            )
        return post_id

    def tables(self) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        said = {"posts": self.posts, "mentions": self.mentions, "scores": self.scores}
        return tuple(  # type: ignore[return-value]
            pl.DataFrame(rows, schema={name: empty(table).schema[name] for name in empty(table).columns[:-2]})
            for table, rows in said.items()
        )

    def group(
        self, earlier: tuple[pl.DataFrame, pl.DataFrame] = NONE, as_of: datetime = NOW, days: float = 30
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        return group(*self.tables(), *earlier, as_of, days)


def parts(event_posts: pl.DataFrame) -> list[set[str]]:
    """The events' posts, the event of the first post first."""
    return sorted((set(posts["post_id"]) for _, posts in event_posts.group_by("event_id")), key=min)


def test_two_happenings_are_two_events() -> None:
    world = World()
    infant = {world.say(text, 9 - n) for n, text in enumerate(INFANT)}
    fees = {world.say(text, 8.5 - n, category="price") for n, text in enumerate(FEES)}
    events, event_posts = world.group()
    assert parts(event_posts) == [infant, fees]
    assert sorted(events["category"]) == ["price", "safety"]
    assert events["posts_n"].to_list() == [3, 3]


def test_what_the_same_place_and_words_cannot_join() -> None:
    world = World()
    for n, text in enumerate(("宁波女婴手术后离世", "宁波卫健委通报女婴手术离世", "宁波女婴手术离世家属发声")):
        world.say(text, 9 - n)
    stranger = world.say("湖南一女婴手术后死亡", 3)
    assert {stranger} in parts(world.group()[1])


def test_other_words_for_the_same_thing_join_weeks_apart() -> None:
    world = World()
    for n, text in enumerate(("宁波女婴心脏手术离世", "宁波女婴手术去世医生停诊", "宁波通报女婴手术离世")):
        world.say(text, 24 * 20 - n)
    for n, text in enumerate(("宁波患儿手术后死亡多人被处理", "宁波通报患儿手术后死亡", "宁波患儿手术身亡通报")):
        world.say(text, 5 - n)
    assert len(parts(world.group()[1])) == 1


def test_the_hospitals_own_name_joins_nothing() -> None:
    world = World()
    name = "岚湖市妇女儿童医院"
    for text in ("产科的护士耐心", "停车场收费贵", "食堂换了菜单", "挂号小程序打不开"):
        world.say(f"{name}{text}", hospital="lanhu_children", evidence=name)
    assert len(parts(world.group()[1])) == 4


def test_copies_and_answers_are_counted_with_the_post_they_repeat() -> None:
    world = World()
    root = world.say("岚湖女婴手术后离世，家属要求公开监控录像", 6, author_hash="a")
    world.say("  岚湖女婴手术后离世 家属要求公开监控录像！", 5, author_hash="b", platform="news")
    world.say("太可怜了", 4, hospital=None, kind="comment", root_id=root, author_hash="a")
    world.say("转发微博", 3, hospital=None, kind="repost", parent_id=root, platform="weibo")
    world.say("别的帖子下的评论", 3, hospital=None, kind="comment", root_id="elsewhere")
    events, event_posts = world.group()
    event = events.row(0, named=True)
    assert (events.height, event["posts_n"], event["authors_n"], event["platforms"]) == (1, 4, 2, ["news", "weibo"])
    assert event["title"] == "岚湖女婴手术后离世，家属要求公开监控录像"
    assert event_posts.height == 4


def test_a_repost_is_about_what_it_quotes() -> None:
    world = World()
    world.say("岚湖一处楼房停电，护士打手电巡房", 6)
    world.say("天哪//@某某:岚湖一处楼房停电，护士打手电巡房", 5)
    world.say("天哪\n- 转发 @某人: 食堂的粉蒸肉十一块钱管饱", 5)
    events, event_posts = world.group()
    assert sorted(map(len, parts(event_posts))) == [1, 2]
    assert "食堂的粉蒸肉十一块钱管饱" in "".join(events["title"])


def test_who_is_grouped() -> None:
    world = World()
    world.say("与医院无关的闲话", relevant_p=0.2, category="other")
    kept = {world.say("没把握但有类别的投诉", relevant_p=0.2, category="service"), world.say("有关但没类别的消息", category="other")}
    world.say("没有提到任何医院", hospital=None)
    world.say("窗口以前的事", 24 * 31)
    world.say("还没看到的事", 1, first_seen_at=NOW + timedelta(hours=1))
    assert set(world.group()[1]["post_id"]) == kept


def test_growth_counts_by_their_clock_and_ours_where_theirs_is_unknown() -> None:
    world = World()
    for hours in (1, 2, 3):
        world.say("岚湖女婴手术后离世家属质疑", hours)
    world.say("岚湖女婴手术后离世家属质疑", 30)
    world.say("岚湖女婴手术后离世家属质疑", 4, published_at=None)
    world.say("岚湖女婴手术后离世家属质疑", 1, published_at=NOW - timedelta(hours=60))
    event = world.group()[0].row(0, named=True)
    assert event["growth"] == pytest.approx((4 + 1) / (1 + 1))
    assert event["first_post_at"] == NOW - timedelta(hours=60)
    assert event["last_post_at"] == NOW - timedelta(hours=1)


@pytest.mark.parametrize(("weight", "expected"), [(0.9, "price"), (0.5, "other")])
def test_other_wins_only_where_the_rest_is_small(weight: float, expected: str) -> None:
    world = World()
    for _ in range(2):
        world.say("护理费收了十九天", category="other", weight=0.8)
    world.say("护理费收了十九天", category="price", weight=weight)
    assert world.group()[0]["category"].to_list() == [expected]


def test_a_text_votes_once_for_the_category_however_often_it_is_copied() -> None:
    world = World()
    for n in range(9):
        world.say("岚湖女婴手术离世 医院发布情况说明", 5 - n / 9, category="service")
    for text in ("岚湖女婴心脏手术离世 家属质疑", "岚湖女婴心脏手术离世 监控缺失", "岚湖女婴心脏手术离世 医生停诊"):
        world.say(text, 5, category="safety")
    events = world.group()[0]
    assert events["posts_n"].to_list() == [12]
    assert events["category"].to_list() == ["safety"]


def test_the_same_posts_in_any_order_give_the_same_tables(tmp_path: Path) -> None:
    world = World()
    for n in range(40):
        world.say(f"{(INFANT + FEES)[n % 6]} 第{n % 11}次", n, hospital=("lanhu_first", "lanhu_children")[n % 2])
    events, event_posts = world.group()
    shuffled = group(*(table.sample(fraction=1, shuffle=True, seed=n) for n, table in enumerate(world.tables())), *NONE, NOW, 30)
    assert events.equals(shuffled[0])
    assert event_posts.equals(shuffled[1])
    warehouse = Warehouse(tmp_path)
    assert warehouse.replace("events", events, NOW) == events.height
    assert warehouse.replace("event_posts", event_posts, NOW) == event_posts.height
    assert set(event_posts["event_id"]) == set(events["event_id"])


def test_an_event_keeps_its_id_as_it_grows_and_ages_and_a_second_run_changes_nothing() -> None:
    world = World()
    for n, text in enumerate(INFANT):
        world.say(text, 60 - n)
    first = world.group(as_of=NOW - timedelta(days=2))
    world.say("女婴手术离世 岚湖卫健委成立调查组", 3)
    grown = world.group(first)
    assert grown[0]["event_id"].to_list() == first[0]["event_id"].to_list()
    assert grown[0]["posts_n"].to_list() == [4]
    both = (pl.concat([first[0], grown[0]]), pl.concat([first[1], grown[1]]))
    assert world.group(both)[0].equals(grown[0])
    narrow = world.group(both, as_of=NOW + timedelta(days=1), days=3)  # the first posts have left the window
    assert narrow[0]["event_id"].to_list() == first[0]["event_id"].to_list()
    assert narrow[0]["first_post_at"].to_list() == first[0]["first_post_at"].to_list()


def before(world: World, *events: tuple[str, float, list[str]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Earlier events (id, hours since their first post, posts) as yesterday's tables."""
    yesterday = NOW - timedelta(days=1)
    columns = {"as_of": yesterday, "hospital_id": EVERY, "title": "", "category": "safety", "posts_n": 1, "authors_n": 1, "growth": 1.0}
    rows = [columns | {"event_id": name, "first_post_at": NOW - timedelta(hours=age)} for name, age, _ in events]
    members = [{"event_id": name, "post_id": post, "as_of": yesterday} for name, _, posts in events for post in posts]
    return (
        pl.DataFrame(rows, schema=empty("events").select(pl.exclude("run_id", "day_on")).schema),
        pl.DataFrame(members, schema=empty("event_posts").select(pl.exclude("run_id", "day_on")).schema),
    )


def test_of_two_that_merge_the_older_names_the_whole_unless_it_is_a_crumb() -> None:
    world = World()
    posts = [world.say("岚湖女婴手术后离世家属质疑", 50 - n) for n in range(8)]
    assert world.group(before(world, ("old", 50, posts[:3]), ("new", 40, posts[3:])))[0]["event_id"].to_list() == ["old"]
    assert world.group(before(world, ("crumb", 50, posts[:1]), ("big", 40, posts[1:])))[0]["event_id"].to_list() == ["big"]


def test_of_a_split_the_largest_part_keeps_the_id_and_no_id_is_given_twice() -> None:
    world = World()
    lost = [world.say("护理费收了十九天", 50)]
    kept = [world.say("岚湖女婴手术后离世家属质疑", 40 - n) for n in range(3)]
    alone = world.group()[0].filter(pl.col("posts_n") == 1)["event_id"][0]  # the id the lost post would give
    events, event_posts = world.group(before(world, (alone, 50, lost + kept)))
    assert set(event_posts.filter(event_id=alone)["post_id"]) == set(kept)
    assert events["event_id"].n_unique() == 2


def test_proof_by_one_pair_is_not_enough_between_large_events() -> None:
    world = World()
    infant = {world.say(f"岚湖女婴心脏手术后离世，家属质疑{word}", 9) for word in (["监控", "病历", "麻醉", "尸检", "主刀", "赔偿"])}
    fees = {
        world.say(f"住院清单护理费收了十九天，{word}", 9)
        for word in ["床位费多收", "药费对不上", "材料费说不清", "空调费也收", "系统出错", "要求退费"]
    }
    fees.add(world.say("住院清单护理费收了十九天，女婴心脏手术那家也这样", 9))
    assert parts(world.group()[1]) == [infant, fees]


def test_a_rarity_is_learned_from_texts_and_holds_no_text() -> None:
    table = event_terms.learn(["医院回应"] * 90 + ["医院停电"] * 10, ["我去医院了"] * 10)
    rarity = event_terms.Rarity(table)
    assert rarity("2医院") == 0
    assert rarity("1我") == 0  # the least over the sets
    assert rarity("2停电") == pytest.approx(np.log(10), abs=0.01)
    assert rarity("2没见") == event_terms.UNSEEN
    assert {column.dtype.kind for column in table.values()} <= {"u", "f"}
    assert event_terms.RARITY.stat().st_size < 500_000


def test_one_text_and_no_text() -> None:
    assert World().group()[0].height == 0
    world = World()
    world.say("。。。")
    assert world.group()[0]["posts_n"].to_list() == [1]
    assert linkage.link(["。"], np.zeros(1), np.zeros(1))[0].tolist() == [0]


def test_a_thousand_posts_take_a_second_or_two() -> None:
    world, rng = World(), np.random.default_rng(0)
    characters = [chr(0x4E00 + n) for n in rng.zipf(1.3, 60_000) % 3000]
    for n in range(1000):
        world.say("".join(characters[n * 40 : n * 40 + 40]), n / 2)
    tables = world.tables()
    start = time.process_time()
    group(*tables, *NONE, NOW, 30)
    assert time.process_time() - start < 4  # under 2 on a free core


def plainly_by_centroid(n: int, pairs: linkage.Pairs) -> list[set[int]]:
    """Step 1 without heaps: every pair of clusters weighed anew before each merge."""
    near = np.eye(n)
    for a, b, cosine, gap in zip(pairs.row, pairs.column, pairs.cosine, pairs.gap, strict=True):
        near[a, b] = near[b, a] = cosine * (1 + gap) ** -linkage.FADE
    clusters = [[k] for k in range(n)]
    while True:
        between = np.array([[near[np.ix_(one, other)].sum() for other in clusters] for one in clusters])
        alike = between / np.sqrt(np.outer(between.diagonal(), between.diagonal()))
        np.fill_diagonal(alike, 0)
        a, b = sorted(int(k) for k in np.unravel_index(alike.argmax(), alike.shape))
        if alike[a, b] < linkage.JOIN:
            return sorted((set(cluster) for cluster in clusters), key=min)
        clusters[a] += clusters.pop(b)


@pytest.mark.parametrize("seed", range(8))
def test_the_heaps_merge_what_weighing_every_pair_anew_would_merge(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, at = 40, np.sort(rng.choice(40 * 39 // 2, 90, replace=False))
    row, column = (half[at] for half in np.triu_indices(n, 1))
    pairs = linkage.Pairs(row, column, rng.uniform(0.05, 0.7, 90), rng.uniform(0, 9, 90))
    labels = linkage._by_centroid(n, pairs)
    found = sorted((set(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)), key=min)
    assert 1 < len(found) < n
    assert found == plainly_by_centroid(n, pairs)


def test_a_cosine_is_over_all_terms_also_where_a_neighbour_is_looked_for_by_the_rarer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    texts = ["急诊排队太久" + "".join(chr(0x4E00 + int(k)) for k in rng.integers(0, 60, 6)) for _ in range(90)]
    days = np.zeros(len(texts))
    vectors = linkage._vectors(texts)
    whole = (vectors @ vectors.T).toarray()
    monkeypatch.setattr(linkage, "MOST", 40)
    pairs = linkage._pairs(vectors, days, days, [()] * len(texts))
    assert np.bincount(vectors.indices).max() == 90  # the words all have
    assert len(pairs.row) > 200
    np.testing.assert_allclose(pairs.cosine, whole[pairs.row, pairs.column])


@pytest.mark.real
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared")
def test_the_ningbo_infant_is_one_event() -> None:
    in_one, all_of_it, strangers = bench_events.story(bench_events.headlines(SHARED / "data"))
    assert all_of_it == 16
    assert in_one >= 14
    assert strangers <= 1


@pytest.mark.real
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared")
def test_headlines_of_a_quarter_are_grouped_well_and_our_figure_is_the_judges(tmp_path: Path) -> None:
    gold = bench_events.headlines(SHARED / "data")
    held = bench_events.walk(gold, datetime(2022, 1, 1, 0, 30, tzinfo=UTC), datetime(2022, 4, 1, 0, 30, tzinfo=UTC))
    rows = gold.filter(pl.col("seen_on").is_between(pl.lit("2022-01-01"), pl.lit("2022-03-31"))).join(held, on="post_id")
    precision, recall, f1 = bench_events.b_cubed(rows["event"].to_list(), rows["event_id"].to_list())
    assert f1 > 0.85
    rows.select("title", "event", relevant=pl.lit("1")).write_csv(tmp_path / "gold.csv")
    rows.select("title", "event_id").write_csv(tmp_path / "found.csv")
    judge = [sys.executable, str(SHARED / "bench" / "judge_events.py"), str(tmp_path / "gold.csv"), str(tmp_path / "found.csv")]
    said = json.loads(subprocess.run(judge, capture_output=True, check=True, text=True).stdout)
    assert (said["b3_precision"], said["b3_recall"], said["b3_f1"]) == tuple(round(value, 4) for value in (precision, recall, f1))
    assert said["pair_f1"] == round(bench_events.pairwise(rows["event"].to_list(), rows["event_id"].to_list()), 4)
