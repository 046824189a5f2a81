"""Article pages built to mislead: which title, which time, where the body ends. Constructed; the real ones are in test_pages_real.py."""

from __future__ import annotations

from datetime import datetime

import pytest

from crawlers.article.pages import read_page
from crawlers.items import Reading
from crawlers.reasons import NoReading
from crawlers.times import Moment
from warehouse.clock import SHANGHAI, shanghai

BASE = datetime(2026, 11, 26, 10, tzinfo=SHANGHAI)
WORDS = "岚湖市第一人民医院门诊楼因管道检修停诊一天，请患者合理安排就诊时间，急诊照常开放，带来不便敬请谅解。"
BODY = f"<p>{WORDS}</p><p>检修期间二号楼电梯停用，行动不便的患者可联系导诊台，由专人陪同前往。</p>"


def read(body: str, head: str = "", title: str = "关于门诊楼停诊的通知_岚湖市第一人民医院") -> Reading:
    return read_page(
        f"<html><head><title>{title}</title>{head}</head><body>{body}</body></html>", "https://www.lanhu.example/a/1.html", BASE
    )


def time_of(read: Reading) -> tuple[str, str]:
    assert isinstance(read.published, Moment)
    return (shanghai(read.published.at) if read.published.at else "", read.published.precision)


H1 = "<h1>关于门诊楼停诊的通知</h1>"
TIMES = [
    ("<p>2026-11-20 08:30 来源：院办</p>" + BODY, "", "2026-11-20 08:30", "minute"),
    ("<p>发布时间：2026-11-20</p>" + BODY, "<meta name='PubDate' content='2026-11-20 08:30'>", "2026-11-20 08:30", "minute"),
    ("<p>发布时间：2026-11-20</p>" + BODY, "<meta name='PubDate' content='2026-11-21 08:30'>", "2026-11-20 00:00", "day"),
    (
        "<p>2026-11-20 08:30</p>" + BODY,
        "<meta property='article:published_time' content='2026-11-20T08:30:41+08:00'>",
        "2026-11-20 08:30",
        "second",
    ),
    ("<p>发布时间：10-08 12:00</p>" + BODY, "<meta name='dateUpdate' content='2019-10-08 12:00:57'>", "2019-10-08 12:00", "second"),
    ("<div>2026</div><div>11/20</div><div>08:30</div>" + BODY, "", "2026-11-20 08:30", "minute"),
    ("<p>停诊时间：2026年11月25日 8:00</p>" + BODY, "<meta name='pubdate' content='2026-11-20 08:30'>", "2026-11-20 08:30", "minute"),
    ("<p>停诊时间：2026年11月25日8:00-12:00</p>" + BODY, "", "", "unknown"),
    (BODY + "<p>活动时间：2026年11月20日 9:00 地点：门诊楼</p>", "", "", "unknown"),
    (
        "<p>2026年11月19日14:30，岚湖区发生车祸，三人受伤。</p>" + BODY,
        "<meta name='publishdate' content='2026-11-20'>",
        "2026-11-20 00:00",
        "day",
    ),
    (BODY + "<p>岚湖市第一人民医院</p><p>2026年11月20日</p>", "", "2026-11-20 00:00", "day"),
    (
        BODY + "<p>岚湖市第一人民医院</p><p>2026年11月19日</p>",
        "<meta name='pubdate' content='2026-11-20 08:30'>",
        "2026-11-20 08:30",
        "minute",
    ),
    ("<p>最后更新：2026-11-21 09:00</p>" + BODY, "<meta name='lastmodifiedtime' content='2026-11-21 09:00'>", "", "unknown"),
    ("<p>昨天 08:30</p>" + BODY, "", "2026-11-25 08:30", "minute"),
    (BODY + "<div class='c1'><p>网友甲</p><p>说得对，应该这样</p>" * 8 + "<p>2026-11-22 08:30:11</p></div>", "", "", "unknown"),
    (
        BODY,
        '<script type=\'application/ld+json\'>{"@graph":[{"datePublished":"2026-11-20T08:30:00+08:00"}]}</script>',
        "2026-11-20 08:30",
        "second",
    ),
    (BODY, "<script type='application/ld+json'>{broken</script><script>var ct = \"1795134600\";</script>", "2026-11-20 08:30", "second"),
    (BODY, '<script>window.x={news:[{"publishDate":"2026-11-01"},{"publishDate":"2026-11-09"}]}</script>', "", "unknown"),
    (
        BODY,
        "<meta name='expiretime' content='2026-11-20'><meta name='firstpublishedtime' content='2026-11-20-23:59:59'>",
        "2026-11-20 00:00",
        "day",
    ),
    (BODY, "<meta name='pubdate' content='2036-11-20'>", "", "unknown"),
    (BODY, "", "", "unknown"),
]


@pytest.mark.parametrize(("body", "head", "at", "precision"), TIMES)
def test_the_time_is_that_of_publication_or_none(body: str, head: str, at: str, precision: str) -> None:
    assert time_of(read(H1 + body, head)) == (at, precision)


TITLES = [
    (H1, "", "关于门诊楼停诊的通知_岚湖市第一人民医院", "关于门诊楼停诊的通知"),
    ("<h1>岚湖市第一人民医院</h1><div>关于门诊楼停诊的通知</div>", "", "关于门诊楼停诊的通知 岚湖市第一人民医院", "关于门诊楼停诊的通知"),
    (
        "<h1>岚湖市第一人民医院</h1><h2>关于门诊楼停诊的通知</h2>",
        "",
        "岚湖市第一人民医院-通知公告-关于门诊楼停诊的通知",
        "关于门诊楼停诊的通知",
    ),
    (
        '<h1>他说"停诊一天"是谁的主意？</h1>',
        "<meta property='og:title' content='他说'>",
        '他说"停诊一天"是谁的主意？_岚湖网',
        '他说"停诊一天"是谁的主意？',
    ),
    ("<div>关于门诊楼停诊的通知</div><div>发布时间：2026-11-20</div>", "", "通知公告--岚湖市第一人民医院", "关于门诊楼停诊的通知"),
    (
        "<h1>关于门诊楼停诊的通知</h1>",
        "<meta name='ArticleTitle' content='关于门诊楼停诊的通知'>",
        "岚湖市人民政府门户网站",
        "关于门诊楼停诊的通知",
    ),
    ("", "", "关于门诊楼全面停诊检修的通知_岚湖网", "关于门诊楼全面停诊检修的通知"),
    ("<h1><span>原创</span>门诊楼停诊了</h1>", "", "门诊楼停诊了的那一天大家都在", "门诊楼停诊了的那一天大家都在"),
]


@pytest.mark.parametrize(("body", "head", "window", "expected"), TITLES)
def test_the_title_is_the_articles(body: str, head: str, window: str, expected: str) -> None:
    assert read(body + BODY, head, window).title == expected


OTHERS = "".join(f"<li><a href='/{n}.html'>岚湖新闻第{n}条，医院又出新规</a></li>" for n in range(30))
AROUND = [
    f"<div id='nav'>{OTHERS}</div>{H1}<div class='content'>{BODY}</div><div class='comment-list'><p>等了四个小时，没有人管。</p></div>",
    f"{H1}<div>{BODY}<p>责任编辑：李四</p><p>相关阅读</p><ul>{OTHERS}</ul></div>",
    f"<form><table><tr><td><ul>{OTHERS}</ul></td><td>{H1}{BODY}</td></tr></table></form>",
    f"{H1}<div class='TRS_Editor'>{BODY}</div><div>版权所有，岚湖网，未经许可，不得转载。</div><ul>{OTHERS}</ul>",
    f"<html></html>{H1}<article>{BODY}</article><footer>岚湖网，版权所有</footer>",
]


@pytest.mark.parametrize("page", AROUND)
def test_the_body_is_the_article_and_nothing_around_it(page: str) -> None:
    text = read(page).text
    assert WORDS in text
    assert "由专人陪同前往。" in text
    assert not any(word in text for word in ("岚湖新闻第", "等了四个小时", "版权所有", "相关阅读"))


def test_a_hospitals_own_statement_does_not_end_its_article() -> None:
    body = (
        BODY * 2
        + "<p>郑重声明：我院从未委托任何机构代收费用，请广大患者注意甄别。</p><p>岚湖市第一人民医院愿接受社会监督，如有问题请拨打电话。</p>"
    )
    assert "愿接受社会监督" in read(H1 + body).text


def test_the_account_of_a_wechat_article_is_its_author() -> None:
    assert read(f"{H1}<strong id='js_name'> 岚湖健康 </strong><div id='js_content'>{BODY}</div>").author == "岚湖健康"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<p>该内容已被发布者删除</p>", "empty_confirmed"),
        ("<div id='app'></div>", "format_changed"),
        ("<div>" * 50_000 + "x", "format_changed"),
    ],
)
def test_a_page_without_an_article_says_why(body: str, reason: str) -> None:
    with pytest.raises(NoReading) as told:
        read(body)
    assert told.value.reason == reason
