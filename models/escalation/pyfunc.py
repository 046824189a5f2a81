"""How MLflow serves the shipped files (registry.register names this module)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import polars as pl

from models.escalation.fit import FEATURES
from models.escalation.head import Head
from models.escalation.ladder import LADDERS, Ladder
from models.escalation.model import KINDS, Forecaster

INPUTS = {"kind": "string", "n": "double"} | {name: "double" for kind in (*KINDS, *LADDERS) for name in FEATURES[kind]}
OUTPUTS = dict.fromkeys(("escalates_p", "expected_n", "low_n", "high_n"), "double")
REQUIREMENTS = ("lightgbm", "numpy", "polars", "pandas")


class Served:
    """Feature rows with `kind` (board, spread; rank, volume with their bar) -> probabilities and sizes (of a ladder: null), a row each."""

    def __init__(self, forecaster: Forecaster) -> None:
        self.forecaster = forecaster

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        numbered = pl.from_pandas(rows).with_row_index("row")
        parts = [
            part.select("row").hstack(self._of(str(kind)).predict(part)) for (kind,), part in numbered.group_by("kind", maintain_order=True)
        ]
        none = pl.DataFrame(schema=dict.fromkeys(OUTPUTS, pl.Float64()))
        return pl.concat([*parts, none], how="diagonal").sort("row").select(list(OUTPUTS)).to_pandas()

    def _of(self, kind: str) -> Head | Ladder:
        return self.forecaster.ladders.get(kind) or self.forecaster.heads[kind]


def _load_pyfunc(folder: str) -> Served:
    return Served(Forecaster.load(Path(folder)))
