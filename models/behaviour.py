"""Behavioural tests of the shipped classifier (CheckList, Ribeiro et al. 2020): what must not turn a reading, and what must not turn it
the wrong way. `guanchao bench behaviour` measures, tests/test_behaviour.py holds the line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.behaviour_texts import HOSPITALS, TEXTS
from models.classifier.augment import NAME
from warehouse.vocabulary import SENTIMENTS

Heads = list[NDArray[np.float32]]  # relevant (texts, 2), sentiment (texts, 3), category (texts, 9)
Read = Callable[[list[str]], Heads]
RELEVANT, SENTIMENT = 0, 1
TOLERANCE = 0.1  # a probability may move this far the wrong way, as in CheckList
FLIPS_BAR, WRONG_WAY_BAR = 0.03, 0.03  # shares of constructed texts
REAL_FLIPS_BAR = 0.05  # real texts stand nearer to the border between two labels
WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}


@dataclass(frozen=True)
class Direction:
    """Adding `words` to a text must not raise the probability of `sentiment`."""

    words: str
    sentiment: str


DIRECTIONS = {
    "misdiagnosed to death": Direction("医生误诊致死。", "positive"),
    "the child died": Direction("孩子没了，医院不给说法。", "positive"),
    "rude": Direction("医生态度恶劣。", "positive"),
    "overcharged": Direction("还乱收费。", "positive"),
    "thanks": Direction("感谢医生护士，你们辛苦了。", "negative"),
    "skilled and kind": Direction("医术高超，态度和蔼，点赞。", "negative"),
}


def renamed(text: str) -> str:
    """Another (made-up) hospital, where one is named."""
    return NAME.sub(lambda name: HOSPITALS[(HOSPITALS.index(name[0]) + 1) % len(HOSPITALS) if name[0] in HOSPITALS else 0], text)


@cache
def _opencc() -> Any:
    import opencc  # dictionaries of 1 MB: only where it is needed

    return opencc.OpenCC("s2t")


def traditional(text: str) -> str:
    return str(_opencc().convert(text))


INVARIANCE: dict[str, Callable[[str], str]] = {
    "hospital name": renamed,
    "emoji": lambda text: f"{text}🏥📍",
    "traditional script": traditional,
    "full width": lambda text: text.translate(WIDE),
    "mention": lambda text: f"@岚湖晚报 {text} @望川身边事",
    "link": lambda text: f"{text} https://t.cn/A6bQx7Zk",
}


def constructed(names: tuple[str, ...] = HOSPITALS) -> list[str]:
    """Every constructed text with a name in it, names in turn."""
    templates = [template for group in TEXTS.values() for template in group]
    return [template.format(hospital=names[i % len(names)]) for i, template in enumerate(templates)]


def decisions(heads: Heads) -> NDArray[np.int64]:
    """(texts, 3): relevant, sentiment, category as decided; the last two -1 where a text is judged irrelevant, for nobody reads them."""
    out = np.stack([head.argmax(1) for head in heads], axis=1)
    out[out[:, RELEVANT] == 0, 1:] = -1
    return out


def flips(read: Read, texts: list[str], change: Callable[[str], str]) -> NDArray[np.bool_]:
    """(texts, 3): whether each decision is another one after `change`; texts it does not touch count as they are."""
    return np.asarray(decisions(read(texts)) != decisions(read([change(text) for text in texts])))


def wrong_way(read: Read, texts: list[str], direction: Direction) -> NDArray[np.bool_]:
    """(texts,): whether the probability that must not rise rose by more than TOLERANCE, with the words before or after the text."""
    column = list(SENTIMENTS).index(direction.sentiment)
    before = read(texts)[SENTIMENT][:, column]
    after = [
        read(said)[SENTIMENT][:, column] for said in ([f"{t}。{direction.words}" for t in texts], [direction.words + t for t in texts])
    ]
    return np.asarray(np.maximum(*after) > before + TOLERANCE)


def bench(data: Path, full: bool) -> dict[str, dict[str, Any]]:
    """figure -> value, unit, bar, met, how: shares of texts that flip or move the wrong way, constructed and real (validation split)."""
    from tqdm import tqdm

    from models.classifier import datasets
    from models.classifier.score import Classifier

    read = Classifier.load().probabilities
    real = datasets.labelled(data).filter(split="validation", relevant=1).sort("text")["text"].to_list()
    real = real if full else real[:: max(1, len(real) // 150)]
    out = {}
    sets = {"constructed": (constructed(), FLIPS_BAR), "real": (real, REAL_FLIPS_BAR)}
    with tqdm(total=len(sets) * len(INVARIANCE) + len(DIRECTIONS), desc="behaviour") as bar:
        for kind, (texts, limit) in sets.items():
            for name, change in INVARIANCE.items():
                out[f"{kind}/invariance/{name}"] = invariance(read, texts, change, kind, limit)
                bar.update()
        for name, direction in DIRECTIONS.items():
            raised = f"adding {direction.words} raises {direction.sentiment} by > {TOLERANCE}"
            how = f"share of {len(constructed())} constructed texts where {raised}"
            out[f"constructed/direction/{name}"] = _figure(float(wrong_way(read, constructed(), direction).mean()), WRONG_WAY_BAR, how)
            bar.update()
    return out


def invariance(read: Read, texts: list[str], change: Callable[[str], str], kind: str, bar: float) -> dict[str, Any]:
    """One figure: the share of the texts that `change` touches where any of the three decisions flips."""
    touched = [text for text in texts if change(text) != text]
    turned = flips(read, touched, change) if touched else np.zeros((1, 3), dtype=bool)
    each = ", ".join(f"{head} {share:.3f}" for head, share in zip(("relevant", "sentiment", "category"), turned.mean(0), strict=True))
    return _figure(float(turned.any(1).mean()), bar, f"share of {len(touched)} {kind} texts with any decision flipped; {each}")


def _figure(value: float, bar: float, how: str) -> dict[str, Any]:
    return {"value": round(value, 4), "unit": "share", "bar": bar, "met": value <= bar, "how": how}
