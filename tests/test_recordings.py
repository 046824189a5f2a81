"""Recorded answers come in through their platform's parser, rows of open crawlers through the tables' readers. Constructed, then real."""

from __future__ import annotations

import json
import os
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from crawlers.addresses import post_id
from crawlers.imports.bundles import Skipped, files_in
from crawlers.imports.importers import ImportProblem, read_export
from tests.whole_import import Imported, read_whole
from warehouse.clock import parse_instant
from warehouse.watchlist import Hospital, Watchlist

NOW = parse_instant("2026-03-10T08:30+08:00")
LANHU = Watchlist((Hospital("lanhu_first", "岚湖市第一人民医院", aliases=("岚湖一院",)),))
EVERY = Watchlist((), every=True, words=("的", "一", "，", ",", "a", "。", "1", "好"))
SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"
real = pytest.mark.skipif(not SAMPLES.is_dir(), reason="../shared is not here")
CARDS = {"ok": 1, "data": {"cards": [
    {"card_type": 9, "mblog": {
        "id": str(5143389461382402 + n), "mid": str(5143389461382402 + n), "text": text, "created_at": "3分钟前", "source": "",
        "reposts_count": 1, "comments_count": 2, "attitudes_count": 3,
        "user": {"id": 77, "screen_name": "某某", "followers_count": "22.7万"},
    }} for n, text in enumerate(["岚湖一院电话13812345678", "望川的天气"])
]}}  # fmt: skip


def read(path: Path, **said: object) -> Imported:
    return read_whole(path, LANHU, NOW, "bridge", secret="s", **said)


def write(path: Path, said: object) -> Path:
    path.write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
    return path


def test_a_recorded_answer_is_read_by_its_parser(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", CARDS)
    found = read(path, arrived=parse_instant("2026-03-09T21:08+08:00"))
    assert found.report.form == "recorded answer: weibo"
    assert (found.report.rows_n, found.report.kept_n, found.report.not_ours_n) == (2, 1, 1)
    item = found.items.to_dicts()[0]
    assert item["published_at"] == parse_instant("2026-03-09T21:05+08:00")  # three minutes before it arrived, not before now
    assert item["first_seen_at"] == NOW
    assert (item["post_id"], item["likes_n"], item["followers_n"]) == (post_id("weibo", "5143389461382402"), 3, 227_000)
    assert item["author_hash"] not in (None, "77")
    assert "13812345678" not in item["text"]


def test_without_a_word_the_files_own_time_is_the_base(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", CARDS)
    at = parse_instant("2026-03-08T12:03+08:00")
    os.utime(path, (at.timestamp(), at.timestamp()))
    assert read(path).items["published_at"].to_list() == [at - timedelta(minutes=3)]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.json", (2026, 3, 7, 9, 3, 0)), path.read_bytes())
    (tmp_path / "scratch").mkdir()
    for file in files_in(tmp_path / "a.zip", tmp_path / "scratch"):
        assert not isinstance(file, Skipped)
        (batch,) = read_export(file, LANHU, NOW, "bridge")
        assert batch.items["published_at"].to_list() == [parse_instant("2026-03-07T09:00+08:00")]


def test_a_table_that_looks_like_an_answer_stays_a_table(tmp_path: Path) -> None:
    rows = [{"content": "岚湖一院排队", "time": "2026-03-09 21:05"}]
    found = read(write(tmp_path / "a.json", {"code": 0, "success": True, "data": rows}))
    assert (found.report.form, found.items["text"].to_list()) == ("JSON object utf-8-sig", ["岚湖一院排队"])


def test_an_answer_without_posts_says_why(tmp_path: Path) -> None:
    with pytest.raises(ImportProblem, match=r"a recorded answer \(weibo\) without posts: login_wall"):
        read(write(tmp_path / "a.json", {"ok": -100, "msg": "", "url": "https://passport.weibo.com/sso/signin"}))


def nghuyong(n: int) -> dict[str, object]:
    return {
        "_id": str(5143389461382402 + n), "mblogid": "PzxMFDdIO", "created_at": "2026-03-09 21:05:07", "content": f"岚湖一院{n}//@某:排队",
        "ip_location": "发布于 江苏", "reposts_count": 1, "comments_count": 2, "attitudes_count": 3, "pic_urls": [], "geo": {"type": "P"},
        "user": {"_id": "77", "nick_name": "某某", "verified": True}, "url": f"https://weibo.com/77/{5143389461382402 + n}",
    }  # fmt: skip


def test_rows_of_weibospider_one_a_line_with_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "tweets.jsonl"
    rows = [json.dumps(nghuyong(n), ensure_ascii=False) for n in range(3)]
    path.write_text("\n".join([rows[0], "{torn", rows[1], json.dumps({**nghuyong(2), "created_at": "不知道"})]), encoding="utf-8")
    found = read(path)
    assert [(row["row_n"], row["column"]) for row in found.rejects.to_dicts()] == [(2, "(row)"), (4, "created_at")]
    assert "某某" not in found.rejects["row"].str.join("")[0]
    item = found.items.to_dicts()[0]
    assert (item["platform"], item["kind"], item["region"], item["is_verified"], item["likes_n"]) == ("weibo", "repost", "江苏", True, 3)
    assert item["post_id"] == post_id("weibo", "5143389461382402")


def test_a_comment_of_weibospider(tmp_path: Path) -> None:
    row = {"_id": 4826279188108038, "created_at": "2026-03-09 21:05:07", "like_counts": 1, "ip_location": "来自河南",
           "content": "岚湖一院好",
           "comment_user": {"_id": "238", "nick_name": "某某", "verified": False, "followers_count": 238}}  # fmt: skip
    item = read(write(tmp_path / "a.json", row)).items.to_dicts()[0]
    assert (item["platform"], item["kind"], item["likes_n"], item["region"], item["is_verified"], item["followers_n"]) == (
        "weibo", "comment", 1, "河南", False, 238,
    )  # fmt: skip
    assert item["author_hash"]


@pytest.mark.real
@real
@pytest.mark.parametrize(
    ("name", "kind", "likes"),
    [
        ("nghuyong_comment", "comment", 1), ("nghuyong_repost", "repost", 0), ("nghuyong_tweet_by_keyword", "post", 1),
        ("nghuyong_tweet_by_tweet_id", "post", 12167), ("nghuyong_tweet_by_user_id", "post", 12169),
    ],
)  # fmt: skip
def test_real_rows_of_weibospider(name: str, kind: str, likes: int) -> None:
    path = SAMPLES / "weibo_items" / f"{name}.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    item = read_whole(path, EVERY, parse_instant("2026-11-26"), "x", secret="s").items.to_dicts()[0]
    assert (item["platform"], item["kind"], item["likes_n"]) == ("weibo", kind, likes)
    assert item["post_id"] == post_id("weibo", str(said["_id"]))
    assert item["published_at"] == parse_instant(said["created_at"])


@pytest.mark.real
@real
def test_real_cards_of_heimao_as_json_and_as_csv() -> None:
    as_json, as_csv = (
        read_whole(SAMPLES / "tousu" / name, EVERY, parse_instant("2026-11-26"), "x", secret="s")
        for name in ("example_data.json", "example_data_structured.csv")
    )
    assert as_json.items.height == as_csv.items.height == 3
    assert set(as_json.items["post_id"]) == set(as_csv.items["post_id"])
    assert as_json.items["published_at"].null_count() == as_csv.items["published_at"].null_count() == 0
    assert set(as_json.items["platform"]) == {"heimao"}


@pytest.mark.real
@real
@pytest.mark.parametrize(
    ("name", "platform", "rows_n"),
    [
        ("weibo/m_getIndex_user_timeline_cards_2019-06.json", "weibo", 11), ("weibo/m_comments_hotflow_2019-06.json", "weibo", 21),
        ("tieba/note_detail.html", "tieba", 40), ("tikhub_2026-02/bilibili_general_search.json", "bilibili", 42),
        ("tikhub_2026-02/xhs_search_notes.json", "xhs", 20), ("hot_boards/baidu_api_board_realtime_2026-06.json", "baidu", 51),
    ],
)  # fmt: skip
def test_real_answers_come_in(name: str, platform: str, rows_n: int) -> None:
    found = read_whole(SAMPLES / name, EVERY, parse_instant("2026-11-26"), "x", secret="s")
    assert found.report.form.startswith("recorded answer: ")
    assert set(found.items["platform"]) == {platform}
    assert found.report.rows_n == rows_n == found.report.kept_n + found.report.not_ours_n + found.report.rejected_n
