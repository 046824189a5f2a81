"""What must not turn a reading, and what must not turn it the wrong way: the measure on readers that are known to be right or wrong,
then the shipped classifier on constructed texts (and, where ../shared is, on real ones)."""

from __future__ import annotations

import re

import numpy as np
import pytest

from models.behaviour import DIRECTIONS, INVARIANCE, Direction, Heads, constructed, decisions, flips, renamed, traditional, wrong_way
from models.behaviour_texts import HOSPITALS, TEXTS
from models.classifier.score import Classifier
from warehouse.settings import PROJECT
from warehouse.vocabulary import CATEGORIES

DATA = PROJECT.parent / "shared" / "data"

# Shares of texts that may flip (any of three decisions). The bars of `guanchao bench behaviour` are 0.03 and 0.05 (real); a line above its
# bar is what the shipped weights reach, and comes down with the next ones: never up.
LINES = {"hospital name": 0.25, "emoji": 0.10, "traditional script": 0.0, "full width": 0.0, "mention": 0.0, "link": 0.0}
REAL_LINES = {"hospital name": 0.15, "emoji": 0.12, "traditional script": 0.02, "full width": 0.0, "mention": 0.0, "link": 0.0}
WRONG_WAY_LINE = 0.03


def reader_of(negative: str) -> object:
    """Reads as negative what matches `negative`, everything as relevant and safety."""

    def read(texts: list[str]) -> Heads:
        hit = np.array([bool(re.search(negative, text)) for text in texts], dtype=np.float32)
        n = len(texts)
        sentiment = np.stack([hit, np.zeros(n), 1 - hit], axis=1)
        category = np.zeros((n, len(CATEGORIES)))
        category[:, 0] = 1
        return [np.tile([0.0, 1.0], (n, 1)), sentiment, category]

    return read


def test_the_texts_are_many_even_and_each_once() -> None:
    texts = constructed()
    assert len(texts) == len(set(texts)) >= 60
    assert set(TEXTS) == set(CATEGORIES)
    assert {len(group) for group in TEXTS.values()} == {8}
    assert all(any(name in text for name in HOSPITALS) for text in texts)


@pytest.mark.parametrize("name", INVARIANCE)
def test_each_change_changes_texts_and_keeps_a_steady_reader(name: str) -> None:
    changed = [INVARIANCE[name](text) != text for text in constructed()]
    assert np.mean(changed) > (0.1 if name == "full width" else 0.9)
    assert not flips(reader_of("."), constructed(), INVARIANCE[name]).any()  # type: ignore[arg-type]


def test_a_reader_that_goes_by_the_name_is_caught() -> None:
    turned = flips(reader_of("望川"), constructed(), renamed)  # type: ignore[arg-type]
    assert turned[:, 1].mean() > 0.3
    assert not turned[:, [0, 2]].any()


def test_a_reader_of_simplified_script_alone_is_caught() -> None:
    assert traditional("医生误诊") == "醫生誤診"
    assert flips(reader_of("医"), constructed(), traditional)[:, 1].all()  # type: ignore[arg-type]


def test_what_nobody_reads_cannot_flip() -> None:
    """Sentiment and category of an irrelevant text are not shown to anyone."""
    relevant = np.array([[0.9, 0.1], [0.1, 0.9]])
    heads = [relevant, np.eye(3)[:2], np.eye(9)[:2]]
    assert decisions(heads).tolist() == [[0, -1, -1], [1, 1, 1]]  # type: ignore[arg-type]


def test_a_reader_that_likes_deaths_is_caught() -> None:
    direction = Direction("医生误诊致死。", "positive")
    assert not wrong_way(reader_of("误诊"), constructed(), direction).any()  # type: ignore[arg-type]
    assert wrong_way(reader_of("^(?!.*致死).*$"), constructed(), direction).all()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


@pytest.mark.parametrize("name", INVARIANCE)
def test_shipped_decisions_hold(classifier: Classifier, name: str) -> None:
    turned = flips(classifier.probabilities, constructed(), INVARIANCE[name])
    assert turned.any(1).mean() <= LINES[name], [text for text, flipped in zip(constructed(), turned.any(1), strict=True) if flipped]


@pytest.mark.parametrize("name", DIRECTIONS)
def test_shipped_probabilities_move_the_right_way(classifier: Classifier, name: str) -> None:
    wrong = wrong_way(classifier.probabilities, constructed(), DIRECTIONS[name])
    assert wrong.mean() <= WRONG_WAY_LINE, [text for text, is_wrong in zip(constructed(), wrong, strict=True) if is_wrong]


@pytest.mark.real
@pytest.mark.skipif(not (DATA / "text").is_dir(), reason="../shared/data is not here")
@pytest.mark.parametrize("name", INVARIANCE)
def test_shipped_decisions_hold_on_real_texts(classifier: Classifier, name: str) -> None:
    from models.classifier import datasets

    posts = datasets.posts(DATA).filter(split="validation", relevant=1).sort("text")["text"].to_list()[::3]
    touched = [text for text in posts if INVARIANCE[name](text) != text]
    assert flips(classifier.probabilities, touched, INVARIANCE[name]).any(1).mean() <= REAL_LINES[name]
