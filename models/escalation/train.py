"""data -> features -> fit -> judge -> MLflow -> shipped files, or a refusal that says why."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from models import registry
from models.escalation import boards, cascades, selection
from models.escalation.fit import FEATURES, ROUNDS, SMALLER, TREES, fit, write
from models.escalation.judging import FORECASTER, reliability_chart, table, verdict
from models.escalation.model import NAME, SHIPPED, Forecaster, ModelProblem
from models.escalation.pyfunc import INPUTS, OUTPUTS, REQUIREMENTS
from models.judge import Verdict
from models.provenance import hashes


@dataclass(frozen=True)
class Report:
    """`table` as of judging.table on the test split; `is_shipped`: the files in `folder` are now this model."""

    table: pl.DataFrame
    verdict: Verdict
    run_id: str
    version: str
    folder: Path
    is_shipped: bool


def train(data: Path, out: Path = SHIPPED, tracking_uri: str | None = None, promote: bool = True) -> Report:
    """Train on the shared data folder, judge on its test splits, log and register; ship to `out` if better and `promote`."""
    rows = {"board": boards.rows(data), "spread": cascades.rows(data)}
    fitted = {kind: fit(kind, frame) for kind, frame in rows.items()}
    seen = pl.concat([seen for seen, _ in cascades.drawn(cascades.posts(data, ("train",)))])
    fitted["spread"].knots["selection"] = selection.learn(selection.wild(data)["size"], seen)
    test = {kind: frame.filter(pl.col("split") == "test") for kind, frame in rows.items()}
    with TemporaryDirectory() as place:
        folder = Path(place) / NAME
        write(fitted, folder)
        challenger = Forecaster.load(folder)
        figures = table(challenger, test)
        said = _against_champion(figures, out, test)
        sources = hashes(*(data / file for file in (*boards.FILES, *cascades.FILES, selection.FILE)))
        _write_card(folder, challenger, figures, sources, rows)
        run_id = _log(Path(place), folder, challenger, test, figures, said, sources, tracking_uri)
        version = registry.register(NAME, run_id, sorted(folder.glob("*")), tracking_uri, INPUTS, OUTPUTS, REQUIREMENTS)
        is_shipped = promote and said.promote
        if is_shipped:
            registry.promote(NAME, version, tracking_uri)
            shutil.copytree(folder, out, dirs_exist_ok=True)
    return Report(figures, said, run_id, version, out, is_shipped)


def _against_champion(figures: pl.DataFrame, out: Path, test: dict[str, pl.DataFrame]) -> Verdict:
    """A champion that reads features which are no more is judged by nobody: the baselines decide, and the reasons say so."""
    if not (out / "calibration.json").exists():
        return verdict(figures, None)
    try:
        return verdict(figures, table(Forecaster.load(out), test))
    except (ModelProblem, pl.exceptions.ColumnNotFoundError) as problem:
        alone = verdict(figures, None)
        return Verdict(alone.promote, (*alone.reasons, f"champion in {out} not comparable: {problem}"))


def _write_card(
    folder: Path, challenger: Forecaster, figures: pl.DataFrame, sources: dict[str, str], rows: dict[str, pl.DataFrame]
) -> None:
    """card.json: no clock and no run id in it, so that the same data make the same bytes."""
    counts = {kind: dict(frame.group_by("split").len().sort("split").iter_rows()) for kind, frame in rows.items()}
    features = {kind: list(names) for kind, names in FEATURES.items()}
    test = figures.with_columns(pl.col(pl.Float64).round(4)).to_dicts()
    card: dict[str, Any] = {
        "name": NAME, "sha256": challenger.sha256, "rows": counts, "data": sources, "features": features, "test": test,
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _log(
    place: Path, folder: Path, challenger: Forecaster, test: dict[str, pl.DataFrame], figures: pl.DataFrame, said: Verdict,
    sources: dict[str, str], tracking_uri: str | None,
) -> str:  # fmt: skip
    chart, sheet = place / "reliability.png", place / "figures.csv"
    reliability_chart(challenger, test, chart)
    figures.write_csv(sheet)
    metrics = {
        f"{line['model']}.{line['slice']}.{line['who']}.{name}".replace(",", "").replace(" ", "_"): line[name]
        for line in figures.iter_rows(named=True)
        for name in ("auc", "ap", "brier", "ece", "inside")
        if line[name] is not None and (line["who"] == FORECASTER or name != "inside")
    }
    params = {**{f"trees.{key}": value for key, value in TREES.items()}, "rounds": ROUNDS, "smaller": SMALLER, "sha256": challenger.sha256}
    tags = {"verdict": "good" if said.promote else "refused", "reasons": "\n".join(said.reasons)}
    return registry.log_training(NAME, params, metrics, [folder, chart, sheet], sources, tags, tracking_uri)
