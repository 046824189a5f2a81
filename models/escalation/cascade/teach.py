"""Training rows -> a network (torch, training only), a monotone LightGBM over the same rows, quantile boosters of size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.escalation.cascade.data import Counts, Numbers
from models.escalation.cascade.inputs import ASKED, ASKED_SIGNS, HORIZONS, Matrix, asked, signs
from models.escalation.cascade.network import CLIP, Network, Scaler

LATER = ("n6", "n12", "n24", "n48")  # reposts that many hours after the age asked about
WIDTH, DROPOUT, INPUT_DROPOUT = 96, 0.3, 0.1
EPOCHS, BATCH, RATE, DECAY, GROWTH_WEIGHT = 6, 1024, 2e-3, 0.02, 0.3
NET_LEVELS, TREE_LEVELS = (200, 800), (300, 700)
LOW_LEVELS = (60, 250)  # of a forecaster of its own, for levels below LOW
LATE_SHARE = 0.7  # of rows are asked about 48 h, the others about 24 h
TREE_ROUNDS, TREE_DRAWS = 160, 2
TREES: dict[str, Any] = {
    "objective": "binary", "num_leaves": 15, "learning_rate": 0.04, "min_data_in_leaf": 300, "feature_fraction": 0.4,
    "bagging_fraction": 0.5, "bagging_freq": 1,
    "lambda_l2": 20.0, "max_bin": 63, "num_threads": 2,
    "deterministic": True, "force_row_wise": True, "verbosity": -1,
}  # fmt: skip
QUANTILES = {"low": 0.1, "expected": 0.5, "high": 0.9}
SIZE_ROUNDS = 120
SIZES: dict[str, Any] = TREES | {"objective": "quantile", "min_data_in_leaf": 100, "learning_rate": 0.08, "lambda_l2": 1.0}


@dataclass(frozen=True)
class Rows:
    """x: features (`columns`); n: reposts at the age; later: a column each of LATER."""

    x: Matrix
    columns: list[str]
    n: Numbers
    later: Numbers

    @classmethod
    def of(cls, frame: pl.DataFrame, columns: list[str]) -> Rows:
        later = frame.select(pl.col(LATER).cast(pl.Float64)).to_numpy()
        return cls(
            np.asarray(frame.select(columns).to_numpy(), np.float32), columns, frame["n"].to_numpy().astype(np.float64), np.asarray(later)
        )

    def draw(self, random: np.random.Generator, at: Counts, levels: tuple[int, int]) -> tuple[Counts, Numbers, Numbers, NDArray[np.bool_]]:
        """A level and a horizon for each of the rows `at` -> those below their level: row, level, horizon, whether it was reached."""
        level = np.exp(random.uniform(np.log(levels[0]), np.log(levels[1]), len(at))).round()
        horizon = np.where(random.random(len(at)) < LATE_SHARE, HORIZONS[1], HORIZONS[0])
        below = self.n[at] < level
        at, level, horizon = at[below], level[below], horizon[below]
        return at, level, horizon, self.at(at, horizon) >= level

    def at(self, at: Counts, horizon: Numbers) -> Numbers:
        return np.asarray(np.where(horizon > HORIZONS[0], self.later[at, LATER.index("n48")], self.later[at, LATER.index("n24")]))

    def growth(self, at: Counts) -> Matrix:
        return np.log((self.later[at] + 10) / (self.n[at, None] + 10)).astype(np.float32)


def network(rows: Rows, seed: int, levels: tuple[int, int] = NET_LEVELS) -> Network:
    """AdamW on a one-cycle schedule; every batch draws rows, levels and horizons afresh."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    scaler = Scaler.learn(rows.x)
    known = scaler.read(rows.x, rows.columns)
    layers = nn.ModuleDict({
        "one": nn.Linear(known.shape[1], WIDTH), "two": nn.Linear(WIDTH, WIDTH // 2),
        "asked": nn.Linear(WIDTH // 2 + len(ASKED), WIDTH // 2), "out": nn.Linear(WIDTH // 2, 1),
        "growth": nn.Linear(WIDTH // 2, len(LATER)),
    })  # fmt: skip
    steps = EPOCHS * len(rows.x) // BATCH
    optimizer = torch.optim.AdamW(layers.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps + 1)
    silu, drop = nn.functional.silu, nn.functional.dropout
    for _ in range(steps):
        at, level, horizon, reached = rows.draw(random, random.integers(0, len(rows.x), BATCH), levels)
        question = np.clip(asked(rows.x[at], rows.columns, level, horizon), -CLIP, CLIP)
        z = drop(silu(layers["one"](drop(torch.from_numpy(known[at]), INPUT_DROPOUT))), DROPOUT)
        z = drop(silu(layers["two"](z)), DROPOUT)
        score = layers["out"](silu(layers["asked"](torch.cat([z, torch.from_numpy(question)], 1))))[:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(score, torch.from_numpy(reached.astype(np.float32)))
        loss = loss + GROWTH_WEIGHT * nn.functional.smooth_l1_loss(layers["growth"](z), torch.from_numpy(rows.growth(at)))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    kept = {name: value.detach().numpy() for name, value in layers.state_dict().items() if not name.startswith("growth")}
    return Network(scaler, kept)


def trees(rows: Rows, seed: int, levels: tuple[int, int] = TREE_LEVELS) -> lightgbm.Booster:
    """Monotone: more reposts, or a higher pace, never lower the odds; a higher level never raises them."""
    random = np.random.default_rng(seed)
    drawn = [rows.draw(random, np.arange(len(rows.x)), levels) for _ in range(TREE_DRAWS)]
    at, level, horizon, reached = (np.concatenate(part) for part in zip(*drawn, strict=True))
    settings = TREES | {"seed": seed, "monotone_constraints": [*signs(rows.columns), *ASKED_SIGNS]}
    seen = np.column_stack([rows.x[at], asked(rows.x[at], rows.columns, level, horizon)])
    return lightgbm.train(settings, lightgbm.Dataset(seen, reached.astype(float), feature_name=[*rows.columns, *ASKED]), TREE_ROUNDS)


def sizes(rows: Rows, seed: int) -> dict[str, lightgbm.Booster]:
    """Log growth to the horizon: its 10, 50 and 90 %; rows of features and the horizon."""
    at = np.arange(len(rows.x))
    horizon = np.where(np.random.default_rng(seed).random(len(at)) < LATE_SHARE, HORIZONS[1], HORIZONS[0])
    growth = np.log((rows.at(at, horizon) + 1) / (rows.n + 1))
    seen = lightgbm.Dataset(np.column_stack([rows.x, horizon]), growth, feature_name=[*rows.columns, "horizon_h"])
    return {name: lightgbm.train(SIZES | {"alpha": alpha, "seed": seed}, seen, SIZE_ROUNDS) for name, alpha in QUANTILES.items()}
