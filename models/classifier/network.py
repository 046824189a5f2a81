"""The embedded encoder (a BERT over characters that also knows each character's n-grams) and the reader with its three heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from models.classifier.score import padded
from warehouse.vocabulary import CATEGORIES, SENTIMENTS

HEADS: dict[str, tuple[str, ...]] = {"relevant": ("0", "1"), "sentiment": tuple(SENTIMENTS), "category": tuple(CATEGORIES)}


class Logits(NamedTuple):
    """(batch, 2), (batch, 3), (batch, 9), in the order of HEADS."""

    relevant: Tensor
    sentiment: Tensor
    category: Tensor


@dataclass(frozen=True)
class Shape:
    """The encoder's size. `ngram_width` 0 is a plain BERT."""

    layers: int = 4
    width: int = 256
    ngram_buckets: int = 65_521  # prime, so that the hash spreads; ids below 8,192 keep it within 31 bits
    ngram_width: int = 48


class NgramMemory(nn.Module):
    """ids (batch, length) -> (batch, length, width): what the bigrams and the trigram around each character mean.

    A look-up costs next to nothing where a layer of attention costs most of a CPU, and a word is known from the first layer
    on. Hashed tables as in Clark et al. 2022 (CANINE); n-grams beside characters as in Diao et al. 2020 (ZEN). Computed on ids as
    they are fed, so a masked character masks the n-grams it belongs to.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.buckets = shape.ngram_buckets
        self.pairs = nn.Embedding(shape.ngram_buckets, shape.ngram_width)
        self.triples = nn.Embedding(shape.ngram_buckets, shape.ngram_width)
        self.out = nn.Linear(3 * shape.ngram_width, shape.width, bias=False)
        for table in (self.pairs, self.triples):
            nn.init.normal_(table.weight, std=0.05)

    def pair(self, first: Tensor, second: Tensor) -> Tensor:
        return (first * 60_013 + second) % self.buckets

    def triple(self, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
        return (first * 60_013 + second * 26_591 + third) % self.buckets

    def forward(self, ids: Tensor) -> Tensor:
        edge = torch.zeros_like(ids[:, :1])  # as padding: a text reads the same in any batch
        before, after = torch.cat([edge, ids[:, :-1]], dim=1), torch.cat([ids[:, 1:], edge], dim=1)
        parts = [self.pairs(self.pair(before, ids)), self.pairs(self.pair(ids, after)), self.triples(self.triple(before, ids, after))]
        out: Tensor = self.out(torch.cat(parts, dim=2))
        return out


class Encoder(nn.Module):
    """ids, mask (batch, length) -> hidden states (batch, length, width): a BERT, with or without n-grams at its input."""

    def __init__(self, bert: BertModel, memory: NgramMemory | None = None) -> None:
        super().__init__()
        self.width = int(bert.config.hidden_size)
        self.bert = bert
        self.memory = memory

    @classmethod
    def embedded(cls, shape: Shape, vocabulary_n: int, dropout: float = 0.0) -> Encoder:
        """Our own, from random weights."""
        bert = BertModel(config_of(shape.layers, shape.width, vocabulary_n, dropout), add_pooling_layer=False)
        return cls(bert, NgramMemory(shape) if shape.ngram_width else None)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        embedded = self.bert.embeddings.word_embeddings(ids)
        if self.memory is not None:
            embedded = embedded + self.memory(ids)
        hidden: Tensor = self.bert(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
        return hidden


class Reader(nn.Module):
    """ids, mask (batch, length) -> logits of the three heads."""

    def __init__(self, encoder: Encoder, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(2 * encoder.width, len(labels)) for name, labels in HEADS.items()})

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.encoder(ids, mask)
        pooled = self.dropout(pool(hidden, mask))
        return Logits(*(head(pooled) for head in self.heads.values()))


def pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """(batch, length, width) -> (batch, 2 * width): the mean over a text, and its maximum.

    The maximum keeps the one word that decides a long complaint; a mean over 250 pieces drowns it.
    """
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    mean = (hidden * weights).sum(1) / weights.sum(1)
    highest = (hidden - (1 - weights) * 1e4).max(1).values
    return torch.cat([mean, highest], dim=1)


def config_of(layers: int, width: int, vocabulary_n: int, dropout: float) -> BertConfig:
    """Heads are 64 wide, which CPU kernels like best; eager attention is a third faster than masked SDPA there."""
    config = BertConfig(
        vocab_size=vocabulary_n, hidden_size=width, num_hidden_layers=layers, num_attention_heads=width // 64,
        intermediate_size=width * 4, max_position_embeddings=512, type_vocab_size=1,
        hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
    )  # fmt: skip
    config._attn_implementation = "eager"
    return config


def pad(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Ragged ids -> ids and mask (batch, longest)."""
    ids, mask = map(torch.from_numpy, padded(rows))
    return ids, mask
