"""The forecaster as it is shipped: text files of LightGBM and calibration knots as JSON, read without sklearn or MLflow."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import lightgbm

from models.escalation.head import LEAST_P, Head, Numbers, calibrate
from models.escalation.ladder import LADDERS, Ladder

__all__ = ["KINDS", "LEAST_P", "NAME", "SHIPPED", "Forecaster", "Head", "Ladder", "ModelProblem", "Numbers", "calibrate", "fingerprint"]

KINDS = ("board", "spread")
SHIPPED = Path(__file__).resolve().parent.parent / "weights" / "escalation"
NAME = "escalation"
FILES = ("calibration.json", *(f"{kind}_{part}.txt" for kind in KINDS for part in ("chance", "size")), *(f"{kind}.txt" for kind in LADDERS))


class ModelProblem(Exception):
    """The shipped files are missing or damaged; the message names the folder and the remedy."""


@dataclass(frozen=True)
class Forecaster:
    """`heads`: will it escalate; `ladders`: how high will it get; and the sha256 of their files: equal files, equal version."""

    heads: dict[str, Head]
    ladders: dict[str, Ladder]
    sha256: str

    def version_of(self, kind: str) -> str:
        return f"{NAME}.{kind}@{self.sha256[:12]}"

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> Forecaster:
        """ModelProblem if a file is missing or unreadable."""
        try:
            knots = json.loads((folder / "calibration.json").read_text(encoding="utf-8"))
            heads = {
                kind: Head(kind, _booster(folder / f"{kind}_chance.txt"), _booster(folder / f"{kind}_size.txt"), knots[kind])
                for kind in KINDS
            }
            ladders = {kind: Ladder(kind, _booster(folder / f"{kind}.txt"), knots[kind]) for kind in LADDERS}
        except (OSError, ValueError, KeyError, lightgbm.basic.LightGBMError) as problem:
            raise ModelProblem(
                f"{folder}: no usable forecaster ({problem}); run `guanchao train escalation` or restore the folder"
            ) from problem
        return cls(heads, ladders, fingerprint(folder))


def _booster(path: Path) -> lightgbm.Booster:
    return lightgbm.Booster(model_str=path.read_text(encoding="utf-8"))


def fingerprint(folder: Path) -> str:
    """sha256 over the names and bytes of the files that decide a forecast."""
    whole = hashlib.sha256()
    for name in sorted(FILES):
        whole.update(name.encode() + b"\0" + (folder / name).read_bytes())
    return whole.hexdigest()
