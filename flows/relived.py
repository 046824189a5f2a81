"""A step of a backtest as the road sees it: thousands of them follow each other, so what no step changes is read from disk once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable

from expectations.door import Gated
from expectations.gate import check, stop_at, strangers
from flows.road import Road
from warehouse.clock import SHANGHAI
from warehouse.commits import Change
from warehouse.settings import Settings
from warehouse.store import Warehouse

LIST_AT = time(7, 30)  # Shanghai: when flows/schedule.py makes the day's list
HELD = ("fetches", "posts", "observations", "mentions", "scores", "coverage", "verdicts", "erasures")  # no step writes to them


@dataclass(frozen=True)
class Inputs:
    """What is the same at every step, each when it is first asked for: the tables that steps only read, whole and in memory, the newest
    version of the others, the playbook by its file, the text model's version."""

    settings: Settings
    tables: dict[str, DeltaTable | None] = field(default_factory=dict)
    rows: dict[str, pl.DataFrame] = field(default_factory=dict)
    playbooks: dict[Path, Any] = field(default_factory=dict)
    text_models: list[str] = field(default_factory=list)


class PastWarehouse(Gated):
    """As-of reads are Warehouse's own, over rows in memory. What a stage made is judged as ever; that all was well is not written down."""

    def __init__(self, inputs: Inputs, run_id: str, as_of: datetime) -> None:
        super().__init__(inputs.settings.warehouse, run_id, as_of)
        self.inputs = inputs

    def opened(self, table: str) -> DeltaTable | None:
        if table not in self.inputs.tables:
            self.inputs.tables[table] = super().opened(table)
        return self.inputs.tables[table]

    def exists(self, table: str) -> bool:
        return self.opened(table) is not None

    def commit(self, table: str, change: Callable[[DeltaTable | None], Change]) -> int:
        """Nobody else writes here (backtest.py holds the root's lock), so a version is the newest until this."""
        try:
            return super().commit(table, change)
        finally:
            self.inputs.tables.pop(table, None)

    def stored(self, table: str, pinned: DeltaTable) -> pl.LazyFrame:
        if table not in HELD:
            return super().stored(table, pinned)
        if table not in self.inputs.rows:
            self.inputs.rows[table] = super().stored(table, pinned).collect()
        return self.inputs.rows[table].lazy()

    def _believed(self, table: str, frame: pl.DataFrame) -> pl.DataFrame:
        checked = check(table, frame, self.as_of, contract=False)
        stop_at([*strangers(table, frame), *checked.stops])
        if checked.quarantined.height:
            Warehouse.add(self, "quarantine", checked.quarantined)
        return checked.good


@dataclass(frozen=True)
class PastRoad(Road):
    """Its list is the day's in the morning and an alert at other hours, as live."""

    inputs: Inputs = field(kw_only=True)

    @property
    def is_whole(self) -> bool:
        return self.as_of.astimezone(SHANGHAI).time() == LIST_AT

    @property
    def warehouse(self) -> Warehouse:
        return PastWarehouse(self.inputs, self.run_id, self.as_of)

    @property
    def playbook(self) -> Any:
        if self.playbook_file not in self.inputs.playbooks:
            self.inputs.playbooks[self.playbook_file] = super().playbook
        return self.inputs.playbooks[self.playbook_file]

    @property
    def text_model(self) -> str:
        if not self.inputs.text_models:
            self.inputs.text_models.append(super().text_model)
        return self.inputs.text_models[0]
