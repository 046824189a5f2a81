"""Registered models as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from flows.terminal import console
from models.registry import Version
from models.versions import Record, is_shipped, record
from warehouse.clock import shanghai

LOWER_IS_BETTER = ("ece", "brier", "ece_noise")


def version_rows(found: Sequence[Version], weights: Path, uri: str | None) -> Table:
    table = Table("model", "version", "champion", "shipped", "made (Shanghai)", "verdict", "command")
    for one in found:
        about = record(one, uri)
        table.add_row(
            one.name, one.version, "yes" if one.is_champion else "was" if one.was_champion else "",
            "yes" if is_shipped(one, weights) else "", _when(about), about.tags.get("verdict", ""), escape(about.tags.get("command", "")),
        )  # fmt: skip
    return table


def print_record(about: Record) -> None:
    one = about.version
    title = f"{one.name} version {one.version}" + (", champion" if one.is_champion else "")
    console.print(_pairs(title, {
        "made (Shanghai)": _when(about), "run": one.run_id, "files": one.source,
        "commit": about.tags.get("mlflow.source.git.commit", ""), "tree differs from it": about.tags.get("git.is_dirty", ""),
        "command": about.tags.get("command", ""), **about.params,
    }))  # fmt: skip
    rivals = [who for who in ("champion", "baseline") if any(name.startswith(f"{who}/") for name in about.metrics)]
    figures = Table("figure", "value", *(f"{who} then" if who == "champion" else who for who in rivals), title="figures")
    for name in own_figures(about):
        figures.add_row(name, _number(about.metrics[name]), *(_number(about.metrics.get(f"{who}/{name}")) for who in rivals))
    console.print(figures)
    console.print(_pairs("data and weights it was made from: first 16 digits of sha256", about.data))
    console.print(_pairs("hashes of its files", one.files))
    good = about.tags.get("verdict") == "good"
    console.print(f"verdict: {about.tags.get('verdict', 'unknown')}", style="green" if good else "red", markup=False)
    console.print(about.tags.get("reasons", ""), markup=False, soft_wrap=True)


def print_comparison(a: Record, b: Record) -> None:
    """Figures of b against those of a; green is better."""
    table = Table("figure", f"version {a.version.version}", f"version {b.version.version}", "difference", title=a.version.name)
    for name in sorted({*own_figures(a), *own_figures(b)}):
        table.add_row(name, _number(a.metrics.get(name)), _number(b.metrics.get(name)), _difference(name, a, b))
    console.print(table)
    differing = Table("", f"version {a.version.version}", f"version {b.version.version}", title="made differently")
    for side in ("params", "data"):
        mine, theirs = getattr(a, side), getattr(b, side)
        for name in sorted({*mine, *theirs}):
            if mine.get(name) != theirs.get(name):
                differing.add_row(escape(name), escape(mine.get(name, "")), escape(theirs.get(name, "")))
    if differing.row_count:
        console.print(differing)
    if a.params.get("test.sha256") != b.params.get("test.sha256"):
        console.print("judged on different test texts: the figures do not compare", style="bold red")


def own_figures(about: Record) -> list[str]:
    """A model's own figures; those of its rivals are logged under their names."""
    return sorted(name for name in about.metrics if not name.startswith(("baseline/", "champion/")))


def _difference(name: str, a: Record, b: Record) -> str:
    if name not in a.metrics or name not in b.metrics:
        return ""
    change = b.metrics[name] - a.metrics[name]
    figure = name.replace(".", "/").rsplit("/", 1)[-1]
    if figure == "n" or abs(change) < 5e-4:
        return f"{change:+.3g}"
    is_better = (change < 0) == (figure in LOWER_IS_BETTER)
    return f"[{'green' if is_better else 'red'}]{change:+.3f}[/]"


def _pairs(title: str, pairs: Mapping[str, str]) -> Table:
    table = Table("", "", title=title, show_header=False)
    for name, value in pairs.items():
        table.add_row(escape(name), escape(str(value)))
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _when(about: Record) -> str:
    return shanghai(datetime.fromtimestamp(about.made_at, UTC))
