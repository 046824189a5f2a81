"""What is shipped: whole, small, loadable without training libraries, and minimally right about plain sentences (constructed)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.classifier.score import SHIPPED, Classifier, read_as
from warehouse.settings import PROJECT
from warehouse.vocabulary import CATEGORIES, SENTIMENTS

WEIGHTS = PROJECT / "models" / "weights"
LIMIT = 25_000_000  # bytes a file: a shape in one arithmetic


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


def test_every_file_is_as_sealed() -> None:
    lines = (WEIGHTS / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sealed = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    files = {str(path.relative_to(WEIGHTS)) for path in WEIGHTS.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert files == set(sealed)
    for path, digest in sealed.items():
        assert hashlib.sha256((WEIGHTS / path).read_bytes()).hexdigest() == digest, path


def test_every_file_is_small() -> None:
    assert [path for path in WEIGHTS.rglob("*") if path.is_file() and path.stat().st_size > LIMIT] == []


def test_the_road_scores_and_forecasts_without_training_libraries() -> None:
    """As after `make run` on a fresh machine: none of them is installed there."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('torch', 'transformers', 'mlflow', 'sklearn', 'rjieba', 'safetensors')));"
        "from models.classifier.score import Classifier; print(len(Classifier.load().probabilities(['医院'])));"
        "from models.escalation.model import Forecaster; Forecaster.load()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "3"


def read(classifier: Classifier, text: str) -> tuple[float, str, str]:
    relevant, sentiment, category = classifier.probabilities([read_as(None, text)])
    return float(relevant[0, 1]), list(SENTIMENTS)[int(sentiment[0].argmax())], list(CATEGORIES)[int(category[0].argmax())]


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        ("孩子手术后去世，医院至今没有给家属一个说法，医生隐瞒病情", "negative"),
        ("挂号排队两个小时，医生态度恶劣，这家医院太差了", "negative"),
        ("感谢医院的医生护士救了我母亲的命，医术高超，态度和蔼", "positive"),
    ],
)
def test_plain_sentences_are_read_right(classifier: Classifier, text: str, sentiment: str) -> None:
    relevant_p, said, _ = read(classifier, text)
    assert relevant_p >= 0.5
    assert said == sentiment


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("医院回应患儿手术后死亡:已成立调查组", "safety"),
        ("感谢医护人员,你们辛苦了,致敬白衣天使", "praise"),
        ("患者家属殴打急诊医生被警方行拘", "conflict"),
        ("医院乱收费,住院一天收了三天的护理费", "price"),
    ],
)
def test_plain_categories(classifier: Classifier, text: str, category: str) -> None:
    assert read(classifier, text)[2] == category


def test_the_hospitals_name_does_not_decide(classifier: Classifier) -> None:
    """Swapping the (fictional) hospital must not turn relevance or sentiment: invariance. How often it turns a category, which it should
    not either, is a figure (`guanchao bench behaviour`) with a line in tests/test_behaviour.py.
    """
    names = ("岚湖市第一人民医院", "望川市妇女儿童医院", "岚山市中医院")
    relevant, sentiment, _ = classifier.probabilities([read_as(None, f"{name}的医生误诊，把病人害惨了") for name in names])
    for head in (relevant, sentiment):
        assert len(set(head.argmax(1))) == 1
        assert float(np.ptp(head, axis=0).max()) < 0.3


def test_a_death_does_not_make_it_milder(classifier: Classifier) -> None:
    """Adding that the patient died must not lower the chance that the text is negative: direction."""
    _, milder, _ = classifier.probabilities(["医院误诊,病人家属要求说法"])
    _, worse, _ = classifier.probabilities(["医院误诊,病人死亡,家属要求说法"])
    assert worse[0, 0] >= milder[0, 0] - 0.05


def test_card_tells_where_it_came_from() -> None:
    card = (Path(SHIPPED) / "card.json").read_text(encoding="utf-8")
    for word in ("recipe", "temperatures", "test", "linear_baseline"):
        assert word in card
