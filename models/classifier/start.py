"""Where pretraining starts: embeddings that already know which characters and n-grams keep the same company.

The best factors of the positive pointwise mutual information between what is seen and the characters around it (Levy &
Goldberg 2014, "Neural Word Embedding as Implicit Matrix Factorization"): minutes of counting instead of hours of descent.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.classifier.corpus import WORD_START
from models.classifier.masked_lm import MaskedLanguageModel

WINDOW, CONTEXTS = 5, 2048  # characters each side; the most frequent characters serve as context
PIECE = 4_000_000  # tokens counted at a time


def counts(seen: NDArray[np.int64], tokens: NDArray[np.int64], column: NDArray[np.int64], reach: tuple[int, int], out: Tensor) -> None:
    """Add to `out` (kinds, contexts) how often each kind stands within WINDOW of each context; `reach`: first offsets left, right."""
    contexts_n = out.shape[1]
    for offset in [-(reach[0] + i) for i in range(WINDOW)] + [reach[1] + i for i in range(WINDOW)]:
        low, high = max(0, -offset), min(len(seen), len(tokens) - offset)
        other = column[tokens[low + offset : high + offset]]
        known = other >= 0
        flat = torch.from_numpy(seen[low:high][known] * contexts_n + other[known])
        out.view(-1).index_add_(0, flat, torch.ones(len(flat)))


def factors(seen: Tensor, width: int, power: float = 0.5) -> Tensor:
    """counts (kinds, contexts) -> (kinds, width): factors of the PPMI, smoothed contexts (power .75), every direction used alike."""
    context = seen.sum(0) ** 0.75
    ratio = seen / (seen.sum(1, keepdim=True) + 5) / (context / context.sum()).clamp(min=1e-9)  # rare kinds are believed less
    ppmi = ratio.clamp_(min=1.0).log_()
    torch.manual_seed(7)
    left, sizes, _ = torch.svd_lowrank(ppmi, q=min(width + 16, *ppmi.shape), niter=3)
    best: Tensor = left[:, :width] * sizes[:width] ** power
    turn, _ = torch.linalg.qr(torch.randn(best.shape[1], width).T)
    out: Tensor = best @ turn.T
    return out


@torch.no_grad()
def start_from_counts(model: MaskedLanguageModel, corpus: NDArray[np.uint16], limit: int = 24_000_000) -> None:
    """Fill the embeddings of `model` (the prediction bias: log frequencies) from about `limit` tokens, spread over the corpus."""
    encoder, memory = model.encoder, model.encoder.memory
    words = encoder.bert.embeddings.word_embeddings.weight
    frequency = np.bincount(corpus[:: max(1, len(corpus) // limit)] & ~WORD_START, minlength=len(words)).astype(np.float64) + 0.5
    model.bias.copy_(torch.from_numpy(np.log(frequency / frequency.sum())))
    column = np.full(len(words), -1, dtype=np.int64)
    column[np.argsort(-frequency)[:CONTEXTS]] = np.arange(min(CONTEXTS, len(words)))
    contexts_n = int((column >= 0).sum())
    tables = [(words, 0.04)] + ([(memory.pairs.weight, 0.1), (memory.triples.weight, 0.1)] if memory else [])
    tallies = [torch.zeros(len(table), contexts_n) for table, _ in tables]
    step = max(PIECE, len(corpus) // max(1, limit // PIECE))
    for begin in range(0, len(corpus) - 3 * WINDOW, step):
        ids = (corpus[begin : begin + PIECE] & ~WORD_START).astype(np.int64)
        counts(ids, ids, column, (1, 1), tallies[0])
        if memory is not None:
            whole = torch.from_numpy(ids)
            counts(memory.pair(whole[:-1], whole[1:]).numpy(), ids, column, (1, 2), tallies[1])
            counts(memory.triple(whole[:-2], whole[1:-1], whole[2:]).numpy(), ids, column, (1, 3), tallies[2])
    for (table, scale), tally in zip(tables, tallies, strict=True):
        found = factors(tally, table.shape[1])
        table.copy_(found / found.std() * scale + 0.1 * scale * torch.randn_like(found))  # what was never seen starts near nothing
