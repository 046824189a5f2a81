"""The words of the record, and its rows in them: for the page and for a sheet alike. Shares are stated only where there are enough."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from briefing.playbook import Playbook
from briefing.record import Record
from briefing.record_budget import Budget
from briefing.record_figures import AHEAD_H, Figures, Share
from briefing.record_scores import HEADLINE, Task
from briefing.render import percent, share
from warehouse.clock import shanghai
from warehouse.vocabulary import CATEGORIES, TARGETS

TOO_FEW = "样本太少，不下结论"
KINDS = {"live": "实况", "backtest": "回测"}
STATUSES = {
    "yes": "已升级", "no": "未升级", "void": "无法判定", "open": "未到期", "already": "发出时已达标", "unforecast": "没有预测",
}  # fmt: skip
WHY = {
    "below": "可能性低于阈值",
    "there": "首次发现时已达标",
    "between": "未到榜单时间：在两期榜单之间出现并达标",
    "outage": "来源中断：达标前后的榜单覆盖不足",
    "cooling": "限流：仍在冷却期",
    "full": "限流：榜单条数或每日预算已满",
    "closed": "已由人工判为误报或已办结",
    "undelivered": "榜单没有发出去",
    "no_list": "达标之前没有榜单",
    "beyond": "按规则不预警：负面程度、相关性或归属未达要求",
}
VOID = {"unread": "来源没有读到", "uncounted": "没有读到互动数", "erased": "帖文已按要求删除", "rule": "规则无法核对"}
PERIODS = {30: "近 30 天", 90: "近 90 天", 180: "近 180 天", None: "全部"}


def task_words(task: Task) -> str:
    for shape, words in TARGETS.items():
        if found := re.fullmatch(shape, task.target):
            return f"{task.horizon_h} 小时内{words.format(*found.groups())}"
    return f"{task.horizon_h} 小时内 {task.target}"


def part_words(key: str, playbook: Playbook) -> str:
    """`forecast`, `facts` or `level_3` of Record.parts."""
    given = {"forecast": "因可能性过线而发的", "facts": "只因已有帖文或榜位而发的"}
    return given[key] if key in given else f"{playbook.level(int(key.removeprefix('level_'))).label}的"


def said(one: Share) -> dict[str, Any]:
    """A share for print: 43%, 36%–51%, 21/49; the first two empty where there are too few."""
    low, high = one.interval or (0.0, 0.0)
    if one.value is None:
        return {"value": "", "interval": "", "of": f"{one.hits}/{one.n}", "hits": one.hits, "n": one.n}
    return {"value": share(one.value), "interval": f"{share(low)}–{share(high)}", "of": f"{one.hits}/{one.n}", "hits": one.hits, "n": one.n}


def numbers(found: Figures) -> dict[str, Any]:
    """A period for print; empty words where there are too few."""
    lead = found.lead_h
    middle = [f"{hours:.1f}" for hours in lead] if lead else []
    same = ("statuses", "warnings_n", "events_n", "days_n", "unavoidable_n", "beyond_n", "is_enough")
    return {
        **{name: getattr(found, name) for name in same}, "leads_n": len(found.leads),
        "precision": said(found.precision), "caught": said(found.caught), "caught_of_seen": said(found.caught_of_seen),
        "false_n": found.statuses["no"], "false_per_day": _number(found.false_per_day, 2),
        "lead": span(lead[1]) if lead else "", "lead_range": f"{middle[0]}–{middle[2]} 小时" if lead else "",
        "ahead": {h: said(found.ahead[h]) for h in AHEAD_H},
        "brier": _number(found.brier, 3), "skill": _number(found.brier_skill, 2, sign=True),
        "base_rate": share(found.base_rate) if found.base_rate is not None else "",
    }  # fmt: skip


def span(hours: float) -> str:
    """1.25 -> 1.3 小时, 0.4 -> 24 分钟."""
    return f"{hours:.1f} 小时" if hours >= 1 else f"{hours * 60:.0f} 分钟"


def _number(value: float | None, digits: int, sign: bool = False) -> str:
    return "" if value is None else f"{value:{'+' if sign else ''}.{digits}f}"


def warning_rows(record: Record, playbook: Playbook) -> list[dict[str, Any]]:
    """Every warning, newest first: ready words for the page and the sheet, the headline task first."""
    by_task = {task: {row["warning_id"]: row for row in frame.iter_rows(named=True)} for task, frame in record.others.items()}
    made = []
    for row in record.warnings.sort(["issued_at", "rank"], descending=[True, False]).iter_rows(named=True):
        others = {task: rows[row["warning_id"]] for task, rows in by_task.items()}
        made.append(
            {
                **{name: row[name] for name in ("warning_id", "event_id", "title", "department", "rank", "status", "hospital_id")},
                "issued": moment(row["issued_at"]), "level": _level(row, playbook),
                "category": CATEGORIES.get(row["category"], row["category"]),
                "tasks": {task: _ended(one) for task, one in {HEADLINE: row, **others}.items()},
            }
        )  # fmt: skip
    return made


def _ended(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "p": percent(row["p"]) if row["p"] is not None else "", "chance": row["p"], "status": row["status"],
        "word": STATUSES[row["status"]] + (f"：{void_words(row['detail'])}" if row["status"] == "void" else ""),
        "lead": span(row["lead_h"]) if row["lead_h"] is not None else "", "lead_h": row["lead_h"], "detail": row["detail"] or "",
        "reached": moment(row["reached_at"]), "resolves": moment(row["resolve_at"]),
    }  # fmt: skip


def void_words(detail: str | None) -> str:
    """`unread:weibo_board; merged:e1` -> 来源没有读到."""
    key = re.split("[:;]", detail or "")[0]
    return VOID.get(key, key or "原因没有记下")


def _level(row: dict[str, Any], playbook: Playbook) -> str:
    """Number and word; a scheme changed since keeps the word it was issued under."""
    known = playbook.order(row["level"])
    return playbook.levels[known].label if known >= 0 and playbook.levels[known].severity == row["severity"] else row["severity"]


def missed_rows(record: Record) -> list[dict[str, Any]]:
    """Every event that reached the rule without a warning before, newest first."""
    return [
        {
            "event_id": row["event_id"], "title": row["title"] or "", "category": CATEGORIES.get(row["category"] or "", ""),
            "reached": moment(row["reached_at"]), "first": moment(row["first_as_of"]), "why": row["why"],
            "word": WHY[row["why"]] + (f"（最高 {percent(row['chance'])}）" if row["why"] == "below" and row["chance"] is not None else ""),
            "late": span((row["late_at"] - row["reached_at"]).total_seconds() / 3600) if row["late_at"] else "",
        }
        for row in record.missed.iter_rows(named=True)
    ]  # fmt: skip


def reason_counts(record: Record) -> list[dict[str, Any]]:
    counts = dict(record.missed["why"].value_counts().iter_rows())
    return [{"word": word, "n": counts[key]} for key, word in WHY.items() if key in counts]


def budget_rows(record: Record) -> list[dict[str, Any]]:
    """A line a choice of k; words are empty where there are too few, or where k was never used up."""
    return [_budget(one) for one in record.budget]


def _budget(one: Budget) -> dict[str, Any]:
    lead = one.figures.lead_h
    return {
        "k": one.k, "threshold": percent(one.threshold_p) if one.threshold_p is not None else "",
        "kept_n": one.kept_n, "held_n": one.held_n, "precision": said(one.figures.precision),
        "caught": said(one.figures.caught), "missed": _number(one.missed_per_week, 1),
        "lost": _number(one.lost_per_week, 1), "lead": span(lead[1]) if lead else "",
    }  # fmt: skip


def moment(at: datetime | None) -> str:
    return shanghai(at, "%Y-%m-%d %H:%M") if at else ""


def pace(record: Record) -> str:
    """How often a list was made."""
    if record.step_h is None:
        return ""
    a_day = 24 / record.step_h
    return f"每天 {a_day:.0f} 次" if a_day >= 0.75 else f"每 {1 / a_day:.0f} 天 1 次"
