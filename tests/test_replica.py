"""The replica over real HTTP, and the constructed scenario behind it."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import httpx
import lxml.html
import pytest

from crawlers.card import load_cards, load_contact
from crawlers.replica.scenario import SCENARIOS, Scenario, load_scenario
from crawlers.replica.site import ERRORS, Replica
from warehouse.clock import parse_instant
from warehouse.settings import PROJECT, ConfigProblem, load_settings
from warehouse.vocabulary import AUTHOR_KINDS, CATEGORIES, FETCH_REASONS, SENTIMENTS
from warehouse.watchlist import load_watchlist

LANHU = SCENARIOS / "lanhu"
NOW = parse_instant("2026-03-10T08:30")
EARLY = parse_instant("2026-03-04T12:00")
FEEDS = list(load_scenario(LANHU).world["feeds"])
SHARED = PROJECT.parent / "shared"


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(LANHU)


@pytest.fixture(scope="module")
def site() -> Iterator[httpx.Client]:
    with Replica(LANHU, NOW) as replica, httpx.Client(base_url=replica.url, trust_env=False) as client:
        yield client


def at(now: datetime, *paths: str) -> list[httpx.Response]:
    with Replica(LANHU, now) as replica, httpx.Client(base_url=replica.url, trust_env=False) as client:
        return [client.get(path) for path in paths]


def threads(client: httpx.Client, **form: Any) -> httpx.Response:
    return client.post("/pro-dfbbs-front/threads/queryThreadsList", data={"fid": 539, "lastItem": 0, "pageSize": 20, **form})


# the scenario


def test_the_scenario_is_large_varied_and_the_same_each_time(scenario: Scenario) -> None:
    assert load_scenario(LANHU).posts == scenario.posts
    assert 560 <= len(scenario.posts) <= 700
    assert len({post.id for post in scenario.posts}) == len(scenario.posts)
    repeats = sum(bool(post.quotes or post.copies) for post in scenario.posts) / len(scenario.posts)
    assert 0.15 <= repeats <= 0.3
    own_words = [post.text for post in scenario.posts if not post.quotes and not post.copies]
    assert len(set(own_words)) / len(own_words) > 0.9
    assert {post.category for post in scenario.posts} == set(CATEGORIES)
    assert {post.sentiment for post in scenario.posts} <= set(SENTIMENTS)
    assert {post.author_kind for post in scenario.posts} == set(AUTHOR_KINDS)
    assert not [post.text for post in scenario.posts if re.search(r"\{\w+\}|\{\d+-\d+\}", post.title + post.text)], (
        "a word was not filled in"
    )


def test_no_story_knows_its_future(scenario: Scenario) -> None:
    """Nobody quotes what is not yet written, or speaks of a statement, an inquiry or a refutation before it is out."""
    written = {post.id: post.at for post in scenario.posts}
    for post in scenario.posts:
        for source in filter(None, (post.quotes and post.quotes.id, post.copies)):
            assert written[source] < post.at
    for story, first, words in (
        ("duoduo", "duoduo-statement", "情况说明|声明|专班"),
        ("duoduo", "duoduo-notice", "调查组"),
        ("sealed_ward", "sealed_ward-refuted", "辟谣"),
        ("nurse", "nurse-police", "行拘|行政拘留"),
    ):
        early = [p.text for p in scenario.posts if p.story == story and p.at < written[first] and re.search(words, p.text)]
        assert not early, (first, early)


def test_the_courses_are_what_the_drill_needs(scenario: Scenario) -> None:
    def count(story: str, since: str, until: str) -> int:
        return sum(post.story == story and parse_instant(since) <= post.at < parse_instant(until) for post in scenario.posts)

    crisis = [count("duoduo", a, b) for a, b in (("2026-03-01", "2026-03-09T18:00"), ("2026-03-09T18:00", "2026-03-09T22:00"))]
    assert crisis[0] == 0
    assert crisis[1] > 30
    assert count("duoduo", "2026-03-10T05:00", "2026-03-10T08:30") > 80, "still rising at the as_of"
    prices = [count("fees", f"2026-03-0{day}", f"2026-03-0{day + 3}") for day in (1, 4, 6)]
    assert prices == sorted(prices)
    assert count("sealed_ward", "2026-03-03", "2026-03-06") > 40
    assert count("sealed_ward", "2026-03-08", "2026-03-11") == 0, "the rumour is dead"
    assert min(count("queues", f"2026-03-0{day}", f"2026-03-0{day + 3}") for day in (1, 4, 6)) > 8


def test_most_posts_concern_a_watched_hospital_and_the_neighbour_city_does_not(scenario: Scenario) -> None:
    watchlist = load_watchlist(PROJECT / "conf/drill")
    kept = [p for p in scenario.posts if watchlist.concerns(f"{p.title}\n{p.text}\n{p.quotes.text if p.quotes else ''}")]
    assert len(kept) > 550
    assert {p.hospital for p in kept} >= {"lanhu_first", "lanhu_children", "lanhu_tcm", "wangchuan_children", "lanhu_pharmacy"}
    assert all("望川市妇女儿童医院" in p.text for p in kept if p.hospital == "wangchuan_children" and not p.quotes), "the trap names both"


def test_hostile_and_personal_texts_are_there(scenario: Scenario) -> None:
    everything = "\n".join(post.text for post in scenario.posts)
    for bait in (
        "<script>",
        "=cmd|",
        "](javascript:",
        "\u200b",
        "13800138000",
        "990101198801010012",
        "6222020200112233446",
        "@lanhu.example",
    ):
        assert bait in everything
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    for number in set(re.findall(r"990101\d{12}", everything)):
        assert "10X98765432"[sum(int(c) * w for c, w in zip(number[:17], weights, strict=True)) % 11] == number[17]


def test_a_wrong_scenario_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match=r"no scenario here .*lanhu"):
        load_scenario(tmp_path)
    (tmp_path / "world.yml").write_bytes((LANHU / "world.yml").read_bytes())
    story = (
        "hospital: lanhu_tcm\ncategory: safety\nsentiment: negative\necho: 0\nreach: 1\ncourse: [[2026-03-01 08:00, 2026-03-01 09:00, 1]]\n"
    )
    (tmp_path / "a.yml").write_text(story + "voices: {x: {in: {weibo: 1}, says: ['{nowhere}']}}\n", encoding="utf-8")
    with pytest.raises(ConfigProblem, match=r"no words for \{nowhere\}"):
        load_scenario(tmp_path)
    (tmp_path / "a.yml").write_text(story, encoding="utf-8")
    with pytest.raises(ConfigProblem, match=r"a\.yml: KeyError: 'voices'"):
        load_scenario(tmp_path)


# feeds


@pytest.mark.parametrize("path", FEEDS)
def test_a_feed_parses_and_holds_only_the_past(site: httpx.Client, path: str) -> None:
    answer = site.get(path)
    assert answer.status_code == 200
    if "json" in answer.headers["content-type"]:
        items = answer.json()["items"]
        times = [datetime.fromisoformat(item["date_published"]) for item in items]
    else:
        feed = feedparser.parse(answer.content, response_headers={"content-type": answer.headers["content-type"]})
        items = feed.entries
        stamps = [entry.get("published_parsed" if "published" in entry else "updated_parsed") for entry in items]
        times = [datetime(*stamp[:6], tzinfo=NOW.tzinfo) for stamp in stamps if stamp]
    assert len(items) > 5
    assert "lanhu.example" in items[-1]["link" if "link" in items[-1] else "url"]
    assert times or "bing" in path  # feedparser cannot read Bing's Chinese dates: that is the point
    assert all(moment <= NOW for moment in times)
    assert times == sorted(times, reverse=True)


def test_rsshub_quotes_reposts_and_gives_counts_that_grow(site: httpx.Client, scenario: Scenario) -> None:
    text = site.get("/rsshub/weibo/keyword/岚湖妇儿").text
    assert "<blockquote> - 转发 <a " in text
    assert '<img alt="[泪]"' in text
    assert "<script>alert" not in text
    first = next(post for post in scenario.posts if post.id == "duoduo-origin")
    earlier, now = first.counts(NOW - timedelta(hours=6)), first.counts(NOW)
    assert all(a < b for a, b in zip(earlier, now, strict=True))
    assert f"<attitudes_count>{now[2]}</attitudes_count>" in text


def test_gb2312_label_with_gb18030_bytes(site: httpx.Client) -> None:
    answer = site.get("/wanbao/rss/health.xml")
    assert b'encoding="gb2312"' in answer.content
    assert "charset" not in answer.headers["content-type"]
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode("utf-8")
    assert "岚湖市妇女儿童医院" in answer.content.decode("gb18030")


def test_bing_dates_are_chinese_and_the_first_item_is_the_search(site: httpx.Client) -> None:
    text = site.get("/bing/search", params={"format": "rss", "q": "岚湖 医院"}).text
    assert re.search(r"<pubDate>周[一二三四五六日], \d\d 3月 2026 \d\d:\d\d:\d\d GMT</pubDate>", text)
    assert "<pubDate>" not in text.split("</item>")[0]


# columns


@pytest.mark.parametrize(
    ("column", "date"), [("/wjw/tzgg/", r"2026-03-\d\d"), ("/xww/minsheng/", r"03-\d\d"), ("/lhyy/xwdt/", r"\[03/\d\d\]")]
)
def test_a_column_leads_to_articles(site: httpx.Client, column: str, date: str) -> None:
    links = []
    for name in ("index.html", "index_1.html"):
        answer = site.get(column + name)
        page = lxml.html.document_fromstring(answer.content)
        found = page.cssselect("ul.list a")
        assert found
        assert all(re.fullmatch(date, span.text) for span in page.cssselect("ul.list span"))
        links += [link.get("href") for link in found]
    assert len(set(links)) == len(links), "page 2 repeats page 1"
    article = site.get(column + links[0].removeprefix("./"))
    text = article.content.decode("gb18030" if "lhyy" in column else "utf-8")
    assert re.search(r"来源：\S+　发布时间：2026-03-\d\d \d\d:\d\d", text)
    assert len(lxml.html.fromstring(text).cssselect(".content p")) >= 2


def test_the_hospitals_own_column_is_gb18030_that_says_gb2312(site: httpx.Client) -> None:
    answer = site.get("/lhyy/xwdt/")
    assert b'<meta charset="gb2312">' in answer.content
    assert "charset" not in answer.headers["content-type"]
    assert "新闻动态" in answer.content.decode("gb18030")


def test_a_page_past_the_last_says_so_and_a_future_article_is_not_there(site: httpx.Client) -> None:
    notice = next(a for a in lxml.html.fromstring(site.get("/wjw/tzgg/").content).cssselect("ul.list a") if "情况通报" in a.get("title"))
    path = "/wjw/tzgg/" + notice.get("href").removeprefix("./")
    early_page, early_list, early_article = at(EARLY, "/wjw/tzgg/index_2.html", "/wjw/tzgg/", path)
    assert "暂无内容" in early_page.text
    assert "情况通报" not in early_list.text
    assert early_article.status_code == 404
    assert site.get(path).status_code == 200


# newsnow


def test_newsnow_answers_with_its_quirks(site: httpx.Client) -> None:
    boards = {name: site.get("/newsnow/api/s", params={"id": name}) for name in ("weibo", "zhihu", "baidu")}
    with pytest.raises(json.JSONDecodeError):
        boards["zhihu"].json()  # a raw line break inside a string
    said = {name: json.loads(answer.text, strict=False) for name, answer in boards.items()}
    assert all(len(board["items"]) == 30 for board in said.values())
    assert {name: board["status"] for name, board in said.items()} == {"weibo": "success", "zhihu": "success", "baidu": "cache"}
    assert all(isinstance(item["id"], int) for item in said["zhihu"]["items"])
    assert not any("pubDate" in item or "extra" in item for item in said["weibo"]["items"])
    assert said["weibo"]["updatedTime"] == NOW.timestamp() * 1000 > said["baidu"]["updatedTime"]
    titles = [item["title"] for item in said["weibo"]["items"]]
    assert titles.index("岚湖妇儿医院女童术后身亡") == 1
    assert titles.index("岚湖市妇女儿童医院回应女童术后身亡") == 5
    assert site.get("/newsnow/api/s", params={"id": "nowhere"}).status_code == 500


def test_the_boards_knew_nothing_before() -> None:
    before, first = at(EARLY, "/newsnow/api/s?id=weibo")[0], at(parse_instant("2026-03-09T23:00"), "/newsnow/api/s?id=weibo")[0]
    assert "岚湖" not in before.text.replace("岚湖马拉松", "")
    place = [item["title"] for item in first.json()["items"]].index("岚湖妇儿医院女童术后身亡")
    assert 1 < place < 29


# 领导留言板


def test_liuyan_wants_its_cookie_then_pages_by_cursor(scenario: Scenario) -> None:
    with Replica(LANHU, NOW) as replica, httpx.Client(base_url=replica.url, trust_env=False) as client:
        assert threads(client).status_code == 403
        assert client.get("/pro-dfbbs-front/forum/list?fid=539").status_code == 200
        rows, last = [], 0
        while page := threads(client, lastItem=last).json()["responseData"]:
            rows += page
            last = page[-1]["tid"]
        assert threads(client, fid=1).json()["responseData"] == []
    assert len(rows) == sum(post.outlet == "liuyan" for post in scenario.posts)
    assert [row["tid"] for row in rows] == sorted({row["tid"] for row in rows}, reverse=True)
    assert all(isinstance(row["dateline"], int) and row["dateline"] <= NOW.timestamp() for row in rows)
    assert {row["stateInfo"] for row in rows} == {"待回复", "办理中", "已回复"}
    wanted = {"tid", "subject", "content", "dateline", "threadsCheckTime", "domainName", "typeName", "stateInfo", "answerId"}
    assert wanted | {"answerOrganization", "answerContent", "favNum", "ip", "nickName", "gradeManner", "gradeSpeed"} <= set(rows[0])


# manners, errors, determinism


def test_robots_shuts_one_door(site: httpx.Client) -> None:
    from protego import Protego

    robots = Protego.parse(site.get("/robots.txt").text)
    assert not robots.can_fetch("/private/", "Guanchao")
    assert robots.can_fetch("/wanbao/rss/health.xml", "Guanchao")


def test_every_error_mode_is_a_reason_or_an_awkward_answer(site: httpx.Client) -> None:
    assert set(FETCH_REASONS) - {"ok"} <= set(ERRORS)
    answers = {name: site.get(f"/errors/{name}", params={"s": "0"}) for name in ERRORS}
    status = {name: answer.status_code for name, answer in answers.items()}
    assert {name for name, code in status.items() if code == 200} == set(ERRORS) - {"error", "login_wall", "blocked", "moved"}
    assert (status["error"], status["login_wall"], status["blocked"], status["moved"]) == (500, 302, 403, 301)
    assert answers["login_wall"].headers["location"].startswith("/passport/visitor")
    assert answers["blocked"].headers["retry-after"] == "1"
    assert "访问过于频繁" in answers["captcha"].text
    assert answers["captcha"].content == site.get("/luntan/rss.xml").content
    empty = feedparser.parse(answers["empty_confirmed"].content)
    assert (empty.version, empty.entries) == ("rss20", [])
    assert not feedparser.parse(answers["format_changed"].content).version
    assert feedparser.parse(answers["broken_xml"].content).bozo
    assert len(answers["large"].content) > 5_000_000
    assert "pubDate" not in answers["undated"].text


def test_an_unchanged_feed_is_304(site: httpx.Client) -> None:
    first = site.get("/errors/not_modified")
    again = site.get("/errors/not_modified", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_slow_is_slow(site: httpx.Client) -> None:
    began = time.monotonic()
    site.get("/errors/slow", params={"s": "0.3"})
    assert time.monotonic() - began >= 0.3


def test_the_same_scenario_and_now_are_the_same_bytes_on_any_port() -> None:
    paths = [*FEEDS, "/wjw/tzgg/", "/lhyy/xwdt/index_1.html", "/newsnow/api/s?id=zhihu", "/errors/login_wall", "/nowhere"]
    one, two = at(NOW, *paths), at(NOW, *paths)
    for a, b in zip(one, two, strict=True):
        assert (a.status_code, a.content, a.headers) == (b.status_code, b.content, b.headers)
        assert a.url.port != b.url.port
    assert at(EARLY, FEEDS[0])[0].content != one[0].content


def test_time_passes_when_now_is_moved() -> None:
    with Replica(LANHU, EARLY) as replica, httpx.Client(base_url=replica.url, trust_env=False) as client:
        before = client.get("/wewe/feeds/all.atom").text.count("<entry>")
        replica.now = NOW
        assert client.get("/wewe/feeds/all.atom").text.count("<entry>") > before


def test_the_replica_is_a_program_too() -> None:
    command = [sys.executable, "-m", "crawlers.replica", "--scenario", "lanhu", "--now", "2026-03-10T08:30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as program:
        assert program.stdout is not None
        url = program.stdout.readline().strip()
        try:
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
            assert httpx.get(f"{url}/robots.txt", trust_env=False).status_code == 200
        finally:
            program.terminate()


# the configurations


@pytest.mark.parametrize("name", ["drill", "hospital", "national"])
def test_a_shipped_configuration_loads(name: str) -> None:
    conf = PROJECT / "conf" / name
    cards = load_cards(conf, {"replica": "http://127.0.0.1:9"})
    assert load_settings(conf).drill is (name == "drill")
    assert load_contact(conf)
    assert load_watchlist(conf).every is (name == "national")
    assert all(card.robots_note and card.basis for card in cards)
    elsewhere = [card for card in cards if ".example" in card.urls[0] or "liuyan.people" in card.urls[0]]
    assert not any(card.enabled for card in elsewhere), "what must be set up first is off"
    if name == "drill":
        assert all(url.startswith("http://127.0.0.1:9") for card in cards for url in card.urls), "a drill leaves the machine"
    else:
        assert all(card.delay_s >= 5 for card in cards)


def test_every_source_of_the_drill_answers_and_one_fails_on_purpose(site: httpx.Client) -> None:
    cards = load_cards(PROJECT / "conf/drill", {"replica": str(site.base_url).rstrip("/")})
    readable = Counter[str]()
    for card in cards:
        for url in card.urls:
            address = {"newsnow": f"{url}/api/s?id=weibo", "liuyan": f"{url}/pro-dfbbs-front/forum/list?fid=539"}.get(card.kind, url)
            answer = site.get(address)
            readable[card.id] += answer.status_code == 200 and "安全验证" not in answer.text
    assert [name for name, n in readable.items() if not n] == ["rumor_board"]


@pytest.mark.real
def test_the_words_of_the_national_watch_keep_hospital_headlines_and_little_else() -> None:
    titles = SHARED / "data/text/hot_titles_labeled.csv"
    archive = SHARED / "data/hot_search/hourly_2020-11_2025-12.parquet"
    if not titles.exists() or not archive.exists():
        pytest.skip("no ../shared")
    import polars as pl

    watchlist = load_watchlist(PROJECT / "conf/national")
    with titles.open(encoding="utf-8") as rows:
        relevant = [row["title"] for row in csv.DictReader(rows) if row["relevant"] == "1"]
    recall = sum(map(watchlist.concerns, relevant)) / len(relevant)
    everything = pl.read_parquet(archive, columns=["title"])["title"].unique()
    share = sum(map(watchlist.concerns, everything)) / len(everything)
    print(f"recall {recall:.4f} of {len(relevant)} relevant titles; keeps {share:.4f} of {len(everything)} titles")
    assert recall >= 0.99
    assert share < 0.05
