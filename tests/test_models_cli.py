"""A toy training to its end: judged, recorded in a real MLflow store, shipped whole, compared, rolled back; and `guanchao models`."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="training is an extra")
pytest.importorskip("mlflow", reason="training is an extra")

from safetensors.torch import save_file  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from flows.cli_models import models as verbs  # noqa: E402
from flows.terminal import print_report  # noqa: E402
from models import registry, versions  # noqa: E402
from models.classifier import datasets  # noqa: E402
from models.classifier import train as text  # noqa: E402
from models.classifier.finetune import Recipe  # noqa: E402
from models.classifier.network import Encoder, Shape  # noqa: E402
from models.classifier.score import Classifier  # noqa: E402
from models.classifier.vocabulary import Vocabulary  # noqa: E402
from models.provenance import manifest, seal  # noqa: E402
from models.shipping import ship  # noqa: E402
from warehouse.settings import ConfigProblem  # noqa: E402

pytestmark = pytest.mark.slow
KINDS = [  # constructed
    ("医生很好谢谢护士", 1, "pos", "praise"), ("医院误诊害死人了", 1, "neg", "safety"), ("挂号排队太久没人管", 1, "neg", "service"),
    ("今天天气不错出门", 0, "neu", "other"),
]  # fmt: skip
WORDS = "东西南北中春夏秋冬天地人和山川江河"
QUICK = Recipe(epochs=3, general_n=20, silent_n=20, batch_n=32, rate=2e-3, dropout=0.0)


def constructed(n: int, offset: int = 0) -> list[tuple[str, int, str, str]]:
    def word(i: int) -> str:
        return WORDS[i % 17] + WORDS[i // 17 % 17] + WORDS[i // 5 % 17]

    return [(f"{word(i + offset)}{kind[0]}", *kind[1:]) for i in range(n) for kind in KINDS]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared data folder in small, every text made up."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "text").mkdir()
    (folder / "sentiment").mkdir()
    days = ("2023-05-01", "2024-08-01", "2025-03-01")
    titles = [(*row, f"{days[i % 3]}T08:00:00+08:00") for i, row in enumerate(constructed(30))]
    pl.DataFrame(titles, ["title", "relevant", "sentiment", "category", "first_seen_at"], orient="row").write_csv(
        folder / "text/hot_titles_labeled.csv"
    )
    posts = [(*row, "weibo", "post", "2021-01-01" if i % 2 else None) for i, row in enumerate(constructed(60, 100))]
    pl.DataFrame(posts, ["text", "relevant", "sentiment", "category", "source", "kind", "published_at"], orient="row").write_csv(
        folder / "text/posts_labeled.csv"
    )
    pl.DataFrame({"label": ["1", "0"] * 10, "review": [f"{WORDS[i % 17]}好吃" for i in range(20)]}).write_csv(
        folder / "sentiment/weibo2018_train.csv"
    )
    pl.DataFrame({"text": [row[0] for row in constructed(5, 400)], "published_at": ["2022-01-01"] * 20}).write_parquet(
        folder / "text/hospital_posts.parquet"
    )
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder with random weights: the code is on trial here, not what it learns."""
    folder = tmp_path_factory.mktemp("checkpoint")
    vocabulary = Vocabulary.learn([row[0] for row in constructed(20)], size=200, floor=1)
    vocabulary.save(folder / "vocabulary.txt")
    shape = Shape(layers=1, width=64, ngram_buckets=997, ngram_width=16)
    (folder / "shape.json").write_text(json.dumps(asdict(shape)))
    torch.manual_seed(1)
    encoder = Encoder.embedded(shape, len(vocabulary))
    save_file({f"encoder.{name}": value.contiguous() for name, value in encoder.state_dict().items()}, folder / "weights.safetensors")
    return folder


class Trained:
    """Two promoted versions; the second has learned from new labels and is what is shipped."""

    def __init__(self, data: Path, checkpoint: Path, place: Path) -> None:
        self.uri, self.weights, self.data = f"sqlite:///{place}/mlflow.db", place / "weights", data
        self.weights.mkdir()
        seal(self.weights)
        self.notes: list[str] = []
        self.first = self.run(checkpoint)
        self.first_files = manifest(self.weights / "text")
        labels = pl.DataFrame([(f"新来的{row[0]}", "desk", "post", 1, "negative", "safety", "train") for row in constructed(2)],
                              datasets.COLUMNS, orient="row")  # fmt: skip
        self.second = self.run(checkpoint, labels=labels, recipe=Recipe(**asdict(QUICK) | {"seed": 8}))

    def run(self, checkpoint: Path, **more: object) -> text.Report:
        chosen = {"recipe": QUICK, "promote": True, "tracking_uri": self.uri} | more
        # What a toy says is chance: nothing to compare with, and a baseline that says nothing, let every version be promoted.
        return text.train(self.data, str(checkpoint), self.weights / "text", note=self.notes.append, **chosen)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(data: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    patch = pytest.MonkeyPatch()
    patch.setattr(text, "INT8_N", 0)  # nncf's minute is test_engine's
    patch.setattr("models.classifier.judging.judge.judge", lambda *_: text.judge.Verdict(True, ("constructed verdict",)))
    try:
        return Trained(data, checkpoint, tmp_path_factory.mktemp("trained"))
    finally:
        patch.undo()


def guanchao_models(trained: Trained, *words: str) -> str:
    done = CliRunner().invoke(verbs, [*words, "--tracking-uri", trained.uri], env={"COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_run_is_shipped_whole_and_sealed(trained: Trained) -> None:
    report = trained.second
    assert report.is_shipped
    assert report.folder == trained.weights / "text"
    assert {"model.xml", "model.bin", "vocabulary.txt", "card.json", "slices.csv", "slices.png", "reliability.png"} <= set(
        manifest(report.folder)
    )
    assert not [path for path in trained.weights.iterdir() if path.name.startswith(".")]
    sums = (trained.weights / "SHA256SUMS").read_text()
    seal(trained.weights)
    assert (trained.weights / "SHA256SUMS").read_text() == sums
    card = json.loads((report.folder / "card.json").read_text())
    assert card["test"]["challenger"]["all/relevant/n"] == report.figures["all/relevant/n"]
    assert card["rows"]["labels_n"] == 8
    assert card["data"]["text/posts_labeled.csv"]


def test_mlflow_knows_what_a_run_was_made_of(trained: Trained) -> None:
    about = versions.record(versions.find("text", "2", trained.uri), trained.uri)
    assert about.params["labels_n"] == "8"
    assert about.params["seed"] == "8"
    assert about.params["model_version"].startswith("guanchao-text-")
    assert {"text/posts_labeled.csv", "sentiment/weibo2018_train.csv", "labels"} <= set(about.data)
    assert any(name.endswith("weights.safetensors") for name in about.data)
    assert about.metrics["posts/relevant/macro_f1"] == pytest.approx(trained.second.figures["posts/relevant/macro_f1"])
    assert {"baseline/posts/relevant/macro_f1", "champion/posts/relevant/macro_f1"} <= set(about.metrics)
    assert about.tags["reasons"].startswith("constructed verdict\n")
    assert "perfectly calibrated" in about.tags["reasons"]
    assert about.tags["command"]
    assert about.tags["git.is_dirty"] in ("true", "false", "unknown")


def test_mlflow_serves_the_shipped_files(trained: Trained) -> None:
    import mlflow
    import mlflow.pyfunc

    mlflow.set_tracking_uri(trained.uri)
    served = mlflow.pyfunc.load_model("models:/text@champion")
    assert served.metadata.signature.inputs.input_names() == ["text"]
    texts = ["医生很好谢谢护士", "医院误诊害死人了", ""]
    said = served.predict(pd.DataFrame({"text": texts}))
    assert list(said.columns) == served.metadata.signature.outputs.input_names()
    own = Classifier.load(trained.weights / "text").probabilities(texts)
    assert said["relevant_p"].to_numpy() == pytest.approx(own[0][:, 1])
    assert said["safety_p"].to_numpy() == pytest.approx(own[2][:, 0])
    assert set(said["sentiment"]) <= {"negative", "neutral", "positive"}


def test_what_the_terminal_shows(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    print_report(trained.second)
    shown = capsys.readouterr().out
    for word in ("posts/category/macro_f1", "met", "year 2025", "too few", "constructed verdict", "promoted; MLflow: text version 2"):
        assert word in shown, word


def test_list_and_show_and_compare(trained: Trained) -> None:
    listed = guanchao_models(trained, "list", "--weights", str(trained.weights))
    assert "was" in listed
    assert "good" in listed
    shown = guanchao_models(trained, "show", "text")
    for word in ("text version 2, champion", "posts/category/macro_f1", "text/posts_labeled.csv", "constructed verdict", "labels_n"):
        assert word in shown, word
    compared = guanchao_models(trained, "compare", "text", "1", "2")
    for word in ("version 1", "difference", "seed", "labels_n", "all/category/ece"):
        assert word in compared, word
    assert "do not compare" not in compared


def test_rollback_and_back(trained: Trained) -> None:
    said = guanchao_models(trained, "rollback", "text", "--weights", str(trained.weights))
    assert "version 1" in said
    assert manifest(trained.weights / "text") == trained.first_files
    crowned = registry.champion("text", trained.uri)
    assert crowned is not None
    assert crowned.version == "1"
    sums = (trained.weights / "SHA256SUMS").read_text()
    seal(trained.weights)
    assert (trained.weights / "SHA256SUMS").read_text() == sums
    with pytest.raises(registry.RegistryProblem, match="no earlier champion than version 1"):
        versions.earlier("text", trained.uri)
    again = guanchao_models(trained, "rollback", "text", "2", "--weights", str(trained.weights))
    assert "back to it: guanchao models rollback text 1" in again
    assert versions.is_shipped(versions.find("text", None, trained.uri), trained.weights)


def test_a_damaged_version_is_not_shipped(trained: Trained) -> None:
    first = versions.find("text", "1", trained.uri)
    kept = versions.folder_of(first, trained.uri) / "vocabulary.txt"
    whole = kept.read_bytes()
    before = manifest(trained.weights / "text")
    try:
        kept.write_bytes(whole[:-1])
        with pytest.raises(registry.RegistryProblem, match=r"vocabulary.txt missing or damaged"):
            versions.rollback(first, trained.weights, trained.uri)
    finally:
        kept.write_bytes(whole)
    assert manifest(trained.weights / "text") == before


def test_unknown_names_and_versions_are_one_line(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(registry.RegistryProblem, match="registered: text"):
        versions.find("weather", None, trained.uri)
    with pytest.raises(registry.RegistryProblem, match="there are 1, 2"):
        versions.find("text", "7", trained.uri)
    nowhere = f"sqlite:///{tmp_path}/root/mlflow.db"
    for words in (["list"], ["show", "text"], ["compare", "text", "1", "2"], ["rollback", "text"]):
        done = CliRunner().invoke(verbs, [*words, "--tracking-uri", nowhere])
        assert isinstance(done.exception, registry.RegistryProblem), words
        assert "registered" in str(done.exception)
    command = [str(Path(sys.executable).with_name("guanchao")), "models", "rollback", "text", "--tracking-uri", nowhere]
    done_outside = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done_outside.returncode == 2, done_outside.stderr
    assert len(done_outside.stderr.strip().splitlines()) == 1, done_outside.stderr
    assert not (tmp_path / "root").exists()  # looking makes no database


def test_a_run_survives_an_mlflow_that_cannot_be_written(
    data: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "INT8_N", 0)
    (tmp_path / "file").write_text("not a folder")
    notes: list[str] = []
    report = text.train(
        data, str(checkpoint), tmp_path / "text", Recipe(**asdict(QUICK) | {"epochs": 1, "silent_n": 0}), True,
        f"sqlite:///{tmp_path}/file/mlflow.db", notes.append,
    )  # fmt: skip
    assert report.version is None
    assert any(note.startswith("not recorded: MLflow at sqlite:///") for note in notes)
    assert "refused: not above the linear baseline" in report.verdict.reasons
    assert not report.is_shipped
    assert not (tmp_path / "text").exists()  # refused by the real judge: nothing is shipped
    assert any(reason.startswith("no champion to compare with") for reason in report.verdict.reasons)
    assert Classifier.load(report.folder).version.startswith("guanchao-text-")


def test_new_labels_never_bring_a_held_out_text_into_training(data: Path) -> None:
    labelled = datasets.labelled(data)
    mine = {
        split: labelled.filter((pl.col("split") == split) & pl.col("relevant").is_not_null()) for split in ("train", "validation", "test")
    }
    rows = [
        (mine["test"]["text"][0] + " ", "train"), (mine["validation"]["text"][0], "train"),  # held out here: left out
        (mine["train"]["text"][0], "validation"),  # held out by the labels: leaves train
        (mine["train"]["text"][1], "train"), ("一条新的", "train"), ("一条新的", "train"),  # known: gets the new label; twice: once
    ]  # fmt: skip
    labels = pl.DataFrame([(words, "desk", "post", 0, None, None, split) for words, split in rows], datasets.COLUMNS, orient="row")
    joined, n = text.with_labels(labelled, labels)
    assert n == 3
    held = set(joined.filter(pl.col("split") != "train")["key"])
    assert not held & set(joined.filter(pl.col("split") == "train")["key"])
    assert joined.filter(pl.col("split") == "test").equals(labelled.filter(pl.col("split") == "test"))
    assert joined.filter(pl.col("text") == mine["train"]["text"][1])["relevant"].to_list() == [0]
    assert text.with_labels(labelled, None)[0] is labelled


@pytest.mark.parametrize(
    ("change", "said"), [({"split": "test"}, "split test"), ({"split": None}, "split null"), (None, "no column category")]
)
def test_wrong_labels_are_one_line(data: Path, change: dict[str, str | None] | None, said: str) -> None:
    row = {"text": "一条", "source": "desk", "kind": "post", "relevant": 1, "sentiment": None, "category": None, "split": "train"}
    labels = pl.DataFrame([row | (change or {})])
    with pytest.raises(ConfigProblem, match=said):
        text.with_labels(datasets.labelled(data), labels if change else labels.drop("category"))


def test_shipping_is_whole_or_nothing(tmp_path: Path) -> None:
    old, new = tmp_path / "weights" / "text", tmp_path / "new"
    old.mkdir(parents=True)
    (old / "only-old").write_text("old")
    with pytest.raises(FileNotFoundError):
        ship(tmp_path / "nowhere", old)
    assert [path.name for path in old.iterdir()] == ["only-old"]
    new.mkdir(mode=0o700)
    (new / "model").write_text("new")
    (old.with_name(".text.incoming")).mkdir()  # left by a run that was killed
    ship(new, old)
    assert [path.name for path in old.iterdir()] == ["model"]
    assert [path.name for path in old.parent.iterdir()] == ["text"]
    assert old.stat().st_mode & 0o777 == 0o755
