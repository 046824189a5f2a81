"""A whole import at once, as the small tests look at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from crawlers.imports.importers import Reject, Report, read_export

REJECTS = pl.Schema({"row_n": pl.Int64(), "column": pl.String(), "reason": pl.String(), "row": pl.String()})


@dataclass(frozen=True)
class Imported:
    items: pl.DataFrame
    rejects: pl.DataFrame
    report: Report
    fetches: pl.DataFrame


def read_whole(*said: Any, **named: Any) -> Imported:
    read = read_export(*said, **named)
    batches = list(read)
    rejects: list[Reject] = [reject for batch in batches for reject in batch.rejects]
    return Imported(
        pl.concat([batch.items for batch in batches]), pl.DataFrame(rejects, schema=REJECTS, orient="row"), read.report, read.fetches
    )
