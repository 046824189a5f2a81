"""What masked-language-model pretraining learns on: rows with whole words and short spans hidden (Cui et al. 2021, "Pre-Training With
Whole Word Masking for Chinese BERT"), and the encoder with its word-prediction head.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import BertModel

from models.classifier.corpus import WORD_START
from models.classifier.network import Encoder, Shape
from models.classifier.vocabulary import CLS, MASK, SEP

LENGTH = 128
MASKED = 20  # predictions a sequence: fixed, so that memory and shapes are (15 % of 128)


class MaskedLanguageModel(nn.Module):
    """The encoder with its word-prediction head tied to the embeddings."""

    def __init__(self, shape: Shape, vocabulary_n: int) -> None:
        super().__init__()
        self.encoder = Encoder.embedded(shape, vocabulary_n)
        look_around(self.encoder.bert)
        self.transform = nn.Sequential(nn.Linear(shape.width, shape.width), nn.GELU(), nn.LayerNorm(shape.width))
        self.bias = nn.Parameter(torch.zeros(vocabulary_n))

    def forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        """ids (batch, length), positions (batch, masked) -> logits (batch * masked, vocabulary)."""
        hidden = self.encoder(ids)
        picked = torch.gather(hidden, 1, positions.unsqueeze(-1).expand(-1, -1, hidden.shape[-1])).flatten(0, 1)
        logits: Tensor = self.transform(picked) @ self.encoder.bert.embeddings.word_embeddings.weight.T + self.bias
        return logits


@torch.no_grad()
def look_around(bert: BertModel) -> None:
    """Start the first layer's heads looking at the pieces just before and after, instead of everywhere alike.

    A BERT from random weights sits for tens of millions of tokens on the unigram plateau before its attention finds the
    neighbours. Sinusoidal positions (Vaswani et al. 2017) in the first head's width, and keys turned by the angle of an
    offset, put it past the plateau at once; all of it stays trainable. Idea of structured attention weights at the start:
    Trockman & Kolter 2023, "Mimetic Initialization of Self-Attention Layers".
    """
    head, positions = 64, bert.embeddings.position_embeddings.weight
    frequency = 2 * torch.pi / torch.logspace(math.log2(4), math.log2(256), head // 2, base=2)
    angle = torch.arange(len(positions)).unsqueeze(1) * frequency
    positions[:, :head] = 0.06 * math.sqrt(2) * torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
    attention: Any = bert.encoder.layer[0].attention.self  # type: ignore[union-attr]
    for h, offset in zip(range(attention.num_attention_heads), itertools.cycle((-1, 1, -2, 2, -3, 3)), strict=False):
        turn = torch.block_diag(  # type: ignore[no-untyped-call]
            *(torch.tensor([[a.cos(), -a.sin()], [a.sin(), a.cos()]]) for a in frequency * offset)
        )
        rows = slice(h * head, (h + 1) * head)
        attention.query.weight[rows, :head] += 0.75 * torch.eye(head)
        attention.key.weight[rows, :head] += 0.75 * turn


def choose_masked(starts: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions (rows, MASKED) of whole words, one to three in a row at a time, never position 0."""
    out = np.empty((len(starts), MASKED), dtype=np.int64)
    for row, flags in enumerate(starts):
        words = np.flatnonzero(flags)
        ends = np.append(words[1:], len(flags))
        taken = np.zeros(len(flags), dtype=bool)
        left = MASKED
        for first in rng.permutation(len(words)):
            last = min(first + int(rng.choice((1, 2, 3), p=(0.7, 0.2, 0.1))) - 1, len(words) - 1)
            span = np.arange(words[first], ends[last])
            span = span[~taken[span]][:left]
            taken[span] = True
            left -= len(span)
            if left == 0:
                break
        if left:  # a row of very few words: fill from what is free
            taken[np.flatnonzero(~taken[1:])[:left] + 1] = True
        out[row] = np.flatnonzero(taken)
    return out


def batch(
    corpus: NDArray[np.uint16], rows: NDArray[np.int64], vocabulary_n: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """ids with masks (batch, LENGTH), positions (batch, MASKED), targets (batch * MASKED)."""
    raw = np.stack([corpus[row * (LENGTH - 1) : (row + 1) * (LENGTH - 1)] for row in rows])
    ids = np.concatenate([np.full((len(rows), 1), CLS), raw & ~WORD_START], axis=1).astype(np.int64)
    starts = np.concatenate([np.zeros((len(rows), 1), bool), (raw & WORD_START).astype(bool) & (ids[:, 1:] != SEP)], axis=1)
    positions = choose_masked(starts, rng)
    targets = np.take_along_axis(ids, positions, axis=1)
    dice = rng.random(positions.shape)
    replacement = np.where(dice < 0.8, MASK, np.where(dice < 0.9, rng.integers(7, vocabulary_n, positions.shape), targets))
    np.put_along_axis(ids, positions, replacement, axis=1)
    return torch.from_numpy(ids), torch.from_numpy(positions), torch.from_numpy(targets.reshape(-1))
