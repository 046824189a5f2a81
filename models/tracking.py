"""Where MLflow keeps its records, and the one way to talk to it: no call home, no traceback.

`uri`, else MLFLOW_TRACKING_URI, else SQLite under the settings' root.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from warehouse.settings import OFF_SWITCHES, Settings

SQLITE = "sqlite:///"
P = ParamSpec("P")
T = TypeVar("T")


class RegistryProblem(Exception):
    """The registry cannot do what was asked: one line, with the remedy."""


def tracking_uri(uri: str | None = None) -> str:
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{(Settings().root / 'mlflow.db').resolve()}"


def is_made(uri: str | None = None) -> bool:
    """False where the database would first have to be made: reading makes none."""
    where = tracking_uri(uri)
    return not where.startswith(SQLITE) or Path(where.removeprefix(SQLITE)).exists()


def clear(work: Callable[P, T]) -> Callable[P, T]:
    """Whatever MLflow, its database, its server or its absence has to say becomes one RegistryProblem of one line."""

    @wraps(work)
    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        _switch_off()
        try:
            from mlflow.exceptions import MlflowException
            from sqlalchemy.exc import SQLAlchemyError
        except ImportError as problem:
            raise RegistryProblem(f"MLflow is not installed ({problem}): pip install -e '.[train]'") from problem
        try:
            return work(*args, **kwargs)
        except (MlflowException, SQLAlchemyError, OSError) as problem:
            where = tracking_uri(signature(work).bind(*args, **kwargs).arguments.get("uri"))
            said = (str(problem) or type(problem).__name__).splitlines()[0]
            raise RegistryProblem(f"MLflow at {where}: {said}") from problem

    return told


def client_of(uri: str | None) -> Any:
    """An MlflowClient; its SQLite file is made if it is not there."""
    _switch_off()
    from mlflow import MlflowClient

    where = tracking_uri(uri)
    if where.startswith(SQLITE):
        Path(where.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(where, where)


def experiment(client: Any, name: str, uri: str | None) -> str:
    """Its id. Its artifacts lie beside the database; MLflow would put them under whatever folder it was started in."""
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    where = tracking_uri(uri)
    beside = Path(where.removeprefix(SQLITE)).parent / "mlartifacts" / name
    return str(client.create_experiment(name, str(beside.resolve()) if where.startswith(SQLITE) else None))


def _switch_off() -> None:
    """MLflow reads these when it is imported."""
    for name, value in {**OFF_SWITCHES, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}.items():  # its own 7 wait minutes for a server that is gone
        os.environ.setdefault(name, value)
