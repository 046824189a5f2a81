"""What the command line shows: tables for people, in the terminal's width."""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from flows.import_preview import print_preview
from flows.imports import Imported, Preview
from flows.road import last_run
from flows.steps import Step
from warehouse.clock import SHANGHAI, parse_instant
from warehouse.settings import Settings
from warehouse.store import Warehouse
from warehouse.vocabulary import ARCHIVE_STATES, COVERAGE_REASONS, COVERAGE_STATUSES, DRIFT_FEATURES, DRIFT_STATUSES, STAGES

UNITS = {
    "crawl": "items read", "land": "new posts", "look_back": "sources known", "resolve": "outcomes", "mention": "new mentions",
    "score": "posts read", "group": "events", "forecast": "forecasts", "rank": "warnings", "explain": "words", "watch": "figures",
    "outlook": "areas", "publish": "files", "record": "warnings", "shoot": "pictures",
}  # fmt: skip
console = Console()


def print_steps(steps: list[Step], settings: Settings, conf: Path, makes_list: bool = True) -> bool:
    """The run as a table, and where its list is or why there is none; of a crawl, which makes none, the sources it asked. False if a stage
    stopped. `makes_list`: False for a road that ends with `land`."""
    table = Table(title=settings.name + (" [演练]" if settings.drill else ""), caption=f"peak memory {peak_mib():.0f} MiB")
    for heading, justify in (("stage", "left"), ("", "left"), ("rows", "right"), ("", "left"), ("seconds", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for step in steps:
        did, unit = ("stopped", "") if step.stopped else (str(step.rows), UNITS[step.stage])
        table.add_row(step.stage, STAGES[step.stage], did, unit, f"{step.seconds:.1f}")
    console.print(table)
    for step in steps:
        if step.stopped and not step.ends_the_road:
            console.print(f"  {step.stage}: {step.stopped}", style="yellow", markup=False, soft_wrap=True)
    _print_outcome(steps, settings, conf, makes_list)
    return not any(step.ends_the_road for step in steps)


def _print_outcome(steps: list[Step], settings: Settings, conf: Path, makes_list: bool) -> None:
    """A whole road leaves a page, which says so if there is no list; a crawl, or one stage again, leaves that page as it was."""
    stages = [step.stage for step in steps]
    stopped = next((step.stopped for step in steps if step.ends_the_road), "")
    leaves_page = "publish" in stages or (makes_list and bool(stopped) and stages[0] in ("crawl", "look_back"))
    if stopped:
        console.print(f"{'今日无榜单,因为' if leaves_page else 'stopped'}: {stopped}", style="bold red", markup=False, soft_wrap=True)
    if leaves_page or not {"crawl", "land"} & set(stages):
        print_unwell(settings)
    elif not stopped:
        print_asked(settings)
    if leaves_page:
        console.print(f"list: {(settings.published / 'latest.html').resolve()}", soft_wrap=True, markup=False)
        console.print(f"look at it: .venv/bin/guanchao desk --conf {conf}", soft_wrap=True, markup=False)


def print_asked(settings: Settings) -> None:
    """Of the newest crawl: how many sources it asked and what they answered, which of them are not well, and which were not asked."""
    warehouse = Warehouse(settings.warehouse)
    coverage = warehouse.scan("coverage").filter(pl.col("as_of") == pl.col("as_of").max(), pl.col("cadence_min").is_not_null()).collect()
    asked = coverage.filter("is_asked")
    reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(Counter(asked["reason"]).items()))
    console.print(
        f"{asked.height} of {coverage.height} enabled sources asked{': ' + reasons if reasons else ''}", markup=False, soft_wrap=True
    )
    _print_rows(asked)
    last = dict(warehouse.scan("fetches").group_by("source").agg(pl.col("fetched_at").max()).collect().iter_rows())
    why = "not due yet" if settings.crawl_shard.endswith("/1") else "another worker's, or not due"
    for source, minutes in coverage.filter(~pl.col("is_asked")).select("source", "cadence_min").iter_rows():
        before = f", last asked {last[source].astimezone(SHANGHAI):%m-%d %H:%M}" if source in last else ""
        console.print(f"  {source}: {why}: every {minutes} min{before}", markup=False, soft_wrap=True)


def print_unwell(settings: Settings) -> None:
    """Why each source that is not well gave what it gave, in the newest list."""
    newest = last_run(settings)
    if newest is None:
        return
    moment = parse_instant(newest)
    coverage = Warehouse(settings.warehouse).read("coverage", as_of=moment, since=moment)
    _print_rows(coverage)


def _print_rows(coverage: pl.DataFrame) -> None:
    for row in coverage.filter(pl.col("coverage_status") != "ok").iter_rows(named=True):
        words = f"{COVERAGE_STATUSES[row['coverage_status']]} · {COVERAGE_REASONS[row['reason']]} · {row['detail'] or ''}"
        console.print(f"  {row['source']}: {words}", style="yellow", markup=False, soft_wrap=True)


def peak_mib() -> float:
    """The larger of this process and its largest child, in MiB (Linux counts kilobytes)."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


def print_import(done: Iterable[Imported | Preview]) -> bool:
    """A line a file or slice, and the rows that could not be read; of a preview the whole. False if a file was refused."""
    done = list(done)
    for one in done:
        if isinstance(one, Preview) and one.report is not None:
            print_preview(one)
    table = Table("file", "rows read", "new posts", "set aside")
    for one in done:
        if isinstance(one, Imported) and not one.is_refused:
            table.add_row(escape(one.name), str(one.read_n), str(one.posts_n), str(one.set_aside_n))
    if table.row_count:
        console.print(table)
    for one in done:  # a line each, whole, whatever the width
        if one.note and (isinstance(one, Imported) or one.report is None):
            console.print(f"{one.name}: {'refused: ' if one.is_refused else ''}{one.note}", markup=False, soft_wrap=True)
    return not any(one.is_refused for one in done)


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
    """A text model's figures beside the champion's and the baseline's and their bars, its slices, and the verdict."""
    from models.judge import bars

    held = {bar.figure: bar for bar in bars(report.figures, report.baseline)}
    table = Table("figure", "challenger", "champion", "baseline", "bar", "", title="the frozen test split")
    for name, value in report.figures.items():
        others = (figures.get(name) if figures else None for figures in (report.champion, report.baseline))
        bar = held.get(name)
        told = ("", "") if bar is None else (f"{bar.bar:.2f}", "[green]met[/]" if bar.is_met else "[yellow]missed[/]")
        table.add_row(name, f"{value:.4g}", *("" if other is None else f"{other:.4g}" for other in others), *told)
    print_slices(report.slices)
    print_verdict(table, report)
    where = f"MLflow: text version {report.version}" if report.version else "not recorded in MLflow"
    console.print(f"{'promoted' if report.is_shipped else 'not promoted'}; {where}", markup=False)


def print_slices(slices: pl.DataFrame) -> None:
    """Macro-F1 and share right of the challenger by slice and head, the linear baseline's in brackets; slices of few texts are counted."""
    heads = slices["head"].unique(maintain_order=True).to_list()
    table = Table("slice", *(f"{head}: n, F1 (linear), right (linear)" for head in heads), title="slices")
    few = [name for (name,), part in slices.group_by("slice", maintain_order=True) if part["is_few"].all()]
    for (name,), part in slices.filter(~pl.col("slice").is_in(few)).group_by("slice", maintain_order=True):
        cells = {}
        for row in part.iter_rows(named=True):
            f1, right = (f"{row[f'challenger_{figure}']:.2f} ({row[f'baseline_{figure}']:.2f})" for figure in ("macro_f1", "accuracy"))
            cells[row["head"]] = f"[dim]{row['n']}, too few[/]" if row["is_few"] else f"{row['n']}, {f1}, {right}"
        table.add_row(escape(str(name)), *(cells.get(head, "") for head in heads))
    table.caption = f"{len(few)} more slices have too few texts (slices.csv)" if few else None
    console.print(table)


def print_figures(report: Any) -> None:
    """A forecaster's figures on its test split, baselines in the same table, and the verdict."""
    table = Table(*report.table.columns)
    for row in report.table.iter_rows():
        table.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row))
    print_verdict(table, report)


def print_verdict(table: Table, report: Any) -> None:
    console.print(table)
    console.print("\n".join(report.verdict.reasons), style="green" if report.verdict.promote else "red", markup=False, soft_wrap=True)
    console.print(f"files: {report.folder}", markup=False)


def print_drift(rows: pl.DataFrame, new: int) -> None:
    """A line a feature: PSI of one day and of seven, what chance reaches, and the word for it."""
    against = ", ".join(sorted({f"{kind} ({n} texts)" for kind, n in rows.select("reference", "reference_n").iter_rows()}))
    table = Table("feature", "1 day: PSI, chance", "7 days: PSI, chance", "mean", "was", caption=f"against: {against}")
    for feature in DRIFT_FEATURES:
        windows = rows.filter(pl.col("feature") == feature).sort("days_n").to_dicts()
        if windows:
            said = [f"{_number(one['psi'])} {_number(one['chance_psi'])} {DRIFT_STATUSES[one['drift_status']]}" for one in windows]
            table.add_row(feature, *said, _number(windows[-1]["text_mean"]), _number(windows[-1]["reference_mean"]))
    console.print(table)
    console.print(f"{new} figures new in MLflow, experiment guanchao-drift", markup=False)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def print_trace(trace: Any) -> None:
    """The walk as a tree."""

    def grow(tree: Tree, node: Any) -> None:
        branch = tree.add(f"{node.label} {node.id}  {node.detail}".replace("[", r"\["))
        for child in node.children:
            grow(branch, child)

    root = Tree("trace")
    grow(root, trace)
    console.print(root)


def print_verdict_on_bytes(trace: Any) -> bool:
    """A line a record the walk stands on that is not intact, and the count of all; False if one is tampered with or missing."""
    from warehouse.trace import WELL

    states = Counter(record.state for record in trace.records)
    for record in trace.records:
        if record.state not in WELL:
            console.print(f"{record.state}: {record.id}  {record.detail}", style="red", markup=False, soft_wrap=True)
    said = ", ".join(f"{n} {state} ({ARCHIVE_STATES[state]})" for state, n in sorted(states.items()))
    verdict = ("intact" if states["intact"] else "nothing archived") if trace.is_intact else "tampered" if states["tampered"] else "missing"
    console.print(
        f"{verdict}: {trace.label} {trace.id} stands on {len(trace.records)} records: {said or 'none'}", markup=False, soft_wrap=True
    )
    return bool(trace.is_intact and states["intact"])
