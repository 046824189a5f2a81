"""`guanchao bench transfer`: the encoder fine-tuned on public tasks, beside the linear baseline and what is published of BERT-base."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from models.classifier import datasets
from models.classifier.checkpoints import EMBEDDED, load
from models.classifier.network import Encoder
from models.classifier.tasks import TASKS, Task, rows
from models.classifier.transfer import Recipe, figures, gold, learn, linear, tag
from models.classifier.vocabulary import Vocabulary
from warehouse.settings import PROJECT

CACHE = PROJECT / "data" / "transfer.json"  # a task that was run with the same weights, recipe and rows is not run again
CAP = 40_000  # train rows a task: above what any of them has today
SHORT = {"train": 300, "validation": 200, "test": 400}  # rows a split of the short run
STANDARD = Recipe()


def bench(data: Path, full: bool, checkpoint: str = EMBEDDED, cache: Path = CACHE, recipe: Recipe = STANDARD) -> dict[str, dict[str, Any]]:
    """figure -> value, unit, bar, met, how. Short: a few hundred rows a task, one epoch, to see that it runs; never for docs."""
    done = json.loads(cache.read_text(encoding="utf-8")) if cache.exists() else {}
    banned, out = datasets.held_out(data), {}
    recipe = recipe if full else replace(recipe, epochs=1)
    for task in tqdm(TASKS, desc="transfer tasks"):
        frame = rows(task, data, banned)
        frame = pl.concat([take(frame.filter(split=split), CAP if full else n) for split, n in SHORT.items()])
        encoder, vocabulary, _ = load(checkpoint, recipe.dropout)  # afresh: the last task's labels are in the weights
        known = _key(encoder, frame, {**asdict(recipe), "labels": task.labels})
        if known not in done:
            done[known] = _run(task, frame, encoder, vocabulary, recipe)
            cache.parent.mkdir(parents=True, exist_ok=True)
            cache.write_text(json.dumps(done, indent=1), encoding="utf-8")
        out.update(_told(task, done[known], frame, recipe.epochs, full))
    return out


def take(frame: pl.DataFrame, n: int) -> pl.DataFrame:
    return frame if frame.height <= n else frame.sample(n, seed=7, shuffle=True)


def _run(task: Task, frame: pl.DataFrame, encoder: Encoder, vocabulary: Vocabulary, recipe: Recipe) -> dict[str, Any]:
    train, validation, test = (frame.filter(split=split) for split in ("train", "validation", "test"))
    tagger, reached = learn(train, validation, task.labels, encoder, vocabulary, recipe, task.name)
    said = tag(tagger, test["text"].to_list(), task.labels, vocabulary)
    return {"encoder": figures(gold(test), said), "linear": figures(gold(test), linear(train, test)), "validation": reached}


def _told(task: Task, found: dict[str, Any], frame: pl.DataFrame, epochs: int, full: bool) -> dict[str, dict[str, Any]]:
    sizes = dict(frame["split"].value_counts().iter_rows())
    out = {}
    for figure, value in found["encoder"].items():
        beside = found["linear"][figure]
        bar = task.bar if task.bar is not None else beside
        decides = full and figure == task.figure
        how = f"{sizes['test']} test rows, {sizes['train']} train rows, {epochs} epochs; TF-IDF(1-3)+LogReg {beside:.4f}"
        how += f"; {task.published}" if figure == task.figure else ""
        out[f"{task.name}/{figure}"] = {
            "value": round(value, 4), "unit": "", "bar": round(bar, 4) if decides else None, "met": bool(value >= bar) if decides else None,
            "how": how if full else f"SHORT RUN on a tiny subset, says nothing of the model (--full does): {how}",
        }  # fmt: skip
    return out


def _key(encoder: Encoder, frame: pl.DataFrame, recipe: dict[str, Any]) -> str:
    """Hash of everything a result depends on: weights, rows, recipe."""
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode())
    for name, value in encoder.state_dict().items():
        digest.update(name.encode() + value.float().numpy().tobytes())
    digest.update(frame.write_csv().encode())
    return digest.hexdigest()[:16]
