"""A crawl killed at any moment goes on where it was: nothing lost, nothing twice, nothing asked for again that had landed. Constructed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from warcio.archiveiterator import ArchiveIterator

from crawlers.archive import Archive, mend
from crawlers.bench.siege import children
from crawlers.card import Card
from crawlers.landing import BATCH, Landing, read_landing
from crawlers.run import crawl
from flows.arrival import RUN
from warehouse.clock import Clock
from warehouse.settings import PROJECT
from warehouse.store import Warehouse

PAGES = 260  # more than a batch of rows lands at a time
NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
STORY = "<p>近日，有患者家属反映岚湖市第一人民医院急诊收费存在争议，引发网络关注，医院表示将及时公布核查结果，接受社会监督。</p>"


CRAWL = """
import datetime, json, pathlib, sys
from crawlers.card import Card
from crawlers.run import crawl
from warehouse.clock import Clock
said = json.loads(sys.argv[1])
card = Card(**{**said, "urls": tuple(said["urls"])})
crawl(card, pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), Clock(datetime.datetime(2026, 3, 10, tzinfo=datetime.UTC)), 60)
"""
RUN_ARRIVAL = """
import pathlib, sys
from flows.arrival import crawl, land
from flows.road import Road, when
from warehouse.settings import load_settings
road = Road(load_settings(pathlib.Path(sys.argv[1])), when(None, None), is_live=True)
crawl(road)
print(land(road.arrived()))
"""


def until(happened: Callable[[], Any], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


class Column(BaseHTTPRequestHandler):
    """A list of PAGES articles, each about 岚湖一院; a page takes a moment."""

    protocol_version = "HTTP/1.1"
    asked: Counter[str]

    def do_GET(self) -> None:
        self.asked[self.path] += 1
        body, status = self.page()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page(self) -> tuple[bytes, int]:
        if self.path == "/news/":
            links = "".join(f"<li><a href='a/{n}.html'>岚湖市第一人民医院回应第{n}起</a></li>" for n in range(PAGES))
            return f"<html><body><ul>{links}</ul></body></html>".encode(), 200
        if not self.path.startswith("/news/a/"):
            return b"", 404
        time.sleep(0.01)
        title = f"岚湖市第一人民医院回应第{self.path.removeprefix('/news/a/').removesuffix('.html')}起争议"
        return (
            f"<html><head><title>{title}</title></head><body><h1>{title}</h1><div>2026-03-09 10:24</div>{STORY * 3}</body></html>".encode(),
            200,
        )

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[tuple[str, Counter[str]]]:
    class Here(Column):
        asked: Counter[str] = Counter()  # noqa: RUF012

    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", Here.asked
    server.shutdown()


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "settings.yml").write_text("drill: false\n")
    (folder / "hospitals.yml").write_text(
        "scope: listed\nhospitals:\n- {id: lanhu_first, name: 岚湖市第一人民医院, aliases: [岚湖一院]}\n", encoding="utf-8"
    )
    (folder / "sources.yml").write_text("contact: https://www.lanhu-first.example/about\nsources: []\n")
    return folder


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANCHAO_AUTHOR_SECRET", "constructed")


def column(base: str) -> Card:
    return Card(
        "column", "article", "岚湖新闻", "宣传科", "news", (f"{base}/news/",), delay_s=0, options={"most": PAGES},
        robots_note="constructed", basis="constructed", stands_for={base: "http://lanhu.test"},
    )  # fmt: skip


def kill_after(folder: Path, asked: Counter[str], pages: int) -> None:
    """kill -9 the child once the site has been asked for so many pages."""
    until(lambda: sum(asked.values()) >= pages)
    for pid in children(folder):
        os.kill(pid, signal.SIGKILL)


def whole(landing: Path, asked: Counter[str]) -> None:
    """Every page once in the rows, no item without its answer, every answer's bytes in the archive."""
    items, fetches = read_landing(landing)
    assert sorted(items["url"]) == sorted(f"http://lanhu.test/news/a/{n}.html" for n in range(PAGES))
    assert items["fetch_id"].is_in(fetches["fetch_id"].implode()).all()
    assert fetches["fetch_id"].n_unique() == fetches.height
    for row in fetches.filter(pl.col("sha256").is_not_null()).to_dicts():
        with (landing.parent / row["warc_file"]).open("rb") as file:
            file.seek(row["warc_offset"])
            assert hashlib.sha256(next(iter(ArchiveIterator(file))).content_stream().read()).hexdigest() == row["sha256"]
    for path in landing.glob("*/*.warc.gz"):
        with path.open("rb") as file:
            assert sum(1 for _ in ArchiveIterator(file)) >= 0  # read to its end without an error


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_child_is_gone_on_with(site: tuple[str, Counter[str]], conf: Path, tmp_path: Path, seed: int) -> None:
    base, asked = site
    pages = random.Random(seed).randint(120, PAGES - 5)
    killer = threading.Thread(target=kill_after, args=(tmp_path, asked, pages))
    killer.start()
    crawl(column(base), tmp_path / "landing", conf, Clock(NOW), timeout_s=90)
    killer.join()
    whole(tmp_path / "landing", asked)
    assert sum(n - 1 for path, n in asked.items() if path.startswith("/news/a/")) <= BATCH // 2  # two rows a page
    assert not read_landing(tmp_path / "landing")[1].filter(pl.col("reason") == "error").height


def test_a_killed_parent_takes_its_child_along_and_the_next_crawl_goes_on(
    site: tuple[str, Counter[str]], conf: Path, tmp_path: Path
) -> None:
    base, asked = site
    parent = subprocess.Popen(
        [sys.executable, "-c", CRAWL, json.dumps(asdict(column(base))), str(tmp_path / "landing"), str(conf)], cwd=PROJECT
    )
    until(lambda: sum(asked.values()) >= 150)
    parent.kill()
    parent.wait()
    until(lambda: not list(children(tmp_path)))
    crawl(column(base), tmp_path / "landing", conf, Clock(NOW), timeout_s=60)
    whole(tmp_path / "landing", asked)


def test_a_child_whose_parent_died_while_it_started_ends(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    os.mkfifo(tmp_path / "job.json")  # nobody writes it: one that went on would wait for ever
    orphan = [sys.executable, "-m", "crawlers.child", str(tmp_path / "job.json"), str(gone.pid)]
    assert subprocess.run(orphan, cwd=PROJECT, timeout=60, check=False).returncode == -signal.SIGTERM


@pytest.mark.slow
def test_a_killed_run_is_landed_by_the_next_one(site: tuple[str, Counter[str]], conf: Path, tmp_path: Path) -> None:
    """The flow's process group dies in mid-crawl; the next `crawl` and `land` bring every page, once, and ask for few again."""
    base, asked = site
    card = {
        "id": "column", "kind": "article", "title": "岚湖新闻", "owner": "宣传科", "platform": "news", "urls": [f"{base}/news/"],
        "delay_s": 0, "options": {"most": PAGES}, "robots_note": "本机", "basis": "虚构",
    }  # fmt: skip
    said = {"contact": "https://www.lanhu-first.example/about", "sources": [card]}
    (conf / "sources.yml").write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    command = [sys.executable, "-c", RUN_ARRIVAL, str(conf)]
    environment = {**os.environ, "GUANCHAO_ROOT": str(tmp_path / "root")}
    first = subprocess.Popen(command, cwd=PROJECT, env=environment)
    until(lambda: list((tmp_path / "root/landing").glob("*/column/fetches-*")) or first.poll() is not None)
    assert first.poll() is None
    for pid in children(tmp_path):
        os.kill(pid, signal.SIGKILL)
    first.kill()
    first.wait()
    before = set(asked)
    assert list((tmp_path / "root/landing").glob(f"*/{RUN}"))
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    posts, fetches = (Warehouse(tmp_path / "root/warehouse").read(table) for table in ("posts", "fetches"))
    assert posts["url"].n_unique() == posts.height == PAGES
    assert posts["fetch_id"].is_in(fetches["fetch_id"].implode()).all()
    again = [path for path in before if asked[path] > 1 and path.startswith("/news/a/")]
    assert len(again) <= BATCH // 2  # two rows a page
    assert all((tmp_path / "root/archive" / row).exists() for row in fetches["warc_file"].drop_nulls())
    assert not list((tmp_path / "root/landing").iterdir())


def test_a_torn_archive_is_cut_behind_its_last_whole_record(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    archive = Archive(path, "a.warc.gz")
    places = [archive.add(f"{n:016x}", "http://x/", NOW, 200, [], os.urandom(3000)) for n in range(3)]
    archive.close()
    whole_bytes = path.read_bytes()
    for cut in (places[2].offset + 1, len(whole_bytes) - 1, places[1].offset + 700):
        path.write_bytes(whole_bytes[:cut])
        mend(path)
        assert path.stat().st_size == (places[2].offset if cut > places[2].offset else places[1].offset)
    path.write_bytes(whole_bytes)
    mend(path)
    assert path.read_bytes() == whole_bytes
    path.write_bytes(b"")
    mend(path)
    assert path.read_bytes() == b""


def test_items_without_their_answer_are_dropped(tmp_path: Path) -> None:
    """Items land before their answers: what a kill between the two left is made again."""
    (tmp_path / "items-00000.parquet").write_bytes(b"whatever")
    Landing(tmp_path)
    assert not list(tmp_path.iterdir())
