"""`guanchao train pretrain`: a folder that holds vocabulary, corpus and checkpoints, and can be left and come back to."""

from __future__ import annotations

from pathlib import Path

from models.classifier import corpus
from models.classifier.network import Shape
from models.classifier.pretrain import Plan, pretrain, shape_of
from models.classifier.vocabulary import Vocabulary

SIZE, FLOOR = 8000, 20  # characters and codes seen at least FLOOR times


def pretrain_in(work: Path, data: Path, minutes: float, shape: Shape, batch_n: int) -> dict[str, float]:
    """Build what is missing in `work`, then train on for `minutes`; returns tokens, steps and loss so far.

    A folder that holds a checkpoint keeps its own shape; `models/weights/pretrained` copied there is a checkpoint.
    """
    work.mkdir(parents=True, exist_ok=True)
    vocabulary = work / "vocabulary.txt"
    if not vocabulary.exists():
        Vocabulary.learn(corpus.lines(data), SIZE, FLOOR).save(vocabulary)
    if not (work / "corpus.npy").exists():
        corpus.build(data, vocabulary, work / "corpus.npy")
    kept = shape_of(work) if (work / "shape.json").exists() else shape
    return pretrain(work / "corpus.npy", len(Vocabulary.load(vocabulary)), work, kept, Plan(minutes, batch_n))
