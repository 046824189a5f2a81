"""One process at a time: a file's lock, gone with the process that held it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.settings import ConfigProblem


@contextmanager
def alone(lock_file: Path, busy: str) -> Iterator[None]:
    """Hold `lock_file`, whose folder is made if need be; ConfigProblem with the sentence `busy` where another process holds it."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise ConfigProblem(busy) from problem
        yield


@contextmanager
def in_turn(lock_file: Path) -> Iterator[None]:
    """Hold `lock_file`, waiting for whoever holds it."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
