"""What `guanchao sources` prints."""

from __future__ import annotations

from typing import Any

import polars as pl
from rich.markup import escape
from rich.table import Column, Table

from flows.source_check import ADVICE, MOST_ASKED, TITLES, Finding
from flows.terminal import console
from warehouse.clock import SHANGHAI
from warehouse.settings import Settings
from warehouse.store import Warehouse
from warehouse.vocabulary import FETCH_REASONS, GOT_AN_ANSWER, PLATFORMS

DAY = "%Y-%m-%d %H:%M"
WIDE, WIDE_COLUMNS = 120, ("kind", "title", "platform")  # columns of the window from which these fit on one line each


def print_cards(cards: list[Any], settings: Settings) -> None:
    """A line a card; what a card sets aside stands below, where its reason has room. A narrow window loses what the card itself says."""
    is_wide = console.width >= WIDE
    past = _past(settings)
    names = (
        ["id", *WIDE_COLUMNS, "every", "", "last good answer", "last reason"]
        if is_wide
        else ["id", "min", "", "last good answer", "reason"]
    )
    table = Table(*(Column(name, overflow="fold", no_wrap=name == "last good answer") for name in names))
    for card in cards:
        good, last = past.get(card.id, ("never asked", ""))
        pace, state = f"{card.cadence_minutes}{' min' if is_wide else ''}", "on" if card.enabled else "off"
        said = (card.kind, card.title, PLATFORMS[card.platform]) if is_wide else ()
        shown = f"{FETCH_REASONS[last]} {last}" if last and is_wide else last
        table.add_row(*map(escape, (card.id, *said, pace, state, good, shown)))
    console.print(table)
    for card in cards:
        for name, reason in card.overrides.items():
            console.print(f"{card.id} overrides [bold]{name}[/]: {escape(reason)}", soft_wrap=True)


def _past(settings: Settings) -> dict[str, tuple[str, str]]:
    """source -> (when it last answered as it should, the last answer's reason)."""
    fetches = Warehouse(settings.warehouse).scan("fetches").select("source", "fetched_at", "reason")
    good = pl.col("fetched_at").filter(pl.col("reason").is_in(GOT_AN_ANSWER)).max()
    rows = fetches.group_by("source").agg(good.alias("good"), pl.col("reason").sort_by("fetched_at").last()).collect()
    local = rows.with_columns(pl.col("good").dt.convert_time_zone("Asia/Shanghai"))
    return {name: (f"{at:{DAY}}" if at else "never", why) for name, at, why in local.select("source", "good", "reason").iter_rows()}


def print_finding(finding: Finding) -> None:
    """A source's trial: one line each thing, and what to do where it is not well."""
    card, colour = finding.card, "green" if finding.is_well else "yellow"
    console.print(f"[bold]{card.id}[/] {escape(card.title)}: [{colour}]{finding.reason}[/] {FETCH_REASONS[finding.reason]}")
    table = Table(Column("asked", overflow="fold"), "", "bytes", "items", "what happened")
    for row in finding.rows:
        told = f"{row['reason']}{': ' + row['detail'] if row['detail'] else ''}"
        table.add_row(*map(escape, (row["url"], str(row["http_status"] or "-"), str(row["bytes_n"]), str(row["items_n"]), told)))
    console.print(table)
    console.print(f"robots.txt {finding.robots}", markup=False)
    items = finding.items
    console.print(f"{items.height} items read, {finding.concerned_n} concern the watch-list", markup=False)
    if finding.left_n:
        console.print(f"{finding.left_n} more addresses were found; a check asks at most {MOST_ASKED}", markup=False)
    if items.height:
        console.print("filled: " + ", ".join(f"{name} {share:.0%}" for name, share in finding.filled.items()), markup=False)
        for row in items.head(TITLES).iter_rows(named=True):
            at = f"{row['published_at'].astimezone(SHANGHAI):{DAY}}" if row["published_at"] else "no time"
            console.print(f"  {at}  {(row['title'] or row['text'])[:60]}", markup=False, soft_wrap=True)
    if advice := ADVICE.get(finding.reason):
        console.print(f"what to do: {advice}", style=colour, markup=False, soft_wrap=True)
