"""Metrics of the text model, the linear baseline beside it, and the verdict: promote or refuse, with the reason.

Sentiment and category are judged where a text is relevant, sentiment without category conflict (its polarity is a
convention): the rules of ../shared/bench/judge_text.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Probabilities = dict[str, NDArray[np.float64]]  # head -> (texts, labels)
SLICES = {"headlines": pl.col("kind") == "headline", "posts": pl.col("kind") != "headline"}
NOISE = 0.005  # macro-F1 on a few hundred texts moves by this much between two seeds


@dataclass(frozen=True)
class Verdict:
    """`reasons` say what decided, whichever way."""

    promote: bool
    reasons: tuple[str, ...]


def macro_f1(gold: NDArray[np.str_], said: NDArray[np.str_]) -> float:
    """Unweighted mean of the F1 of every label that occurs in `gold`."""
    scores = []
    for label in np.unique(gold):
        hit = float(((gold == label) & (said == label)).sum())
        scores.append(2 * hit / float((gold == label).sum() + (said == label).sum()))
    return float(np.mean(scores)) if scores else float("nan")


def expected_calibration_error(probabilities: NDArray[np.float64], gold: NDArray[np.int64], bins: int = 10) -> float:
    """Guo et al. 2017: gap between confidence of the chosen label and its accuracy, over equal-count bins."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == gold
    chunks = np.array_split(np.argsort(confidence, kind="stable"), bins)
    return float(sum(len(c) * abs(confidence[c].mean() - right[c].mean()) for c in chunks if len(c)) / len(gold))


def softmax(logits: NDArray[np.float64], temperature: float = 1.0) -> NDArray[np.float64]:
    scaled = logits / temperature
    power = np.exp(scaled - scaled.max(1, keepdims=True))
    return np.asarray(power / power.sum(1, keepdims=True))


def temperature(logits: NDArray[np.float64], gold: NDArray[np.int64]) -> float:
    """The one divisor of logits that makes held-out likelihood highest (Guo et al. 2017)."""

    def loss(log_t: float) -> float:
        chosen = softmax(logits, float(np.exp(log_t)))[np.arange(len(gold)), gold]
        return float(-np.log(np.clip(chosen, 1e-12, None)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x))


def judged_rows(frame: pl.DataFrame, head: str) -> NDArray[np.bool_]:
    """Which rows count for a head."""
    known = frame[head].is_not_null()
    if head == "relevant":
        return known.to_numpy()
    rows = known & (frame["relevant"] == 1).fill_null(False)
    return (rows & (frame["category"] != "conflict").fill_null(True) if head == "sentiment" else rows).to_numpy()


def table(frame: pl.DataFrame, probabilities: Probabilities, labels: dict[str, tuple[str, ...]]) -> dict[str, float]:
    """`slice/head/figure` -> value over labelled rows `frame` (datasets.labelled)."""
    out: dict[str, float] = {}
    for part, which in SLICES.items():
        inside = frame.select(which.alias("in"))["in"].to_numpy()
        for head, names in labels.items():
            rows = inside & judged_rows(frame, head)
            gold = frame[head].cast(pl.String).to_numpy()[rows].astype(str)
            chances = probabilities[head][rows]
            out[f"{part}/{head}/macro_f1"] = macro_f1(gold, np.array(names)[chances.argmax(1)])
            positions = np.array([names.index(label) for label in gold])
            out[f"{part}/{head}/ece"] = expected_calibration_error(chances, positions)
            out[f"{part}/{head}/n"] = float(rows.sum())
    return out


def linear_baseline(train: pl.DataFrame, test: pl.DataFrame, labels: dict[str, tuple[str, ...]]) -> Probabilities:
    """Char TF-IDF (1-3) and logistic regression per head on the same rows: what a reading model must beat."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    own = train.filter(pl.col("relevant").is_not_null())
    seen, unseen = features.fit_transform(own["text"]), features.transform(test["text"])
    out: Probabilities = {}
    for head, names in labels.items():
        model = LogisticRegression(C=10, max_iter=2000, class_weight="balanced").fit(seen, own[head].cast(pl.String).to_numpy().astype(str))
        chances = np.zeros((test.height, len(names)))
        chances[:, [names.index(label) for label in model.classes_]] = model.predict_proba(unseen)
        out[head] = chances
    return out


def judge(challenger: dict[str, float], champion: dict[str, float] | None, baseline: dict[str, float]) -> Verdict:
    """Refuse what reads worse than the champion or the linear baseline, over the mean macro-F1 of all slices and heads."""

    def mean(figures: dict[str, float]) -> float:
        return float(np.mean([value for name, value in figures.items() if name.endswith("macro_f1")]))

    mine, linear = mean(challenger), mean(baseline)
    reasons = [f"mean macro-F1 {mine:.3f}; linear baseline {linear:.3f}"]
    good = mine > linear
    if not good:
        reasons.append("refused: not above the linear baseline")
    if champion is not None:
        theirs = mean(champion)
        reasons.append(f"champion {theirs:.3f}")
        if mine < theirs - NOISE:
            good = False
            reasons.append("refused: below the champion")
    return Verdict(good, tuple(reasons))
