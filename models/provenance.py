"""What a model was made from: hashes of data files, for the card and for MLflow."""

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
