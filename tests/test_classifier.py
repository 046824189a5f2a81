"""The classifier's code on a toy shape: masks, stages, export, and that what is exported is what was taught."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="training is an extra")

from models import judge  # noqa: E402
from models.classifier.checkpoints import load  # noqa: E402
from models.classifier.export import export  # noqa: E402
from models.classifier.finetune import UNKNOWN, Recipe, predict, targets, teach  # noqa: E402
from models.classifier.masked_lm import MASKED, batch, choose_masked  # noqa: E402
from models.classifier.network import HEADS, Shape  # noqa: E402
from models.classifier.pretrain import Plan, pretrain, rate_at  # noqa: E402
from models.classifier.score import BATCH_TOKENS, Classifier, NoChampion, batches, read_as  # noqa: E402
from models.classifier.vocabulary import CLS, MASK, Vocabulary  # noqa: E402

GOOD, BAD = "医生很好谢谢", "医院害死人了"


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of pretraining on constructed text: real code, toy size."""
    folder = tmp_path_factory.mktemp("pretrained")
    vocabulary = Vocabulary.learn([GOOD, BAD, "今天天气不错"], size=60, floor=1)
    vocabulary.save(folder / "vocabulary.txt")
    rng = np.random.default_rng(1)
    corpus = rng.integers(7, len(vocabulary), 5_000).astype(np.uint16) | np.where(rng.random(5_000) < 0.6, np.uint16(1 << 15), np.uint16(0))
    np.save(folder / "corpus.npy", corpus)
    progress = pretrain(
        folder / "corpus.npy", len(vocabulary), folder, Shape(layers=1, width=64), Plan(minutes=0.03, batch_n=4, compiled=False)
    )
    assert progress["steps"] > 0
    return folder


@pytest.fixture(scope="module")
def labelled() -> pl.DataFrame:
    rows = [
        {
            "text": text * 2 if i % 2 else text,
            "source": "constructed",
            "kind": "post",
            "relevant": 1,
            "sentiment": s,
            "category": c,
            "split": "train",
        }
        for text, s, c in ((GOOD, "positive", "praise"), (BAD, "negative", "safety"))
        for i in range(60)
    ]
    return pl.DataFrame(rows)


def test_whole_words_are_masked_together() -> None:
    rng = np.random.default_rng(3)
    starts = np.zeros((50, 128), bool)
    starts[:, 1::2] = True  # words of two pieces, none at position 0
    chosen = choose_masked(starts, rng)
    assert chosen.shape == (50, MASKED)
    assert (chosen > 0).all()
    whole = [len({(p - 1) // 2 for p in row}) for row in chosen]
    assert max(whole) <= MASKED // 2 + 1


def test_masked_ids_hide_most_targets(pretrained: Path) -> None:
    corpus = np.load(pretrained / "corpus.npy")
    ids, positions, wanted = batch(corpus, np.arange(8), 60, np.random.default_rng(0))
    assert (ids[:, 0] == CLS).all()
    shown = torch.gather(ids, 1, positions).reshape(-1)
    assert 0.7 < float((shown == MASK).float().mean()) < 0.9
    assert int(wanted.max()) < 60


def test_pretraining_goes_on_where_it_stopped(pretrained: Path) -> None:
    before = torch.load(pretrained / "state.pt", weights_only=True)["progress"]["steps"]
    again = pretrain(
        pretrained / "corpus.npy",
        len(Vocabulary.load(pretrained / "vocabulary.txt")),
        pretrained,
        Shape(1, 64),
        Plan(0.02, 4, compiled=False),
    )
    assert again["steps"] > before


def test_the_rate_rises_stays_and_falls() -> None:
    plan = Plan(minutes=10, rate=1.0, warmup_steps=10, decay_share=0.2)
    assert rate_at(plan, 0, 0.0) == pytest.approx(0.1)
    assert rate_at(plan, 100, 0.5) == 1.0
    assert rate_at(plan, 100, 0.9) == pytest.approx(0.5)


def test_a_head_learns_only_where_its_label_is_known() -> None:
    frame = pl.DataFrame({"relevant": [1, None], "sentiment": ["negative", "positive"], "category": ["safety", None]})
    assert targets(frame).tolist() == [[1, 0, 0], [UNKNOWN, 2, UNKNOWN]]


def test_what_is_exported_is_what_was_taught(pretrained: Path, labelled: pl.DataFrame, tmp_path: Path) -> None:
    encoder, vocabulary, _ = load(str(pretrained), dropout=0.0)
    reader = teach(labelled, [], encoder, vocabulary, Recipe(epochs=8, rate=3e-3, dropout=0.0), note=lambda _: None)
    export(reader, vocabulary, dict.fromkeys(HEADS, 1.0), {"name": "toy"}, tmp_path / "toy")
    classifier = Classifier.load(tmp_path / "toy")
    texts = [GOOD, BAD, GOOD + BAD]
    logits = predict(reader, texts, vocabulary)
    for taught, run in zip(logits, classifier.probabilities(texts), strict=True):
        assert np.abs(judge.softmax(taught.astype(float)) - run).max() < 0.01  # weights are stored in half precision
    now = datetime(2026, 3, 10, tzinfo=UTC)
    posts = pl.DataFrame({"post_id": ["b", "a"], "title": [None, "标题"], "text": [BAD, GOOD], "first_seen_at": [now, now]})
    scores = classifier.score(posts)
    assert scores["post_id"].to_list() == ["a", "b"]
    assert scores["category"].to_list() == ["praise", "safety"]
    assert classifier.score(posts.reverse()).equals(scores)
    assert classifier.score(posts.head(0)).height == 0


def test_no_champion_says_where_and_how(tmp_path: Path) -> None:
    with pytest.raises(NoChampion, match="guanchao train text"):
        Classifier.load(tmp_path)


def test_batches_hold_every_row_once_and_stay_small() -> None:
    lengths = [3, 200, 5, 5, 90] * 40
    found = batches(lengths)
    assert sorted(int(i) for rows in found for i in rows) == list(range(len(lengths)))
    assert all(len(rows) * max(lengths[i] for i in rows) <= BATCH_TOKENS for rows in found)


def test_a_title_is_not_read_twice() -> None:
    assert read_as("标题", "标题和正文") == "标题和正文"
    assert read_as("标题", "正文") == "标题。正文"
    assert read_as(None, "正文") == "正文"
    assert read_as("标题", "") == "标题"
