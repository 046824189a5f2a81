"""Options that several verbs share, and what is set before any library is imported."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer

from warehouse.settings import OFF_SWITCHES, PROJECT, ConfigProblem, Settings, load_settings

P = ParamSpec("P")
R = TypeVar("R")

DRILL = PROJECT / "conf" / "drill"
SHARED = PROJECT.parent / "shared" / "data"
Conf = Annotated[Path, typer.Option("--conf", help="folder with hospitals.yml, sources.yml, settings.yml", envvar="GUANCHAO_CONF")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="look back from this instant, e.g. 2026-03-10T08:30+08:00; default: now")]
Data = Annotated[Path, typer.Option("--data", help="folder of shared data", envvar="GUANCHAO_DATA")]
Tracking = Annotated[str | None, typer.Option("--tracking-uri", help="MLflow; default: sqlite under data/")]

ROOM = 200 * 2**20  # bytes that must be free before anything starts: many runs of the drill (8 MiB each), or days of a hospital
FULL = (errno.ENOSPC, errno.EDQUOT)


def prepare_to_write(settings: Settings) -> None:
    """`prepare` for a verb that writes: ConfigProblem, before Prefect starts, where a folder it needs takes no more."""
    check_room(settings)
    prepare(settings)


def writing(command: Callable[P, R]) -> Callable[P, R]:
    """The command, refused where there is no room for what it writes."""

    @wraps(command)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        conf = kwargs["conf"]
        assert isinstance(conf, Path)
        check_room(load_settings(conf))
        return command(*args, **kwargs)

    return checked


def check_room(settings: Settings, room: int = ROOM) -> None:
    """ConfigProblem unless the data root and the folder of Prefect's database can be written to and have room."""
    folders = {"GUANCHAO_ROOT": settings.root}
    if not os.environ.get("PREFECT_API_URL"):  # else the database is the server's
        folders["PREFECT_HOME"] = Path(os.environ.get("PREFECT_HOME") or settings.root / "prefect").expanduser()
    for name, folder in folders.items():
        standing = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
        free = shutil.disk_usage(standing).free
        why = _refusal(standing) or ("too little room" if free < room else "")
        if why:
            raise ConfigProblem(
                f"{folder}: {why}: {_mib(free)} free, at least {_mib(room)} needed; nothing was started. "
                f"Make room there, or set {name} to a folder that can be written to"
            )


def _refusal(folder: Path) -> str:
    """Why a small file cannot be written there; it is taken away. Permission bits say nothing about read-only mounts and quotas."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"guanchao")
    except OSError as problem:
        return problem.strerror or str(problem)
    return ""


@contextmanager
def full_disk_named(folder: Path, doing: str) -> Iterator[None]:
    """A disk that fills up meanwhile is a ConfigProblem that names the folder: the system's own sentence often names none."""
    from polars.exceptions import ComputeError  # what a full disk is to Polars

    try:
        yield
    except (OSError, ComputeError) as problem:
        is_full = problem.errno in FULL if isinstance(problem, OSError) else os.strerror(errno.ENOSPC) in str(problem)
        if not is_full:
            raise
        left = f"{os.strerror(errno.ENOSPC)}: {_mib(shutil.disk_usage(folder).free)} free"
        raise ConfigProblem(f"{folder}: {left} while {doing}; make room and do it again") from problem


def _mib(n: int) -> str:
    return f"{n / 2**20:.1f} MiB"


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
