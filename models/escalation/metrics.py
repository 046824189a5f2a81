"""How good a set of probabilities was. numpy only, so that the bench can judge what is shipped without sklearn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def auc(y: Numbers, p: Numbers) -> float:
    """Chance that a row that escalated was given more than one that did not; ties count half. nan if one side is empty."""
    values, place = np.unique(p, return_inverse=True)
    ups = np.bincount(place, weights=y, minlength=len(values))
    downs = np.bincount(place, minlength=len(values)) - ups
    if not ups.sum() or not downs.sum():
        return float("nan")
    return float((ups * (np.cumsum(downs) - downs / 2)).sum() / (ups.sum() * downs.sum()))


def average_precision(y: Numbers, p: Numbers) -> float:
    """Precision averaged over recall, rows of equal p taken together; nan without a positive."""
    values, place = np.unique(-p, return_inverse=True)
    hits = np.bincount(place, weights=y, minlength=len(values))
    taken = np.cumsum(np.bincount(place, minlength=len(values)))
    return float((hits / hits.sum() * np.cumsum(hits) / taken).sum()) if hits.sum() else float("nan")


def brier(y: Numbers, p: Numbers) -> float:
    return float(np.mean((p - y) ** 2))


def bins(y: Numbers, p: Numbers, count: int = 10) -> list[tuple[float, float, int]]:
    """Mean p, share that escalated and rows, of `count` equally large groups in order of p."""
    order = np.argsort(p, kind="stable")
    return [
        (float(p[part].mean()), float(y[part].mean()), len(part)) for part in np.array_split(order, min(count, len(order))) if len(part)
    ]


def ece(y: Numbers, p: Numbers) -> float:
    """Expected calibration error over ten equal-count groups."""
    return sum(abs(said - was) * n for said, was, n in bins(y, p)) / len(y)


def figures(y: Numbers, p: Numbers) -> dict[str, float]:
    """n, base rate, AUC, AP, Brier, ECE."""
    return {
        "n": float(len(y)), "base": float(y.mean()), "auc": auc(y, p), "ap": average_precision(y, p), "brier": brier(y, p),
        "ece": ece(y, p),
    }  # fmt: skip
