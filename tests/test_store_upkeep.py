"""Compaction, vacuum, retention and erasure, beside writers that do not wait for them. Constructed rows only."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner
from warcio.archiveiterator import ArchiveIterator

from crawlers.archive import Archive
from crawlers.clean import author_hash
from warehouse.erase import ERASED, Wish, erase
from warehouse.records import archived
from warehouse.store import Warehouse
from warehouse.tables_upkeep import compact, drop_old, inventory, retain, vacuum
from warehouse.tombstone import TombstoneProblem, bury

START = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
FOREVER = datetime(2027, 3, 10, tzinfo=UTC)
SAID = "岚湖一院排队两小时，窗口没有人"


def fetches(ids: list[str], at: datetime = START) -> pl.DataFrame:
    fixed = {"source": "constructed", "url": "https://example.invalid/", "reason": "ok", "bytes_n": 1, "items_n": 1}
    frame = pl.DataFrame({"fetch_id": ids}, schema={"fetch_id": pl.String})
    return frame.with_columns(fetched_at=pl.lit(at), **{name: pl.lit(value) for name, value in fixed.items()})


def posts(rows: list[dict[str, object]]) -> pl.DataFrame:
    fixed = {"source": "constructed", "platform": "weibo", "kind": "post", "published_precision": "unknown", "first_seen_at": START}
    return pl.DataFrame([{**fixed, **row} for row in rows])


def test_many_small_files_of_a_day_become_one_and_nothing_else_changes(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    for n in range(6):
        warehouse.add("fetches", fetches([f"{n}"], START + timedelta(days=n % 2)))
    before = warehouse.fingerprint("fetches")
    assert [done.n for done in compact(warehouse, START + timedelta(days=1), dry_run=True)] == [1]
    assert inventory(warehouse)["files_n"].to_list() == [6]
    assert [done.n for done in compact(warehouse, START + timedelta(days=1))] == [1]  # the second day is today
    assert inventory(warehouse).select("rows_n", "files_n", "days_n").rows() == [(6, 4, 2)]
    assert compact(warehouse, START + timedelta(days=1)) == []
    assert [done.n for done in vacuum(warehouse, 24)] == []  # a reader may still be at them
    assert [done.n for done in vacuum(warehouse, 0, dry_run=True)] == [3]
    assert [done.n for done in vacuum(warehouse, 0)] == [3]
    assert warehouse.fingerprint("fetches") == before


def test_what_a_killed_writer_left_is_swept_and_the_table_is_not(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    warehouse.add("fetches", fetches(["a"]))
    orphan = tmp_path / "fetches" / "day_on=2026-03-10" / "part-orphan.zstd.parquet"
    orphan.write_bytes(b"torn")
    os.utime(orphan, (time.time() - 90_000,) * 2)
    assert [done.n for done in vacuum(warehouse, 24)] == [1]
    assert not orphan.exists()
    assert warehouse.read("fetches").height == 1


def test_upkeep_beside_writers_and_readers_loses_nothing(tmp_path: Path) -> None:
    expected, failed, done = set(), [], threading.Event()

    def write(name: str) -> None:
        warehouse = Warehouse(tmp_path, name)
        for n in range(15):
            warehouse.add("fetches", fetches([f"{name}-{n}"], START + timedelta(days=n % 3)))
            expected.add(f"{name}-{n}")

    def read() -> None:
        while not done.is_set():
            there = set(expected)
            try:
                assert there <= set(Warehouse(tmp_path).read("fetches")["fetch_id"])
            except Exception as problem:  # shown below, in the test's own thread
                failed.append(problem)
                return

    Warehouse(tmp_path).add("fetches", fetches(["old"], START - timedelta(days=400)))
    writers = [threading.Thread(target=write, args=(name,)) for name in ("left", "right")]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    while any(thread.is_alive() for thread in writers):
        compact(Warehouse(tmp_path), FOREVER)
        retain(Warehouse(tmp_path), START, {})
        vacuum(Warehouse(tmp_path))
    done.set()
    reader.join()
    assert failed == []
    assert set(Warehouse(tmp_path).read("fetches")["fetch_id"]) == expected
    assert len(expected) == 30


def test_days_that_are_over_go_whole_and_settings_say_otherwise(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "tables")
    old = START - timedelta(days=181)
    warehouse.add("fetches", fetches(["old"], old).with_columns(warc_file=pl.lit("old/feed.warc.gz"), warc_offset=0))
    warehouse.add("fetches", fetches(["edge"], START - timedelta(days=180)).with_columns(warc_file=pl.lit("edge.gz"), warc_offset=0))
    for name in ("old/feed.warc.gz", "edge.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (old.timestamp() - 1,) * 2)
    archive = tmp_path
    assert [done.n for done in retain(warehouse, START, {"fetches": None})] == []
    assert [(done.table, done.n) for done in retain(warehouse, START, {}, dry_run=True)] == [("fetches", 1)]
    assert warehouse.read("fetches").height == 2
    (tmp_path / "tables.keep").touch()
    assert ("fetches", 1) in [(done.table, done.n) for done in drop_old(warehouse, archive, START, {})]
    assert warehouse.read("fetches")["fetch_id"].to_list() == ["edge"]
    assert (tmp_path / "edge.gz").exists()
    assert not (tmp_path / "old").exists()


@pytest.fixture
def case(tmp_path: Path) -> Warehouse:
    """An author's two posts, one of them on a page with another's; an event and a warning titled by his words."""
    file = Archive(tmp_path / "feed.warc.gz", "feed.warc.gz")
    answers = {"alone": f"<p>{SAID}</p>" * 20, "shared": f"<li>{SAID}<li>别人的话" * 20, "other": "<p>别人的话</p>" * 20}
    rows = []
    for n, (name, body) in enumerate(answers.items()):
        url = f"https://example.invalid/{name}"
        place = file.add(name, url, START, 200, [("Content-Type", "text/html")], body.encode())
        rows.append({"fetch_id": name, "url": url, "sha256": place.sha256, "warc_file": place.file, "warc_offset": place.offset, "n": n})
    file.close()
    warehouse = Warehouse(tmp_path / "tables", "daily-20260310T003000Z")
    warehouse.add("fetches", fetches(list(answers)).drop("url").join(pl.DataFrame(rows).drop("n"), on="fetch_id"))
    him, her = author_hash("secret", "weibo", "1"), author_hash("secret", "weibo", "2")
    warehouse.add("posts", posts([
        {"post_id": "p1", "url": "https://example.invalid/alone", "author_hash": him, "text": SAID, "fetch_id": "alone"},
        {"post_id": "p2", "url": "https://example.invalid/2", "author_hash": him, "text": "又来", "fetch_id": "shared"},
        {"post_id": "p3", "url": "https://example.invalid/3", "author_hash": her, "text": "别人的话", "fetch_id": "shared"},
        {"post_id": "p4", "url": "https://example.invalid/other", "author_hash": her, "text": "别人的话四", "fetch_id": "other"},
    ]))  # fmt: skip
    seen = pl.DataFrame({"post_id": ["p1", "p2", "p3", "p4"], "fetch_id": ["alone", "shared", "shared", "other"]})
    warehouse.add("observations", seen.with_columns(observed_at=pl.lit(START)))
    members = seen.select("post_id", event_id=pl.lit("e"), as_of=pl.lit(START))
    warehouse.replace("event_posts", members, START)
    event = {"event_id": "e", "as_of": START, "hospital_id": "h", "title": f"{SAID[:9]}…", "category": "service", "first_post_at": START,
             "last_post_at": START, "posts_n": 4, "authors_n": 2, "platforms": ["weibo"], "growth": 1.0}  # fmt: skip
    warehouse.replace("events", pl.DataFrame([event]), START)
    aside = {"table_name": "posts", "row_id": "p9", "quarantine_reason": "too_long", "column_name": "text",
             "row": f'{{"post_id": "p9", "author_hash": "{him}", "text": "x"}}', "set_aside_at": START}  # fmt: skip
    warehouse.add("quarantine", pl.DataFrame([aside]))
    return warehouse


def test_an_author_is_erased_from_every_table_and_the_archive_and_stays_out(case: Warehouse, tmp_path: Path) -> None:
    him = author_hash("secret", "weibo", "1")
    before = {path.name: path.stat().st_size for path in tmp_path.glob("*.gz")}
    kept = case.read("fetches").filter(pl.col("fetch_id") == "other").to_dicts()[0]
    wish = Wish(authors=(him,), note="letter of 9 March")
    planned = erase(case, tmp_path, wish, START, dry_run=True)
    assert case.read("posts").height == 4
    done = erase(case, tmp_path, wish, START)
    assert (done.posts, done.fetches, done.buried, done.others_n) == (["p1", "p2", "p9"], ["alone", "shared"], 2, 1)
    assert done.rows == planned.rows
    assert case.read("posts")["post_id"].to_list() == ["p3", "p4"]
    assert set(case.read("observations")["post_id"]) == set(case.read("event_posts")["post_id"]) == {"p3", "p4"}
    assert case.read("quarantine").is_empty()
    assert case.read("events")["title"].to_list() == [ERASED]
    urls = dict(case.read("fetches").select("fetch_id", "url").iter_rows())
    assert urls == {"alone": "erased:alone", "shared": "https://example.invalid/shared", "other": "https://example.invalid/other"}
    assert case.read("fetches")["sha256"].null_count() == 0
    assert {path.name: path.stat().st_size for path in tmp_path.glob("*.gz")} == before
    states = {row["fetch_id"]: archived(tmp_path, row).state for row in case.read("fetches").to_dicts()}
    assert states == {"alone": "erased", "shared": "erased", "other": "intact"}
    assert archived(tmp_path, kept).state == "intact"
    with (tmp_path / "feed.warc.gz").open("rb") as stream:
        records = [(record.rec_type, record.content_stream().read()) for record in ArchiveIterator(stream)]
    assert [kind for kind, _ in records] == ["metadata", "metadata", "response"]
    assert SAID.encode() not in b"".join(body for _, body in records)
    again = posts([{"post_id": "p1", "text": "x", "fetch_id": "n"}, {"post_id": "p8", "author_hash": him, "text": "x", "fetch_id": "n"},
                   {"post_id": "p5", "author_hash": "her", "text": "x", "fetch_id": "n"}])  # fmt: skip
    assert case.add("posts", again) == 1
    assert case.upsert("posts", again.with_columns(first_seen_at=pl.lit(FOREVER))) == 0
    told = case.read("erasures").select("erased_kind", "erased_id", "note").rows()
    assert told == [("author", him, "letter of 9 March")] + [
        (kind, name, "letter of 9 March")
        for kind, name in (("fetch", "alone"), ("fetch", "shared"), ("post", "p1"), ("post", "p2"), ("post", "p9"))
    ]
    vacuum(case, 0)
    left = b"".join(pl.read_parquet(path).write_json().encode() for path in (tmp_path / "tables").rglob("*.parquet"))
    logs = b"".join(path.read_bytes() for path in (tmp_path / "tables").rglob("*.json"))
    assert SAID.encode() not in left + logs
    theirs = [path for path in (tmp_path / "tables").rglob("*.parquet") if "erasures" not in path.parts]
    assert him not in "".join(pl.read_parquet(path).write_json() for path in theirs)


def test_an_erasure_stopped_half_way_is_finished_by_the_next(case: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wish, rewrite, left = Wish(urls=("https://example.invalid/alone",)), Warehouse.rewrite, iter(range(4))

    def dying(self: Warehouse, *given: object) -> int:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return rewrite(self, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "rewrite", dying)
        with pytest.raises(KeyboardInterrupt):
            erase(case, tmp_path, wish, START)
    assert "p1" in case.read("posts")["post_id"].to_list()
    done = erase(case, tmp_path, wish, START + timedelta(hours=1))
    assert done.buried == 0
    assert not set(case.read("observations")["post_id"]) & {"p1"}
    assert case.read("posts")["post_id"].to_list() == ["p2", "p3", "p4"]
    assert erase(case, tmp_path, wish, START).rows == {}


def test_no_record_or_one_too_short_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "a.warc.gz"
    path.write_bytes(gzip.compress(b"WARC/1.0\r\n\r\n"))
    before = path.read_bytes()
    for offset in (0, 3):
        with pytest.raises(TombstoneProblem):
            bury(path, offset)
    assert path.read_bytes() == before


def test_the_verbs_tell_before_they_do_and_name_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.cli import app
    from warehouse.settings import ConfigProblem

    monkeypatch.setenv("GUANCHAO_ROOT", str(tmp_path))
    him = author_hash("", "weibo", "1")  # the drill has no secret
    rows = [{"post_id": "p1", "url": "https://example.invalid/1", "author_hash": him, "text": "x", "fetch_id": "f"}]
    Warehouse(tmp_path / "warehouse").add("posts", posts(rows))
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "index.html").write_text("<a href=https://example.invalid/1>")

    def say(*words: str) -> str:
        result = CliRunner().invoke(app, ["tables", *words], catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    assert "posts" in say("list")
    assert "180 d" in say("list")
    assert "posts: 1 rows would be erased" in say("erase", "--author", "weibo:1", "--dry-run")
    assert "still names it" in say("erase", "--author", "weibo:1")
    assert Warehouse(tmp_path / "warehouse").read("posts").is_empty()
    assert "nothing to do" in say("compact")
    assert "files removed (would be)" in say("vacuum", "--hours", "0", "--dry-run")
    assert "nothing to do" in say("retain", "--dry-run")
    for words in (["erase"], ["erase", "--author", "nobody"]):
        with pytest.raises(ConfigProblem):
            CliRunner().invoke(app, ["tables", *words], catch_exceptions=False)


def test_the_flow_keeps_the_tables_of_an_installation(tmp_path: Path) -> None:
    from flows.upkeep import keep_tables
    from warehouse.settings import PROJECT, load_settings

    settings = load_settings(PROJECT / "conf" / "drill", root=tmp_path, keep_days={"fetches": 10}, event_window_days=3)
    warehouse = Warehouse(settings.warehouse)
    for name, days in (("over", 11), ("kept", 10), ("kept too", 10), ("today", 0)):
        warehouse.add("fetches", fetches([name], START - timedelta(days=days)))
    assert [(done.table, done.n) for done in keep_tables(settings, START)] == [("fetches", 1), ("fetches", 1)]
    assert warehouse.read("fetches")["fetch_id"].to_list() == ["kept", "kept too", "today"]
    assert inventory(warehouse)["files_n"].to_list() == [2]
    assert keep_tables(settings, START) == []
