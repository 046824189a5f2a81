"""A bundle of evidence in words: the printable list. Nothing here decides, and nothing is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from briefing.evidence import safe_link
from briefing.render import page
from warehouse.clock import shanghai
from warehouse.evidence import Case, Picture, Record
from warehouse.vocabulary import ARCHIVE_STATES, CATEGORIES, FETCH_REASONS, KINDS, PLATFORMS, PRECISIONS

FIRST_WORDS = 80  # characters of a post's text shown in the list; all of it stands in rows.csv
TO_THE_SECOND = "%Y-%m-%d %H:%M:%S"
LABELS = {"event": "事件", "warning": "预警", "post": "帖文"}
FAULTS = {
    "body": "正文与抓取时的 SHA-256 不符", "frame": "HTTP 头与记录自带的摘要不符", "place": "记录里的网址或时间与抓取登记不符",
    "unreadable": "已读不出完整的记录", "header": "压缩文件头与存档写入时不符",
}  # fmt: skip
UNASKED = {  # crawlers.screenshot.UNASKED
    "no_card": "没有去访问：这个来源没有启用的来源卡（例如文件导入）",
    "not_home": "没有去访问：帖文网址不在来源卡登记的站点上（确是同一站点的，请工程师写进 options.hosts）",
    "enough": "没有去访问：已到一次访问的页数上限",
    "no_address": "没有去访问：站点名解析不到可以访问的公网地址",
}
COUNTS = {
    "reposts_n": "转发", "comments_n": "评论", "likes_n": "点赞", "views_n": "阅读", "board_rank": "热榜位次", "heat": "热度",
}  # fmt: skip
ALARMING = ("tampered", "missing")


@dataclass(frozen=True)
class Contents:
    """All that a bundle is about. `hospitals`: id -> name; `warc_sha256`: of evidence.warc.gz."""

    name: str
    is_drill: bool
    case: Case
    hospitals: dict[str, str]
    records: list[Record]
    pictures: list[Picture]
    made_at: datetime
    version: str
    warc_sha256: str

    @property
    def hospital(self) -> str | None:
        event = self.case.event
        return self.hospitals.get(event["hospital_id"], event["hospital_id"]) if event else None


def index(said: Contents) -> str:
    """The list as a page of its own that asks for nothing but the pictures beside it."""
    case, numbers = said.case, {record.fetch_id: record for record in said.records}
    tally = Counter(record.state for record in said.records)
    return page("evidence.html").render(
        name=said.name, is_drill=said.is_drill, case=case, label=LABELS[case.label], hospital=said.hospital,
        category=CATEGORIES[case.event["category"]] if case.event else None, warnings=[_warning(row) for row in case.warnings],
        as_of=time_words(case.as_of), made_at=time_words(said.made_at), version=said.version, warc_sha256=said.warc_sha256,
        tally=[{"state": state, "word": word, "n": tally[state]} for state, word in ARCHIVE_STATES.items() if tally[state]],
        problems=problems(case, said.records, said.pictures), posts=[_post(n, post, case, numbers) for n, post in enumerate(case.posts, 1)],
        records=[_record(record, case) for record in said.records],
        pictures=[_picture(one, case) for one in said.pictures if one.shot["png"]],
        without=Counter(_why(one) for one in said.pictures if not one.shot["png"]), counts_n=len(case.observations),
        example=next((record for record in said.records if record.offset is not None), None),
        event_as_of=time_words(case.event["as_of"]) if case.event else None, time_zone="北京时间（UTC+8）",
    )  # fmt: skip


def problems(case: Case, records: list[Record], pictures: list[Picture]) -> list[str]:
    """A sentence for each thing that is not what it was."""
    gone = [post["post_id"] for post in case.posts if "fetch_id" not in post]
    said = [f"记录 R{one.number} {ARCHIVE_STATES[one.state]}{_fault(one)}" for one in records if one.state in ALARMING]
    said += [f"帖文 {post_id} 已不在库中" for post_id in gone]
    return said + [
        f"截图 {one.shot['post_id']}（{one.shot['shot_at']}）{ARCHIVE_STATES[one.state]}" for one in pictures if one.state in ALARMING
    ]


def time_words(moment: datetime) -> str:
    return shanghai(moment, TO_THE_SECOND)


def _warning(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["warning_id"],
        "words": f"{row['severity']}（{row['level']} 级）",
        "time": time_words(row["as_of"]),
        "run": row["run_id"],
    }


def _post(number: int, post: dict[str, Any], case: Case, records: dict[str, Record]) -> dict[str, Any]:
    if "fetch_id" not in post:
        return {"number": number, "post_id": post["post_id"], "is_gone": True}
    words = " ".join((post["title"] or post["text"]).split())
    record = records[post["fetch_id"]]
    return {
        "number": number, "post_id": post["post_id"], "is_gone": False,
        "words": words if len(words) <= FIRST_WORDS else words[:FIRST_WORDS] + "……",
        "platform": PLATFORMS[post["platform"]], "kind": KINDS[post["kind"]], "url": post["url"], "link": safe_link(post["url"]),
        "published": _published(post), "precision": PRECISIONS[post["published_precision"]], "seen": time_words(post["first_seen_at"]),
        "counts": _counts(row for row in case.observations if row["post_id"] == post["post_id"]),
        "record": record.number, "state": record.state, "state_word": ARCHIVE_STATES[record.state],
    }  # fmt: skip


def _published(post: dict[str, Any]) -> str | None:
    if post["published_at"] is None:
        return None
    forms = {"second": TO_THE_SECOND, "hour": "%Y-%m-%d %H 时", "day": "%Y-%m-%d"}
    return shanghai(post["published_at"], forms.get(post["published_precision"], "%Y-%m-%d %H:%M"))


def _counts(readings: Iterable[dict[str, Any]]) -> str | None:
    """The last reading in words, and how many there were."""
    rows = list(readings)
    said = [f"{word} {rows[-1][name]:,.10g}" for name, word in COUNTS.items() if rows and rows[-1][name] is not None]
    return f"{time_words(rows[-1]['observed_at'])} 读数：{'，'.join(said)}（共 {len(rows)} 次）" if said else None


def _fault(record: Record) -> str:
    return f"：{FAULTS[record.fault]}" if record.fault else ""


def _record(record: Record, case: Case) -> dict[str, Any]:
    state = {"number": record.number, "fetch_id": record.fetch_id, "state": record.state, "state_word": ARCHIVE_STATES[record.state]}
    if record.fetch is None:
        return {**state, "fetch": None, "fault": "登记表 fetches 中没有这次抓取"}
    fetch = record.fetch
    return {
        **state, "fetch": fetch, "fault": FAULTS.get(record.fault), "link": safe_link(fetch["url"]),
        "fetched": time_words(fetch["fetched_at"]),
        "reason": FETCH_REASONS[fetch["reason"]], "record_id": record.record_id, "offset": record.offset,
        "posts_n": sum(post.get("fetch_id") == record.fetch_id for post in case.posts),
        "is_beside": record.state == "tampered" and record.has_bytes,
    }  # fmt: skip


def _picture(one: Picture, case: Case) -> dict[str, Any]:
    number = next((n for n, post in enumerate(case.posts, 1) if post["post_id"] == one.shot["post_id"]), 0)
    return {
        **one.shot, "number": number, "file": one.file, "state": one.state, "state_word": ARCHIVE_STATES[one.state],
        "reason_word": FETCH_REASONS[one.shot["reason"]], "time": time_words(datetime.fromisoformat(one.shot["shot_at"])),
        "link": safe_link(one.shot["final_url"]),
    }  # fmt: skip


def _why(one: Picture) -> str:
    if one.shot["unasked"]:
        return UNASKED[one.shot["unasked"]]
    return f"{FETCH_REASONS[one.shot['reason']]}：{one.shot['detail'] or '没有说明'}"
