"""Text preparation and vocabulary: what training and scoring both stand on."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.classifier.vocabulary import CLS, SPECIAL, UNK, Vocabulary
from models.text import canonical, pieces, prepare


@pytest.mark.parametrize(
    ("raw", "prepared"),
    [
        ("ＡＢＣ１２３，（）", "abc123,()"),
        ("看病难\u200b\ue627 太难", "看病难 太难"),
        ("见 https://t.cn/A6PqoMKY?x=1 谢谢", "见 [URL] 谢谢"),
        ("//@某某某:转发", "//[USER]:转发"),
        ("哈哈哈哈哈哈", "哈哈哈"),
        ("[泪][泪]", "[泪][泪]"),
        ("", ""),
    ],
)
def test_prepare(raw: str, prepared: str) -> None:
    assert prepare(raw) == prepared


@pytest.mark.parametrize(
    ("raw", "fed"),
    [
        ("醫生隱瞞病情，護士態度惡劣", "医生隐瞒病情，护士态度恶劣"),
        ("医生隐瞒病情", "医生隐瞒病情"),
        ("//@某某:转发 http://t.cn/A6PqoMKY", "//:转发 "),
        ("乾隆著名", "干隆著名"),  # character by character: what a phrase would say is not asked
    ],
)
def test_canonical(raw: str, fed: str) -> None:
    assert canonical(raw).replace(",", "，") == fed


@given(st.text())
def test_prepare_twice_is_prepare_once_in_pieces(text: str) -> None:
    once = prepare(text)
    assert "\u200b" not in once
    assert all(not piece.isspace() for piece in pieces(once))


def vocabulary() -> Vocabulary:
    return Vocabulary([*SPECIAL, "[泪]", "医", "院", "生", "["])


def test_codes_are_one_token_or_their_characters() -> None:
    v = vocabulary()
    assert v.encode("医院[泪]") == [v.ids["医"], v.ids["院"], v.ids["[泪]"]]
    assert v.encode("[医生]") == [v.ids["["], v.ids["医"], v.ids["生"], UNK]
    assert v.unknown_share("医火") == 0.5


def test_a_long_text_keeps_head_and_tail() -> None:
    v = vocabulary()
    ids = v.encode("医" * 3 + "院生" * 40 + "[泪]", limit=8)
    assert len(ids) == 8
    assert ids[0] == v.ids["医"]
    assert ids[-1] == v.ids["[泪]"]


def test_a_vocabulary_comes_back_as_it_was(tmp_path: Path) -> None:
    learned = Vocabulary.learn(["医院医院[泪]", "医生"], size=100, floor=1)
    learned.save(tmp_path / "v.txt")
    assert Vocabulary.load(tmp_path / "v.txt").tokens == learned.tokens
    assert learned.tokens[len(SPECIAL)] == "医"
    assert learned.ids["[CLS]"] == CLS


def test_a_file_that_is_no_vocabulary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("a\nb", encoding="utf-8")
    with pytest.raises(ValueError, match="starts with"):
        Vocabulary.load(tmp_path / "v.txt")
