"""A small network over feature rows, run in numpy: the road needs no torch. teach.py trains it.

Two layers read what is known of the post, a third what is asked (level and horizon). Extra heads learn the growth within 6, 12, 24 and
48 h at the same time: in training, every row then teaches more than one bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.escalation.cascade.data import Numbers
from models.escalation.cascade.inputs import Matrix, asked, rings

CLIP = 4.0
Weights = dict[str, NDArray[np.float32]]
LAYERS = ("one", "two", "asked", "out")


@dataclass(frozen=True)
class Scaler:
    """Middle and spread of each feature in training rows; what is missing is the middle."""

    middle: Matrix
    spread: Matrix

    @classmethod
    def learn(cls, x: Matrix) -> Scaler:
        middle, spread = np.nanmean(x, axis=0, dtype=np.float64), np.nanstd(x, axis=0, dtype=np.float64)
        return cls(np.asarray(middle, np.float32), np.asarray(spread + 1e-6, np.float32))

    def read(self, x: Matrix, columns: list[str]) -> Matrix:
        scaled = np.clip((x - self.middle) / self.spread, -CLIP, CLIP)
        return np.column_stack([np.nan_to_num(scaled), rings(x, columns)])


@dataclass(frozen=True)
class Network:
    scaler: Scaler
    weights: Weights  # `<layer>.weight` (out, in) and `<layer>.bias` for LAYERS

    def predict(self, x: Matrix, columns: list[str], level: Numbers, horizon: Numbers) -> Numbers:
        """Probability of reaching `level` within `horizon`, a number a row."""
        known = self._layer("two", self._layer("one", self.scaler.read(x, columns)))
        question = np.clip(asked(x, columns, level, horizon), -CLIP, CLIP)
        score = self._linear("out", self._layer("asked", np.column_stack([known, question])))[:, 0]
        return np.asarray(1 / (1 + np.exp(-score.astype(np.float64))))

    def _linear(self, name: str, x: Matrix) -> Matrix:
        return np.asarray(x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"])

    def _layer(self, name: str, x: Matrix) -> Matrix:
        z = self._linear(name, x)
        return np.asarray(z / (1 + np.exp(-z)))  # SiLU

    def save(self, path: Path) -> None:
        arrays: dict[str, Any] = {"middle": self.scaler.middle, "spread": self.scaler.spread, **self.weights}
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Network:
        with np.load(path, allow_pickle=False) as kept:
            weights = {name: kept[name] for name in kept.files if "." in name}
            return cls(Scaler(kept["middle"], kept["spread"]), weights)
