"""What the command line shows: tables for people, in the terminal's width."""

from __future__ import annotations

import resource
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.tree import Tree

from flows.imports import Imported
from flows.road import last_run
from flows.steps import Step
from warehouse.clock import parse_instant
from warehouse.settings import Settings
from warehouse.store import Warehouse
from warehouse.vocabulary import COVERAGE_STATUSES, FETCH_REASONS

STAGES = {
    "crawl": ("采集", "items read"), "land": ("校验入库", "new posts"), "look_back": ("回看", "sources known"),
    "mention": ("识别医院", "new mentions"),
    "score": ("阅读", "posts read"), "group": ("归并事件", "events"), "forecast": ("预测", "forecasts"), "rank": ("分级", "warnings"),
    "publish": ("发布", "files"),
}  # fmt: skip
console = Console()


def print_steps(steps: list[Step], settings: Settings, conf: Path) -> bool:
    """The run as a table and where today's list is; False if a stage stopped."""
    table = Table(title=settings.name + (" [演练]" if settings.drill else ""), caption=f"peak memory {peak_mib():.0f} MiB")
    for heading, justify in (("stage", "left"), ("", "left"), ("rows", "right"), ("", "left"), ("seconds", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for step in steps:
        chinese, unit = STAGES[step.stage]
        table.add_row(
            step.stage, chinese, "stopped" if step.stopped else str(step.rows), "" if step.stopped else unit, f"{step.seconds:.1f}"
        )
    console.print(table)
    stopped = next((step.stopped for step in steps if step.stopped), "")
    if stopped:
        console.print(f"今日无榜单,因为: {stopped}", style="bold red", markup=False)
    print_unwell(settings)
    console.print(f"list: {(settings.published / 'latest.html').resolve()}", soft_wrap=True, markup=False)
    console.print(f"look at it: .venv/bin/guanchao desk --conf {conf}", soft_wrap=True, markup=False)
    return not stopped


def print_unwell(settings: Settings) -> None:
    """Why each source that is not well gave what it gave, in the newest list."""
    newest = last_run(settings)
    if newest is None:
        return
    moment = parse_instant(newest)
    coverage = Warehouse(settings.warehouse).read("coverage", as_of=moment, since=moment)
    for row in coverage.filter(pl.col("coverage_status") != "ok").iter_rows(named=True):
        words = f"{COVERAGE_STATUSES[row['coverage_status']]} · {FETCH_REASONS[row['reason']]} · {row['detail'] or ''}"
        console.print(f"  {row['source']}: {words}", style="yellow", markup=False, soft_wrap=True)


def peak_mib() -> float:
    """The larger of this process and its largest child, in MiB (Linux counts kilobytes)."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def print_import(done: Iterable[Imported]) -> None:
    """A line a file or slice, and the rows that could not be read."""
    table = Table("file", "rows read", "new posts", "set aside", "note")
    for one in done:
        table.add_row(one.name, str(one.read_n), str(one.posts_n), str(one.set_aside_n), one.note)
    console.print(table)


def print_checks(checks: Iterable[Any]) -> bool:
    """The doctor's lines; False if one fails."""
    table = Table("check", "", "found", "what to do")
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    checks = list(checks)
    for check in checks:
        table.add_row(check.name, f"[{colours[check.status]}]{check.status}[/]", check.detail, check.fix if check.status != "ok" else "")
    console.print(table)
    return all(check.status != "fail" for check in checks)


def print_report(report: Any) -> None:
    """A text model's figures beside the champion's and the baseline's, and the verdict."""
    table = Table("figure", "challenger", "champion", "baseline")
    for name, value in report.figures.items():
        others = (figures.get(name) if figures else None for figures in (report.champion, report.baseline))
        table.add_row(name, f"{value:.4g}", *("" if other is None else f"{other:.4g}" for other in others))
    print_verdict(table, report)


def print_figures(report: Any) -> None:
    """A forecaster's figures on its test split, baselines in the same table, and the verdict."""
    table = Table(*report.table.columns)
    for row in report.table.iter_rows():
        table.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row))
    print_verdict(table, report)


def print_verdict(table: Table, report: Any) -> None:
    console.print(table)
    console.print("; ".join(report.verdict.reasons), style="green" if report.verdict.promote else "red", markup=False)
    console.print(f"files: {report.folder}", markup=False)


def print_trace(trace: Any) -> None:
    """The walk as a tree."""

    def grow(tree: Tree, node: Any) -> None:
        branch = tree.add(f"{node.label} {node.id}  {node.detail}".replace("[", r"\["))
        for child in node.children:
            grow(branch, child)

    root = Tree("trace")
    grow(root, trace)
    console.print(root)
