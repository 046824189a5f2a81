"""How files become the shipped ones: whole, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from models.provenance import seal


def ship(folder: Path, out: Path, keep: Sequence[str] = ()) -> None:
    """`out` becomes a copy of `folder`: a reader finds the old files or the new ones, never some of each; files only `out` had are gone,
    but those of its folders named in `keep`, where other models live.

    Where a folder above is sealed (SHA256SUMS), it is sealed again. OSError leaves `out` as it was.
    """
    incoming, outgoing = (out.with_name(f".{out.name}.{word}") for word in ("incoming", "outgoing"))
    for left in (incoming, outgoing):  # of a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copytree(folder, incoming)
        incoming.chmod(0o755)  # a temporary folder is its owner's alone
        for name in keep:
            if (out / name).is_dir():
                shutil.copytree(out / name, incoming / name)
        if out.exists():
            out.rename(outgoing)
        incoming.rename(out)
    except OSError:
        shutil.rmtree(incoming, ignore_errors=True)
        if outgoing.exists() and not out.exists():
            outgoing.rename(out)
        raise
    shutil.rmtree(outgoing, ignore_errors=True)
    for above in (out.parent, out.parent.parent):
        if (above / "SHA256SUMS").exists():
            seal(above)
