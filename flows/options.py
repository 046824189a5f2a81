"""Options that several verbs share, and what is set before any library is imported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from warehouse.settings import OFF_SWITCHES, PROJECT, Settings

DRILL = PROJECT / "conf" / "drill"
SHARED = PROJECT.parent / "shared" / "data"
Conf = Annotated[Path, typer.Option("--conf", help="folder with hospitals.yml, sources.yml, settings.yml", envvar="GUANCHAO_CONF")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="look back from this instant, e.g. 2026-03-10T08:30+08:00; default: now")]
Data = Annotated[Path, typer.Option("--data", help="folder of shared data", envvar="GUANCHAO_DATA")]
Tracking = Annotated[str | None, typer.Option("--tracking-uri", help="MLflow; default: sqlite under data/")]


def prepare(settings: Settings) -> None:
    """No telemetry, and Prefect's own files under the data root."""
    switches()
    settings.root.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PREFECT_HOME", str((settings.root / "prefect").resolve()))
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "90")


def conf_of(words: list[str]) -> Path:
    """The conf folder that a command line names, for when the command itself has ended without a word."""
    for n, word in enumerate(words):
        if word.startswith("--conf="):
            return Path(word.removeprefix("--conf="))
        if word == "--conf" and n + 1 < len(words):
            return Path(words[n + 1])
    return Path(os.environ.get("GUANCHAO_CONF") or DRILL)


def switches() -> None:
    for name, value in OFF_SWITCHES.items():
        os.environ.setdefault(name, value)
