"""The judge: its metrics against scikit-learn's, its calibration, its verdicts."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import judge

LABELS = ("a", "b", "c")


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=60))
def test_macro_f1_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    gold, said = (np.array(column) for column in zip(*pairs, strict=True))
    expected = metrics.f1_score(gold, said, average="macro", labels=np.unique(gold), zero_division=0)
    assert judge.macro_f1(gold, said) == pytest.approx(expected)


def test_temperature_cools_an_overconfident_model() -> None:
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 2, 4000)
    logits = np.stack([np.where(gold == i, 1.0, 0.0) + rng.normal(0, 1, 4000) for i in (0, 1)], axis=1)
    right = judge.temperature(logits, gold)
    assert judge.temperature(logits * 5, gold) == pytest.approx(right * 5, rel=0.02)
    before = judge.expected_calibration_error(judge.softmax(logits * 5), gold)
    assert judge.expected_calibration_error(judge.softmax(logits, right), gold) < before / 2


def test_sentiment_is_judged_where_relevant_and_not_conflict() -> None:
    frame = pl.DataFrame({"relevant": [1, 0, 1, None], "sentiment": ["x"] * 4, "category": ["safety", "other", "conflict", None]})
    assert judge.judged_rows(frame, "sentiment").tolist() == [True, False, False, False]
    assert judge.judged_rows(frame, "category").tolist() == [True, False, True, False]
    assert judge.judged_rows(frame, "relevant").tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("mine", "champion", "linear", "promoted", "word"),
    [
        (0.8, None, 0.7, True, "baseline"),
        (0.6, None, 0.7, False, "linear"),
        (0.8, 0.9, 0.7, False, "champion"),
        (0.9, 0.8, 0.7, True, "0.800"),
    ],
)
def test_verdicts(mine: float, champion: float | None, linear: float, promoted: bool, word: str) -> None:
    figures = {"posts/x/macro_f1": mine, "posts/x/ece": 0.5}
    verdict = judge.judge(figures, {"posts/x/macro_f1": champion} if champion else None, {"posts/x/macro_f1": linear})
    assert verdict.promote is promoted
    assert word in "; ".join(verdict.reasons)
