"""Tables of cases: what sites write -> what we store. People and places are constructed."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.addresses import canonical_url, fetch_id, native_id, post_id, weibo_mid
from crawlers.clean import author_hash, decode, plain, province
from crawlers.counts import read_count
from crawlers.items import Origin, Reading, make_item
from crawlers.redact import is_id_card, is_luhn, redact
from crawlers.times import read_time
from warehouse.clock import SHANGHAI, shanghai
from warehouse.vocabulary import PRECISIONS

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"
BASE = datetime(2026, 3, 10, 8, 30, tzinfo=SHANGHAI)  # a Tuesday

TIMES = [
    ("刚刚", "2026-03-10 08:30:00", "minute"),
    ("30秒前", "2026-03-10 08:29:30", "second"),
    ("5分钟前", "2026-03-10 08:25:00", "minute"),
    ("半小时前", "2026-03-10 08:00:00", "hour"),
    ("3小时前", "2026-03-10 05:30:00", "hour"),
    ("今天 08:15", "2026-03-10 08:15:00", "minute"),
    ("昨天 12:30", "2026-03-09 12:30:00", "minute"),
    ("昨天12:30", "2026-03-09 12:30:00", "minute"),
    ("前天 09:00", "2026-03-08 09:00:00", "minute"),
    ("2天前", "2026-03-08 00:00:00", "day"),
    ("周日", "2026-03-08 00:00:00", "day"),
    ("周二", "2026-03-10 00:00:00", "day"),
    ("周二 23:00", "2026-03-03 23:00:00", "minute"),
    ("08:35", "2026-03-10 08:35:00", "minute"),
    ("23:00", "2026-03-09 23:00:00", "minute"),
    ("10-06 20:43", "2025-10-06 20:43:00", "minute"),
    ("03-10 08:20", "2026-03-10 08:20:00", "minute"),
    ("03-10 08:40", "2026-03-10 08:40:00", "minute"),  # their clock runs ten minutes ahead of ours: not last year
    ("06-14", "2025-06-14 00:00:00", "day"),
    ("[11/20]", "2025-11-20 00:00:00", "day"),
    ("02-29", "2024-02-29 00:00:00", "day"),
    ("10月06日 12:30", "2025-10-06 12:30:00", "minute"),
    ("09月20日 22:30", "2025-09-20 22:30:00", "minute"),
    ("2025年10月06日 12:30", "2025-10-06 12:30:00", "minute"),
    ("2026年3月9日 下午3:05", "2026-03-09 15:05:00", "minute"),
    ("2026年03月09日 星期一 07:05", "2026-03-09 07:05:00", "minute"),
    ("2026-3-15", "2026-03-15 00:00:00", "day"),
    ("2020.10.06", "2020-10-06 00:00:00", "day"),
    ("18-03-08 23:16", "2018-03-08 23:16:00", "minute"),
    ("2018-5-1", "2018-05-01 00:00:00", "day"),
    ("发布时间：2026-03-10 07:00:01", "2026-03-10 07:00:01", "second"),
    ("发布于2026-03-09", "2026-03-09 00:00:00", "day"),
    ("20260309", "2026-03-09 00:00:00", "day"),
    ("Sat Jun 15 11:44:46 +0800 2019", "2019-06-15 11:44:46", "second"),
    ("Sat Jun 15 11:44:46 CST 2019", "2019-06-15 11:44:46", "second"),
    ("周日, 27 9月 2026 20:23:00 GMT", "2026-09-28 04:23:00", "second"),
    ("27 九月 2026 20:23:00 GMT", "2026-09-28 04:23:00", "second"),
    ("Fri, 04 Jul 2025 07:51:28 GMT", "2025-07-04 15:51:28", "second"),
    ("Fri, 04 Jul 2025 07:51:28 +0800", "2025-07-04 07:51:28", "second"),
    ("2026-03-10T00:00:00Z", "2026-03-10 08:00:00", "second"),
    ("2026-03-10T08:00:00.123+08:00", "2026-03-10 08:00:00", "second"),
    ("2023-12-23 17:12:54+08:00", "2023-12-23 17:12:54", "second"),
    (1581517074, "2020-02-12 22:17:54", "second"),
    ("1581517074", "2020-02-12 22:17:54", "second"),
    (1581517074000, "2020-02-12 22:17:54", "second"),
]


@pytest.mark.parametrize(("said", "expected", "precision"), TIMES, ids=lambda value: str(value))
def test_times_from_every_form_of_the_sites(said: str | int, expected: str, precision: str) -> None:
    moment = read_time(said, BASE)
    assert moment.at is not None
    assert moment.at.tzinfo is UTC
    assert (shanghai(moment.at, "%Y-%m-%d %H:%M:%S"), moment.precision) == (expected, precision)
    assert moment.precision in PRECISIONS


@pytest.mark.parametrize(
    "said", [None, "", True, "13-40", "10.06", "1.2万", "2026-03-09 25:00", "99999999999999", "不久前", "17390396995", "Sat"]
)
def test_words_that_are_no_time_stay_unknown(said: str | None) -> None:
    assert read_time(said, BASE) == (None, "unknown")


def test_year_end_is_read_from_the_base() -> None:
    new_year = datetime(2026, 1, 1, 0, 10, tzinfo=SHANGHAI)
    assert shanghai(read_time("12-31 23:50", new_year).at or BASE) == "2025-12-31 23:50"
    assert shanghai(read_time("01-01 00:05", new_year).at or BASE) == "2026-01-01 00:05"
    eve = datetime(2025, 12, 31, 23, 58, tzinfo=SHANGHAI)
    assert shanghai(read_time("01-01 00:01", eve).at or BASE) == "2026-01-01 00:01"  # their clock is ahead


def test_the_base_may_be_in_any_zone() -> None:
    assert read_time("今天 08:15", BASE.astimezone(UTC)) == read_time("今天 08:15", BASE)


COUNTS = [
    ("1.2万", 12_000), ("1.1万", 11_000), ("1亿", 10**8), ("100万+", 1_000_000), ("10w+", 100_000), ("3千", 3_000), ("12,345", 12_345),
    ("1.5k", 1_500), ("转发", 0), ("评论", 0), ("赞", 0), ("转发 12", 12), ("评论(3)", 3), ("1382 万热度", 13_820_000),
    ("7808391", 7_808_391), (0, 0), (42, 42),
    ("22.7万", 227_000), ("１２", 12), ("", None), (None, None), ("--", None), (True, None), ("mid=5184713499347542", None),
    ("新", None), ("17390396995", 17_390_396_995), ("99999999999999万", None),
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), COUNTS, ids=lambda value: str(value))
def test_counts(said: str | int | None, expected: int | None) -> None:
    assert read_count(said) == expected


def _id_card(first17: str) -> str:
    return next(first17 + last for last in "0123456789X" if is_id_card(first17 + last))


ID_CARD = _id_card("33010619900307123")  # constructed: checksum made to fit
BAD_ID_CARD = ID_CARD[:-1] + ("0" if ID_CARD[-1] != "0" else "1")
BANK_CARD = next(f"62220210010012345{n}" for n in range(10) if is_luhn(f"62220210010012345{n}"))

MASKED = [
    ("请打电话13812345678找我", "请打电话1**********找我"),
    ("联系13812345678", "联系1**********"),
    ("手机：138 1234 5678。", "手机：1** **** ****。"),
    ("手机138-1234-5678", "手机1**-****-****"),
    ("+8613812345678", "+*************"),
    ("微信同号１３８１２３４５６７８", "微信同号１**********"),
    ("科室座机0571-88886666", "科室座机0***-********"),
    ("加微信 abc_12345 详聊", "加微信 a**_***** 详聊"),
    ("QQ:123456789", "QQ:1********"),
    (f"身份证{ID_CARD}", "身份证3" + "*" * 17),
    ("身份证号330106900307123", "身份证号3" + "*" * 14),
    (f"打款到银行卡{BANK_CARD}", "打款到银行卡6" + "*" * (len(BANK_CARD) - 1)),
    ("车牌京A12345被拖走", "车牌京******被拖走"),
    ("粤B·D12345", "粤*·******"),
    ("写信到 zhang.san@example.com 投诉", "写信到 z****.***@*******.*** 投诉"),
    ("住院号：0012345", "住院号：0******"),
]
KEPT = [
    "投诉编号：17390396995",
    "订单号 13812345678",
    "图片13005284815",
    "https://example.com/p/13812345678?id=13812345678",
    "微博 5184713499347542 已删",  # 16 digits, no card context
    f"编码{BAD_ID_CARD}尾",
    "单价138.12345678元",
    "12345热线没人接，120来得很快",
    "2026-03-10 08:30:15 第123456789012号",
    "苏州A座12345号楼",
    "挂号费从20元涨到200元[怒]",
    "岚湖市第一人民医院 400-800-8820",
]


@pytest.mark.parametrize(("said", "expected"), MASKED)
def test_personal_data_is_masked(said: str, expected: str) -> None:
    assert redact(said) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize("said", KEPT)
def test_look_alikes_are_kept(said: str) -> None:
    assert redact(said) == said


def test_a_url_inside_a_text_survives_but_not_the_number_beside_it() -> None:
    assert redact("见 https://example.com/13812345678 电话13812345678") == "见 https://example.com/13812345678 电话1**********"


PLAIN = [
    ("<p>第一段</p><p>第二段</p>", "第一段\n第二段"),
    ("气死了<span class='url-icon'><img alt='[泪]' src='x'></span>。", "气死了[泪]。"),
    ("图<img alt='配图' src='x'>", "图"),
    ("a&amp;nbsp;b", "a b"),
    ("&lt;p&gt;转义过的&lt;/p&gt;", "转义过的"),
    ("岚\u200b湖\ufeff一\ue627院", "岚湖一院"),
    ("<script>alert(1)</script>正文<style>p{}</style><!-- 注 -->", "正文"),
    ("<岚湖一院>排队 3<5", "<岚湖一院>排队 3<5"),
    ("坏\ud83d字\x00", "坏字"),
    ("　　缩进　的字  ", "缩进 的字"),
    ("<div>" * 1000 + "深处的字", "深处的字"),
    ("", ""),
]


@pytest.mark.parametrize(("said", "expected"), PLAIN)
def test_markup_becomes_what_a_reader_sees(said: str, expected: str) -> None:
    assert plain(said) == expected


WORDS = "岚湖市第一人民医院急诊排队四小时，囧rz"


@pytest.mark.parametrize(
    "body",
    [
        WORDS.encode(),
        b"\xef\xbb\xbf" + WORDS.encode(),
        WORDS.encode("gb18030"),
        b'<?xml version="1.0" encoding="gb2312"?>' + WORDS.encode("gb18030"),
        b'<?xml version="1.0" encoding="gb2312"?>' + WORDS.encode(),  # the declaration lies
        WORDS.encode("utf-16"),
    ],
    ids=["utf-8", "bom", "gb18030", "declared gb2312", "declared gb2312, is utf-8", "utf-16"],
)
def test_charsets(body: bytes) -> None:
    assert decode(body).endswith(WORDS)


def test_big5_is_read_where_it_is_declared() -> None:
    assert "醫院排隊" in decode(b'<meta charset="big5">' + "醫院排隊".encode("big5"))


def test_a_torn_character_leaves_a_mark_and_nothing_is_dropped() -> None:
    assert decode((WORDS * 20).encode() + "院".encode()[:2]) == WORDS * 20 + "\ufffd"


def test_addresses() -> None:
    assert canonical_url("HTTPS://Weibo.com:443/1/a?refer_flag=1&b=%CE%E4&a=2#x") == "https://weibo.com/1/a?a=2&b=%CE%E4"
    assert canonical_url("https://x.cn/a?utm_source=z&wfr=spider&xsec_token=q&sld=1&scene=2") == "https://x.cn/a"
    assert canonical_url("https://x.cn/m#/detail?tid=9") == "https://x.cn/m#/detail?tid=9"
    assert canonical_url("http://x.cn") == "http://x.cn/"
    assert canonical_url("http://[half") == "http://[half"


def test_the_same_post_has_one_id_by_whatever_road() -> None:
    mid = weibo_mid("z0JH2lOMb")
    assert mid == "3501756485200075"
    assert native_id("weibo", "https://weibo.com/1935396210/z0JH2lOMb?refer_flag=1") == mid
    assert post_id("weibo", url="https://weibo.com/1935396210/z0JH2lOMb") == post_id("weibo", mid)
    assert post_id("weibo", url=f"https://m.weibo.cn/detail/{mid}") == post_id("weibo", mid)
    assert post_id("news", url="http://x.cn/a?utm_source=1") == post_id("news", url="https://x.cn/a")
    assert post_id("news", url="https://x.cn/a") != post_id("wechat", url="https://x.cn/a")
    with pytest.raises(ValueError, match="id of its own"):
        post_id("news")
    assert fetch_id("a", "u", "t", 0) != fetch_id("a", "u", "t", 1)


def test_authors_are_equal_only_under_one_secret_and_platform() -> None:
    assert author_hash("s", "weibo", "1") == author_hash("s", "weibo", "1")
    others = [author_hash("t", "weibo", "1"), author_hash("s", "tieba", "1"), author_hash("s", "weibo", "2")]
    assert len({author_hash("s", "weibo", "1"), *others}) == 4


PROVINCES = [
    ("发布于 云南", "云南"), ("IP属地：广东", "广东"), ("来自河南", "河南"), ("浙江 杭州", "浙江"), ("青澜省", "青澜"),
    ("10.0.0.1", None), (None, None), ("美国", None),
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), PROVINCES)
def test_only_the_province_is_kept(said: str | None, expected: str | None) -> None:
    assert province(said) == expected


def test_an_item_is_clean_dated_counted_and_hashed() -> None:
    origin = Origin("drill_weibo", "weibo", "f" * 16, BASE, "secret", "personal")
    read = Reading(
        text="<p>岚湖一院收费 电话13812345678<img alt='[怒]'></p>", title="岚湖一院收费 [图片]", url="https://weibo.com/1935396210/z0JH2lOMb?refer_flag=1",
        published="5分钟前", likes="1.2万", reposts="转发", region="发布于 云南",
    )  # fmt: skip
    item = make_item(read, origin)
    assert item.text == "岚湖一院收费 电话1**********[怒]"
    assert item.title is None  # it only repeats the text
    assert item.url == "https://weibo.com/1935396210/z0JH2lOMb"
    assert (item.likes_n, item.reposts_n, item.comments_n, item.region) == (12_000, 0, None, "云南")
    assert item.author_hash == author_hash("secret", "weibo", "1935396210")
    assert (item.published_precision, item.author_kind) == ("minute", "personal")
    assert item.first_seen_at == item.observed_at == BASE
    assert make_item(read, origin) == item


@pytest.mark.real
def test_real_gb2312_pages_decode_without_a_hole() -> None:
    files = sorted((SAMPLES / "charset_feeds" / "gb2312").glob("*"))
    if not files:
        pytest.skip("no ../shared/samples")
    holes = {path.name: decode(path.read_bytes()).count("\ufffd") for path in files}
    assert sum(map(bool, holes.values())) <= math.floor(len(files) * 0.1), holes
