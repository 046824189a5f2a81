"""Posts -> what the classifier reads in them, by OpenVINO on the CPU; torch is not needed to score."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.classifier.vocabulary import CLS, SEP, Vocabulary
from warehouse.vocabulary import CATEGORIES, SENTIMENTS

SHIPPED = Path(__file__).resolve().parent.parent / "weights" / "text"
LIMIT = 254  # pieces of a text, [CLS] and [SEP] apart
BATCH_TOKENS = 2048  # padded tokens a batch: the fastest size measured on two cores
FILES = ("model.xml", "model.bin", "vocabulary.txt")


class NoChampion(Exception):
    """There is no classifier to score with; the message says where it was looked for and how to get one."""


@dataclass
class Classifier:
    """A compiled model, its vocabulary and its version (name and hash of its files)."""

    model: Any
    vocabulary: Vocabulary
    version: str

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> Classifier:
        missing = [name for name in FILES if not (folder / name).exists()]
        if missing:
            raise NoChampion(f"{folder}: {missing[0]} is missing; restore models/weights from git or run `guanchao train text`")
        import openvino as ov

        core = ov.Core()
        # f32 arithmetic: a text's probabilities must not depend on the batch it came in (a past day is run again to the byte).
        compiled = core.compile_model(
            str(folder / "model.xml"), "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
        )
        return cls(compiled, Vocabulary.load(folder / "vocabulary.txt"), version(folder))

    def score(self, posts: pl.DataFrame) -> pl.DataFrame:
        """posts (post_id, title, text, first_seen_at) -> scores, one row a post; equal texts are read once."""
        texts = [read_as(title, text) for title, text in posts.select("title", "text").iter_rows()]
        unique = sorted(set(texts))
        heads = self.probabilities(unique)
        place = {text: i for i, text in enumerate(unique)}
        rows = np.array([place[text] for text in texts], dtype=np.int64)
        relevant, sentiment, category = (np.round(head[rows], 4).astype(np.float64) for head in heads)
        names = np.array(list(CATEGORIES), dtype=object)
        best = category.argmax(1) if len(rows) else rows
        columns = {f"{name}_p": sentiment[:, i] for i, name in enumerate(SENTIMENTS)}
        return posts.select("post_id", pl.lit(self.version).alias("model_version"), "first_seen_at").with_columns(
            pl.Series("relevant_p", relevant[:, 1]),
            *(pl.Series(name, values) for name, values in columns.items()),
            pl.Series("category", names[best], dtype=pl.String),
            pl.Series("category_p", category[np.arange(len(rows)), best]),
        ).sort("post_id")  # fmt: skip

    def probabilities(self, texts: list[str]) -> list[NDArray[np.float32]]:
        """Calibrated probabilities per head, (texts, labels) each, in the order given.

        Requests without callbacks: OpenVINO 2026.4's AsyncInferQueue waits for the GIL for ever, more often than not, when it is freed.
        """
        encoded = [encode(self.vocabulary, text) for text in texts]
        out = [np.zeros((len(texts), int(output.partial_shape[1].get_length())), dtype=np.float32) for output in self.model.outputs]
        requests = [self.model.create_infer_request() for _ in range(self.model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))]
        read: list[NDArray[np.int64]] = []

        def keep(n: int) -> None:
            requests[n % len(requests)].wait()
            for i, head in enumerate(out):
                head[read[n]] = requests[n % len(requests)].get_output_tensor(i).data

        for n, rows in enumerate(batches([len(row) for row in encoded])):
            if n >= len(requests):
                keep(n - len(requests))
            read.append(rows)
            requests[n % len(requests)].start_async(dict(enumerate(padded([encoded[i] for i in rows]))))
        for n in range(max(0, len(read) - len(requests)), len(read)):
            keep(n)
        return out


def read_as(title: str | None, text: str) -> str:
    """Title and body as one text; a body that repeats its title is not read twice."""
    title = (title or "").strip()
    return text if not title or text.startswith(title) else f"{title}。{text}" if text else title


def encode(vocabulary: Vocabulary, text: str) -> list[int]:
    """A raw text as the model is fed it, in training and in scoring."""
    return [CLS, *vocabulary.encode(text, LIMIT), SEP]


def batches(lengths: list[int]) -> list[NDArray[np.int64]]:
    """Rows of like length together, each batch at most BATCH_TOKENS when padded."""
    out: list[NDArray[np.int64]] = []
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if batch and (len(batch) + 1) * lengths[row] > BATCH_TOKENS:
            out.append(np.array(batch))
            batch = []
        batch.append(row)
    if batch:
        out.append(np.array(batch))
    return out


def padded(rows: list[list[int]]) -> list[NDArray[np.int64]]:
    """Ragged ids -> ids and mask (batch, longest)."""
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return [ids, mask]


def version(folder: Path) -> str:
    """`name-hash`: changes when any file that decides a score changes."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update((folder / name).read_bytes())
    name = json.loads((folder / "card.json").read_text(encoding="utf-8"))["name"] if (folder / "card.json").exists() else folder.name
    return f"{name}-{digest.hexdigest()[:8]}"
