"""Parsers and verdicts without a network: every feed shape, article pages, and each reason an answer can have. Pages are constructed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.addresses import post_id
from crawlers.article.pages import read_page
from crawlers.card import KINDS, Card, load_cards, load_contact
from crawlers.card_options import OF_KIND
from crawlers.clean import decode, plain
from crawlers.feeds import read_feed
from crawlers.items import Item, Origin, Reading, make_item
from crawlers.reasons import NoReading, judge
from crawlers.spiders import SPIDERS
from warehouse.clock import SHANGHAI, shanghai
from warehouse.schema import TABLES
from warehouse.settings import ConfigProblem
from warehouse.vocabulary import FETCH_REASONS

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"
BASE = datetime(2026, 3, 10, 8, 30, tzinfo=SHANGHAI)
ORIGIN = Origin("test", "weibo", "f" * 16, BASE, "secret")

RSSHUB = """<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>岚湖 的微博</title><generator>RSSHub</generator>
<item><title>岚湖一院急诊排队四小时 [图片][图片]</title>
<description><![CDATA[岚湖一院急诊排队四小时<br><img alt="[怒]" src="x">]]></description>
<link>https://weibo.com/1935396210/z0JH2lOMb</link>
<guid isPermaLink="false">https://weibo.com/1935396210/z0JH2lOMb</guid>
<pubDate>Mon, 09 Mar 2026 07:51:28 GMT</pubDate><author>岚湖路人</author>
<stats><reposts_count>12</reposts_count><comments_count>1.2万</comments_count><attitudes_count>赞</attitudes_count></stats></item>
<item><title>没有时间的一条 岚湖一院</title>
<link>https://weibo.com/1935396210/z0JH2lOMc</link><description>没有时间的一条 岚湖一院</description></item>
</channel></rss>"""
BING = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>必应：岚湖一院</title><link>https://bing.example/s</link>
<item><title>岚湖一院</title><link>https://bing.example/s</link></item>
<item><title>岚湖一院回应</title><link>https://news.example/1</link><description>医院回应称</description>
<pubDate>周一, 09 3月 2026 20:23:00 GMT</pubDate></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>岚湖发布</title><entry><id>tag:1</id><title>通报</title>
<link href="https://mp.weixin.qq.com/s/AAAAAAAAAAAAAAAAAAAAAA"/>
<updated>2026-03-09T12:00:00+08:00</updated>
<content type="html">&lt;p&gt;关于岚湖一院的通报&lt;/p&gt;</content><author><name>岚湖发布</name></author></entry></feed>"""
JSON_FEED = """{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "a", "url": "https://x.example/a", "title": "题",
"content_html": "<p>文</p>", "date_published": "2026-03-09T00:00:00Z", "authors": [{"name": "甲"}]}]}"""


def items(body: bytes, platform: str = "weibo") -> list[Item]:
    return [make_item(read, Origin("test", platform, "f" * 16, BASE, "secret")) for read in read_feed(body, platform)]


def test_rsshub_counts_codes_and_the_weibo_id() -> None:
    first, second = items(RSSHUB.encode())
    assert (first.reposts_n, first.comments_n, first.likes_n) == (12, 12_000, 0)
    assert first.text == "岚湖一院急诊排队四小时\n[怒]"
    assert first.title is None
    assert first.kind == "post"
    assert first.post_id == post_id("weibo", "3501756485200075")
    assert first.published_at == datetime(2026, 3, 9, 7, 51, 28, tzinfo=UTC)
    assert (second.published_at, second.published_precision) == (None, "unknown")


def test_bing_dates_with_chinese_names() -> None:
    (item,) = items(BING.encode(), "news")
    assert shanghai(item.published_at or BASE) == "2026-03-10 04:23"
    assert (item.kind, item.title) == ("article", "岚湖一院回应")


def test_atom_and_json_feed() -> None:
    (entry,) = items(ATOM.encode(), "wechat")
    assert (entry.text, entry.title, shanghai(entry.published_at or BASE)) == ("关于岚湖一院的通报", "通报", "2026-03-09 12:00")
    assert entry.post_id == post_id("wechat", "A" * 22)
    (entry,) = items(JSON_FEED.encode(), "news")
    assert (entry.text, entry.title, entry.url) == ("文", "题", "https://x.example/a")


@pytest.mark.parametrize("declared", ["gb2312", "utf-8", "gbk"])
def test_feed_bytes_in_gb18030_whatever_is_declared(declared: str) -> None:
    assert items(RSSHUB.replace("UTF-8", declared).encode("gb18030"))[0].text.startswith("岚湖一院急诊")


def test_an_empty_feed_is_empty_and_what_is_no_feed_says_so() -> None:
    assert read_feed(b'<rss version="2.0"><channel><title>x</title></channel></rss>', "news") == []
    for body in (b"<html><body>hello</body></html>", b'{"a": 1}', b"<rss"):
        with pytest.raises(NoReading) as told:
            read_feed(body, "news")
        assert told.value.reason == "format_changed"


PAGE = """<!DOCTYPE html><html><head><meta charset="gbk"><title>岚湖市第一人民医院回应收费争议_岚湖新闻网</title>{head}</head><body>
<div class="nav"><a href="/">首页</a></div><h1>岚湖市第一人民医院回应收费争议</h1><div class="info">{info}</div><div class="content">
<p>近日，有患者家属反映岚湖市第一人民医院急诊收费存在争议，引发网络关注。医院方面表示，已成立调查组对有关情况进行核查。</p>
<p>医院有关负责人表示，将及时公布核查结果，接受社会监督，对存在的问题绝不回避，并向受影响的患者表示歉意。</p></div>
<div class="foot">版权所有 2019-01-01</div></body></html>"""


@pytest.mark.parametrize(
    ("head", "info", "expected"),
    [
        ("", "2026-03-09 10:24　来源：岚湖日报", "2026-03-09 10:24"),
        ("", "发布时间：03-09 10:24 来源：岚湖日报", "2026-03-09 10:24"),
        ("", "<span>2026年03月09日</span> <span>10:24:00</span> 来源：岚湖日报", "2026-03-09 10:24"),
        ('<meta property="article:published_time" content="2026-03-09T10:24:00+08:00">', "来源：岚湖日报", "2026-03-09 10:24"),
        ('<script type="application/ld+json">{"datePublished": "2026-03-09T02:24:00Z"}</script>', "来源：岚湖日报", "2026-03-09 10:24"),
        ("", "2026-03-09 来源：岚湖日报", "2026-03-09 00:00"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_articles_have_minutes_a_source_and_the_whole_title(head: str, info: str, expected: str, charset: str) -> None:
    page = decode(PAGE.format(head=head, info=info).encode(charset))
    read = read_page(page, "https://news.lanhu.example/1.html", BASE)
    assert not isinstance(read.published, str | int | float | None)
    assert read.published.at is not None
    assert shanghai(read.published.at) == expected
    assert (read.title, read.author, read.kind) == ("岚湖市第一人民医院回应收费争议", "岚湖日报", "article")
    assert "绝不回避" in read.text
    assert "首页" not in read.text


def test_a_page_without_an_article_or_with_a_removed_one() -> None:
    with pytest.raises(NoReading) as told:
        read_page("<html><head><title>x</title></head><body><div id=app></div></body></html>", "https://x.example/1", BASE)
    assert told.value.reason == "format_changed"
    with pytest.raises(NoReading) as told:
        read_page("<html><head><title>提示</title></head><body><p>该内容已被发布者删除</p></body></html>", "https://x.example/1", BASE)
    assert told.value.reason == "empty_confirmed"


CAPTCHA = "<html><head><title>安全验证</title></head><body><img id='seccodeImage'></body></html>"
LOGIN = "<html><head><title>用户登录</title></head><body></body></html>"
CHALLENGE = "<html><script>document.cookie='__jsl_clearance=1'</script></html>"
ARTICLE = "<html><head><title>医院上线验证码挂号</title></head><body>" + "验证码挂号，登录后使用。" * 20 + "</body></html>"
VERDICTS = [
    (304, "", "", "not_modified"),
    *[(status, "<p>no</p>", "", "blocked") for status in (403, 418, 429, 432, 412, 521)],
    (401, "", "", "login_wall"),
    (302, "", "https://passport.weibo.com/visitor/visitor?entry=1", "login_wall"),
    (302, "", "https://login.sina.com.cn/sso/login.php", "login_wall"),
    (302, "", "/user/login?next=/news/", "login_wall"),
    (302, "", "https://wappass.baidu.com/static/captcha/", "captcha"),
    (302, "", "https://weibo.com/sorry?pagenotfound&retcode=6102", "blocked"),
    (302, "", "https://elsewhere.example/", "error"),
    (404, "", "", "error"),
    (500, "", "", "error"),
    (200, "", "", "format_changed"),
    (200, CAPTCHA, "", "captcha"),
    (200, LOGIN, "", "login_wall"),
    (200, CHALLENGE, "", "blocked"),
    (200, ARTICLE, "", None),
    (200, '{"title": "验证码"}', "", None),
]


@pytest.mark.parametrize(("status", "text", "location", "reason"), VERDICTS)
def test_every_wall_has_its_word(status: int, text: str, location: str, reason: str | None) -> None:
    verdict = judge(status, text, location)
    assert (verdict.reason if verdict else None) == reason
    assert verdict is None or verdict.reason in FETCH_REASONS


def test_item_and_fetch_are_the_tables_columns() -> None:
    assert tuple(Item.__dataclass_fields__) == TABLES["raw_items"].columns[: len(Item.__dataclass_fields__)]


GOOD = """
contact: https://www.lanhu-first.example/about
sources:
  - {id: news, kind: feed, title: 岚湖新闻, owner: 岚湖日报社, platform: news, urls: ["{replica}/feeds/news.xml"], floor: 1,
     author_kind: media, robots_note: 允许, basis: 媒体主动提供}
  - {id: site, kind: article, title: 卫健委, owner: 岚湖市卫健委, platform: news, urls: [https://wjw.lanhu.example/a/],
     enabled: false, options: {css: "ul a"}}
"""


def write(conf: Path, text: str) -> Path:
    (conf / "sources.yml").write_text(text, encoding="utf-8")
    return conf


def test_cards_and_their_holes(tmp_path: Path) -> None:
    conf = write(tmp_path, GOOD)
    news, site = load_cards(conf, {"replica": "http://127.0.0.1:4000"})
    assert news.urls == ("http://127.0.0.1:4000/feeds/news.xml",)
    assert news.shown("http://127.0.0.1:4000/a?b") == "http://replica.test/a?b"
    assert news.shown("http://127.0.0.1:40001/a") == "http://127.0.0.1:40001/a"
    assert (site.enabled, site.options, news.floor, site.delay_s) == (False, {"css": "ul a"}, 1, 5.0)
    assert load_cards(conf)[0].urls == ("{replica}/feeds/news.xml",)
    assert load_contact(conf).startswith("https://")


BAD = [
    (GOOD.replace("floor: 1", "flor: 1"), "unknown field flor"),
    (GOOD.replace("kind: article", "kind: telepathy"), "unknown kind telepathy"),
    (GOOD.replace("platform: news, urls: [https", "platform: myspace, urls: [https"), "unknown platform myspace"),
    (GOOD.replace("id: site", "id: news"), "share the id news"),
    (GOOD.replace("https://wjw.lanhu.example/a/", "ftp://wjw"), "no http"),
    (GOOD.replace("{replica}", "{replika}"), "nothing fills {replika}"),
    (GOOD.replace("floor: 1", "floor: many"), "floor: 'many' should be int"),
    (GOOD.replace("floor: 1", "floor: 9, ceiling: 3"), "floor ≤ ceiling"),
    (GOOD.replace("owner: 岚湖日报社, ", ""), "owner is missing"),
    (GOOD.replace("id: site", "id: 新闻"), "small letters"),
    (GOOD.replace("enabled: false", "enabled: false, delay_s: 0"), "for your own machine"),
    (GOOD.replace("kind: article", "kind: newsnow"), "newsnow needs `boards:`"),
    *[
        (GOOD.replace('{css: "ul a"}', said), told)
        for said, told in (
            ("{csss: 'ul a'}", "options: unknown option csss, did you mean css?; known for article: css, match, pages, most, json, hosts"),
            ("{boards: {weibo: weibo}}", "unknown option boards, which is one of kind newsnow; known for article"),
            ("{max_age_h: 72}", "max_age_h is a field of the card itself; write it beside `options:`"),
            ("{css: 'td[['}", "options: css: 'td[[' is no CSS selector"),
            ("{css: 'a:nope'}", "is no CSS selector"),
            ("{css: }", "css: None should be text"),
            ("{match: '^info/('}", "options: match: '^info/(' is no regular expression: missing ), unterminated subpattern"),
            ("{match: 5}", "match: 5 should be text"),
            ("{most: many}", "most: 'many' should be a number from 1"),
            ("{json: {lists: data}}", "json: {'lists': 'data'}: unknown name lists, did you mean list?; known: list, url, time"),
            ("{json: {list: 3}}", "list: 3 should be text"),
            ("{json: data.rows}", "json: 'data.rows' should be a dict"),
            ("{again: {reads: weibo}}", "should be a dict with `url:`"),
            ("{again: {url: 'http://127.0.0.1/{id}', reads: [weibo]}}", "reads: ['weibo'] should be text"),
            ("{again: {url: 'http://127.0.0.1/{id}', reads: telepathy}}", "; one of: "),
            ("{again: {url: 'http://127.0.0.1/{id}', most: none}}", "most: should be a number"),
        )
    ],
    (GOOD.replace("enabled: false", "enabled: false, match: '^info/'"), "unknown field match, which belongs in the card's options"),
    (GOOD.replace("floor: 1", "flor: 1"), "unknown field flor, did you mean floor?"),
    (GOOD.replace("kind: article", "kind: gov_mailbox").replace('{css: "ul a"}', "{rows: 'td[['}"), "rows: 'td[[' is no CSS selector"),
    ("sources: []", "at least one entry"),
    ("sources: # none yet", "at least one entry"),
    ("- a", "expected `contact:`"),
    ("a: [", "not readable YAML"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[said for _, said in BAD])
def test_a_wrong_card_is_named_with_file_entry_and_fix(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigProblem, match=r"sources\.yml") as told:
        load_cards(write(tmp_path, text), {"replica": "http://127.0.0.1:4000"})
    assert said in str(told.value)
    assert "\n" not in str(told.value).split("not readable")[0]


def test_every_kind_has_its_options_and_every_option_a_place_in_its_spiders_words() -> None:
    assert set(OF_KIND) == set(KINDS) == set(SPIDERS)
    for kind, forms in OF_KIND.items():
        words = sys.modules[SPIDERS[kind].__module__].__doc__ or ""
        assert [name for name in forms if f"`{name}`" not in words and f"`{name}:" not in words and f" {name} " not in words] == []


def test_old_is_older_for_columns_and_offices(tmp_path: Path) -> None:
    news, site = load_cards(write(tmp_path, GOOD), {"replica": "http://127.0.0.1:4000"})
    assert (news.max_age_h, site.max_age_h) == (48, 168)
    said = GOOD.replace("enabled: false", "enabled: false, max_age_h: 24")
    assert load_cards(write(tmp_path, said), {"replica": "http://127.0.0.1:4000"})[1].max_age_h == 24


@pytest.mark.parametrize("text", ["sources:", "sources: []", "sources: # none yet\n"])
def test_who_writes_the_first_card_may_read_a_list_of_none(tmp_path: Path, text: str) -> None:
    assert load_cards(write(tmp_path, text), may_be_none=True) == []
    with pytest.raises(ConfigProblem, match="at least one entry"):
        load_cards(write(tmp_path, "contact: https://a.example/"), may_be_none=True)


def test_no_contact_no_crawl(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="contact"):
        load_contact(write(tmp_path, "sources: []"))
    with pytest.raises(ConfigProblem, match="missing"):
        load_cards(tmp_path / "nowhere")


def real(*parts: str) -> list[Path]:
    found = sorted(SAMPLES.glob("/".join(parts)))
    if not found:
        pytest.skip("no ../shared/samples")
    return found


@pytest.mark.real
def test_real_feeds() -> None:
    weibo = [make_item(read, ORIGIN) for read in read_feed(real("rsshub", "*.xml")[0].read_bytes(), "weibo")]
    assert len(weibo) == 2
    assert all(item.published_at and item.author_hash and len(item.text) > 10 for item in weibo)
    bing = [make_item(read, ORIGIN) for read in read_feed(real("bing_rss", "*.xml")[0].read_bytes(), "news")]
    assert len(bing) == 6
    assert all(item.published_precision == "second" for item in bing)
    old = [read for path in real("charset_feeds", "gb2312", "*.org.xml") for read in read_feed(path.read_bytes(), "news")]
    assert len(old) > 10
    assert not any("\ufffd" in plain(read.text) for read in old)


@pytest.mark.real
def test_real_pages_have_titles_and_minutes() -> None:
    """62 pages of 31 sites; the whole set was measured once (54 with a time to the minute), a sample keeps the test quick."""
    reads: list[Reading] = []
    for path in real("news_html", "*", "*.html")[::5]:
        reads.append(
            read_page(decode(decode(path.read_bytes()).encode("gb18030", "replace")), f"https://x.example/{path.parent.name}", BASE)
        )
    assert all(read.title and len(read.text) > 50 for read in reads)
    precise = [read for read in reads if read.published.precision in ("minute", "second")]  # type: ignore[union-attr]
    assert len(precise) >= 0.75 * len(reads)


@pytest.mark.real
def test_the_real_sogou_captcha_page_is_no_empty_result() -> None:
    text = decode(real("wechat_sogou", "search-gaokao-gzh-error.html")[0].read_bytes())
    verdict = judge(200, text)
    assert verdict is not None
    assert verdict.reason == "captcha"
    flagged = [path for path in real("news_html", "*", "*.html") if judge(200, decode(path.read_bytes()))]
    assert flagged == []


def test_card_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Card("a", "feed", "t", "o", "news", ("http://x/",)).id = "b"  # type: ignore[misc]
