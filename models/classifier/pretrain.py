"""Masked-language-model pretraining of the embedded BERT, on a CPU (bf16) or a GPU, resumable at any moment.

Whole words and short spans are masked together (Cui et al. 2021, "Pre-Training With Whole Word Masking for Chinese BERT").
The rate is warm-up, flat, then linear decay over the last part of the time given, so a run can always be continued:
resume restarts at the flat rate from the last checkpoint.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm
from transformers import BertModel

from models.classifier.corpus import WORD_START
from models.classifier.network import Encoder, Shape
from models.classifier.vocabulary import CLS, MASK, SEP

LENGTH = 128
MASKED = 20  # predictions a sequence: fixed, so that memory and shapes are (15 % of 128)


@dataclass(frozen=True)
class Plan:
    """How long and how fast."""

    minutes: float
    batch_n: int = 32  # rows of LENGTH; a GPU wants some hundred
    rate: float = 5e-4  # of AdamW: embeddings, biases, norms
    muon_rate: float = 1.2e-3  # of Muon: the matrices between them. At 4e-3 the loss stood still at 5.5, at 12e-3 it rose
    warmup_steps: int = 500
    decay_share: float = 0.2
    save_every_s: float = 180.0
    compiled: bool = True  # about a tenth faster on a CPU, after a minute of compiling
    seed: int = 7


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


def optimizers(model: MaskedLanguageModel, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for matrices between hidden states, which needs fewer tokens than AdamW; AdamW for the rest."""
    inner = [p for name, p in model.named_parameters() if p.ndim == 2 and ("encoder.layer" in name or name.startswith("transform"))]
    taken = {id(p) for p in inner}
    rest = [p for p in model.parameters() if id(p) not in taken]
    return [
        torch.optim.Muon(inner, lr=plan.muon_rate, momentum=0.95, weight_decay=0.01, ns_steps=4, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True),
    ]


def save(folder: Path, model: nn.Module, steppers: list[torch.optim.Optimizer], progress: dict[str, float]) -> None:
    """Weights small enough to carry (fp16) beside the state that only this machine needs; each file whole or not there."""
    halves = {name: value.detach().half().contiguous() for name, value in model.state_dict().items()}
    save_file(halves, folder / ".weights.tmp", metadata={"progress": json.dumps(progress)})
    state = {"model": model.state_dict(), "optimizers": [one.state_dict() for one in steppers], "progress": progress}
    torch.save(state, folder / ".state.tmp")
    (folder / ".weights.tmp").replace(folder / "weights.safetensors")
    (folder / ".state.tmp").replace(folder / "state.pt")


def resume(folder: Path, model: nn.Module, steppers: list[torch.optim.Optimizer]) -> dict[str, float]:
    """Progress so far; from the carried weights alone where the optimizers' state is missing; nothing where there is neither."""
    if (folder / "state.pt").exists():
        state = torch.load(folder / "state.pt", weights_only=True)
        model.load_state_dict(state["model"])
        for one, known in zip(steppers, state["optimizers"], strict=True):
            one.load_state_dict(known)
        return dict(state["progress"])
    if (folder / "weights.safetensors").exists():
        model.load_state_dict({k: v.float() for k, v in load_file(folder / "weights.safetensors").items()})
        with safe_open(folder / "weights.safetensors", "pt") as file:
            return dict(json.loads(file.metadata()["progress"]))
    return {}


def rate_at(plan: Plan, step: int, share: float) -> float:
    """The share of the full rate: warm-up by steps, flat, then linear to a twentieth over the last `decay_share` of the time."""
    decay = min(1.0, max(0.05, (1 - share) / plan.decay_share)) if plan.decay_share else 1.0
    return min(1.0, (step + 1) / plan.warmup_steps) * decay


def pretrain(corpus_path: Path, vocabulary_n: int, folder: Path, shape: Shape, plan: Plan) -> dict[str, float]:
    """Train for `plan.minutes`, checkpointing into `folder`; returns tokens, steps and the last loss."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(plan.seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shape.json").write_text(json.dumps(asdict(shape)))
    corpus = np.load(corpus_path, mmap_mode="r")
    model = MaskedLanguageModel(shape, vocabulary_n).to(device)
    steppers = optimizers(model, plan)
    full = [one.param_groups[0]["lr"] for one in steppers]
    progress = resume(folder, model, steppers)
    if not progress:
        from models.classifier.start import start_from_counts

        start_from_counts(model, corpus)
        progress = {"tokens": 0.0, "steps": 0.0}
    forward = torch.compile(model) if plan.compiled else model  # the checkpoint stays the plain model's
    rng = np.random.default_rng(plan.seed + int(progress["steps"]))
    rows_n = len(corpus) // (LENGTH - 1)
    started = saved = time.monotonic()
    smooth, step = 0.0, 0
    with tqdm(total=plan.minutes, unit="min", bar_format="{l_bar}{bar}| {n:.1f}/{total_fmt} min {postfix}") as bar:
        while (share := (time.monotonic() - started) / (plan.minutes * 60)) < 1:
            ids, positions, targets = (t.to(device) for t in batch(corpus, rng.integers(0, rows_n, plan.batch_n), vocabulary_n, rng))
            for one, rate in zip(steppers, full, strict=True):
                one.param_groups[0]["lr"] = rate * rate_at(plan, step, share)
            with torch.autocast(device, torch.bfloat16):
                logits = forward(ids, positions)
            loss = nn.functional.cross_entropy(logits.float(), targets)
            model.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for one in steppers:
                one.step()
            step += 1
            progress["steps"] += 1
            progress["tokens"] += ids.numel()
            smooth = float(loss.detach()) if step == 1 else 0.99 * smooth + 0.01 * float(loss.detach())
            progress["loss"] = smooth
            if step % 20 == 0:
                bar.n = share * plan.minutes
                bar.set_postfix(loss=f"{smooth:.3f}", Mtok=f"{progress['tokens'] / 1e6:.1f}")
            if time.monotonic() - saved > plan.save_every_s:
                save(folder, model, steppers, progress)
                saved = time.monotonic()
    save(folder, model, steppers, progress)
    return progress


def encoder_weights(folder: Path) -> dict[str, Tensor]:
    """The encoder of a checkpoint, names as network.Encoder has them."""
    weights = load_file(folder / "weights.safetensors")
    return {name.removeprefix("encoder."): value.float() for name, value in weights.items() if name.startswith("encoder.")}


def shape_of(folder: Path) -> Shape:
    with contextlib.suppress(FileNotFoundError):
        return Shape(**json.loads((folder / "shape.json").read_text()))
    return Shape()
