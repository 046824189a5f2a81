"""What a run remembers of earlier ones, and which posts it looks at again. Constructed rows; then a real crawl over loopback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.again import LATEST, SOONEST, _pace, _pause, address, due
from crawlers.card import Card
from crawlers.memory import Memory, remember
from flows.hosts import by_host, of_shard, reserved
from warehouse.schema import empty
from warehouse.settings import ConfigProblem

NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
WEIBO = "https://weibo.com/1935396210/z0JH2lOMb"


def card(name: str = "s", platform: str = "weibo", base: str = "http://127.0.0.1:8000", **again: Any) -> Card:
    options = {"again": {"url": base + "/show?id={id}", "reads": "weibo", **again}} if again is not None else {}
    return Card(name, "bridge", name, "宣传科", platform, (f"{base}/search",), options=options)


def tables(*posts: tuple[str, float, list[tuple[float, int]]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(post_id, age in hours, [(hours ago, likes)]) -> posts, observations."""
    rows = [
        {"post_id": name, "source": "s", "url": f"https://weibo.com/1/{n:016d}", "first_seen_at": NOW - timedelta(hours=age)}
        for n, (name, age, _) in enumerate(posts, 4_000_000_000_000_000)
    ]
    looks = [
        {"post_id": name, "observed_at": NOW - timedelta(hours=back), "likes_n": likes} for name, _, seen in posts for back, likes in seen
    ]
    frames = [(empty("posts"), rows), (empty("observations"), looks)]
    found = [pl.concat([table, pl.DataFrame(said, schema_overrides=table.schema)], how="diagonal_relaxed") for table, said in frames]
    return found[0], found[1]


def found(*posts: tuple[str, float, list[tuple[float, int]]], fetches: pl.DataFrame | None = None, **again: Any) -> list[str]:
    """Names of the posts that are due, in order."""
    rows, looks = tables(*posts)
    named = {f"http://127.0.0.1:8000/show?id={url.rsplit('/', 1)[1]}": name for url, name in rows.select("url", "post_id").iter_rows()}
    asked = due(rows, looks, empty("fetches") if fetches is None else fetches, [card(**again)], NOW)
    return [named[url] for url in asked.get("s", ())]


def test_hot_posts_in_minutes_cold_ones_daily_and_an_end() -> None:
    hot, new, newest = ("hot", 5.0, [(1.0, 100), (0.5, 400)]), ("new", 0.3, [(0.2, 1)]), ("newest", 0.1, [(0.1, 1)])
    slow, cold = ("slow", 10.0, [(1.5, 10), (0.8, 10)]), ("cold", 60.0, [(60.0, 5), (30.0, 5), (7.0, 5)])
    dead, old = ("dead", 60.0, [(60.0, 5), (50.0, 5), (40.0, 5), (30.0, 5)]), ("old", 200.0, [(200.0, 5), (30.0, 50)])
    daily = ("daily", 100.0, [(100.0, 5), (25.0, 50)])
    assert found(slow, cold, new, hot, dead, newest, old, daily) == ["hot", "daily", "new"]


def test_a_budget_keeps_the_most_active() -> None:
    posts = [(f"p{n}", 3.0, [(2.0, 10), (1.1, 10 + 10 * n)]) for n in range(20)]
    assert found(*posts, most=3) == ["p19", "p18", "p17"]


def test_what_was_gone_is_not_asked_for_again() -> None:
    gone = pl.DataFrame({"url": ["http://127.0.0.1:8000/show?id=4000000000000000"], "http_status": [404], "reason": ["error"]})
    assert found(("gone", 3.0, [(2.0, 1)]), ("here", 3.0, [(2.0, 1)]), fetches=gone) == ["here"]


@given(
    st.floats(0, 400), st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 10**9)), min_size=1, max_size=6, unique_by=lambda x: x[0])
)
@settings(max_examples=60, deadline=None)
def test_pauses_stay_within_bounds_and_more_growth_never_waits_longer(age: float, looks: list[tuple[int, int]]) -> None:
    seen = [(minutes / 60, likes) for minutes, likes in sorted(looks, reverse=True)]
    rows, observations = tables(("p", age, seen))
    frame = rows.join(_pace(observations, NOW), on="post_id").with_columns(age_h=pl.lit(age))
    pause = frame.select(pause=_pause())["pause"][0]
    assert SOONEST <= pause <= LATEST
    faster = frame.with_columns(share_h=pl.col("share_h").clip(0) * 2 + 1, quiet_n=pl.lit(0))
    assert faster.select(pause=_pause())["pause"][0] <= pause


def test_addresses_of_posts() -> None:
    assert address(card(), WEIBO) == "http://127.0.0.1:8000/show?id=3501756485200075"
    assert address(card(), "https://weibo.com/about") is None
    assert address(Card("a", "article", "a", "宣传科", "news", ("http://x.example/",)), WEIBO) is None
    page = Card("a", "article", "a", "宣传科", "news", ("http://x.example/",), options={"again": {"url": "{url}"}})
    assert address(page, "http://x.example/1.html") == "http://x.example/1.html"


def fetch(url: str, reason: str, minutes: int, **more: Any) -> dict[str, Any]:
    return {
        "source": "s",
        "url": url,
        "reason": reason,
        "fetched_at": NOW - timedelta(minutes=minutes),
        "fetch_id": f"{url}{minutes}",
        **more,
    }


def memory_of(*rows: dict[str, Any], posts: pl.DataFrame | None = None) -> Memory:
    fetches = pl.concat([empty("fetches"), pl.DataFrame(rows, schema_overrides=empty("fetches").schema)], how="diagonal_relaxed")
    return remember(fetches, empty("posts") if posts is None else posts, ["s"])["s"]


def test_a_run_remembers_validators_pages_and_cursors() -> None:
    memory = memory_of(
        fetch("http://x/a.xml", "ok", 60, etag='"1"', last_modified="Mon, 09 Mar 2026 07:51:28 GMT"),
        fetch("http://x/a.xml", "not_modified", 30),
        fetch("http://x/b.xml", "ok", 60, etag='"1"'),
        fetch("http://x/b.xml", "captcha", 30),
        fetch("http://x/1.html?utm_source=a", "ok", 50),
        fetch("http://x/2.html", "error", 50),
        fetch("http://x/l", "ok", 50, cursor="539\t1200"),
        fetch("http://x/l", "ok", 20, cursor="539\t1300"),
    )
    assert memory.validators == {"http://x/a.xml": ('"1"', "Mon, 09 Mar 2026 07:51:28 GMT")}  # a captcha came since: ask for the whole
    assert "http://x/1.html" in memory.read
    assert "http://x/2.html" not in memory.read
    assert memory.cursors == {"539": "1300"}
    assert Memory.from_json(memory.to_json()) == memory


def test_what_a_source_usually_fills_in_needs_enough_posts() -> None:
    posts = pl.concat(
        [empty("posts"), pl.DataFrame({"source": ["s"] * 30, "published_at": [NOW] * 27 + [None] * 3})], how="diagonal_relaxed"
    )
    assert memory_of(posts=posts).usual == pytest.approx({"time": 0.9, "title": 0.0, "author": 0.0})
    assert memory_of(posts=posts.head(10)).usual == {}


def test_sources_that_share_a_host_are_asked_in_turn(tmp_path: Path) -> None:
    cards = [
        Card(str(n), "feed", "x", "宣传科", "news", tuple(f"http://{host}/" for host in hosts))
        for n, hosts in enumerate(["a", "b", "c", "ab", "d", "dc"])
    ]
    groups = sorted("".join(sorted(one.id for one in group)) for group in by_host(cards))
    assert groups == ["013", "245"]
    with reserved(["b", "a"], tmp_path), reserved(["c"], tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["host-a.lock", "host-b.lock", "host-c.lock"]


def test_shards_share_out_the_sources_and_never_a_host() -> None:
    cards = [Card(str(n), "feed", "x", "宣传科", "news", (f"http://host{n % 13}/", f"http://host{n % 7}.b/")) for n in range(40)]
    parts = [{card.id for card in of_shard(cards, f"{k}/3")} for k in (1, 2, 3)]
    assert set.union(*parts) == {card.id for card in cards}
    assert sum(map(len, parts)) == len(cards)
    apart = [Card(str(n), "feed", "x", "宣传科", "news", (f"http://host{n}/",)) for n in range(60)]
    assert all(8 <= len(of_shard(apart, f"{k}/3")) <= 32 for k in (1, 2, 3))
    with pytest.raises(ConfigProblem, match="no part 4 of 3"):
        of_shard(cards, "4/3")
