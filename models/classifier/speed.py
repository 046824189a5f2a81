"""How fast, how true and how small the engine is: figures of `guanchao bench text`, every rival in the same run, two threads each."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from models.classifier.precision import CHANGE_BAR, FLIP_BAR, strays
from models.classifier.score import LIMIT, SHIPPED, Classifier, encode, fastest
from warehouse.settings import ConfigProblem

THREADS = 2
PIPELINE_BAR, SNOWNLP_BAR, MATMUL_BAR, START_BAR, MEMORY_BAR = 60, 4, 0.45, 3.0, 1.5  # issue 3: ×, ×, share, s, GiB
TRUTH_N = 1_000  # texts on which precisions are compared
START = """
import time; began = time.perf_counter()
import resource, sys
from pathlib import Path
from models.classifier.score import Classifier
classifier = Classifier.load(Path(sys.argv[1]), 2, sys.argv[2])
classifier.probabilities(["医院排队太久，态度差"])
ready = time.perf_counter() - began
assert "torch" not in sys.modules
classifier.probabilities(Path(sys.argv[3]).read_text(encoding="utf-8").split("\\0"))
print(ready, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""

Figures = dict[str, dict[str, Any]]


def speed(data: Path, full: bool = False, model: Path = SHIPPED) -> Figures:
    """Figures of the shipped model on real texts of `data`; `full` takes more of them, and BERT-base through our own engine."""
    texts = real_texts(data, 3_000 if full else 1_500)
    chosen = fastest(model)
    return {
        **truth(model, chosen, texts[: 3 * TRUTH_N if full else TRUTH_N]),
        **start(model, chosen, texts),
        **rivals(model, chosen, texts, 5 if full else 3, full),
    }


def real_texts(data: Path, n: int) -> list[str]:
    """Posts and headlines, three to one, spread over the files; ConfigProblem without them."""
    posts, titles = data / "text" / "hospital_posts.parquet", data / "text" / "hot_titles_labeled.csv"
    for path in (posts, titles):
        if not path.exists():
            raise ConfigProblem(f"{path}: is missing; the speed figures are of real texts (--data)")
    long, short = pl.read_parquet(posts)["text"].to_list(), pl.read_csv(titles, infer_schema_length=0)["title"].to_list()
    return long[:: len(long) // (n * 3 // 4)][: n * 3 // 4] + short[:: len(short) // (n // 4)][: n // 4]


def truth(model: Path, chosen: str, texts: list[str]) -> Figures:
    """The fast precision against f32 on the same texts."""
    change, flips = strays(*(Classifier.load(model, THREADS, one).probabilities(texts) for one in (chosen, "f32")))
    how = f"{chosen} against f32, {len(texts)} real texts, all heads"
    return {
        "precision/max_change": _figure(change, "", CHANGE_BAR, change <= CHANGE_BAR, how),
        "precision/flips": _figure(flips, "", FLIP_BAR, flips <= FLIP_BAR, how + ", the worst head"),
    }


def start(model: Path, chosen: str, texts: list[str]) -> Figures:
    """A fresh process: until the first answer, and the most memory it ever held. It fails where torch was imported."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write("\0".join(texts))
        file.flush()
        run = [sys.executable, "-c", START, str(model.resolve()), chosen, file.name]
        said = [list(map(float, subprocess.run(run, capture_output=True, text=True, check=True).stdout.split())) for _ in range(3)]
    seconds, memory = min(one[0] for one in said), max(one[1] for one in said)
    return {
        "start_seconds": _figure(seconds, "s", START_BAR, seconds <= START_BAR, "import, load, first answer; fresh process, best of 3"),
        "memory_gib": _figure(memory, "GiB", MEMORY_BAR, memory <= MEMORY_BAR, f"peak of that process over {len(texts)} texts"),
    }


def rivals(model: Path, chosen: str, texts: list[str], rounds: int, full: bool) -> Figures:
    """Posts a second, ours and theirs in turn; the ratios are medians over rounds, so that other load on the machine strikes both."""
    from models.classifier.rivals import base_engine, bf16_matmul, pipeline, snownlp

    classifier = Classifier.load(model, THREADS, chosen)
    few, some = texts[:: len(texts) // (60 if full else 12)], texts[:: len(texts) // (400 if full else 100)]
    runs: dict[str, tuple[Callable[[list[str]], object], list[str]]] = {
        "ours": (classifier.probabilities, texts),
        "pipeline": (pipeline(classifier.vocabulary, THREADS), few),
        "snownlp": (snownlp(), some),
    }
    with tempfile.TemporaryDirectory() as folder:
        if full:
            runs["base"] = (base_engine(classifier.vocabulary, texts, Path(folder), THREADS).probabilities, some)
        for read, own in runs.values():
            read(own)  # compiled and warm
        limits, rates = [], []
        for _ in range(rounds):
            rates.append({name: len(own) / _seconds(read, own) for name, (read, own) in runs.items()})
            limits.append(bf16_matmul(THREADS))
    shape = json.loads((model / "card.json").read_text(encoding="utf-8"))
    flops = sum(flops_of(len(encode(classifier.vocabulary, text)), shape.get("encoder") or shape["shape"]) for text in texts) / len(texts)
    ours = statistics.median(rate["ours"] for rate in rates)
    to_pipeline = statistics.median(rate["ours"] / rate["pipeline"] for rate in rates)
    to_snownlp = statistics.median(rate["ours"] / rate["snownlp"] for rate in rates)
    share = statistics.median(rate["ours"] * flops / limit for rate, limit in zip(rates, limits, strict=True))
    theirs = f"{statistics.median(rate['pipeline'] for rate in rates):.1f} posts/s"
    how = f"median of {rounds} turns, {THREADS} threads, tokenisation included"
    out = {
        "posts_per_second": _figure(ours, "posts/s", None, None, f"{chosen}, {how}"),
        "times_pipeline_on_bert_base": _figure(
            to_pipeline, "×", PIPELINE_BAR, to_pipeline >= PIPELINE_BAR,
            f"shipped model : transformers.pipeline, batch 1, random BERT-base ({theirs}, at most {LIMIT + 2} pieces); {how}",
        ),
        "times_snownlp": _figure(
            to_snownlp, "×", SNOWNLP_BAR, to_snownlp >= SNOWNLP_BAR, f"shipped model : SnowNLP(text).sentiments; {how}"
        ),
        "share_of_matmul_limit": _figure(
            share, "", MATMUL_BAR, share >= MATMUL_BAR,
            f"{flops / 1e9:.2f} GFLOP a text (padding and tokenisation are no work) of {statistics.median(limits) / 1e9:.0f} GFLOP/s, "
            "a 2048³ bf16 product in the same run",
        ),
    }  # fmt: skip
    if full:
        same = statistics.median(rate["base"] / rate["pipeline"] for rate in rates)
        out["times_pipeline_same_shape"] = _figure(same, "×", None, None, f"BERT-base in int8 in our engine : the same pipeline; {how}")
    return out


def flops_of(length: int, shape: dict[str, Any]) -> float:
    """Multiplications and additions of a forward pass over `length` ids: 24 w² a layer and token, 4 w a pair of tokens."""
    width, layers = shape["width"], shape["layers"]
    return float(layers * (24 * width**2 * length + 4 * width * length**2) + 6 * shape.get("ngram_width", 0) * width * length)


def _seconds(read: Callable[[list[str]], object], texts: list[str]) -> float:
    began = time.perf_counter()
    read(texts)
    return time.perf_counter() - began


def _figure(value: float, unit: str, bar: float | None, met: bool | None, how: str) -> dict[str, Any]:
    return {"value": round(value, 4), "unit": unit, "bar": bar, "met": met, "how": how}
