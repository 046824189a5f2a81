"""Filled-in files back: spreadsheet, Label Studio export, doccano export -> what was answered for each text, or why a row is no answer.

What the file holds decides, not its name. No word is guessed at: one we do not know sets its row aside.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from briefing.twins import FORMULA
from crawlers.imports.headings import folded
from crawlers.imports.sheets import ImportProblem, open_sheet
from flows.label_writers import ID, ID_MARK, TEXT, WHY, WORDS
from warehouse.vocabulary import LABEL_HEADS, QUEUE_REASONS

HEADINGS = {
    "post_id": (folded(ID), "post_id"), "text": (TEXT, "text", "内容", "标题", "title", "content"), "why": (WHY, "reason", "queue_reason"),
    "annotator": ("annotator",), **{head: (word, head) for head, word in LABEL_HEADS.items()},
}  # fmt: skip
KNOWN = {head: {**{word: key for key, word in words.items()}, **{key: key for key in words}} for head, words in WORDS.items()}
KNOWN["relevant"] |= {"1": "relevant", "0": "irrelevant"}
SKIPPED = ("was_cancelled",)


@dataclass(frozen=True)
class Answer:
    """One person's answer on one text. `words` holds the heads answered, as written; `person` is who, where the file says so."""

    place: str
    text: str
    post_id: str = ""
    why: str = ""
    person: str = ""
    words: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Aside:
    """A row that cannot be taken, and why."""

    place: str
    reason: str
    post_id: str = ""


def read(path: Path) -> Iterator[Answer | Aside]:
    """Every row of the file; an Answer without words is a text nobody answered yet. ImportProblem if the file is none of the forms."""
    try:
        start = path.read_bytes()[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as problem:
        raise ImportProblem(f"{path}: cannot be read ({problem.strerror})") from problem
    if start.startswith(b"PK") and _is_archive(path):
        raise ImportProblem(f"{path}: an archive of several files; unpack it and import them one by one, each with its --annotator")
    if start[:1] in (b"[", b"{"):
        return _from_json(path)
    return _from_sheet(path)


def _is_archive(path: Path) -> bool:
    try:
        return not any(name.startswith("xl/") for name in zipfile.ZipFile(path).namelist())
    except zipfile.BadZipFile:
        return False


def _from_sheet(path: Path) -> Iterator[Answer | Aside]:
    sheet = open_sheet(path)
    _expect(path, {folded(name) for name in sheet.headings})
    for row in sheet.rows:
        yield Aside(f"row {row.n}", row.broken) if row.broken else _flat(f"row {row.n}", row.cells)


def _from_json(path: Path) -> Iterator[Answer | Aside]:
    """A list (Label Studio's JSON and JSON_MIN, doccano's JSON) or one object a line (doccano's JSONL)."""
    try:
        said = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise ImportProblem(f"{path}: not UTF-8; export it again as JSON") from problem
    if said.lstrip().startswith("["):
        try:
            records = list(enumerate(json.loads(said), 1))
        except json.JSONDecodeError as problem:
            raise ImportProblem(f"{path}: line {problem.lineno}: not readable JSON; export it again") from problem
        unit = "task"
    else:
        records, unit = [(n, line) for n, line in enumerate(said.splitlines(), 1) if line.strip()], "line"
    keys: set[str] = set()
    answers: list[Answer | Aside] = []
    for n, record in records:
        record = _object(record)
        if record is None:
            answers.append(Aside(f"{unit} {n}", "not a JSON object"))
            continue
        keys |= {"relevant"} if isinstance(record.get("annotations"), list) or isinstance(record.get("label"), list) else set(record)
        answers.extend(_of_record(f"{unit} {n}", record))
    _expect(path, keys)
    return iter(answers)


def _object(record: Any) -> dict[str, Any] | None:
    if isinstance(record, str):
        try:
            record = json.loads(record)
        except json.JSONDecodeError:
            return None
    return record if isinstance(record, dict) else None


def _expect(path: Path, keys: Iterable[str]) -> None:
    if not set(HEADINGS["relevant"]) & set(keys):
        raise ImportProblem(
            f"{path}: no column {LABEL_HEADS['relevant']} (relevant) among {', '.join(sorted(keys)[:9])}; fill in a file of `label export`"
        )


def _of_record(place: str, record: dict[str, Any]) -> list[Answer | Aside]:
    if isinstance(record.get("annotations"), list):
        return _of_task(place, record)
    if isinstance(record.get("label"), list):
        return [_of_doccano(place, record)]
    return [_flat(place, record)]


def _flat(place: str, cells: dict[str, Any]) -> Answer | Aside:
    """A row whose columns are the heads: a spreadsheet, Label Studio's CSV or JSON_MIN."""
    by_name = {folded(name): cell for name, cell in cells.items()}
    said = {field: next((_plain(by_name[name]) for name in names if name in by_name), "") for field, names in HEADINGS.items()}
    return _answer(place, said, {head: [said[head]] for head in WORDS if said[head]}, _person(said["annotator"]))


def _of_task(place: str, task: dict[str, Any]) -> list[Answer | Aside]:
    """A task of Label Studio: an answer for each person, the last one he gave; skipped tasks are unanswered."""
    data = task.get("data") if isinstance(task.get("data"), dict) else {}
    given = [one for one in task["annotations"] if isinstance(one, dict) and not any(one.get(name) for name in SKIPPED)]
    given.sort(key=lambda one: str(one.get("updated_at") or one.get("created_at") or ""))
    latest = {_person(one.get("completed_by")): one for one in given}
    out: list[Answer | Aside] = []
    for person, annotation in latest.items():
        words: dict[str, list[str]] = {}
        for result in annotation.get("result") or []:
            value = result.get("value") if isinstance(result, dict) else None
            chosen = value.get("choices") if isinstance(value, dict) else None
            if isinstance(chosen, list) and result.get("from_name") in WORDS:
                words.setdefault(result["from_name"], []).extend(map(str, chosen))
        out.append(_answer(place, data or {}, words, person))
    return out or [_answer(place, data or {}, {}, "")]


def _of_doccano(place: str, record: dict[str, Any]) -> Answer | Aside:
    words: dict[str, list[str]] = {}
    heads = {word: head for head, word in LABEL_HEADS.items()}
    for label in record["label"]:
        name, mark, word = str(label).partition(":")
        if not mark or name not in heads:
            return Aside(
                place, f"unknown label {label!r}; known: {', '.join(f'{one}:…' for one in heads)}", str(record.get("post_id") or "")
            )
        words.setdefault(heads[name], []).append(word)
    return _answer(place, record, words, "")


def _answer(place: str, said: dict[str, Any], words: dict[str, list[str]], person: str) -> Answer | Aside:
    post_id = _plain(said.get("post_id")).removeprefix(ID_MARK)
    for head, given in words.items():
        if len(given) > 1:
            return Aside(place, f"{LABEL_HEADS[head]}: two answers at once: {'、'.join(given)}", post_id)
    why = _plain(said.get("why")) or _plain(said.get("reason"))
    reason = next((key for key, word in QUEUE_REASONS.items() if why == key or why.startswith(word)), "")
    chosen = {head: given[0].strip() for head, given in words.items()}
    return Answer(place, _plain(said.get("text")), post_id, reason, person, {head: word for head, word in chosen.items() if word})


def _plain(cell: Any) -> str:
    """A cell as text; the apostrophe that kept a formula from running is taken off, and Excel's 1.0 is 1."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    said = "" if cell is None else str(cell).strip()
    return said[1:] if said.startswith("'") and said[1:].lstrip(" ").startswith(FORMULA) else said


def _person(completed_by: Any) -> str:
    """Label Studio's number of a person; names and addresses are not taken over."""
    number = completed_by.get("id") if isinstance(completed_by, dict) else completed_by
    return str(number) if re.fullmatch(r"\d{1,9}", str(number)) else ""
