"""The warehouse as the stages of a run write it: what they made is judged by its table's row rules before it goes in.

Rows from outside are judged by land.py, with their suite and on the whole; here it is our own stages' turn, whose broken row is a bug: it
is set aside with its reason and said on the list, and a stage that makes many stops (rules.yml, `made`). Polars only: milliseconds.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from expectations.gate import check, stop_at, strangers
from expectations.measures import ARRIVED
from expectations.record import record, verdicts
from warehouse.store import Warehouse

UNJUDGED = (*ARRIVED, "quarantine", "quarantine_actions", "checks")  # judged on arrival, or the gate's own words


class Gated(Warehouse):
    """A Warehouse whose writes pass the gate. as_of: the instant of the run; docs: folder of its page, if it has one.

    Whoever writes a table in parts does it by one object of these: its verdicts are then those on all parts.
    """

    def __init__(self, root: Path, run_id: str, as_of: datetime, docs: Path | None = None) -> None:
        super().__init__(root, run_id)
        self.as_of, self.docs = as_of, docs
        self._judged: set[str] = set()

    def add(self, table: str, frame: pl.DataFrame) -> int:
        return super().add(table, self._believed(table, frame))

    def replace(self, table: str, frame: pl.DataFrame, as_of: datetime) -> int:
        return super().replace(table, self._believed(table, frame), as_of)

    def _believed(self, table: str, frame: pl.DataFrame) -> pl.DataFrame:
        """The sound rows; the others are set aside. StageStop if the table is not to be believed.

        The verdicts go first: a run that is killed after them makes the same rows, and so the same verdicts, again. One that finds its rows
        written already has none to judge, and leaves the verdicts that are there.
        """
        if table in UNJUDGED or (frame.is_empty() and (verdicts(self, self.as_of)["table_name"] == table).any()):
            return frame
        unknown = strangers(table, frame)
        checked = check(table, frame, self.as_of, contract=False)
        record(self, self.as_of, {table: checked}, self.docs, goes_on=table in self._judged)
        self._judged.add(table)
        stop_at([*unknown, *checked.stops])
        if checked.quarantined.height:
            super().add("quarantine", checked.quarantined)
        return checked.good
