"""data -> features -> fit -> judge -> MLflow -> shipped files, or a refusal that says why."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from models import registry
from models.escalation.model import ModelProblem
from models.escalation.report import Report, settled
from models.escalation.topic.baselines import learn
from models.escalation.topic.dataset import table as dataset
from models.escalation.topic.features import FEATURES
from models.escalation.topic.fit import TREES, fit, with_words, write
from models.escalation.topic.judging import FORECASTER, chart, table, verdict
from models.escalation.topic.model import NAME, SHIPPED, TopicForecaster
from models.escalation.topic.outcomes import TARGETS
from models.escalation.topic.readings import FILES
from models.judge import Verdict
from models.provenance import hashes


def train(
    data: Path, out: Path = SHIPPED, tracking_uri: str | None = None, promote: bool = True, rows: pl.DataFrame | None = None
) -> Report:
    """Train on the shared data folder, judge on its test splits, log and register; ship to `out` if better and `promote`.

    rows: dataset.table(data), where it is at hand.
    """
    rows = dataset(data) if rows is None else rows
    learned, test = rows.filter(pl.col("split") != "test"), rows.filter(pl.col("split") == "test")
    with TemporaryDirectory() as place:
        folder = Path(place) / NAME
        challenger = made(learned, folder)
        figures = table(challenger, test)
        said = _against_champion(figures, out, test)
        sources = hashes(*(data / file for file in FILES))
        _write_card(folder, challenger, figures, sources, rows)
        picture, sheet = Path(place) / "reliability.png", Path(place) / "figures.csv"
        chart(challenger, test, picture)
        figures.write_csv(sheet)
        run_id = registry.log_training(
            NAME, _params(challenger), _metrics(figures), [folder, picture, sheet], sources, said.tags, tracking_uri
        )
        return settled(NAME, folder, out, figures, said, run_id, promote, tracking_uri)


def made(learned: pl.DataFrame, folder: Path) -> TopicForecaster:
    """A forecaster of train and validation rows, its files in `folder`."""
    scored, words = with_words(learned)
    fitted = fit(scored, words)
    known = learn(scored.filter(pl.col("split") == "train", pl.col("is_early")))
    for target in TARGETS:
        fitted.knots[target]["baselines"] = known[target]
    write(fitted, folder)
    return TopicForecaster.load(folder)


def _against_champion(figures: pl.DataFrame, out: Path, test: pl.DataFrame) -> Verdict:
    """A champion that reads features which are no more is judged by nobody: the baselines decide, and the reasons say so."""
    if not out.exists():
        return verdict(figures, None)
    try:
        return verdict(figures, table(TopicForecaster.load(out), test))
    except (ModelProblem, pl.exceptions.ColumnNotFoundError, KeyError) as problem:
        alone = verdict(figures, None)
        return Verdict(alone.promote, (*alone.reasons, f"champion in {out} not comparable: {problem}"))


def _write_card(folder: Path, challenger: TopicForecaster, figures: pl.DataFrame, sources: dict[str, str], rows: pl.DataFrame) -> None:
    """card.json: no clock and no run id in it, so that the same data make the same bytes."""
    counts = rows.group_by("board", "split").len().sort("board", "split").rows()
    card: dict[str, Any] = {
        "name": NAME, "sha256": challenger.sha256, "rows": {f"{board}.{split}": n for board, split, n in counts}, "data": sources,
        "features": FEATURES, "rounds": {target: challenger.knots[target]["rounds"] for target in TARGETS},
        "test": figures.with_columns(pl.col(pl.Float64).round(4)).to_dicts(),
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _params(challenger: TopicForecaster) -> dict[str, Any]:
    rounds = {f"rounds.{target}": challenger.knots[target]["rounds"] for target in TARGETS}
    return {**{f"trees.{key}": value for key, value in TREES.items()}, **rounds, "features": list(FEATURES), "sha256": challenger.sha256}


def _metrics(figures: pl.DataFrame) -> dict[str, float]:
    return {
        f"{line['target']}.{line['slice']}.{line['who']}.{name}".replace(",", "").replace(" ", "_"): line[name]
        for line in figures.iter_rows(named=True)
        for name in ("auc", "ap", "brier", "ece")
        if line["who"] == FORECASTER or name != "ece"
    }
