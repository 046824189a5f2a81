"""What the models need once the list is out: the days' drift goes to MLflow, whose import alone costs seconds the morning has not."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
from prefect import flow

from flows.road import Road, last_run, watch, when
from warehouse.settings import Settings, load_settings


@flow(name="upkeep", flow_run_name="upkeep-{as_of}")
def upkeep(conf: str, as_of: str | None = None) -> int:
    """The drift of every day that MLflow has not seen; returns the figures that were new there."""
    return record_drift(load_settings(Path(conf)), as_of)[1]


def record_drift(settings: Settings, as_of: str | None = None, tracking_uri: str | None = None) -> tuple[pl.DataFrame, int]:
    """The last run's (or as_of's) rows of the table `drift`, made now if that run left none; how many figures were new to MLflow."""
    from models.drift import log

    road = Road(settings, when(as_of or last_run(settings), settings.as_of))
    if road.made("drift").is_empty():
        watch(road)
    uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(settings.root / 'mlflow.db').resolve()}"
    new = log(road.warehouse.read("drift", as_of=road.as_of), uri)
    return road.made("drift"), new
