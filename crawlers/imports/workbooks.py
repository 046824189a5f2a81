"""XLSX -> rows. A workbook is an archive, so it is weighed before it is opened: its words lie in memory while it is read."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from crawlers.imports.headings import fields_of, recognised
from crawlers.imports.rows import TORN, Export, ImportProblem, Row, Sheet, listed, one_line, whole

HEADER_WITHIN = 10  # vendors put a title and a date above the header
MOST_ROWS = 1_048_576  # Excel's own
MOST_WORDS = 256 << 20  # bytes of sharedStrings.xml: about as much again in memory
MOST_UNPACKED = 2 << 30
MOST_RATIO = 200  # text shrinks to a tenth, a bomb to a thousandth
RATIO_COUNTS_FROM = 64 << 20


def is_workbook(names: Iterable[str]) -> bool:
    return any(name.startswith("xl/") for name in names)


def is_bomb(members: Iterable[zipfile.ZipInfo], packed_bytes: int) -> bool:
    """Would it blow up to something out of all proportion? Members that share their bytes count each."""
    unpacked = sum(member.file_size for member in members)
    return unpacked > RATIO_COUNTS_FROM and unpacked > MOST_RATIO * max(packed_bytes, 1)


def read_workbook(file: Export, sheet: str | None) -> Sheet:
    """The rows of one sheet; without `sheet` that whose header we know best."""
    book = _open(file)
    if sheet is not None and sheet not in book.sheetnames:
        raise ImportProblem(f"{file.name}: no sheet {sheet!r}; sheets: {listed(book.sheetnames)}")
    names = [sheet] if sheet else [each.title for each in book.worksheets]  # charts are sheets too, without cells
    found = [(name, header(_cells(file, book[name]))) for name in names[:100]]
    name, (header_n, headings) = max(found, key=lambda each: recognised(each[1][1]))
    rows = enumerate(_cells(file, book[name]), 1)
    below = (make_row(n, headings, cells) for n, cells in rows if n > header_n and any(cell not in (None, "") for cell in cells))
    also = tuple(other for other, (_, said) in found if other != name and fields_of(said).get("text"))
    return Sheet(f"XLSX sheet {one_line(name, 40)!r} of {len(book.sheetnames)}", headings, below, also)


def _open(file: Export) -> Any:
    from openpyxl import load_workbook

    try:
        _weigh(file)
        return load_workbook(file.path, read_only=True, data_only=True)
    except ImportProblem:
        raise
    except TORN as problem:
        raise ImportProblem(f"{file.name}: row 1: not a readable XLSX workbook; open it in Excel and save it as .xlsx") from problem


def _weigh(file: Export) -> None:
    with zipfile.ZipFile(file.path) as archive:
        members = archive.infolist()
    words = sum(member.file_size for member in members if member.filename.endswith("sharedStrings.xml"))
    unpacked = sum(member.file_size for member in members)
    if unpacked > MOST_UNPACKED or words > MOST_WORDS or is_bomb(members, file.path.stat().st_size):
        raise ImportProblem(
            f"{file.name}: a workbook that unpacks to {unpacked / 2**20:,.0f} MiB is too large to open; save the sheet as “CSV UTF-8”"
        )


def _cells(file: Export, sheet: Any) -> Iterator[tuple[Any, ...]]:
    """The sheet's rows as wide as they are: the size a workbook declares for itself is often that of the whole grid."""
    sheet.reset_dimensions()
    for n, cells in enumerate(whole(file, sheet.iter_rows(values_only=True)), 1):
        if n > MOST_ROWS:
            raise ImportProblem(f"{file.name}: row {n}: more rows than Excel has; export it as CSV")
        yield cells


def header(rows: Iterable[Iterable[Any]]) -> tuple[int, tuple[str, ...]]:
    """(row number, headings) of the row among the first ten that has most of our headings; of the first row if none has any."""
    top = [(n, named(cells)) for n, cells in enumerate(islice(rows, HEADER_WITHIN), 1)]
    filled = [(n, headings) for n, headings in top if any(headings)]
    return max(filled, key=lambda found: recognised(found[1])) if filled else (0, ())


def named(cells: Iterable[Any]) -> tuple[str, ...]:
    """The headings; of two that are called the same the first is the one that is read."""
    seen: Counter[str] = Counter()
    found = []
    for cell in cells:
        name = str(cell).strip().lstrip("\ufeff") if cell is not None else ""
        seen[name] += 1
        found.append(name if seen[name] == 1 or not name else f"{name} ({seen[name]})")
    return tuple(found)


def make_row(n: int, headings: tuple[str, ...], cells: Iterable[Any]) -> Row:
    cells = tuple(cells)
    broken = ""
    if len(cells) > len(headings) and any(cell not in (None, "") for cell in cells[len(headings) :]):
        broken = f"{len(cells)} cells under {len(headings)} headings"
    return Row(n, dict(zip(headings, cells, strict=False)), broken)
