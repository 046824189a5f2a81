"""data -> features -> fit -> judge -> MLflow -> shipped files, or a refusal that says why."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from models import registry
from models.escalation.cascade import alarms, charts, inputs, judging, teach
from models.escalation.cascade.data import FILES
from models.escalation.cascade.fit import NETS, TREES, Fitted, fit, learn
from models.escalation.cascade.model import CARD, NAME, NET_SHARE, SHIPPED, Forecaster, write
from models.escalation.model import ModelProblem
from models.escalation.report import Report, settled
from models.judge import Verdict
from models.provenance import hashes

PRECISIONS = {"alarm": 0.9, "one_false_per_true": 0.5}


def train(data: Path, out: Path = SHIPPED, tracking_uri: str | None = None, promote: bool = True) -> Report:
    """Train on the shared data folder, judge on its validation posts, log and register; ship to `out` if better and `promote`."""
    known, rows = learn(data)
    fitted = fit(known, rows)
    val = rows.filter(pl.col("split") == "val")
    sources = hashes(*(data / "cascades" / file for file in FILES))
    with TemporaryDirectory() as place:
        folder = Path(place) / NAME
        write(folder, known, fitted.columns, fitted.vintages, fitted.sizes, fitted.baselines)
        challenger = Forecaster.load(folder)
        figures, said = judging.table(challenger, val), judging.verdict(challenger, _champion(out, val), val)
        card = _card(challenger, fitted, figures, said, val, sources)
        (folder / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        run_id = _log(Path(place), folder, challenger, val, figures, said, card, tracking_uri)
        return settled(NAME, folder, out, figures, said, run_id, promote, tracking_uri)


def _champion(out: Path, val: pl.DataFrame) -> Forecaster | None:
    """The shipped one; one that reads features which are no more is judged by nobody, and the baselines decide."""
    try:
        champion = Forecaster.load(out)
        champion.predict(val.head(1))
    except (ModelProblem, pl.exceptions.ColumnNotFoundError):
        return None
    return champion


def _card(
    challenger: Forecaster, fitted: Fitted, figures: pl.DataFrame, said: Verdict, val: pl.DataFrame, sources: dict[str, str]
) -> dict[str, Any]:
    """No clock and no run id in it, so that the same data make the same bytes."""
    p = challenger.predict(val)
    thresholds = {}
    for name, precision in PRECISIONS.items():
        found = alarms.threshold_for(val, p, precision, 3.0 if name == "alarm" else 0.0)
        if found is not None:
            thresholds[name] = {
                "threshold": round(found.threshold, 6), "precision": round(found.precision, 4), "recall": round(found.recall, 4),
                "warned_3h": round(found.warned(3), 4), "median_lead_h": round(found.median_lead, 2), "alarms": found.alarms,
            }  # fmt: skip
    return {
        "name": NAME, "sha256": challenger.sha256, "task": "below `level` reposts at age t0, reaches it within `horizon_h`",
        "levels": inputs.LEVELS, "horizons_h": inputs.HORIZONS, "vintages": {name: one.since for name, one in challenger.vintages.items()},
        "recipe": recipe(), "data": sources, "features": [*fitted.columns, *inputs.ASKED], "notes": _rounded(fitted.notes),
        "thresholds_on_validation": thresholds, "validation": figures.with_columns(pl.col(pl.Float64).round(4)).to_dicts(),
        "verdict": list(said.reasons),
    }  # fmt: skip


def recipe() -> dict[str, Any]:
    """What was chosen on out-of-fold predictions of training and validation posts."""
    return {
        "nets": NETS, "trees": TREES, "net_share": NET_SHARE, "epochs": teach.EPOCHS, "batch": teach.BATCH, "width": teach.WIDTH,
        "net_levels": teach.NET_LEVELS, "tree_levels": teach.TREE_LEVELS, "late_share": teach.LATE_SHARE, "low_levels": teach.LOW_LEVELS,
        "rounds": teach.TREE_ROUNDS,
        **{f"trees.{key}": value for key, value in teach.TREES.items()},
    }  # fmt: skip


def _rounded(what: Any) -> Any:
    if isinstance(what, dict):
        return {key: _rounded(value) for key, value in what.items()}
    return round(what, 5) if isinstance(what, float) else what


def _log(
    place: Path, folder: Path, challenger: Forecaster, val: pl.DataFrame, figures: pl.DataFrame, said: Verdict, card: dict[str, Any],
    tracking_uri: str | None,
) -> str:  # fmt: skip
    chart, lead, sheet = place / "reliability.png", place / "lead-time.png", place / "figures.csv"
    charts.reliability(challenger, val, chart)
    charts.lead_time(challenger, val, lead)
    figures.write_csv(sheet)
    metrics = {f"{line['who']}.{name}": line[name] for line in figures.iter_rows(named=True) for name in ("auc", "ap", "brier", "ece")}
    for name, found in card["thresholds_on_validation"].items():
        metrics |= {f"{name}.{key}": value for key, value in found.items()}
    params = {**card["recipe"], "sha256": challenger.sha256, "features": len(card["features"])}
    return registry.log_training(NAME, params, metrics, [folder, chart, lead, sheet], card["data"], said.tags, tracking_uri)
