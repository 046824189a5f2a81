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
from warehouse.settings import Settings, load_settings
from warehouse.store import Warehouse
from warehouse.tables_upkeep import Tidied, compact, drop_old, vacuum

if TYPE_CHECKING:
    from expectations.audit import Audited

AUDITED_DAYS = 2.0  # rows of so many days: those of the day and of the night, and yesterday's that landed late


@flow(name="upkeep", flow_run_name="upkeep-{as_of}")
def upkeep(conf: str, as_of: str | None = None) -> int | State[int]:
    """Old rows dropped, files put together, what nothing refers to removed; then forecasts that are due decided, and the drift of every
    day that MLflow has not seen; at the end every table held against its suite.

    Returns the figures that were new to MLflow; a failed state with the sentences where a table breaks its contract.
    """
    settings = load_settings(Path(conf))
    at = when(as_of, settings.as_of)
    keep_tables(settings, at)
    resolve(Road(settings, at))
    new = record_drift(settings, as_of)[1]
    said = [stop.sentence for one in audit_tables(Road(settings, at), AUDITED_DAYS) for stop in one.checked.stops]
    return Failed(message=";".join(said), data=new) if said else new


def audit_tables(road: Road, days: float, tables: tuple[str, ...] = ()) -> list[Audited]:
    """Every table, or those named, over its rows of so many days; the verdicts go to `checks`, where the next list finds them."""
    from expectations.audit import audit
    from expectations.record import STORED, record

    found = list(audit(road.warehouse, road.as_of, days, tables))
    record(road.warehouse, road.as_of, {one.table: one.checked for one in found}, road.data_docs, STORED)
    return found


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
