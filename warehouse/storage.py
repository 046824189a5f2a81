"""Where the tables lie: a folder of this machine, or a bucket of an S3-compatible store. Its keys come from the environment alone."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FROM_ENVIRONMENT = {  # our name of a setting, as delta-rs and Polars both call it -> the variable that every S3 tool reads
    "aws_endpoint_url": "AWS_ENDPOINT_URL",
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
}


@dataclass(frozen=True)
class Storage:
    """`location`: a folder, or s3://bucket/prefix."""

    location: str

    @classmethod
    def at(cls, root: Path | str) -> Storage:
        """A bucket's address that went through a Path has lost a slash; here it gets it back."""
        return cls(re.sub(r"^s3:/+", "s3://", str(root)).rstrip("/"))

    @property
    def is_remote(self) -> bool:
        return self.location.startswith("s3://")

    @cached_property
    def options(self) -> dict[str, str] | None:
        """What delta-rs and Polars are told about the store. A commit is a conditional put: two writers never make the same version."""
        if not self.is_remote:
            return None
        said = {name: os.environ[variable] for name, variable in FROM_ENVIRONMENT.items() if os.environ.get(variable)}
        said["aws_region"] = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        said["aws_conditional_put"] = "etag"
        if said.get("aws_endpoint_url", "").startswith("http://"):
            said["aws_allow_http"] = "true"
        return said

    def table(self, name: str) -> str:
        return f"{self.location}/{name}"

    @property
    def cache(self) -> Path:
        """A folder of this machine for what can be made again at any time."""
        if not self.is_remote:
            return Path(self.location) / ".keys"
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return home / "guanchao" / hashlib.sha256(self.location.encode()).hexdigest()[:16]

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Writers of a table on this machine one after the other, which spares them retries; the lock goes with the process that holds it.

        Nothing rests on it: writers of several machines, and any on S3, are kept apart by the commit itself.
        """
        if self.is_remote:
            yield
            return
        root = Path(self.location)
        root.mkdir(parents=True, exist_ok=True)
        with (root / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
