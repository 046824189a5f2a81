"""The redactor's exam: constructed sentences with personal data of every kind and what only looks like it, the same every time.

`measure()` gives precision and recall over spans: a masked span is right if it is one that had to be masked, to the character.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from crawlers.bench.redaction_numbers import ALIKE, PERSONAL
from crawlers.redact import personal_spans

SENTENCES = Path(__file__).with_name("redaction_set.yml")
EACH = 8  # texts made of one sentence
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Sample:
    """`spans`: (start, end, kind) of what must be masked, in order."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


def build(half: str, seed: int = 4) -> list[Sample]:
    """`half`: tuning or held_out."""
    rnd = random.Random(f"{seed} {half}")
    sentences: list[str] = yaml.safe_load(SENTENCES.read_text(encoding="utf-8"))[half]
    return [_fill(sentence, rnd) for sentence in sentences for _ in range(EACH)]


def measure(half: str = "held_out") -> dict[str, Any]:
    """texts, spans, precision, recall, and per kind `found/all`; also `wrong`, masked spans by the text before them."""
    wanted, found, wrong = Counter[str](), Counter[str](), Counter[str]()
    masked = 0
    for sample in (samples := build(half)):
        spans = {(start, end): kind for start, end, kind in sample.spans}
        wanted.update(spans.values())
        for span in personal_spans(sample.text):
            masked += 1
            if span in spans:
                found[spans[span]] += 1
            else:
                wrong[sample.text[max(0, span[0] - 6) : span[0]] + "|" + sample.text[slice(*span)]] += 1
    right = sum(found.values())
    return {
        "texts": len(samples), "spans": sum(wanted.values()), "masked": masked,
        "precision": right / masked if masked else 1.0, "recall": right / sum(wanted.values()),
        "kinds": {kind: f"{found[kind]}/{count}" for kind, count in sorted(wanted.items())},
        "wrong": {text: str(count) for text, count in wrong.most_common(20)},
    }  # fmt: skip


def _fill(sentence: str, rnd: random.Random) -> Sample:
    text, spans, at = "", list[tuple[int, int, str]](), 0
    for slot in _SLOT.finditer(sentence):
        text += sentence[at : slot.start()]
        said = (PERSONAL.get(slot[1]) or ALIKE[slot[1]])(rnd)
        if slot[1] in PERSONAL:
            spans.append((len(text), len(text) + len(said), slot[1]))
        text, at = text + said, slot.end()
    return Sample(text + sentence[at:], tuple(spans))
