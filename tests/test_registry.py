"""MLflow behind one door: what is logged can be read back, the alias moves, nothing is inferred or written elsewhere."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from models import registry, versions
from models.escalation.model import SHIPPED, Forecaster
from models.escalation.pyfunc import INPUTS, OUTPUTS, REQUIREMENTS


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('registry')}/below/mlflow.db"


def trained(uri: str, tmp_path: Path, name: str = "escalation") -> tuple[str, str]:
    note = tmp_path / "note.txt"
    note.write_text("constructed", encoding="utf-8")
    run_id = registry.log_training(
        name, {"rounds": 3}, {"ap": 0.5, "gone": float("nan")}, [note], {"a/b.csv": "00ff"}, {"verdict": "good"}, uri
    )
    version = registry.register(name, run_id, sorted(SHIPPED.glob("*.*")), uri, INPUTS, OUTPUTS, REQUIREMENTS)
    return run_id, version


def test_the_alias_moves_from_version_to_version(uri: str, tmp_path: Path) -> None:
    assert registry.champion("escalation", uri) is None
    first, second = trained(uri, tmp_path), trained(uri, tmp_path)
    registry.promote("escalation", first[1], uri)
    registry.promote("escalation", second[1], uri)
    crowned = registry.champion("escalation", uri)
    assert crowned is not None
    assert (crowned.run_id, crowned.version) == second
    assert [(one.version, one.is_champion) for one in registry.list_models(uri)] == [(first[1], False), (second[1], True)]


def test_an_unknown_version_is_one_clear_line(uri: str) -> None:
    with pytest.raises(registry.RegistryProblem, match="version 99"):
        registry.promote("escalation", "99", uri)


def test_the_registered_model_says_what_the_shipped_files_say(uri: str, tmp_path: Path) -> None:
    import mlflow.pyfunc

    run_id, version = trained(uri, tmp_path)
    registry.promote("escalation", version, uri)
    crowned = registry.champion("escalation", uri)
    assert crowned is not None
    served = mlflow.pyfunc.load_model(crowned.source)
    rows = pd.DataFrame(
        [dict.fromkeys(INPUTS, 1.0) | {"kind": kind, "horizon_h": 24.0, "n": 4.0} for kind in ("spread", "board", "spread")]
    )
    said = served.predict(rows)
    assert list(said.columns) == list(OUTPUTS)
    import polars as pl

    own = Forecaster.load().heads["board"].predict(pl.from_pandas(rows.iloc[[1]]))
    assert said["escalates_p"][1] == pytest.approx(own["escalates_p"][0])
    assert "lightgbm==" in (Path(crowned.source) / "requirements.txt").read_text(encoding="utf-8")
    assert run_id == crowned.run_id


def test_a_run_keeps_figures_hashes_and_files_beside_the_database(uri: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    run_id, _ = trained(uri, tmp_path)
    run = MlflowClient(uri).get_run(run_id)
    assert run.data.metrics == {"ap": 0.5}
    assert run.data.params == {"rounds": "3", "data.a/b.csv": "00ff"}
    assert run.data.tags["verdict"] == "good"
    assert run.info.status == "FINISHED"
    place = Path(run.info.artifact_uri)
    assert (place / "note.txt").is_file()
    assert place.is_relative_to(Path(uri.removeprefix("sqlite:///")).parent)


def test_a_model_without_a_loader_is_kept_as_files(uri: str, tmp_path: Path) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"constructed")
    run_id = registry.log_training("notthere", {}, {}, [], {}, {}, uri)
    version = registry.register("notthere", run_id, [weights], uri)
    registry.promote("notthere", version, uri)
    crowned = registry.champion("notthere", uri)
    assert crowned is not None
    assert (Path(crowned.source) / "weights.bin").read_bytes() == b"constructed"


def test_the_escalation_model_goes_back_the_same_way(uri: str, tmp_path: Path) -> None:
    first, second = (trained(uri, tmp_path)[1] for _ in range(2))
    for version in (first, second):
        registry.promote("escalation", version, uri)
    weights = tmp_path / "weights"
    (weights / "escalation" / "topic").mkdir(parents=True)
    (weights / "escalation" / "topic" / "words.json").write_text("another model's", encoding="utf-8")
    (weights / "escalation" / "board_chance.txt").write_text("damaged", encoding="utf-8")
    before = versions.earlier("escalation", uri)
    assert before.version == first
    assert not versions.is_shipped(before, weights)
    assert versions.rollback(before, weights, uri) == weights / "escalation"
    assert versions.is_shipped(before, weights)
    assert {path.name: path.read_bytes() for path in (weights / "escalation").glob("*.*")} == {
        path.name: path.read_bytes() for path in SHIPPED.glob("*.*")
    }
    assert (weights / "escalation" / "topic" / "words.json").read_text(encoding="utf-8") == "another model's"
    crowned = registry.champion("escalation", uri)
    assert crowned is not None
    assert crowned.version == first


def test_models_within_another_have_their_own_place(tmp_path: Path) -> None:
    assert versions.place("escalation_topic", tmp_path) == tmp_path / "escalation" / "topic"
    assert versions.place("text", tmp_path) == tmp_path / "text"
    assert versions.inner("escalation") == ("topic", "cascade")
    assert versions.inner("text") == ()


@pytest.mark.parametrize("where", ["sqlite:///{}/file/mlflow.db", "sqlite:///{}/file", "http://127.0.0.1:1"])
def test_a_registry_that_does_not_answer_is_one_clear_line(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database" * 100, encoding="utf-8")
    with pytest.raises(registry.RegistryProblem) as told:
        registry.log_training("escalation", {}, {}, [], {}, {}, where.format(tmp_path))
    assert str(told.value).startswith(f"MLflow at {where.format(tmp_path)}: ")
    assert "\n" not in str(told.value)


def test_a_run_says_what_ran(uri: str, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    tags = MlflowClient(uri).get_run(trained(uri, tmp_path)[0]).data.tags
    assert len(tags["mlflow.source.git.commit"]) in (40, len("unknown"))
    assert tags["git.is_dirty"] in ("true", "false", "unknown")
    assert tags["command"]


def test_where_records_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert registry.tracking_uri("sqlite:///x") == "sqlite:///x"
    assert registry.tracking_uri() == "http://127.0.0.1:1"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setenv("GUANCHAO_ROOT", str(tmp_path))
    assert registry.tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"
