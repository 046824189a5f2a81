"""What a model was made from, and what was shipped: hashes of data files and of weights."""

from __future__ import annotations

import hashlib
from pathlib import Path


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
