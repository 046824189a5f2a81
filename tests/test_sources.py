"""`guanchao sources list|check|add`, and the register of sources. Sites are loopback servers in real crawls; all pages are constructed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from crawlers.card import load_cards
from crawlers.card_file import add_card, new_id
from crawlers.register import FILE, PERSONAL, folders, main, register
from flows.cli import app
from flows.source_check import ADVICE, guess
from flows.steps import Step
from flows.terminal import print_steps
from warehouse.schema import TABLES, polars_schema
from warehouse.settings import PROJECT, ConfigProblem, Settings, load_settings
from warehouse.store import Warehouse
from warehouse.vocabulary import FETCH_REASONS

RSS = (
    "<rss version='2.0'><channel><title>岚湖晚报·健康</title>"
    + "".join(
        f"<item><title>{title}</title><link>https://news.lanhu.example/{n}</link><pubDate>Mon, 09 Mar 2026 0{n}:51:28 GMT</pubDate></item>"
        for n, title in enumerate(("岚湖一院急诊排队", "湖滨公园开园", "春季运动会"))
    )
    + "</channel></rss>"
)
LIST = (
    "<html><head><title>通知公告</title></head><body>"
    + "".join(f"<a href='/a/{n}00000.html'>{n}</a>" for n in range(1, 13))
    + "</body></html>"
)
PAGES = {
    "/robots.txt": (200, "User-agent: *\nDisallow: /private/\n"), "/rss.xml": (200, RSS), "/private/rss.xml": (200, RSS),
    "/list/": (200, LIST),
    "/captcha": (200, "<html><title>安全验证</title></html>"), "/empty.xml": (200, "<rss><channel><title>t</title></channel></rss>"),
}  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        article = (
            "<html><head><title>岚湖一院回应</title></head><body><h1>岚湖一院回应</h1><p>"
            + "岚湖一院有关负责人表示将核查。" * 20
            + "</p></body></html>"
        )
        status, text = (200, article) if self.path.startswith("/a/") else PAGES.get(self.path, (404, "nothing here"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


HEAD = "# ours, do not lose\ncontact: https://www.lanhu-first.example/about # whom to ask\n\nsources: # one entry a source\n"


@pytest.fixture
def conf(tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "settings.yml").write_text("drill: false\n")
    (folder / "hospitals.yml").write_text(
        "scope: listed\nhospitals:\n- {id: lanhu_first, name: 岚湖市第一人民医院, aliases: [岚湖一院]}\n", encoding="utf-8"
    )
    common = "owner: o, platform: news, delay_s: 0, robots_note: 允许, basis: 媒体主动提供"
    cards = "".join(
        f"  - {{id: {name}, kind: {kind}, title: {name}, {common}, urls: ['{base}{path}']{more}}} # {name}\n"
        for name, kind, path, more in (
            ("paper", "feed", "/rss.xml", ""), ("denied", "feed", "/private/rss.xml", ", enabled: false"),
            ("over", "feed", "/private/rss.xml?o", ", enabled: false, overrides: {robots: 'the owner said so in writing'}"),
            ("walled", "feed", "/captcha", ", enabled: false"), ("gone", "feed", "/gone.xml", ", enabled: false"),
            ("column", "article", "/list/", ", enabled: false"), ("quiet", "feed", "/empty.xml", ", enabled: false"),
        )
    )  # fmt: skip
    (folder / "sources.yml").write_text(HEAD + cards, encoding="utf-8")
    monkeypatch.setenv("GUANCHAO_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("COLUMNS", "200")
    return folder


def guanchao(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["sources", *words])
    if isinstance(done.exception, ConfigProblem):
        return 2, str(done.exception)  # flows.cli.main makes it one line on stderr
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


# check


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        (
            "paper",
            0,
            (
                "ok",
                "robots.txt allows",
                "3 items read, 1 concern",
                "time 100%",
                "title 100%",
                "author 0%",
                "湖滨公园开园",
                "2026-03-09 08:51",
            ),
        ),
        ("denied", 1, ("robots_denied", "robots.txt refuses", ADVICE["robots_denied"])),
        ("over", 0, ("ok", "refuses, overridden: the owner said so in writing", "override robots")),
        ("walled", 1, ("captcha", ADVICE["captcha"])),
        ("gone", 1, ("error", "404", ADVICE["error"])),
        ("quiet", 0, ("empty_confirmed", "0 items read", ADVICE["empty_confirmed"])),
        ("column", 0, ("ok", "7 items read, 7 concern", "5 more addresses were found; a check asks at most 8")),
    ],
)
def test_check_says_what_came_and_what_to_do(conf: Path, tmp_path: Path, name: str, code: int, told: tuple[str, ...]) -> None:
    PAGES["/private/rss.xml?o"] = PAGES["/private/rss.xml"]
    done, said = guanchao("check", name, "--conf", str(conf))
    assert done == code, said
    for words in told:
        assert words in said.replace("\n", ""), (words, said)
    assert not (tmp_path / "root" / "warehouse").exists()
    assert not (tmp_path / "root" / "landing").exists()


def test_check_takes_the_enabled_ones_and_refuses_strangers(conf: Path) -> None:
    code, said = guanchao("check", "--conf", str(conf))
    assert code == 0
    assert "paper" in said
    assert "walled" not in said
    code, said = guanchao("check", "nobody", "--conf", str(conf))
    assert code == 2
    assert "source nobody: unknown; one of: paper, denied" in said


def test_every_reason_but_ok_has_advice() -> None:
    assert set(ADVICE) == set(FETCH_REASONS) - {"ok"}


def test_a_misread_json_list_is_told_in_its_own_words(conf: Path, base: str) -> None:
    PAGES["/news.json"] = (200, '{"data": {"rows": [{"link": "/a/1.html", "date": "2026-03-09"}]}}')
    add = ("add", f"{base}/news.json", "--conf", str(conf), "--kind", "article", "--title", "t", "--id", "js", "--option")
    assert guanchao(*add, "json={list: data.rows, url: href}")[0] == 0
    code, said = guanchao("check", "js", "--conf", str(conf))
    assert code == 1
    assert "no row of data.rows has href; its fields: link, date" in " ".join(said.replace("│", " ").split())
    assert "css" not in said


# list


def test_list_shows_how_each_fares(conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.terminal.console.width", 200)
    code, said = guanchao("list", "--conf", str(conf))
    assert code == 0
    assert said.count("never asked") == 7
    assert "robots: the owner said so in writing" in said.replace("\n", "")

    def fetch(n: int, source: str, day: int, reason: str) -> dict[str, Any]:
        at = datetime(2026, 3, day, tzinfo=UTC)
        return {
            "fetch_id": f"{n:016x}",
            "source": source,
            "url": "https://x.example/",
            "fetched_at": at,
            "reason": reason,
            "bytes_n": 0,
            "items_n": 0,
        }

    rows = [fetch(1, "paper", 8, "ok"), fetch(2, "paper", 9, "captcha"), fetch(3, "gone", 9, "error")]
    schema = {name: dtype for name, dtype in polars_schema("fetches").items() if name not in ("run_id", "day_on")}
    Warehouse(tmp_path / "root" / "warehouse", "test").add(
        "fetches", pl.DataFrame([{**dict.fromkeys(schema), **row} for row in rows], schema=schema)
    )
    lines = {line.split("│")[1].strip(): line for line in guanchao("list", "--conf", str(conf))[1].splitlines() if "│" in line}
    assert "2026-03-08 08:00" in lines["paper"]
    assert "遇到验证码 captcha" in lines["paper"]
    assert "访问出错 error" in lines["gone"]
    assert "never" in lines["gone"]
    assert "never asked" in lines["denied"]
    assert "│ off │" in lines["gone"]


def test_a_narrow_list_keeps_a_card_to_a_line(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.terminal.console.width", 80)  # made once, at its import: COLUMNS comes too late
    said = guanchao("list", "--conf", str(conf))[1].splitlines()
    rows = [line for line in said if line.startswith("│")]
    assert [line.count("never asked") for line in rows] == [1] * 7
    assert all(len(line) <= 80 for line in rows)
    assert any("overrides robots: the owner said so in writing" in line for line in said)


# a crawl, which makes no list


NOW = datetime(2026, 3, 10, 1, tzinfo=UTC)


def steps(*stages: str, stopped: str = "") -> list[Step]:
    return [Step(stage, 3, 0.1, stopped if stage == stages[-1] else "") for stage in stages]


def settings_with_coverage(conf: Path) -> Settings:
    """Of three enabled sources one was read, one met a captcha, one was not due."""
    settings = load_settings(conf)
    warehouse = Warehouse(settings.warehouse, "arrive-1")
    for table, rows in (
        (
            "coverage",
            [
                {"source": source, "as_of": NOW, "coverage_status": status, "reason": reason, "detail": None, "expected_n_low": 0,
                 "fetches_n": 1, "got_n": 0, "landed_n": 0, "quarantined_n": 0, "cadence_min": 60, "is_asked": asked}
                for source, status, reason, asked in (
                    ("paper", "ok", "not_modified", True), ("walled", "failed", "captcha", True), ("own_news", "ok", "ok", False),
                )
            ],
        ),
        (
            "fetches",
            [{"fetch_id": "f" * 16, "source": "own_news", "url": "https://x.example/", "fetched_at": NOW - timedelta(minutes=20),
              "reason": "ok", "bytes_n": 0, "items_n": 0}],
        ),
    ):  # fmt: skip
        schema = {name: dtype for name, dtype in polars_schema(table).items() if name not in ("run_id", "day_on")}
        warehouse.add(table, pl.DataFrame([{**dict.fromkeys(schema), **row} for row in rows], schema=schema))
    return settings


def test_a_crawl_says_whom_it_asked_and_names_no_list(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_with_coverage(conf)
    assert print_steps(steps("crawl", "land"), settings, conf)
    said = capsys.readouterr().out
    assert "2 of 3 enabled sources asked: 1 captcha, 1 not_modified" in said
    assert "walled: 采集失败 · 遇到验证码" in said
    assert "own_news: not due yet: every 60 min, last asked 03-10 08:40" in said
    assert "paper:" not in said
    assert "list:" not in said
    assert "look at it" not in said


@pytest.mark.parametrize(
    ("stages", "stopped", "makes_list", "told", "untold"),
    [
        (("crawl", "land"), "no", False, ["stopped: no"], ["今日无榜单", "list:", "look at it", "sources asked"]),
        (("crawl", "land"), "no", True, ["今日无榜单,因为: no", "list: "], ["sources asked"]),  # a whole road
        (("look_back", "mention"), "no", True, ["今日无榜单,因为: no", "list: "], []),
        (("rank",), "no", True, ["stopped: no"], ["今日无榜单", "list:"]),  # one stage again
        (("rank",), "", True, [], ["今日无榜单", "list:", "sources asked"]),
        (("publish",), "", True, ["list: ", "look at it: "], ["sources asked"]),
        (("crawl", "land", "rank", "publish"), "", True, ["list: ", "look at it: "], ["sources asked"]),
    ],
)
def test_only_a_road_to_a_list_names_it(
    conf: Path,
    capsys: pytest.CaptureFixture[str],
    stages: tuple[str, ...],
    stopped: str,
    makes_list: bool,
    told: list[str],
    untold: list[str],
) -> None:
    assert print_steps(steps(*stages, stopped=stopped), settings_with_coverage(conf), conf, makes_list) == (not stopped)
    said = capsys.readouterr().out.split("peak memory")[1]
    assert [words for words in told if words not in said] == []
    assert [words for words in untold if words in said] == []


# add


def test_add_appends_a_card_and_leaves_all_else(conf: Path, base: str) -> None:
    path = conf / "sources.yml"
    path.chmod(0o640)
    before = path.read_text(encoding="utf-8")
    code, said = guanchao(
        "add", f"{base}/list/?2", "--conf", str(conf), "--kind", "article", "--title", "市卫健委: 通知 #1", "--robots-note", "2026-03 读过",
        "--basis", "政府信息公开", "--purpose", "了解通报", "--option", "css=ul.list a", "--option", "most=5", "--on",
    )  # fmt: skip
    assert code == 0, said
    after = path.read_text(encoding="utf-8")
    assert after.startswith(before)
    card = load_cards(conf)[-1]
    assert (card.kind, card.title, card.enabled, card.purpose, card.options) == (
        "article", "市卫健委: 通知 #1", True, "了解通报", {"css": "ul.list a", "most": 5},
    )  # fmt: skip
    assert f"guanchao sources check {card.id}" in said
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in conf.iterdir()) == ["hospitals.yml", "settings.yml", "sources.yml"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("https://x.example/rss", "--id", "paper", "--title", "t"), "there is a source paper already"),
        (("{base}/rss.xml", "--title", "t"), "paper asks"),
        (("ftp://x.example/", "--title", "t"), "no http(s) address"),
        (("https://x.example/",), "--title is missing"),
        (("--title", "t"), "url is missing"),
        (("https://x.example/", "--title", "t", "--kind", "telepathy"), "unknown kind telepathy"),
        (("https://x.example/", "--title", "t", "--platform", "myspace"), "unknown platform myspace"),
        (("https://x.example/", "--title", "t", "--on"), "robots_note is empty"),
        (("https://x.example/", "--title", "t", "--id", "新闻"), "small letters"),
        (("https://x.example/", "--title", "t", "--option", "css"), "write name=value"),
        (("https://x.example/", "--title", "t", "--option", "a=["), "write name=value"),
        (("https://x.example/", "--title", "t", "--kind", "newsnow"), "newsnow needs `boards:`"),
        (("https://x.example/", "--title", "t", "--kind", "article", "--option", "csss=ul a"), "unknown option csss, did you mean css?"),
        (("https://x.example/", "--title", "t", "--kind", "article", "--option", "css=td[["), "css: 'td[[' is no CSS selector"),
        (("https://x.example/", "--title", "t", "--kind", "article", "--option", "match=^info/("), "'^info/(' is no regular expression"),
        (("https://x.example/", "--title", "t", "--option", "max_age_h=9"), "max_age_h is a field of the card itself"),
        (("https://x.example/", "--title", "t", "--author-kind", "hospital"), "unknown author_kind hospital; one of: "),
        (("https://x.example/", "--title", "t", "--cadence-minutes", "0"), "cadence_minutes: must be 1 or more"),
    ],
)
def test_a_wrong_card_is_not_written(conf: Path, base: str, words: tuple[str, ...], told: str) -> None:
    before = (conf / "sources.yml").read_bytes()
    code, said = guanchao("add", *(word.format(base=base) for word in words), "--conf", str(conf))
    assert code == 2
    assert told in said
    assert str(conf) in said or "sources add" in said or "--option" in said
    assert (conf / "sources.yml").read_bytes() == before


def test_add_takes_what_a_column_needs_and_patterns_as_they_stand(conf: Path, base: str) -> None:
    code, said = guanchao(
        "add", f"{base}/list/?3", "--conf", str(conf), "--kind", "article", "--title", "本院新闻", "--author-kind", "own",
        "--max-age-h", "720", "--cadence-minutes", "360", "--option", "css=#news a", "--option", "match=[a-z]+/\\d+: (a|b)",
        "--option", "json={list: data.rows}", "--option", "pages=2",
    )  # fmt: skip
    assert code == 0, said
    card = load_cards(conf)[-1]
    assert (card.author_kind, card.max_age_h, card.cadence_minutes) == ("own", 720, 360)
    assert card.options == {"css": "#news a", "match": "[a-z]+/\\d+: (a|b)", "json": {"list": "data.rows"}, "pages": 2}
    assert guanchao("add", f"{base}/list/?4", "--conf", str(conf), "--kind", "article", "--title", "t", "--option", "css='ul a'")[0] == 0
    card = load_cards(conf)[-1]
    assert (card.author_kind, card.max_age_h, card.cadence_minutes, card.options) == (None, 168, 60, {"css": "ul a"})


@pytest.mark.parametrize("empty", ["sources:\n", "sources: # out with the examples\n  # - id: old\n  #   kind: feed\n", "sources: []\n"])
def test_the_first_source_is_added_to_an_empty_list(conf: Path, base: str, empty: str) -> None:
    path = conf / "sources.yml"
    path.write_text(f"contact: https://www.lanhu-first.example/about\n{empty}", encoding="utf-8")
    code, said = guanchao("check", "--conf", str(conf))
    assert (code, "needs a list `sources:` with at least one entry" in said) == (2, True)
    code, said = guanchao("add", f"{base}/rss.xml", "--conf", str(conf), "--title", "岚湖晚报", "--id", "first")
    assert code == 0, said
    assert [card.id for card in load_cards(conf)] == ["first"]
    assert "- id: old" in path.read_text(encoding="utf-8") or "old" not in empty
    assert guanchao("check", "first", "--conf", str(conf))[0] == 0


ENTRY = {"id": "new", "kind": "feed", "title": "新", "owner": "o", "platform": "news", "urls": ["https://x.example/"], "enabled": False}
OTHER = "{id: a, kind: feed, title: t, owner: o, platform: news, urls: ['https://a.example/'], enabled: false}"


@pytest.mark.parametrize(
    "text",
    [
        "contact: https://a.example/\nsources: []\n",
        "contact: https://a.example/\nsources: [ ] # none yet",
        "contact: https://a.example/\nsources:",
        "contact: https://a.example/\r\nsources: # none yet\r\n",
        "contact: https://a.example/\nsources: null\n",
        f"contact: https://a.example/\r\nsources:\r\n- {OTHER}\r\n",
        "contact: https://a.example/\nsources:\n      - id: a\n        kind: feed\n        title: t\n        owner: o\n"
        "        platform: news\n        enabled: false\n        urls:\n          - https://a.example/",
    ],
)
def test_a_card_fits_any_hand(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sources.yml"
    path.write_text(text, encoding="utf-8", newline="")
    assert add_card(tmp_path, dict(ENTRY)).id == "new"
    assert [card.id for card in load_cards(tmp_path)] == (["a", "new"] if "id: a" in text else ["new"])
    written = path.read_bytes()
    assert written.count(b"\r\n") in (0, written.count(b"\n"))


@pytest.mark.parametrize(
    "text",
    [
        f"sources:\n  - {OTHER}\ncontact: https://a.example/\n",
        f"sources: [{OTHER}]\n",
        "contact: https://a.example/\n",
        "sources:\ncontact: https://a.example/\n",
    ],
)
def test_a_file_it_does_not_understand_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "sources.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigProblem, match=r"sources\.yml"):
        add_card(tmp_path, dict(ENTRY))
    assert (tmp_path / "sources.yml").read_text(encoding="utf-8") == text


def test_look_proposes_kind_and_title(conf: Path, base: str) -> None:
    code, said = guanchao("add", f"{base}/rss.xml?x", "--conf", str(conf), "--look", "--id", "seen")
    assert code == 2, "PAGES has no such address: nothing is guessed from a 404"
    assert "--title is missing" in said
    PAGES["/rss.xml?x"], PAGES["/list/?x"] = PAGES["/rss.xml"], PAGES["/list/"]
    for path, kind, title in (("/rss.xml?x", "feed", "岚湖晚报·健康"), ("/list/?x", "article", "通知公告")):
        assert guanchao("add", f"{base}{path}", "--conf", str(conf), "--look", "--id", f"seen_{kind}")[0] == 0
        assert (load_cards(conf)[-1].kind, load_cards(conf)[-1].title) == (kind, title)


def test_guesses() -> None:
    assert guess(b'<?xml version="1.0"?><feed xmlns="x"><title><![CDATA[a b]]></title>') == ("feed", "a b", "")
    assert guess(b'{"version":"https://jsonfeed.org/version/1.1","items":[]}')[0] == "feed"
    assert guess(b'{"status":"success","items":[]}')[0] == "newsnow"
    assert guess(b'<html><head><title>x</title><link rel="alternate" type="application/rss+xml" href="/rss"></head>') == (
        "article",
        "x",
        "/rss",
    )
    assert guess(b"") == guess(b"\xff\xd8\xff\xe0") == guess(b'{"a":1}') == ("", "", "")


def test_ids_from_addresses() -> None:
    assert new_id("https://www.lanhu.example/news", set()) == "lanhu_example"
    assert new_id("https://www.lanhu.example/news", {"lanhu_example", "lanhu_example_2"}) == "lanhu_example_3"
    assert new_id("http://127.0.0.1:1200/x", set()) == "source_127_0_0_1_1200"
    assert new_id("file:///data/CC-NEWS-1.warc.gz", set()) == "cc_news_1_warc_gz"


# the register


def test_the_register_is_fresh_and_complete(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().err
    text = FILE.read_text(encoding="utf-8")
    for folder in folders():
        for card in load_cards(folder):
            assert f"### {card.id}: {card.title}" in text
            assert all(f"**override {name}**" in text for name in card.overrides)
            assert card.basis in text
            assert card.purpose, f"{folder.name}: {card.id} has no purpose"
    assert "**not written**" not in text
    assert all(f"`{name}`" in text for name in TABLES["raw_items"].columns)
    assert set(PERSONAL) <= set(TABLES["raw_items"].columns)
    monkeypatch.setattr("crawlers.register.FILE", tmp_path / "sources.md")
    assert main(["--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert main([]) == main(["--check"]) == 0


def test_the_register_of_ones_own_folder(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(conf)]) == 0
    said = capsys.readouterr().out
    assert "| **override robots** | **what robots.txt refuses is asked for all the same: the owner said so in writing** |" in said
    assert "**not written**" in said
    assert "7 sources, 1 enabled" in said
    assert main([str(conf / "nowhere")]) == 2
    assert "missing" in capsys.readouterr().err


def test_a_cell_cannot_break_the_table(tmp_path: Path) -> None:
    entry = {**ENTRY, "basis": "a | b\nc <script>", "overrides": {"robots": "line one\nline | two"}}
    (tmp_path / "sources.yml").write_text(yaml.safe_dump({"contact": "https://a.example/", "sources": [entry]}), encoding="utf-8")
    rows = [line for line in register([tmp_path]).splitlines() if line.startswith("| lawful") or "override robots" in line]
    assert rows[0] == "| lawful basis | a \\| b c &lt;script> |"
    assert len(rows) == 2
    assert rows[1].endswith("line one line \\| two** |")


def test_the_shipped_folders_are_all_there() -> None:
    assert {folder.name for folder in folders()} >= {"drill", "hospital", "national"}
    assert os.path.commonpath([*folders(), PROJECT]) == str(PROJECT)
