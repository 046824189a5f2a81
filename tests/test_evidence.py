"""A bundle holds the bytes as they came, says what is no longer what it was, and is whole or not there. Constructed tables, a real WARC."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import evidence, evidence_files
from flows.cli import app
from flows.evidence import Bundle, make
from tests.sample_case import AS_OF, BODIES, DAY, HOSTILE, frame, make_case, rewrite
from warehouse.settings import ConfigProblem, Settings
from warehouse.store import Warehouse
from warehouse.trace import TraceProblem

LATER = AS_OF + DAY
MADE = datetime.fromisoformat("2026-03-12T09:00:00+08:00")
WARCIO = str(Path(sys.executable).with_name("warcio"))
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_case(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path, Bundle]:
    root = tmp_path_factory.mktemp("case")
    settings = make_case(root)
    return settings, root / "out", make(settings, "e1", root / "out", LATER, MADE)


def said(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def states(folder: Path) -> dict[str, str]:
    return {record["fetch_id"]: record["state"] for record in said(folder)["records"]}


def test_a_bundle_is_whole_and_its_hashes_hold(whole: tuple[Settings, Path, Bundle]) -> None:
    _, out, bundle = whole
    assert {path.name for path in out.iterdir()} == {"index.html", "evidence.warc.gz", "hashes.txt", "manifest.json", "rows.csv"}
    checked = subprocess.run(["sha256sum", "--strict", "-c", "hashes.txt"], cwd=out, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count("OK") == 4
    assert bundle.seal == hashlib.sha256((out / "hashes.txt").read_bytes()).hexdigest()
    assert bundle.states == Counter({"intact": 3, "none": 1})  # f0, f1, the later reading; the imported file was never archived
    assert bundle.problems == ()
    assert out.stat().st_mode & 0o077 == 0
    (out / "rows.csv").write_bytes((out / "rows.csv").read_bytes() + b" ")
    assert subprocess.run(["sha256sum", "-c", "hashes.txt"], cwd=out, capture_output=True, check=False).returncode == 1


def test_records_are_copied_byte_for_byte_and_read_by_warcio(whole: tuple[Settings, Path, Bundle]) -> None:
    settings, out, _ = whole
    kept = (out / "evidence.warc.gz").read_bytes()
    records = [record for record in said(out)["records"] if record["offset"] is not None]
    ends = [*(record["offset"] for record in records[1:]), len(kept)]
    for record, end in zip(records, ends, strict=True):
        copy = kept[record["offset"] : end]
        source = (settings.archive / record["warc_file"]).read_bytes()
        assert source[record["warc_offset"] :].startswith(copy)
        command = [WARCIO, "extract", "--payload", "evidence.warc.gz", str(record["offset"])]
        body = subprocess.run(command, cwd=out, capture_output=True, check=True).stdout
        assert body == BODIES[record["fetch_id"]]
        assert hashlib.sha256(body).hexdigest() == record["sha256"]
    checked = subprocess.run([WARCIO, "check", "-v", "evidence.warc.gz"], cwd=out, capture_output=True, text=True, check=False)
    assert checked.returncode == 0
    assert checked.stdout.count("digest pass") == 4
    index = subprocess.run([WARCIO, "index", "evidence.warc.gz"], cwd=out, capture_output=True, text=True, check=True).stdout
    assert [json.loads(line)["warc-type"] for line in index.splitlines()] == ["warcinfo", "response", "response", "response"]


def test_the_same_question_gives_the_same_bundle_but_for_when_it_was_made(settings: Settings, tmp_path: Path) -> None:
    later = MADE + timedelta(hours=5)
    for name, made_at in (("a", MADE), ("b", later)):
        make(settings, "e1", tmp_path / name, LATER, made_at)
    files = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    other = {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    assert {name for name in files if files[name] != other[name]} == {"index.html", "manifest.json", "hashes.txt"}
    for name, was, then in (("index.html", "2026-03-12 09:00:00", "2026-03-12 14:00:00"), ("manifest.json", "T09:00:00", "T14:00:00")):
        assert files[name].replace(was.encode(), then.encode()) == other[name]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (BODIES["f1"], BODIES["f1"].replace(b"1, 2", b"1, 7"), "body"),
        (b"text/html; charset=utf-8", b"text/html; charset=xxxxx", "frame"),
        ("news.example/1?q=岚湖".encode(), "news.example/9?q=岚湖".encode(), "place"),
        (b"WARC-Date: 2026-03-10T00:30:00Z", b"WARC-Date: 0000-00-00T00:00:00Z", "place"),
        (b"WARC-Type: response", b"WARC-Type: WARC-Typ", "unreadable"),
    ],
)
def test_what_was_changed_is_named_and_kept_out_of_the_warc(settings: Settings, tmp_path: Path, old: bytes, new: bytes, fault: str) -> None:
    rewrite(settings.archive / "daily-20260310T003000Z/feed/feed.warc.gz", old, new)
    bundle = make(settings, "e1", tmp_path / "out", LATER, MADE)
    records = {record["fetch_id"]: record for record in said(tmp_path / "out")["records"]}
    assert (records["f1"]["state"], records["f1"]["fault"], records["f1"]["offset"]) == ("tampered", fault, None)
    assert len(bundle.problems) == bundle.states["tampered"]
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    number = records["f1"]["number"]
    assert f'<tr id="r{number}" class="bad">' in page
    assert f"记录 R{number} 已被改动" in page
    assert (tmp_path / "out" / "tampered" / f"R{number}.warc.gz").read_bytes()
    assert f"tampered/R{number}.warc.gz" in (tmp_path / "out" / "hashes.txt").read_text()
    subprocess.run([WARCIO, "check", "evidence.warc.gz"], cwd=tmp_path / "out", check=True)


def test_a_torn_or_lost_archive_is_told(settings: Settings, tmp_path: Path) -> None:
    file = settings.archive / "daily-20260310T003000Z/feed/feed.warc.gz"
    whole, offsets = file.read_bytes(), [record["warc_offset"] for record in Warehouse(settings.warehouse).read("fetches").to_dicts()]
    last = max(offset for offset in offsets if offset is not None)
    file.write_bytes(whole[: last + 40])  # the last record is torn
    make(settings, "e1", tmp_path / "torn", LATER, MADE)
    assert states(tmp_path / "torn") == {"f0": "intact", "f1": "intact", "file": "none", "again": "tampered"}
    assert not (tmp_path / "torn" / "tampered").exists()  # no whole record is left to keep
    file.unlink()
    bundle = make(settings, "e1", tmp_path / "lost", LATER, MADE)
    assert bundle.states == Counter({"missing": 3, "none": 1})
    assert "有 3 处与抓取时不一致" in (tmp_path / "lost" / "index.html").read_text(encoding="utf-8")


def test_only_what_was_known_by_then(settings: Settings, tmp_path: Path) -> None:
    for name, id, as_of in (("then", "e1", AS_OF), ("now", "e1", LATER), ("warned", "w1", LATER), ("one", "p1", LATER)):
        make(settings, id, tmp_path / name, as_of, MADE)
    posts = {name: [post["post_id"] for post in said(tmp_path / name)["posts"]] for name in ("then", "now", "warned", "one")}
    assert posts == {"then": ["p0", "p1"], "now": ["p0", "p1", "p2"], "warned": ["p0", "p1"], "one": ["p1"]}
    assert list(states(tmp_path / "then")) == ["f0", "f1"]  # the later reading had not been made
    assert list(states(tmp_path / "warned")) == ["f0", "f1", "again"]
    assert said(tmp_path / "one")["event"]["event_id"] == "e1"
    assert [warning["as_of"][:10] for warning in said(tmp_path / "now")["warnings"]] == ["2026-03-10"]  # once, as first issued
    assert said(tmp_path / "now")["warnings"][0]["run_id"] == "daily-20260310T003000Z"
    for id, as_of in (("e1", AS_OF - DAY), ("f0", LATER), ("nobody", LATER)):
        with pytest.raises(TraceProblem, match=f"{id}: no warning, event or post"):
            make(settings, id, tmp_path / "none", as_of, MADE)
    assert not (tmp_path / "none").exists()


def test_a_post_or_a_fetch_that_is_gone_is_listed(settings: Settings, tmp_path: Path) -> None:
    warehouse, then = Warehouse(settings.warehouse), LATER + DAY
    event = warehouse.read("events").drop("run_id", "day_on").tail(1).to_dicts()[0]
    warehouse.replace("events", frame("events", [{**event, "as_of": then}]), then)
    members = [{"event_id": "e1", "post_id": post, "as_of": then} for post in ("p0", "erased", "late")]
    warehouse.replace("event_posts", frame("event_posts", members), then)
    late = {**warehouse.read("posts").drop("run_id", "day_on").to_dicts()[0], "post_id": "late", "fetch_id": "never"}
    warehouse.add("posts", frame("posts", [late]))
    bundle = make(settings, "e1", tmp_path / "out", then, MADE)
    assert bundle.problems == ("记录 R3 缺失", "帖文 erased 已不在库中")
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "登记表 fetches 中没有这次抓取" in page
    assert "帖文 <code>erased</code>" in page
    assert "erased" in (tmp_path / "out" / "rows.csv").read_text(encoding="utf-8-sig")


def test_strangers_words_are_only_words(whole: tuple[Settings, Path, Bundle]) -> None:
    _, out, _ = whole
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert "javascript:alert(1)" in page  # shown, not followed
    assert "排队&lt;争议&gt;" in page
    assert "override robots: 网站已书面同意" in page
    assert "演练" in page


def test_no_cell_of_the_sheet_is_a_formula(whole: tuple[Settings, Path, Bundle]) -> None:
    _, out, _ = whole
    text = (out / "rows.csv").read_bytes().decode("utf-8-sig").rstrip(" ")
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["行"] for row in rows] == ["帖文"] * 3 + ["读数"] * 3
    assert rows[0]["标题（脱敏）"] == "'=HYPERLINK(1)岚湖一院排队"
    assert rows[1]["标题（脱敏）"] == HOSTILE
    assert rows[0]["正文SHA-256"] == hashlib.sha256(BODIES["f0"]).hexdigest()
    assert [row["点赞"] for row in rows[3:]] == ["3", "", "1234"]
    assert [row["存档状态"] for row in rows] == ["完好", "完好", "未存档", "完好", "完好", "完好"]
    assert all(row["演练"] == "演练" for row in rows)
    assert not [cell for row in rows for cell in row.values() if re.match(r"\s*[=+\-@＝＋－＠]", cell)]
    assert {None} & {*rows[0], *rows[0].values()} == set()  # every line as long as the heading


def test_a_place_that_is_taken_or_public_is_refused(settings: Settings, tmp_path: Path) -> None:
    full, empty, file = tmp_path / "full", tmp_path / "empty", tmp_path / "file"
    full.mkdir()
    empty.mkdir()
    (full / "x").write_text("x")
    file.write_text("x")
    for place in (full, file, settings.published / "case", settings.archive / "case"):
        with pytest.raises(ConfigProblem, match="--out"):
            make(settings, "e1", place, LATER, MADE)
    assert (full / "x").read_text() == "x"
    make(settings, "e1", empty, LATER, MADE)
    assert (empty / "hashes.txt").is_file()


def test_stopped_half_way_nothing_has_the_name(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(folder: Path) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(evidence, "write_hashes", stop)
    with pytest.raises(KeyboardInterrupt):
        make(settings, "e1", tmp_path / "out", LATER, MADE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conf", "data"]


KILLED = """
import sys, time
from datetime import datetime
from pathlib import Path
from flows import evidence
from warehouse.settings import load_settings
root = Path(sys.argv[1])
def hang(folder):
    print("half way", flush=True)
    time.sleep(60)
evidence.write_hashes = hang
at = datetime.fromisoformat("2026-03-11T08:30:00+08:00")
evidence.make(load_settings(root / "conf", root=root / "data"), "e1", root / "out", at, at)
"""


def test_killed_half_way_nothing_has_the_name_and_the_next_run_tidies_up(settings: Settings, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "half way"
        os.kill(child.pid, signal.SIGKILL)
    left = [path.name for path in tmp_path.glob(".out.*.part")]
    assert len(left) == 1
    assert not (tmp_path / "out").exists()
    make(settings, "e1", tmp_path / "out", LATER, MADE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["conf", "data", "out"]


def picture(folder: Path, post_id: str, shot_at: str, png: bytes | None, **other: Any) -> None:
    """What crawlers.screenshot leaves behind."""
    from dataclasses import asdict

    from crawlers.screenshot import Shot

    folder.mkdir(parents=True, exist_ok=True)
    named = {"png": f"{post_id}.png", "sha256": hashlib.sha256(png).hexdigest(), "final_url": "https://news.example/0"} if png else {}
    shot = Shot(post_id, "feed", "https://news.example/0", shot_at, other.pop("reason", "ok"), **{**named, **other})
    if png:
        (folder / f"{post_id}.png").write_bytes(png)
    (folder / f"{post_id}.json").write_text(json.dumps(asdict(shot)), encoding="utf-8")


def test_pictures_made_by_then_go_along(settings: Settings, tmp_path: Path) -> None:
    kept = settings.root / "screenshots"
    picture(kept / "run", "p0", "2026-03-10T00:30:00+00:00", b"\x89PNG 0", detail="<b>备注</b>")
    picture(kept / "late", "p0", "2026-03-20T00:30:00+00:00", b"\x89PNG 1")
    picture(kept / "live", "p0", "2026-03-21T00:30:00+00:00", b"\x89PNG 2")
    picture(kept / "run", "p1", "2026-03-10T00:30:00+00:00", None, reason="error", unasked="not_home", detail="not on the card's hosts")
    picture(kept / "run", "stranger", "2026-03-10T00:30:00+00:00", b"\x89PNG 3")
    bundle = make(settings, "e1", tmp_path / "out", LATER, MADE, live=kept / "live")
    assert bundle.pictures_n == 2
    assert bundle.problems == ()
    found = {path.name: path.read_bytes() for path in (tmp_path / "out" / "screenshots").glob("*.png")}
    assert found == {"p0-20260310T003000Z.png": b"\x89PNG 0", "p0-20260321T003000Z.png": b"\x89PNG 2"}
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert 'src="screenshots/p0-20260310T003000Z.png"' in page
    assert "另有 1 次没有截到：没有去访问：帖文网址不在来源卡登记的站点上" in page
    assert "&lt;b&gt;备注&lt;/b&gt;" in page
    (kept / "run" / "p0.png").write_bytes(b"\x89PNG x")
    (kept / "live" / "p0.png").unlink()
    changed = make(settings, "e1", tmp_path / "changed", LATER, MADE, live=kept / "live")
    assert [problem.rpartition("）")[2] for problem in changed.problems] == ["已被改动", "缺失"]
    assert '<figure class="bad">' in (tmp_path / "changed" / "index.html").read_text(encoding="utf-8")


def test_the_command(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANCHAO_ROOT", str(settings.root))
    words = ["evidence", "e1", "--conf", str(settings.conf), "--as-of", "2026-03-11T08:30+08:00", "--out"]
    done = CliRunner().invoke(app, [*words, str(tmp_path / "a")])
    assert done.exit_code == 0, done.output
    assert "完好 3" in done.output
    (settings.archive / "daily-20260310T003000Z/feed/feed.warc.gz").unlink()
    bad = CliRunner().invoke(app, [*words, str(tmp_path / "b")])
    assert bad.exit_code == 1
    assert "记录 R1 缺失" in bad.output
    assert (tmp_path / "b" / "hashes.txt").is_file()
    again = CliRunner().invoke(app, [*words, str(tmp_path / "b")])
    assert isinstance(again.exception, ConfigProblem)


def test_without_a_browser_the_rest_works_and_one_line_says_what_to_do(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.conf / "sources.yml").write_text(
        "contact: mailto:pr@lanhu.example\nsources:\n  - {id: feed, kind: feed, title: x, owner: y, platform: weibo, basis: 演练, "
        "robots_note: 演练, delay_s: 0, urls: ['{replica}/rsshub/weibo/keyword/x']}\n",
        encoding="utf-8",
    )
    command = [str(Path(sys.executable).with_name("guanchao")), "evidence", "e1", "--conf", str(settings.conf), "--screenshots", "--out"]
    environment = {**os.environ, "GUANCHAO_ROOT": str(settings.root), "CHROMIUM": "/nowhere/chromium"}
    done = subprocess.run([*command, str(tmp_path / "out")], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert "screenshots need Chromium, and CHROMIUM=/nowhere/chromium is no program" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_its_words_are_there_for_every_word_of_a_shot_and_a_record() -> None:
    from briefing.evidence_page import FAULTS, UNASKED
    from crawlers import screenshot

    assert set(UNASKED) == set(screenshot.UNASKED)
    assert set(FAULTS) == {"body", "frame", "place", "unreadable", "header"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        launched = engine.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_list_shows_fits_prints_and_asks_nobody(browser: Any, settings: Settings, tmp_path: Path, width: int) -> None:
    shutil.copy(Path(__file__).parents[1] / "docs" / "list-390.png", tmp_path / "any.png")
    picture(settings.root / "screenshots" / "run", "p0", "2026-03-10T00:30:00+00:00", (tmp_path / "any.png").read_bytes())
    rewrite(settings.archive / "daily-20260310T003000Z/feed/feed.warc.gz", BODIES["f1"], BODIES["f1"].replace(b"1, 2", b"1, 7"))
    make(settings, "e1", tmp_path / "out", LATER, MADE)
    page = browser.new_page(viewport={"width": width, "height": 900})
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto((tmp_path / "out" / "index.html").as_uri())
    assert page.title().startswith("【演练】取证清单")  # nothing ran
    assert complaints == []
    assert {url.rsplit("/", 1)[-1] for url in asked} == {"index.html", "p0-20260310T003000Z.png"}
    assert page.evaluate("document.images[0].naturalWidth") > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    red = page.evaluate("getComputedStyle(document.querySelector('#r2 .state.tampered')).color")
    assert red == "rgb(160, 24, 24)"
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    page.close()


def test_hashes_are_written_last(whole: tuple[Settings, Path, Bundle]) -> None:
    _, out, _ = whole
    listed = [line.split("  ", 1)[1] for line in (out / evidence_files.HASHES).read_text().splitlines()]
    assert listed == sorted(path.name for path in out.iterdir() if path.name != evidence_files.HASHES)
