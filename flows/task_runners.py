"""Who runs a flow's tasks: threads of this process, Ray on this machine, or a Ray cluster; and the one Prefect server they all ask."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from warehouse.settings import ConfigProblem, Settings

STORE_BYTES = 80_000_000  # Ray's object store, near its least: tasks pass paths


@contextmanager
def server() -> Iterator[None]:
    """A Prefect server that all workers ask: the one of PREFECT_API_URL, else a temporary one of ours, not one a worker."""
    if PREFECT_API_URL.value():
        yield
        return
    from prefect.server.api.server import SubprocessASGIServer  # here, or every worker would import all of the server

    with SubprocessASGIServer() as own, temporary_settings({PREFECT_API_URL: own.api_url}):
        yield


@contextmanager
def runner(settings: Settings, workers: int) -> Iterator[TaskRunner[Any]]:
    """Threads of this process, Ray on this machine (loopback, no dashboard, its files in a temporary folder), or a Ray cluster."""
    if settings.task_runner == "threads":
        yield ThreadPoolTaskRunner(max_workers=workers)
        return
    if not find_spec("prefect_ray"):
        raise ConfigProblem("task_runner ray is not installed: pip install -c constraints.txt -e '.[scale]'")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from prefect_ray import RayTaskRunner

    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if settings.cluster:
        if not PREFECT_API_URL.value():
            raise ConfigProblem("PREFECT_API_URL is not set: the cluster's workers report to a Prefect server that they can all reach")
        yield RayTaskRunner(settings.cluster, quiet)
        return
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # off: Ray keeps to 127.0.0.1, as it does on those systems
    os.environ.setdefault("RAY_worker_niceness", "0")  # else workers stand back behind everything else on the machine
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray keeps one in ~/.ray
    own_name = hashlib.sha256(str(settings.root.resolve()).encode()).hexdigest()[:12]
    folder = Path("/tmp") / f"guanchao-ray-{own_name}"  # short, for a socket's path has 107 bytes; one a root, so that a killed run's goes
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        own = {"num_cpus": workers, "object_store_memory": STORE_BYTES, "include_dashboard": False}
        yield RayTaskRunner("local", {**own, **quiet, "_node_ip_address": "127.0.0.1", "_temp_dir": str(folder)})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
