"""`guanchao train text`: labels -> taught, calibrated, judged on the frozen test split, logged, and promoted or refused."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from models import judge
from models.classifier import datasets
from models.classifier.export import export
from models.classifier.finetune import Recipe, predict, targets, teach
from models.classifier.network import HEADS
from models.classifier.pretrain import shape_of
from models.classifier.score import FILES, SHIPPED, Classifier
from models.classifier.vocabulary import Vocabulary

PRETRAINED = Path(__file__).resolve().parent.parent / "weights" / "pretrained"
NAME = "guanchao-text"
STANDARD = Recipe()


@dataclass(frozen=True)
class Report:
    """What was measured, on the test split, and what was decided."""

    figures: dict[str, float]
    baseline: dict[str, float]
    champion: dict[str, float] | None
    verdict: judge.Verdict
    folder: Path


def temperatures(logits: list[np.ndarray], frame: pl.DataFrame) -> dict[str, float]:
    """One per head, fitted on validation rows."""
    wanted = targets(frame)
    out = {}
    for i, head in enumerate(HEADS):
        rows = judge.judged_rows(frame, head)
        out[head] = round(judge.temperature(logits[i][rows].astype(float), wanted[rows, i]), 4)
    return out


def measure(classifier: Classifier, frame: pl.DataFrame) -> dict[str, float]:
    """Figures of an exported classifier: what is judged is what will run."""
    heads = classifier.probabilities(frame["text"].to_list())
    return judge.table(frame, {name: head.astype(float) for name, head in zip(HEADS, heads, strict=True)}, HEADS)


def train(
    data: Path, checkpoint: Path = PRETRAINED, out: Path = SHIPPED, recipe: Recipe = STANDARD, promote: bool = False,
    tracking_uri: str | None = None, note: Callable[[str], None] = print,
) -> Report:  # fmt: skip
    """Teach a Reader from `checkpoint` on the labelled sets under `data`; with `promote`, replace `out` if the judge agrees."""
    labelled = datasets.labelled(data)
    own = labelled.filter(pl.col("relevant").is_not_null())
    validation, test = own.filter(pl.col("split") == "validation"), own.filter(pl.col("split") == "test")
    vocabulary = Vocabulary.load(checkpoint / "vocabulary.txt")
    reader = teach(labelled, datasets.silent(data), checkpoint, vocabulary, recipe, note)
    heat = temperatures(predict(reader, validation["text"].to_list(), vocabulary), validation)
    challenger = Path(tempfile.mkdtemp(prefix="guanchao-text-"))
    card = {"name": NAME, "shape": asdict(shape_of(checkpoint)), "recipe": asdict(recipe), "temperatures": heat, "heads": HEADS}
    export(reader, vocabulary, heat, card, challenger)
    note("judging on the test split")
    figures = measure(Classifier.load(challenger), test)
    linear = judge.linear_baseline(own.filter(pl.col("split") == "train"), test, HEADS)
    baseline = judge.table(test, linear, HEADS)
    champion = measure(Classifier.load(out), test) if all((out / name).exists() for name in FILES) else None
    verdict = judge.judge(figures, champion, baseline)
    card["test"] = {"challenger": figures, "linear_baseline": baseline}
    (challenger / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    folder = challenger
    if promote and verdict.promote:
        shutil.copytree(challenger, out, dirs_exist_ok=True)
        folder = out
    _log(data, recipe, figures, baseline, verdict, folder, promote and verdict.promote, tracking_uri)
    return Report(figures, baseline, champion, verdict, folder)


def _log(
    data: Path, recipe: Recipe, figures: dict[str, float], baseline: dict[str, float], verdict: judge.Verdict, folder: Path,
    promoted: bool, tracking_uri: str | None,
) -> None:  # fmt: skip
    from models import registry
    from models.provenance import hashes

    metrics = {**figures, **{f"baseline/{name}": value for name, value in baseline.items()}}
    run_id = registry.log_training(
        NAME, asdict(recipe), metrics, sorted(folder.glob("*")), hashes(data / "text", data / "sentiment"),
        {"verdict": "; ".join(verdict.reasons)}, tracking_uri,
    )  # fmt: skip
    version = registry.register(NAME, run_id, sorted(folder.glob("*")), tracking_uri)
    if promoted:
        registry.promote(NAME, version, tracking_uri)
