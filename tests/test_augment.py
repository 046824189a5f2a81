"""Variation of training texts: what must not matter changes, what the label rests on stays."""

from pathlib import Path

import numpy as np
import pytest

from models.behaviour_texts import HOSPITALS
from models.classifier.augment import NAME, augment

TEXTS = ["在宁波市第一医院看病，医生很好", "岚湖市第一人民医院回应患儿死亡", "今天天气不错"] * 40


def test_the_same_generator_gives_the_same_texts() -> None:
    once, twice = (augment(TEXTS, np.random.default_rng(5)) for _ in range(2))
    assert once == twice
    assert len(once) == len(TEXTS)
    assert once != TEXTS


def test_nothing_is_varied_at_share_zero_and_all_that_can_be_at_one() -> None:
    assert augment(TEXTS, np.random.default_rng(1), 0.0) == TEXTS
    varied = augment(TEXTS, np.random.default_rng(1), 1.0)
    assert all(a != b for a, b in zip(TEXTS, varied, strict=True))
    assert not any("宁波市第一医院" in text or "岚湖" in text for text in varied)


@pytest.mark.parametrize("kept", ["看病，医生很好", "回应患儿死亡", "今天天气不错"])
def test_what_the_label_rests_on_stays(kept: str) -> None:
    pairs = zip(TEXTS, augment(TEXTS, np.random.default_rng(2), 1.0), strict=True)
    assert all(kept in varied for text, varied in pairs if kept in text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("昨天去宁波大学附属妇女儿童医院看病", ["宁波大学附属妇女儿童医院"]),
        ("上海市第六人民医院和武汉协和医院", ["上海市第六人民医院", "武汉协和医院"]),
        ("宁波通报患儿手术后离世医院回应", []),  # a place and the word alone are no name
        ("这家医院太差了", []),
    ],
)
def test_a_name_is_a_place_and_a_kind(text: str, found: list[str]) -> None:
    assert [name[0] for name in NAME.finditer(text)] == found


@pytest.mark.parametrize("hospital", HOSPITALS)
def test_every_made_up_hospital_is_found_whole(hospital: str) -> None:
    assert NAME.fullmatch(hospital)


def test_no_training_library_is_needed() -> None:
    source = Path(augment.__code__.co_filename).read_text(encoding="utf-8")
    assert "torch" not in source
