"""Constructed files of MediaCrawler: the columns of its seven platforms, contents and comments, of both generations (SOURCES §2.1)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

Row = dict[str, object]
PUBLISHED_S = 1773061507  # 2026-03-09 21:05:07 in Shanghai
NOTE = "岚湖一院急诊排队"
REPLY = "等了三个小时,没人管"  # names nobody: it is ours by the post it stands under

POSTS: dict[str, Row] = {
    "weibo": {"note_id": "5143389461382402", "content": NOTE, "create_time": PUBLISHED_S, "create_date_time": "2026-03-09 21:05:07+08:00",
              "liked_count": "12", "comments_count": "3", "shared_count": "1", "note_url": "https://m.weibo.cn/detail/5143389461382402"},
    "xhs": {"note_id": "66f0aa11bb22cc33dd44ee55", "type": "normal", "title": "就医记录", "desc": NOTE, "video_url": "",
            "time": PUBLISHED_S * 1000, "last_update_time": 0, "liked_count": "12", "collected_count": "1.2万", "comment_count": "3",
            "share_count": "1", "image_list": "", "tag_list": "",
            "note_url": "https://www.xiaohongshu.com/explore/66f0aa11bb22cc33dd44ee55?xsec_token=AB&xsec_source=pc_search"},
    "douyin": {"aweme_id": "7300000000000000001", "aweme_type": "0", "title": NOTE, "desc": NOTE, "create_time": PUBLISHED_S,
               "liked_count": "12", "collected_count": "0", "comment_count": "3", "share_count": "1",
               "aweme_url": "https://www.douyin.com/video/7300000000000000001", "cover_url": ""},
    "kuaishou": {"video_id": "3xabcdefgh", "video_type": "1", "title": NOTE, "desc": NOTE, "create_time": PUBLISHED_S * 1000,
                 "liked_count": "12", "viewd_count": "70", "video_url": "https://www.kuaishou.com/short-video/3xabcdefgh"},
    "bili": {"video_id": "115000000000001", "video_type": "video", "title": "门诊", "desc": NOTE, "create_time": PUBLISHED_S,
             "liked_count": "12", "disliked_count": "0", "video_play_count": "70", "video_favorite_count": "0", "video_share_count": "1",
             "video_coin_count": "0", "video_danmaku": "2", "video_comment": "3",
             "video_url": "https://www.bilibili.com/video/av115000000000001"},
    "tieba": {"note_id": "9117888152", "title": "问一下", "desc": NOTE, "note_url": "https://tieba.baidu.com/p/9117888152",
              "publish_time": "2026-03-09 21:05", "tieba_name": "岚湖吧", "total_replay_num": 3, "total_replay_page": 1},
    "zhihu": {"content_id": "3500000001", "content_type": "answer", "content_text": NOTE, "title": "怎么看",
              "content_url": "https://www.zhihu.com/question/55000001/answer/3500000001", "question_id": "55000001", "desc": "",
              "created_time": PUBLISHED_S, "updated_time": PUBLISHED_S, "voteup_count": 12, "comment_count": 3},
}  # fmt: skip
COMMENTS: dict[str, Row] = {
    "weibo": {"comment_id": "5143389461382999", "create_time": PUBLISHED_S, "create_date_time": "2026-03-09 21:05:07+08:00",
              "note_id": "5143389461382402", "content": REPLY, "sub_comment_count": "0", "comment_like_count": "2",
              "parent_comment_id": "5143389461382999"},  # sic: on Weibo rootid of a comment that answers none is its own
    "xhs": {"comment_id": "66f1aa11bb22cc33dd44ee00", "create_time": PUBLISHED_S * 1000, "note_id": "66f0aa11bb22cc33dd44ee55",
            "content": REPLY, "sub_comment_count": 0, "pictures": "", "parent_comment_id": 0, "like_count": 2},
    "douyin": {"comment_id": "7300000000000000999", "create_time": PUBLISHED_S, "aweme_id": "7300000000000000001", "content": REPLY,
               "sub_comment_count": "0", "like_count": 2, "parent_comment_id": "0", "pictures": ""},
    "kuaishou": {"comment_id": "900000001", "create_time": PUBLISHED_S * 1000, "video_id": "3xabcdefgh", "content": REPLY,
                 "sub_comment_count": "0"},
    "bili": {"comment_id": "260000000001", "parent_comment_id": "0", "create_time": PUBLISHED_S, "video_id": "115000000000001",
             "content": REPLY, "sub_comment_count": "0", "like_count": 2},
    "tieba": {"comment_id": "150000000001", "parent_comment_id": "", "content": REPLY, "publish_time": "2026-03-09 21:05",
              "sub_comment_count": 0, "note_id": "9117888152", "note_url": "https://tieba.baidu.com/p/9117888152", "tieba_name": "岚湖吧"},
    "zhihu": {"comment_id": "11000000001", "parent_comment_id": "0", "content": REPLY, "publish_time": PUBLISHED_S,
              "sub_comment_count": 0, "like_count": 2, "dislike_count": 0, "content_id": "3500000001", "content_type": "answer"},
}  # fmt: skip
OURS = {"weibo": "weibo", "xhs": "xhs", "douyin": "douyin", "kuaishou": "kuaishou", "bili": "bilibili", "tieba": "tieba", "zhihu": "zhihu"}


def person(platform: str, generation: int) -> Row:
    """Who wrote it: an account until 2025, a hash and a masked name since."""
    if generation == 2026:
        return {"creator_hash": "0011223344556677", "nickname": "张***三"}
    name = "user_nickname" if platform in ("tieba", "zhihu") else "nickname"
    return {"user_id": "77", name: "张三丰", "avatar": "", "gender": "f", "profile_url": "", "ip_location": "浙江"}


def row_of(platform: str, part: str, generation: int) -> Row:
    said = (POSTS if part == "contents" else COMMENTS)[platform]
    keyword: Row = {"source_keyword": "排队"} if part == "contents" else {}
    return {**said, "last_modify_ts": PUBLISHED_S * 1000 + 123, **person(platform, generation), **keyword}


def write_rows(path: Path, rows: list[Row]) -> Path:
    """As MediaCrawler's writer does: JSONL, a JSON list indented by four, or CSV in utf-8-sig."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as stream:
            out = csv.DictWriter(stream, list(rows[0]))
            out.writeheader()
            out.writerows(rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=4), encoding="utf-8")
    else:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_folder(root: Path, generation: int, form: str, platforms: Iterable[str] = tuple(POSTS)) -> Path:
    """A post and a comment of each platform under root/data, with what else lies there: accounts and a word cloud."""
    for platform in platforms:
        folder = root / "data" / platform / form
        for part in ("contents", "comments"):
            write_rows(folder / f"search_{part}_2026-03-09.{form}", [row_of(platform, part, generation)])
    account: Row = {"user_id": "77", "nickname": "张三丰", "desc": "岚湖一院的病人", "follows": 3, "fans": 9, "ip_location": "浙江"}
    write_rows(root / "data" / "weibo" / form / f"creator_creators_2026-03-09.{form}", [account])
    (root / "data" / "weibo" / "words").mkdir()
    (root / "data" / "weibo" / "words" / "search_comments_2026-03-09_word_freq.json").write_text("{}")
    return root / "data"
