"""What a model was made from, and what was shipped: hashes of data files and of weights."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import sys
from pathlib import Path

from warehouse.settings import PROJECT


def hashes(*places: Path) -> dict[str, str]:
    """`folder/name` -> first 16 hex digits of the file's sha256, for files and for the files of folders."""
    files = sorted(file for place in places for file in ([place] if place.is_file() else place.rglob("*")) if file.is_file())
    out = {}
    for path in files:
        with path.open("rb") as stream:
            out[f"{path.parent.name}/{path.name}"] = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    return out


def seal(weights: Path) -> None:
    """Write SHA256SUMS over everything under models/weights, in the form `sha256sum -c` and `guanchao doctor` read."""
    lines = []
    for path in sorted(file for file in weights.rglob("*") if file.is_file() and file.name != "SHA256SUMS"):
        with path.open("rb") as stream:
            lines.append(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {path.relative_to(weights)}\n")
    (weights / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def manifest(folder: Path) -> dict[str, str]:
    """`path inside` -> first 16 hex digits of its sha256, for every file below `folder`; {} if there is no such folder."""
    out = {}
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        with path.open("rb") as stream:
            out[str(path.relative_to(folder))] = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    return out


def origin() -> dict[str, str]:
    """What ran: the commit, whether the tree differs from it, and the command line; "unknown" outside a git checkout."""
    commit = _git("rev-parse", "HEAD")
    changes = _git("--no-optional-locks", "status", "--porcelain")
    is_dirty = "unknown" if changes is None else str(bool(changes)).lower()
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return {"mlflow.source.git.commit": commit or "unknown", "git.is_dirty": is_dirty, "command": command}


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=PROJECT, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
