"""What was erased stays out, by whatever road it comes again, and nothing else goes with it. Constructed rows only."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crawlers.archive import Archive
from expectations.land import Landed, land
from flows import arrival
from flows.road import Road
from tests.test_land import AS_OF, fetches, items
from warehouse.erase import Wish, erase
from warehouse.records import archived
from warehouse.schema import TABLES
from warehouse.settings import PROJECT, Settings
from warehouse.store import Warehouse

URL = "https://weibo.com/1/aaa1"
LATER = AS_OF + timedelta(days=1)
MOJIBAKE = "锟斤拷锟斤拷医院"


def came(warehouse: Warehouse, *changes: dict[str, Any], at: datetime = AS_OF) -> Landed:
    """One run's landing; whatever it sets aside is kept."""
    rows = items(*changes, at=at - timedelta(hours=1))
    return land(warehouse, rows, fetches({}, at=at - timedelta(hours=1)), at, {"feed": (1, 10)})


def everything(warehouse: Warehouse) -> str:
    """All that the tables say today."""
    return "".join(warehouse.read(table).write_json() for table in TABLES)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "wh", "daily-20260310T003000Z")


def test_an_address_that_begins_like_it_is_another_posts(warehouse: Warehouse, tmp_path: Path) -> None:
    came(warehouse, {"url": URL, "text": None}, {"url": f"{URL}2", "text": None}, {"url": f"{URL}2", "fetch_id": "feed-2"})
    done = erase(warehouse, tmp_path, Wish(urls=(URL,)), AS_OF)
    assert done.posts == ["p0"]
    assert done.rows == {"quarantine": 1, "fetches": 1}
    assert warehouse.read("quarantine")["row_id"].to_list() == ["p1"]
    assert warehouse.read("posts")["post_id"].to_list() == ["p2"]


def test_a_post_that_was_only_set_aside_stays_out_by_its_id(warehouse: Warehouse, tmp_path: Path) -> None:
    came(warehouse, {"url": URL, "text": None}, {})
    erase(warehouse, tmp_path, Wish(urls=(URL,)), AS_OF)
    again = came(warehouse, {"url": "https://m.weibo.cn/status/1"}, {}, at=LATER)
    assert (again.kept_out, warehouse.read("posts")["post_id"].to_list()) == (1, ["p1"])
    assert erase(warehouse, tmp_path, Wish(urls=(URL,)), LATER).rows == {}


@pytest.mark.parametrize("seen_as", [URL, URL.replace("https", "http")])
def test_an_address_never_seen_is_noted_and_its_post_does_not_come_in(warehouse: Warehouse, tmp_path: Path, seen_as: str) -> None:
    came(warehouse, {})
    done = erase(warehouse, tmp_path, Wish(urls=(URL,), note="letter"), AS_OF)
    assert (done.posts, done.rows) == ([], {})
    (noted,) = warehouse.read("erasures").select("erased_kind", "erased_id", "note").rows()
    assert (noted[0], len(noted[1]), noted[2]) == ("url", 64, "letter")
    again = came(warehouse, {"post_id": "new", "url": seen_as}, {"post_id": "next", "url": f"{seen_as}2"}, at=LATER)
    assert (again.kept_out, again.posts_new) == (1, 1)
    assert set(warehouse.read("posts")["post_id"]) == {"p0", "next"}
    direct = items({"post_id": "direct", "url": seen_as}).select(
        name for name in TABLES["posts"].columns if name not in ("run_id", "day_on")
    )
    assert warehouse.add("posts", direct) == 0
    assert URL.removeprefix("https://") + '"' not in everything(warehouse)


def test_an_erased_authors_broken_post_is_not_set_aside_with_its_words(warehouse: Warehouse, tmp_path: Path) -> None:
    came(warehouse, {"author_hash": "him"}, {"author_hash": "her"})
    erase(warehouse, tmp_path, Wish(authors=("him",)), AS_OF)
    broken = {"author_hash": "him", "text": MOJIBAKE, "post_id": "new"}
    again = came(warehouse, broken, {"author_hash": "her", "text": MOJIBAKE, "post_id": "hers"}, {}, at=LATER)
    assert (again.kept_out, again.quarantined) == (1, 1)
    assert warehouse.read("quarantine")["row_id"].to_list() == ["hers"]
    aside = warehouse.read("quarantine").select(name for name in TABLES["quarantine"].columns if name not in ("run_id", "day_on"))
    his = aside.with_columns(row_id=pl.lit("his"), row=pl.lit(json.dumps({"post_id": "his", "author_hash": "him"})))
    assert warehouse.add("quarantine", his) == 0  # nor by a writer that asks nobody


def test_a_row_that_came_under_anothers_id_goes_and_the_others_post_stays(warehouse: Warehouse, tmp_path: Path) -> None:
    came(warehouse, {"author_hash": "her"})
    came(warehouse, {"author_hash": "him", "text": None}, {}, at=LATER)
    assert warehouse.read("quarantine").height == 1
    assert erase(warehouse, tmp_path, Wish(authors=("him",)), LATER).posts == []
    assert warehouse.read("quarantine").is_empty()
    assert set(warehouse.read("posts")["post_id"]) == {"p0", "p1"}


class Run:
    """An installation whose crawls land two answers: one post's own page, and a page of another's."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(conf=PROJECT / "conf" / "drill", root=root, drill=True)
        self.tables = Warehouse(self.settings.warehouse)

    def crawled(self, at: datetime, name: str) -> Road:
        road = Road(self.settings, at)
        folder = road.landing / "feed"
        folder.mkdir(parents=True)
        (road.landing / arrival.RUN).write_text(json.dumps({"pid": os.getpid(), "floors": {}}))
        warc, told = f"{road.landing.name}/feed/feed.warc.gz", list[dict[str, Any]]()
        file = Archive(road.landing.parent / warc, warc)
        seen = at - timedelta(hours=1)
        for n, url in enumerate((URL, "https://weibo.com/2/bbb")):
            place = file.add(f"{name}-{n}", url, seen, 200, [("Content-Type", "text/html")], f"<p>第{n}人的话</p>".encode() * 20)
            told.append({"fetch_id": f"{name}-{n}", "url": url, "sha256": place.sha256, "warc_file": warc, "warc_offset": place.offset})
        file.close()
        rows = [{"url": one["url"], "author_hash": f"author{n}", "fetch_id": one["fetch_id"]} for n, one in enumerate(told)]
        items(*rows, at=seen).write_parquet(folder / "items-00000.parquet")
        fetches(*told, at=seen).write_parquet(folder / "fetches-00000.parquet")
        return road

    def states(self) -> dict[str, str]:
        return {row["fetch_id"]: archived(self.settings.archive, row).state for row in self.tables.read("fetches").to_dicts()}


@pytest.mark.parametrize("wish", [Wish(authors=("author0",)), Wish(urls=(URL,))])
def test_what_is_crawled_again_lies_in_the_archive_as_a_tombstone(tmp_path: Path, wish: Wish) -> None:
    here = Run(tmp_path)
    arrival.land(here.crawled(AS_OF, "a"))
    assert here.states() == {"a-0": "intact", "a-1": "intact"}
    erase(here.tables, here.settings.archive, wish, AS_OF)
    assert here.states() == {"a-0": "erased", "a-1": "intact"}
    arrival.land(here.crawled(AS_OF, "a"))  # a drill makes the same run again
    assert here.states() == {"a-0": "erased", "a-1": "intact"}
    arrival.land(here.crawled(LATER, "b"))  # a later one finds the page still there
    assert here.states() == {"a-0": "erased", "a-1": "intact", "b-0": "erased", "b-1": "intact"}
    noted = here.tables.read("erasures").filter(pl.col("erased_kind") == "fetch").sort("erased_id")
    assert noted["erased_id"].to_list() == ["a-0", "b-0"]
    assert here.tables.read("posts")["post_id"].to_list() == ["p1"]
    assert set(here.tables.read("fetches")["url"]) == {"erased:a-0", "erased:b-0", "https://weibo.com/2/bbb"}
    assert URL not in everything(here.tables)


def test_where_nothing_was_erased_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warehouse.erase.bury", lambda *given: pytest.fail("buried"))
    here = Run(tmp_path)
    arrival.land(here.crawled(datetime(2026, 3, 11, 0, 30, tzinfo=UTC), "a"))
    assert here.states() == {"a-0": "intact", "a-1": "intact"}
    assert not here.tables.exists("erasures")
