"""`guanchao score FILE --out FILE`: a column of texts in, the classifier's reading out, in constant memory.

Readings are kept in parts beside the output; a run that was killed goes on where it stopped, and the output appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from models.classifier.score import SHIPPED, Classifier, fastest
from models.classifier.texts import Row, Source
from warehouse.lock import alone
from warehouse.settings import ConfigProblem
from warehouse.vocabulary import CATEGORIES, SENTIMENTS

PART = 5_000  # rows
REMEMBERED = 100_000  # texts, about 40 MB
OUT = (".csv", ".jsonl", ".parquet")


def score_file(
    source: Path, out: Path, precision: str | None = None, column: str | None = None, model: Path = SHIPPED, part_rows: int = PART
) -> int:
    """Write id, relevant_p, relevant, sentiment, its probabilities, category, its probabilities; returns the rows.

    ConfigProblem names the file and what is wrong with it.
    """
    if out.suffix.lower() not in OUT:
        raise ConfigProblem(f"{out}: writes {', '.join(OUT)}")
    if out.is_dir() or out.resolve() == source.resolve():
        raise ConfigProblem(f"{out}: {'a folder' if out.is_dir() else 'the file that is read'}; name another file to write")
    found = Source.open(source, column)
    next(found.rows(), None)  # what is wrong with the header is said before a bar is drawn
    classifier = Remembering(Classifier.load(model, precision=precision or fastest(model)))
    key = {"source": found.sha256, "column": column, "model": classifier.version, "part_rows": part_rows, "kind": source.suffix.lower()}
    with parts_of(out, json.dumps(key, sort_keys=True)) as folder:
        done = sorted(folder.glob("*.parquet"))
        rows = islice(found.rows(), len(done) * part_rows, None)
        with Progress(
            TextColumn("reading"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[n]:,} texts"), TimeRemainingColumn(),
            console=Console(stderr=True),
        ) as bar:  # fmt: skip
            task, n = bar.add_task("", total=1.0, n=0), len(done) * part_rows
            while (portion := list(islice(rows, part_rows))) or not done:
                done.append(folder / f"{len(done):07}.parquet")
                _keep(_readings(classifier, portion), done[-1])
                n += len(portion)
                bar.update(task, completed=portion[-1][2] if portion else 1.0, n=n)
        return _join(done, out)


class Remembering:
    """A classifier that reads a text once, though it come a hundred times (a quarter of reposts are exact repeats)."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier, self.version = classifier, classifier.version
        self.known: dict[bytes, NDArray[np.float32]] = {}  # hash -> probabilities of all heads, side by side

    def probabilities(self, texts: list[str]) -> NDArray[np.float32]:
        """(texts, labels of all heads)."""
        keys = [hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self.known}
        if new:
            self.known.update(zip(new, np.concatenate(self.classifier.probabilities(list(new.values())), axis=1), strict=True))
        out = np.stack([self.known[key] for key in keys])
        for key in list(islice(self.known, max(0, len(self.known) - REMEMBERED))):
            del self.known[key]
        return out


@contextmanager
def parts_of(out: Path, key: str) -> Iterator[Path]:
    """The folder of parts beside `out`, emptied if they were made of something else than `key` says; gone when all went well."""
    folder = out.with_name(f".{out.name}.parts")
    with alone(folder / "lock", f"{out}: another run is writing it; wait for it or end it"):
        made_of = folder / "made_of.json"
        if not made_of.exists() or made_of.read_text(encoding="utf-8") != key:
            for old in folder.glob("*.parquet"):
                old.unlink()
            made_of.write_text(key, encoding="utf-8")
        yield folder
        shutil.rmtree(folder)


def _keep(frame: pl.DataFrame, path: Path) -> None:
    temporary = path.with_suffix(".unfinished")
    frame.write_parquet(temporary)
    temporary.replace(path)


def _join(parts: list[Path], out: Path) -> int:
    """Parts -> the output, one at a time; returns the rows."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    rows_n = 0
    try:
        with temporary.open("wb") as stream:
            writer = pq.ParquetWriter(stream, pq.read_schema(parts[0])) if out.suffix.lower() == ".parquet" else None
            for i, part in enumerate(parts):
                frame = pl.read_parquet(part)
                rows_n += frame.height
                if writer is not None:
                    writer.write_table(pq.read_table(part))
                elif out.suffix.lower() == ".jsonl":
                    frame.write_ndjson(stream)
                else:
                    frame.write_csv(stream, include_header=i == 0)
            if writer is not None:
                writer.close()
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return rows_n


def _readings(classifier: Remembering, portion: list[Row]) -> pl.DataFrame:
    texts = [text for _, text, _ in portion]
    heads = classifier.probabilities(texts) if texts else np.zeros((0, 2 + len(SENTIMENTS) + len(CATEGORIES)), dtype=np.float32)
    relevant, sentiment, category = np.split(heads.astype(np.float64).round(4), [2, 2 + len(SENTIMENTS)], axis=1)
    columns = [
        pl.Series("id", [key for key, _, _ in portion], dtype=None if portion else pl.String),
        pl.Series("relevant_p", relevant[:, 1]),
        pl.Series("relevant", (relevant[:, 1] >= 0.5).astype(np.int64)),
    ]
    for head, labels, chances in (("sentiment", list(SENTIMENTS), sentiment), ("category", list(CATEGORIES), category)):
        columns.append(pl.Series(head, [labels[i] for i in chances.argmax(1)], dtype=pl.String))
        columns += [pl.Series(f"{label}_p", chances[:, i]) for i, label in enumerate(labels)]
    return pl.DataFrame(columns)
