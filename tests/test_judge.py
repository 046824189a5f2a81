"""The judge: its metrics against scikit-learn's, its calibration, its verdicts."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import charts, judge, slices

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


def test_calibration_noise_is_what_a_calibrated_model_shows() -> None:
    rng = np.random.default_rng(3)
    chances = judge.softmax(rng.normal(0, 1.5, (300, 3)))
    drawn = [(chances.cumsum(1) < rng.random((300, 1))).sum(1) for _ in range(30)]
    shown = float(np.mean([judge.expected_calibration_error(chances, gold) for gold in drawn]))
    assert judge.calibration_noise(chances) == pytest.approx(shown, abs=0.01)
    assert judge.calibration_noise(np.repeat(chances, 20, axis=0)) < shown / 3


def figures(mean: float, **changes: float) -> dict[str, float]:
    return dict.fromkeys(judge.BARS, mean) | {name.replace("__", "/"): value for name, value in changes.items()}


def test_a_head_may_not_collapse_behind_a_good_mean() -> None:
    collapsed = figures(0.85, posts__category__macro_f1=0.5)
    verdict = judge.judge(collapsed, figures(0.7), figures(0.6))
    assert not verdict.promote
    assert any("far below the champion in posts/category/macro_f1 0.500 < 0.700" in reason for reason in verdict.reasons)
    assert judge.judge(figures(0.85, posts__category__macro_f1=0.66), figures(0.7), figures(0.6)).promote


def test_the_reasons_say_which_bars_are_met() -> None:
    mine = figures(0.85, all__relevant__ece=0.03, all__category__ece=0.05)
    verdict = judge.judge(mine, None, figures(0.82))
    met, missed = (next(reason for reason in verdict.reasons if reason.startswith(f"bars {word}")) for word in ("met", "missed"))
    assert "posts/category/macro_f1 0.850 (bar 0.72)" in met
    assert "all/relevant/ece 0.030 (bar 0.04)" in met
    assert "posts/relevant/macro_f1 0.850 (bar 0.91)" in missed
    assert "posts/relevant/above_linear 0.030 (bar 0.04)" in missed
    assert "all/category/ece 0.050 (bar 0.04)" in missed
    assert verdict.promote  # short of the bars, but better than what there is


LABELLED = pl.DataFrame(
    {
        "text": ["新冠疫苗免费打", "呵呵,真是好医院", "医生很好" * 30, "排队三小时", "真是好医院"],
        "source": ["weibo", "weibo", "zhihu", "zhihu", "weibo"],
        "kind": ["headline", "post", "post", "post", "post"],
        "year": ["2025", None, "2019", "2019", None],
        "relevant": [1, 1, 1, 1, 0],
        "sentiment": ["neutral", "negative", "positive", "negative", "positive"],
        "category": ["service", "service", "praise", "service", "other"],
    }
)
HEADS = {"relevant": ("0", "1"), "sentiment": ("negative", "neutral", "positive"), "category": ("service", "praise", "other")}


def test_slices_are_the_rows_their_name_says() -> None:
    found = {name: rows.nonzero()[0].tolist() for name, rows in slices.slices(LABELLED).items()}
    assert found["all"] == [0, 1, 2, 3, 4]
    assert found["kind headlines"] == [0]
    assert found["source zhihu"] == [2, 3]
    assert found["year 2019"] == [2, 3]
    assert found["length over 100"] == [2]
    assert found["covid words"] == [0]
    assert found["irony heuristic"] == [1]  # the same praise, labelled positive, is none
    assert found["category praise"] == [2]


def test_the_slice_table_has_everyone_side_by_side_and_marks_few() -> None:
    right = {head: np.eye(len(names))[[names.index(str(x)) for x in LABELLED[head]]] for head, names in HEADS.items()}
    flat = {head: np.full((5, len(names)), 1 / len(names)) for head, names in HEADS.items()}
    table = slices.table(LABELLED, {"challenger": right, "baseline": flat}, HEADS)
    row = table.row(by_predicate=(pl.col("slice") == "all") & (pl.col("head") == "category"), named=True)
    assert (row["n"], row["is_few"]) == (4, True)  # the text that is not relevant does not count
    assert (row["challenger_macro_f1"], row["challenger_ece"]) == (1.0, 0.0)
    assert row["baseline_accuracy"] == 0.75  # the first label, always
    big = pl.concat([LABELLED] * 10)
    many = {head: np.tile(chances, (10, 1)) for head, chances in flat.items()}
    assert not slices.table(big, {"baseline": many}, HEADS).filter(pl.col("slice") == "all")["is_few"].any()


def test_charts_are_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    big = pl.concat([LABELLED] * 10)
    rng = np.random.default_rng(0)
    said = {who: {h: judge.softmax(rng.normal(0, 1, (50, len(n)))) for h, n in HEADS.items()} for who in ("challenger", "baseline")}
    charts.reliability(big, said, HEADS, tmp_path / "reliability.png")
    charts.by_slice(slices.table(big, said, HEADS), tmp_path / "slices.png")
    charts.by_slice(slices.table(LABELLED, {"challenger": {h: c[:5] for h, c in said["baseline"].items()}}, HEADS), tmp_path / "few.png")
    for name in ("reliability.png", "slices.png", "few.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
