"""What our engine is held against: transformers.pipeline and our own engine on the BERT-base shape, SnowNLP, and the machine's limit."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizer, TextClassificationPipeline

from models.classifier.export import export, quantise
from models.classifier.network import HEADS, Encoder, Reader
from models.classifier.score import LIMIT, Classifier
from models.classifier.vocabulary import Vocabulary

PRODUCT = 2_048  # side of the matrices whose product is the limit
BASE_CALIBRATION_N = 20  # random weights: only the speed is looked at

Read = Callable[[list[str]], object]


def pipeline(vocabulary: Vocabulary, threads: int) -> Read:
    """transformers.pipeline("text-classification") one text at a time on 12×768 with random weights."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        vocabulary.save(Path(folder) / "vocab.txt")
        tokenizer = BertTokenizer.from_pretrained(folder)
    model = BertForSequenceClassification(BertConfig(vocab_size=len(vocabulary)))
    model.train(False)
    pipe: Any = TextClassificationPipeline
    pipe = pipe(model=model, tokenizer=tokenizer, device="cpu")
    return lambda texts: [pipe(text, truncation=True, max_length=LIMIT + 2) for text in texts]


def snownlp() -> Read:
    """SnowNLP's sentiment, as its README calls it."""
    from snownlp import SnowNLP

    return lambda texts: [SnowNLP(text).sentiments for text in texts if text.strip()]


def base_engine(vocabulary: Vocabulary, texts: list[str], folder: Path, threads: int) -> Classifier:
    """The BERT-base shape through our own export in int8, whatever int8 does to random weights."""
    reader = Reader(Encoder(BertModel(BertConfig(vocab_size=len(vocabulary)), add_pooling_layer=False))).eval()
    export(reader, vocabulary, dict.fromkeys(HEADS, 1.0), {"name": "base"}, folder)
    quantise(folder, texts[:: len(texts) // BASE_CALIBRATION_N], is_checked=False)
    return Classifier.load(folder, threads, "int8")


def bf16_matmul(threads: int) -> float:
    """FLOP/s of the best of five bf16 products of PRODUCT × PRODUCT matrices."""
    torch.set_num_threads(threads)
    one, other = (torch.randn(PRODUCT, PRODUCT, dtype=torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        one @ other
        best = min(best, time.perf_counter() - began)
    return 2 * PRODUCT**3 / best
