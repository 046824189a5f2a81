"""What tables and models need once the list is out: the morning has no second for it, and MLflow's import alone costs several."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import polars as pl
from prefect import flow

from flows.road import Road, last_run, watch, when
from warehouse.settings import Settings, load_settings
from warehouse.store import Warehouse
from warehouse.tables_upkeep import Tidied, compact, drop_old, vacuum


@flow(name="upkeep", flow_run_name="upkeep-{as_of}")
def upkeep(conf: str, as_of: str | None = None) -> int:
    """Old rows dropped, files put together, what nothing refers to removed; then the drift of every day that MLflow has not seen.

    Returns the figures that were new there.
    """
    settings = load_settings(Path(conf))
    keep_tables(settings, when(as_of, settings.as_of))
    return record_drift(settings, as_of)[1]


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
