"""The list for machines and spreadsheets: the same rows as the page, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import Any

import polars as pl

from briefing.render import percent
from warehouse.clock import SHANGHAI

FORMULA = tuple("=+-@\t\r＝＋－＠")  # a spreadsheet runs a cell that starts so; Chinese ones take the full-width signs too
STRIP = ("name", "status", "word", "reason", "got_n", "low_n", "said", "lag")  # of a source, as briefing/strip.py says it


def row(card: dict[str, Any]) -> dict[str, Any]:
    """One warning of the twins, in the words of the page."""
    level, chances = card["level"], {c["horizon_h"]: percent(c["escalates_p"]) for c in card["chances"]}
    return {
        "排名": card["rank"], "级别": level.name, "程度": level.severity, "类别": card["category"], "医院": card["hospital"],
        "科室": card["department"] or "", "标题": card["title"], "24小时内升级可能性": chances.get(24, ""),
        "48小时内升级可能性": chances.get(48, ""), "已知帖数": card["posts_n"], "理由": " ".join(card["reasons"]), "牵头部门": card["lead"],
        "责任人": card["owner_role"], "处置时限": card["due"], "首次回应时限": card["statement_due"], "预警编号": card["warning_id"],
        "事件编号": card["event_id"],
    }  # fmt: skip


def records(warnings: pl.DataFrame, as_of: datetime) -> list[dict[str, Any]]:
    """The table's own rows of this list in rank order, instants as ISO 8601: what another program reads."""
    rows = warnings.filter(pl.col("as_of") == as_of).sort("rank").drop("run_id", "day_on", strict=False).to_dicts()
    return [{k: v.astimezone(SHANGHAI).isoformat() if isinstance(v, datetime) else v for k, v in one.items()} for one in rows]


def _stamp(said: dict[str, Any]) -> dict[str, Any]:
    """On every row: an empty list and a missing one must not look alike, nor a drill like life."""
    return {"榜单": said["heading"], "演练": "演练" if said["is_drill"] else "否", "日期": said["day_on"], "截至": said["as_of"]}


def as_json(said: dict[str, Any], rows: list[dict[str, Any]], as_of: datetime) -> str:
    strip = said.get("strip", {"cells": []})
    whole = {
        "state": said["state"], "heading": said["heading"], "why": said["why"], "details": said.get("details", ""),
        "is_drill": said["is_drill"],
        "stamp": "演练" if said["is_drill"] else None, "name": said["name"],
        "day_on": said["day_on"], "as_of": as_of.astimezone(SHANGHAI).isoformat(), "plan_version": said.get("plan_version"),
        "beyond_budget_n": said.get("beyond_budget_n", 0),
        "coverage": [{name: cell[name] for name in STRIP} for cell in strip["cells"]],
        "remarks": said.get("remarks", {"shown": []})["shown"],
        "warnings": [{**record, "words": one} for record, one in zip(said.get("records", []), rows, strict=True)],
    }  # fmt: skip
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def as_csv(said: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    lines = [{**_stamp(said), **one} for one in rows] or [{**_stamp(said), "说明": said["why"]}]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in line.items()} for line in lines)
    return text.getvalue()


def cell(value: Any) -> str:
    """A value as a sheet shows it and does not run it; nothing is an empty cell."""
    said = "" if value is None else str(value)
    return f"'{said}" if said.lstrip(" ").startswith(FORMULA) else said
