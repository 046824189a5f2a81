"""What an erasure leaves beside the tables: every page that prints the post's words is named, pictures go, rejects are named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from briefing.twins import cell
from flows import handed_out
from flows.cli import app
from warehouse.erase import ERASED, Wish
from warehouse.store import Warehouse

START = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
SAID = '岚湖一院排队\n两小时 <窗口> 没有"人"'
TITLE = '岚湖一院排队 两小时 <窗口> 没有"…'
URL = "https://example.invalid/1?a=1"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One post of three bore the event's title; lists, the record and a rejected row print it as their formats write it."""
    monkeypatch.setenv("GUANCHAO_ROOT", str(tmp_path))
    warehouse = Warehouse(tmp_path / "warehouse", "daily-20260310T003000Z")
    fixed = {"source": "constructed", "platform": "weibo", "kind": "post", "published_precision": "unknown", "first_seen_at": START}
    rows = [{"post_id": f"post{n}", "url": URL.replace("/1", f"/{n}"), "text": SAID if n == 1 else f"别人的话{n}"} for n in (1, 2, 3)]
    warehouse.add("posts", pl.DataFrame([{**fixed, "fetch_id": "f", **row} for row in rows]))
    members = pl.DataFrame({"post_id": ["post1", "post2", "post3"]}).with_columns(event_id=pl.lit("event1"), as_of=pl.lit(START))
    warehouse.replace("event_posts", members, START)
    event = {"event_id": "event1", "as_of": START, "hospital_id": "h", "title": TITLE, "category": "service", "first_post_at": START,
             "last_post_at": START, "posts_n": 3, "authors_n": 2, "platforms": ["weibo"], "growth": 1.0}  # fmt: skip
    warehouse.replace("events", pl.DataFrame([event]), START)
    day = tmp_path / "published" / "2026-03-10"
    (day / "events").mkdir(parents=True)
    escaped = TITLE.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")
    for name in ("2026-03-10/index.html", "2026-03-10/list-0830.html", "latest.html", "record.html"):
        (tmp_path / "published" / name).write_text(f"<h2 id=event1>{escaped}</h2>", encoding="utf-8")
    (day / "list.json").write_text(json.dumps({"title": TITLE}, ensure_ascii=False), encoding="utf-8")
    quoted = cell(TITLE).replace('"', '""')
    (day / "list.csv").write_text(f'a,"{quoted}"\r\n', encoding="utf-8-sig")
    (day / "events" / "event1.html").write_text("<a id=post1>", encoding="utf-8")
    (day / "events" / "other.html").write_text("<h2>别人的话2</h2>", encoding="utf-8")
    (tmp_path / "rejects").mkdir()
    held = json.dumps({"链接": "http://EXAMPLE.invalid/1?a=1#x", "正文": "x"}, ensure_ascii=False).replace('"', '""')
    (tmp_path / "rejects" / "v-1.csv").write_text(f'row_n,row\r\n2,"{held}"\r\n', encoding="utf-8-sig")
    (tmp_path / "rejects" / "v-2.csv").write_text('row_n,row\r\n2,"{""链接"": ""https://example.invalid/12""}"\r\n', encoding="utf-8-sig")
    shots = tmp_path / "screenshots" / "daily-20260310T003000Z"
    shots.mkdir(parents=True)
    for name, url in (("post1", URL), ("post2", "https://example.invalid/2"), ("old-id", URL.replace("https", "http")), ("post9", "x")):
        (shots / f"{name}.png").write_bytes(b"png")
        (shots / f"{name}.json").write_text(json.dumps({"post_id": name, "url": url, "final_url": None}), encoding="utf-8")
    (shots / "torn.json").write_text("{", encoding="utf-8")
    return tmp_path


def say(*words: str) -> str:
    result = CliRunner().invoke(app, ["tables", "erase", "--url", URL, *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def named(said: str, before: str) -> set[str]:
    return {Path(line.removeprefix(before)).name for line in said.splitlines() if line.startswith(before)}


PRINTED = {"index.html", "list-0830.html", "latest.html", "record.html", "list.json", "list.csv", "event1.html"}


@pytest.mark.parametrize("words", [("--dry-run",), ()])
def test_every_page_that_prints_a_blanked_title_is_named_and_no_other(root: Path, words: tuple[str, ...]) -> None:
    said = say(*words)
    assert named(said, "still names it: ") == PRINTED
    assert named(said, "rejected rows that hold it: ") == {"v-1.csv"}
    assert (Warehouse(root / "warehouse").read("events")["title"][0] == ERASED) is not bool(words)


def test_pictures_of_its_page_are_deleted_and_counted_and_others_stay(root: Path) -> None:
    shots = root / "screenshots" / "daily-20260310T003000Z"
    before = sorted(path.name for path in shots.iterdir())
    assert "2 pictures of pages would be deleted" in say("--dry-run")
    assert sorted(path.name for path in shots.iterdir()) == before
    assert "2 pictures of pages deleted" in say()
    assert sorted(path.name for path in shots.iterdir()) == ["post2.json", "post2.png", "post9.json", "post9.png", "torn.json"]


def test_stopped_half_way_the_next_run_still_finds_pages_and_pictures(root: Path) -> None:
    warehouse = Warehouse(root / "warehouse")
    events = warehouse.read("events").drop("run_id", "day_on").with_columns(title=pl.lit(ERASED))
    warehouse.replace("events", events, START)  # titles are blanked first, posts go last
    assert handed_out.titles(warehouse, Wish(urls=(URL,))) == ["event1"]
    assert {"index.html", "latest.html"} <= named(say(), "still names it: ")
    late = root / "screenshots" / "daily-20260310T003000Z" / "post1.png"  # killed after the tables were done
    late.write_bytes(b"png")
    assert "1 pictures of pages deleted" in say()
    assert not late.exists()
