"""record.html and its twins: life and a backtest side by side, each its own record; every figure one of briefing/record.py."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from briefing import record_words as words
from briefing.pages import day
from briefing.playbook import Playbook
from briefing.publish import RECORD_PAGE, days, header, replace_file
from briefing.record import Record
from briefing.record_charts import charts
from briefing.record_figures import LEAST_EACH, LEAST_N, Figures, Share
from briefing.record_scores import HEADLINE
from briefing.render import page
from briefing.twins import cell
from warehouse.clock import SHANGHAI
from warehouse.settings import Settings

CSVS = {"live": "record.csv", "backtest": "record-backtest.csv"}  # a file each: the two are never rows of one sheet


def publish_record(live: Record, backtest: Record | None, playbook: Playbook, settings: Settings, out: Path) -> tuple[Path, ...]:
    """Write the page and its twins as of the live record; ValueError where a record stands in the other's place."""
    if live.kind != "live" or (backtest and backtest.kind != "backtest"):
        raise ValueError("a record of life and one of a backtest were given for each other")
    if max(days(out), default="") > day(live.until):
        return ()  # a day run again: the page only moves forward
    records = [one for one in (live, backtest) if one]
    said = {
        **header(settings, live.until, "record"), "columns": [column(one, playbook) for one in records], "has_backtest": bool(backtest),
        "budget_now": playbook.limits.warnings_per_day, "least_n": LEAST_N, "least_each": LEAST_EACH, "too_few": words.TOO_FEW,
        "horizon_h": HEADLINE.horizon_h, "periods": words.PERIODS,
    }  # fmt: skip
    files = {RECORD_PAGE: page("record.html").render(said), "record.json": as_json(records, playbook)}
    files |= {CSVS[one.kind]: as_csv(one, playbook) for one in records}
    return tuple(replace_file(out / name, text, "utf-8-sig" if name.endswith(".csv") else "utf-8") for name, text in files.items())


def column(record: Record, playbook: Playbook) -> dict[str, Any]:
    """One record in ready words."""
    return {
        "kind": record.kind, "word": "演练" if record.is_drill else words.KINDS[record.kind], "name": record.name, "csv": CSVS[record.kind],
        "since": words.moment(record.since)[:10], "until": words.moment(record.until)[:16], "pace": words.pace(record),
        "lists_n": record.lists_n, "models": record.models, "undelivered_n": record.undelivered_n, "apart_n": record.apart_n,
        "about": record.about, "now": words.numbers(record.headline),
        "periods": [{"word": word, **words.numbers(record.periods[days][HEADLINE])} for days, word in words.PERIODS.items()],
        "tasks": [{"word": words.task_words(task), **words.numbers(found)} for task, found in record.periods[None].items()],
        "parts": [{"word": words.part_words(key, playbook), **words.numbers(found)} for key, found in record.parts.items()],
        "charts": charts(record), "budget": words.budget_rows(record), "reasons": words.reason_counts(record),
        "warnings": words.warning_rows(record, playbook), "missed": words.missed_rows(record),
        "asked": [HEADLINE, *(task for task in record.others if task.target == HEADLINE.target)],
    }  # fmt: skip


def as_json(records: list[Record], playbook: Playbook) -> str:
    """The records for another program, under their kinds; a share is null where the page does not state it either."""
    return json.dumps({one.kind: as_data(one, playbook) for one in records}, ensure_ascii=False, indent=1) + "\n"


def as_data(record: Record, playbook: Playbook) -> dict[str, Any]:
    same = ("kind", "name", "is_drill", "lists_n", "step_h", "models", "undelivered_n", "apart_n", "about")
    plain = {name: getattr(record, name) for name in same}
    return {
        **plain, "since": _iso(record.since), "until": _iso(record.until), "least_n": LEAST_N, "least_each": LEAST_EACH,
        "periods": {
            str(days or "all"): {task.name: _data(found) for task, found in by_task.items()} for days, by_task in record.periods.items()
        },
        "parts": {name: _data(found) for name, found in record.parts.items()},
        "trend": [{"until": _iso(one.until), "precision": _share(one.precision), "caught": _share(one.caught)} for one in record.trend],
        "budget": [
            {
                **{name: getattr(one, name) for name in ("k", "threshold_p", "kept_n", "held_n", "missed_per_week", "lost_per_week")},
                "precision": _share(one.figures.precision), "caught": _share(one.figures.caught), "lead_h": one.figures.lead_h,
            }
            for one in record.budget
        ],
        "warnings": [{k: v for k, v in row.items() if k != "tasks"} | _flat(row) for row in words.warning_rows(record, playbook)],
        "missed": words.missed_rows(record),
    }  # fmt: skip


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("chance", "status", "reached", "resolves", "lead_h", "detail")
    return {"tasks": {task.name: {name: ended[name] for name in kept} for task, ended in row["tasks"].items()}}


def _data(found: Figures) -> dict[str, Any]:
    shares = {name: _share(getattr(found, name)) for name in ("precision", "caught", "caught_of_seen")}
    same = ("statuses", "days_n", "events_n", "unavoidable_n", "beyond_n", "is_enough", "false_per_day", "lead_h", "base_rate", "brier",
            "brier_skill")  # fmt: skip
    return {
        **{name: getattr(found, name) for name in same}, **shares, "ahead": {str(h): _share(one) for h, one in found.ahead.items()},
        "reliability": [{"p": one.p, "came": _share(one.came)} for one in found.reliability],
    }  # fmt: skip


def _share(one: Share) -> dict[str, Any]:
    return {**asdict(one), "value": one.value, "interval": one.interval}


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(SHANGHAI).isoformat() if moment else None


def as_csv(record: Record, playbook: Playbook) -> str:
    """A line a warning, newest first; cells that a sheet would run are quoted. A record without warnings has its headings."""
    tasks = [HEADLINE, *record.others]
    parts = {"可能性": "p", "结果": "word", "达标时间": "reached", "提前": "lead"}
    heads = ["记录", "演练", "发出时间", "级别", "类别", "科室", "标题", "预警编号", "事件编号"]
    heads += [f"{words.task_words(task)}：{part}" for task in tasks for part in parts]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(heads)
    for row in words.warning_rows(record, playbook):
        first = [words.KINDS[record.kind], "演练" if record.is_drill else "否", row["issued"], row["level"], row["category"]]
        first += [row["department"], row["title"], row["warning_id"], row["event_id"]]
        writer.writerow([cell(value) for value in [*first, *(row["tasks"][task][key] for task in tasks for key in parts.values())]])
    return text.getvalue()
