"""data -> features -> fit -> judge -> MLflow -> shipped files, or a refusal that says why."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from models import registry
from models.escalation import boards, cascades, repost_rows, selection
from models.escalation.fit import FEATURES, ROUNDS, SMALLER, TREES, fit, fit_ladder, write
from models.escalation.judging import FORECASTER, reliability_chart, table, verdict
from models.escalation.ladder import LADDERS
from models.escalation.model import NAME, SHIPPED, Forecaster, ModelProblem
from models.escalation.pyfunc import INPUTS, OUTPUTS, REQUIREMENTS
from models.escalation.report import Report, settled
from models.judge import Verdict
from models.provenance import hashes


def train_all(data: Path, tracking_uri: str | None = None, promote: bool = True) -> list[Report]:
    """Events' heads and ladders, then cascades, then topics."""
    from models.escalation.cascade.train import train as of_cascades
    from models.escalation.topic.train import train as of_topics

    return [every(data, tracking_uri=tracking_uri, promote=promote) for every in (train, of_cascades, of_topics)]


def train(data: Path, out: Path = SHIPPED, tracking_uri: str | None = None, promote: bool = True) -> Report:
    """Train on the shared data folder, judge on its test splits, log and register; ship to `out` if better and `promote`."""
    rows = boards.tables(data) | cascades.tables(data) | {"reposts": repost_rows.rows(data)}
    fitted = {kind: (fit_ladder if kind in LADDERS else fit)(kind, frame) for kind, frame in rows.items()}
    seen = pl.concat([seen for seen, _ in cascades.drawn(cascades.posts(data, ("train",)))])
    sizes = selection.wild(data)["size"]
    fitted["spread"].knots["selection"] = selection.learn(sizes, seen)
    fitted["volume"].knots["selection"] = selection.learn_ladder(sizes, seen, cascades.VOLUME_BARS)
    whole = cascades.posts(data, ("train",)).rename({"cascade_id": "unit"})
    fitted["reposts"].knots["selection"] = selection.learn_ladder(sizes, whole, [bar + 1 for bar in repost_rows.REPOST_BARS])
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
        return settled(
            NAME, folder, out, figures, said, run_id, promote, tracking_uri, inputs=INPUTS, outputs=OUTPUTS, requirements=REQUIREMENTS
        )


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
    return registry.log_training(NAME, params, metrics, [folder, chart, sheet], sources, said.tags, tracking_uri)
