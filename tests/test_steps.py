"""A stage's run: rows and seconds, or one sentence that says why there are none."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.road import Road, when
from flows.steps import timed
from warehouse.settings import PROJECT, ConfigProblem, load_settings


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(load_settings(PROJECT / "conf" / "drill", root=tmp_path), datetime(2026, 3, 10, 0, 30, tzinfo=UTC))


def test_rows_and_seconds(road: Road) -> None:
    def count(road: Road) -> int:
        return 3

    step = timed(count)(road)
    assert (step.stage, step.rows, step.stopped) == ("count", 3, "")


def test_a_foreseen_problem_is_its_own_sentence(road: Road) -> None:
    def refuse(road: Road) -> int:
        raise ConfigProblem("sources.yml: no sources")

    assert timed(refuse)(road).stopped == "sources.yml: no sources"


def test_a_bug_is_named_and_its_traceback_kept(road: Road, tmp_path: Path) -> None:
    def slip(road: Road) -> int:
        return {}["missing"]  # type: ignore[no-any-return]

    stopped = timed(slip)(road).stopped
    assert "KeyError" in stopped
    kept = next((tmp_path / "errors").iterdir())
    assert str(kept) in stopped
    assert "Traceback" in kept.read_text(encoding="utf-8")


@pytest.mark.parametrize("said", ["yesterday", "2026-13-01", "08:30"])
def test_an_instant_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(ConfigProblem, match="not an instant"):
        when(said, None)


def test_the_asked_instant_wins_over_the_drills() -> None:
    assert when("2026-03-09T08:30+08:00", "2026-03-10T08:30+08:00") == datetime(2026, 3, 9, 0, 30, tzinfo=UTC)
    assert when(None, "2026-03-10T08:30") == datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
