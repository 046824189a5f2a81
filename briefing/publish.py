"""The day's list as files: page, JSON and CSV twins, a page an event, the archive. Each is whole or absent, the same bytes each time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from briefing import facts, outlook, pages, strip, twins
from briefing.pages import Frames
from briefing.playbook import Playbook
from briefing.render import page
from warehouse.clock import SHANGHAI
from warehouse.settings import Settings
from warehouse.watchlist import Watchlist

MODELS_PAGE, RECORD_PAGE = "models.html", "record.html"
WEEKDAYS = "一二三四五六日"
STATES = {
    "list": "今日预警榜", "quiet": "今日没有预警", "uncovered": "覆盖不足", "no_list": "今日无榜单", "models": "模型页", "record": "战绩",
}  # fmt: skip


@dataclass(frozen=True)
class Published:
    """Every file written, the day's page first."""

    paths: tuple[Path, ...]


def publish(
    frames: Frames, playbook: Playbook, watchlist: Watchlist, settings: Settings, out: Path, as_of: datetime,
    sources: dict[str, str] | None = None, data_docs: Path | None = None, *, beyond_budget_n: int = 0, has_record: bool = False,
    earlier: Iterable[datetime] = (),
) -> Published:  # fmt: skip
    """Write the list of `as_of`. `sources`: id -> title of each card; `data_docs`: index page of the data's own report.

    `beyond_budget_n`: warnings that the day's budget held back; `has_record`: the record's page is written after the list; `earlier`: the
    lists that left before on this day.
    """
    covered = strip.coverage(frames.coverage, sources or {}, playbook.limits.coverage_ok_share, as_of)
    hospitals = {hospital.id: hospital.name for hospital in watchlist.hospitals}
    cards = pages.cards(frames, playbook, hospitals, as_of)
    state = "uncovered" if not covered["is_enough"] else "list" if cards else "quiet"
    said = {
        **header(settings, as_of, state), **_read(frames, settings, as_of), "strip": covered, "cards": cards,
        "outlook": outlook.coming(frames.outlooks, hospitals, as_of),
        "remarks": strip.remarks(frames.checks, sources or {}, as_of),
        "records": twins.records(frames.warnings, as_of),
        "tally": _tally(cards, playbook), "plan_version": playbook.version,
        "data_docs": Path(os.path.relpath(data_docs, out)).as_posix() if data_docs else None,
        "has_models_page": (out / MODELS_PAGE).is_file(), "has_record_page": has_record or (out / RECORD_PAGE).is_file(),
        "beyond_budget_n": beyond_budget_n, "budget_n": playbook.limits.warnings_per_day,
    }  # fmt: skip
    rows = [twins.row(card) for card in cards]
    events = {f"events/{c['event_id']}.html": page("event.html").render(said, card=c, base="../", root="../../") for c in cards}
    return _write_day(out, as_of, "list.html", said, rows, events, earlier)


def publish_no_list(
    why: str, settings: Settings, out: Path, as_of: datetime, details: str = "", earlier: Iterable[datetime] = ()
) -> Published:
    """A stage stopped: today's page says so and why; yesterday's list stays yesterday's. `details`: a line for the engineer."""
    said = {**header(settings, as_of, "no_list"), "why": why, "details": details}
    return _write_day(out, as_of, "no_list.html", said, [], {}, earlier)


def header(settings: Settings, as_of: datetime, state: str) -> dict[str, Any]:
    """What the top of every page says."""
    local = as_of.astimezone(SHANGHAI)
    return {
        "name": settings.name, "is_drill": settings.drill, "state": state, "heading": STATES[state], "day_on": pages.day(as_of), "why": "",
        "date": f"{local.year}年{local.month}月{local.day}日 星期{WEEKDAYS[local.weekday()]}", "as_of": f"{local:%H:%M}",
    }  # fmt: skip


def _tally(cards: list[dict[str, Any]], playbook: Playbook) -> list[dict[str, Any]]:
    """How many of each level, worst first."""
    levels = reversed(playbook.levels)
    return [{"label": n.label, "tone": pages.tone(n, playbook), "n": sum(card["level"] is n for card in cards)} for n in levels]


def _read(frames: Frames, settings: Settings, as_of: datetime) -> dict[str, Any]:
    """What stands behind the list, so that a short one can be judged."""
    since = as_of - timedelta(days=settings.list_days)
    unsure = frames.mentions.filter(pl.col("status") == "unconfirmed", pl.col("first_seen_at").is_between(since, as_of))
    models = {*facts.latest_scores(frames.scores)["model_version"], *frames.forecasts.filter(pl.col("as_of") == as_of)["model_version"]}
    events_n = frames.events.filter(pl.col("as_of") == as_of).height
    return {"events_n": events_n, "unsure_n": unsure["post_id"].n_unique(), "models": sorted(models), "list_days": settings.list_days}


def _write_day(
    out: Path, as_of: datetime, template: str, said: dict[str, Any], rows: list[dict[str, Any]], files: dict[str, str],
    earlier: Iterable[datetime],
) -> Published:  # fmt: skip
    """Pages that are linked to are written before the page that links; the day's page and `latest` only move forward."""
    folder, stamp = out / said["day_on"], _stamp(as_of)
    said["earlier"] = [{"file": _stamp(one), "time": f"{one.astimezone(SHANGHAI):%H:%M}"} for one in sorted(earlier)]
    said.setdefault("has_record_page", (out / RECORD_PAGE).is_file())
    whole = page(template).render(said, base="", root="../")
    if stamp < max(
        (path.name for path in folder.glob("list-*.html")), default=""
    ):  # looked back from before the day's list: its own page, and nothing in that one's place
        files = {name: text for name, text in files.items() if not (folder / name).exists()} | {stamp: whole}
    else:
        twin = {"list.json": twins.as_json(said, rows, as_of), "list.csv": twins.as_csv(said, rows)}
        files = {**files, **twin, stamp: whole, "index.html": whole}
    written = [replace_file(folder / name, text, "utf-8-sig" if name.endswith(".csv") else "utf-8") for name, text in files.items()]
    if "index.html" in files and max(days(out)) == said["day_on"]:
        written.append(replace_file(out / "latest.html", page(template).render(said, base=f"{said['day_on']}/", root="")))
    written.append(
        replace_file(out / "days.html", page("days.html").render({**said, "heading": "往日榜单"}, base="", root="", days=_archive(out)))
    )
    return Published(tuple(reversed(written)))


def _stamp(as_of: datetime) -> str:
    return f"list-{as_of.astimezone(SHANGHAI):%H%M}.html"


def days(out: Path) -> list[str]:
    """Days with a page, newest first."""
    return sorted((folder.parent.name for folder in out.glob("????-??-??/index.html")), reverse=True)


def _archive(out: Path) -> list[dict[str, Any]]:
    return [json.loads((out / day / "list.json").read_text(encoding="utf-8")) for day in days(out)]


def replace_file(path: Path, text: str, encoding: str = "utf-8") -> Path:
    """Write a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(text.encode(encoding))
    temporary.replace(path)
    return path
