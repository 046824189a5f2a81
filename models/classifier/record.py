"""A training run of the text model in MLflow: what it was made of, what it measured, the model itself, and who is champion."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from models import registry
from models.classifier.checkpoints import EMBEDDED, PRETRAINED
from models.classifier.judging import BY_SLICE, RELIABILITY, SLICES, Report
from models.classifier.pyfunc import INPUTS, OUTPUTS, REQUIREMENTS
from models.classifier.score import version
from models.provenance import hashes

REGISTERED = "text"  # the name in MLflow, and of the folder in models/weights


def sources(data: Path, checkpoint: str, labels: pl.DataFrame | None) -> dict[str, str]:
    """Hash of every file that was read, of the checkpoint's files where they lie on this machine, and of the new labels."""
    start = PRETRAINED if checkpoint == EMBEDDED else Path(checkpoint)
    own = sorted(file for file in start.glob("*") if file.suffix in (".safetensors", ".txt", ".json")) if start.is_dir() else []
    out = hashes(data / "text", data / "sentiment", *sorted((data / "boards").glob("*_topics.parquet")), *own)
    if labels is not None:
        out["labels"] = hashlib.sha256(labels.write_csv().encode()).hexdigest()[:16]
    return out


def rows(labelled: pl.DataFrame) -> dict[str, Any]:
    """How many rows each split has, ours and general sentiment, and a hash of the test texts: figures compare where it is the same."""
    ours = labelled.filter(pl.col("relevant").is_not_null())
    counts = {f"rows.{split}": n for split, n in ours.group_by("split").len().sort("split").iter_rows()}
    test = "\n".join(sorted(ours.filter(pl.col("split") == "test")["key"]))
    return {**counts, "rows.sentiment_sets": labelled.height - ours.height, "test.sha256": hashlib.sha256(test.encode()).hexdigest()[:16]}


def record(
    report: Report, params: Mapping[str, Any], made_of: Mapping[str, str], uri: str | None, note: Callable[[str], None]
) -> str | None:  # fmt: skip
    """Log and register the files of `report.folder` -> version; None, and a note that says why, where MLflow cannot be written."""
    metrics = dict(report.figures)
    for who, figures in (("baseline", report.baseline), ("champion", report.champion or {})):
        metrics |= {f"{who}/{name}": value for name, value in figures.items() if not name.endswith("/n")}
    tags = report.verdict.tags
    shown = [report.folder / name for name in (RELIABILITY, BY_SLICE, SLICES, "card.json")]
    try:
        run_id = registry.log_training(
            REGISTERED, {**params, "model_version": version(report.folder)}, metrics, shown, made_of, tags, uri
        )  # fmt: skip
        return registry.register(REGISTERED, run_id, sorted(report.folder.iterdir()), uri, INPUTS, OUTPUTS, REQUIREMENTS)
    except registry.RegistryProblem as problem:
        note(f"not recorded: {problem}")
        return None


def crown(version: str | None, uri: str | None, note: Callable[[str], None]) -> None:
    """The version that was shipped gets the alias `champion`; a note where it cannot."""
    if version is None:
        note("shipped without a record in MLflow: its alias `champion` still names the version before")
        return
    try:
        registry.promote(REGISTERED, version, uri)
    except registry.RegistryProblem as problem:
        note(f"shipped, but not the registered champion: {problem}; `guanchao models rollback {REGISTERED} {version}` repeats it")
