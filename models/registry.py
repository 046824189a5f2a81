"""The only file that talks to MLflow: runs, versions and the alias `champion`.

Nothing on the road needs it: predictions come from the files shipped in models/weights. Where it keeps its records:
`uri`, else MLFLOW_TRACKING_URI, else SQLite under the settings' root. Requirements and signature are always given, since
inferring them makes MLflow import the model in a child process (5–7 s a model, measured with 3.17).
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from warehouse.settings import OFF_SWITCHES, Settings

CHAMPION, MODEL = "champion", "model"


class RegistryProblem(Exception):
    """The registry cannot do what was asked: one line, with the remedy."""


@dataclass(frozen=True)
class Version:
    """A registered version: `source` is where its files lie."""

    name: str
    version: str
    run_id: str
    source: str
    is_champion: bool


def tracking_uri(uri: str | None = None) -> str:
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(Settings().root / 'mlflow.db').resolve()}"


def log_training(
    name: str, params: Mapping[str, Any], metrics: Mapping[str, float], artifacts: Sequence[Path], data_hashes: Mapping[str, str],
    tags: Mapping[str, str], uri: str | None = None,
) -> str:  # fmt: skip
    """One finished run in the experiment `name` -> run_id. Artifacts are files, or folders copied whole; nan metrics are left out."""
    from mlflow.entities import Metric, Param, RunTag

    client = _client(uri)
    run = client.create_run(_experiment(client, name, tracking_uri(uri)))
    run_id, now = str(run.info.run_id), int(run.info.start_time)
    said = [Param(key, str(value)) for key, value in params.items()] + [Param(f"data.{key}", value) for key, value in data_hashes.items()]
    figures = [Metric(key, float(value), now, 0) for key, value in metrics.items() if math.isfinite(value)]
    client.log_batch(run_id, figures, said, [RunTag(key, value) for key, value in tags.items()])
    for path in artifacts:
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        else:
            client.log_artifact(run_id, str(path))
    client.set_terminated(run_id)
    return run_id


def register(
    name: str, run_id: str, files: Sequence[Path], uri: str | None = None, inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None, requirements: Sequence[str] = (),
) -> str:  # fmt: skip
    """Keep the shipped `files` with the run as an MLflow model and register it -> version.

    Who loads it from MLflow gets what `_load_pyfunc(folder)` of the module models.<name>.pyfunc returns; where there is no such
    module the version is the files alone. `inputs` and `outputs` map column -> MLflow type ("double", "string");
    `requirements` are distributions, pinned here as installed.
    """
    from mlflow.exceptions import MlflowException

    client = _client(uri)
    with TemporaryDirectory() as place:
        shipped, folder = Path(place) / name, Path(place) / MODEL
        shipped.mkdir()
        for file in files:
            shutil.copy2(file, shipped / file.name)
        loader = f"models.{name}.pyfunc"
        if (Path(__file__).parent / name / "pyfunc.py").is_file():
            _save_pyfunc(folder, loader, shipped, _signature(inputs, outputs), requirements)
        else:
            folder = shipped.rename(folder)
        client.log_artifacts(run_id, str(folder), MODEL)
    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(name)
    made = client.create_model_version(name, f"{client.get_run(run_id).info.artifact_uri}/{MODEL}", run_id)
    return str(made.version)


def _save_pyfunc(folder: Path, loader: str, files: Path, signature: Any, requirements: Sequence[str]) -> None:
    import mlflow.pyfunc

    pins = [f"{one}=={installed(one)}" for one in requirements]
    mlflow.pyfunc.save_model(str(folder), loader_module=loader, data_path=str(files), signature=signature, pip_requirements=pins)


def _signature(inputs: Mapping[str, str] | None, outputs: Mapping[str, str] | None) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    sides = [
        Schema([ColSpec(kind, column, required=False) for column, kind in side.items()]) if side else None for side in (inputs, outputs)
    ]
    return ModelSignature(inputs=sides[0], outputs=sides[1]) if any(sides) else None


def promote(name: str, version: str, uri: str | None = None) -> None:
    """`version` becomes the champion; RegistryProblem if there is no such version."""
    from mlflow.exceptions import MlflowException

    try:
        _client(uri).set_registered_model_alias(name, CHAMPION, version)
    except MlflowException as problem:
        raise RegistryProblem(f"{name} version {version}: cannot be made champion in {tracking_uri(uri)}: {problem.message}") from problem


def champion(name: str, uri: str | None = None) -> Version | None:
    """The version that carries the alias, or None."""
    return next((one for one in list_models(uri) if one.name == name and one.is_champion), None)


def list_models(uri: str | None = None) -> list[Version]:
    """Every registered version, by name and age."""
    client = _client(uri)
    crowned = {(model.name, str(model.aliases.get(CHAMPION))) for model in client.search_registered_models()}
    found = [
        Version(one.name, str(one.version), str(one.run_id), str(one.source), (one.name, str(one.version)) in crowned)
        for one in client.search_model_versions()
    ]
    return sorted(found, key=lambda one: (one.name, int(one.version)))


def _client(uri: str | None) -> Any:
    for name, value in OFF_SWITCHES.items():  # MLflow reads them when it is imported
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    where = tracking_uri(uri)
    if where.startswith("sqlite:///"):
        Path(where.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(where, where)


def _experiment(client: Any, name: str, where: str) -> str:
    """Its artifacts lie beside the database; MLflow would put them under whatever folder it was started in."""
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    beside = Path(where.removeprefix("sqlite:///")).parent / "mlartifacts" / name
    return str(client.create_experiment(name, str(beside.resolve()) if where.startswith("sqlite:///") else None))
