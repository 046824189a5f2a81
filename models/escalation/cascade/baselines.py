"""What a forecaster has to beat, kept for ever: the rules people go by, and the models of the literature, each as a probability.

Every rule gives a score; a logistic regression on score, age and their product makes odds of it, so that a rule is judged for what it
knows and not for its units, and an order by count is an order within its age. Point processes are own code of a few lines
(traces.py): `tick` 0.8 installs, but fits one post at a time, and 3,184 posts at 46 ages are 146,464 fits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from models.escalation.cascade.data import Numbers

HOURS = 48.0
# one score a rule, up with the odds; `n`, `age`, `log_1h` … are feature columns
_n, _age, _last = pl.col("n"), pl.col("age"), pl.col("log_1h").fill_nan(None).fill_null(pl.col("log_n")).exp() - 1
SCORES: dict[str, list[str]] = {
    "base_rate": [],  # how often, at this age
    "persistence": ["persists"],  # the average pace so far goes on for 48 h, over what is lacking
    "count": ["log_n"],  # reposts so far: today's practice
    "last_hour": ["last_hour_persists"],  # the last hour's pace goes on for 48 h, over what is lacking
    "mean_plus_k_sd": ["surprise"],  # the last hour in standard deviations above the mean of the hours before (at most a week)
    "seismic": ["seismic_48"],  # Zhao et al. 2015
    "hawkes": ["excited_q", "excited_h", "excited_3", "excited_9", "log_n", "due_48"],  # exponential kernels (Hawkes 1971), active time
    "reinforced_poisson": ["carried_48"],  # Shen et al. 2014: count × fading × clock
    "logistic": ["log_n", "log_1h_known"],  # count × age × rate
}
LOGISTIC, COUNT, SZABO_HUBERMAN = "logistic", "count", "szabo_huberman"
NAMES = (*SCORES, SZABO_HUBERMAN)
Fitted = dict[str, dict[str, list[float]]]


def fit(rows: pl.DataFrame, level: int = 500) -> Fitted:
    """rows: features, and `n48` (reposts 48 h later), of training posts below `level`. Needs sklearn."""
    from sklearn.linear_model import LogisticRegression

    y = (rows["n48"] >= level).to_numpy()
    out: Fitted = {}
    for name in SCORES:
        design = _design(name, rows, level)
        middle, scale = design.mean(axis=0), design.std(axis=0) + 1e-9
        line = LogisticRegression(C=1e3, max_iter=500).fit((design - middle) / scale, y)
        out[name] = {"middle": middle.tolist(), "scale": scale.tolist(), "weights": [float(line.intercept_[0]), *line.coef_[0].tolist()]}
    return out | {SZABO_HUBERMAN: _log_linear(rows)}


def predict(fitted: Fitted, rows: pl.DataFrame, level: int = 500) -> dict[str, Numbers]:
    """Each baseline's probability of reaching `level` within 48 h, a number a row."""
    out = {}
    for name in SCORES:
        one = {key: np.array(value) for key, value in fitted[name].items()}
        score = one["weights"][0] + (_design(name, rows, level) - one["middle"]) / one["scale"] @ one["weights"][1:]
        out[name] = 1 / (1 + np.exp(-score))
    return out | {SZABO_HUBERMAN: _over(fitted[SZABO_HUBERMAN], rows, level)}


def _design(name: str, rows: pl.DataFrame, level: int) -> Numbers:
    """log age and its square; each score, and its products with both."""
    lack = (level - _n).clip(1)
    made = rows.select(
        ((_n + 0.5) / _age * HOURS / lack).log().alias("persists"), ((_last + 0.5) * HOURS / lack).log().alias("last_hour_persists"),
        (_last.clip(0) + 1).log().alias("log_1h_known"), pl.col("surprise").fill_nan(0), "log_n", "seismic_48", "carried_48", "due_48",
        "excited_q", "excited_h", "excited_3", "excited_9",
    )  # fmt: skip
    age = np.log(rows["age"].to_numpy().astype(np.float64))
    columns = [age, age**2]
    for score in SCORES[name]:
        x = made[score].to_numpy().astype(np.float64)
        columns += [x, x * age, x * age**2]
    return np.column_stack(columns)


def _log_linear(rows: pl.DataFrame) -> dict[str, list[float]]:
    """Szabo & Huberman 2010: log of the count later = log of the count now + a number of the age, with normal error of the age."""
    gain = np.log((rows["n48"].to_numpy() + 1) / (rows["n"].to_numpy() + 1))
    ages = np.unique(rows["age"].to_numpy())
    parts = [gain[rows["age"].to_numpy() == age] for age in ages]
    return {"age": ages.tolist(), "gain": [float(p.mean()) for p in parts], "spread": [max(float(p.std()), 0.05) for p in parts]}


def _over(fitted: dict[str, list[float]], rows: pl.DataFrame, level: int) -> Numbers:
    from scipy.special import ndtr

    age, count = rows["age"].to_numpy(), np.log(rows["n"].to_numpy() + 1.0)
    gain, spread = (np.interp(age, fitted["age"], fitted[name]) for name in ("gain", "spread"))
    return np.asarray(ndtr((count + gain - np.log(level + 1.0)) / spread))


def described(fitted: Fitted) -> dict[str, Any]:
    """As it is written to a file: numbers rounded, so that the same data make the same bytes."""
    return {name: {key: [round(float(x), 6) for x in value] for key, value in one.items()} for name, one in fitted.items()}
