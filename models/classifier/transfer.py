"""What the pretrained encoder is worth elsewhere: fine-tuned with its own head per public task, char TF-IDF beside it on the same rows."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from models import judge
from models.classifier.finetune import batches, descend, one_cycle
from models.classifier.network import Encoder, pad, pool
from models.classifier.score import encode
from models.classifier.vocabulary import Vocabulary

Labels = NDArray[np.str_]


@dataclass(frozen=True)
class Recipe:
    """How a task is learned. `decay`: each layer below the head learns at this share of the rate of the one above (Howard & Ruder 2018)."""

    epochs: int = 3
    rate: float = 5e-4
    decay: float = 0.85
    batch_n: int = 32
    dropout: float = 0.1
    smoothing: float = 0.1
    seed: int = 7


class Tagger(nn.Module):
    """ids, mask (batch, length) -> logits (batch, labels): an encoder, pooled as network.Reader pools, and one head."""

    def __init__(self, encoder: Encoder, labels_n: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * encoder.width, labels_n)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        logits: Tensor = self.head(self.dropout(pool(self.encoder(ids, mask), mask)))
        return logits


def learn(train: pl.DataFrame, validation: pl.DataFrame, labels: tuple[str, ...], encoder: Encoder, vocabulary: Vocabulary,
          recipe: Recipe, name: str) -> tuple[Tagger, float]:  # fmt: skip
    """A tagger as it stood after the epoch with the best macro-F1 on `validation` (text, label), and that figure."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    tagger = Tagger(encoder, len(labels), recipe.dropout)
    rows, wanted = [encode(vocabulary, text) for text in train["text"]], torch.tensor([labels.index(label) for label in train["label"]])
    shares = torch.bincount(wanted, minlength=len(labels)).clamp(min=1) / len(wanted)
    weights = (len(labels) * shares) ** -0.5  # rare labels weigh more: macro-F1 counts each label the same
    total = recipe.epochs * math.ceil(len(rows) / recipe.batch_n)
    groups = by_depth(tagger, recipe)
    optimizer = torch.optim.AdamW(groups, fused=True)
    scheduler = one_cycle(optimizer, [g["lr"] for g in groups], total)
    best, kept = -1.0, tagger.state_dict()
    with tqdm(total=total, desc=name) as bar:
        for _ in range(recipe.epochs):
            tagger.train()
            for chosen in batches([len(row) for row in rows], recipe.batch_n, rng):
                with torch.autocast("cpu", torch.bfloat16):
                    logits = tagger(*pad([rows[i] for i in chosen]))
                loss = nn.functional.cross_entropy(logits.float(), wanted[chosen], weights, label_smoothing=recipe.smoothing)
                descend(tagger, loss, optimizer, scheduler)
                bar.update()
            reached = judge.macro_f1(gold(validation), tag(tagger, validation["text"].to_list(), labels, vocabulary))
            bar.set_postfix(validation=f"{reached:.4f}")
            if reached > best:
                best, kept = reached, copy.deepcopy(tagger.state_dict())
    tagger.load_state_dict(kept)
    return tagger.eval(), best


def by_depth(tagger: Tagger, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameter groups: the deeper below the head, the slower; vectors (biases, norms) without weight decay."""
    layers = int(tagger.encoder.bert.config.num_hidden_layers)
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in tagger.named_parameters():
        depth = 0 if name.startswith("head") else layers - int(name.split("layer.")[1].split(".")[0]) if ".layer." in name else layers + 1
        groups.setdefault((depth, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "lr": recipe.rate * recipe.decay**depth, "weight_decay": 0.05 if is_matrix else 0.0}
        for (depth, is_matrix), parameters in groups.items()
    ]


def tag(tagger: Tagger, texts: list[str], labels: tuple[str, ...], vocabulary: Vocabulary, size: int = 64) -> Labels:
    """The likeliest label of each text."""
    rows = [encode(vocabulary, text) for text in texts]
    order = np.argsort([len(row) for row in rows], kind="stable")
    out = np.zeros(len(rows), dtype=np.int64)
    tagger.eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            out[chosen] = tagger(*pad([rows[i] for i in chosen])).argmax(1).numpy()
    return np.array(labels)[out]


def linear(train: pl.DataFrame, test: pl.DataFrame) -> Labels:
    """What char TF-IDF (1-3) and logistic regression say of `test`, from the same train rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True, dtype=np.float32)
    seen = features.fit_transform(train["text"])
    model = LogisticRegression(C=10, max_iter=300, class_weight="balanced").fit(seen, gold(train))
    return np.asarray(model.predict(features.transform(test["text"]))).astype(str)


def gold(frame: pl.DataFrame) -> Labels:
    return frame["label"].to_numpy().astype(str)


def figures(wanted: Labels, said: Labels) -> dict[str, float]:
    return {"macro_f1": judge.macro_f1(wanted, said), "accuracy": float((wanted == said).mean())}
