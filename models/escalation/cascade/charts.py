"""Reliability, lead time and learning curve, drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.escalation import metrics
from models.escalation.cascade import alarms, baselines
from models.escalation.cascade.data import Numbers
from models.escalation.cascade.judging import FORECASTER, pooled, said_of
from models.escalation.cascade.model import Forecaster

SHOWN = {
    FORECASTER: ("#1f5f8b", "forecaster"),
    baselines.COUNT: ("#b5651d", "reposts so far"),
    baselines.LOGISTIC: ("0.5", "count × age × rate"),
}
LEADS = np.array([0, 1, 2, 3, 4, 6, 8, 12, 18, 24])


def reliability(forecaster: Forecaster, rows: pl.DataFrame, path: Path) -> None:
    figure, (axes,) = _figure(1)
    draw_reliability(axes, forecaster, rows)
    figure.savefig(path, dpi=110)


def lead_time(forecaster: Forecaster, rows: pl.DataFrame, path: Path) -> None:
    figure, (axes,) = _figure(1)
    draw_lead(axes, forecaster, rows, rows)
    figure.savefig(path, dpi=110)


def together(forecaster: Forecaster, rows: pl.DataFrame, val: pl.DataFrame, curve: list[dict[str, Any]], path: Path) -> None:
    """One PNG: reliability and lead time on `rows` (thresholds from `val`), and the learning curve if there is one."""
    figure, panels = _figure(3 if curve else 2)
    draw_reliability(panels[0], forecaster, rows)
    draw_lead(panels[1], forecaster, rows, val)
    if curve:
        _draw_curve(panels[2], curve)
    figure.savefig(path, dpi=110)


def draw_reliability(axes: Any, forecaster: Forecaster, rows: pl.DataFrame) -> None:
    judged = pooled(rows)
    y = judged["y"].to_numpy()
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for who, p in said_of(forecaster, judged).items():
        if who in SHOWN:
            said, was, _ = zip(*metrics.bins(y, p), strict=True)
            axes.plot(said, was, marker="o", markersize=4, color=SHOWN[who][0], label=SHOWN[who][1])
    axes.set(title=f"Reliability (n = {judged.height})", xlabel="probability said", ylabel="share that reached 500 in 48 h")
    axes.legend(frameon=False)


def draw_lead(axes: Any, forecaster: Forecaster, rows: pl.DataFrame, val: pl.DataFrame) -> None:
    """Share of escalations warned of at least so many hours ahead, at the threshold that has precision 0.9 on `val`."""
    before, now = said_of(forecaster, val), said_of(forecaster, rows)
    for who, (color, label) in SHOWN.items():
        chosen = alarms.threshold_for(val, before[who], 0.9)
        if chosen is not None:
            heard = alarms.sound(rows, now[who], chosen.threshold)
            axes.plot(LEADS, [heard.warned(float(h)) for h in LEADS], marker="o", markersize=4, color=color, label=label)
    axes.set(title="Warned ahead, at precision 0.9", xlabel="hours ahead, at least", ylabel="share of escalations", ylim=(0, 1))
    axes.legend(frameon=False)


def _draw_curve(axes: Any, curve: list[dict[str, Any]]) -> None:
    posts: Numbers = np.array([line["posts"] for line in curve], dtype=np.float64)
    axes.semilogx(posts, [line["ap"] for line in curve], marker="o", color=SHOWN[FORECASTER][0], label="forecaster")
    axes.semilogx(
        posts, [line["logistic_ap"] for line in curve], marker="o", color=SHOWN[baselines.LOGISTIC][0], label="count × age × rate"
    )
    axes.set(title="Learning curve (validation posts)", xlabel="training posts", ylabel="average precision")
    axes.set_xticks(posts, [f"{int(n)}" for n in posts])
    axes.minorticks_off()
    axes.legend(frameon=False)


def _figure(panels: int) -> tuple[Any, list[Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * panels, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(np.atleast_1d(figure.subplots(1, panels)))
