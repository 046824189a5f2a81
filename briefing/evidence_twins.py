"""A bundle of evidence for machines and spreadsheets: the list as JSON, its rows as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from briefing.evidence_page import COUNTS, Contents, problems, time_words
from briefing.twins import cell
from warehouse.clock import SHANGHAI
from warehouse.evidence import Case, Record
from warehouse.vocabulary import ARCHIVE_STATES, KINDS, PLATFORMS, PRECISIONS


def manifest(said: Contents) -> str:
    """The list for machines: keys as in the tables, instants as ISO 8601."""
    case = said.case
    whole = {
        "id": case.id, "label": case.label, "is_drill": said.is_drill, "name": said.name, "as_of": case.as_of, "made_at": said.made_at,
        "software": f"guanchao/{said.version}", "hospital": said.hospital, "event": case.event, "warnings": case.warnings,
        "warc": {"file": "evidence.warc.gz", "sha256": said.warc_sha256}, "problems": problems(case, said.records, said.pictures),
        "posts": case.posts,
        "records": [
            {"number": one.number, "state": one.state, "fault": one.fault, "record_id": one.record_id, "offset": one.offset}
            | (one.fetch or {"fetch_id": one.fetch_id}) for one in said.records
        ],
        "observations_n": len(case.observations),
        "screenshots": [{**one.shot, "file": one.file, "state": one.state} for one in said.pictures],
    }  # fmt: skip
    return json.dumps(whole, ensure_ascii=False, indent=1, default=_iso) + "\n"


def rows_csv(case: Case, records: list[Record], is_drill: bool) -> str:
    """Every post and every reading of its counts, a line each; for spreadsheets, so no cell may be run as a formula."""
    numbers = {record.fetch_id: record for record in records}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(
        ["演练", "行", "帖文编号", "平台", "类型", "来源", "网址", "作者代号", "标题（脱敏）", "正文（脱敏）", "发布时间", "时间精度",
         "首次看到", "读数时间", *COUNTS.values(), "记录", "抓取编号", "正文SHA-256", "存档状态"]
    )  # fmt: skip
    stamp = "演练" if is_drill else "否"
    for row in _lines(case):
        record = numbers.get(row[-1] or "")
        sha256 = record.fetch["sha256"] if record and record.fetch else ""
        state = ARCHIVE_STATES[record.state] if record else "已不在库中"
        writer.writerow([cell(value) for value in (stamp, *row[:-1], f"R{record.number}" if record else "", row[-1], sha256, state)])
    return text.getvalue()


def _lines(case: Case) -> Iterator[list[Any]]:
    """帖文, then 读数, without what the records say; the last cell is the fetch_id."""
    for post in case.posts:
        if "fetch_id" not in post:
            yield ["帖文", post["post_id"], *[""] * (11 + len(COUNTS)), None]
            continue
        words = [
            PLATFORMS[post["platform"]],
            KINDS[post["kind"]],
            post["source"],
            post["url"],
            post["author_hash"],
            post["title"],
            post["text"],
        ]
        published = time_words(post["published_at"]) if post["published_at"] else ""
        times = [published, PRECISIONS[post["published_precision"]], time_words(post["first_seen_at"]), ""]
        yield ["帖文", post["post_id"], *words, *times, *[""] * len(COUNTS), post["fetch_id"]]
    for seen in case.observations:
        yield ["读数", seen["post_id"], *[""] * 10, time_words(seen["observed_at"]), *(seen[name] for name in COUNTS), seen["fetch_id"]]


def _iso(value: Any) -> str:
    return value.astimezone(SHANGHAI).isoformat() if isinstance(value, datetime) else str(value)
