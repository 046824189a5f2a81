"""What the event page says beside the escalation: levels in the scheme's words, what would change the odds, the posts behind them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from briefing import foretold
from briefing.pages import cards
from tests.sample_list import BOOK, NOW, publish_sample, sample

EVENT = "e1c4"


def told(**first: Any) -> pl.DataFrame:
    """The sample's forecasts with levels, reposts and a topic beside the escalation, and the reasons of it."""
    mine = sample().forecasts.with_columns(
        counterfactual=pl.lit("若传播速度减半 → 31%"), moved_by=pl.lit([f"{EVENT}-002", "gone", f"{EVENT}-000"]),
    ).with_columns(**{name: pl.lit(value) for name, value in first.items()})  # fmt: skip
    rest = [
        mine.with_columns(target=pl.lit(target), resolve_rule=pl.format(rule, "horizon_h"), escalates_p=pl.lit(p))
        for target, rule, p in (
            ("level_2", "level>=2:{}h", 0.42),
            ("level_3", "level>=3:{}h", 0.08),
            ("reposts_500", "post_reposts>=500:{}h", 0.15),
        )
    ]
    again = mine.filter(pl.col("horizon_h") == 24).with_columns(target=pl.lit("board_top10"))  # the escalation's own rule
    return pl.concat([mine, again, *rest])


def of(forecasts: pl.DataFrame) -> pl.DataFrame:
    return forecasts.filter(pl.col("event_id") == EVENT)


def test_steps_are_named_by_the_scheme_and_what_is_said_already_is_not_said_twice() -> None:
    assert foretold.steps(of(told()), BOOK) == [
        {"what": "达到二级（中度）的条件", "odds": [(24, 0.42), (48, 0.42)]},
        {"what": "达到三级（重度）的条件", "odds": [(24, 0.08), (48, 0.08)]},
        {"what": "有帖文转发达到 500", "odds": [(24, 0.15), (48, 0.15)]},
    ]
    assert foretold.target_words("level_5", BOOK) == "达到 5 级的条件"
    assert foretold.target_words("something_new", BOOK) == "something_new"


def test_each_target_has_one_counterfactual_the_escalation_first() -> None:
    found = foretold.otherwise(of(told()), BOOK)
    assert [row["what"] for row in found] == ["升级", "达到二级（中度）的条件", "达到三级（重度）的条件", "有帖文转发达到 500"]
    assert {row["horizon_h"] for row in found} == {24}
    assert foretold.otherwise(of(sample().forecasts), BOOK) == []


def test_posts_that_moved_it_are_those_printed() -> None:
    card = next(card for card in cards(replace(sample(), forecasts=told()), BOOK, {}, NOW) if card["event_id"] == EVENT)
    assert [post["post_id"] for post in card["movers"]] == [
        one for one in (f"{EVENT}-002", f"{EVENT}-000") if one in {post["post_id"] for post in card["posts"]}
    ]
    assert card["movers"]
    assert foretold.movers(of(sample().forecasts), card["posts"]) == []


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "published"


def test_the_page_shows_them_and_escapes_them(out: Path) -> None:
    hostile = "若<script>alert(1)</script>\"' → 31%"
    publish_sample(replace(sample(), forecasts=told(counterfactual=hostile)), out)
    html = next(out.glob(f"*/events/{EVENT}.html")).read_text(encoding="utf-8")
    assert "<script" not in html
    assert "若&lt;script&gt;alert(1)&lt;/script&gt;" in html
    for words in ("还会走到哪一步", "达到二级（中度）的条件", "换个条件会怎样", "最影响升级预测的帖文"):
        assert words in html
    for anchor in set(re.findall(r'href="#(post-[^"]+)"', html)):
        assert f'id="{anchor}"' in html


def test_a_page_without_them_says_nothing_of_them(out: Path) -> None:
    publish_sample(sample(), out)
    html = next(out.glob(f"*/events/{EVENT}.html")).read_text(encoding="utf-8")
    assert "换个条件会怎样" not in html
    assert "还会走到哪一步" not in html
