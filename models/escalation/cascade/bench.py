"""Figures of the shipped champion on the shared test split, by the shared judge, beside count and logistic."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from models.escalation import metrics
from models.escalation.cascade import alarms, baselines, charts, judging, strata
from models.escalation.cascade.data import Numbers, load
from models.escalation.cascade.fit import labelled
from models.escalation.cascade.judging import FORECASTER
from models.escalation.cascade.model import CARD, SHIPPED, Forecaster
from warehouse.settings import PROJECT

Figures = dict[str, dict[str, Any]]
JUDGE = Path("bench") / "judge_escalation.py"  # beside the shared data
CHART, STUDIES = PROJECT / "docs" / "escalation-cascade.png", PROJECT / "docs" / "escalation-cascade.json"
BARS: dict[str, tuple[str, str, float]] = {  # figure -> (part of the judge's answer, key, bar)
    "pooled AUC": ("pooled", "auc", 0.865), "pooled AP": ("pooled", "ap", 0.71), "pooled Brier": ("pooled", "brier", 0.089),
    "pooled ECE": ("pooled", "ece", 0.03), "list P@20": ("mixed_age_list", "p_at_20", 0.72), "list AP": ("mixed_age_list", "ap", 0.71),
    "warned 3 h ahead": ("alarm_val_precision_0.9", "warned_3h", 0.45),
}  # fmt: skip
LOWER_IS_BETTER = ("pooled Brier", "pooled ECE")
RIVALS = (baselines.COUNT, baselines.LOGISTIC)


def bench(data: Path, full: bool = False) -> Figures:
    """figure -> {value, unit, bar, met, how}. `full` adds the ladder and every baseline, and draws CHART."""
    forecaster = Forecaster.load()
    rows = labelled(load(data / "cascades", with_labels=True).keep(pl.col("split").is_in(["val", "test"])), forecaster.known)
    said = judging.said_of(forecaster, rows)
    val, test = ((rows["split"] == split).to_numpy() for split in ("val", "test"))
    out = _judged(data, rows, said, RIVALS if full else ()) | floor(rows.filter(test), {who: p[test] for who, p in said.items()})
    card = json.loads((SHIPPED / CARD).read_text(encoding="utf-8"))
    out |= simulation(rows.filter(test), said[FORECASTER][test], card["thresholds_on_validation"]["one_false_per_true"]["threshold"])
    out |= strata.strata(rows.filter(test), said[FORECASTER][test])
    out |= strata.early(forecaster, data, card["thresholds_on_validation"]["one_false_per_true"]["threshold"])
    if full:
        out |= strata.ladder(forecaster, rows.filter(test)) | strata.sizes(forecaster, rows.filter(test))
        out |= _baselines(rows.filter(test), {who: p[test] for who, p in said.items()})
        curve = json.loads(STUDIES.read_text(encoding="utf-8"))["learning_curve"] if STUDIES.exists() else []
        charts.together(forecaster, rows.filter(test), rows.filter(val), curve, CHART)
    return out


def _judged(data: Path, rows: pl.DataFrame, said: dict[str, Numbers], rivals: tuple[str, ...]) -> Figures:
    """The shared judge's figures of the champion against the bars, the rivals' in `how`; nothing where the judge is not."""
    judge = data.parent / JUDGE
    if not judge.is_file():
        return {}
    with ThreadPoolExecutor(len(rivals) + 1) as pool:  # the judge is a program of its own, a quarter of a minute each
        asked = {who: pool.submit(_ask, judge, data, rows, said[who]) for who in (FORECASTER, *rivals)}
        answers = {who: one.result() for who, one in asked.items()}
    mine = answers.pop(FORECASTER)
    out: Figures = {}
    for name, (part, key, bar) in BARS.items():
        value = mine[part][key]
        met = value <= bar if name in LOWER_IS_BETTER else value >= bar
        interval = f", 95 % {mine[part][f'{key}_ci']}" if f"{key}_ci" in mine[part] else ""
        beside = "".join(f"; {who} {answer.get(part, {}).get(key, 'none')}" for who, answer in answers.items())
        how = f"judge_escalation.py, test split{interval}{beside}"
        out[f"cascade {name}"] = {"value": value, "unit": "", "bar": bar, "met": met, "how": how}
    return out | _shown_only(mine, answers)


def _shown_only(mine: dict[str, Any], answers: dict[str, dict[str, Any]]) -> Figures:
    alarm, lists = mine["alarm_val_precision_0.9"], mine["mixed_age_list"]
    threshold = f"p ≥ {alarm['threshold']}, which has precision 0.9 on validation"
    out = {
        "cascade alarm precision": shown(alarm["precision"], f"of {alarm['alarms']} alarms; {threshold}"),
        "cascade alarm recall": shown(
            alarm["recall"],
            f"of {alarm['escalations']} escalations; median lead {alarm['median_lead_h']} h, 6 h ahead {alarm['warned_6h']}",
        ),
        "cascade list AUC": shown(lists["auc"], f"of {lists['live_posts']} live posts, base {lists['base']}"),
        "cascade list P@20 with 3 h lead": shown(lists["p_at_20_lead3h"], "reached the level more than 3 h later"),
    }
    for hour in (1, 3, 6, 12, 24):
        at = mine[f"t{hour}h"]
        beside = "".join(f"; {who} {answer[f't{hour}h']['auc']}, {answer[f't{hour}h']['ap']}" for who, answer in answers.items())
        out[f"cascade AUC at {hour} h"] = shown(at["auc"], f"n = {at['rows']}, AP {at['ap']}{beside}")
    return out


def _ask(judge: Path, data: Path, rows: pl.DataFrame, p: Numbers) -> dict[str, Any]:
    with TemporaryDirectory() as place:
        path = Path(place) / "said.parquet"
        rows.select("cascade_id", "t0_h").with_columns(pl.Series("p", p)).write_parquet(path)
        done = subprocess.run([sys.executable, str(judge), str(data / "cascades"), str(path)], capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def floor(rows: pl.DataFrame, said: dict[str, Numbers]) -> Figures:
    """What must hold: paired differences over draws of whole posts."""
    at = rows.with_row_index("row")
    judged = judging.pooled(at)
    y, where = judged["y"].to_numpy(), judged["row"].to_numpy()
    out: Figures = {}
    for rival in RIVALS:
        gain = judging.difference(judged["cascade_id"], y, said[FORECASTER][where], said[rival][where], metrics.average_precision)
        out[f"cascade ΔAP over {rival}"] = _gain(gain, "pooled ages, paired, posts drawn 500 times")
        on_list = strata.list_difference(rows, said[FORECASTER], said[rival])
        out[f"cascade list ΔAP over {rival}"] = _gain(on_list, "mixed-age lists, paired, posts drawn 200 times")
    ece = metrics.ece(y, said[FORECASTER][where])
    out["cascade ECE floor"] = {
        "value": round(ece, 4),
        "unit": "",
        "bar": judging.ECE_BAR,
        "met": ece <= judging.ECE_BAR,
        "how": "pooled ages",
    }
    return out


def _gain(gain: tuple[float, float, float], how: str) -> dict[str, Any]:
    value, low, high = gain
    return {"value": round(value, 4), "unit": "", "bar": 0.0, "met": low > 0, "how": f"{how}; 95 % [{low:+.3f}, {high:+.3f}]"}


def simulation(rows: pl.DataFrame, p: Numbers, threshold: float) -> Figures:
    """Warnings as they would have gone out in the test period, at the threshold with one false warning a true one on validation."""
    heard = alarms.sound(rows, p, threshold)
    how = f"test period, p ≥ {threshold}, {heard.alarms} warnings, precision {heard.precision:.3f}, {heard.escalations} escalations"
    lead = heard.median_lead
    return {
        "cascade warnings recall": {
            "value": round(heard.recall, 4), "unit": "", "bar": 0.8, "met": heard.recall >= 0.8 and heard.precision >= 0.5, "how": how,
        },
        "cascade warnings median lead": {"value": round(lead, 2), "unit": "h", "bar": 3.0, "met": lead >= 3, "how": how},
    }  # fmt: skip


def _baselines(rows: pl.DataFrame, said: dict[str, Numbers]) -> Figures:
    judged = judging.pooled(rows.with_row_index("row"))
    y, where = judged["y"].to_numpy(), judged["row"].to_numpy()
    out: Figures = {}
    for who, p in said.items():
        line = metrics.figures(y, p[where])
        out[f"cascade {who}"] = shown(line["ap"], f"pooled AP; AUC {line['auc']:.4f}, Brier {line['brier']:.4f}, ECE {line['ece']:.4f}")
    return out


def shown(value: float, how: str) -> dict[str, Any]:
    return {"value": round(value, 4), "unit": "", "bar": None, "met": None, "how": how}
