"""Constructed: 岚湖市 does not exist, nor do its hospitals and people (演练)."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from models.mentions import mention
from warehouse.schema import empty
from warehouse.store import Warehouse
from warehouse.watchlist import EVERY, Hospital, Watchlist

SEEN = datetime(2026, 3, 9, 1, tzinfo=UTC)
CITY: dict[str, Any] = {"province": "青澜省", "city": "岚湖市", "districts": ("东湖区", "云溪县")}
FIRST = Hospital(
    "lanhu_first", "岚湖市第一人民医院", aliases=("岚湖一院", "市一院"), campuses=("东湖院区",), people=("霍启澜",),
    departments=("急诊科",),
    look_alikes=("岚山市第一人民医院",), **CITY,
)  # fmt: skip
CHILDREN = Hospital(
    "lanhu_children", "岚湖市妇女儿童医院", aliases=("岚湖妇儿", "妇女儿童医院"), look_alikes=("望川市妇女儿童医院",), **CITY
)
TCM = Hospital("lanhu_tcm", "岚湖市中医院", aliases=("岚湖中医院",), **CITY)
LISTED = Watchlist((FIRST, CHILDREN, TCM), departments=("收费处",))


def posts(*texts: str, **columns: str | None) -> pl.DataFrame:
    rows = [
        {"post_id": f"p{n:05d}", "text": text, "title": None, "region": None, "author_kind": None, "first_seen_at": SEEN} | columns
        for n, text in enumerate(texts)
    ]
    return pl.DataFrame(rows, schema={name: empty("posts").schema[name] for name in rows[0]})


def read(text: str, watchlist: Watchlist = LISTED, **columns: str | None) -> list[tuple[str, str]]:
    return list(mention(posts(text, **columns), watchlist).select("hospital_id", "status").iter_rows())


SURE, UNSURE = "confirmed", "unconfirmed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("岚湖市第一人民医院急诊排了四个小时", [("lanhu_first", SURE)]),
        ("岚湖一院的停车费", [("lanhu_first", SURE)]),  # the alias carries the city
        ("市一院的停车费太贵", [("lanhu_first", UNSURE)]),
        ("岚湖的市一院停车费太贵", [("lanhu_first", SURE)]),
        ("云溪县的老人转到市一院", [("lanhu_first", SURE)]),
        ("市一院东湖院区停车难", [("lanhu_first", SURE)]),  # alias and campus vouch for each other
        ("市一院霍启澜主任接诊", [("lanhu_first", SURE)]),
        ("东湖院区停车难", [("lanhu_first", UNSURE)]),  # 东湖 inside a campus's name is no place
        ("市一院急诊科护士态度差", [("lanhu_first", UNSURE)]),  # every hospital has an 急诊科
        ("岚山市第一人民医院回应", []),
        ("望川市妇女儿童医院回应女婴离世", []),
        ("望川市的妇女儿童医院", [("lanhu_children", UNSURE)]),
        ("远山市妇女儿童医院产科", []),  # another town's, though nobody listed it as a look-alike
        ("广州妇女儿童医院产科", []),  # a city of the gazetteer
        ("今天去市一院打针", [("lanhu_first", UNSURE)]),  # 「天去市」 is no town
        ("岚湖市中医院大药房的药", []),
        ("岚湖中医院药店", []),
        ("岚湖市中医院大药房说和岚湖市中医院没有关系", [("lanhu_tcm", SURE)]),
        ("望川市妇女儿童医院和岚湖妇儿是一家吗", [("lanhu_children", SURE)]),
        ("岚湖市妇女儿童医院转到岚湖市第一人民医院", [("lanhu_children", SURE), ("lanhu_first", SURE)]),
        ("岚湖市下雨了", []),
        ("", []),
    ],
)
def test_who_is_meant(text: str, expected: list[tuple[str, str]]) -> None:
    assert read(text) == expected


def test_what_the_platform_says_of_the_author_vouches_for_an_alias() -> None:
    assert read("市一院又停电", region="青澜") == [("lanhu_first", SURE)]
    assert read("市一院又停电", region="望川省") == [("lanhu_first", UNSURE)]
    assert read("一附院", Watchlist((Hospital("g", "贵州医院", province="贵州省", aliases=("一附院",)),)), region="贵州") == [("g", SURE)]
    assert read("市一院今日门诊安排", author_kind="own") == [("lanhu_first", SURE)]


def test_full_width_and_invisible_characters_hide_nothing() -> None:
    watchlist = Watchlist((Hospital("x", "岚湖市120医院", city="岚湖市"),))
    assert read("岚湖市１２０\u200b医院", watchlist) == [("x", SURE)]


def test_the_title_counts_and_columns_are_filled() -> None:
    row = mention(posts("急诊科等了四个小时", title="岚湖一院东湖院区"), LISTED).row(0, named=True)
    assert (row["campus"], row["department"], row["person"]) == ("东湖院区", "急诊科", None)
    assert row["evidence"] == "岚湖一院；东湖院区；岚湖"
    assert row["confidence_p"] > 0.8
    assert row["first_seen_at"] == SEEN


def test_an_authority_hears_every_watch_word_but_files_named_hospitals_by_name() -> None:
    watchlist = Watchlist((FIRST,), every=True, words=("医院", "护士"), departments=("急诊科",))
    assert read("某医院护士被打", watchlist) == [(EVERY, SURE)]
    assert read("岚湖市第一人民医院护士被打", watchlist) == [("lanhu_first", SURE)]
    assert read("市一院护士被打", watchlist) == [(EVERY, SURE), ("lanhu_first", UNSURE)]  # 待确认 alone would never alert
    assert read("今天天气好", watchlist) == []
    assert mention(posts("某医院急诊科"), watchlist)["department"].to_list() == ["急诊科"]


def test_rows_fit_the_table_and_their_order_does_not_depend_on_the_posts(tmp_path: Path) -> None:
    frame = posts("岚湖一院", "市一院", "岚湖妇儿和岚湖一院", "无关")
    found = mention(frame, LISTED)
    assert found.equals(mention(frame.reverse(), LISTED))
    assert Warehouse(tmp_path).add("mentions", found) == 4
    assert mention(frame.clear(), LISTED).schema == found.schema


def test_thirty_thousand_posts_take_seconds() -> None:
    texts = ["今天去市一院看病，医生说要等床位，走廊里都是人" * 4, "周末去公园散步，风很大，路边的花开了" * 6, "岚湖妇儿的急诊科" * 9]
    frame = posts(*(texts[n % 3] for n in range(30_000)))
    start = time.process_time()
    assert mention(frame, LISTED).height == 20_000
    assert time.process_time() - start < 6  # under 3 on a free core
