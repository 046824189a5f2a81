"""What tables and models need once the list is out: the morning has no second for it, and MLflow's import alone costs several."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.listing import watch
from flows.resolving import resolve
from flows.road import Road, last_run, when
from flows.steps import timed
from warehouse.schema import TABLES
from warehouse.settings import Settings, load_settings
from warehouse.store import Warehouse
from warehouse.tables_upkeep import Tidied, compact, drop_old, vacuum

if TYPE_CHECKING:
    from expectations.audit import Audited

AUDITED_DAYS = 2.0  # rows of so many days: those of the day and of the night, and yesterday's that landed late


@flow(name="upkeep", flow_run_name="upkeep-{as_of}")
def upkeep(conf: str, as_of: str | None = None) -> int | State[int]:
    """Old rows dropped, files put together, what nothing refers to removed; then forecasts that are due decided, and the drift of every
    day that MLflow has not seen; at the end every table held against its suite. What one step or table cannot do costs no other its turn.

    Returns the figures that were new to MLflow; a failed state with the sentences where something failed or a table breaks its contract.
    """
    settings = load_settings(Path(conf))
    at = when(as_of, settings.as_of)
    told: list[str] = []

    def keep(road: Road) -> int:
        done = keep_tables(settings, at)
        told.extend(one.failure for one in done)
        return len(done)

    def drift(road: Road) -> int:
        return record_drift(settings, as_of)[1]

    def hold(road: Road) -> int:
        said = hold_tables(road, AUDITED_DAYS)
        told.extend(said)
        return len(said)

    ended = [timed(step)(Road(settings, at)) for step in (keep, resolve, drift, hold)]
    _, _, drifted, _ = ended
    new, said = drifted.rows, [sentence for sentence in dict.fromkeys([*told, *(step.stopped for step in ended)]) if sentence]
    return Failed(message=";".join(said), data=new) if said else new


def audit_tables(road: Road, days: float, tables: tuple[str, ...] = ()) -> list[Audited]:
    """Every table, or those named, over its rows of so many days; the verdicts go to `checks`, where the next list finds them."""
    from expectations.audit import audit
    from expectations.record import STORED, record

    found = list(audit(road.warehouse, road.as_of, days, tables))
    record(road.warehouse, road.as_of, {one.table: one.checked for one in found}, road.data_docs, STORED)
    return found


def hold_tables(road: Road, days: float) -> list[str]:
    """As `audit_tables`, but a table that cannot be read is a sentence among those of broken contracts, and the others are held."""
    from expectations.audit import NEVER_STORED, audit
    from expectations.record import STORED, record

    found: list[Audited] = []
    unread = []
    for name in TABLES:
        if name in NEVER_STORED:
            continue

        def hold(road: Road, table: str = name) -> int:
            found.extend(audit(road.warehouse, road.as_of, days, (table,)))
            return 1

        unread.append(timed(hold)(road).stopped)

    def note(road: Road) -> int:
        return record(road.warehouse, road.as_of, {one.table: one.checked for one in found}, road.data_docs, STORED).height

    return [*unread, timed(note)(road).stopped, *(stop.sentence for one in found for stop in one.checked.stops)]


def keep_tables(settings: Settings, at: datetime) -> list[Tidied]:
    """The tables' own upkeep; flows may run meanwhile. Returns what was done, table by table."""
    warehouse = Warehouse(settings.warehouse, "upkeep")
    return [*drop_old(warehouse, settings.archive, at, settings.keep_days), *compact(warehouse, at), *vacuum(warehouse)]


def record_drift(settings: Settings, as_of: str | None = None, tracking_uri: str | None = None) -> tuple[pl.DataFrame, int]:
    """The last run's (or as_of's) rows of the table `drift`, made now if that run left none; how many figures were new to MLflow."""
    from models.drift import log

    road = Road(settings, when(as_of or last_run(settings), settings.as_of))
    if road.made("drift").is_empty():
        watch(road)
    uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(settings.root / 'mlflow.db').resolve()}"
    new = log(road.warehouse.read("drift", as_of=road.as_of), uri)
    return road.made("drift"), new
