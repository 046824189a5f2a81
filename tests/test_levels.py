"""The playbook's observable criteria as of an instant: counted as the list counts them, at every instant, in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from briefing import facts
from briefing.playbook import Playbook, load_playbook
from models.escalation.levels import Scheme, members, reached
from warehouse.schema import empty, polars_schema
from warehouse.settings import PROJECT

NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def table(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = polars_schema(name)
    return pl.DataFrame([{column: row.get(column) for column in schema} for row in rows], schema=schema)


def post(number: int, hours: float, **more: Any) -> dict[str, Any]:
    """Published and seen `hours` after NOW."""
    at = NOW + hours * HOUR
    return {"post_id": f"p{number}", "platform": "weibo", "published_at": at, "first_seen_at": at, "text": "构造:排队", **more}


Ranks = Sequence[tuple[int, float, int]]


def world(posts: list[dict[str, Any]], ranks: Ranks = (), unsure: tuple[int, ...] = ()) -> dict[str, pl.DataFrame]:
    """One event of these posts; ranks: number of the post, hours after NOW, place."""
    event = {"event_id": "e", "as_of": NOW, "hospital_id": "h", "category": "service", "posts_n": len(posts)}
    return {
        "events": table("events", [event]),
        "event_posts": table("event_posts", [{"event_id": "e", "post_id": one["post_id"], "as_of": NOW} for one in posts]),
        "posts": table("posts", posts),
        "mentions": table("mentions", [
            {"post_id": one["post_id"], "hospital_id": "h", "status": "unconfirmed" if n in unsure else "confirmed",
             "first_seen_at": one["first_seen_at"]} for n, one in enumerate(posts)
        ]),
        "scores": table("scores", [
            {"post_id": one["post_id"], "model_version": "m", "relevant_p": 0.9, "negative_p": 0.9, "first_seen_at": one["first_seen_at"]}
            for one in posts
        ]),
        "observations": table("observations", [
            {"post_id": f"p{number}", "observed_at": NOW + hours * HOUR, "board_rank": rank} for number, hours, rank in ranks
        ]),
    }  # fmt: skip


def plain(**changes: Any) -> dict[str, Any]:
    return load_playbook(PROJECT / "conf" / "playbook.yml").model_dump() | changes


def times(
    frames: dict[str, pl.DataFrame], said: dict[str, Any] | None = None, hours: float = 24, category: str = "service"
) -> dict[int, Any]:  # fmt: skip
    """level -> hours after NOW at which it was reached, None if it was not."""
    scheme = Scheme.of(said or plain())
    asked = pl.DataFrame({"event_id": ["e"], "since": [NOW], "until": [NOW + hours * HOUR], "category": [category]})
    inside = members(*(frames[name] for name in ("events", "event_posts", "posts", "mentions", "scores")), scheme)
    found = reached(inside, frames["observations"], asked, scheme)
    return {level: at and round((at - NOW) / HOUR, 3) for level, at in found.select("level", "reached_at").iter_rows()}


def test_posts_of_a_day_make_levels_at_the_post_that_completes_them() -> None:
    posts = [post(n, n / 10) for n in range(-5, 60)]
    assert times(world(posts)) == {1: 0, 2: 1.4, 3: None}  # p-5 … p14 are twenty
    assert times(world(posts), hours=1) == {1: 0, 2: None, 3: None}


def test_a_graver_level_is_every_milder_one() -> None:
    assert times(world([post(0, -30)], [(0, 5, 7)])) == {1: 5, 2: 5, 3: 5}
    assert times(world([post(0, -30)], [(0, 5, 40), (0, 9, 7)])) == {1: 5, 2: 5, 3: 9}


def test_a_place_on_a_board_counts_for_a_day() -> None:
    assert times(world([post(0, -30)], [(0, -23, 40)])) == {1: 0, 2: 0, 3: None}
    assert times(world([post(0, -30)], [(0, -24, 40)])) == {1: None, 2: None, 3: None}


def test_groups_by_category_and_by_words() -> None:
    deadly = [post(n, n, text="构造:抢救无效死亡" if n == 5 else "构造:排队") for n in range(1, 7)]
    assert times(world(deadly)) == {1: 3, 2: 5, 3: None}
    assert times(world([post(n, n) for n in range(1, 10)]), category="safety") == {1: 2, 2: 8, 3: None}
    unread = world(deadly)
    unread["scores"] = empty("scores")
    assert times(unread)[2] is None


def test_posts_of_an_unsure_hospital_do_not_count() -> None:
    posts = [post(n, n / 10) for n in range(5)]
    assert times(world(posts, [(0, 1, 3)], unsure=(0, 1, 2))) == {1: None, 2: None, 3: None}


def test_what_is_seen_late_counts_from_when_it_was_seen_and_a_date_without_a_time_lasts_its_day() -> None:
    late = [post(n, -20, first_seen_at=NOW + 2 * HOUR) for n in range(3)]
    assert times(world(late))[1] == 2
    old = [post(n, -30, first_seen_at=NOW + 2 * HOUR) for n in range(3)]
    assert times(world(old))[1] is None
    assert times(world([{**one, "published_precision": "day"} for one in old]))[1] == 2


def test_numbers_may_run_the_other_way() -> None:
    said = plain()
    turned = [{**level, "number": 4 - level["number"]} for level in said["scheme"]["levels"]]
    said["scheme"] = {"direction": "smaller_is_worse", "levels": turned}
    assert times(world([post(0, -30)], [(0, 5, 40)]), said) == {1: None, 2: 5, 3: 5}


def test_criteria_on_forecasts_are_not_observable() -> None:
    said = plain()
    said["scheme"]["levels"][2]["criteria"] = [{"escalates_p_24h": 0.6}, {"group": "高敏感", "escalates_p_24h": 0.45}]
    assert times(world([post(n, -1) for n in range(200)]), said) == {1: 0, 2: 0, 3: None}


def listed(frames: dict[str, pl.DataFrame], playbook: Playbook, at: datetime) -> int:
    """The level as the list grades it, forecasts aside: 0 for none."""
    words = sorted({word for group in playbook.groups.values() for word in group.words})
    events, pairs = (frames[name].with_columns(pl.lit(at).alias("as_of")) for name in ("events", "event_posts"))
    known = [frames[name].filter(pl.col("first_seen_at") <= at) for name in ("posts", "mentions", "scores")]
    inside = facts.members(events, pairs, *known, at)
    rows = facts.measure(inside, frames["observations"], words, playbook.limits.relevant_p, at, 60).to_dicts()
    if not rows:
        return 0
    measures = {name: rows[0][name] for name in ("posts_24h", "board_rank")}
    groups = playbook.groups_of("service", set(rows[0]["words"]))
    return max((level.number for level in playbook.levels if any(rule.holds(measures, groups) for rule in level.criteria)), default=0)


@pytest.mark.parametrize("seed", range(6))
def test_every_instant_agrees_with_the_list(seed: int) -> None:
    """Constructed at random: the worst level the list would give at any instant of the window is the one reached."""
    draw = np.random.default_rng(seed)
    playbook = load_playbook(PROJECT / "conf" / "playbook.yml")
    texts = ("构造:排队", "构造:孩子去世")
    posts = [
        post(n, said, first_seen_at=NOW + (said + draw.exponential(3)) * HOUR, text=texts[int(draw.random() < 0.1)],
             published_precision="day" if draw.random() < 0.2 else "second")
        for n, said in enumerate(draw.uniform(-40, 24, 45))
    ]  # fmt: skip
    seen = [(one["first_seen_at"] - NOW) / HOUR for one in posts]
    ranks = [(n, max(seen[n], float(draw.uniform(-30, 24))), int(draw.integers(5, 90))) for n in draw.integers(0, 45, 3).tolist()]
    frames = world(posts, ranks, unsure=(0, 1, 2, 3))
    found = times(frames)
    changes = {0.0, *(h for _, h, _ in ranks), *((one["first_seen_at"] - NOW) / HOUR for one in posts)}
    graded = {hours: listed(frames, playbook, NOW + hours * HOUR) for hours in sorted(changes) if 0 <= hours <= 24}
    for level in (1, 2, 3):
        first = min((hours for hours, one in graded.items() if one >= level), default=None)
        assert found[level] == (first if first is None else pytest.approx(first, abs=1e-3))
