"""The shipped forecaster of one post: files -> probabilities and sizes, read without sklearn, torch or MLflow.

It is kept in two vintages: `early` learned from posts up to the end of the training split, `late` also from the validation split. A post
is forecast by the newest vintage that was made before it, so that what is said of validation posts was never learned from them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl

from models.escalation.cascade import features, inputs
from models.escalation.cascade.data import Cascades, Numbers
from models.escalation.cascade.features import GRID, Known, Progress
from models.escalation.cascade.inputs import HORIZON, LEVEL, LOW, Matrix, asked
from models.escalation.cascade.network import Network
from models.escalation.model import LEAST_P, ModelProblem

NAME = "cascade"
SHIPPED = Path(__file__).resolve().parents[2] / "weights" / "escalation" / "cascade"
STATE, CARD = "state.json", "card.json"
VINTAGES = ("early", "late", "early_low", "late_low")
NET_SHARE = 0.65  # of the odds; the rest is the monotone trees' (chosen on out-of-fold predictions)


@dataclass(frozen=True)
class Vintage:
    """`since`: unix time from which it may be asked about posts. Calibration: log-odds a + b · log-odds said."""

    since: int
    nets: tuple[Network, ...]
    trees: tuple[lightgbm.Booster, ...]
    calibration: tuple[float, float]

    def predict(self, x: Matrix, columns: list[str], level: Numbers, horizon: Numbers) -> Numbers:
        a, b = self.calibration
        return np.asarray(1 / (1 + np.exp(-(a + b * self.score(x, columns, level, horizon)))))

    def score(self, x: Matrix, columns: list[str], level: Numbers, horizon: Numbers) -> Numbers:
        """Log-odds before calibration."""
        net = np.mean([one.predict(x, columns, level, horizon) for one in self.nets], axis=0)
        seen = np.column_stack([x, asked(x, columns, level, horizon)])
        tree = np.mean([one.predict(seen, num_threads=2) for one in self.trees], axis=0)
        p = np.clip(NET_SHARE * net + (1 - NET_SHARE) * tree, LEAST_P, 1 - LEAST_P)
        return np.asarray(np.log(p / (1 - p)))


@dataclass(frozen=True)
class Sizes:
    """Quantile boosters of log growth, and by how much of it they are widened so that 80 % fall inside (conformal, on validation)."""

    boosters: dict[str, lightgbm.Booster]
    wider: float

    def predict(self, x: Matrix, columns: list[str], horizon: Numbers) -> dict[str, Numbers]:
        n = x[:, columns.index("n")].astype(np.float64)
        seen = np.column_stack([x, horizon])
        growth = np.sort([one.predict(seen, num_threads=2) for one in self.boosters.values()], axis=0)
        growth += np.array([-self.wider, 0.0, self.wider])[:, None]
        return {name: np.maximum((n + 1) * np.exp(part) - 1, n) for name, part in zip(self.boosters, growth, strict=True)}


@dataclass(frozen=True)
class Forecaster:
    """What `features.rows` needs (`known`), the columns read, both vintages, and the sha256 of their files."""

    known: Known
    columns: list[str]
    vintages: dict[str, Vintage]
    sizes: Sizes
    baselines: dict[str, Any]
    sha256: str

    @property
    def version(self) -> str:
        return f"{NAME}@{self.sha256[:12]}"

    def forecast(self, cascades: Cascades, ages: Sequence[float] = GRID, level: int = LEVEL, horizon: float = HORIZON,
                 progress: Progress = lambda _: None) -> pl.DataFrame:  # fmt: skip
        """cascade_id, t0_h, p for every cascade and age (hours)."""
        rows = self.rows(cascades, ages, progress)
        return rows.select("cascade_id", "t0_h").with_columns(pl.Series("p", self.predict(rows, level, horizon)))

    def rows(self, cascades: Cascades, ages: Sequence[float] = GRID, progress: Progress = lambda _: None) -> pl.DataFrame:
        """Feature rows, and `post_time`."""
        found = features.rows(cascades, self.known, ages, progress)
        return found.join(cascades.posts.select("cascade_id", "post_time"), on="cascade_id", how="left", maintain_order="left")

    def predict(self, rows: pl.DataFrame, level: int = LEVEL, horizon: float = HORIZON) -> Numbers:
        """Probability that the post has `level` reposts within `horizon` hours, a number a row; nearly 1 where it has them now."""
        x, posted = inputs.matrix(rows, self.columns), rows["post_time"].to_numpy()
        p = np.full(rows.height, 1 - LEAST_P)
        below = x[:, self.columns.index("n")] < level
        suffix = "_low" if level < LOW else ""
        is_late = posted >= self.vintages["late"].since
        for name, which in (("early", below & ~is_late), ("late", below & is_late)):
            if which.any():
                ask, wait = np.full(which.sum(), float(level)), np.full(which.sum(), float(horizon))
                p[which] = self.vintages[name + suffix].predict(x[which], self.columns, ask, wait)
        return np.asarray(np.clip(p, LEAST_P, 1 - LEAST_P))

    def size(self, rows: pl.DataFrame, horizon: float = HORIZON) -> pl.DataFrame:
        """low_n, expected_n, high_n: 10, 50 and 90 % of the reposts the post has `horizon` hours later, a row each."""
        said = self.sizes.predict(inputs.matrix(rows, self.columns), self.columns, np.full(rows.height, float(horizon)))
        return pl.DataFrame({f"{name}_n": value for name, value in said.items()})

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> Forecaster:
        """ModelProblem if a file is missing or unreadable."""
        try:
            state = json.loads((folder / STATE).read_text(encoding="utf-8"))
            vintages = {name: _vintage(folder, name, state["vintages"][name]) for name in VINTAGES}
            sizes = Sizes({name: _booster(folder / f"size_{name}.txt.gz") for name in ("low", "expected", "high")}, state["wider"])
            known, columns, baselines = Known.of(state["known"]), list(state["columns"]), state["baselines"]
        except (OSError, EOFError, ValueError, KeyError, lightgbm.basic.LightGBMError) as problem:
            raise ModelProblem(f"{folder}: no usable cascade forecaster ({problem}); train it again or restore the folder") from problem
        return cls(known, columns, vintages, sizes, baselines, fingerprint(folder))


def _vintage(folder: Path, name: str, state: dict[str, Any]) -> Vintage:
    nets = tuple(Network.load(folder / f"{name}_net_{k}.npz") for k in range(state["nets"]))
    trees = tuple(_booster(folder / f"{name}_trees_{k}.txt.gz") for k in range(state["trees"]))
    return Vintage(state["since"], nets, trees, (state["calibration"][0], state["calibration"][1]))


def write(folder: Path, known: Known, columns: list[str], vintages: dict[str, Vintage], sizes: Sizes, baselines: dict[str, Any]) -> None:
    """The shipped files but the card."""
    folder.mkdir(parents=True, exist_ok=True)
    state: dict[str, Any] = {"known": known.state(), "columns": columns, "vintages": {}, "wider": sizes.wider, "baselines": baselines}
    for name, one in vintages.items():
        state["vintages"][name] = {
            "since": one.since, "nets": len(one.nets), "trees": len(one.trees), "calibration": [round(part, 5) for part in one.calibration],
        }  # fmt: skip
        for k, net in enumerate(one.nets):
            net.save(folder / f"{name}_net_{k}.npz")
        for k, booster in enumerate(one.trees):
            _keep(booster, folder / f"{name}_trees_{k}.txt.gz")
    for name, booster in sizes.boosters.items():
        _keep(booster, folder / f"size_{name}.txt.gz")
    (folder / STATE).write_text(json.dumps(state, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _booster(path: Path) -> lightgbm.Booster:
    return lightgbm.Booster(model_str=gzip.decompress(path.read_bytes()).decode())


def _keep(booster: lightgbm.Booster, path: Path) -> None:
    """LightGBM's text, a third as long when packed; no clock in it."""
    path.write_bytes(gzip.compress(booster.model_to_string().encode(), mtime=0))


def fingerprint(folder: Path) -> str:
    """sha256 over the names and bytes of the files that decide a forecast."""
    whole = hashlib.sha256()
    for path in sorted(one for one in folder.iterdir() if one.suffix in (".npz", ".gz") or one.name == STATE):
        whole.update(path.name.encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()
