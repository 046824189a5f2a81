"""A real Prefect server must really schedule: the pins that break it do so in silence (design/STACK.md §0)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from flows.schedule import DEPLOYMENTS, TIMEZONE
from warehouse.settings import OFF_SWITCHES, PROJECT

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, question, seconds: float):  # type: ignore[no-untyped-def]
    """Ask until there is an answer; the assertion names what never came."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if answer := question():
                return answer
        except httpx.HTTPError:
            pass
        time.sleep(1)
    raise AssertionError(f"{what} did not come within {seconds} s")


@pytest.fixture
def server(tmp_path: Path):  # type: ignore[no-untyped-def]
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    environment = {**os.environ, **OFF_SWITCHES, "PREFECT_HOME": str(tmp_path / "prefect"), "GUANCHAO_ROOT": str(tmp_path / "root")}
    environment["PREFECT_API_URL"] = api
    command = [str(Path(sys.executable).with_name("prefect")), "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    with (tmp_path / "server.log").open("w") as log:
        child = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for("the server", lambda: httpx.get(f"{api}/health").status_code == 200, 120)
        yield api, environment
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(30)


def test_every_deployment_is_scheduled_in_shanghai_time(server) -> None:  # type: ignore[no-untyped-def]
    api, environment = server
    serve = subprocess.Popen(
        [str(Path(sys.executable).with_name("guanchao")), "serve"], env=environment, cwd=PROJECT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deployments = wait_for("deployments", lambda: _all(api, "deployments", len(DEPLOYMENTS)), 90)
        assert {one["name"] for one in deployments} == {row.name for row in DEPLOYMENTS}
        for one in deployments:
            assert [schedule["schedule"]["timezone"] for schedule in one["schedules"]] == [TIMEZONE]
        runs = wait_for("scheduled runs", lambda: _scheduled(api, len(DEPLOYMENTS)), 120)
        assert {run["deployment_id"] for run in runs} == {one["id"] for one in deployments}
    finally:
        os.killpg(serve.pid, signal.SIGTERM)
        serve.wait(30)


ASK = """
import pathlib, sys, time
from flows.hosts import reserved
for _ in range(3):
    with reserved(["lanhu.test:80"], pathlib.Path(sys.argv[1])):
        print("in", time.time(), flush=True)
        time.sleep(0.7)
        print("out", time.time(), flush=True)
"""


def test_two_machines_never_ask_one_host_at_once(server, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Workers that share a Prefect server but no disk (two lock folders): its global concurrency limit keeps them apart."""
    api, environment = server
    workers = [
        subprocess.Popen([sys.executable, "-c", ASK, str(tmp_path / name)], env=environment, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    moments = []
    for worker in workers:
        said, _ = worker.communicate(timeout=120)
        assert worker.returncode == 0
        lines = [line.split() for line in said.splitlines()]
        moments += [(float(begin[1]), float(end[1])) for begin, end in zip(lines[::2], lines[1::2], strict=True)]
    moments.sort()
    assert len(moments) == 6
    assert all(end <= begin for (_, end), (begin, _) in pairwise(moments))
    limits = httpx.post(f"{api}/v2/concurrency_limits/filter", json={}).json()
    assert [(limit["name"], limit["limit"]) for limit in limits] == [("host-lanhu.test-80", 1)]


def _all(api: str, what: str, at_least: int) -> list[dict]:  # type: ignore[type-arg]
    found = httpx.post(f"{api}/{what}/filter", json={}).json()
    return found if len(found) >= at_least else []


def _scheduled(api: str, of: int) -> list[dict]:  # type: ignore[type-arg]
    body = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "limit": 200}
    runs = httpx.post(f"{api}/flow_runs/filter", json=body).json()
    return runs if len({run["deployment_id"] for run in runs}) >= of else []
