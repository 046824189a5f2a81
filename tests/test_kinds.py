"""Kinds of source beside feed and article: real crawls over loopback against the replica, and each kind's odd cases without it.

All pages are constructed: no recorded answer of a mailbox, a SearXNG or 领导留言板 exists (design/SOURCES.md §2).
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from scrapy import Request
from scrapy.http import Response
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from crawlers.addresses import post_id
from crawlers.again import address
from crawlers.archive import Archive
from crawlers.card import Card, load_cards
from crawlers.items import Reading
from crawlers.landing import Landing
from crawlers.letters import Letter, read_letter, read_list
from crawlers.memory import Memory, remember
from crawlers.reasons import NoReading
from crawlers.replica.boards_and_bridges import mid
from crawlers.replica.scenario import SCENARIOS, Scenario, load_scenario
from crawlers.replica.site import Replica
from crawlers.run import Errand, crawl, crawl_together, read_landing
from crawlers.spiders import SPIDERS
from crawlers.spiders._job import Job
from crawlers.webarchive import Page, Record, files_of, read_records
from warehouse.clock import Clock, parse_instant
from warehouse.settings import PROJECT, ConfigProblem
from warehouse.watchlist import load_watchlist

LANHU = SCENARIOS / "lanhu"
NOW = parse_instant("2026-03-10T08:30")
EARLIER = parse_instant("2026-03-08T08:30")
DRILL = PROJECT / "conf/drill"


def card(base: str, name: str, path: str, kind: str, platform: str = "news", **options: Any) -> Card:
    law = {"robots": "本院自建的 SearXNG，演练站点"} if kind == "searxng" and name != "search_denied" else {}
    return Card(
        name, kind, name, "宣传科", platform, (base + path,), delay_s=0, options=options, stands_for={base: "http://replica.test"},
        robots_note="演练站点", basis="演练数据，虚构", overrides=law,
    )  # fmt: skip


# a WARC file as CC-NEWS has them: one gzip member a record


def article(title: str, words: str, charset: str = "utf-8") -> bytes:
    paragraphs = "<p>记者从有关方面了解到，目前各项工作正在有序开展，后续情况将及时向社会公布，请以官方发布为准。</p>" * 3
    return (
        f"<html><head><meta charset='{charset}'><title>{title}_岚湖网</title></head><body><h1>{title}</h1>"
        "<div>2024-04-01 10:24 来源：岚湖日报</div>"
        f"<div class='content'><p>{words}</p>{paragraphs}</div></body></html>"
    ).encode(charset)


OURS = article("岚湖市第一人民医院回应收费争议", "有患者反映岚湖市第一人民医院急诊收费存在争议，医院表示将核查，联系电话13812345678。")
LOCAL = article("岚湖妇儿新院区动工", "岚湖妇儿新院区昨日动工，预计两年后启用，将新增床位三百张。", "gb18030")
OTHERS = article("青澜新能源车展开幕", "车展昨日开幕，吸引了众多市民前来参观，展期为五天，门票可以在网上预订。")
LIST_PAGE = "<html><head><title>岚湖网</title></head><body><ul><li><a href='1.html'>岚湖一院</a></li></ul></body></html>".encode()
RECORDS: list[tuple[str, str, str, bytes, str]] = [  # address, date, status, body, content type
    ("https://news.lanhu.example/1.html", "2024-04-01T02:30:00Z", "200 OK", OURS, "text/html; charset=utf-8"),
    ("https://news.lanhu.example/2.html", "2024-04-01T02:29:00Z", "200 OK", OTHERS, "text/html"),
    ("https://news.lanhu.example/", "2024-04-01T02:31:00Z", "200 OK", LIST_PAGE, "text/html"),
    ("https://news.lanhu.example/a.png", "2024-04-01T02:32:00Z", "200 OK", OURS, "image/png"),
    ("https://news.lanhu.example/gone.html", "2024-04-01T02:32:00Z", "404 Not Found", OURS, "text/html"),
    ("https://www.elsewhere.example/3.html", "2024-04-01T02:33:00Z", "200 OK", OURS, "text/html"),
    ("http://[half", "2024-04-01T02:33:00Z", "200 OK", OURS, "text/html"),
    ("https://m.lanhu.example/4.html", "2024-04-01T02:28:00Z", "200 OK", LOCAL, "text/html"),
]


def warc(path: Path, records: list[tuple[str, str, str, bytes, str]] = RECORDS, gzipped: bool = True) -> list[int]:
    """Write the records, a warcinfo before and a request between them; offsets where the responses end."""
    ends = []
    with path.open("wb") as out:
        writer = WARCWriter(out, gzip=gzipped)
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": "constructed"}))
        for url, date, status, body, kind in records:
            headers = StatusAndHeaders(status, [("Content-Type", kind), ("Content-Length", str(len(body)))], protocol="HTTP/1.1")
            of_record = {"WARC-Date": date}
            writer.write_record(
                writer.create_warc_record(url, "response", io.BytesIO(body), http_headers=headers, warc_headers_dict=of_record)
            )
            ends.append(out.tell())
    return ends


# the crawls: a first run on 8 March, a second on the 10th that remembers it


@dataclass
class Run:
    items: pl.DataFrame
    fetches: pl.DataFrame

    def of(self, source: str) -> list[dict[str, Any]]:
        return self.items.filter(pl.col("source") == source).to_dicts()

    def fetched(self, source: str) -> list[dict[str, Any]]:
        return self.fetches.filter(pl.col("source") == source).to_dicts()

    def reasons(self, source: str) -> list[str]:
        return [row["reason"] for row in self.fetched(source)]


HOME = "/hudong/hdjl/com.web.search.mailList.flow"
JS_LIST = "/hudong/hdjl/sindex/bjah-index-hdjl!letterListJson.action?keyword=&letterType=0&page.pageNo=1&page.pageSize=15"
TWICE = ("board_weibo", "board_baidu", "board_tencent", "board_wrong", "mailbox", "bridge", "letters", "ccnews")
AGAIN = {"url": "http://replica.test/bridge/weibo/statuses/show?id={id}", "reads": "weibo"}
TABLE = {"rows": "table.xj tr", "question": "td.nr", "answer": "td.hf", "office": "td.none"}


def all_cards(base: str, warcs: Path) -> list[Card]:
    return [
        card(base, "board_weibo", "/ajax/side/hotSearch", "hotboard", "weibo", shape="weibo"),
        card(base, "board_baidu", "/api/board?platform=pc&tab=realtime", "hotboard", "baidu", shape="baidu"),
        card(base, "board_tencent", "/gw/event/hot_ranking_list?page_size=60", "hotboard", shape="tencent"),
        card(base, "board_wrong", "/api/board?platform=pc&tab=realtime", "hotboard", shape="weibo"),
        card(base, "mailbox", HOME, "gov_mailbox", "mailbox", pages=9),
        card(base, "mailbox_all", HOME, "gov_mailbox", "mailbox", pages=1, length=10, details="all"),
        card(base, "mailbox_2023", JS_LIST, "gov_mailbox", "mailbox", form={}, detail={k: f"../{v}" for k, v in DETAILS.items()}),
        card(base, "mailbox_table", "/wangchuan/xfj/list.jsp", "gov_mailbox", "mailbox", **TABLE),
        card(base, "search", "/searxng", "searxng"),
        card(base, "search_denied", "/searxng", "searxng", queries=["岚湖一院"]),
        card(base, "search_walled", "/searxng-walled", "searxng", queries=["岚湖一院"]),
        card(base, "search_down", "/searxng-down", "searxng", queries=["岚湖一院"]),
        card(base, "search_html", "/searxng-html", "searxng", queries=["岚湖一院"]),
        card(base, "search_nothing", "/searxng", "searxng", queries=["无此词语"], engines=["baidu", "sogou wechat"]),
        card(base, "search_nobody", "/searxng", "searxng", queries=["无此词语"], engines=["baidu"]),
        card(base, "bridge", "/bridge/weibo/search?q=岚湖妇儿", "bridge", "weibo", reads="weibo", again=AGAIN),
        card(base, "letters", "", "liuyan", "liuyan", fid=[539], pages=9),
        card(base, "letters_hasty", "", "liuyan", "liuyan", fid=[540], pages=1),
        Card("ccnews", "warc", "CC-NEWS", "宣传科", "news", (warcs.as_uri() + "/*.warc.gz",), options={"domains": ["lanhu.example"]}),
        Card("no_warc", "warc", "CC-NEWS", "宣传科", "news", (warcs.as_uri() + "/none-*.warc.gz",)),
    ]


DETAILS = {"咨询": "com.web.consult.consultDetail.flow?originalId={id}", "other": "com.web.suggest.suggesDetail.flow?originalId={id}"}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(LANHU)


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    (folder / "settings.yml").write_text("drill: true\n")
    shutil.copy(DRILL / "hospitals.yml", folder / "hospitals.yml")
    (folder / "sources.yml").write_text("contact: https://www.lanhu-first.example/about\nsources: []\n")
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, conf: Path) -> Iterator[tuple[Run, Run]]:
    folder = tmp_path_factory.mktemp("runs")
    (folder / "warcs").mkdir()
    warc(folder / "warcs" / "CC-NEWS-1.warc.gz")
    ends = warc(folder / "warcs" / "CC-NEWS-2.warc.gz", RECORDS[-1:] + RECORDS[:1])
    torn = folder / "warcs" / "CC-NEWS-2.warc.gz"
    whole = torn.read_bytes()
    torn.write_bytes(whole[: ends[0] + 200])
    with Replica(LANHU, EARLIER) as replica:
        cards = all_cards(replica.url, folder / "warcs")
        first = _run(cards, folder / "first" / "landing", conf, EARLIER)
        replica.now = NOW
        torn.write_bytes(whole)  # the download went on
        bridge = next(one for one in cards if one.id == "bridge")
        newest = sorted(first.of("bridge"), key=lambda row: row["published_at"])[-3:]
        due = [address(bridge, row["url"]) for row in newest] + [AGAIN["url"].replace("{id}", "1234567890123456")]
        errands = {
            name: Errand(memory, tuple(filter(None, due)) if name == "bridge" else ())
            for name, memory in remember(first.fetches, first.items, [one.id for one in cards]).items()
        }
        twice = [one for one in cards if one.id in TWICE]
        yield first, _run(twice, folder / "second" / "landing", conf, NOW, errands)


def _run(cards: list[Card], landing: Path, conf: Path, now: datetime, errands: dict[str, Errand] | None = None) -> Run:
    landing.mkdir(parents=True)
    crawl_together(cards, landing, conf, Clock(now, speed=0), timeout_s=90, errands=errands)
    return Run(*read_landing(landing))


Runs = tuple[Run, Run]


@pytest.mark.parametrize(("board", "platform"), [("weibo", "weibo"), ("baidu", "baidu"), ("tencent", "news")])
def test_hot_boards_at_the_platforms(runs: Runs, board: str, platform: str) -> None:
    second = runs[1]
    lines = second.of(f"board_{board}")
    assert second.reasons(f"board_{board}") == ["ok"]
    assert second.fetched(f"board_{board}")[0]["items_n"] >= 20
    assert lines
    assert all(line["kind"] == "title" and line["platform"] == platform and "岚湖" in line["title"] + line["text"] for line in lines)
    assert all(1 <= line["board_rank"] <= 30 and line["heat"] > 0 for line in lines)


def test_a_board_of_another_shape_is_a_change_of_format(runs: Runs) -> None:
    assert runs[1].reasons("board_wrong") == ["format_changed"]


def test_letters_of_a_mailbox_with_their_answers(runs: Runs, scenario: Scenario) -> None:
    first = runs[0]
    letters = {row["url"][-5:]: row for row in first.of("mailbox") if row["kind"] == "post"}
    answers = [row for row in first.of("mailbox") if row["kind"] == "comment"]
    watched = load_watchlist(DRILL)
    shown = {f"{n:05d}": p for n, p in enumerate(p for p in scenario.posts if p.outlet == "liuyan" and p.at <= EARLIER)}
    written = {own: post for own, post in shown.items() if watched.concerns(post.title)}
    assert set(letters) == set(written)
    assert 0 < len(answers) < len(letters)
    for own, row in letters.items():
        assert row["platform"] == "mailbox"
        assert row["published_precision"] == "day"
        assert row["author_hash"]
        assert row["title"] in (written[own].title, None)  # a title that only repeats the text is dropped
        assert row["text"].split()[0][:10] in written[own].text.replace("\u200b", "")
    by_id = {row["post_id"]: row for row in letters.values()}
    for row in answers:
        assert row["author_kind"] == "government"
        assert row["parent_id"] == row["root_id"]
        letter = by_id[row["parent_id"]]
        assert row["title"] == f"答复：{written[letter['url'][-5:]].title}"
        assert row["published_at"] - letter["published_at"] == timedelta(days=3)
    lists = [row for row in first.fetched("mailbox") if row["url"].endswith(".biz.ext")]
    assert len(lists) == len(shown) // 20 + 1
    assert set(first.reasons("mailbox")) == {"ok"}


def test_a_letter_is_asked_for_again_when_it_was_answered_and_not_before(runs: Runs) -> None:
    first, second = runs
    before, after = ({row["url"]: row["items_n"] for row in run.fetched("mailbox") if "Detail.flow" in row["url"]} for run in runs)
    again = set(before) & set(after)
    assert again
    assert all((before[url], after[url]) == (1, 2) for url in again), "a page read before, answered or not, was asked for again"
    assert all(before[url] == 2 or url in after for url in before if int(url[-11:-5]) < 260307), "an answer was missed"
    answered = {row["parent_id"] for row in second.of("mailbox") if row["kind"] == "comment"}
    assert answered & {row["post_id"] for row in first.of("mailbox")}


def test_every_letter_with_details_all(runs: Runs) -> None:
    first = runs[0]
    details = [row for row in first.fetched("mailbox_all") if "Detail.flow" in row["url"]]
    assert len(details) == 10
    assert {row["reason"] for row in details} == {"ok"}


def test_the_javascript_list_and_the_table_of_another_city_give_the_same_letters(runs: Runs) -> None:
    first = runs[0]
    beijing = {row["url"][-5:]: row for row in first.of("mailbox") if row["kind"] == "post"}
    for name in ("mailbox_2023", "mailbox_table"):
        letters = {row["url"][-5:]: row for row in first.of(name) if row["kind"] == "post"}
        assert len(letters) > 5
        assert set(letters) <= set(beijing)
        assert all(row["text"].split() == beijing[own]["text"].split() for own, row in letters.items())
        assert any(row["kind"] == "comment" for row in first.of(name))
        assert first.fetched(name)[0]["reason"] == "ok"
    assert {row["post_id"] for row in first.of("mailbox_2023")} <= {row["post_id"] for row in first.of("mailbox")}


def test_searches_through_searxng(runs: Runs) -> None:
    first = runs[0]
    results = first.of("search")
    assert len(results) > 3
    assert {row["kind"] for row in results} == {"article"}
    assert {row["published_at"] is None for row in results} == {True, False}
    rows = first.fetched("search")
    assert len(rows) == 3, "one search for each watched hospital"
    assert all("baidu: CAPTCHA" in row["detail"] for row in rows)


@pytest.mark.parametrize(
    ("source", "reason"),
    [("search_walled", "captcha"), ("search_down", "error"), ("search_html", "blocked"), ("search_nobody", "captcha"),
     ("search_nothing", "empty_confirmed"), ("search_denied", "robots_denied")],
)  # fmt: skip
def test_a_search_whose_engines_were_walled_is_not_empty(runs: Runs, source: str, reason: str) -> None:
    assert set(runs[0].reasons(source)) == {reason}
    assert ("baidu" in runs[0].fetched(source)[0]["detail"]) == (reason not in ("blocked", "robots_denied"))


def test_a_bridge_is_read_in_its_platforms_format(runs: Runs, scenario: Scenario) -> None:
    first = runs[0]
    assert first.reasons("bridge") == ["ok"]
    by_id = {post_id("weibo", mid(p)): p for p in scenario.posts if p.outlet == "weibo"}
    rows = first.of("bridge")
    assert len(rows) > 5
    for row in rows:
        assert (row["reposts_n"], row["comments_n"], row["likes_n"]) == by_id[row["post_id"]].counts(EARLIER)
        assert row["published_at"] == by_id[row["post_id"]].at
    again = {row["post_id"]: row for row in runs[1].of("bridge")}
    newest = sorted(rows, key=lambda row: row["published_at"])[-3:]
    for row in newest:
        later = again[row["post_id"]]
        assert (later["reposts_n"], later["comments_n"], later["likes_n"]) == by_id[row["post_id"]].counts(NOW)
    assert any(again[row["post_id"]]["likes_n"] > row["likes_n"] for row in newest)
    assert "empty_confirmed" in runs[1].reasons("bridge"), "a post that is gone"


def test_liuyan_stops_at_its_watermark(runs: Runs, scenario: Scenario) -> None:
    first, second = runs
    posts = [p for p in scenario.posts if p.outlet == "liuyan"]
    early, new = sum(p.at <= EARLIER for p in posts), sum(EARLIER < p.at <= NOW for p in posts)
    lists = [[row for row in run.fetched("letters") if row["url"].endswith("queryThreadsList")] for run in runs]
    assert len(lists[0]) == early // 20 + 1
    assert len(lists[1]) == new // 20 + 1 < len(lists[0])
    kept = [[row["cursor"] for row in rows if row["cursor"]] for rows in lists]
    assert kept == [[f"539\t{23_000_000 + 37 * (early - 1)}"], [f"539\t{23_000_000 + 37 * (early + new - 1)}"]]
    fresh = {row["post_id"] for row in second.of("letters")} - {row["post_id"] for row in first.of("letters")}
    watched = load_watchlist(DRILL)
    assert len(fresh) == sum(EARLIER < p.at <= NOW and watched.concerns(f"{p.title}\n{p.text}") for p in posts)


def test_liuyan_backs_off_and_is_let_in(runs: Runs) -> None:
    rows = [row for row in runs[0].fetched("letters_hasty") if row["url"].endswith("queryThreadsList")]
    assert sorted(row["http_status"] for row in rows) == [200, 429, 429]
    assert sorted(row["reason"] for row in rows) == ["blocked", "blocked", "ok"]
    assert runs[0].of("letters_hasty")


def test_a_back_fill_from_warc_files(runs: Runs) -> None:
    first = runs[0]
    kept = {row["url"]: row for row in first.of("ccnews")}
    assert set(kept) == {"https://news.lanhu.example/1.html", "https://m.lanhu.example/4.html"}
    ours = kept["https://news.lanhu.example/1.html"]
    assert ours["observed_at"] == datetime(2024, 4, 1, 2, 30, tzinfo=UTC)
    assert ours["published_at"] == datetime(2024, 4, 1, 2, 24, tzinfo=UTC)
    assert "13812345678" not in ours["text"]
    assert "岚湖妇儿新院区" in kept["https://m.lanhu.example/4.html"]["text"]
    rows = {row["url"].rsplit("/", 1)[-1]: row for row in first.fetched("ccnews")}
    assert rows["1.html"]["fetched_at"] == ours["observed_at"]
    assert rows["1.html"]["sha256"]
    assert (rows["CC-NEWS-1.warc.gz"]["reason"], rows["CC-NEWS-2.warc.gz"]["reason"]) == ("ok", "error")
    assert rows["CC-NEWS-1.warc.gz"]["detail"] == "9 records; 2 articles; 1 pages without an article"
    assert "damaged at byte" in rows["CC-NEWS-2.warc.gz"]["detail"]
    assert [row["reason"] for row in first.fetched("no_warc")] == ["error"]


def test_a_file_that_was_completed_is_read_on_and_a_finished_one_is_not(runs: Runs) -> None:
    rows = {row["url"].rsplit("/", 1)[-1]: row for row in runs[1].fetched("ccnews")}
    assert rows["CC-NEWS-1.warc.gz"]["detail"] == "read to its end by an earlier run"
    assert rows["CC-NEWS-2.warc.gz"]["detail"] == "1 records", "its one new page was read in the other file"
    assert runs[1].of("ccnews") == []


def test_a_killed_back_fill_goes_on_without_losing_or_doubling(conf: Path, tmp_path: Path) -> None:
    """What a child killed half-way leaves: batches, and no done.json."""
    (tmp_path / "w").mkdir()
    many = [(f"https://n.lanhu.example/{n}.html", "2024-04-01T02:30:00Z", "200 OK", OURS, "text/html") for n in range(40)]
    warc(tmp_path / "w" / "a.warc.gz", many[:15])
    one = Card("ccnews", "warc", "CC-NEWS", "宣传科", "news", ((tmp_path / "w" / "a.warc.gz").as_uri(),))
    landing = tmp_path / "run" / "landing"
    landing.mkdir(parents=True)
    crawl(one, landing, conf, Clock(NOW, speed=0), timeout_s=60)
    assert read_landing(landing)[0].height == 15
    (landing / "ccnews" / "done.json").unlink()
    warc(tmp_path / "w" / "rest", many[15:])
    whole = (tmp_path / "w" / "a.warc.gz").read_bytes() + (tmp_path / "w" / "rest").read_bytes()
    (tmp_path / "w" / "a.warc.gz").write_bytes(whole)  # the same file, further on
    crawl(one, landing, conf, Clock(NOW, speed=0), timeout_s=60)
    items, fetches = read_landing(landing)
    assert sorted(items["url"]) == sorted(url for url, *_ in many)
    articles = fetches.filter(pl.col("url").str.starts_with("https"))
    assert articles["url"].n_unique() == articles.height == 40


# odd cases, without a network


_ARCHIVES = iter(range(10**6))


def spider(tmp_path: Path, one: Card, memory: Memory | None = None) -> Any:
    job = Job(
        one,
        load_watchlist(DRILL),
        Clock(NOW, speed=0),
        "s",
        Landing(tmp_path),
        Archive(tmp_path / f"{next(_ARCHIVES)}.warc.gz", "a"),
        memory or Memory(),
    )
    return SPIDERS[one.kind](job)


def answered(body: Any, url: str = "http://replica.test/x", **meta: Any) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return Response(url, body=raw, request=Request(url, meta=meta))


BASE = "http://127.0.0.1:9"
SEARCH = card(BASE, "s", "", "searxng", queries=["x"])


def test_a_search_result_is_of_the_platform_it_was_found_on(tmp_path: Path) -> None:
    results = [
        {"title": "岚湖一院", "url": "https://weibo.com/1935396210/z0JH2lOMb", "content": "排队", "publishedDate": None},
        {"title": "岚湖一院", "url": "https://mp.weixin.qq.com/s/AAAAAAAAAAAAAAAAAAAAAA", "publishedDate": "2026-03-09T12:00:00"},
        {"title": None, "url": "https://news.lanhu.example/1"},
    ]
    found = list(spider(tmp_path, SEARCH).parse_items(answered({"results": results})))
    assert [(read.platform, read.kind, read.published) for read in found] == [
        ("weibo", "post", None), ("wechat", "article", "2026-03-09T12:00:00"),
    ]  # fmt: skip


@pytest.mark.parametrize("body", [{"query": "x"}, [], {"results": None}, b"<html></html>", b"", {"results": [{}, {}]}])
def test_what_is_no_searxng_says_so(tmp_path: Path, body: Any) -> None:
    with pytest.raises((NoReading, AttributeError)) as told:
        list(spider(tmp_path, SEARCH).parse_items(answered(body)))
    assert not isinstance(told.value, NoReading) or told.value.reason == "format_changed"


def test_searches_default_to_the_hospitals_and_take_options(tmp_path: Path) -> None:
    asked = [
        request.url for request in spider(tmp_path, card(BASE, "s", "/", "searxng")).start_requests_for(card(BASE, "s", "/", "searxng"))
    ]
    assert len(asked) == len(load_watchlist(DRILL).hospitals)
    assert all(
        url.startswith(f"{BASE}/search?q=%E5") and "format=json&categories=news&language=zh-CN&time_range=day" in url for url in asked
    )
    one = card(BASE, "s", "", "searxng", queries=["a"], engines=["baidu", "bing"], time_range="week")
    (url,) = [request.url for request in spider(tmp_path, one).start_requests_for(one)]
    assert "time_range=week" in url
    assert "engines=baidu%2Cbing" in url


def board(**entry: Any) -> dict[str, Any]:
    return {"status": "success", "id": "x", "updatedTime": 1773100800000, "items": [{"id": 7, "title": "岚湖一院", **entry}]}


def titles(tmp_path: Path, body: Any) -> tuple[list[Reading], Response]:
    response = answered(body, platform="weibo")
    return list(spider(tmp_path, card(BASE, "n", "", "newsnow", boards={"x": "weibo"})).parse_items(response)), response


@pytest.mark.parametrize(
    ("entry", "at"),
    [
        ({}, None),
        ({"pubDate": 1773014400000}, "2026-03-09T00:00:00+00:00"),
        ({"pubDate": "2026-03-09 08:00"}, "2026-03-09T00:00:00+00:00"),
        ({"extra": {"date": 1773014400000}}, "2026-03-09T00:00:00+00:00"),
        ({"extra": False}, None),
        ({"pubDate": "no time at all"}, None),
    ],
)
def test_newsnow_dates_in_every_place(tmp_path: Path, entry: dict[str, Any], at: str | None) -> None:
    (read,) = titles(tmp_path, board(**entry))[0]
    assert read.published.at == (datetime.fromisoformat(at) if at else None)  # type: ignore[union-attr]


def test_newsnow_cache_dates_are_seen_from_when_it_asked(tmp_path: Path) -> None:
    (read,), response = titles(tmp_path, {**board(pubDate="2小时前"), "status": "cache", "updatedTime": 1773014400000})
    assert read.published.at == datetime(2026, 3, 8, 22, 0, tzinfo=UTC)  # type: ignore[union-attr]
    assert response.meta["note"] == "newsnow's cache of 2026-03-09 00:00 UTC"
    (read,), response = titles(tmp_path, {**board(pubDate="2小时前"), "status": "cache", "updatedTime": None})
    assert read.published.at == NOW - timedelta(hours=2)  # type: ignore[union-attr]


def test_newsnow_ids_icons_and_addresses(tmp_path: Path) -> None:
    (read,) = titles(tmp_path, board(mobileUrl="https://m.example/1", extra={"info": False, "icon": False, "hover": "排队\n四小时"}))[0]
    assert (read.native_id, read.url, read.heat, read.text, read.board_rank) == ("board:7", "https://m.example/1", None, "排队\n四小时", 1)
    lines = [{"id": n, "title": "岚湖一院"} for n in range(1, 5)] + [{"id": 9, "title": None}, {"title": "no id"}]
    assert [read.board_rank for read in titles(tmp_path, {**board(), "items": lines})[0]] == [1, 2, 3, 4]
    raw = json.dumps(board(), ensure_ascii=False).replace("岚湖一院", "岚湖\n一院").encode()
    assert titles(tmp_path, raw)[0][0].title == "岚湖\n一院"


@pytest.mark.parametrize(
    ("body", "reason"),
    [({"error": True, "statusCode": 500, "message": "upstream"}, "error"), ({**board(), "items": []}, "format_changed"),
     ({"status": "success"}, "format_changed"), ({**board(), "items": [{}]}, "format_changed"), (b"<html>nginx</html>", "format_changed")],
)  # fmt: skip
def test_newsnow_without_a_board(tmp_path: Path, body: Any, reason: str) -> None:
    with pytest.raises(NoReading) as told:
        titles(tmp_path, body)
    assert told.value.reason == reason


def threads(tmp_path: Path, tids: list[int], mark: int | None, page: int = 1, pages: int = 3, top: int = 0) -> tuple[list[Any], Response]:
    rows = [{"tid": tid, "subject": "投诉", "content": "排队", "dateline": 1773014400} for tid in tids]
    one = card(BASE, "l", "", "liuyan", "liuyan", fid=[1], pages=pages)
    response = answered({"result": "success", "responseData": rows}, fid="1", base=BASE, top=top, page=page)
    memory = Memory(cursors={"1": str(mark)} if mark is not None else {})
    outputs = list(spider(tmp_path, one, memory).parse_items(response))
    return [output for output in outputs if isinstance(output, Request)], response


FULL = list(range(120, 100, -1))


@pytest.mark.parametrize(
    ("tids", "mark", "page", "goes_on", "cursor"),
    [
        (FULL, None, 1, True, None),  # more may follow: no watermark before the end of the paging, or a cut run would leave a hole
        (FULL, 110, 1, False, "1\t120"),
        (FULL, 90, 1, True, None),
        (FULL[:5], None, 1, False, "1\t120"),
        (FULL, None, 3, False, "1\t120"),
        (FULL, 90, 3, False, "1\t120"),
        (FULL, 200, 1, False, None),  # the newest were deleted: never a step back
        ([], 90, 1, False, None),
        ([], None, 2, False, "1\t300"),
    ],
)
def test_liuyan_watermark(tmp_path: Path, tids: list[int], mark: int | None, page: int, goes_on: bool, cursor: str | None) -> None:
    requests, response = threads(tmp_path, tids, mark, page, top=300 if tids == [] and mark is None else 0)
    assert bool(requests) == goes_on
    assert response.meta.get("cursor") == cursor
    if requests:
        assert b"lastItem=101&" in requests[0].body
        assert requests[0].meta["top"] == 120
    assert ("raise `pages`" in response.meta.get("note", "")) == (page == 3 and mark == 90)


@pytest.mark.parametrize(
    "body", [{"result": "fail", "resultDesc": "参数错误"}, {"result": "success"}, {"result": "success", "responseData": "x"}]
)
def test_liuyan_without_a_list(tmp_path: Path, body: Any) -> None:
    one = card(BASE, "l", "", "liuyan", "liuyan", fid=[1])
    with pytest.raises((NoReading, LookupError)) as told:
        list(spider(tmp_path, one).parse_items(answered(body, fid="1", base=BASE, top=0, page=1)))
    if isinstance(told.value, NoReading):
        assert told.value.reason in ("error", "format_changed")


def letters(body: bytes | str, **options: Any) -> tuple[list[Letter], int]:
    return read_list(body.encode() if isinstance(body, str) else body, "http://city.example/a/b", options, "c")


def test_both_generations_of_the_list() -> None:
    line = '"original_id":"AH1","letter_type":"投诉","letter_title":"岚湖一院","create_date":"2026-03-09","isReply":"1"'
    old = f'{{"PageCond":{{"count":"1"}},"mailList":[{{{line}}}]}}'
    line = "originalId:'AH1',letterTypeName:'投诉',letterTitle:'岚湖一院: \\'急诊\\', \"慢\"',writeDate:'2026-03-09'"
    new = f"{{page:{{pageNo:'1'}},result:[{{{line}}}]}}"
    (letter,), unusable = letters(old)
    assert letter == Letter(
        "c/AH1", "http://city.example/a/com.web.complain.complainDetail.flow?originalId=AH1", "岚湖一院", "2026-03-09", "1"
    )
    assert unusable == 0
    (letter,), _ = letters(new)
    assert (letter.id, letter.title, letter.state) == ("c/AH1", "岚湖一院: '急诊', \"慢\"", "")


def test_another_citys_names_and_addresses() -> None:
    body = '{"data":{"list":[{"no":12,"bt":"岚湖<b>一院</b>","sj":1773014400,"zt":"已办结"},{"bt":"no id"}]}}'
    names = {"rows": ["data.list"], "id": ["no"], "title": ["bt"], "date": ["sj"], "state": ["zt"], "type": ["lx"]}
    (letter,), unusable = letters(body, names=names, detail={"other": "/show?no={id}"})
    assert letter == Letter("c/12", "http://city.example/show?no=12", "岚湖一院", 1773014400, "已办结")
    assert unusable == 1


def test_an_html_table_of_letters() -> None:
    body = (
        "<table><tr><th>标题</th></tr><tr><td><a href='x.jsp?id=1'>岚湖一院挂号</a></td><td>已答复</td><td>2026-03-09</td></tr>"
        "<tr><td><a href='javascript:void(0)'>空</a></td></tr></table>"
    )
    (letter,), unusable = letters(body, rows="tr")
    assert letter == Letter("c//a/x.jsp?id=1", "http://city.example/a/x.jsp?id=1", "岚湖一院挂号", "2026-03-09", "已答复")
    assert unusable == 1, "the heading is no line"


@pytest.mark.parametrize(
    ("body", "options"), [("{}", {}), ("[]", {}), ("<html></html>", {}), ("", {}), ("<table></table>", {"rows": "tr"})]
)
def test_what_is_no_list_of_letters(body: str, options: dict[str, Any]) -> None:
    with pytest.raises(NoReading) as told:
        letters(body or " ", **options)
    assert told.value.reason == "format_changed"


LETTER = Letter("c/AH1", "http://city.example/d?originalId=AH1", "岚湖一院急诊", "2026-03-09", "1")


def test_a_letters_page_with_two_answers_and_none() -> None:
    page = (
        "<div>来信人：李** 时间：2026-03-09</div><div class='q'>排队<br>太久</div><div>答复单位：卫健委 答复时间：2026-03-10 09:30</div>"
        "<div class='a'>已核实</div><div>答复时间：2026-03-12</div><div class='a'>已整改</div><div class='a'> </div>"
    )
    options = {"question": ".q", "answer": ".a", "office": ".none"}
    letter, first, second = read_letter(page, LETTER, options)
    assert (letter.native_id, letter.author, letter.published, letter.kind) == ("c/AH1", "李**", "2026-03-09", "post")
    assert (first.published, first.author, first.parent, first.author_kind) == (
        "2026-03-10 09:30",
        "卫健委",
        letter.native_id,
        "government",
    )
    assert (second.published, second.native_id) == ("2026-03-12", "c/AH1:answer1")
    (alone,) = read_letter("<div class='q'>排队</div>", LETTER._replace(date=None), options)
    assert (alone.author, alone.published) == (None, None)
    (dated,) = read_letter("<p>来信时间：2026-03-08 答复时间：2026-03-09</p><div class='q'>排队</div>", LETTER._replace(date=None), options)
    assert dated.published == "2026-03-08"


@pytest.mark.parametrize(("page", "reason"), [("<div>信件不存在</div>", "empty_confirmed"), ("<div id=app></div>", "format_changed")])
def test_a_page_without_its_letter(page: str, reason: str) -> None:
    with pytest.raises(NoReading) as told:
        list(read_letter(page, LETTER, {}))
    assert told.value.reason == reason


def test_a_list_where_most_lines_cannot_be_used() -> None:
    body = {"mailList": [{"a": 1}, {"original_id": None, "letter_title": "y"}, {"original_id": "1", "letter_title": "x"}]}
    with pytest.raises(NoReading, match="2 of 3 lines"):
        letters(json.dumps(body))


def mailbox(tmp_path: Path, rows: list[dict[str, Any]], cursors: dict[str, str], **options: Any) -> list[Any]:
    one = card(BASE, "m", HOME, "gov_mailbox", "mailbox", **options)
    response = answered({"mailList": rows}, url=f"{BASE}/x/list", page=0, home=f"{BASE}{HOME}")
    return list(spider(tmp_path, one, Memory(cursors=cursors)).parse_items(response))


OF_US = {"original_id": "1", "letter_title": "岚湖一院\u200b急诊", "isReply": "0"}


@pytest.mark.parametrize(
    ("row", "cursor", "is_asked"),
    [
        (OF_US, None, True),
        (OF_US, "0", False),
        ({**OF_US, "isReply": "1"}, "0", True),
        ({**OF_US, "isReply": None}, None, True),
        ({**OF_US, "isReply": None}, "answered", False),
    ],
)
def test_when_a_letters_page_is_asked_for(tmp_path: Path, row: dict[str, Any], cursor: str | None, is_asked: bool) -> None:
    cursors = {"replica.test/1": cursor} if cursor else {}
    others = {"original_id": "2", "letter_title": "岚湖马拉松"}
    asked, title = mailbox(tmp_path, [row, others], cursors) if is_asked else (None, *mailbox(tmp_path, [row, others], cursors))
    assert isinstance(title, Reading)
    assert not asked or asked.url.split("#")[0].endswith("suggesDetail.flow?originalId=1")
    if not is_asked:
        with pytest.raises(NoReading, match="1 letters, all read before") as told:
            mailbox(tmp_path, [row], cursors)
        assert told.value.reason == "not_modified"


def test_pages_of_a_mailbox_end_with_a_short_one(tmp_path: Path) -> None:
    rows = [{"original_id": str(n), "letter_title": "岚湖马拉松"} for n in range(3)]
    *_, following = mailbox(tmp_path, rows, {}, length=3, form={"start": "{begin}", "rows": "{length}", "page": "{page}", "q": "{x"})
    assert (following.method, following.body) == ("POST", b"start=3&rows=3&page=2&q=%7Bx")
    assert all(isinstance(output, Reading) for output in mailbox(tmp_path, rows, {}, length=4))
    assert all(isinstance(output, Reading) for output in mailbox(tmp_path, rows, {}, length=3, pages=1))


# WARC files


def read(path: Path, start: int = 0) -> list[Record]:
    return list(read_records(path, start, lambda url: True))


def pages_of(records: list[Record]) -> list[str]:
    return [record.page.url for record in records if record.page]


HTML_PAGES = [url for url, _, status, _, kind in RECORDS if status == "200 OK" and kind.startswith("text/html") and url != "http://[half"]


@pytest.mark.parametrize("gzipped", [True, False])
def test_records_of_a_whole_file_and_from_any_end(tmp_path: Path, gzipped: bool) -> None:
    path = tmp_path / "a.warc.gz"
    ends = warc(path, gzipped=gzipped)
    records = read(path)
    assert pages_of(records) == HTML_PAGES
    assert [record.end for record in records[1:]] == ends or not gzipped
    assert records[-1].end == path.stat().st_size
    assert not any(record.problem for record in records)
    assert pages_of(read(path, records[1].end)) == HTML_PAGES[1:]
    assert read(path, path.stat().st_size) == []


def test_a_torn_tail_is_told_and_its_offset_is_where_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    ends = warc(path)
    whole = path.read_bytes()
    for cut in (ends[-1] - 9, ends[-2] + 1, ends[-2] + 40, ends[-2] + 400):
        path.write_bytes(whole[:cut])
        *_, last, damage = read(path)
        assert last.end == damage.end == ends[-2]
        assert damage.problem is not None
        assert f"damaged at byte {ends[-2]} of {cut}, nothing behind it" in damage.problem
    path.write_bytes(whole)
    assert pages_of(read(path, ends[-2])) == HTML_PAGES[-1:]


def test_a_damaged_middle_loses_one_record(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    ends = warc(path)
    body = bytearray(path.read_bytes())
    middle = (ends[0] + ends[1]) // 2
    body[middle : middle + 60] = b"\x00" * 60
    path.write_bytes(body)
    records = read(path)
    assert pages_of(records) == [url for url in HTML_PAGES if not url.endswith("/2.html")]
    assert sum(bool(record.problem) for record in records) >= 1


@pytest.mark.parametrize(
    "body", [b"", b"not a warc at all", b"\x1f\x8b\x08", gzip.compress(b"hello" * 100), b"WARC/1.0\r\n\r\n", b"\x00" * 5000]
)
def test_a_file_that_is_no_warc(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(body)
    records = read(path)
    assert pages_of(records) == []
    assert any(record.problem for record in records) or body in (b"", b"WARC/1.0\r\n\r\n")


def test_a_gzip_without_members_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    warc(path, gzipped=False)
    packed = tmp_path / "a.warc.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert any(record.problem for record in read(packed))


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    bomb = gzip.compress(b"\x00" * 64 * 1024 * 1024)
    with path.open("wb") as out:
        writer = WARCWriter(out, gzip=True)
        headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html"), ("Content-Encoding", "gzip")], protocol="HTTP/1.1")
        writer.write_record(writer.create_warc_record("https://a.example/", "response", io.BytesIO(bomb), http_headers=headers))
    assert pages_of(read(path)) == []


def test_files_of_an_address(tmp_path: Path) -> None:
    for name in ("b 1.warc.gz", "a[1].warc.gz", "c.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "d.warc.gz").mkdir()
    assert [path.name for path in files_of(f"file://{tmp_path}/*.warc.gz")] == ["a[1].warc.gz", "b 1.warc.gz"]
    assert [path.name for path in files_of((tmp_path / "b 1.warc.gz").as_uri())] == ["b 1.warc.gz"]
    assert [path.name for path in files_of((tmp_path / "a[1].warc.gz").as_uri())] == ["a[1].warc.gz"]
    assert files_of(f"file://{tmp_path}/none.warc.gz") == []


def test_domains_are_suffixes_of_whole_names(tmp_path: Path) -> None:
    one = Card("w", "warc", "w", "o", "news", ("file:///x.warc.gz",), options={"domains": ["lanhu.example"]})
    wanted = spider(tmp_path, one, Memory(read={"https://lanhu.example/read"}))._is_wanted
    assert wanted("https://lanhu.example/a")
    assert wanted("http://news.lanhu.example:8080/a")
    assert not wanted("https://xlanhu.example/a")
    assert not wanted("https://lanhu.example.evil.example/")
    assert not wanted("https://lanhu.example/read")
    assert Page("u", NOW, "t", b"").body == b""


# cards


ENTRY = {
    "id": "a",
    "kind": "feed",
    "title": "t",
    "owner": "o",
    "platform": "news",
    "urls": ["https://x.example/"],
    "basis": "b",
    "robots_note": "2026-03-01 读过",
}


def loaded(tmp_path: Path, **entry: Any) -> Card:
    said = {name: value for name, value in {**ENTRY, **entry}.items() if value is not None}
    (tmp_path / "sources.yml").write_text(yaml.safe_dump({"contact": "https://x.example/", "sources": [said]}), encoding="utf-8")
    return load_cards(tmp_path)[0]


BOARD = {"kind": "hotboard", "enabled": True, "options": {"shape": "weibo"}}


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"kind": "hotboard"}, "hotboard needs `shape:`"),
        ({**BOARD, "options": {"shape": "douyin"}}, "'douyin'; one of: weibo, baidu, tencent"),
        ({**BOARD, "enabled": None}, "a hotboard is off until somebody has decided it"),
        ({**BOARD, "robots_note": None}, "robots_note"),
        ({**BOARD, "basis": None}, "basis"),
        ({"kind": "liuyan", "options": {"fid": [1]}, "basis": None}, "basis"),
        ({"kind": "liuyan", "options": {"fid": 539}}, "fid: 539 should be a list"),
        ({"kind": "liuyan"}, "liuyan needs `fid:`"),
        ({"kind": "newsnow"}, "newsnow needs `boards:`"),
        ({"kind": "newsnow", "options": {"boards": ["weibo"]}}, "should be a dict"),
        ({"kind": "searxng", "options": {"queries": "岚湖一院"}}, "queries: '岚湖一院' should be a list"),
        ({"kind": "bridge"}, "bridge needs `reads:`"),
        ({"kind": "bridge", "options": {"reads": "telepathy"}}, "'telepathy'; one of: "),
        ({"kind": "warc"}, "kind warc reads files"),
        ({"urls": ["file:///etc/passwd"]}, "kind warc reads files"),
        ({"kind": "bridge", "urls": ["file:///etc/passwd"], "options": {"reads": "weibo"}}, "kind warc reads files"),
    ],
)
def test_a_card_is_refused_with_what_to_do(tmp_path: Path, entry: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigProblem) as problem:
        loaded(tmp_path, **entry)
    assert told in str(problem.value)
    assert "\n" not in str(problem.value)


def test_cards_of_every_kind_load(tmp_path: Path) -> None:
    assert loaded(tmp_path, **BOARD).options["shape"] == "weibo"
    assert not loaded(tmp_path, kind="hotboard", enabled=False, options={"shape": "baidu"}, basis=None).enabled
    assert loaded(tmp_path, kind="liuyan", options={"fid": [1]}).enabled
    assert loaded(tmp_path, kind="gov_mailbox", options={"form": {}, "rows": "tr"}).kind == "gov_mailbox"
    assert loaded(tmp_path, kind="searxng").kind == "searxng"
    assert loaded(tmp_path, kind="bridge", options={"reads": "weibo"}).options["reads"] == "weibo"


def test_a_card_of_files_loads(tmp_path: Path) -> None:
    assert loaded(tmp_path, kind="warc", urls=["file:///data/CC-NEWS-*.warc.gz"]).urls == ("file:///data/CC-NEWS-*.warc.gz",)
