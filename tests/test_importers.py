"""Exports of every shape give the items a crawl would; the shared archives keep their own clock. All small files are constructed."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from crawlers.addresses import post_id, weibo_mid
from crawlers.imports.archives import board, hospital_posts, hot_search, import_shared
from tests.whole_import import Imported, read_whole
from warehouse.clock import parse_instant
from warehouse.schema import polars_schema
from warehouse.watchlist import Hospital, Watchlist

NOW = parse_instant("2026-03-10T08:30+08:00")
LANHU = Watchlist((Hospital("lanhu_first", "岚湖市第一人民医院", aliases=("岚湖一院",), own_accounts=("岚湖一院发布",)),))
SHARED = Path(__file__).parents[2] / "shared/data"
NATIONAL = Watchlist((), every=True, words=("医院", "医生", "患儿", "患者", "小洛熙", "卫健委", "手术"))
VENDOR = ["序号", "标题", "正文", "发布时间", "平台", "作者", "链接", "转发数（次）", "评论量", "点赞数", "IP属地", "情感属性"]
ROWS = [
    [1, "岚湖一院排队", "在岚湖一院排队三小时,电话13812345678", "2026-03-09 21:05", "新浪微博", "某某",
     "https://weibo.com/1234567/PzxMFDdIO", "1.2万", "3,001", "10w+", "江苏 南京", "负面"],
    [2, "", "岚湖市第一人民医院通报", "2026年03月10日 07:30", "微信", "岚湖一院发布",
     "https://mp.weixin.qq.com/s/abcdefghijklmnopqrstuv", "", 0, "", "", "中性"],
    [3, "", "望川的天气不错", "2026-03-09 21:05", "微博", "路人", "", 1, 1, 1, "", "中性"],
]  # fmt: skip


def imported(path: Path, **said: str) -> Imported:
    return read_whole(path, LANHU, NOW, "vendor", secret="s", **said)


def write_csv(path: Path, rows: list[list[object]], encoding: str = "utf-8-sig", delimiter: str = ",") -> Path:
    with path.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return path


def write_xlsx(path: Path, **sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8-sig", ","), ("gb18030", ","), ("utf-16", "\t"), ("utf-8", ";")])
def test_a_vendor_csv_in_any_encoding(tmp_path: Path, encoding: str, delimiter: str) -> None:
    found = imported(write_csv(tmp_path / "v.csv", [["舆情导出"], ["2026-03-10"], VENDOR, *ROWS], encoding, delimiter))
    first, second = found.items.sort("published_at").to_dicts()
    assert list(found.items.schema.items()) == [(k, v) for k, v in polars_schema("raw_items").items() if k not in ("run_id", "day_on")]
    assert first["published_at"] == datetime(2026, 3, 9, 13, 5, tzinfo=UTC)
    assert first["published_precision"] == "minute"
    assert first["first_seen_at"] == first["observed_at"] == NOW
    assert (first["reposts_n"], first["comments_n"], first["likes_n"], first["region"]) == (12_000, 3_001, 100_000, "江苏")
    assert (first["platform"], first["source"], first["kind"]) == ("weibo", "import:vendor", "post")
    assert "13812345678" not in first["text"]
    assert first["author_hash"] not in (None, "某某")
    assert first["post_id"] == post_id("weibo", weibo_mid("PzxMFDdIO"))  # as a crawl of the same post
    assert (second["platform"], second["kind"], second["author_kind"]) == ("wechat", "article", "own")
    assert (second["reposts_n"], second["comments_n"]) == (None, 0)
    assert (found.report.rows_n, found.report.kept_n, found.report.not_ours_n, found.report.rejected_n) == (3, 2, 1, 0)
    assert set(found.report.unread) == {"序号", "情感属性"}


def test_a_workbook_picks_the_sheet_that_holds_posts_and_reads_dates(tmp_path: Path) -> None:
    at = datetime(2026, 3, 9, 21, 5, 7)  # noqa: DTZ001 (a workbook knows no zones: Shanghai is meant)
    rows = [[*row[:3], at, *row[4:]] for row in ROWS]
    path = write_xlsx(tmp_path / "v.xlsx", 关键词=[["关键词"], ["岚湖一院"]], 数据=[["导出"], VENDOR, *rows])
    found = imported(path)
    assert "数据" in found.report.form
    assert found.items["published_at"].to_list() == [datetime(2026, 3, 9, 13, 5, 7, tzinfo=UTC)] * 2
    assert imported(path, sheet="数据").items.equals(found.items)


def test_a_heading_twice_and_a_header_again_in_the_middle(tmp_path: Path) -> None:
    head = ["内容", "发布时间", "内容"]
    rows = [head, ["岚湖一院挂号难", "2026-03-09 21:05", ""], head, ["岚湖一院停车难", "2026-03-09 21:05", "另一格"]]
    found = imported(write_csv(tmp_path / "v.csv", rows))
    assert found.items["text"].to_list() == ["岚湖一院挂号难", "岚湖一院停车难"]
    assert (found.report.rows_n, found.report.rejected_n) == (2, 0)


def test_an_id_that_excel_rounded_is_no_id(tmp_path: Path) -> None:
    rows = [["note_id", "content"], ["5.04747E+15", "岚湖一院挂号难"], ["5.04747E+15", "岚湖一院停车难"]]
    assert imported(write_csv(tmp_path / "v.csv", rows)).items["post_id"].n_unique() == 2


def test_a_vendors_row_number_names_no_post(tmp_path: Path) -> None:
    one = imported(write_csv(tmp_path / "1.csv", [["ID", "内容"], [1, "岚湖一院挂号难"]])).items
    two = imported(write_csv(tmp_path / "2.csv", [["ID", "内容"], [1, "岚湖一院停车难"]])).items
    assert one["post_id"][0] != two["post_id"][0]


def media_crawler(generation: int) -> list[dict[str, object]]:
    person = (
        {"creator_hash": "0011223344556677", "nickname": "张***三"}
        if generation == 2026
        else {"user_id": "77", "nickname": "张三", "gender": "f"}
    )
    common = {"ip_location": "浙江", "source_keyword": "岚湖一院", "last_modify_ts": 1773100000123, **person}
    said = {"content": "岚湖一院急诊排队", "create_time": 1773061507, "create_date_time": "2026-03-09 21:05:07+08:00"}
    counts = {"liked_count": "12", "comments_count": "3", "shared_count": "1"}
    return [{"note_id": "5143389461382402", "note_url": "https://m.weibo.cn/detail/5143389461382402", **said, **counts, **common}]


@pytest.mark.parametrize("generation", [2025, 2026])
@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_mediacrawler_of_both_generations(tmp_path: Path, generation: int, form: str) -> None:
    rows = media_crawler(generation)
    path = tmp_path / f"search_contents_2026-03-09.{form}"
    path.write_text("\n".join(json.dumps(row) for row in rows) if form == "jsonl" else json.dumps(rows, indent=1), encoding="utf-8")
    item = imported(path).items.to_dicts()[0]
    assert (item["platform"], item["region"], item["likes_n"], item["reposts_n"]) == ("weibo", "浙江", 12, 1)
    assert item["published_at"] == datetime(2026, 3, 9, 13, 5, 7, tzinfo=UTC)
    assert item["post_id"] == post_id("weibo", "5143389461382402")
    assert item["author_hash"]


@pytest.mark.parametrize(
    ("folder", "expected", "row"),
    [
        ("xhs", "xhs", {"note_id": "66f0", "title": "就医", "desc": "岚湖一院手术", "time": 1773061507000, "liked_count": "1.2万"}),
        ("douyin", "douyin", {"aweme_id": "73", "title": "岚湖一院", "desc": "岚湖一院", "create_time": 1773061507}),
        ("kuaishou", "kuaishou", {"video_id": "3x", "title": "岚湖一院门口", "create_time": 1773061507000, "viewd_count": "70"}),
        ("bili", "bilibili", {"video_id": "11", "title": "岚湖一院", "desc": "", "create_time": 1773061507, "video_play_count": "9"}),
        ("tieba", "tieba", {"note_id": "9", "title": "岚湖一院", "desc": "问", "publish_time": "2026-3-9 21:05", "total_replay_num": 4}),
        ("zhihu", "zhihu", {"content_id": "5", "title": "岚湖一院", "content_text": "如何评价", "created_time": 1773061507}),
        ("any", "kuaishou", {"video_id": "3x", "title": "岚湖一院门口", "create_time": 1773061507000, "viewd_count": "70"}),
        ("any", "bilibili", {"video_id": "11", "title": "岚湖一院", "create_time": 1773061507, "video_danmaku": "9"}),
    ],
)
def test_mediacrawler_of_every_platform(tmp_path: Path, folder: str, expected: str, row: dict[str, object]) -> None:
    path = tmp_path / folder / "jsonl" / "search_contents_2026-03-09.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(row), encoding="utf-8")
    item = imported(path).items.to_dicts()[0]
    assert item["platform"] == expected
    assert item["published_at"].replace(second=0) == datetime(2026, 3, 9, 13, 5, tzinfo=UTC)


def test_a_comment_is_kept_for_the_search_that_found_it_and_knows_its_post(tmp_path: Path) -> None:
    row = {"comment_id": "501", "note_id": "5143389461382402", "content": "太慢了", "create_time": 1773061507, "comment_like_count": "2",
           "parent_comment_id": "0", "source_keyword": "岚湖一院"}  # fmt: skip
    path = tmp_path / "weibo" / "search_comments.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(row) + "\n" + json.dumps({**row, "comment_id": "502", "source_keyword": "望川"}), encoding="utf-8")
    found = imported(path)
    item = found.items.to_dicts()[0]
    assert (item["kind"], item["parent_id"], found.report.not_ours_n) == ("comment", post_id("weibo", "5143389461382402"), 1)


def test_weibo_search_csv(tmp_path: Path) -> None:
    row = {"id": 5143389461382402, "bid": "PzxMFDdIO", "user_id": 9, "用户昵称": "某", "微博正文": "//@岚湖一院发布: 转", "转发数": 0,
           "评论数": 1, "点赞数": 2, "发布时间": "2026-03-09 21:05", "发布工具": "iPhone", "retweet_id": "5143389461382401",
           "ip": "发布于 江苏", "user_authentication": "黄V"}  # fmt: skip
    item = imported(write_csv(tmp_path / "w.csv", [list(row), list(row.values())])).items.to_dicts()[0]
    assert (item["platform"], item["kind"], item["region"], item["is_verified"]) == ("weibo", "repost", "江苏", True)
    assert (item["post_id"], item["parent_id"]) == (post_id("weibo", weibo_mid("PzxMFDdIO")), post_id("weibo", "5143389461382401"))


def test_parquet_and_csv_of_the_same_rows_give_the_same_posts(tmp_path: Path) -> None:
    rows = {"content": ["岚湖一院挂号难", "岚湖一院停车难"], "发布时间": ["2026-03-09 21:05", None], "评论数": [3, None]}
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(rows).write_csv(tmp_path / "a.csv")
    one, two = (imported(tmp_path / name).items.drop("fetch_id") for name in ("a.parquet", "a.csv"))
    assert one.equals(two)


def test_twice_the_same_import_is_equal_and_has_one_fetch(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "v.csv", [VENDOR, *ROWS])
    one, two = imported(path), imported(path)
    assert one.items.equals(two.items)
    assert one.fetches.equals(two.fetches)
    fetch = one.fetches.to_dicts()[0]
    assert (fetch["reason"], fetch["url"], fetch["items_n"], fetch["fetched_at"]) == ("ok", "v.csv", 2, NOW)
    assert one.items["fetch_id"].unique().to_list() == [fetch["fetch_id"]]


def test_an_unknown_platform_word_is_counted(tmp_path: Path) -> None:
    found = imported(write_csv(tmp_path / "v.csv", [["内容", "平台"], ["岚湖一院挂号难", "脸谱"]]))
    assert found.items["platform"].to_list() == ["import"]
    assert dict(found.report.platforms) == {"脸谱": 1}


def hours(*rows: tuple[str, int, str]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=["observed_at", "rank", "title"], orient="row")
    return frame.with_columns(
        pl.col("observed_at").str.to_datetime(time_unit="us", time_zone="Asia/Shanghai"), pl.col("rank").cast(pl.UInt8)
    )


def test_a_headline_that_comes_back_after_a_month_is_a_new_post(tmp_path: Path) -> None:
    path = tmp_path / "hot.parquet"
    hours(
        ("2026-01-01T08:00+0800", 3, "岚湖一院通报"), ("2026-01-01T09:00+0800", 0, "岚湖一院通报"),
        ("2026-01-20T09:00+0800", 9, "岚湖一院通报"),
        ("2026-03-01T09:00+0800", 5, "岚湖一院通报"), ("2026-03-01T09:00+0800", 6, "天气"),
    ).write_parquet(path)  # fmt: skip
    items = hot_search(path, LANHU).sort("observed_at")
    assert items["post_id"].n_unique() == 2
    assert items["board_rank"].to_list() == [3, None, 9, 5]  # the pinned headline has no place
    assert items["first_seen_at"].to_list() == [datetime(2026, 1, 1, 0, tzinfo=UTC)] * 3 + [datetime(2026, 3, 1, 1, tzinfo=UTC)]
    assert items["published_at"].null_count() == 4
    late = hot_search(path, LANHU, since=datetime(2026, 1, 10, tzinfo=UTC), until=datetime(2026, 2, 1, tzinfo=UTC))
    assert late["post_id"].to_list() == items["post_id"].to_list()[2:3]  # a slice gives a post the id the whole gives it
    assert late["first_seen_at"].to_list() == items["first_seen_at"].to_list()[2:3]


needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here")


@pytest.mark.real
@needs_shared
def test_hot_search_of_the_xiaoluoxi_days() -> None:
    path = SHARED / "hot_search/hourly_2020-11_2025-12.parquet"
    items = hot_search(path, NATIONAL, since=parse_instant("2025-12-01"), until=parse_instant("2026-01-01"))
    title = items.filter(pl.col("title") == "宁波通报患儿手术后离世")
    assert title["first_seen_at"].unique().to_list() == [parse_instant("2025-12-14T20:39:24+08:00")]
    assert title.height == 4
    assert title["board_rank"].min() == 1
    known = items.filter(pl.col("title").str.contains("小洛熙"), pl.col("first_seen_at") <= parse_instant("2025-12-16T08:30+08:00"))
    assert {"小洛熙主刀医生被暂停诊疗", "宁波卫健委就小洛熙事件致歉"} <= set(known["title"])
    assert "别让小洛熙的通报成为二次伤害" not in set(known["title"])  # 12:35 of that day: not known at 08:30


@pytest.mark.real
@needs_shared
@pytest.mark.parametrize("platform", ["zhihu", "baidu", "weibo"])
def test_boards_keep_their_own_first_sighting(platform: str) -> None:
    topics = SHARED / f"boards/{platform}_topics.parquet"
    items = board(topics, SHARED / f"boards/{platform}_snapshots.parquet", platform, NATIONAL)
    firsts = (
        items.group_by("title")
        .agg(pl.col("first_seen_at").min(), pl.col("heat").max())
        .join(pl.read_parquet(topics), on="title", suffix="_said")
    )
    assert firsts.height > 1_000
    assert (firsts["first_seen_at"] == firsts["first_seen_at_said"]).mean() > 0.999  # a title may stand under two topics
    assert items["text"].null_count() == 0
    assert items.select("post_id", "observed_at").is_duplicated().sum() == 0
    assert items["url"].is_not_null().any() == (platform == "zhihu")


@pytest.mark.real
@needs_shared
def test_hospital_posts_carry_no_outcome_and_share_ids_with_the_boards() -> None:
    items = hospital_posts(SHARED / "text/hospital_posts.parquet", NATIONAL)
    counts = items.select("reposts_n", "comments_n", "likes_n", "views_n", "board_rank", "heat")
    assert set(counts.null_count().row(0)) == {items.height}
    spoken = items.filter(pl.col("kind") != "title")
    assert spoken.filter(pl.col("first_seen_at") < pl.col("published_at")).height == 0
    days = spoken.filter(pl.col("published_precision") == "day")
    assert (days["first_seen_at"] - days["published_at"]).dt.total_hours().unique().to_list() == [24]
    zhihu = board(SHARED / "boards/zhihu_topics.parquet", SHARED / "boards/zhihu_snapshots.parquet", "zhihu", NATIONAL)
    assert items.join(zhihu, on="post_id", how="semi").height > 300


@pytest.mark.real
@needs_shared
def test_the_shared_archives_land_whole() -> None:
    since, until = parse_instant("2024-11-01"), parse_instant("2025-02-01")
    parts = list(import_shared(SHARED, NATIONAL, since, until))
    assert {name.split()[0] for name, _, _ in parts} == {
        f"import:{n}" for n in ("hot_search", "baidu_board", "weibo_board", "hospital_posts")
    }
    for _, items, fetches in parts:
        assert items["observed_at"].is_between(since, until, closed="left").all()
        assert fetches.height == 1
        assert fetches["fetched_at"][0] <= items["observed_at"].min()  # type: ignore[operator]
        assert items["fetch_id"].unique().to_list() == fetches["fetch_id"].to_list()
