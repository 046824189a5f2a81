"""A file people exported (vendors, MediaCrawler, weibo-search, a spreadsheet) -> the items a crawl gives, and the rows set aside.

Every row ends in one of three places: an item, a reject with row, column and reason, or the count of rows that concern nobody we watch
(those are not kept at all: design/ARCHITECTURE.md, principle 10).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from crawlers.addresses import stable_id
from crawlers.cells import Cells, as_text, content_id, own_id, thread, verified
from crawlers.clean import plain
from crawlers.counts import read_count
from crawlers.headings import PERSONAL, SPOKEN, fields_of, folded, platform_of
from crawlers.items import Fetch, Item, Origin, Reading, make_item
from crawlers.redact import redact
from crawlers.sheets import ImportProblem, Row, open_sheet
from crawlers.times import read_time
from warehouse.schema import polars_schema
from warehouse.vocabulary import PLATFORMS
from warehouse.watchlist import Watchlist

__all__ = ["ImportProblem", "Imported", "Report", "read_export"]

COUNTS = ("reposts_n", "comments_n", "likes_n", "views_n", "followers_n", "heat")
ARTICLES = ("news", "wechat", "toutiao", "thepaper")
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # 1900 is Excel's zero, 1970 an empty epoch
MOST = 10**15  # no count of anything; larger ones do not fit a table
SLACK = timedelta(days=1)  # an export in another time zone may run ahead of us
BATCH = 5_000  # items turned into a frame at a time
REJECTS = pl.Schema({"row_n": pl.Int64(), "column": pl.String(), "reason": pl.String(), "row": pl.String()})


class Reject(NamedTuple):
    """`reason` is a word of vocabulary.QUARANTINE_REASONS; `row` is JSON with personal data masked and the author left out."""

    row_n: int
    column: str
    reason: str
    row: str


@dataclass
class Report:
    """What became of the rows. `unread` are columns we have no use for; `platforms` counts platform words we do not know."""

    form: str
    rows_n: int = 0
    kept_n: int = 0
    not_ours_n: int = 0
    rejected_n: int = 0
    unread: tuple[str, ...] = ()
    platforms: Counter[str] = field(default_factory=Counter)


class Imported(NamedTuple):
    """`items` has the columns of raw_items, `fetches` one row for the file: both go through expectations.land."""

    items: pl.DataFrame
    rejects: pl.DataFrame
    report: Report
    fetches: pl.DataFrame


class _Bad(Exception):
    """This row, this column, this reason."""

    def __init__(self, column: str, reason: str) -> None:
        self.column, self.reason = column, reason


def read_export(
    path: Path,
    watchlist: Watchlist,
    clock_at: datetime,
    source: str,
    sheet: str | None = None,
    platform: str | None = None,
    secret: str = "",
) -> Imported:
    """Items of one file, first seen at `clock_at`; `secret` keys the author hashes. ImportProblem if it is no table with a text column.

    `sheet` picks a sheet of a workbook (else the one whose header we know best), `platform` overrules what the rows say.
    """
    path = Path(path)
    if platform is not None and platform not in PLATFORMS:
        raise ImportProblem(f"{path}: unknown platform {platform!r}; one of: {', '.join(PLATFORMS)}")
    table = open_sheet(path, sheet)
    fetch = _fetch(path, source if source.startswith("import:") else f"import:{source}", clock_at, table.form)
    origin = Origin(fetch.source, platform or "import", fetch.fetch_id, clock_at, secret)
    read = {heading for own in fields_of(table.headings).values() for heading in own}
    report = Report(table.form, unread=tuple(name for name in table.headings if name and name not in read))
    reader = _Reader(path, watchlist, origin, platform, report)
    frames, items, rejects = [_frame([])], [], []
    for row in table.rows:
        report.rows_n += 1
        try:
            item = reader.item(row)
        except _Bad as bad:
            rejects.append(Reject(row.n, bad.column, bad.reason, _masked(row)))
            continue
        if item is not None:
            items.append(item)
        if len(items) == BATCH:
            frames.append(_frame(items))
            items = []
    kept = pl.concat([*frames, _frame(items)])
    report.kept_n, report.rejected_n = kept.height, len(rejects)
    fetch.items_n = kept.height
    found = pl.DataFrame(rejects, schema=REJECTS, orient="row")
    return Imported(kept, found, report, pl.DataFrame([astuple(fetch)], schema=_columns("fetches"), orient="row"))


def _fetch(path: Path, source: str, clock_at: datetime, form: str) -> Fetch:
    """The file as an answer of its source; its id follows from content and clock, so the same import again is the same fetch."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Fetch(
        fetch_id=stable_id(source, digest, clock_at.astimezone(UTC).isoformat()), source=source, url=path.name, fetched_at=clock_at,
        http_status=None, reason="ok", detail=form, bytes_n=path.stat().st_size, items_n=0, sha256=digest, warc_file=None, warc_offset=None,
    )  # fmt: skip


@dataclass
class _Reader:
    path: Path
    watchlist: Watchlist
    origin: Origin
    platform: str | None
    report: Report

    def item(self, row: Row) -> Item | None:
        """An item, or None if the row concerns nobody we watch; _Bad if it cannot be read."""
        if row.broken:
            raise _Bad("(row)", "bad_pattern")
        cells = Cells(row.cells)
        title, text = cells.said("title"), cells.said("text")
        heard = plain(f"{title}\n{text}")
        if not heard:
            raise _Bad(cells.heading("text") or cells.heading("title"), "missing")
        is_comment = any(folded(name) in ("comment_id", "评论内容", "评论id") for name in row.cells)
        if not self.watchlist.concerns(heard) and not (is_comment and self.watchlist.concerns(cells.said("keyword"))):
            self.report.not_ours_n += 1  # a comment rarely names the hospital: the search that found its thread does
            return None
        self._check(cells)
        return make_item(self._reading(cells, title, text, is_comment), self.origin)

    def _check(self, cells: Cells) -> None:
        """A time or count that is said must be readable: never a hole where the file has a value."""
        if said := cells.said("published_at"):
            at = read_time(said, self.origin.seen_at).at
            reason = (
                "bad_pattern" if at is None else "too_old" if at < EARLIEST else "in_future" if at > self.origin.seen_at + SLACK else ""
            )
            if reason:
                raise _Bad(cells.heading("published_at"), reason)
        for name in COUNTS:
            if not (said := cells.said(name)):
                continue
            n = read_count(said)
            if n is None or n > MOST:
                raise _Bad(cells.heading(name), "out_of_range" if n or re.fullmatch(r"-\d+(\.\d+)?", said) else "bad_pattern")

    def _reading(self, cells: Cells, title: str, text: str, is_comment: bool) -> Reading:
        url = cells.said("url") if cells.said("url").startswith(("http://", "https://")) else ""
        platform = self.platform or self._platform(cells, url)
        kind = "comment" if is_comment else "repost" if cells.said("retweet") else "article" if platform in ARTICLES else "post"
        names = cells.every("author")
        own = any(name in hospital.own_accounts for hospital in self.watchlist.hospitals for name in names)
        author = next((name for name in names if folded(name) not in SPOKEN), None)  # 来源: 微博 is no author
        return Reading(
            text=text, title=title, kind=kind, platform=platform, url=url or None,
            native_id=own_id(cells, platform, url, is_comment) or (None if url else content_id(cells)),
            published=cells.said("published_at") or None, author=author, author_kind="own" if own else None,
            is_verified=verified(cells.said("verified")), followers=cells.said("followers_n") or None, region=cells.said("region") or None,
            parent=thread(cells) if is_comment else cells.said("retweet") or None,
            reposts=cells.said("reposts_n") or None, comments=cells.said("comments_n") or None, likes=cells.said("likes_n") or None,
            views=cells.said("views_n") or None, heat=cells.said("heat") or None,
        )  # fmt: skip

    def _platform(self, cells: Cells, url: str) -> str:
        said = cells.said("platform")
        found = platform_of(said, url, tuple(cells.row), self.path)
        if found is None and said:
            self.report.platforms[said] += 1
        return found or "import"


def _masked(row: Row) -> str:
    """The row as JSON without its author and with personal data starred out; what is broken is cut at 2,000 characters."""
    own = fields_of(tuple(row.cells))
    personal = {heading for name in PERSONAL for heading in own.get(name, ())}
    shown = {
        name: redact(as_text(value))[:2_000] for name, value in row.cells.items() if name not in personal and name.split(".")[0] != "user"
    }
    if row.broken:
        shown["why"] = row.broken
    return json.dumps(shown, ensure_ascii=False)


def _frame(items: list[Item]) -> pl.DataFrame:
    return pl.DataFrame([astuple(item) for item in items], schema=_columns("raw_items"), orient="row")


def _columns(table: str) -> pl.Schema:
    return pl.Schema({name: dtype for name, dtype in polars_schema(table).items() if name not in ("run_id", "day_on")})
