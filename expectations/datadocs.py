"""What the gate said in one run, a page a table from outside and one of all that was measured, without any foreign address.

Great Expectations' own pages load scripts and styles from several CDNs and stay bare inside a hospital's network (design/STACK.md §4).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from html import escape
from pathlib import Path

import polars as pl

from expectations.gate import Checked
from expectations.measures import STOP
from warehouse.clock import shanghai
from warehouse.vocabulary import CHECK_VERDICTS, QUARANTINE_REASONS, TABLE_WORDS

STYLE = """
body{font:15px/1.6 "Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c2733}
div{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}th,td{border:1px solid #d5dde5;padding:.3rem .6rem;text-align:left}
th{background:#f2f5f8}.no{background:#fdecea}.warn{background:#fff6e0}code{font-size:13px}
"""

FOOT = "</body></html>\n"
KEPT_DAYS = 31
SHADES, SHADED = {"pass": 0, "warn": 1, "stop": 2}, ("", "warn", "no")


def page_name(table: str, as_of: datetime) -> str:
    """File name of a page inside the docs folder; the JSON beside it ends in .json."""
    return f"{shanghai(as_of, '%Y%m%dT%H%M')}-{table}.html"


def write_page(docs: Path, table: str, as_of: datetime, checked: Checked) -> Path:
    """Write page and JSON; equal results give equal bytes. Returns the page's path. `write_checks` links it."""
    docs.mkdir(parents=True, exist_ok=True)
    page = docs / page_name(table, as_of)
    page.write_text(_page(table, as_of, checked), encoding="utf-8")
    said = {
        "table": table, "as_of": as_of.isoformat(), "good_n": checked.good.height, "quarantined_n": checked.quarantined.height,
        "measured": [asdict(finding) for finding in checked.measured], "contract": checked.contract,
    }  # fmt: skip
    page.with_suffix(".json").write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return page


def write_checks(docs: Path, as_of: datetime, checks: pl.DataFrame) -> Path:
    """A run's page of everything that was measured, and the index of the pages kept; those older than a month go."""
    docs.mkdir(parents=True, exist_ok=True)
    page = docs / page_name("checks", as_of)
    rows = checks.sort("table_name", "check_name").with_columns(place=pl.col("check_verdict").replace_strict(SHADES, return_dtype=pl.Int8))
    cells = [
        (
            SHADED[one["place"]],
            (_words(one["table_name"]), one["check_name"], CHECK_VERDICTS[one["check_verdict"]], _number(one["value"]),
             _number(one["limit"]), one["rows_n"], one["sentence"]),
        )
        for one in rows.sort("place", maintain_order=True, descending=True).iter_rows(named=True)
    ]  # fmt: skip
    links = [f'<p><a href="{page_name(table, as_of)}">{escape(table)}</a></p>' for table in sorted(set(checks["table_name"])) if
             (docs / page_name(table, as_of)).exists()]  # fmt: skip
    heads = ("数据表", "检查项", "结论", "实际", "界限", "行数", "说明")
    text = "\n".join([_head(f"数据检查 · {shanghai(as_of)}"), _table("本次全部检查", heads, cells), *links, FOOT])
    page.write_text(text, encoding="utf-8")
    _index(docs, as_of)
    return page


def _index(docs: Path, as_of: datetime) -> None:
    """Newest run first, a line a run; pages of runs more than a month before this one are removed."""
    oldest = shanghai(as_of - timedelta(days=KEPT_DAYS), "%Y%m%dT%H%M")
    for path in docs.glob("*-*.*"):
        if path.name < oldest:
            path.unlink()
    runs: dict[str, list[str]] = {}
    for name in sorted(path.name for path in docs.glob("*-*.html")):
        runs.setdefault(name.partition("-")[0], []).append(name)
    lines = [
        f"<li>{escape(run)}: " + " · ".join(f'<a href="{escape(name)}">{escape(_of(name))}</a>' for name in names) + "</li>"
        for run, names in sorted(runs.items(), reverse=True)
    ]
    body = "\n".join(lines)
    (docs / "index.html").write_text("\n".join([_head("数据检查"), f"<ul>\n{body}\n</ul>", FOOT]), encoding="utf-8")


def _of(name: str) -> str:
    table = name.partition("-")[2].removesuffix(".html")
    return "本次全部检查" if table == "checks" else _words(table)


def _words(table: str) -> str:
    return TABLE_WORDS.get(table, table)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.4g}"


def _page(table: str, as_of: datetime, checked: Checked) -> str:
    title = f"数据检查 {table} · {shanghai(as_of)}"
    aside = checked.quarantined.with_columns(pl.col("quarantine_reason").replace_strict(QUARANTINE_REASONS, return_dtype=pl.String))
    kinds = aside.group_by("quarantine_reason", "column_name", "source").len()
    kinds = kinds.sort(-pl.col("len").cast(pl.Int64), "quarantine_reason", "column_name", "source")
    findings = [("no" if f.verdict == STOP else "warn", (f.sentence, _number(f.value), _number(f.limit))) for f in checked.findings]
    contract = [(_shade(e["success"], e["severity"]), (e["column"], e["expects"], e["checked_n"], e["broken_n"])) for e in checked.contract]
    return "\n".join([
        _head(title),
        f"<p>通过 {checked.good.height} 行,隔离 {checked.quarantined.height} 行。</p>",
        _table("整表提醒", ("说明", "实际", "界限"), findings),
        _table("隔离原因", ("原因", "列", "来源", "行数"), [("", row) for row in kinds.rows()]),
        _table("数据约定(Great Expectations)", ("列", "约定", "检查行数", "不符行数"), contract),
        FOOT,
    ])  # fmt: skip


def _head(title: str) -> str:
    head = (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head><body>'
    )
    return f"{head}\n<h1>{escape(title)}</h1>"


def _shade(success: bool, severity: str) -> str:
    return "" if success else "warn" if severity == "warning" else "no"


def _table(title: str, heads: tuple[str, ...], rows: Sequence[tuple[str, tuple[object, ...]]]) -> str:
    if not rows:
        return f"<h2>{escape(title)}</h2><p>无</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "\n".join(f'<tr class="{shade}">{"".join(map(_cell, row))}</tr>' for shade, row in rows)
    return f"<h2>{escape(title)}</h2><div><table><tr>{head}</tr>\n{body}</table></div>"


def _cell(said: object) -> str:
    return f"<td>{escape('' if said is None else str(said))}</td>"
