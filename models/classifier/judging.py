"""An exported classifier on the frozen test split, beside the champion and the linear baseline: figures, slices, charts, verdict."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models import charts, judge, slices
from models.classifier.network import HEADS
from models.classifier.score import Classifier, NoChampion

RELIABILITY, BY_SLICE, SLICES = "reliability.png", "slices.png", "slices.csv"  # beside card.json, shipped and recorded with it


@dataclass(frozen=True)
class Report:
    """What was measured, on the test split, and what was decided.

    `slices` as of slices.table; `folder` holds the files judged; `version` is MLflow's, None where it could not be recorded.
    """

    figures: dict[str, float]
    baseline: dict[str, float]
    champion: dict[str, float] | None
    verdict: judge.Verdict
    folder: Path
    slices: pl.DataFrame
    version: str | None = None
    is_shipped: bool = False
    reliability: dict[str, list[dict[str, float]]] = field(default_factory=dict)  # head -> judge.reliability_curve


def read(classifier: Classifier, frame: pl.DataFrame) -> judge.Probabilities:
    """What an exported classifier says of every text: what is judged is what will run."""
    heads = classifier.probabilities(frame["text"].to_list())
    return {name: head.astype(float) for name, head in zip(HEADS, heads, strict=True)}


def measure(classifier: Classifier, frame: pl.DataFrame) -> dict[str, float]:
    """judge.table of an exported classifier."""
    return judge.table(frame, read(classifier, frame), HEADS)


def judged(challenger: Path, champion: Path, train: pl.DataFrame, test: pl.DataFrame) -> Report:
    """The files of a folder on `test` (slices.dated), beside the champion's folder and the linear baseline taught on `train`.

    A champion that cannot be read is judged by nobody: the baseline decides, and the reasons say so.
    """
    said = {"challenger": read(Classifier.load(challenger), test)}
    why = []
    try:
        said["champion"] = read(Classifier.load(champion), test)
    except (NoChampion, RuntimeError) as problem:  # OpenVINO's word for files it cannot read
        why = [f"no champion to compare with: {str(problem).splitlines()[0]}"]
    said["baseline"] = judge.linear_baseline(train, test, HEADS)
    figures = {who: judge.table(test, heads, HEADS) for who, heads in said.items()}
    verdict = judge.judge(figures["challenger"], figures.get("champion"), figures["baseline"])
    table = slices.table(test, said, HEADS)
    noise = table.filter(pl.col("slice") == "all").select("head", "ece_noise").iter_rows()
    floor = f"ece of a perfectly calibrated model at this n: {', '.join(f'{head} {value:.3f}' for head, value in noise)}"
    verdict = judge.Verdict(verdict.promote, (*verdict.reasons, floor, *why))
    charts.reliability(test, said, HEADS, challenger / RELIABILITY)
    charts.by_slice(table, challenger / BY_SLICE)
    table.with_columns(pl.col(pl.Float64).round(4)).write_csv(challenger / SLICES)
    return Report(
        figures["challenger"],
        figures["baseline"],
        figures.get("champion"),
        verdict,
        challenger,
        table,
        reliability=_curves(test, said["challenger"]),
    )


def _curves(test: pl.DataFrame, said: judge.Probabilities) -> dict[str, list[dict[str, float]]]:
    out = {}
    for head, names in HEADS.items():
        gold, chances = judge.judged(test, head, said[head], names, np.ones(test.height, dtype=bool))
        out[head] = judge.reliability_curve(chances, gold)
    return out


def write_card(report: Report, more: dict[str, Any]) -> None:
    """Figures, verdict and `more` into card.json beside what is in it; no clock and no run id: the same data make the same bytes."""
    path = report.folder / "card.json"
    card = json.loads(path.read_text(encoding="utf-8")) | more
    card["test"] = {"challenger": _rounded(report.figures), "linear_baseline": _rounded(report.baseline)}
    card["test"]["reliability"] = {head: [_rounded(point) for point in curve] for head, curve in report.reliability.items()}
    if report.champion is not None:
        card["test"]["champion_before"] = _rounded(report.champion)
    card["verdict"] = list(report.verdict.reasons)
    path.write_text(json.dumps(card, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}
