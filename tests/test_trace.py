"""Every line walks home to bytes that are still what they were, and forward to the warnings. Constructed tables and a tiny WARC."""

from __future__ import annotations

import gzip
import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from warehouse.records import archived
from warehouse.schema import COLUMNS, TABLES
from warehouse.store import Warehouse
from warehouse.trace import Node, TraceProblem, trace

AS_OF = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
DAY = timedelta(days=1)
BODIES = [f'{{"data": "岚湖市第一人民医院 第 {n} 页"}}'.encode() * 20 for n in range(3)]


def frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    names = [name for name in TABLES[table].columns if name not in ("run_id", "day_on")]
    return pl.DataFrame(rows, schema={name: COLUMNS[name].dtype for name in names})


def archive(path: Path) -> list[int]:
    """Three answers, a gzip member each; returns where each record starts."""
    path.parent.mkdir(parents=True)
    offsets = []
    with path.open("wb") as out:
        writer = WARCWriter(out, gzip=True)
        for n, body in enumerate(BODIES):
            offsets.append(out.tell())
            headers = StatusAndHeaders("200 OK", [("Content-Type", "application/json")], protocol="HTTP/1.1")
            fixed = {"WARC-Record-ID": f"<urn:uuid:00000000-0000-4000-8000-00000000000{n}>", "WARC-Date": "2026-03-10T00:30:00Z"}
            record = writer.create_warc_record(
                f"https://example.invalid/{n}", "response", payload=io.BytesIO(body), http_headers=headers, warc_headers_dict=fixed
            )
            writer.write_record(record)
    return offsets


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """Event e1 of posts p0, p1 (fetches f0, f1) known at two lists and warned of on both; p2 (f2) is in no event."""
    warehouse = Warehouse(tmp_path)
    offsets = archive(tmp_path / "warc" / "feed.warc.gz")
    warehouse.add(
        "fetches",
        frame(
            "fetches",
            [
                {
                    "fetch_id": f"f{n}",
                    "source": "feed",
                    "url": f"https://example.invalid/{n}",
                    "fetched_at": AS_OF,
                    "reason": "ok",
                    "bytes_n": len(body),
                    "items_n": 1,
                    "sha256": hashlib.sha256(body).hexdigest(),
                    "warc_file": "warc/feed.warc.gz",
                    "warc_offset": offsets[n],
                }
                for n, body in enumerate(BODIES)
            ]
            + [
                {
                    "fetch_id": "file",
                    "source": "import:vendor",
                    "url": "x.csv",
                    "fetched_at": AS_OF,
                    "reason": "ok",
                    "bytes_n": 1,
                    "items_n": 1,
                }
            ],
        ),
    )
    warehouse.add(
        "posts",
        frame(
            "posts",
            [
                {
                    "post_id": post,
                    "source": "feed",
                    "platform": "weibo",
                    "kind": "post",
                    "text": "岚湖一院 [b]排队[/b]",
                    "published_precision": "unknown",
                    "first_seen_at": AS_OF,
                    "fetch_id": fetch,
                }
                for post, fetch in (("p0", "f0"), ("p1", "f1"), ("p2", "f2"), ("p3", "file"), ("p4", "gone"))
            ],
        ),
    )
    for as_of, members in ((AS_OF, ["p0"]), (AS_OF + DAY, ["p0", "p1"])):
        warehouse.replace(
            "events",
            frame(
                "events",
                [
                    {
                        "event_id": "e1",
                        "as_of": as_of,
                        "hospital_id": "lanhu_first",
                        "title": "排队争议",
                        "category": "service",
                        "first_post_at": AS_OF,
                        "last_post_at": AS_OF,
                        "posts_n": len(members),
                        "authors_n": 1,
                        "platforms": ["weibo"],
                        "growth": 1.0,
                    }
                ],
            ),
            as_of,
        )
        warehouse.replace(
            "event_posts", frame("event_posts", [{"event_id": "e1", "post_id": post, "as_of": as_of} for post in members]), as_of
        )
        warehouse.replace(
            "forecasts",
            frame(
                "forecasts",
                [
                    {
                        "event_id": "e1",
                        "as_of": as_of,
                        "horizon_h": hours,
                        "target": "escalation",
                        "escalates_p": 0.5,
                        "expected_n": 9.0,
                        "low_n": 1.0,
                        "high_n": 20.0,
                        "drivers": [],
                        "model_version": "constructed",
                        "resolve_rule": "新增 ≥ 10 条",
                        "resolve_at": as_of + timedelta(hours=hours),
                    }
                    for hours in (48, 24)
                ],
            ),
            as_of,
        )
        warehouse.replace(
            "warnings",
            frame(
                "warnings",
                [
                    {
                        "warning_id": "w1",
                        "event_id": "e1",
                        "hospital_id": "lanhu_first",
                        "as_of": as_of,
                        "level": 2,
                        "severity": "中度",
                        "rank": 1,
                        "title": "排队争议",
                        "category": "service",
                        "reasons": [],
                        "owner_role": "宣传科",
                        "due_at": as_of + DAY,
                        "plan_version": "x",
                        "is_drill": True,
                    }
                ],
            ),
            as_of,
        )
    return warehouse


def shown(node: Node) -> Any:
    return (node.label, node.id, [shown(child) for child in node.children]) if node.children else (node.label, node.id)


def test_a_warning_walks_home_as_it_was_known_when_issued(warehouse: Warehouse) -> None:
    walked = trace(warehouse, "w1")
    record = ("fetch", "f0", [("record", "f0")])
    assert shown(walked.home) == (
        "warning", "w1", [("forecast", "e1"), ("forecast", "e1"), ("event", "e1", [("post", "p0", [record])])],
    )  # fmt: skip
    assert [child.detail[:4] for child in walked.home.children[:2]] == ["24 h", "48 h"]
    assert "2026-03-10 08:30" in walked.home.detail
    assert walked.forward is None
    assert walked.is_intact


def test_an_event_walks_both_ways_from_its_latest_state(warehouse: Warehouse) -> None:
    walked = trace(warehouse, "e1")
    assert [child.id for child in walked.home.children] == ["p0", "p1"]
    assert walked.forward is not None
    assert shown(walked.forward) == ("event", "e1", [("warning", "w1")])


def test_a_fetch_and_a_post_walk_forward_to_the_warning(warehouse: Warehouse) -> None:
    onward = ("event", "e1", [("warning", "w1")])
    fetch, post = trace(warehouse, "f1"), trace(warehouse, "p1")
    assert fetch.forward is not None
    assert post.forward is not None
    assert shown(fetch.forward) == ("fetch", "f1", [("post", "p1", [onward])])
    assert shown(post.forward) == ("post", "p1", [onward])
    assert [child.label for child in post.children] == ["fetch", "event"]  # read as one node: home first, then forward
    lonely = trace(warehouse, "p2").forward
    assert lonely is not None
    assert shown(lonely) == ("post", "p2")


@pytest.mark.parametrize(("post", "state"), [("p0", "intact"), ("p1", "intact"), ("p2", "intact"), ("p3", "none"), ("p4", "missing")])
def test_each_record_is_found_at_its_own_offset_and_hashed_again(warehouse: Warehouse, post: str, state: str) -> None:
    assert [record.state for record in trace(warehouse, post).home.records()] == [state]


def rewrite(path: Path, change: dict[bytes, bytes]) -> None:
    """Change words inside the gzip members without moving them: members are recompressed into the room they had."""
    raw = path.read_bytes()
    starts = [n for n in range(len(raw)) if raw[n : n + 3] == b"\x1f\x8b\x08"]
    out = bytearray(raw)
    for start, end in zip(starts, [*starts[1:], len(raw)], strict=True):
        plain = gzip.decompress(raw[start:end])
        changed = plain
        for old, new in change.items():
            changed = changed.replace(old, new)
        if changed != plain:
            member = gzip.compress(changed, 9)
            assert len(member) <= end - start
            out[start:end] = member + b"\0" * (end - start - len(member))
    path.write_bytes(bytes(out))


def test_a_word_changed_in_the_archive_is_found_and_its_neighbours_are_not_blamed(warehouse: Warehouse) -> None:
    file = warehouse.root / "warc" / "feed.warc.gz"
    rewrite(file, {BODIES[1]: BODIES[1].replace("医院".encode(), "医医".encode())})
    walked = trace(warehouse, "e1")
    assert {record.id: record.state for record in walked.home.records()} == {"f0": "intact", "f1": "tampered"}
    assert not walked.is_intact
    assert "已被改动 (body differs" in trace(warehouse, "f1").home.records()[0].detail


def test_headers_are_evidence_too_and_a_record_of_another_address_does_not_pass(warehouse: Warehouse) -> None:
    file = warehouse.root / "warc" / "feed.warc.gz"
    rewrite(file, {b"application/json": b"aaaaaaaaaaaaaaaa"})
    assert "headers differ" in trace(warehouse, "f0").records[0].detail
    other = {"source": "feed", "url": "https://example.invalid/other", "fetched_at": AS_OF, "reason": "ok", "bytes_n": 1, "items_n": 1}
    place = {"sha256": hashlib.sha256(BODIES[0]).hexdigest(), "warc_file": "warc/feed.warc.gz", "warc_offset": 0}
    warehouse.add("fetches", frame("fetches", [{"fetch_id": "other", **other, **place}]))
    assert trace(warehouse, "other").records[0].state == "tampered"


def test_raw_bytes_walk_to_every_warning_by_their_hash_or_their_place(warehouse: Warehouse) -> None:
    offset = warehouse.read("fetches").filter(fetch_id="f1")["warc_offset"][0]
    file = warehouse.root / "warc" / "feed.warc.gz"
    onward = ("fetch", "f1", [("post", "p1", [("event", "e1", [("warning", "w1")])])])
    for id in (hashlib.sha256(BODIES[1]).hexdigest(), f"warc/feed.warc.gz@{offset}", f"{file}:{offset}"):
        walked = trace(warehouse, id)
        assert walked.forward is not None
        assert shown(walked.forward) == ("bytes", id, [onward])
        assert shown(walked.home) == ("bytes", id, [("fetch", "f1", [("record", "f1")])])
        assert walked.is_intact
    for id in ("0" * 64, f"warc/feed.warc.gz@{offset + 1}"):
        with pytest.raises(TraceProblem):
            trace(warehouse, id)


def test_a_post_is_behind_those_warnings_only_that_knew_it(warehouse: Warehouse) -> None:
    """p1 joined the event on the second day: a warning of the first day alone does not stand on it."""
    early = (
        warehouse.read("warnings")
        .filter(as_of=AS_OF)
        .drop("run_id", "day_on")
        .with_columns(warning_id=pl.lit("w0"), rank=pl.lit(2, pl.Int64))
    )
    both = pl.concat([warehouse.read("warnings").filter(as_of=AS_OF).drop("run_id", "day_on"), early])
    warehouse.replace("warnings", both, AS_OF)
    found = {post: [warning.id for warning in _forward(warehouse, post).children[0].children] for post in ("p0", "p1")}
    assert found == {"p0": ["w0", "w1"], "p1": ["w1"]}


def _forward(warehouse: Warehouse, id: str) -> Node:
    walked = trace(warehouse, id).forward
    assert walked is not None
    return walked


def test_an_answer_that_only_brought_new_counts_leads_on_to_the_warnings_too(warehouse: Warehouse) -> None:
    seen = {"post_id": "p0", "observed_at": AS_OF, "likes_n": 5, "fetch_id": "f2"}
    warehouse.add("observations", frame("observations", [seen]))
    posts = _forward(warehouse, "f2").children
    assert [post.id for post in posts] == ["p2", "p0"]
    assert posts[1].detail.endswith("only counts read here")
    assert [warning.id for event in posts[1].children for warning in event.children] == ["w1"]


def test_every_step_names_the_run_that_wrote_it(warehouse: Warehouse) -> None:
    def details(node: Node) -> list[str]:
        own = [] if node.label in ("record", "forecast") else [node.detail]
        return own + [one for child in node.children for one in details(child)]

    walked = trace(warehouse, "w1")
    assert all(said.endswith("run by-hand") for said in details(walked.home))


@pytest.mark.parametrize(("harm", "code", "says"), [(None, 0, "intact: "), ("医院", 1, "tampered: "), ("gone", 1, "missing: ")])
def test_verify_says_one_word_and_its_exit_code(
    warehouse: Warehouse, harm: str | None, code: int, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from typer.testing import CliRunner

    from flows.cli import app

    root = tmp_path / "root"
    (root / "archive").mkdir(parents=True)
    for place in warehouse.root.iterdir():
        if place != root:
            place.rename(root / "archive" / place.name if place.name == "warc" else root / place.name)
    (root / "warehouse").mkdir()
    for place in root.iterdir():
        if place.name not in ("archive", "warehouse"):
            place.rename(root / "warehouse" / place.name)
    file = root / "archive" / "warc" / "feed.warc.gz"
    if harm == "gone":
        file.unlink()
    elif harm:
        rewrite(file, {BODIES[1]: BODIES[1].replace(harm.encode(), "医医".encode())})
    monkeypatch.setenv("GUANCHAO_ROOT", str(root))
    done = CliRunner().invoke(app, ["trace", "e1", "--verify"])
    assert done.exit_code == code, done.output
    assert says in done.output


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.9])
def test_an_archive_cut_short_or_gone_is_never_called_intact(warehouse: Warehouse, keep: float) -> None:
    file = warehouse.root / "warc" / "feed.warc.gz"
    whole = file.read_bytes()
    if keep:
        file.write_bytes(whole[: int(len(whole) * keep)])
    else:
        file.unlink()
    state = trace(warehouse, "f2").home.records()[0].state
    assert state == ("tampered" if keep == 0.9 else "missing")


def test_noise_where_the_record_was_is_tampered(warehouse: Warehouse) -> None:
    file = warehouse.root / "warc" / "feed.warc.gz"
    file.write_bytes(b"\xff" * file.stat().st_size)
    assert {trace(warehouse, f"f{n}").home.records()[0].state for n in range(3)} == {"tampered"}


@pytest.mark.parametrize("found", [b"http://example.invalid/ 0.0.0.0 20260310003000 text/html 0\n", b"\0" * 40, b"\n"])
def test_an_empty_body_is_not_excused_by_a_record_that_is_none(warehouse: Warehouse, found: bytes) -> None:
    (warehouse.root / "warc" / "other.warc.gz").write_bytes(found)
    row = {"fetch_id": "empty", "source": "feed", "url": "x", "fetched_at": AS_OF, "reason": "ok", "bytes_n": 0, "items_n": 0}
    place = {"sha256": hashlib.sha256(b"").hexdigest(), "warc_file": "warc/other.warc.gz", "warc_offset": 0}
    warehouse.add("fetches", frame("fetches", [{**row, **place}]))
    assert trace(warehouse, "empty").home.records()[0].state == "tampered"


def test_an_unknown_id_is_one_clear_line(warehouse: Warehouse, tmp_path: Path) -> None:
    for place in (warehouse, Warehouse(tmp_path / "empty")):
        with pytest.raises(TraceProblem, match="nobody: no warning, event, post or fetch") as problem:
            trace(place, "nobody")
        assert "\n" not in str(problem.value)


def test_of_every_bit_of_a_record_none_turns_unseen_but_those_that_fill_its_last_byte(warehouse: Warehouse) -> None:
    """The gzip header, too, which no checksum covers; before the checksum up to seven bits fill a byte and say nothing."""
    file, fetch = warehouse.root / "warc" / "feed.warc.gz", warehouse.read("fetches").filter(fetch_id="f0").to_dicts()[0]
    whole = file.read_bytes()
    length, unseen = len(archived(warehouse.root, fetch).member), list[int]()
    for n in [*range(20), *range(20, length, 7), *range(length - 12, length)]:
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[n] ^= 1 << bit
            file.write_bytes(flipped)
            unseen += [n] if archived(warehouse.root, fetch).state != "tampered" else []
    assert set(unseen) <= {length - 9}
    file.write_bytes(whole[:9] + b"\x00" + whole[10:])
    assert "gzip header" in trace(warehouse, "f0").records[0].detail


def test_of_a_warning_whose_posts_are_past_retention_nothing_is_archived(warehouse: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings are kept for years, what they stand on for half a one: docs/lineage.md has the words."""
    from flows.terminal import print_verdict_on_bytes

    for table in ("event_posts", "posts", "observations", "fetches"):
        warehouse.rewrite(table, pl.lit(True), lambda rows: rows.clear())
    assert not print_verdict_on_bytes(trace(warehouse, "w1"))
    said = capsys.readouterr().out
    assert said == "nothing archived: warning w1 stands on 0 records: none\n"
    told = (Path(__file__).parent.parent / "docs" / "lineage.md").read_text(encoding="utf-8")
    assert "`nothing archived: warning … stands on 0 records: none`" in told
