"""A recorded answer of a platform (a JSON or HTML body, kept as a file) -> the readings its parser finds in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from crawlers.imports.rows import Export, ImportProblem, one_line
from crawlers.imports.sheets import head_of, open_sheet
from crawlers.items import Reading
from crawlers.times import Moment, read_time

LARGEST = 8 << 20  # bytes; no platform answers more at once, and a parser holds the whole answer
TABLES = ("weibo_items",)  # shapes of a row each, which the importers read one by one, with a reject for each that is broken


class Recorded(NamedTuple):
    n: int
    reading: Reading


@dataclass(frozen=True)
class Recording:
    """`rows` are numbered as they stand in the answer."""

    form: str
    rows: Iterator[Recorded]


def recording_in(file: Export, arrived: datetime | None) -> Recording | None:
    """The readings of the file if its shape is that of a platform's answer; None if it is not, and may be a table.

    ImportProblem where it is an answer without posts (a login wall, a captcha), with the parser's own word for it.
    """
    start = head_of(file).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] not in (b"<", b"{", b"[", b"/", b"t", b"d") or file.path.stat().st_size > LARGEST:
        return None
    from crawlers.parsers import read_payload, recognise
    from crawlers.reasons import NoReading

    body = file.path.read_bytes()
    name = recognise(body)
    if name is None and start.startswith(b"<"):
        raise ImportProblem(
            f"{file.name}: row 1: a page of no platform that is known here; feeds and articles come by a card in sources.yml, tables as CSV"
        )
    if name is None or name in TABLES:
        return None
    base = arrived or datetime.fromtimestamp(file.path.stat().st_mtime, UTC)
    try:
        readings = read_payload(body, base, name)
    except NoReading as problem:
        if _is_table(file):
            return None
        raise ImportProblem(
            f"{file.name}: a recorded answer ({name}) without posts: {problem.reason}, {one_line(problem)}; leave it out"
        ) from problem
    return Recording(f"recorded answer: {name}", (Recorded(n, _dated(read, base)) for n, read in enumerate(readings, 1)))


def _is_table(file: Export) -> bool:
    try:
        open_sheet(file)
    except ImportProblem:
        return False
    return True


def _dated(read: Reading, base: datetime) -> Reading:
    """With its time read from when the answer arrived, not from when the file was imported."""
    return read if isinstance(read.published, Moment) else replace(read, published=read_time(read.published, base))
