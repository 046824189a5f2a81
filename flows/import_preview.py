"""What `guanchao import --dry-run` shows of a file: how it was understood, and what would become of its rows."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.imports import Preview
from warehouse.clock import shanghai
from warehouse.vocabulary import KINDS, PLATFORMS, QUARANTINE_REASONS

SHOWN = ("published_at", "platform", "kind", "title", "text", "region", "reposts_n", "comments_n", "likes_n", "views_n", "url")
CUT = 100  # characters of a text


def print_preview(preview: Preview) -> None:
    """Form, columns, the first items as they would land, and the counts."""
    console, report = Console(), preview.report
    assert report is not None
    console.print(f"{preview.name}: {report.form}", markup=False, soft_wrap=True)
    columns = Table("our field", "read from")
    for field, headings in report.columns.items():
        columns.add_row(field, escape(", ".join(headings)))
    columns.add_row("[dim]not read", escape(", ".join(report.unread) or "none"))
    console.print(columns)
    for n, item in enumerate(preview.first, 1):
        said = ", ".join(f"{name} {text}" for name in SHOWN if (text := _said(name, item[name])))
        console.print(f"item {n}: {said}", markup=False, soft_wrap=True)
    kept = f"{report.rows_n:,} rows: {report.kept_n:,} would come in, {report.not_ours_n:,} concern nobody we watch"
    console.print(f"{kept}, {report.rejected_n:,} cannot be read", markup=False, soft_wrap=True)
    for (column, reason), n in report.reasons.most_common(20):
        console.print(f"  {n:,} × {column}: {reason} {QUARANTINE_REASONS[reason]}", markup=False, soft_wrap=True)
    if preview.note:
        console.print(f"  {preview.note}", markup=False, soft_wrap=True)
    console.print("nothing was written", style="dim")


def _said(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "published_at":
        return shanghai(value)
    if name in ("platform", "kind"):
        return str({**PLATFORMS, **KINDS}.get(value, value))
    text = str(value).replace("\n", " ")
    return text if len(text) <= CUT else text[: CUT - 1] + "…"
