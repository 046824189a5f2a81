"""Encoders by name: ours, any Chinese BERT as transformers saves it, and names that lead nowhere."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training is an extra")
transformers = pytest.importorskip("transformers", reason="training is an extra")

from models.classifier.checkpoints import load  # noqa: E402
from models.classifier.masked_lm import MaskedLanguageModel  # noqa: E402
from models.classifier.network import Encoder, Reader, Shape, pad  # noqa: E402
from models.classifier.pretrain import Plan, optimizers, save  # noqa: E402
from models.classifier.vocabulary import SPECIAL, UNK, Vocabulary  # noqa: E402
from warehouse.settings import ConfigProblem  # noqa: E402

PIECES = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "医", "##医", "院", "好", "hello", "差", "。"]


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder as `save_pretrained` leaves it, with its own order of pieces."""
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(PIECES),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=300,
    )
    transformers.BertModel(config).save_pretrained(tmp_path / "bert")
    (tmp_path / "bert" / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return tmp_path / "bert"


def test_a_foreign_bert_says_the_same_in_our_vocabulary(foreign: Path) -> None:
    encoder, vocabulary, origin = load(str(foreign), dropout=0.0)
    assert vocabulary.tokens[: len(SPECIAL)] == SPECIAL
    assert {"医", "院", "好", "差"} <= set(vocabulary.tokens)
    assert not {"##医", "hello", "[unused1]"} & set(vocabulary.tokens)
    assert origin["layers"] == 2
    theirs = transformers.BertModel.from_pretrained(foreign).eval()
    with torch.inference_mode():
        expected = theirs(torch.tensor([[PIECES.index(piece) for piece in ("[CLS]", "医", "院", "好", "[SEP]")]])).last_hidden_state
        ids = torch.tensor([[vocabulary.ids[piece] for piece in ("[CLS]", "医", "院", "好", "[SEP]")]])
        found = encoder.eval()(ids, torch.ones_like(ids))
    assert torch.allclose(found, expected, atol=1e-5)


def test_handles_and_links_start_as_unknown(foreign: Path) -> None:
    encoder, vocabulary, _ = load(str(foreign), dropout=0.0)
    vectors = encoder.bert.embeddings.word_embeddings.weight
    assert torch.equal(vectors[vocabulary.ids["[USER]"]], vectors[UNK])


def test_a_foreign_bert_learns_and_reads(foreign: Path) -> None:
    encoder, vocabulary, _ = load(str(foreign), dropout=0.0)
    reader = Reader(encoder, 0.0)
    heads = reader(*pad([vocabulary.encode("医院好"), vocabulary.encode("医院差。")]))
    heads[1].sum().backward()
    assert [head.shape[1] for head in heads] == [2, 3, 9]
    assert encoder.bert.embeddings.word_embeddings.weight.grad.abs().sum() > 0


def test_our_own_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    shape = Shape(layers=1, width=64, ngram_buckets=97, ngram_width=8)
    model = MaskedLanguageModel(shape, 12)
    Vocabulary([*SPECIAL, *"医院好差。"]).save(tmp_path / "vocabulary.txt")
    (tmp_path / "shape.json").write_text('{"layers": 1, "width": 64, "ngram_buckets": 97, "ngram_width": 8}')
    save(tmp_path, model, optimizers(model, Plan(1)), {"tokens": 1.0, "steps": 1.0})
    encoder, vocabulary, origin = load(str(tmp_path), dropout=0.0)
    assert isinstance(encoder, Encoder)
    assert (len(vocabulary), origin["ngram_width"]) == (12, 8)
    ids = torch.tensor([[2, 7, 8, 9, 3]])
    with torch.inference_mode():
        assert np.allclose(encoder.eval()(ids), model.encoder.eval()(ids), atol=2e-2)  # half precision on the way


def test_n_grams_do_not_see_past_a_text(tmp_path: Path) -> None:
    reader = Reader(Encoder.embedded(Shape(1, 64, 97, 8), 12), 0.0).eval()
    with torch.inference_mode():
        alone = reader(*pad([[2, 7, 8, 3]]))
        beside = reader(*pad([[2, 7, 8, 3], [2, 9, 9, 9, 9, 9, 3]]))
    assert all(torch.allclose(a[0], b[0], atol=1e-5) for a, b in zip(alone, beside, strict=True))


@pytest.mark.parametrize("kind", ["nowhere", "empty", "gpt2"])
def test_what_is_no_bert_is_one_line(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / kind
    if kind != "nowhere":
        folder.mkdir()
    if kind == "gpt2":
        (folder / "config.json").write_text('{"model_type": "gpt2"}')
        (folder / "vocab.txt").write_text("\n".join(PIECES))
    with pytest.raises(ConfigProblem, match="checkpoint"):
        load(str(folder), dropout=0.0)
