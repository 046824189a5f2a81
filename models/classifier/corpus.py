"""Unlabelled Chinese text -> packed ids for pretraining, words marked, held-out texts and later years left out."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import rjieba
import zstandard
from numpy.typing import NDArray

from models.classifier.datasets import HEADLINES_TEST_FROM, held_out, key
from models.classifier.vocabulary import SEP, UNK, Vocabulary
from models.text import canonical

WORD_START = np.uint16(1 << 15)  # the high bit of an id marks the first piece of a word
SHARE = {"news_cctv": 0.3, "misc_fewclue": 0.5}  # far from what the public writes about hospitals
CODE = re.compile(r"(\[[^\[\]\s]{1,6}\])")
BATCH_LINES = 20_000


def lines(data: Path) -> Iterator[str]:
    """Every text of the pretraining set, file by file; board topics only from before the headlines' test period."""
    for path in sorted((data / "pretrain").glob("*.txt.zst")):
        share = next((share for prefix, share in SHARE.items() if path.name.startswith(prefix)), 1.0)
        with path.open("rb") as packed:
            stream = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(packed)
            for n, line in enumerate(io.TextIOWrapper(stream, encoding="utf-8")):
                if n % 10 < share * 10:
                    yield line.strip()
    for path in sorted((data / "boards").glob("*_topics.parquet")):
        early = pl.col("first_seen_at") < pl.lit(f"{HEADLINES_TEST_FROM}T00:00:00Z").str.to_datetime(time_zone="UTC")
        for title, description in pl.scan_parquet(path).filter(early).select("title", "description").collect().iter_rows():
            yield f"{title} {description or ''}"
    hospital = pl.read_parquet(data / "text/hospital_posts.parquet", columns=["text", "published_at"])
    yield from hospital.filter(pl.col("published_at").fill_null("") < HEADLINES_TEST_FROM)["text"]


def encode_words(vocabulary: Vocabulary, text: str) -> list[int]:
    """Ids with the word-start bit set, words as rjieba cuts them; a code is one word."""
    ids: list[int] = []
    for part in CODE.split(canonical(text)):
        words = [part] if part in vocabulary.ids else rjieba.cut(part)
        for word in words:
            chars = [word] if word in vocabulary.ids else [c for c in word if not c.isspace()]
            for i, char in enumerate(chars):
                ids.append(vocabulary.ids.get(char, UNK) | (int(WORD_START) if i == 0 else 0))
    return ids


def _encode_batch(batch: list[str], vocabulary_path: Path, banned: set[str]) -> NDArray[np.uint16]:
    vocabulary = Vocabulary.load(vocabulary_path)
    ids: list[int] = []
    for text in batch:
        if len(text) >= 6 and key(text) not in banned:
            ids.extend(encode_words(vocabulary, text)[:1024])
            ids.append(SEP | int(WORD_START))
    return np.asarray(ids, dtype=np.uint16)


def _batches(texts: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == BATCH_LINES:
            yield batch
            batch = []
    yield batch


def build(data: Path, vocabulary_path: Path, out: Path) -> int:
    """Write the whole corpus as one uint16 array; returns its number of tokens."""
    banned = held_out(data)
    batches = list(_batches(lines(data)))
    with ProcessPoolExecutor() as pool:
        encoded = list(pool.map(_encode_batch, batches, [vocabulary_path] * len(batches), [banned] * len(batches)))
    corpus = np.concatenate(encoded)
    np.save(out, corpus)
    return len(corpus)
