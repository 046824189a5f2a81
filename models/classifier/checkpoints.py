"""A checkpoint by its name -> an encoder and its vocabulary: our own folder, a transformers folder, or a name of a model hub.

A foreign Chinese BERT (`hfl/chinese-macbert-base`, `hfl/rbt3`, `bert-base-chinese`, …) is re-dressed in our character vocabulary: its
single-character pieces keep their vectors, in our order, so that training, export and scoring are the same code for all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertModel

from models.classifier.network import Encoder
from models.classifier.pretrain import encoder_weights, shape_of
from models.classifier.vocabulary import SPECIAL, Vocabulary
from warehouse.settings import ConfigProblem

PRETRAINED = Path(__file__).resolve().parent.parent / "weights" / "pretrained"
EMBEDDED = "embedded"  # the name of the one we ship


def load(name: str, dropout: float = 0.1) -> tuple[Encoder, Vocabulary, dict[str, Any]]:
    """Encoder, vocabulary and what the card says of them; ConfigProblem if there is no such checkpoint or it is no BERT."""
    folder = PRETRAINED if name == EMBEDDED else Path(name)
    if (folder / "shape.json").exists():
        return _own(folder, dropout)
    return _foreign(name, dropout)


def _own(folder: Path, dropout: float) -> tuple[Encoder, Vocabulary, dict[str, Any]]:
    vocabulary, shape = Vocabulary.load(folder / "vocabulary.txt"), shape_of(folder)
    encoder = Encoder.embedded(shape, len(vocabulary), dropout)
    missing, unexpected = encoder.load_state_dict(encoder_weights(folder), strict=False)
    if missing or unexpected:
        raise ConfigProblem(f"{folder}: its weights do not fit its shape.json: {[*missing, *unexpected][:3]} …")
    return encoder, vocabulary, {"checkpoint": folder.name, "layers": shape.layers, "width": shape.width, "ngram_width": shape.ngram_width}


def _foreign(name: str, dropout: float) -> tuple[Encoder, Vocabulary, dict[str, Any]]:
    try:
        config = BertConfig.from_pretrained(name)
        pieces = _pieces(name)
        if config.model_type != "bert":
            raise ConfigProblem(f"checkpoint {name}: a {config.model_type}, not a BERT")
        config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
        config._attn_implementation = "eager"
        bert = BertModel.from_pretrained(name, config=config, add_pooling_layer=False)
    except (OSError, ValueError) as problem:
        said = str(problem).splitlines()[0]
        raise ConfigProblem(
            f"checkpoint {name}: not `{EMBEDDED}`, not a folder with config.json, vocab.txt and weights, not on a hub in reach: {said}"
        ) from problem
    tokens = SPECIAL + [piece for piece in pieces if len(piece) == 1]
    place = {piece: i for i, piece in enumerate(pieces)}
    rows = torch.tensor([place.get(token, place["[UNK]"]) for token in tokens])  # links and handles are ours, and start as [UNK]
    vectors = bert.embeddings.word_embeddings.weight[rows].detach().clone()
    bert.embeddings.word_embeddings = torch.nn.Embedding(len(tokens), vectors.shape[1], _weight=vectors)
    bert.config.vocab_size = len(tokens)
    origin = {"checkpoint": name, "layers": config.num_hidden_layers, "width": config.hidden_size, "ngram_width": 0}
    return Encoder(bert), Vocabulary(tokens), origin


def _pieces(name: str) -> list[str]:
    """The lines of a checkpoint's vocab.txt."""
    path = Path(name) / "vocab.txt"
    if not path.exists():
        from huggingface_hub import hf_hub_download

        path = Path(hf_hub_download(name, "vocab.txt"))
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
