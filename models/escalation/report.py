"""How a training ends, of events, of a post and of a topic alike: registered, then shipped, or left where it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from models import registry
from models.judge import Verdict
from models.shipping import ship
from models.versions import inner


@dataclass(frozen=True)
class Report:
    """`table`: the figures that were judged, of the test split (cascades: of validation posts); `is_shipped`: the files in `folder` are
    now this model."""

    table: pl.DataFrame
    verdict: Verdict
    run_id: str
    version: str
    folder: Path
    is_shipped: bool


def settled(
    name: str, made: Path, out: Path, figures: pl.DataFrame, said: Verdict, run_id: str, promote: bool, tracking_uri: str | None,
    **contract: Any,
) -> Report:  # fmt: skip
    """Register the files in `made` as a version of `name`; ship them to `out` if the verdict is good and `promote`.

    contract: `inputs`, `outputs`, `requirements` of registry.register.
    """
    version = registry.register(name, run_id, sorted(made.glob("*")), tracking_uri, **contract)
    is_shipped = promote and said.promote
    if is_shipped:
        registry.promote(name, version, tracking_uri)
        ship(made, out, keep=inner(name))
    return Report(figures, said, run_id, version, out, is_shipped)
