"""Transfer tasks on constructed sets and a toy encoder: what may be learned from, what is learned, and that a run can be left."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="training is an extra")

from safetensors.torch import save_file  # noqa: E402

from models import judge  # noqa: E402
from models.classifier import datasets  # noqa: E402
from models.classifier.bench_transfer import bench  # noqa: E402
from models.classifier.checkpoints import load  # noqa: E402
from models.classifier.network import Encoder, Shape  # noqa: E402
from models.classifier.tasks import TASKS, rows  # noqa: E402
from models.classifier.transfer import Recipe, Tagger, by_depth, gold, learn, linear, tag  # noqa: E402
from models.classifier.vocabulary import Vocabulary  # noqa: E402

SHAPE = Shape(layers=2, width=64, ngram_buckets=97, ngram_width=8)
GOOD, BAD = "味道很好送得快", "难吃又慢退钱"
SMP, HOTEL, WAIMAI, WEIBO = TASKS
LABEL = {"1": GOOD, "0": BAD}


def reviews(prefix: str, n: int) -> list[dict[str, str]]:
    return [{"text": f"{prefix}{i}号{LABEL[str(i % 2)]}", "label": str(i % 2)} for i in range(n)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file the tasks read, a few rows each, with the overlaps that the real ones have."""
    root = tmp_path_factory.mktemp("data")
    (root / "sentiment").mkdir()
    (root / "text").mkdir()
    sets = {name: reviews(name, 120) for name in ("chnsenticorp_hotel", "waimai_10k", "weibo2018_train")}
    sets["weibo2018_test"] = reviews("t", 20)
    sets["weibo2018_train"] += sets["weibo2018_test"][:5] + sets["weibo2018_train"][:7]  # leaked, and repeated
    for name, n in (("smp2020_train", 90), ("smp2020_usual_eval", 12), ("smp2020_usual_test", 18)):
        sets[name] = [{"text": f"{name}{i}{SMP.labels[i % 6] * 3}", "label": SMP.labels[i % 6]} for i in range(n)]
    sets["smp2020_train"] += sets["smp2020_usual_test"]  # surprise among them, which datasets.py has no polarity for
    for name, lines in sets.items():
        pl.DataFrame(lines).write_csv(root / f"sentiment/{name}.csv")
    label = {"relevant": "1", "sentiment": "neg", "category": "other"}
    pl.DataFrame([{"title": "某条热搜", "first_seen_at": "2025-02-01", **label}]).write_csv(root / "text/hot_titles_labeled.csv")
    pl.DataFrame([{"text": "某条帖子", "source": "s", "kind": "post", **label}]).write_csv(root / "text/posts_labeled.csv")
    return root


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    vocabulary = Vocabulary.learn([GOOD, BAD, *SMP.labels], size=80, floor=1)
    vocabulary.save(folder / "vocabulary.txt")
    (folder / "shape.json").write_text(json.dumps(asdict(SHAPE)))
    torch.manual_seed(3)
    encoder = Encoder.embedded(SHAPE, len(vocabulary))
    save_file({f"encoder.{name}": value.clone() for name, value in encoder.state_dict().items()}, folder / "weights.safetensors")
    return folder


def keys(frame: pl.DataFrame, split: str) -> set[str]:
    return {datasets.key(text) for text in frame.filter(split=split)["text"]}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_held_out_text_is_learned_from(task, data: Path) -> None:  # type: ignore[no-untyped-def]
    first = rows(task, data, set())
    elsewhere = min(keys(first, "train"))  # as if another set held this one out
    frame = rows(task, data, {elsewhere})
    train = keys(frame, "train")
    assert train
    assert not train & (keys(frame, "test") | keys(frame, "validation") | {elsewhere})
    assert len(train) == frame.filter(split="train").height, "repeats count once"
    assert keys(frame, "validation")
    assert not keys(frame, "validation") & keys(frame, "test")
    assert frame.filter(split="test").equals(first.filter(split="test")), "what is banned from training never changes the test"
    assert set(frame["label"]) == set(task.labels)


def test_the_head_learns_fastest_and_every_parameter_once(checkpoint: Path) -> None:
    encoder, _, _ = load(str(checkpoint))
    tagger = Tagger(encoder, 2, 0.1)
    groups = by_depth(tagger, Recipe(rate=1.0, decay=0.5))
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(rates) == len(list(tagger.parameters()))
    assert rates[id(tagger.head.weight)] == 1.0
    assert rates[id(encoder.bert.encoder.layer[1].output.dense.weight)] == 0.5
    assert rates[id(encoder.bert.encoder.layer[0].output.dense.weight)] == 0.25
    assert rates[id(encoder.bert.embeddings.word_embeddings.weight)] == rates[id(encoder.memory.pairs.weight)] == 0.125


def test_a_task_is_learned_and_the_best_epoch_kept(checkpoint: Path) -> None:
    frame = pl.DataFrame(
        {
            "text": [GOOD * (i % 3 + 1) if i % 2 else BAD * (i % 3 + 1) for i in range(80)],
            "label": ["positive" if i % 2 else "negative" for i in range(80)],
        }
    )
    encoder, vocabulary, _ = load(str(checkpoint), 0.0)
    tagger, reached = learn(frame, frame, WAIMAI.labels, encoder, vocabulary, Recipe(epochs=6, rate=5e-3, batch_n=16), "toy")
    said = tag(tagger, frame["text"].to_list(), WAIMAI.labels, vocabulary)
    assert judge.macro_f1(gold(frame), said) == pytest.approx(reached)
    assert reached > 0.95
    assert (linear(frame, frame) == gold(frame)).all()


def test_a_run_goes_on_where_it_was_left_until_the_weights_change(data: Path, checkpoint: Path, tmp_path: Path) -> None:
    cache = tmp_path / "transfer.json"
    figures = bench(data, False, str(checkpoint), cache)
    assert {name.split("/")[0] for name in figures} == {task.name for task in TASKS}
    assert all("SHORT RUN" in figure["how"] and figure["met"] is None for figure in figures.values())
    known = json.loads(cache.read_text())
    assert len(known) == len(TASKS)
    for found in known.values():
        found["encoder"]["accuracy"] = 0.123  # a mark that only what was kept can bear
    cache.write_text(json.dumps(known))
    again = bench(data, False, str(checkpoint), cache)
    assert {figure["value"] for name, figure in again.items() if name.endswith("accuracy")} == {0.123}
    assert 0.123 not in {f["value"] for f in bench(data, False, str(checkpoint), cache, Recipe(seed=8)).values()}


def test_full_figures_carry_their_bar(data: Path, checkpoint: Path, tmp_path: Path) -> None:
    figures = bench(data, True, str(checkpoint), tmp_path / "transfer.json")
    assert figures["smp2020_usual/macro_f1"]["bar"] == 0.74
    assert "0.739" in figures["smp2020_usual/macro_f1"]["how"]
    for task in (HOTEL, WAIMAI, WEIBO):
        decides = figures[f"{task.name}/accuracy"]
        assert decides["met"] is bool(np.round(decides["value"], 4) >= decides["bar"])
        assert f"LogReg {decides['bar']:.4f}" in decides["how"]
