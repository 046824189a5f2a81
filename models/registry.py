"""Runs, versions and the alias `champion` in MLflow; versions.py reads them back and restores them.

Nothing on the road needs it: predictions come from the files shipped in models/weights. Where it keeps its records: tracking.py.
Requirements and signature are always given, since inferring them makes MLflow import the model in a child process (5–7 s a
model, measured with 3.17).
"""

from __future__ import annotations

import json
import math
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from models import tracking
from models.provenance import manifest, origin
from models.tracking import RegistryProblem as RegistryProblem
from models.tracking import clear, client_of, is_made
from models.tracking import tracking_uri as tracking_uri
from warehouse.clock import SHANGHAI

CHAMPION, MODEL = "champion", "model"
FILES, PROMOTED = "files", "was_champion"  # tags of a version: hashes of its files, and that it has been the champion
LOADERS = {"text": "models.classifier.pyfunc", "escalation": "models.escalation.pyfunc"}


@dataclass(frozen=True)
class Version:
    """A registered version: `source` is where it lies, `files` the hash of each of its files, `was_champion` true of a champion too."""

    name: str
    version: str
    run_id: str
    source: str
    is_champion: bool
    was_champion: bool = False
    files: Mapping[str, str] = field(default_factory=dict)


@clear
def log_training(
    name: str, params: Mapping[str, Any], metrics: Mapping[str, float], artifacts: Sequence[Path], data_hashes: Mapping[str, str],
    tags: Mapping[str, str], uri: str | None = None,
) -> str:  # fmt: skip
    """One finished run in the experiment `name` -> run_id. Artifacts are files, or folders copied whole; nan metrics are left out.

    The commit, whether the tree differed from it, and the command are tags of every run.
    """
    from mlflow.entities import Metric, Param, RunTag

    client = client_of(uri)
    run = client.create_run(tracking.experiment(client, name, uri))
    run_id, now = str(run.info.run_id), int(run.info.start_time)
    said = [Param(key, str(value)) for key, value in params.items()] + [Param(f"data.{key}", value) for key, value in data_hashes.items()]
    figures = [Metric(key, float(value), now, 0) for key, value in metrics.items() if math.isfinite(value)]
    client.log_batch(run_id, figures, said, [RunTag(key, value) for key, value in {**origin(), **tags}.items()])
    for path in artifacts:
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        else:
            client.log_artifact(run_id, str(path))
    client.set_terminated(run_id)
    return run_id


@clear
def register(
    name: str, run_id: str, files: Sequence[Path], uri: str | None = None, inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None, requirements: Sequence[str] = (),
) -> str:  # fmt: skip
    """Keep the shipped `files` with the run as an MLflow model and register it -> version.

    Who loads it from MLflow gets what `_load_pyfunc(folder)` of its module in LOADERS returns (importable where it is loaded: the
    code is not copied); a name without one is the files alone. `inputs` and `outputs` map column -> MLflow type ("double", "string");
    `requirements` are distributions, pinned here as installed.
    """
    from mlflow.exceptions import MlflowException

    client = client_of(uri)
    with TemporaryDirectory() as place:
        shipped, folder = Path(place) / name, Path(place) / MODEL
        shipped.mkdir()
        for file in files:
            (shutil.copytree if file.is_dir() else shutil.copy2)(file, shipped / file.name)
        hashes = json.dumps(manifest(shipped))
        if name in LOADERS:
            _save_pyfunc(folder, LOADERS[name], shipped, _signature(inputs, outputs), requirements)
        else:
            folder = shipped.rename(folder)
        client.log_artifacts(run_id, str(folder), MODEL)
    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(name)
    made = client.create_model_version(name, f"{client.get_run(run_id).info.artifact_uri}/{MODEL}", run_id, tags={FILES: hashes})
    return str(made.version)


def _save_pyfunc(folder: Path, loader: str, files: Path, signature: Any, requirements: Sequence[str]) -> None:
    import mlflow.pyfunc

    warnings.filterwarnings("ignore", ".*An input example was not provided")  # the signature is
    pins = [f"{one}=={installed(one)}" for one in requirements]
    mlflow.pyfunc.save_model(str(folder), loader_module=loader, data_path=str(files), signature=signature, pip_requirements=pins)


def _signature(inputs: Mapping[str, str] | None, outputs: Mapping[str, str] | None) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    sides = [
        Schema([ColSpec(kind, column, required=False) for column, kind in side.items()]) if side else None for side in (inputs, outputs)
    ]
    return ModelSignature(inputs=sides[0], outputs=sides[1]) if any(sides) else None


@clear
def log_days(experiment: str, run: str, points: Sequence[tuple[str, float, datetime]], uri: str | None = None) -> int:
    """(metric, value, instant) of days into the one run of that name, the step being the day since 1970; known ones stay -> new ones."""
    from mlflow.entities import Metric

    client = client_of(uri)
    of = tracking.experiment(client, experiment, uri)
    found = client.search_runs([of], f"attributes.run_name = '{run}'", max_results=1)
    run_id = str((found[0] if found else client.create_run(of, run_name=run)).info.run_id)
    there = {(name, one.step) for name in {name for name, *_ in points} for one in client.get_metric_history(run_id, name)}
    days = [
        (name, value, int(at.timestamp() * 1000), (at.astimezone(SHANGHAI).date() - date(1970, 1, 1)).days) for name, value, at in points
    ]
    new = [Metric(*point) for point in days if (point[0], point[3]) not in there]
    for start in range(0, len(new), 1000):  # the most MLflow takes at once
        client.log_batch(run_id, new[start : start + 1000])
    client.set_terminated(run_id)
    return len(new)


@clear
def promote(name: str, version: str, uri: str | None = None) -> None:
    """`version` becomes the champion, and is known to have been it; RegistryProblem if there is no such version."""
    from mlflow.exceptions import MlflowException

    client = client_of(uri)
    try:
        client.set_registered_model_alias(name, CHAMPION, version)
        client.set_model_version_tag(name, version, PROMOTED, "true")
    except MlflowException as problem:
        raise RegistryProblem(f"{name} version {version}: cannot be made champion in {tracking_uri(uri)}: {problem.message}") from problem


def champion(name: str, uri: str | None = None) -> Version | None:
    """The version that carries the alias, or None."""
    return next((one for one in list_models(uri) if one.name == name and one.is_champion), None)


@clear
def list_models(uri: str | None = None) -> list[Version]:
    """Every registered version, by name and age; none where no database has been made yet (reading makes none)."""
    if not is_made(uri):
        return []
    client = client_of(uri)
    crowned = {(model.name, str(model.aliases.get(CHAMPION))) for model in client.search_registered_models()}
    found = [
        Version(
            one.name, str(one.version), str(one.run_id), str(one.source), (one.name, str(one.version)) in crowned,
            PROMOTED in one.tags, json.loads(one.tags.get(FILES, "{}")),
        )
        for one in client.search_model_versions()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.name, int(one.version)))
