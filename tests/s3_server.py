"""An S3 server for the tests that want one: moto's on this machine, or the one that GUANCHAO_TEST_S3 names (docs/warehouse.md)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

NAMED = "GUANCHAO_TEST_S3"  # http://host:port of a running server; its keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY


@contextmanager
def s3_bucket() -> Iterator[str]:
    """s3://bucket/prefix; endpoint and keys stand in the environment meanwhile, as S3 tools read them."""
    boto3 = pytest.importorskip("boto3")
    if url := os.environ.get(NAMED):
        with environment({"AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}):
            bucket = f"guanchao-test-{uuid4().hex[:12]}"
            boto3.client("s3").create_bucket(Bucket=bucket)
            yield f"s3://{bucket}/tables"
        return
    pytest.importorskip("moto.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "constructed", "AWS_SECRET_ACCESS_KEY": "constructed",
        "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    with environment(said):
        server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
        try:
            until_up(said["AWS_ENDPOINT_URL"])
            boto3.client("s3").create_bucket(Bucket="constructed")
            yield "s3://constructed/tables"
        finally:
            server.kill()
            server.wait()


@contextmanager
def environment(said: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in said}
    os.environ.update(said)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def until_up(address: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("moto did not start")
