"""The coverage strip: what stands behind a list, source by source, and what the gate had to say of the data. In words PR reads."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import polars as pl

from briefing.render import clock_words
from warehouse.vocabulary import COVERAGE_REASONS, COVERAGE_STATUSES

HEARD = ("ok", "quiet", "flood", "stale")  # statuses of a source that answers
SHOWN = 6  # sentences of the gate; the rest is counted, Data Docs has them all


def coverage(frame: pl.DataFrame, titles: dict[str, str], enough: float, as_of: datetime) -> dict[str, Any]:
    """The strip: a cell a source, worst first, and whether the whole is enough to speak of silence."""
    rows = frame.filter(pl.col("as_of") == as_of)
    cells = [_cell(row, titles) for row in rows.iter_rows(named=True)]
    trouble = list(COVERAGE_STATUSES)
    cells.sort(key=lambda cell: (-trouble.index(cell["status"]), cell["name"]))
    ok_n = sum(cell["status"] == "ok" for cell in cells)
    total = {name: int(rows[name].sum()) for name in ("got_n", "landed_n", "quarantined_n")}
    return {**total, "cells": cells, "ok_n": ok_n, "all_n": len(cells), "is_enough": bool(cells) and ok_n / len(cells) >= enough}


def _cell(row: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    status = row["coverage_status"]
    return {
        "name": titles.get(row["source"], row["source"]), "status": status, "word": COVERAGE_STATUSES[status],
        "reason": COVERAGE_REASONS[row["reason"]] if status != "ok" else "", "got_n": row["got_n"], "low_n": row["expected_n_low"],
        "said": _said(row), "lag": _lag(row), "last_ok": clock_words(row["last_ok_at"]) if row["last_ok_at"] else None,
    }  # fmt: skip


def _said(row: dict[str, Any]) -> str:
    """The one line under a source's name: what it gave, or why it gave nothing."""
    status = row["coverage_status"]
    if status not in HEARD:
        every = row.get("cadence_min")
        return COVERAGE_REASONS[row["reason"]] + (f"，应每{span(every)}一次" if row["reason"] == "not_asked" and every else "")
    if status == "stale" and row.get("newest_at"):
        return f"最新内容停在 {clock_words(row['newest_at'])}"
    if row.get("is_asked") is False:
        return f"未到采集时间，上次 {clock_words(row['last_ok_at'])}" if row["last_ok_at"] else "未到采集时间"
    if row["reason"] == "not_modified" and not row["got_n"]:
        return "无更新"
    usual = {"quiet": ("至少", row["expected_n_low"]), "flood": ("至多", row.get("expected_n_high"))}.get(status)
    return f"{row['got_n']} 条" + (f"（平日{usual[0]} {usual[1]} 条）" if usual and usual[1] is not None else "")


def _lag(row: dict[str, Any]) -> str | None:
    """How long after publication we usually read it; None where a week's posts do not tell, or nothing comes at all."""
    median, slow = row.get("lag_median_min"), row.get("lag_p95_min")
    if median is None or slow is None or row["coverage_status"] not in HEARD:
        return None
    return f"发布后约{span(median)}读到" + (f"，慢的要{span(slow)}" if slow >= 1.5 * median and span(slow) != span(median) else "")


def span(minutes: float) -> str:
    """45 -> 45 分钟, 200 -> 3 小时, 4000 -> 3 天; less than a minute is a minute."""
    if minutes < 90:
        return f" {max(1, round(minutes))} 分钟"
    return f" {round(minutes / 60)} 小时" if minutes < 48 * 60 else f" {round(minutes / 60 / 24)} 天"


def remarks(checks: pl.DataFrame, titles: dict[str, str], as_of: datetime) -> dict[str, Any]:
    """The gate's sentences of this run, sources by their titles: `shown` and how many more there are."""
    rows = checks.filter(pl.col("as_of") == as_of, pl.col("check_verdict") != "pass").sort("table_name", "check_name")
    said = [re.sub(r"[a-z][a-z0-9_:]+", lambda word: titles.get(word[0], word[0]), sentence) for sentence in rows["sentence"].drop_nulls()]
    return {"shown": said[:SHOWN], "more_n": max(0, len(said) - SHOWN)}
