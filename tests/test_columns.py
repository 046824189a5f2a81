"""List pages of a column: links, the days beside them, JSON lists, the next page. Sites and words are constructed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from crawlers.article.columns import next_page, read_column
from crawlers.article.pages import read_page
from crawlers.reasons import NoReading
from crawlers.times import Moment, read_time
from warehouse.clock import SHANGHAI, shanghai

BASE = datetime(2026, 11, 26, 10, tzinfo=SHANGHAI)
HOME = "https://www.lanhu.example/tzgg/index.html"


def links(body: str, options: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    found = read_column(f"<html><body>{body}</body></html>", HOME, options or {}, lambda url: "lanhu.example" in url, BASE)
    return [
        (link.url.removeprefix("https://www.lanhu.example"), shanghai(link.listed.at, "%m-%d") if link.listed.at else "") for link in found
    ]


ROWS = [
    "<ul><li><a href='/a/1.html'>关于停诊的通知</a><span>2026-11-20</span></li></ul>",
    "<ul><li><span>[11/20]</span><a href='/a/1.html'>关于停诊的通知</a></li></ul>",
    "<ul><li><a href='/a/1.html'><span class='t'>关于停诊的通知</span><i>11-20</i></a></li></ul>",
    "<table><tr><td><a href='/a/1.html'>关于停诊的通知</a></td><td>2026年11月20日</td></tr></table>",
    "<dl><dt><a href='/a/1.html'>关于停诊的通知</a></dt><dd>发布时间：2026.11.20 浏览 12</dd></dl>",
    "<div class='row'><div><b>20</b><span>2026-11</span></div><div><h3><a href='/a/1.html'>关于停诊的通知</a></h3></div></div>",
    "<div class='row'><p>2026-11</p><p>20</p><a href='/a/1.html'>关于停诊的通知</a></div>",
    "<li><a href='/a/1.html'><img src='x.jpg'></a><a href='/a/1.html'>关于停诊的通知</a><em>11月20日</em></li>",
    "<li><a href='/a/1.html'>关于11月5日停诊的通知</a> 6天前</li>",
]


@pytest.mark.parametrize("row", ROWS)
def test_the_day_beside_a_link_is_its_time(row: str) -> None:
    assert links(row) == [("/a/1.html", "11-20")]


def test_a_date_belongs_to_its_own_row() -> None:
    rows = "".join(f"<li><a href='/a/{n}.html'>第{n}号通告</a><span>11-{n:02d}</span></li>" for n in (20, 18, 7))
    assert links(f"<ul>{rows}<li><a href='/a/3.html'>没有日期的通告</a></li></ul>") == [
        ("/a/20.html", "11-20"), ("/a/18.html", "11-18"), ("/a/7.html", "11-07"), ("/a/3.html", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "row", ["<li><a href='/a/1.html'>关于2026年11月20日停诊的通知</a></li>", "<li><a href='/a/1.html'>阅读 11</a> 3/5 页</li>"]
)
def test_a_date_in_a_title_is_not_when_it_was_published(row: str) -> None:
    assert links(row)[0][1] in ("", "03-05")


def test_links_to_other_hosts_and_to_no_article_are_left() -> None:
    body = "<a href='https://other.example/1.html'>x</a><a href='/about'>y</a><a href='javascript:void(0)'>z</a>"
    body += "<a href='/b/20261120.html'>w</a>"
    assert [url for url, _ in links(body)] == ["/b/20261120.html"]
    assert links("<a class='k' href='/about'>y</a>", {"css": "a.k"}) == [("/about", "")]


NESTED = (
    'var data={"category":["a"],"news":[[{"c":0,"t":"门诊通告","l":"/n/1.html","p":"2026-11-20 19:00:07"}],[{"t":"x","l":"/n/2.html"}]]};'
)


def test_a_json_list_is_read_by_the_names_of_the_card() -> None:
    names = {"list": "news", "url": "l", "time": "p"}
    found = read_column(NESTED, HOME, {"json": names}, lambda url: True, BASE)
    assert [(link.url, link.listed) for link in found] == [
        ("https://www.lanhu.example/n/1.html", read_time("2026-11-20 19:00:07", BASE)),
        ("https://www.lanhu.example/n/2.html", (None, "unknown")),
    ]
    bare = read_column('[{"url":"b.html","time":1795132800}]', HOME, {"json": {}}, lambda url: True, BASE)
    assert [link.url for link in bare] == ["https://www.lanhu.example/tzgg/b.html"]


@pytest.mark.parametrize("body", ["", "not json", '{"news": 3}', '{"other": []}', "callback({", "[" * 100_000])
def test_json_that_is_not_as_the_card_says_is_a_changed_format(body: str) -> None:
    with pytest.raises(NoReading) as told:
        read_column(body, HOME, {"json": {"list": "news", "url": "l"}}, lambda url: True, BASE)
    assert told.value.reason == "format_changed"


NEXT = [
    (HOME, "<a href='index_1.html'>下一页</a>", "index_1.html"),
    (HOME, "<a href='index_1.html'>2</a><a href='index_2.html'>3</a>", "index_1.html"),
    ("https://www.lanhu.example/tzgg/index_1.html", "<a href='index.html'>1</a><a href='index_2.html'>3</a>", "index_2.html"),
    ("https://www.lanhu.example/tzgg/list_2.shtml", "<a href='list_1.shtml'>1</a><a href='list_3.shtml'>3</a>", "list_3.shtml"),
    ("https://www.lanhu.example/tzgg/?page=2", "<a href='?page=1'>1</a><a href='?page=3'>3</a>", "?page=3"),
    ("https://www.lanhu.example/tzgg/list?cat=7&page=2", "<a href='list?cat=7&page=3'>3</a>", "list?cat=7&page=3"),
    ("https://www.lanhu.example/tzgg/", "<a href='index_1.html'>2</a>", "index_1.html"),
    ("https://www.lanhu.example/tzgg/", "<a href='?page=2'>2</a><a href='?page=3'>3</a>", "?page=2"),
    (HOME, "<link rel='next' href='index_9.html'>", "index_9.html"),
    (HOME, "<script>createPageHTML(8, 0, 'index', 'html');</script>", "index_1.html"),
    ("https://www.lanhu.example/tzgg/index_7.html", "<script>createPageHTML(8, 7, 'index', 'html');</script>", None),
    (HOME, "<a href='javascript:go(2)'>下一页</a><a href='/a/1.html'>下一页的故事</a>", None),
    (HOME, "", None),
]


PAGERS = [  # what turns the pages, in the ways content management systems have: as words, numbers, falling numbers
    "<a href='/list/1.htm'>首页</a><a href='/list/1.htm'>上一页</a><a href='/list/2.htm'>下一页</a><a href='/list/9.htm'>尾页</a>",
    "<a href='/list/16.htm'>下页</a><a href='/list/16.htm'>2</a><a href='/list/15.htm'>3</a><a href='/list/1.htm'>末页</a>",
    "<a href='/x/12345678.html'>2</a><a href='/x/12345679.html'>[3]</a><a href='/x/12345680.html'>第 4 页</a>",
    "<a href='/x/12345678.html'>&laquo;</a><a href='/x/12345679.html'>&gt;&gt;</a><a href='/x/12345680.html'>Next</a>",
    "<link rel='next' href='/x/12345678.html'><a href='/x/12345678.html'>更多通告</a>",
]


@pytest.mark.parametrize("options", [{}, {"css": "a"}, {"match": r"\.html?$"}])
@pytest.mark.parametrize("pager", PAGERS)
def test_what_turns_the_pages_is_no_article(pager: str, options: dict[str, Any]) -> None:
    articles = (
        "<a href='/a/1.html'>停诊通告</a><a href='/a/2.html'>上一页的故事</a><a href='/a/3.html'>2025</a><a href='/a/3.html'>年报</a>"
    )
    assert [url for url, _ in links(articles + pager, options)] == ["/a/1.html", "/a/2.html", "/a/3.html"]


def test_numbers_are_articles_where_there_is_nothing_else() -> None:
    assert [url for url, _ in links("<a href='/a/1.html'>1</a><a href='/a/2.html'>2</a>")] == ["/a/1.html", "/a/2.html"]
    only_a_pager = "<a href='/list/2.htm'>2</a><a href='/list/3.htm'>3</a><a href='/list/2.htm'>下一页</a>"
    assert links(only_a_pager) == []  # a script draws the list


@pytest.mark.parametrize(("url", "body", "expected"), NEXT)
def test_the_next_page_of_a_list(url: str, body: str, expected: str | None) -> None:
    found = next_page(f"<html><body>列表{body}</body></html>", url)
    assert found == (expected and f"https://www.lanhu.example/tzgg/{expected}")


def test_the_lists_day_is_taken_where_the_page_shows_no_time() -> None:
    words = "岚湖市第一人民医院今日发布停诊通告，门诊楼因管道检修停诊一天，请患者合理安排就诊时间，急诊照常开放。"
    silent = f"<html><head><title>停诊通告_岚湖网</title></head><body><h1>停诊通告说明</h1><p>{words}</p></body></html>"
    day = Moment(datetime(2026, 11, 20, tzinfo=SHANGHAI), "day")
    assert read_page(silent, HOME, BASE, listed=day).published == day
    shown = silent.replace("</h1>", "</h1><span>2026-11-21 08:30</span>")
    assert read_page(shown, HOME, BASE, listed=day).published == read_time("2026-11-21 08:30", BASE)
    assert read_page(shown, HOME, BASE + timedelta(days=900), listed=day).published == read_time("2026-11-21 08:30", BASE)


def test_an_empty_json_list_is_confirmed_empty() -> None:
    with pytest.raises(NoReading) as told:
        read_column('{"news": []}', HOME, {"json": {"list": "news"}}, lambda url: True, BASE)
    assert told.value.reason == "empty_confirmed"


ROWS_OF_JSON = '{"total": 2, "data": {"rows": [{"link": "/n/1.html", "date": "2026-11-20", "title": "x"}], "page": 1, "none": []}}'
MISREAD = [
    ({"list": "data.rows", "url": "href"}, "no row of data.rows has href; its fields: link, date, title"),
    ({"list": "data.row", "url": "link"}, "no list under data.row: data holds rows, page, none"),
    ({"list": "rows"}, "no list under rows: the top holds total, data"),
    ({"url": "link"}, "no list under the top: the top holds total, data"),
    ({"list": "data.page"}, "no list under data.page: data.page is no list but int"),
    ({"list": "total.rows"}, "no list under total.rows: total is no list but int"),
]


@pytest.mark.parametrize(("names", "told"), MISREAD)
def test_json_that_the_card_misnames_says_what_is_there(names: dict[str, str], told: str) -> None:
    with pytest.raises(NoReading) as why:
        read_column(ROWS_OF_JSON, HOME, {"json": names}, lambda url: True, BASE)
    assert (why.value.reason, why.value.detail) == ("format_changed", f"options.json: {told}")


def test_json_names_walk_down_and_rows_that_are_no_mappings_are_told() -> None:
    names = {"list": "d", "url": "of.link", "time": "of.day"}
    (link,) = read_column(
        '{"d": [{"of": {"link": "/n/1.html", "day": "2026-11-20"}}, {"of": 3}]}', HOME, {"json": names}, lambda url: True, BASE
    )
    assert (link.url, link.listed) == ("https://www.lanhu.example/n/1.html", read_time("2026-11-20", BASE))
    for body, reason in (('{"d": ["a.html", "b.html"]}', "format_changed"), ('{"d": [[], []]}', "empty_confirmed")):
        with pytest.raises(NoReading) as why:
            read_column(body, HOME, {"json": names}, lambda url: True, BASE)
        assert why.value.reason == reason
    wide = "{" + ", ".join(f'"n{n}": 1' for n in range(99)) + "}"
    with pytest.raises(NoReading, match="n11 and 87 more"):
        read_column(wide, HOME, {"json": names}, lambda url: True, BASE)
