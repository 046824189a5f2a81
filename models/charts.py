"""Pictures of the judge's figures, for MLflow and the model card. Labels are English: matplotlib's own font has no Chinese."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from models import judge

COLOURS = {"challenger": "#1f5f8b", "champion": "#c2782c", "baseline": "0.6"}


def reliability(frame: pl.DataFrame, said: dict[str, judge.Probabilities], labels: dict[str, tuple[str, ...]], path: Path) -> None:
    """PNG: confidence of the chosen label against how often it is right, in ten equal-count bins; a panel a head and kind of text."""
    figure = _figure(3.4 * len(labels), 3.6 * len(judge.SLICES))
    panels = figure.subplots(len(judge.SLICES), len(labels), squeeze=False)
    for row, (part, which) in zip(panels, judge.SLICES.items(), strict=True):
        inside = frame.select(which.alias("in"))["in"].to_numpy()
        for axes, (head, names) in zip(row, labels.items(), strict=True):
            axes.plot([0, 1], [0, 1], color="0.85", linewidth=1)
            for who, heads in reversed(said.items()):  # the first lies on top
                gold, chances = judge.judged(frame, head, heads[head], names, inside)
                curve = judge.reliability_curve(chances, gold)
                xs, ys = ([point[name] for point in curve] for name in ("confidence", "accuracy"))
                axes.plot(xs, ys, marker="o", markersize=3, linewidth=1, color=COLOURS.get(who), label=who)
            low = 1 / len(names)
            axes.set(title=f"{part}: {head} (n = {len(gold)})", xlabel="confidence", ylabel="share right", xlim=(low, 1), ylim=(0, 1))
    panels[0][0].legend(fontsize=8)
    figure.savefig(path, dpi=85)


def by_slice(table: pl.DataFrame, path: Path) -> None:
    """PNG: share of right answers of everyone in slices.table, slice by slice; few texts and sources are left to the table."""
    shown = table.filter(~pl.col("is_few") & ~pl.col("slice").str.starts_with("source "))
    heads = shown["head"].unique(maintain_order=True).to_list()
    names = shown["slice"].unique(maintain_order=True).to_list()[::-1]
    figure = _figure(3.6 * max(1, len(heads)), 1 + 0.25 * len(names))
    for axes, head in zip(figure.subplots(1, max(1, len(heads)), sharey=True, squeeze=False)[0], heads, strict=False):
        part = shown.filter(pl.col("head") == head)
        for who in [who for who in reversed(COLOURS) if f"{who}_accuracy" in table.columns]:
            places = [names.index(name) for name in part["slice"]]
            axes.scatter(part[f"{who}_accuracy"].to_list(), places, color=COLOURS[who], s=18, label=who)
        axes.set(title=head, xlabel="share right", xlim=(0, 1.02), yticks=range(len(names)), yticklabels=names)
        axes.grid(axis="y", color="0.93")
        axes.legend(fontsize=7, loc="lower left")
    figure.savefig(path, dpi=85)


def _figure(width: float, height: float) -> Any:
    """A figure that needs no display and no global state of pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
