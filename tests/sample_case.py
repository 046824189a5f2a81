"""A small constructed warehouse with its archive: one event of three posts, warned of, and answers written as a crawl writes them."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from crawlers.archive import Archive
from warehouse.schema import COLUMNS, TABLES
from warehouse.settings import Settings, load_settings
from warehouse.store import Warehouse

AS_OF = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
DAY = timedelta(days=1)
BODIES = {
    "f0": '<html><meta charset="utf-8"><title>岚湖一院排队</title><p>排队两小时'.encode() + b"x" * 300,
    "f1": b'{"data": [1, 2, 3]}' * 40,
    "f2": b"",
    "again": b'{"likes": 9}' * 30,
}
HOSTILE = '<script>document.title="ran"</script><img src=x onerror=alert(1)>岚湖一院'
POSTS: tuple[dict[str, Any], ...] = (
    {"post_id": "p0", "fetch_id": "f0", "title": "=HYPERLINK(1)岚湖一院排队", "url": "https://news.example/0"},
    {"post_id": "p1", "fetch_id": "f1", "title": HOSTILE, "url": "javascript:alert(1)"},
    {"post_id": "p2", "fetch_id": "file", "title": None, "url": None},
)
CONF = """name: 岚湖测试
drill: true
scenario: lanhu
"""


def frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    names = [name for name in TABLES[table].columns if name not in ("run_id", "day_on")]
    return pl.DataFrame(rows, schema={name: COLUMNS[name].dtype for name in names})


def make_case(root: Path, **urls: str) -> Settings:
    """Settings of a conf folder whose warehouse knows event e1 at AS_OF (posts p0, p1) and a day later (p2 too). `urls`: by post."""
    conf = root / "conf"
    conf.mkdir(parents=True)
    (conf / "settings.yml").write_text(CONF, encoding="utf-8")
    (conf / "hospitals.yml").write_text(
        "scope: listed\nhospitals:\n  - {id: lanhu_first, name: 岚湖市第一人民医院, province: 青澜省, city: 岚湖市}\n", encoding="utf-8"
    )
    settings = load_settings(conf, root=root / "data")
    warehouse = Warehouse(settings.warehouse, "daily-20260310T003000Z")
    warehouse.add("fetches", frame("fetches", _answers(settings.archive)))
    posts = [
        {"source": "feed", "platform": "weibo", "kind": "post", "text": "岚湖一院 1**********", "published_at": AS_OF - DAY / 24,
         "published_precision": "minute", "first_seen_at": AS_OF + (DAY if post["post_id"] == "p2" else 0 * DAY),
         **post, **({"url": urls[post["post_id"]]} if post["post_id"] in urls else {})}
        for post in POSTS
    ]  # fmt: skip
    warehouse.add("posts", frame("posts", posts))
    seen = [("p0", AS_OF, "f0", 3), ("p0", AS_OF + DAY / 2, "again", 1234), ("p1", AS_OF, "f1", None)]
    rows = [{"post_id": post, "observed_at": at, "fetch_id": fetch, "likes_n": likes} for post, at, fetch, likes in seen]
    warehouse.add("observations", frame("observations", rows))
    for as_of, members in ((AS_OF, ["p0", "p1"]), (AS_OF + DAY, ["p0", "p1", "p2"])):
        _day(warehouse, as_of, members)
    return settings


def _answers(archive: Path) -> list[dict[str, Any]]:
    name = "daily-20260310T003000Z/feed/feed.warc.gz"
    (archive / name).parent.mkdir(parents=True)
    file, rows = Archive(archive / name, name), []
    for n, (fetch_id, body) in enumerate(BODIES.items()):
        at, url = AS_OF + (DAY / 2 if fetch_id == "again" else 0 * DAY), f"https://news.example/{n}?q=岚湖"
        place = file.add(fetch_id, url, at, 200, [("Content-Type", "text/html; charset=utf-8"), ("Set-Cookie", "a=b")], body)
        rows.append(
            {"fetch_id": fetch_id, "source": "feed", "url": url, "fetched_at": at, "http_status": 200, "reason": "ok", "bytes_n": len(body),
             "items_n": 1, "sha256": place.sha256, "warc_file": place.file, "warc_offset": place.offset,
             "detail": "override robots: 网站已书面同意" if n == 0 else None}
        )  # fmt: skip
    file.close()
    imported = {
        "fetch_id": "file",
        "source": "import:vendor",
        "url": "x.csv",
        "fetched_at": AS_OF,
        "reason": "ok",
        "bytes_n": 1,
        "items_n": 1,
    }
    return [*rows, imported]


def _day(warehouse: Warehouse, as_of: datetime, members: list[str]) -> None:
    event = {
        "event_id": "e1", "as_of": as_of, "hospital_id": "lanhu_first", "title": "排队<争议>", "category": "service",
        "first_post_at": AS_OF, "last_post_at": AS_OF, "posts_n": len(members), "authors_n": 1, "platforms": ["weibo"], "growth": 1.0,
    }  # fmt: skip
    warning = {
        "warning_id": "w1", "event_id": "e1", "hospital_id": "lanhu_first", "as_of": as_of, "level": 2, "severity": "中度", "rank": 1,
        "title": "排队<争议>", "category": "service", "reasons": [], "owner_role": "宣传科", "due_at": as_of + DAY, "plan_version": "x",
        "is_drill": True,
    }  # fmt: skip
    warehouse.replace("events", frame("events", [event]), as_of)
    warehouse.replace("event_posts", frame("event_posts", [{"event_id": "e1", "post_id": post, "as_of": as_of} for post in members]), as_of)
    warehouse.replace("warnings", frame("warnings", [warning]), as_of)


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    """Change words inside the gzip members without moving them: a member is recompressed into the room it had."""
    raw = path.read_bytes()
    starts = [n for n in range(len(raw)) if raw[n : n + 3] == b"\x1f\x8b\x08"]
    out, changed = bytearray(raw), 0
    for start, end in zip(starts, [*starts[1:], len(raw)], strict=True):
        plain = gzip.decompress(raw[start:end])
        if old in plain:
            member = gzip.compress(plain.replace(old, new), 9, mtime=0)
            assert len(member) <= end - start
            out[start:end] = member + b"\0" * (end - start - len(member))
            changed += 1
    assert changed
    path.write_bytes(bytes(out))
