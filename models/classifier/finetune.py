"""Labelled texts -> a Reader, in three stages: general sentiment (many rows, one head), a linear teacher's view of unlabelled
texts about hospitals (many rows, all heads, soft), then our own labels (few rows, all heads; several times, averaged).

Rows of unequal sources share one loss: a head learns only where its label is known.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from models.classifier.augment import augment
from models.classifier.network import HEADS, Encoder, Reader, pad
from models.classifier.score import encode
from models.classifier.teacher import think
from models.classifier.vocabulary import Vocabulary

UNKNOWN = -100


@dataclass(frozen=True)
class Recipe:
    """How a Reader is taught. `general_n` caps the rows of public sentiment sets, `silent_n` those of the teacher's stage; the last
    stage runs `soup_n` times from the same start and its weights are averaged (Wortsman et al. 2022, "Model soups"). `last_epochs` more
    take in the validation rows, once all that is chosen by them is chosen.
    """

    epochs: int = 6
    general_n: int = 24_000
    silent_n: int = 40_000
    cut: int = 256  # characters read of a text in the first two stages: they teach words, and long texts cost most
    soup_n: int = 3
    varied_share: float = 0.3
    last_epochs: int = 2
    batch_n: int = 32
    rate: float = 3e-4
    last_rate: float = 1e-4
    dropout: float = 0.1
    smoothing: float = 0.05
    seed: int = 7


def targets(frame: pl.DataFrame) -> NDArray[np.int64]:
    """(rows, heads) label positions, UNKNOWN where a source does not say."""
    columns = [
        frame[name].cast(pl.String).replace_strict({label: i for i, label in enumerate(labels)}, default=UNKNOWN, return_dtype=pl.Int64)
        for name, labels in HEADS.items()
    ]
    return np.stack([column.fill_null(UNKNOWN).to_numpy() for column in columns], axis=1)


def hard(frame: pl.DataFrame, smoothing: float) -> list[Tensor]:
    """Per head (rows, labels): smoothed one-hot rows, zeros where the label is unknown (such a row does not teach that head).

    Rows of a rare label weigh more, by the inverse root of its share: the bar is macro-F1, where each label counts the same.
    """
    wanted = targets(frame)
    out = []
    for i, labels in enumerate(HEADS.values()):
        known = wanted[:, i] != UNKNOWN
        counts = np.bincount(wanted[known, i], minlength=len(labels)).clip(1)
        weights = np.sqrt(counts.sum() / (len(labels) * counts))
        rows = np.full((frame.height, len(labels)), smoothing / len(labels))
        rows[known, wanted[known, i]] += 1 - smoothing
        rows[known] *= weights[wanted[known, i], None]
        rows[~known] = 0
        out.append(torch.from_numpy(rows.astype(np.float32)))
    return out


def batches(lengths: list[int], size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Random batches of texts of like length: pools of 50 batches are sorted inside."""
    order = rng.permutation(len(lengths))
    for start in range(0, len(order), size * 50):
        pool = order[start : start + size * 50]
        pool = pool[np.argsort([lengths[i] for i in pool], kind="stable")]
        chunks = [pool[i : i + size] for i in range(0, len(pool), size)]
        for i in rng.permutation(len(chunks)):
            yield chunks[i]


def loss_of(logits: tuple[Tensor, ...], wanted: list[Tensor]) -> Tensor:
    """Cross-entropy against soft rows, a mean over the rows that teach a head, summed over heads."""
    losses = [
        -(target * torch.log_softmax(head.float(), dim=1)).sum() / (target.sum(1) > 0).sum()
        for head, target in zip(logits, wanted, strict=True)
        if bool(target.any())
    ]
    return torch.stack(losses).sum()


def one_cycle(optimizer: torch.optim.Optimizer, rates: float | list[float], total: int) -> torch.optim.lr_scheduler.OneCycleLR:
    """Up to `rates` (one, or one a parameter group) over a tenth of `total` steps, at least two, then down."""
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=total + 1, pct_start=max(0.1, 2 / (total + 1)))


def descend(
    model: nn.Module, loss: Tensor, optimizer: torch.optim.Optimizer, scheduler: torch.optim.lr_scheduler.OneCycleLR
) -> None:  # fmt: skip
    """One step down the gradient of `loss`, whose norm is cut at 1."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()


def _stage(
    reader: Reader, texts: list[str], wanted: list[Tensor], vocabulary: Vocabulary, recipe: Recipe, name: str, epochs: int = 1, n: int = 0,
    rate: float | None = None,
) -> None:  # fmt: skip
    """One stage; where a text is read more than once, what must not matter in it (augment) is another thing each time."""
    device = next(reader.parameters()).device.type
    rng, rate = np.random.default_rng(recipe.seed + n), rate or recipe.rate
    decay = [p for p in reader.parameters() if p.ndim > 1]
    plain = [p for p in reader.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}], lr=rate, fused=True)
    total = epochs * math.ceil(len(texts) / recipe.batch_n)
    scheduler = one_cycle(optimizer, rate, total)
    reader.train()
    with tqdm(total=total, desc=name) as bar:
        for _ in range(epochs):
            rows = [encode(vocabulary, text) for text in (augment(texts, rng, recipe.varied_share) if epochs > 1 else texts)]
            for chosen in batches([len(row) for row in rows], recipe.batch_n, rng):
                ids, mask = pad([rows[i] for i in chosen])
                with torch.autocast(device, torch.bfloat16):
                    logits = reader(ids.to(device), mask.to(device))
                loss = loss_of(logits, [head[chosen].to(device) for head in wanted])
                descend(reader, loss, optimizer, scheduler)
                bar.update()
                bar.set_postfix(loss=f"{float(loss.detach()):.3f}")


def teach(
    labelled: pl.DataFrame, silent: list[str], encoder: Encoder, vocabulary: Vocabulary, recipe: Recipe, note: Callable[[str], None] = print
) -> Reader:
    """Fine-tune `encoder` on the `train` rows of `labelled` (datasets.labelled).

    `silent` are unlabelled texts about hospitals: a linear teacher, taught on the same train rows, says what it thinks of them, and
    the reader learns that first: it starts from where a linear model ends.
    """
    torch.manual_seed(recipe.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    reader = Reader(encoder, recipe.dropout).to(device)
    train = labelled.filter(pl.col("split") == "train")
    own = train.filter(pl.col("relevant").is_not_null())
    general = train.filter(pl.col("relevant").is_null())
    general = general.sample(min(recipe.general_n, general.height), seed=recipe.seed, shuffle=True)
    silent = sorted(silent)[:: max(1, len(silent) // recipe.silent_n)] if silent and recipe.silent_n else []
    note(f"{own.height} own rows, {general.height} general-sentiment rows, {len(silent)} unlabelled texts")
    if general.height:
        _stage(
            reader,
            [text[: recipe.cut] for text in general["text"]],
            hard(general, recipe.smoothing),
            vocabulary,
            recipe,
            "general sentiment",
        )
    if silent:
        thoughts = think(train, silent, HEADS)
        soft = [torch.from_numpy(thoughts[name].astype(np.float32)) for name in HEADS]
        _stage(reader, [text[: recipe.cut] for text in silent], soft, vocabulary, recipe, "a linear teacher")
    # Some general rows stay in the last stage, so that sentiment is not forgotten.
    mixed = pl.concat([own, general.head(own.height // 5)])
    texts, wanted = mixed["text"].to_list(), hard(mixed, recipe.smoothing)
    start = copy.deepcopy(reader.state_dict())
    total = {name: torch.zeros_like(value) for name, value in start.items() if value.is_floating_point()}
    for n in range(recipe.soup_n):
        reader.load_state_dict(start)
        torch.manual_seed(recipe.seed + n)
        _stage(reader, texts, wanted, vocabulary, recipe, f"own labels {n + 1}/{recipe.soup_n}", recipe.epochs, n)
        for name in total:
            total[name] += reader.state_dict()[name] / recipe.soup_n
    reader.load_state_dict({**start, **total})
    return reader.cpu().eval()


def finish(reader: Reader, labelled: pl.DataFrame, vocabulary: Vocabulary, recipe: Recipe) -> Reader:
    """A gentle last pass over all rows that may be taught, the validation rows too: among headlines they are the newest.

    Whatever validation decides (temperatures, the recipe itself) is decided before.
    """
    own = labelled.filter(pl.col("relevant").is_not_null() & (pl.col("split") != "test"))
    if recipe.last_epochs:
        texts, wanted = own["text"].to_list(), hard(own, recipe.smoothing)
        _stage(reader, texts, wanted, vocabulary, recipe, "all labels", recipe.last_epochs, recipe.soup_n, recipe.last_rate)
    return reader.cpu().eval()


def predict(reader: Reader, texts: list[str], vocabulary: Vocabulary, size: int = 64) -> list[NDArray[np.float32]]:
    """Logits per head, (texts, labels) each; for judging, not for production."""
    rows = [encode(vocabulary, text) for text in texts]
    order = np.argsort([len(row) for row in rows], kind="stable")
    out = [np.zeros((len(rows), len(labels)), dtype=np.float32) for labels in HEADS.values()]
    with torch.inference_mode():
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            for head, logits in zip(out, reader(*pad([rows[i] for i in chosen])), strict=True):
                head[chosen] = logits.float().numpy()
    return out
