"""`guanchao score FILE --out FILE`: a column of texts in, the classifier's reading out. The file is read whole, scored in chunks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from rich.progress import track

from models.classifier.score import Classifier
from warehouse.settings import ConfigProblem
from warehouse.vocabulary import CATEGORIES, SENTIMENTS

TEXT_COLUMNS = ("text", "title", "content", "正文", "内容", "标题")
CHUNK = 5_000


def score_file(source: Path, out: Path) -> int:
    """Write id, relevant_p, relevant, sentiment, its probabilities, category, its probabilities; returns the rows.

    The output appears whole or not at all. ConfigProblem names the file and what is wrong with it.
    """
    frame = _read(source)
    text = next((name for name in TEXT_COLUMNS if name in frame.columns), None)
    if text is None:
        raise ConfigProblem(f"{source}: no text column among {', '.join(frame.columns)}; name one of {', '.join(TEXT_COLUMNS)}")
    if out.suffix not in (".csv", ".jsonl", ".parquet"):
        raise ConfigProblem(f"{out}: writes .csv, .jsonl or .parquet")
    keys = frame["id"] if "id" in frame.columns else pl.Series("id", range(1, frame.height + 1))
    classifier = Classifier.load()
    parts = [_readings(classifier, keys[part], frame[text][part]) for part in track(list(_slices(frame.height)), description="reading")]
    scored = pl.concat(parts) if parts else _readings(classifier, keys.head(0), frame[text].head(0))
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    if out.suffix == ".parquet":
        scored.write_parquet(temporary)
    elif out.suffix == ".jsonl":
        scored.write_ndjson(temporary)
    else:
        scored.write_csv(temporary)
    temporary.replace(out)
    return scored.height


def _slices(rows_n: int) -> Iterator[slice]:
    for start in range(0, rows_n, CHUNK):
        yield slice(start, start + CHUNK)


def _read(source: Path) -> pl.DataFrame:
    try:
        if source.suffix == ".parquet":
            return pl.read_parquet(source)
        if source.suffix in (".jsonl", ".ndjson"):
            return pl.read_ndjson(source)
        return pl.read_csv(source, infer_schema_length=0)
    except FileNotFoundError as problem:
        raise ConfigProblem(f"{source}: no such file") from problem
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as problem:
        raise ConfigProblem(f"{source}: not readable as {source.suffix or 'csv'}: {str(problem).splitlines()[0]}") from problem


def _readings(classifier: Classifier, keys: pl.Series, texts: pl.Series) -> pl.DataFrame:
    relevant, sentiment, category = classifier.probabilities(texts.cast(pl.String).fill_null("").to_list())
    names = {"sentiment": (list(SENTIMENTS), sentiment), "category": (list(CATEGORIES), category)}
    columns = [
        keys.alias("id"),
        pl.Series("relevant_p", relevant[:, 1].round(4)),
        pl.Series("relevant", (relevant[:, 1] >= 0.5).astype(int)),
    ]
    for head, (labels, chances) in names.items():
        columns.append(pl.Series(head, [labels[i] for i in chances.argmax(1)], dtype=pl.String))
        columns += [pl.Series(f"{label}_p", chances[:, i].round(4)) for i, label in enumerate(labels)]
    return pl.DataFrame(columns)
