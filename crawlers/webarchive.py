"""WARC files of others (Common Crawl's CC-NEWS) -> their HTML pages, one record in memory at a time; design/SOURCES.md §2.16.

A damaged record is told and the next whole one is looked for. warcio takes a torn gzip member for a short one: lengths are compared here.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import unquote, urlsplit

from lxml.etree import LxmlError
from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from crawlers.article.pages import read_page
from crawlers.clean import decode
from crawlers.items import Reading
from crawlers.parsers.payload import UNUSABLE
from crawlers.reasons import NoReading
from warehouse.watchlist import Watchlist

LARGEST_PAGE = 8 * 1024 * 1024  # bytes, unpacked
BLOCK = 1024 * 1024
MEMBER = b"\x1f\x8b\x08"  # how a gzip member begins
HTML = ("text/html", "application/xhtml+xml")
BROKEN = (ArchiveLoadFailed, zlib.error, EOFError, ValueError, OSError)


class Page(NamedTuple):
    """A page as it was answered at `at`; `type` is its Content-Type."""

    url: str
    at: datetime
    type: str
    body: bytes


class Record(NamedTuple):
    """`end`: offset behind the record, where reading can go on. `page` of a wanted HTML record; `problem` in place of a damaged stretch."""

    end: int
    page: Page | None = None
    problem: str | None = None


def files_of(url: str) -> list[Path]:
    """The files a file:// address stands for, by name; its last part may hold * and ?."""
    place = Path(unquote(url.removeprefix("file://")))
    return [place] if place.is_file() else sorted(path for path in place.parent.glob(place.name) if path.is_file())


def farthest(cursors: Iterable[str], file: str) -> int:
    """How far an earlier run came in `file`, among words of the shape `file@offset`: rows are dated by their records, the last need not be
    the farthest."""
    places = (cursor.rpartition("@") for cursor in cursors)
    return max((int(offset) for name, _, offset in places if name == file), default=0)


def is_under(url: str, domains: Sequence[str]) -> bool:
    host = urlsplit(url).hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


def article_of(page: Page, watched: Watchlist, platform: str, n: Counter[str]) -> Reading | None:
    """The article if it concerns a hospital; few pages name one, and only those are worth trafilatura's 20 ms. `n` counts what was found: a
    page that is no article is no change of format here, where the whole web passes by."""
    text = decode(page.body)
    if not watched.concerns(text):
        return None
    try:
        read = read_page(text, page.url, page.at, platform)
    except (NoReading, LxmlError, RecursionError, *UNUSABLE):
        n["pages without an article"] += 1
        return None
    is_ours = watched.concerns(f"{read.title}\n{read.text}")
    n["articles" if is_ours else "articles that name a hospital beside the text"] += 1
    return read if is_ours else None


def read_records(path: Path, start: int, is_wanted: Callable[[str], bool]) -> Iterator[Record]:
    """Every record from offset `start`, bodies only of those whose address is wanted. After damage: from the next readable gzip member."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while start < size:
            end, why = yield from _whole_records(file, start, is_wanted)
            if end >= size:
                return
            start = _next_member(file, max(end, start) + 1, size)
            went_on = "nothing behind it" if start >= size else f"went on at {start}"
            yield Record(end, problem=f"damaged at byte {end} of {size}, {went_on}: {why}")


def _whole_records(file: BinaryIO, start: int, is_wanted: Callable[[str], bool]) -> Generator[Record, None, tuple[int, str]]:
    """Records up to the end or the first torn one: (offset behind the last whole one, what came then)."""
    file.seek(start)
    end, records = start, ArchiveIterator(file)
    try:
        for record in records:
            if record.format != "warc":
                return end, "no WARC record"
            page = _page(record, is_wanted)
            records.read_to_end(record)
            if getattr(record.raw_stream, "limit", 0) > 0 or not getattr(records.reader.decompressor, "eof", True):
                return end, "a record shorter than it says"
            end = records.offset
            yield Record(end, page)
    except BROKEN as problem:
        return end, str(problem).strip().split("\n")[0][:120] or type(problem).__name__
    return end, "no record"


def _page(record: Any, is_wanted: Callable[[str], bool]) -> Page | None:
    headers, url = record.http_headers, record.rec_headers.get_header("WARC-Target-URI") or ""
    if record.rec_type != "response" or headers is None or headers.get_statuscode() != "200":
        return None
    kind = headers.get_header("Content-Type") or ""
    at = _read_date(url, record.rec_headers.get_header("WARC-Date") or "")
    if at is None or not kind.lower().startswith(HTML) or not is_wanted(url):
        return None
    body = record.content_stream().read(LARGEST_PAGE + 1)
    return Page(url, at, kind, body) if len(body) <= LARGEST_PAGE else None


def _read_date(url: str, date: str) -> datetime | None:
    """None also where the address is none: neither can be filed."""
    try:
        at, parts = datetime.fromisoformat(date), urlsplit(url)
        return at if at.tzinfo and parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def _next_member(file: BinaryIO, start: int, size: int) -> int:
    """Offset of the next bytes that look like a gzip member, or `size`; the blocks overlap, or a mark on their border is missed."""
    while start < size:
        file.seek(start)
        block = file.read(BLOCK)
        if (found := block.find(MEMBER)) >= 0:
            return start + found
        start += max(1, len(block) - len(MEMBER) + 1)
    return size
