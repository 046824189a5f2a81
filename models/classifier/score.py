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

from models.classifier.vocabulary import CLS, PAD, SEP, Vocabulary
from warehouse.vocabulary import CATEGORIES, SENTIMENTS

SHIPPED = Path(__file__).resolve().parent.parent / "weights" / "text"
LIMIT = 254  # pieces of a text, [CLS] and [SEP] apart
BATCH_TOKENS = 512  # padded tokens a batch: as fast a token as 1,024 on two cores, and a lone text costs less
STEP = 16  # lengths are padded to multiples of it, so that few shapes occur and each is compiled once
# Two streams of one model that make the kernels of a new shape at the same time spoil some of them (OpenVINO 2026.4): one stream's scores
# of that shape are then near .48 or NaN for good, now and then it crashes. One stream on all cores is as fast, and equal to the bit.
STREAMS = 1
FILES = ("model.xml", "model.bin", "vocabulary.txt")
PRECISIONS = {"f32": ("model", "f32"), "bf16": ("model", "bf16"), "int8": ("model-int8", "bf16")}  # file, arithmetic of the rest


class NoChampion(Exception):
    """There is no classifier to score with; the message says where it was looked for and how to get one."""


@dataclass
class Classifier:
    """A compiled model, its vocabulary and its version (name and hash of its files)."""

    model: Any
    vocabulary: Vocabulary
    version: str

    @classmethod
    def load(cls, folder: Path = SHIPPED, threads: int = 0, precision: str = "f32") -> Classifier:
        """The model of a folder on so many cores; 0 is all of them. Raises NoChampion."""
        missing = [name for name in files_of(precision) if not (folder / name).exists()]
        if missing:
            raise NoChampion(f"{folder}: {missing[0]} is missing; restore models/weights from git or run `guanchao train text`")
        import openvino as ov

        name, arithmetic = PRECISIONS[precision]
        how = {"NUM_STREAMS": STREAMS, "INFERENCE_PRECISION_HINT": arithmetic} | ({"INFERENCE_NUM_THREADS": threads} if threads else {})
        compiled = ov.Core().compile_model(str(folder / f"{name}.xml"), "CPU", how)
        return cls(compiled, Vocabulary.load(folder / "vocabulary.txt"), version(folder, precision))

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
        """Calibrated probabilities per head, (texts, labels) each, in the order given; what reads the same is read once.

        A text's probabilities are the same to the bit in whatever company it comes (a past day is run again to the byte): the
        shape it is read in is decided by its own length alone.
        """
        rows = {text: tuple(encode(self.vocabulary, text)) for text in dict.fromkeys(texts)}
        unique = sorted(set(rows.values()))
        place = {row: i for i, row in enumerate(unique)}
        order = np.array([place[rows[text]] for text in texts], dtype=np.int64)
        return [head[order] for head in self._read(unique)]

    def _read(self, rows: list[tuple[int, ...]]) -> list[NDArray[np.float32]]:
        out = [np.zeros((len(rows), int(output.partial_shape[1].get_length())), dtype=np.float32) for output in self.model.outputs]
        request = self.model.create_infer_request()
        for chosen in batches([len(row) for row in rows]):
            request.infer(dict(enumerate(shaped([rows[i] for i in chosen]))))
            for i, head in enumerate(out):
                head[chosen] = request.get_output_tensor(i).data[: len(chosen)]
        return out


def read_as(title: str | None, text: str) -> str:
    """Title and body as one text; a body that repeats its title is not read twice."""
    title = (title or "").strip()
    return text if not title or text.startswith(title) else f"{title}。{text}" if text else title


def encode(vocabulary: Vocabulary, text: str) -> list[int]:
    """A raw text as the model is fed it, in training and in scoring."""
    return [CLS, *vocabulary.encode(text, LIMIT), SEP]


def batches(lengths: list[int]) -> list[NDArray[np.int64]]:
    """Rows of one padded length together, as many as a shape holds."""
    out: list[NDArray[np.int64]] = []
    groups: dict[tuple[int, int], list[int]] = {}
    for row, length in enumerate(lengths):
        groups.setdefault(shape_of(length), []).append(row)
    for (rows_n, _), rows in sorted(groups.items()):
        out += [np.array(rows[start : start + rows_n]) for start in range(0, len(rows), rows_n)]
    return out


def shape_of(length: int) -> tuple[int, int]:
    """(rows, padded length) of the batch that a text of `length` ids is read in: at most BATCH_TOKENS."""
    padded_to = -(-length // STEP) * STEP
    return max(1, BATCH_TOKENS // padded_to), padded_to


def shaped(rows: list[tuple[int, ...]]) -> list[NDArray[np.int64]]:
    """Rows of one padded length -> ids and mask in that length's shape; a batch that is not full ends in rows of one [PAD].

    The kernels a shape gets decide the order of sums, hence the last bits: read in the shape of the moment, a tenth of texts differed.
    """
    rows_n, padded_to = shape_of(len(rows[0]))
    return padded([list(row) for row in rows] + [[PAD]] * (rows_n - len(rows)), padded_to)


def padded(rows: list[list[int]], to: int = 0) -> list[NDArray[np.int64]]:
    """Ragged ids -> ids and mask (batch, longest or `to`)."""
    ids = np.zeros((len(rows), max(to, *map(len, rows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return [ids, mask]


def files_of(precision: str) -> tuple[str, ...]:
    """The files that decide a score."""
    name, _ = PRECISIONS[precision]
    return f"{name}.xml", f"{name}.bin", "vocabulary.txt"


def version(folder: Path, precision: str = "f32") -> str:
    """`name-hash`, `name-hash-precision` where that is not f32: changes when any file that decides a score changes."""
    digest = hashlib.sha256()
    for name in files_of(precision):
        digest.update((folder / name).read_bytes())
    name = json.loads((folder / "card.json").read_text(encoding="utf-8"))["name"] if (folder / "card.json").exists() else folder.name
    return f"{name}-{digest.hexdigest()[:8]}" + ("" if precision == "f32" else f"-{precision}")


def fastest(folder: Path = SHIPPED) -> str:
    """The fastest precision that a folder and this CPU have; all are near enough to f32 (`guanchao bench text`), f32 is the road's."""
    if all((folder / name).exists() for name in files_of("int8")):
        return "int8"
    import openvino as ov

    return "bf16" if "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
