"""A taught Reader -> OpenVINO IR with fp16 weights and, given texts to calibrate on, in int8; or ONNX. All score without torch."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import openvino as ov
import torch
from torch import Tensor, nn

from models.classifier.network import HEADS, NgramMemory, Reader, pad
from models.classifier.precision import CHANGE_BAR, FLIP_BAR, strays
from models.classifier.score import PRECISIONS, Classifier, encode, padded
from models.classifier.vocabulary import CLS, SEP, Vocabulary

INPUTS = ("ids", "mask")
CALIBRATION_N = 300  # nncf's own default
EXAMPLE = [[CLS, 9, 10, 11, SEP], [CLS, 12, SEP]]


class _Residues(NgramMemory):
    """The same n-gram hash out of small numbers: ids -> residues by look-up, added, then the remainder.

    OpenVINO's CPU plugin takes a remainder in f32, which is wrong beyond 2^24: of the plain hash's places 95 % came out false.
    """

    def __init__(self, memory: NgramMemory, vocabulary_n: int) -> None:
        nn.Module.__init__(self)
        self.buckets, self.pairs, self.triples, self.out = memory.buckets, memory.pairs, memory.triples, memory.out
        ids = torch.arange(vocabulary_n)
        zeros = torch.zeros_like(ids)
        self.register_buffer("of_pair", memory.pair(ids, zeros))
        self.register_buffer("of_first", memory.triple(ids, zeros, zeros))
        self.register_buffer("of_second", memory.triple(zeros, ids, zeros))

    def pair(self, first: Tensor, second: Tensor) -> Tensor:
        return (self.get_buffer("of_pair")[first] + second) % self.buckets

    def triple(self, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
        return (self.get_buffer("of_first")[first] + self.get_buffer("of_second")[second] + third) % self.buckets


class _Probabilities(nn.Module):
    """Heads as calibrated probabilities, so that nothing is left to do outside the graph."""

    def __init__(self, reader: Reader, temperatures: dict[str, float]) -> None:
        super().__init__()
        self.reader = copy.deepcopy(reader).eval()
        encoder = self.reader.encoder
        if encoder.memory is not None:
            encoder.memory = _Residues(encoder.memory, encoder.bert.embeddings.word_embeddings.num_embeddings)
        self.temperatures = [temperatures[name] for name in HEADS]

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        logits = self.reader(ids, mask)
        return tuple(torch.softmax(head / t, dim=-1) for head, t in zip(logits, self.temperatures, strict=True))


def export(
    reader: Reader, vocabulary: Vocabulary, temperatures: dict[str, float], card: dict[str, Any], out: Path,
    calibration_texts: list[str] | None = None,
) -> None:  # fmt: skip
    """Write model.xml, model.bin, vocabulary.txt and card.json into `out`.

    With `calibration_texts` (300 real ones or more) also model-int8.xml and .bin, unless int8 strays from f32 further than it may;
    how far is added to `card`.
    """
    out.mkdir(parents=True, exist_ok=True)
    dynamic = ov.PartialShape([-1, -1])
    converted = ov.convert_model(
        _Probabilities(reader, temperatures), example_input=pad(EXAMPLE), input=[(name, dynamic, ov.Type.i64) for name in INPUTS]
    )
    for output, name in zip(converted.outputs, HEADS, strict=True):
        output.get_tensor().set_names({name})
    ov.save_model(converted, out / "model.xml", compress_to_fp16=True)
    vocabulary.save(out / "vocabulary.txt")
    if calibration_texts:
        change, flips = quantise(out, calibration_texts)
        card["int8"] = {"texts": len(calibration_texts), "max_change": round(change, 4), "flips": round(flips, 4)}
    (out / "card.json").write_text(json.dumps(card, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def quantise(folder: Path, texts: list[str], is_checked: bool = True) -> tuple[float, float]:
    """model.xml -> model-int8.xml: matrix products in int8, ranges measured on some 300 of `texts` (nncf, smooth quantisation).

    Returns what `precision.strays` finds on all of `texts`; beyond its bars the files are not kept. Attention and heads stay as they
    are: they cost little. So do the tables: in int8 they doubled the mean change of a probability, and a look-up gains nothing.
    """
    import nncf

    vocabulary = Vocabulary.load(folder / "vocabulary.txt")
    model = ov.Core().read_model(folder / "model.xml")
    heads = [op.get_friendly_name() for op in model.get_ops() if op.get_type_name() == "MatMul" and ".heads." in op.get_friendly_name()]
    chosen = texts[:: max(1, len(texts) // CALIBRATION_N)]
    quantised = nncf.quantize(
        model, nncf.Dataset([padded([encode(vocabulary, text)]) for text in chosen]),
        model_type=nncf.ModelType.TRANSFORMER, subset_size=len(chosen),
        ignored_scope=nncf.IgnoredScope(names=heads, types=["ScaledDotProductAttention", "Gather"], validate=False),
    )  # fmt: skip
    path = folder / f"{PRECISIONS['int8'][0]}.xml"
    ov.save_model(quantised, path, compress_to_fp16=True)
    if not is_checked:  # for its speed alone
        return 0.0, 0.0
    found = strays(*(Classifier.load(folder, precision=one).probabilities(texts) for one in ("int8", "f32")))
    if found[0] > CHANGE_BAR or found[1] > FLIP_BAR:
        for file in (path, path.with_suffix(".bin")):
            file.unlink()
    return found


def export_onnx(reader: Reader, temperatures: dict[str, float], path: Path) -> None:
    """The same graph as one ONNX file in f32, for machines without OpenVINO (onnxruntime runs it): ids, mask (batch, length) int64 in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    axes = {name: {0: "batch", 1: "length"} for name in INPUTS} | {name: {0: "batch"} for name in HEADS}
    torch.onnx.export(
        _Probabilities(reader, temperatures), pad(EXAMPLE), path, input_names=list(INPUTS), output_names=list(HEADS), dynamic_axes=axes,
        dynamo=False, opset_version=17,
    )  # fmt: skip
