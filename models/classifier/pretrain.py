"""Masked-language-model pretraining of the embedded BERT, on a CPU (bf16) or a GPU, resumable at any moment.

The rate is warm-up, flat, then linear decay over the last part of the time given, so a run can always be continued:
resume restarts at the flat rate from the last checkpoint.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from models.classifier.masked_lm import LENGTH, MaskedLanguageModel, batch
from models.classifier.network import Shape
from models.classifier.start import start_from_counts


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
    return Shape(**json.loads((folder / "shape.json").read_text()))
