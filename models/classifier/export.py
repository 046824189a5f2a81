"""A taught Reader -> OpenVINO IR with fp16 weights, which scores without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openvino as ov
import torch
from torch import Tensor, nn

from models.classifier.network import HEADS, Reader, pad
from models.classifier.vocabulary import CLS, SEP, Vocabulary


class _Probabilities(nn.Module):
    """Heads as calibrated probabilities, so that nothing is left to do outside the graph."""

    def __init__(self, reader: Reader, temperatures: dict[str, float]) -> None:
        super().__init__()
        self.reader = reader
        self.temperatures = [temperatures[name] for name in HEADS]

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        logits = self.reader(ids, mask)
        return tuple(torch.softmax(head / t, dim=-1) for head, t in zip(logits, self.temperatures, strict=True))


def export(reader: Reader, vocabulary: Vocabulary, temperatures: dict[str, float], card: dict[str, Any], out: Path) -> None:
    """Write model.xml, model.bin, vocabulary.txt and card.json into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    example = pad([[CLS, 9, 10, 11, SEP], [CLS, 12, SEP]])
    converted = ov.convert_model(
        _Probabilities(reader.eval(), temperatures), example_input=example,
        input=[("ids", ov.PartialShape([-1, -1]), ov.Type.i64), ("mask", ov.PartialShape([-1, -1]), ov.Type.i64)],
    )  # fmt: skip
    for output, name in zip(converted.outputs, HEADS, strict=True):
        output.get_tensor().set_names({name})
    ov.save_model(converted, out / "model.xml", compress_to_fp16=True)
    vocabulary.save(out / "vocabulary.txt")
    (out / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
