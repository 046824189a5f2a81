"""Which words moved a reading: found by leaving them out, placed in the text as it was written, within a budget."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from models.classifier.explain import BUDGET, KEPT, PARTS, explain, moving
from models.classifier.score import LIMIT, Classifier
from models.classifier.words import WORDS, learn, words
from warehouse.settings import PROJECT
from warehouse.store import Warehouse
from warehouse.vocabulary import READINGS

DATA = PROJECT.parent / "shared" / "data"
NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)


class Toy:
    """A reading that is known, as far into a text as a model reads: 医院 makes it relevant, 去世 and 误诊 negative and about safety."""

    def __init__(self) -> None:
        self.characters = 0

    def __call__(self, texts: list[str]) -> list[NDArray[np.float32]]:
        self.characters += sum(map(len, texts))
        heads: list[list[list[float]]] = [[], [], []]
        for text in texts:
            if len(text) > LIMIT:
                text = text[: LIMIT * 3 // 4] + "\n" + text[-(LIMIT - LIMIT * 3 // 4) :]
            bad = 0.4 + 0.3 * ("去世" in text) + 0.2 * ("误诊" in text)
            near = 0.3 + 0.6 * ("医院" in text)
            heads[0].append([1 - near, near])
            heads[1].append([bad, 0.95 - bad, 0.05])
            heads[2].append([bad, *[(1 - bad) / 8] * 8])
        return [np.array(head, dtype=np.float32) for head in heads]


def heaviest(text: str, head: str) -> list[str]:
    return list(dict.fromkeys(one.word for one in moving(Toy(), [text])[0] if one.head == head))


# ── words ───────────────────────────────────────────────────────────────


def test_words_are_words_and_links_handles_and_codes_are_whole() -> None:
    text = "医生误诊,孩子去世了[泪]👍 @某某：看https://t.cn/A6x\n住院花了3.5万元"
    found = [text[start:end] for start, end in words(text)]
    for whole in ("医生", "误诊", "孩子", "去世", "[泪]", "👍", "@某某", "https://t.cn/A6x", "住院"):
        assert whole in found
    assert "了" not in found
    assert not set("".join(found)) & set(",：\n ")


def test_words_stand_in_order_and_never_overlap() -> None:
    text = "岚湖市妇女儿童医院　术后抢救无效！！家属质疑ＡＢＣ\u200b麻醉过程"
    spans = words(text)
    assert all(start < end for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert words("") == words("，。！ \n") == []


def test_words_are_learned_from_texts() -> None:
    pytest.importorskip("rjieba")
    assert learn(["医院的医生"] * 6 + ["患者"] * 2) == ["医生", "医院"]


# ── what moves a reading ────────────────────────────────────────────────


def test_the_word_that_decides_is_found_with_its_weight() -> None:
    found = moving(Toy(), ["听说医院昨天误诊，孩子去世，家属要说法"])[0]
    assert [(one.word, one.label, one.fall) for one in found if one.head == "relevant"] == [("医院", "relevant", pytest.approx(0.6))]
    negative = [(one.word, one.fall) for one in found if one.head == "sentiment"]
    assert negative == [("去世", pytest.approx(0.3)), ("误诊", pytest.approx(0.2))]
    assert {one.label for one in found if one.head == "category"} == {"safety"}


def test_a_word_said_twice_is_left_out_twice() -> None:
    text = "误诊！又是误诊！医院"
    assert [one.start for one in moving(Toy(), [text])[0] if one.word == "误诊" and one.head == "sentiment"] == [0, 5]


@pytest.mark.parametrize("text", ["", "！！！", "今天天气不错"])
def test_a_text_that_nothing_moves_has_no_words(text: str) -> None:
    assert moving(Toy(), [text])[0] == []


@pytest.mark.parametrize(
    "text",
    [
        "\n\n  孩子　在医院  去世",
        "@某某 https://t.cn/abc 医院误诊",
        "１２３医院\u200b！！！！！！！！孩子去世",
        "<b>医院</b><script>误诊</script>",
        "㎏㎏㎏医院ﷺﷺ去世",
    ],
)
def test_places_are_those_of_the_text_as_it_was_written(text: str) -> None:
    found = moving(Toy(), [text])[0]
    assert found
    assert all(text[one.start : one.start + len(one.word)] == one.word for one in found)


def test_a_long_text_is_searched_where_it_is_read_and_nowhere_else() -> None:
    filler = "今天天气很好我们出去走走。" * 60
    text = f"{filler[:100]}误诊{filler[:400]}去世{filler[:30]}医院{filler[:50]}"
    found = {one.word: one for one in moving(Toy(), [text])[0]}
    assert found["误诊"].start == 100
    assert found["医院"].start == text.index("医院")
    assert "去世" in text[LIMIT * 3 // 4 : -60]
    assert text[found["医院"].start :].startswith("医院")
    unread = f"医院{filler[:300]}去世{filler[:300]}"
    assert "去世" not in {one.word for one in moving(Toy(), [unread])[0]}


@pytest.mark.parametrize("length", [60, 120, 250, 5_000])
def test_the_cost_is_bounded(length: int) -> None:
    toy = Toy()
    text = "，".join(WORDS.read_text(encoding="utf-8").split("\n"))[:length]  # no word twice: the most there can be to leave out
    moving(toy, [text])
    assert toy.characters <= len(text) + BUDGET + (PARTS + 1 + KEPT) * min(length, LIMIT)


def test_texts_are_searched_together_as_alone() -> None:
    texts = ["医院误诊", "", "孩子去世" + "，我们去看看" * 80, "没有什么", "去世，在医院"]
    assert moving(Toy(), texts) == [moving(Toy(), [text])[0] for text in texts]
    assert moving(Toy(), []) == []


# ── rows ────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load()


def posts(*texts: tuple[str | None, str]) -> pl.DataFrame:
    rows = [{"post_id": f"p{n}", "title": title, "text": text, "first_seen_at": NOW} for n, (title, text) in enumerate(texts)]
    return pl.DataFrame(rows, schema_overrides={"title": pl.String})


TEXTS = (
    (None, "孩子手术后去世，医院至今没有给家属一个说法，医生隐瞒病情，太让人心寒了[怒]"),
    (" 三岁患儿术后抢救无效 ", "家属质疑医院的麻醉过程，要求封存病历。" * 6),
    ("感谢医生", "感谢医生护士救了我母亲的命，医术高超，态度和蔼"),
    ("只有标题的帖子说医院乱收费", ""),
)


def test_rows_fit_the_table_and_come_once(classifier: Classifier, tmp_path: Path) -> None:
    frame = posts(*TEXTS)
    rows = explain(classifier, frame)
    for row in rows.join(frame, on="post_id").iter_rows(named=True):
        assert row[row["part"]][row["start_n"] :].startswith(row["word"])
        assert row["label"] in READINGS[row["head"]]
    assert set(rows["post_id"]) == set(frame["post_id"])
    per_head = rows.group_by("post_id", "head").agg(pl.col("word").n_unique())
    assert per_head["word"].max() <= KEPT
    warehouse = Warehouse(tmp_path)
    assert warehouse.add("explanations", rows) == rows.height
    assert warehouse.add("explanations", explain(classifier, frame)) == 0
    assert warehouse.read("explanations", as_of=datetime(2026, 3, 9, tzinfo=UTC)).height == 0


def test_a_post_is_explained_the_same_alone_and_in_company(classifier: Classifier) -> None:
    together = explain(classifier, posts(*TEXTS))
    for n, one in enumerate(TEXTS):
        alone = explain(classifier, posts(*[("", "别的帖子，医院")] * n, one)).filter(pl.col("post_id") == f"p{n}")
        assert alone.equals(together.filter(pl.col("post_id") == f"p{n}"))


def test_the_label_is_what_the_score_says(classifier: Classifier) -> None:
    long = "医院乱收费，一天收了三天的护理费。" + "后来我们又去了别的地方看看风景，吃了很多好吃的东西。" * 30
    frame = posts(*TEXTS, (None, long))
    scores = classifier.score(frame)
    said = explain(classifier, frame).select("post_id", "head", "label").unique()
    for row in said.filter(pl.col("head") == "category").join(scores, on="post_id").iter_rows(named=True):
        assert row["label"] == row["category"]


def test_nothing_is_explained_of_nothing(classifier: Classifier, tmp_path: Path) -> None:
    assert Warehouse(tmp_path).add("explanations", explain(classifier, posts(*TEXTS).clear())) == 0


def test_it_needs_no_training_library() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('torch', 'transformers', 'mlflow', 'sklearn', 'rjieba', 'safetensors')));"
        "from models.classifier.explain import moving; from models.classifier.score import Classifier;"
        "print(len(moving(Classifier.load().probabilities, ['孩子手术后去世，医院隐瞒病情'])[0]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


# ── is it true? ─────────────────────────────────────────────────────────


def elsewhere(text: str, lengths: list[int], chance: random.Random) -> str:
    """The text without as many stretches of the same lengths, anywhere in it."""
    for length in lengths:
        start = chance.randrange(max(1, len(text) - length + 1))
        text = text[:start] + text[start + length :]
    return text


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "text").is_dir(), reason="../shared/data is not here")
def test_hiding_its_words_moves_the_reading_and_hiding_others_does_not(classifier: Classifier) -> None:
    """Comprehensiveness (DeYoung et al. 2020) on validation rows: the three words against stretches of the same lengths at random."""
    from models.classifier.datasets import labelled

    rows = labelled(DATA).filter(pl.col("split") == "validation", pl.col("relevant") == 1, pl.col("source") != "hot_titles")
    texts = [text for text in rows.sort("key")["text"] if 20 <= len(text) <= 250][:24]
    chance = random.Random(3)
    variants: list[str] = []
    for text, found in zip(texts, moving(classifier.probabilities, texts), strict=True):
        variants.append(text)
        for head in READINGS:
            spans = sorted({(one.start, one.start + len(one.word)) for one in found if one.head == head})
            hidden = text
            for start, end in reversed(spans):
                hidden = hidden[:start] + hidden[end:]
            variants += [hidden, *(elsewhere(text, [end - start for start, end in spans], chance) for _ in range(5))]
    means = {}
    for n, (head, read) in enumerate(zip(READINGS, classifier.probabilities(variants), strict=True)):
        by_text = read.reshape(len(texts), 1 + 6 * len(READINGS), -1)
        label = by_text[:, 0].argmax(1)
        chances = by_text[np.arange(len(texts)), :, label]
        falls = chances[:, :1] - chances[:, 1 + 6 * n : 7 + 6 * n]
        means[head] = float(falls[:, 0].mean()), float(falls[:, 1:].mean())
    print(len(texts), means)
    for ours, others in means.values():
        assert ours >= others + 0.05
        assert ours >= 2 * others
