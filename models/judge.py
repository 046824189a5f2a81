"""Metrics of the text model, the linear baseline beside it, and the verdict: promote or refuse, with the reason.

Sentiment and category are judged where a text is relevant, sentiment without category conflict (its polarity is a
convention): the rules of ../shared/bench/judge_text.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Probabilities = dict[str, NDArray[np.float64]]  # head -> (texts, labels)
SLICES = {"headlines": pl.col("kind") == "headline", "posts": pl.col("kind") != "headline"}
NOISE = 0.005  # mean macro-F1 moves by this much between two seeds
DROP = 0.05  # one figure, on a few hundred texts of up to nine labels, moves by this much
BARS = {  # the bars of the first release, on our own frozen test split (docs/benchmarks.md)
    "posts/relevant/macro_f1": 0.91, "posts/sentiment/macro_f1": 0.87, "posts/category/macro_f1": 0.72,
    "headlines/relevant/macro_f1": 0.90, "headlines/sentiment/macro_f1": 0.82, "headlines/category/macro_f1": 0.65,
}  # fmt: skip
ABOVE_LINEAR, ECE_BAR = 0.04, 0.04


@dataclass(frozen=True)
class Verdict:
    """`reasons` say what decided, whichever way."""

    promote: bool
    reasons: tuple[str, ...]

    @property
    def tags(self) -> dict[str, str]:
        """As a run in MLflow is marked with it."""
        return {"verdict": "good" if self.promote else "refused", "reasons": "\n".join(self.reasons)}


@dataclass(frozen=True)
class Bar:
    """A figure against what was promised of it. `figure` is `slice/head/what`; `above_linear` is a difference of macro-F1."""

    figure: str
    value: float
    bar: float
    is_met: bool

    def __str__(self) -> str:
        return f"{self.figure} {self.value:.3f} (bar {self.bar:.2f})"


def macro_f1(gold: NDArray[Any], said: NDArray[Any]) -> float:
    """Unweighted mean of the F1 of every label that occurs in `gold`."""
    scores = []
    for label in np.unique(gold):
        hit = float(((gold == label) & (said == label)).sum())
        scores.append(2 * hit / float((gold == label).sum() + (said == label).sum()))
    return float(np.mean(scores)) if scores else float("nan")


def expected_calibration_error(probabilities: NDArray[np.float64], gold: NDArray[np.int64], bins: int = 10) -> float:
    """Guo et al. 2017: gap between confidence of the chosen label and its accuracy, over equal-count bins."""
    if not len(gold):
        return float("nan")
    confidence, right = probabilities.max(1), probabilities.argmax(1) == gold
    chunks = np.array_split(np.argsort(confidence, kind="stable"), bins)
    return float(sum(len(c) * abs(confidence[c].mean() - right[c].mean()) for c in chunks if len(c)) / len(gold))


def calibration_noise(probabilities: NDArray[np.float64], draws: int = 40) -> float:
    """The calibration error that a perfectly calibrated model with these probabilities shows at this n, a mean over drawn labels.

    Binned errors are never 0 on few texts: at 270 texts and ten bins it is 0.06, so that an error is read against this.
    """
    rng = np.random.default_rng(7)
    steps = probabilities.cumsum(1)
    drawn = [(steps < rng.random((len(steps), 1))).sum(1).clip(0, probabilities.shape[1] - 1) for _ in range(draws)]
    return float(np.mean([expected_calibration_error(probabilities, labels) for labels in drawn])) if len(steps) else float("nan")


def reliability_curve(probabilities: NDArray[np.float64], gold: NDArray[np.int64], bins: int = 10) -> list[dict[str, float]]:
    """Equal-count bins of the chosen label's confidence -> {confidence, accuracy, n} each, lowest first."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == gold
    chunks = [c for c in np.array_split(np.argsort(confidence, kind="stable"), bins) if len(c)]
    return [{"confidence": float(confidence[c].mean()), "accuracy": float(right[c].mean()), "n": float(len(c))} for c in chunks]


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
    """`slice/head/figure` -> value over labelled rows `frame` (datasets.labelled); calibration also over `all` rows of a head."""
    out: dict[str, float] = {}
    for part, which in (SLICES | {"all": pl.lit(True)}).items():
        inside = frame.select((pl.col("kind").is_not_null() & which).alias("in"))["in"].to_numpy()
        for head, names in labels.items():
            positions, chances = judged(frame, head, probabilities[head], names, inside)
            if part != "all":
                out[f"{part}/{head}/macro_f1"] = macro_f1(positions, chances.argmax(1))
            out[f"{part}/{head}/ece"] = expected_calibration_error(chances, positions)
            out[f"{part}/{head}/n"] = float(len(positions))
    return out


def judged(
    frame: pl.DataFrame, head: str, probabilities: NDArray[np.float64], labels: tuple[str, ...], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Label positions (n,) and probabilities (n, labels) of the rows that are `inside` and count for the head."""
    rows = inside & judged_rows(frame, head)
    gold = frame[head].cast(pl.String).to_list()
    positions = np.array([labels.index(gold[i]) for i in np.flatnonzero(rows)], dtype=np.int64)
    return positions, probabilities[rows]


def linear_baseline(train: pl.DataFrame, test: pl.DataFrame, labels: dict[str, tuple[str, ...]]) -> Probabilities:
    """Char TF-IDF (1-3) and logistic regression per head on the same rows: what a reading model must beat."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    own = train.filter(pl.col("relevant").is_not_null())
    seen, unseen = features.fit_transform(own["text"]), features.transform(test["text"])
    out: Probabilities = {}
    for head, names in labels.items():
        given = own[head].cast(pl.String)  # a person may have left a head open
        rows = given.is_not_null().to_numpy()
        model = LogisticRegression(C=10, max_iter=2000, class_weight="balanced").fit(seen[rows], given.drop_nulls().to_numpy().astype(str))
        chances = np.zeros((test.height, len(names)))
        chances[:, [names.index(label) for label in model.classes_]] = model.predict_proba(unseen)
        out[head] = chances
    return out


def bars(figures: dict[str, float], baseline: dict[str, float]) -> list[Bar]:
    """Every promise that `figures` can be held to."""
    found = []
    for name, bar in BARS.items():
        if name in figures:
            above = figures[name] - baseline[name]
            found.append(Bar(name, figures[name], bar, figures[name] >= bar))
            found.append(Bar(name.replace("macro_f1", "above_linear"), above, ABOVE_LINEAR, above >= ABOVE_LINEAR))
    return found + [Bar(name, e, ECE_BAR, e <= ECE_BAR) for name, e in figures.items() if name.startswith("all/") and name.endswith("/ece")]


def judge(challenger: dict[str, float], champion: dict[str, float] | None, baseline: dict[str, float]) -> Verdict:
    """Refuse what reads worse than the champion or the linear baseline: over the mean macro-F1 of all slices and heads, or by far in one.

    The bars are told, met or missed, and do not decide: a model may be better than what runs and still short of them.
    """
    names = [name for name in challenger if name.endswith("macro_f1")]

    def mean(figures: dict[str, float]) -> float:
        return float(np.nanmean([figures[name] for name in names]))

    mine = mean(challenger)
    reasons = [f"mean macro-F1 {mine:.3f}"]
    refusals = []
    for who, figures, slack in (("the linear baseline", baseline, 0.0), ("the champion", champion, NOISE)):
        if figures is None:
            continue
        theirs = mean(figures)
        reasons.append(f"{who} {theirs:.3f}")
        if not mine > theirs - slack:
            refusals.append(f"refused: not above {who}" if slack == 0 else f"refused: below {who}")
        fallen = [f"{name} {challenger[name]:.3f} < {figures[name]:.3f}" for name in names if challenger[name] < figures[name] - DROP]
        if fallen:
            refusals.append(f"refused: far below {who} in {', '.join(fallen)}")
    held = bars(challenger, baseline)
    told = [
        f"bars {word} ({len(some)} of {len(held)}): {', '.join(map(str, some))}"
        for word, some in (("met", [bar for bar in held if bar.is_met]), ("missed", [bar for bar in held if not bar.is_met]))
        if some
    ]
    return Verdict(not refusals, (*reasons, *refusals, *told))
