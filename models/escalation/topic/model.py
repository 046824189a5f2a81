"""The topic forecaster as it is shipped: LightGBM text files, and knots and word weights as JSON, read without sklearn or MLflow."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.escalation.head import calibrate
from models.escalation.model import SHIPPED as ABOVE
from models.escalation.model import ModelProblem
from models.escalation.topic.outcomes import TARGETS
from models.escalation.topic.text import Words

Numbers = NDArray[np.float64]
SHIPPED = ABOVE / "topic"
NAME = "escalation_topic"
KNOTS, WORDS = "calibration.json", "words.json"


@dataclass(frozen=True)
class TopicForecaster:
    """A booster a target, its calibration a platform (`""`: any other), the word score, and the sha256 of their files."""

    boosters: dict[str, lightgbm.Booster]
    knots: dict[str, Any]
    words: Words
    sha256: str

    @property
    def version(self) -> str:
        return f"{NAME}@{self.sha256[:12]}"

    def predict(self, rows: pl.DataFrame, target: str) -> Numbers:
        """Calibrated chance of each row of features.features (with `text`, see with_text)."""
        score = np.asarray(self.boosters[target].predict(matrix(rows, self.boosters[target].feature_name()), num_threads=1))
        return calibrated(score, rows["platform"], self.knots[target]["isotonic"])

    def with_text(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with the word score of their titles."""
        titles = rows.select("title", "platform").unique(maintain_order=True)
        scored = titles.with_columns(pl.Series("text", self.words.score(titles["title"], titles["platform"]), dtype=pl.Float64))
        return rows.join(scored, on=["title", "platform"], how="left", maintain_order="left", nulls_equal=True)

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> TopicForecaster:
        """ModelProblem if a file is missing or unreadable."""
        try:
            boosters = {target: lightgbm.Booster(model_str=(folder / f"{target}.txt").read_text(encoding="utf-8")) for target in TARGETS}
            knots, words = (json.loads((folder / name).read_text(encoding="utf-8")) for name in (KNOTS, WORDS))
            return cls(boosters, {target: knots[target] for target in TARGETS}, Words.from_json(words), fingerprint(folder))
        except (OSError, ValueError, KeyError, TypeError, lightgbm.basic.LightGBMError) as problem:
            raise ModelProblem(f"{folder}: no usable topic forecaster ({problem}); train it or restore the folder") from problem


def matrix(rows: pl.DataFrame, names: list[str]) -> Numbers:
    return np.asarray(rows.select(pl.col(names).cast(pl.Float64).fill_null(float("nan"))).to_numpy())


def calibrated(score: Numbers, platforms: pl.Series, knots: dict[str, dict[str, list[float]]]) -> Numbers:
    """Scores through the knots of their platform."""
    found, names = np.empty(len(score)), np.asarray(platforms.to_list())
    for name in np.unique(names):
        which = names == name
        found[which] = calibrate(score[which], knots.get(str(name), knots[""]))
    return found


def fingerprint(folder: Path) -> str:
    """sha256 over the names and bytes of the files that decide a forecast."""
    whole = hashlib.sha256()
    for name in sorted([KNOTS, WORDS, *(f"{target}.txt" for target in TARGETS)]):
        whole.update(name.encode() + b"\0" + (folder / name).read_bytes())
    return whole.hexdigest()
