"""Registered versions read back from MLflow: what one is made of and measured, and the way back to an earlier one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models import registry
from models.provenance import manifest
from models.registry import Version
from models.shipping import ship
from models.tracking import RegistryProblem, clear, client_of, tracking_uri
from warehouse.settings import PROJECT

WEIGHTS = PROJECT / "models" / "weights"  # a model's files are shipped in the folder of its name, but these
PLACES = {"escalation_topic": "escalation/topic", "cascade": "escalation/cascade"}
DATA = "data."  # how registry.log_training marks a hash among the parameters


@dataclass(frozen=True)
class Record:
    """What MLflow keeps of a version's run."""

    version: Version
    made_at: float  # seconds since 1970
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    data: Mapping[str, str]  # file -> hash
    tags: Mapping[str, str]


def find(name: str, version: str | None = None, uri: str | None = None) -> Version:
    """A version by its number; without one the champion, or the newest. RegistryProblem says what there is instead."""
    own = [one for one in registry.list_models(uri) if one.name == name]
    if not own:
        others = sorted({one.name for one in registry.list_models(uri)})
        known = f"; registered: {', '.join(others)}" if others else f"; `guanchao train {name}` registers one"
        raise RegistryProblem(f"{name}: nothing is registered under this name in {tracking_uri(uri)}{known}")
    if version is None:
        return next((one for one in own if one.is_champion), own[-1])
    found = next((one for one in own if one.version == version), None)
    if found is None:
        raise RegistryProblem(f"{name} version {version}: not registered; there are {', '.join(one.version for one in own)}")
    return found


@clear
def record(version: Version, uri: str | None = None) -> Record:
    run = client_of(uri).get_run(version.run_id)
    params: dict[str, str] = {}
    hashes: dict[str, str] = {}
    for key, value in run.data.params.items():
        if key.startswith(DATA):
            hashes[key.removeprefix(DATA)] = value
        else:
            params[key] = value
    return Record(version, run.info.start_time / 1000, params, dict(run.data.metrics), hashes, dict(run.data.tags))


@clear
def folder_of(version: Version, uri: str | None = None) -> Path:
    """Where a version's files lie on this machine (fetched, if a server keeps them). RegistryProblem if one is missing or damaged."""
    place = Path(version.source)
    if not place.exists() and "://" in version.source:
        from mlflow.artifacts import download_artifacts

        place = Path(download_artifacts(artifact_uri=version.source, tracking_uri=tracking_uri(uri)))
    folder = place / "data" / version.name if (place / "MLmodel").exists() else place
    found = manifest(folder)
    wrong = [name for name, said in version.files.items() if found.get(name) != said]
    if wrong or not found:
        what = f"{', '.join(wrong)} missing or damaged" if wrong else "no files"
        raise RegistryProblem(f"{version.name} version {version.version}: {what} in {folder}; nothing was changed")
    return folder


def earlier(name: str, uri: str | None = None) -> Version:
    """The version to go back to: the newest former champion older than the champion."""
    champion = find(name, None, uri)
    former = [
        one for one in registry.list_models(uri) if one.name == name and one.was_champion and int(one.version) < int(champion.version)
    ]
    if not former:
        raise RegistryProblem(f"{name}: no earlier champion than version {champion.version}; name a version (`guanchao models list`)")
    return former[-1]


def place(name: str, weights: Path = WEIGHTS) -> Path:
    return weights / PLACES.get(name, name)


def inner(name: str) -> tuple[str, ...]:
    """Folders of other models within a model's own."""
    return tuple(Path(where).name for where in PLACES.values() if Path(where).parent == Path(PLACES.get(name, name)))


def is_shipped(version: Version, weights: Path = WEIGHTS) -> bool:
    """Whether the files on the road are this version's."""
    found = manifest(place(version.name, weights))
    own = {file: digest for file, digest in found.items() if Path(file).parts[0] not in inner(version.name)}
    return bool(version.files) and own == dict(version.files)


def rollback(version: Version, weights: Path = WEIGHTS, uri: str | None = None) -> Path:
    """Ship a version's files again, then give it the alias -> the folder. May be called again wherever it broke off."""
    out = place(version.name, weights)
    ship(folder_of(version, uri), out, keep=inner(version.name))
    registry.promote(version.name, version.version, uri)
    return out
