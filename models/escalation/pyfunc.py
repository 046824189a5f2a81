"""How MLflow serves the shipped files (registry.register names this module)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import polars as pl

from models.escalation.fit import FEATURES
from models.escalation.model import KINDS, Forecaster

INPUTS = {"kind": "string", "n": "double"} | {name: "double" for kind in KINDS for name in FEATURES[kind]}
OUTPUTS = dict.fromkeys(("escalates_p", "expected_n", "low_n", "high_n"), "double")
REQUIREMENTS = ("lightgbm", "numpy", "polars", "pandas")


class Served:
    """Feature rows with `kind` (board or spread) -> probabilities and sizes, a row each."""

    def __init__(self, forecaster: Forecaster) -> None:
        self.forecaster = forecaster

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        numbered = pl.from_pandas(rows).with_row_index("row")
        parts = [
            part.select("row").hstack(self.forecaster.heads[str(kind)].predict(part))
            for (kind,), part in numbered.group_by("kind", maintain_order=True)
        ]
        return pl.concat(parts).sort("row").drop("row").to_pandas()


def _load_pyfunc(folder: str) -> Served:
    return Served(Forecaster.load(Path(folder)))
