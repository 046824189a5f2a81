"""What the article spider asks for after a list page. No network: its two hooks are called with constructed answers."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from scrapy import Request
from scrapy.http import TextResponse

from crawlers.addresses import canonical_url
from crawlers.card import Card
from crawlers.items import Reading
from crawlers.memory import Memory
from crawlers.reasons import NoReading
from crawlers.spiders._job import Job
from crawlers.spiders.article import Article
from crawlers.times import UNKNOWN, read_time
from warehouse.clock import SHANGHAI, Clock

NOW = datetime(2026, 11, 26, 10, tzinfo=SHANGHAI)
HOME = "https://www.lanhu.example/tzgg/index.html"
WORDS = "岚湖市第一人民医院门诊楼因管道检修停诊一天，请患者合理安排就诊时间，急诊照常开放，带来不便敬请谅解。"


def spider(read: set[str] | None = None, **options: Any) -> Article:
    card = Card("lanhu", "article", "岚湖", "院办", "news", (HOME,), max_age_h=72, options=options)
    it = Article.__new__(Article)  # its hooks need no landing files
    it.card, it.job = card, cast(Job, SimpleNamespace(clock=Clock(NOW, 0), memory=Memory(read=read or set())))
    return it


def rows(*days: str) -> str:
    return "".join(f"<li><a href='/a/{n}.html'>第{n}号通告</a><span>{day}</span></li>" for n, day in enumerate(days, 1))


def note(it: Article, body: str) -> str | None:
    request = Request(HOME, meta={"is_list": True, "page": 1})
    answer = TextResponse(HOME, body=f"<html><body>{body}</body></html>".encode(), request=request)
    list(it.parse_items(answer))
    said: str | None = answer.meta["note"]
    return said


def outputs(it: Article, body: str, url: str = HOME, **meta: Any) -> list[Reading | Request]:
    request = Request(url, meta={"is_list": True, "page": 1, **meta})
    return list(it.parse_items(TextResponse(url, body=f"<html><body>{body}</body></html>".encode(), request=request)))


def addresses(found: list[Reading | Request]) -> list[str]:
    return [one.url.removeprefix("https://www.lanhu.example") for one in found if isinstance(one, Request)]


def test_articles_the_list_dates_before_the_cards_age_are_not_asked_for() -> None:
    found = outputs(spider(), rows("11-26", "2026-11-23", "2026-11-22", "2025-11-26", ""))
    assert addresses(found) == ["/a/1.html", "/a/2.html", "/a/5.html"]  # the 23rd ends less than 72 hours before now
    listed = [one.meta["listed"] for one in found if isinstance(one, Request)]
    assert listed == [read_time("2026-11-26", NOW), read_time("2026-11-23", NOW), UNKNOWN]


def test_a_list_of_old_articles_is_confirmed_empty_and_one_without_links_is_not() -> None:
    for body, reason in (
        (rows("2024-01-01"), "empty_confirmed"),
        ("<p>暂无数据</p>", "empty_confirmed"),
        ("<p>改版了</p>", "format_changed"),
    ):
        with pytest.raises(NoReading) as told:
            outputs(spider(), body)
        assert told.value.reason == reason


def test_the_next_page_is_asked_for_while_this_one_is_new() -> None:
    pager = "<a href='index_1.html'>下一页</a>"
    recent = rows("11-26", "11-25")
    assert addresses(outputs(spider(pages=3), recent + pager))[-1] == "/tzgg/index_1.html"
    following = outputs(spider(pages=3), recent + pager)[-1]
    assert isinstance(following, Request)
    assert (following.meta["is_list"], following.meta["page"]) == (True, 2)
    assert addresses(outputs(spider(), recent + pager)) == ["/a/1.html", "/a/2.html"]  # pages: 1 is the default
    assert addresses(outputs(spider(pages=3), recent + pager, page=3)) == ["/a/1.html", "/a/2.html"]
    assert "/tzgg/index_1.html" not in addresses(outputs(spider(pages=3), rows("11-26", "2026-01-01") + pager))  # older ones follow
    known = {canonical_url(f"https://www.lanhu.example/a/{n}.html") for n in (1, 2)}
    assert "/tzgg/index_1.html" not in addresses(outputs(spider(known, pages=3), recent + pager))
    away = "<a href='https://other.example/index_1.html'>下一页</a>"
    assert addresses(outputs(spider(pages=3), recent + away)) == ["/a/1.html", "/a/2.html"]


def test_the_second_page_is_followed_as_a_list_without_match() -> None:
    pager = "<a href='/tzgg/list/2.htm'>2</a><a href='/tzgg/list/2.htm'>下一页</a>"
    found = [one for one in outputs(spider(pages=2), rows("11-26", "11-25", "11-25") + pager) if isinstance(one, Request)]
    assert [(one.url, one.meta.get("is_list", False)) for one in found][2:] == [
        ("https://www.lanhu.example/a/3.html", False), ("https://www.lanhu.example/tzgg/list/2.htm", True),
    ]  # fmt: skip


def test_the_lists_row_says_what_was_left_alone() -> None:
    assert note(spider(), rows("11-26", "11-25", "11-24")) is None
    assert note(spider(), rows("11-26", "11-01", "2025-11-26", "")) == "2 of 4 older than max_age_h (72 h), left alone"
    assert note(spider(most=2), rows("11-26", "11-26", "11-26", "11-01")) == (
        "1 of 4 older than max_age_h (72 h), left alone; 1 more than `most` (2), left alone"
    )


def test_a_list_of_two_links_may_be_the_foot_of_one_that_a_script_draws() -> None:
    told = "only 2 links look like articles: if the page shows more, say which by css or match; if a script draws them, name its JSON"
    assert (note(spider(), rows("", "")) or "").startswith(told)
    assert (note(spider(), rows("")) or "").startswith("only 1 link looks like articles")
    for name, said in (("css", "li a"), ("match", "^a/")):
        assert note(spider(None, **{name: said}), rows("", "")) is None
    assert note(spider(), rows("", "", "")) is None


def test_no_article_is_told_in_the_words_of_the_card() -> None:
    details: dict[str, str | None] = {}
    cards: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("css", {"css": "ul.list a"}, "<p>改版了</p>"),
        ("match", {"match": "^info/"}, rows("11-26")),
        ("plain", {}, "<a href='/about'>关于</a>"),
    )
    for name, options, body in cards:
        with pytest.raises(NoReading) as told:
            outputs(spider(None, **options), body)
        details[name] = told.value.detail
    assert str(details["css"]).startswith("no link to an article: css ul.list a; a list that a script draws has its JSON elsewhere")
    assert "css a, match ^info/;" in str(details["match"])
    assert "css a, .html, .shtml or a long number;" in str(details["plain"])
    answer = TextResponse(HOME, body=b'[{"url": "https://elsewhere.example/1.html"}]', request=Request(HOME, meta={"is_list": True}))
    with pytest.raises(NoReading) as told:
        list(spider(json={}).parse_items(answer))
    assert "no address in the JSON list is on the card's hosts" in str(told.value.detail)
    assert "css" not in str(told.value.detail)


def test_a_json_list_leads_to_its_articles() -> None:
    body = 'var d={"news":[[{"l":"/a/1.html","p":"2026-11-26 08:00:07"},{"l":"/a/2.html","p":"2025-01-01 08:00:00"}]]};'
    request = Request(HOME, meta={"is_list": True})
    answer = TextResponse("https://www.lanhu.example/news_json.js", body=body.encode("gb18030"), request=request)
    found = list(spider(json={"list": "news", "url": "l", "time": "p"}).parse_items(answer))
    assert addresses(found) == ["/a/1.html"]


def test_an_article_without_a_time_takes_the_lists() -> None:
    page = f"<html><head><title>停诊通告说明_岚湖网</title></head><body><h1>停诊通告说明</h1><p>{WORDS}</p></body></html>"
    day = read_time("2026-11-25", NOW)
    request = Request("https://www.lanhu.example/a/1.html", meta={"listed": day})
    (reading,) = spider().parse_items(TextResponse(request.url, body=page.encode(), request=request))
    assert isinstance(reading, Reading)
    assert reading.published == day
