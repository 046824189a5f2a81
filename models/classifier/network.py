"""The reader: one BERT encoder, pooled by mean and by maximum, and three heads. What is exported is exactly this."""

from __future__ import annotations

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


class Reader(nn.Module):
    """ids, mask (batch, length) -> logits of the three heads."""

    def __init__(self, config: BertConfig, dropout: float = 0.1) -> None:
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict({name: nn.Linear(2 * config.hidden_size, len(labels)) for name, labels in HEADS.items()})

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weights).sum(1) / weights.sum(1)
        # The maximum keeps the one word that decides a long complaint; a mean over 250 pieces drowns it.
        highest = (hidden - (1 - weights) * 1e4).max(1).values
        pooled = self.dropout(torch.cat([mean, highest], dim=1))
        return Logits(*(head(pooled) for head in self.heads.values()))


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
