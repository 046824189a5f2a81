"""What was known then: as-of reads under random arrivals, late rows, corrections and re-observations. Constructed rows only."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.store import Warehouse

START = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)


def posts(rows: list[tuple[str, str]], at: datetime) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={"post_id": pl.String, "text": pl.String}, orient="row")
    fixed = {"source": "constructed", "platform": "weibo", "kind": "post", "published_precision": "unknown", "fetch_id": "f"}
    return frame.with_columns(first_seen_at=pl.lit(at), **{name: pl.lit(value) for name, value in fixed.items()})


def observations(ids: list[str], at: datetime, likes: int) -> pl.DataFrame:
    frame = pl.DataFrame({"post_id": ids}, schema={"post_id": pl.String})
    return frame.with_columns(observed_at=pl.lit(at), likes_n=pl.lit(likes), fetch_id=pl.lit("f"))


IDS = st.sampled_from(["a", "b", "c", "d"])
ARRIVALS = st.lists(
    st.tuples(
        st.integers(0, 60),  # hours since the arrival before
        st.lists(st.tuples(IDS, st.sampled_from(["one", "two"])), max_size=4, unique_by=lambda row: row[0]),
        st.lists(IDS, max_size=3, unique=True),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(ARRIVALS)
def test_a_past_as_of_reads_the_same_for_ever_and_is_what_was_known(arrivals: list[tuple[int, list[tuple[str, str]], list[str]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        warehouse, at, known = Warehouse(Path(folder)), START, {}
        seen: list[tuple[datetime, dict[str, str], pl.DataFrame, pl.DataFrame]] = []
        for hours, texts, observed in arrivals:
            at += timedelta(hours=hours, microseconds=1)
            warehouse.upsert("posts", posts(texts, at))
            warehouse.add("observations", observations(observed, at, likes=hours))
            known = known | dict(texts)
            seen.append((at, known, warehouse.read("posts", as_of=at), warehouse.read("observations", as_of=at)))
        for then, texts_then, posts_then, observations_then in seen:
            again = warehouse.read("posts", as_of=then)
            assert dict(again.select("post_id", "text").iter_rows()) == texts_then
            assert again.equals(posts_then)
            assert warehouse.read("observations", as_of=then).equals(observations_then)
        assert dict(warehouse.read("posts").select("post_id", "text").iter_rows()) == known


@settings(max_examples=25, deadline=None)
@given(st.permutations([(0, "one"), (30, "two"), (31, "three"), (90, "four")]), st.integers(0, 100))
def test_versions_that_come_late_or_out_of_order_make_the_same_history(order: list[tuple[int, str]], later: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder))
        for hours, text in order:
            warehouse.upsert("posts", posts([("a", text), (text, text)], START + timedelta(hours=hours)))
        known = [text for hours, text in sorted(order) if hours <= later]
        found = warehouse.read("posts", as_of=START + timedelta(hours=later)).filter(pl.col("post_id") == "a")
        assert found["text"].to_list() == known[-1:]
        assert warehouse.read("posts").height == 1 + len(order)


def test_the_same_again_writes_no_byte_and_a_correction_is_one_commit(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    days = [START + timedelta(days=n) for n in range(3)]
    for day in days[:2]:
        warehouse.upsert("posts", posts([(f"of {day:%d}", "said")], day))
    corrected = posts([("of 10", "corrected"), ("of 11", "corrected"), ("new", "said")], days[2])
    before = version(warehouse)
    assert warehouse.upsert("posts", corrected) == 3
    assert version(warehouse) <= before + 2  # one more the first time, which gives the log the column superseded_at
    before = version(warehouse)
    assert warehouse.upsert("posts", corrected) == 0
    assert warehouse.upsert("posts", posts([("of 10", "corrected")], days[2] + timedelta(hours=1))) == 0  # says nothing new
    assert warehouse.add("posts", posts([("of 10", "said")], days[2] + timedelta(hours=2))) == 0
    assert version(warehouse) == before
    assert warehouse.upsert("posts", posts([("of 10", "again")], days[2] + timedelta(hours=3))) == 1
    assert version(warehouse) == before + 1
    assert warehouse.read("posts", as_of=days[1])["text"].to_list() == ["said", "said"]


def version(warehouse: Warehouse) -> int:
    pinned = warehouse.opened("posts")
    assert pinned is not None
    return int(pinned.version())


def test_a_replaced_run_of_the_past_leaves_every_other_run_as_it_was(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)

    def members(ids: list[str], as_of: datetime) -> pl.DataFrame:
        return pl.DataFrame({"post_id": ids}).with_columns(event_id=pl.lit("e"), as_of=pl.lit(as_of))

    runs = [START + timedelta(hours=hours) for hours in (0, 1, 30)]
    for n, run in enumerate(runs):
        warehouse.replace("event_posts", members([f"{n}", "x"], run), run)
    before = {run: warehouse.read("event_posts", as_of=run) for run in runs}
    warehouse.replace("event_posts", members(["1", "x"], runs[1]), runs[1])
    assert all(warehouse.read("event_posts", as_of=run).equals(frame) for run, frame in before.items())


def test_a_day_of_a_hospital_is_that_of_the_whole_tables(tmp_path: Path) -> None:
    warehouse, later = Warehouse(tmp_path), START + timedelta(hours=5)
    assert warehouse.posts_about("h", "2026-03-10").collect().is_empty()
    for at, ids in ((START, ["a", "b"]), (later, ["c"]), (START + timedelta(days=1), ["d"])):
        warehouse.upsert("posts", posts([(name, "said") for name in ids], at))
        mention = {"hospital_id": "h", "evidence": "x", "confidence_p": 1.0, "status": "confirmed"}
        ours = pl.DataFrame({"post_id": [name for name in ids if name != "b"]})
        warehouse.add("mentions", ours.with_columns(first_seen_at=pl.lit(at), **{name: pl.lit(value) for name, value in mention.items()}))
    warehouse.upsert("posts", posts([("a", "corrected")], START + timedelta(days=1)))
    found = warehouse.posts_about("h", "2026-03-10").collect()
    assert found["post_id"].to_list() == ["c"]  # a's word of that day is not what is known today
    assert found.columns == warehouse.read("posts").columns
    assert sorted(warehouse.day("posts", "2026-03-11").collect()["post_id"]) == ["a", "d"]
