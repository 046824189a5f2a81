"""Times and counts, texts and bytes: any instant in any form reads back, and nothing a site sends makes them raise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.clean import HOLE, MISSING, decode, plain
from crawlers.counts import MOST, read_count
from crawlers.times import SKEW, UNKNOWN, read_time
from warehouse.clock import SHANGHAI
from warehouse.vocabulary import PRECISIONS

BASE = datetime(2026, 3, 10, 8, 30, tzinfo=SHANGHAI)  # a Tuesday
WEEK = "一二三四五六日"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
HAN_MONTHS = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"]
FULL_WIDTH = str.maketrans("0123456789:", "０１２３４５６７８９：")

Form = Callable[[datetime], str | int | float]


def twelve(t: datetime) -> str:
    return f"{(t.hour - 1) % 12 + 1}:{t:%M}"


def half(t: datetime) -> str:
    return "上午" if t.hour < 12 else "下午"


TO_THE_SECOND: list[Form] = [
    lambda t: f"{t:%Y-%m-%d %H:%M:%S}",
    lambda t: f"{t:%Y/%m/%d %H:%M:%S}",
    lambda t: f"{t:%Y.%m.%d %H:%M:%S}",
    lambda t: f"{t:%Y-%m-%dT%H:%M:%S+08:00}",
    lambda t: f"{t:%Y年%m月%d日 %H:%M:%S}",
    lambda t: f"{t.year}年{t.month}月{t.day}日{t.hour}时{t.minute}分{t.second}秒",
    lambda t: f"{t:%Y%m%d%H%M%S}",
    lambda t: f"{t.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    lambda t: f"{t.astimezone(UTC):%Y-%m-%dT%H:%M:%S.123456+00:00}",
    lambda t: f"{t:%a} {MONTHS[t.month - 1]} {t.day:02d} {t:%H:%M:%S} +0800 {t.year}",
    lambda t: f"{t:%a}, {t.day:02d} {MONTHS[t.month - 1]} {t.year} {t:%H:%M:%S} +0800",
    lambda t: f"周{WEEK[t.weekday()]}, {t.day} {t.month}月 {t.year} {t:%H:%M:%S} +0800",
    lambda t: f"{t.day} {HAN_MONTHS[t.month - 1]}月 {t.year} {t:%H:%M:%S} +0800",
    lambda t: f"{t:%a} {MONTHS[t.month - 1]} {t.day:02d} {t.year} {t:%H:%M:%S} GMT+0800 (中国标准时间)",
    lambda t: int(t.timestamp()),
    lambda t: str(int(t.timestamp())),
    lambda t: int(t.timestamp()) * 1000 + 999,
    lambda t: float(int(t.timestamp())),
    lambda t: str(int(t.timestamp()) * 1_000_000),
    lambda t: f"/Date({int(t.timestamp()) * 1000}+0800)/",
    lambda t: f"发布时间：{t:%Y-%m-%d %H:%M:%S}",
    lambda t: f"{t:%Y-%m-%d %H:%M:%S}".translate(FULL_WIDTH),
    lambda t: f"[{t:%Y-%m-%d %H:%M:%S}]",
    lambda t: f"编辑于 {t:%Y-%m-%d %H:%M:%S}",
    lambda t: f"{t:%Y-%m-%d-%H:%M:%S}",
]
TO_THE_MINUTE: list[Form] = [
    lambda t: f"{t:%Y-%m-%d %H:%M}",
    lambda t: f"{t.year}-{t.month}-{t.day} {t.hour}:{t:%M}",
    lambda t: f"{t.year}年{t.month}月{t.day}日 {t:%H:%M}",
    lambda t: f"{t:%Y年%m月%d日} 星期{WEEK[t.weekday()]} {t:%H:%M}",
    lambda t: f"{t:%Y-%m-%d}（周{WEEK[t.weekday()]}）{t:%H:%M}",
    lambda t: f"{t:%Y年%m月%d日}{t.hour}点{t:%M}分",
    lambda t: f"{t:%Y/%m/%d} {half(t)}{twelve(t) if t.hour else f'0:{t:%M}'}",
    lambda t: f"{t:%Y-%m-%d} {twelve(t)} {'AM' if t.hour < 12 else 'PM'}",
    lambda t: f"{t:%Y.%m.%d %H:%M}",
    lambda t: f"{t:%y-%m-%d %H:%M}",
    lambda t: f"{t:%Y%m%d%H%M}",
    lambda t: f"更新于{t:%Y-%m-%d %H:%M}",
    lambda t: f"{t:%Y-%m-%d  %H:%M}",
]
TO_THE_DAY: list[Form] = [
    lambda t: f"{t:%Y-%m-%d}",
    lambda t: f"{t.year}-{t.month}-{t.day}",
    lambda t: f"{t:%Y.%m.%d}",
    lambda t: f"{t:%Y/%m/%d}",
    lambda t: f"{t.year}年{t.month}月{t.day}日",
    lambda t: f"{t:%Y%m%d}",
    lambda t: f"({t:%Y-%m-%d})",
    lambda t: f"{MONTHS[t.month - 1]} {t.day}, {t.year}",
    lambda t: f"{t:%Y-%m-%d} 星期{WEEK[t.weekday()]}",
]
WITHOUT_YEAR: list[Form] = [
    lambda t: f"{t:%m-%d %H:%M}",
    lambda t: f"{t:%m月%d日 %H:%M}",
    lambda t: f"{t.month}月{t.day}日{t:%H:%M}",
    lambda t: f"{t:%m/%d %H:%M}",
]

instants = st.integers(1_009_814_400, 1_893_427_200).map(lambda s: datetime.fromtimestamp(s, SHANGHAI))  # 2002 to 2029
bases = st.integers(1_420_041_600, 2_051_193_600).map(lambda s: datetime.fromtimestamp(s, SHANGHAI))  # 2015 to 2034


@pytest.mark.parametrize("form", range(len(TO_THE_SECOND)))
@given(instant=instants)
def test_any_second_in_any_form_reads_back(form: int, instant: datetime) -> None:
    assert read_time(TO_THE_SECOND[form](instant), BASE) == (instant.astimezone(UTC), "second")


@pytest.mark.parametrize("form", range(len(TO_THE_MINUTE)))
@given(instant=instants)
def test_any_minute_in_any_form_reads_back(form: int, instant: datetime) -> None:
    assert read_time(TO_THE_MINUTE[form](instant), BASE) == (instant.replace(second=0).astimezone(UTC), "minute")


@pytest.mark.parametrize("form", range(len(TO_THE_DAY)))
@given(instant=instants)
def test_any_day_in_any_form_reads_back(form: int, instant: datetime) -> None:
    midnight = instant.replace(hour=0, minute=0, second=0)
    assert read_time(TO_THE_DAY[form](instant), BASE) == (midnight.astimezone(UTC), "day")


@pytest.mark.parametrize("form", range(len(WITHOUT_YEAR)))
@given(base=bases, back=st.timedeltas(timedelta(0), timedelta(days=364)))
def test_words_without_a_year_mean_the_last_year_before_the_answer(form: int, base: datetime, back: timedelta) -> None:
    written = (base - back).replace(second=0, microsecond=0)
    assert read_time(WITHOUT_YEAR[form](written), base) == (written.astimezone(UTC), "minute")


@given(base=bases, back=st.integers(0, 2), clock=st.times())
def test_words_for_days_count_from_the_answer(base: datetime, back: int, clock: time) -> None:
    said = f"{['今天', '昨天', '前天'][back]} {clock:%H:%M}"
    day = (base - timedelta(days=back)).date()
    expected = datetime.combine(day, clock.replace(second=0, microsecond=0), SHANGHAI)
    moment = read_time(said, base)
    assert moment == ((expected.astimezone(UTC), "minute") if expected <= base + SKEW else UNKNOWN)


AGO = [
    ("秒前", "seconds", "second"),
    ("分钟前", "minutes", "minute"),
    ("小时前", "hours", "hour"),
    ("天前", "days", "day"),
    ("天前发布", "days", "day"),
]


@pytest.mark.parametrize(("words", "unit", "precision"), AGO)
@given(base=bases, n=st.integers(0, 600))
def test_so_long_ago_counts_from_the_answer(words: str, unit: str, precision: str, base: datetime, n: int) -> None:
    at = base - timedelta(**{unit: n})
    exact = at.replace(hour=0, minute=0, second=0) if precision == "day" else at
    assert read_time(f"{n}{words}", base) == (exact.astimezone(UTC), precision)


@given(
    base=bases,
    said=st.sampled_from(["周日", "星期三 12:30", "23:59", "06-14", "02-29", "12-31 23:59", "[11/20]", "1月1日 00:00", "周二 23:00"]),
)
def test_what_gives_no_year_is_never_ahead_by_more_than_a_clocks_error(base: datetime, said: str) -> None:
    moment = read_time(said, base)
    assert moment.at is not None
    assert moment.at <= base + SKEW


@given(
    said=st.one_of(
        st.text(max_size=90),
        st.from_regex(r"[0-9０-９:：.\-/年月日时点上午下午昨天前周星期TZ+ ]{1,30}", fullmatch=True),
        st.floats(),
        st.integers(),
    ),
    base=bases,
)
def test_no_words_make_it_raise(said: str | float, base: datetime) -> None:
    moment = read_time(said, base)
    assert (moment.at is None) == (moment.precision == "unknown")
    assert moment.precision in PRECISIONS


EDGES = [
    ("2026-03-10 24:00", None),
    ("2026-02-29", None),
    ("9999999999", None),
    ("1234567890", "2009-02-14"),
    ("晚上12:30", None),
    ("3个月前", None),
    ("上周三", None),
    ("2026-03-09 下午3点半", "2026-03-09"),
    ("2026年3月9日8时", "2026-03-09"),
    ("大前天", "2026-03-07"),
    ("3 hours ago", "2026-03-10"),
    ("2 days ago", "2026-03-08"),
    ("今天 23:00", None),
    ("2026-3-15", "2026-03-15"),
    ("x" * 10_000, None),
    ("9" * 5000, None),
]


@pytest.mark.parametrize(("said", "day"), EDGES, ids=lambda value: str(value)[:20])
def test_edges(said: str, day: str | None) -> None:
    at = read_time(said, BASE).at
    assert (at and f"{at.astimezone(SHANGHAI):%Y-%m-%d}") == day


@given(
    said=st.one_of(
        st.text(max_size=60), st.from_regex(r"[0-9０-９.,万亿kw千百+转评论赞() ]{1,20}", fullmatch=True), st.floats(), st.integers()
    )
)
def test_no_words_make_a_count_raise(said: str | float) -> None:
    count = read_count(said)
    assert count is None or 0 <= count <= MOST


@given(a=st.decimals(0, 9999, places=2), b=st.decimals(0, 9999, places=2), unit=st.sampled_from(["", "千", "万", "千万", "w"]))
def test_counts_are_exact_and_keep_their_order(a: Decimal, b: Decimal, unit: str) -> None:
    factor = {"": 1, "千": 10**3, "万": 10**4, "千万": 10**7, "w": 10**4}[unit]
    first, second = read_count(f"{a}{unit}"), read_count(f"{b}{unit}+")
    assert first == int((a * factor).to_integral_value(ROUND_DOWN))
    assert second is not None
    assert first is not None
    assert (a <= b) <= (first <= second)


MORE_COUNTS = [
    ("3千万", 30_000_000),
    ("1.5百万", 1_500_000),
    ("2亿", 200_000_000),
    ("999+", 999),
    ("12人评论", 12),
    ("nan", None),
    ("-3", None),
    (3.0, 3),
    ("9" * 50, None),
]


@pytest.mark.parametrize(("said", "count"), MORE_COUNTS, ids=lambda value: str(value)[:12])
def test_more_counts(said: str | float, count: int | None) -> None:
    assert read_count(said) == count


words = st.text(st.sampled_from("岚湖市第一人民医院急诊排队收费，。的是不了a1 "), min_size=20, max_size=200)


@given(body=st.binary(max_size=400), declared=st.sampled_from([None, "gb2312", "big5", "utf-16", "no-such-charset"]))
def test_no_bytes_make_decoding_raise(body: bytes, declared: str | None) -> None:
    text = plain(decode(body, declared))
    assert "\x00" not in text
    text.encode("utf-8")


@given(
    text=words,
    charset=st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]),
    declared=st.sampled_from([None, "gb2312", "utf-8", "big5"]),
)
def test_a_text_decodes_in_whatever_charset_it_comes(text: str, charset: str, declared: str | None) -> None:
    assert decode(f"{text}的，的。".encode(charset), declared) == f"{text}的，的。"


@given(text=st.text(st.characters(exclude_characters="<&", exclude_categories=["Cs"]), max_size=200))
def test_plain_text_of_plain_text_is_itself(text: str) -> None:
    once = plain(text)
    assert plain(once) == once


@given(markup=st.text(st.sampled_from(list("<>/&;#x5aimgpdivbr\"'=[泪]岚湖\ud83d\ude00 \n")), max_size=120))
def test_no_markup_makes_it_raise(markup: str) -> None:
    plain(markup).encode("utf-8")


HOLES = [
    ("急诊排队四小时" + HOLE, "急诊排队四小时"),
    ("急诊排队四小时" + HOLE * 3, "急诊排队四小时"),
    ("等了三个小时😡" + HOLE + "没有人管我们，大厅里全是人", "等了三个小时😡" + MISSING + "没有人管我们，大厅里全是人"),
    ("岚湖市第一人民医院的急诊大厅" * 3 + HOLE * 2 + "排队", "岚湖市第一人民医院的急诊大厅" * 3 + MISSING + "排队"),
    ("岚" + HOLE + "医院", "岚" + HOLE + "医院"),
    (f"急{HOLE}诊{HOLE}排{HOLE}队{HOLE}四小时", f"急{HOLE}诊{HOLE}排{HOLE}队{HOLE}四小时"),
    (HOLE * 8, HOLE * 8),
    (HOLE, ""),
]


@pytest.mark.parametrize(("said", "expected"), HOLES)
def test_a_hole_is_marked_where_the_text_is_whole_and_kept_where_it_is_not(said: str, expected: str) -> None:
    assert plain(said) == expected
    assert plain(expected) == expected


TRAPS = [
    ("&#55357;&#56832;排队", "😀排队"), ("&#xD83D;&#xDE00;排队", "😀排队"), ("\ud83d\ude00排队", "😀排队"), ("\ud83d排队", "排队"),
    ("<p>it&#146;s&#133;</p>", "it’s…"), ("a\x92b", "a’b"), ("岚\x00湖", "岚湖"), ("&#0;岚", "岚"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "expected"), TRAPS)
def test_traps_of_entities_and_surrogates(said: str, expected: str) -> None:
    assert plain(said).replace(HOLE, "") == expected


def test_an_undeclared_big5_page_and_utf16_without_its_mark() -> None:
    text = "<html><body>醫院的急診排隊，有四個小時的。不是一個人的問題，是在這裡的人</body></html>"
    assert decode(text.encode("big5")) == text
    assert decode(text.encode("utf-16-le")) == decode(text.encode("utf-16-be")) == text
