"""What the columns of people's exports are called (design/SOURCES.md §2.1), and which platform a row comes from.

A field's headings are in order of preference: the first that is filled in a row wins. `own_id` is the platform's id and good for ever;
a `vendor_id` may be the row's number in that export, so it never names a post by itself. `thread` is what a comment hangs on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from warehouse.vocabulary import PLATFORMS

HEADINGS: dict[str, tuple[str, ...]] = {
    field: tuple(names.split())
    for field, names in {
        "own_id": "comment_id note_id aweme_id video_id content_id bid mblogid _id 微博id",
        "vendor_id": "id 数据id 信息id 文章id 评论id 帖子id",
        "thread": "parent_comment_id parment_comment_id note_id aweme_id video_id content_id",  # sic: MediaCrawler's 贴吧 of 2024
        "retweet": "retweet_id",
        "title": "title 标题 文章标题 信息标题 主题",
        "text": "text content content_text 正文 内容 微博正文 微博内容 评论内容 帖子内容 全文 原文 desc summary 原文/摘要 摘要",
        "url": "url 链接 原文链接 原文地址 文章链接 发布地址 网址 note_url aweme_url video_url content_url link href",
        "published_at": "published_at create_date_time 发布时间 发表时间 发帖时间 评论时间 发布日期 时间 日期 "
        "create_time created_time publish_time created_at time date",
        "author": "user_id creator_hash 作者id 用户id user._id user.id comment_user._id 账号 作者 昵称 用户昵称 nickname user_nickname "
        "screen_name author 媒体名称 来源网站 来源",
        "platform": "platform 平台 渠道 来源平台 媒体类型 信息类型 频道",
        "region": "ip_location ip属地 属地 地域 省份 region ip",
        "verified": "user_authentication user.verified comment_user.verified",
        "followers_n": "粉丝数 粉丝量 followers_count user.followers_count comment_user.followers_count",
        "reposts_n": "转发数 转发量 分享数 分享量 reposts_count shared_count share_count video_share_count",
        "comments_n": "评论数 评论量 回复数 comments_count comment_count video_comment total_replay_num sub_comment_count",
        "likes_n": "点赞数 点赞量 liked_count like_count like_counts comment_like_count voteup_count attitudes_count 在看数 在看量",
        "views_n": "阅读数 阅读量 浏览数 浏览量 播放数 播放量 viewd_count video_play_count",
        "heat": "热度 传播量",
        "keyword": "source_keyword keyword 关键词",
    }.items()
}
PERSONAL = ("author", "verified", "followers_n")  # who wrote it: never written out with a row that was set aside
ACCEPTED = f"{'|'.join(HEADINGS['text'])} or {'|'.join(HEADINGS['title'])}"

SPOKEN = {  # words of vendors' platform columns that are not our own words
    "新浪微博": "weibo", "微信": "wechat", "公众号": "wechat", "抖音短视频": "douyin", "百度贴吧": "tieba", "哔哩哔哩": "bilibili",
    "bili": "bilibili", "今日头条": "toutiao", "头条号": "toutiao", "黑猫": "heimao", "澎湃新闻": "thepaper", "redbook": "xhs",
    **dict.fromkeys(("新闻", "网媒", "网站", "新闻app", "客户端", "平媒", "报刊"), "news"),
    **{spoken.lower(): key for key, spoken in PLATFORMS.items()}, **{key: key for key in PLATFORMS},
}  # fmt: skip
HOSTS = {
    "weibo.com": "weibo", "weibo.cn": "weibo", "zhihu.com": "zhihu", "tieba.baidu.com": "tieba", "douyin.com": "douyin",
    "kuaishou.com": "kuaishou", "xiaohongshu.com": "xhs", "bilibili.com": "bilibili", "weixin.qq.com": "wechat", "toutiao.com": "toutiao",
    "thepaper.cn": "thepaper", "liuyan.people.com.cn": "liuyan", "tousu.sina.com.cn": "heimao", "haodf.com": "review",
}  # fmt: skip
SIGNS = {  # a heading only one platform's crawler writes; before the collected_count that xhs shares with douyin
    "aweme_id": "douyin", "viewd_count": "kuaishou", "video_danmaku": "bilibili", "voteup_count": "zhihu", "content_id": "zhihu",
    "tieba_name": "tieba", "微博正文": "weibo", "mblogid": "weibo", "comment_like_count": "weibo", "comment_user._id": "weibo",
    "collected_count": "xhs", "comments_count": "weibo",
}  # fmt: skip
COMMENTS = ("comment_id", "评论内容", "评论id", "comment_user._id")  # headings of a file of comments
ACCOUNTS = ("fans", "total_fans", "follows", "fan_id")  # headings of MediaCrawler's lists of people: nothing we keep
POSTS = ("own_id", "url", "published_at")


def folded(heading: Any) -> str:
    """A heading as we compare it: 「转发数（次）」 and "转发数" are one."""
    flat = unicodedata.normalize("NFKC", str(heading or "")).strip("\ufeff\"' \t\r\n").lower()
    return re.sub(r"\s|\(.*\)$", "", flat)


@lru_cache(4096)
def is_of_comments(headings: tuple[str, ...]) -> bool:
    return any(folded(heading) in COMMENTS for heading in headings)


def is_of_accounts(headings: tuple[str, ...]) -> bool:
    """A list of people (MediaCrawler's creators, contacts) has a 简介 that reads like a text, and neither an id of a post nor a time."""
    names = {folded(heading) for heading in headings}
    return any(name in names for name in ACCOUNTS) and not any(fields_of(headings).get(name) for name in POSTS)


@lru_cache(4096)  # a JSONL file may have other keys in every line
def fields_of(headings: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """field -> the file's own headings that carry it, best first; fields the file lacks are left out."""
    by_name: dict[str, str] = {}
    for heading in headings:
        by_name.setdefault(folded(heading), heading)
    found = {field: tuple(by_name[name] for name in names if name in by_name) for field, names in HEADINGS.items()}
    return {field: own for field, own in found.items() if own}


def recognised(headings: Iterable[Any]) -> int:
    """How many of our fields these headings carry; a row of 10 is a header row, a row of text is 0."""
    return len(fields_of(tuple(str(heading) for heading in headings if heading not in (None, ""))))


def platform_of(said: str, url: str, headings: tuple[str, ...], path: Path) -> str | None:
    """Platform by what the row says, its address, the shape of the file, the folder MediaCrawler put it in; None: unknown."""
    if folded(said) in SPOKEN:
        return SPOKEN[folded(said)]
    host = _host(url)
    for known, platform in HOSTS.items():
        if host == known or host.endswith("." + known):
            return platform
    return _platform_of_file(headings, path)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "" if url.startswith("http") else ""
    except ValueError:  # http://[half an address
        return ""


@lru_cache(4096)
def _platform_of_file(headings: tuple[str, ...], path: Path) -> str | None:
    names = {folded(heading) for heading in headings}
    signed = next((platform for sign, platform in SIGNS.items() if sign in names), None)
    return signed or next((SPOKEN[part.lower()] for part in reversed(path.parts[:-1]) if part.lower() in SPOKEN), None)
