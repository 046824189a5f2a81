"""A file that people exported -> its rows: CSV (UTF-8, GB18030, UTF-16), XLSX, JSON lines, JSON array, Parquet.

What the file holds decides, not its name. Rows come one at a time, so a large CSV, JSONL, XLSX or Parquet file never lies
in memory as a whole; a JSON array does.
"""

from __future__ import annotations

import csv
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, NamedTuple

from crawlers.headings import ACCEPTED, fields_of, recognised
from warehouse.settings import ConfigProblem

LONGEST_LINE = 2_000_000  # bytes; our longest text is 50,000 characters, so a longer line is not a row
HEADER_WITHIN = 10  # vendors put a title and a date above the header
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # what Excel calls Unicode text
TORN = (ValueError, KeyError, OSError, SyntaxError, EOFError, zipfile.BadZipFile, zlib.error)  # how readers say a file is damaged
FORMS = "CSV, XLSX, JSONL, JSON or Parquet"


class ImportProblem(ConfigProblem):
    """A file cannot be imported; one line says file, row, column and what to do. Nothing was written."""


class Row(NamedTuple):
    """`n` counts as the reader's program does (Excel's row, the editor's line in JSONL); `broken` says why it has no cells."""

    n: int
    cells: dict[str, Any]
    broken: str = ""


@dataclass(frozen=True)
class Sheet:
    form: str
    headings: tuple[str, ...]
    rows: Iterator[Row]


def open_sheet(path: Path, sheet: str | None = None) -> Sheet:
    """Rows of the file; ImportProblem where there are none, or no column holds text."""
    head = _head(path)
    if head.startswith(b"PK\x03\x04"):
        found = _xlsx(path, sheet)
    elif head.startswith(b"PAR1"):
        found = _parquet(path)
    elif b"\0" in head and not head.startswith(UTF_16):
        raise ImportProblem(f"{path}: row 1: a binary file, not a table; export {FORMS} (an old .xls: save it as .xlsx first)")
    else:
        found = _text(path, head)
    known = fields_of(found.headings)
    if not known.get("text") and not known.get("title"):
        raise ImportProblem(f"{path}: no text column; found: {_listed(found.headings)}; rename the one with the text to one of: {ACCEPTED}")
    first = next(found.rows, None)
    if first is None:
        raise ImportProblem(f"{path}: no rows below the header ({_listed(found.headings)}); export again with data")
    return Sheet(found.form, found.headings, chain([first], found.rows))


def _head(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise ImportProblem(f"{path}: a folder or device, not a file; name one file in it ({FORMS})")
    try:
        with path.open("rb") as stream:
            head = stream.read(8192)
    except FileNotFoundError as problem:
        raise ImportProblem(f"{path}: no such file; check the path") from problem
    except OSError as problem:
        raise ImportProblem(f"{path}: cannot be read ({problem.strerror}); check its permissions") from problem
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise ImportProblem(f"{path}: empty, there is no row 1; export it again")
    return head


def _text(path: Path, head: bytes) -> Sheet:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"[") or (start.startswith(b"{") and _is_spread(start)):
        return _json_array(path)
    encoding = _encoding(path, head)
    return _jsonl(path, encoding) if start.startswith(b"{") else _csv(path, encoding)


def _is_spread(start: bytes) -> bool:
    """Is this one JSON object written over several lines? In JSON lines the second line starts another object."""
    first, _, rest = start.partition(b"\n")
    return bool(rest.strip()) and not rest.lstrip().startswith(b"{") and not first.rstrip().endswith(b"}")


def _encoding(path: Path, head: bytes) -> str:
    """UTF-8 strictly first, then GB18030 (what GB2312 and GBK labels mean in practice); never with errors ignored."""
    if head.startswith(UTF_16):
        if not _decodes(path.read_bytes(), "utf-16"):
            raise ImportProblem(f"{path}: row 1: starts like UTF-16 and is not; save it as “CSV UTF-8” and import again")
        return "utf-16"
    left = ["utf-8", "gb18030"]
    with path.open("rb") as stream:
        for n, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE + 1), b""), 1):
            if len(line) > LONGEST_LINE:
                raise ImportProblem(f"{path}: row {n}: a line of more than {LONGEST_LINE:,} bytes is no row; export with one record a line")
            left = [encoding for encoding in left if _decodes(line, encoding)]
            if not left:
                raise ImportProblem(f"{path}: row {n}: neither UTF-8 nor GB18030; save it as “CSV UTF-8” and import again")
    return "utf-8-sig" if left[0] == "utf-8" else left[0]


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _csv(path: Path, encoding: str) -> Sheet:
    with path.open(encoding=encoding, newline="") as stream:
        top = list(islice(stream, HEADER_WITHIN))
    delimiter, (n, headings) = max(
        ((mark, _header(csv.reader(top, delimiter=mark))) for mark in ",\t;|"),
        key=lambda found: (recognised(found[1][1]), len(found[1][1])),
    )
    return Sheet(f"CSV {encoding}, cells divided by {delimiter!r}", headings, _csv_rows(path, encoding, delimiter, n, headings))


def _csv_rows(path: Path, encoding: str, delimiter: str, header_n: int, headings: tuple[str, ...]) -> Iterator[Row]:
    with path.open(encoding=encoding, newline="") as stream:
        spoken: list[str] = []  # the lines of the record being read, for the one that cannot be
        reader = csv.reader(_kept(stream, spoken), delimiter=delimiter, strict=True)
        for n in count(1):
            spoken.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as problem:
                if "unexpected end" in str(problem) or "field larger" in str(problem):
                    raise ImportProblem(
                        f'{path}: row {n}: a quotation mark (") is opened and never closed; close or remove it'
                    ) from problem
                yield Row(n, {"line": "".join(spoken).strip()}, f"stray quotation mark: {problem}")
                continue
            if n > header_n and any(cell.strip() for cell in cells):
                yield _row(n, headings, cells)


def _kept(lines: Iterable[str], spoken: list[str]) -> Iterator[str]:
    for line in lines:
        spoken.append(line)
        yield line


def _row(n: int, headings: tuple[str, ...], cells: Iterable[Any]) -> Row:
    cells = list(cells)
    extra = [cell for cell in cells[len(headings) :] if cell not in (None, "")]
    broken = f"{len(cells)} cells under {len(headings)} headings" if extra else ""
    return Row(n, dict(zip(headings, cells, strict=False)), broken)


def _header(rows: Iterable[Iterable[Any]]) -> tuple[int, tuple[str, ...]]:
    """(row number, headings) of the row among the first ten that has most of our headings; of the first row if none has any."""
    top = [(n, _named(cells)) for n, cells in enumerate(islice(rows, HEADER_WITHIN), 1)]
    filled = [(n, headings) for n, headings in top if any(headings)]
    return max(filled, key=lambda found: recognised(found[1])) if filled else (0, ())


def _named(cells: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(cell).strip().lstrip("\ufeff") if cell is not None else "" for cell in cells)


def _xlsx(path: Path, sheet: str | None) -> Sheet:
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except TORN as problem:
        raise ImportProblem(f"{path}: row 1: not a readable XLSX workbook; open it in Excel and save it as .xlsx") from problem
    if sheet is not None and sheet not in book.sheetnames:
        raise ImportProblem(f"{path}: no sheet {sheet!r}; sheets: {_listed(book.sheetnames)}")
    names = [sheet] if sheet else [each.title for each in book.worksheets]  # charts are sheets too, without cells
    found = [(name, _header(_whole(path, book[name].iter_rows(values_only=True)))) for name in names]
    name, (header_n, headings) = max(found, key=lambda each: recognised(each[1][1]))
    rows = enumerate(_whole(path, book[name].iter_rows(values_only=True)), 1)
    rows_below = (_row(n, headings, cells) for n, cells in rows if n > header_n and any(cell not in (None, "") for cell in cells))
    return Sheet(f"XLSX sheet {name!r} of {len(book.sheetnames)}", headings, rows_below)


def _whole(path: Path, rows: Iterable[Any]) -> Iterator[Any]:
    """The rows, and one clear line where a damaged file stops giving them: half a file is not imported."""
    given = count(1)
    try:
        for cells in rows:
            next(given)
            yield cells
    except TORN as problem:
        raise ImportProblem(f"{path}: row {next(given)}: the file is damaged from here on; export it again") from problem


def _jsonl(path: Path, encoding: str) -> Sheet:
    def lines() -> Iterator[Row]:
        with path.open(encoding=encoding) as stream:
            for n, line in enumerate(stream, 1):
                if line.strip():
                    yield _json_row(n, line)

    return _of_objects(path, f"JSON lines {encoding}", lines())


def _json_row(n: int, line: str) -> Row:
    try:
        said = json.loads(line, strict=False)
    except (ValueError, RecursionError) as problem:
        return Row(n, {"line": line.strip()}, f"not JSON: {str(problem)[:80]}")
    return Row(n, _flat(said)) if isinstance(said, dict) else Row(n, {"line": line.strip()}, "not a JSON object")


def _json_array(path: Path) -> Sheet:
    raw = path.read_bytes()
    encoding = next((name for name in ("utf-8-sig", "gb18030") if _decodes(raw, name)), None)
    if encoding is None:
        raise ImportProblem(f"{path}: row 1: neither UTF-8 nor GB18030; export it as UTF-8")
    try:
        said = json.loads(raw.decode(encoding), strict=False)
    except json.JSONDecodeError as problem:
        raise ImportProblem(f"{path}: row {problem.lineno}, column {problem.colno}: not JSON ({problem.msg}); export it again") from problem
    except (ValueError, RecursionError) as problem:  # a number of 5,000 digits, brackets 1,000 deep
        raise ImportProblem(f"{path}: row 1: JSON no table is made of; export a list of records") from problem
    if isinstance(said, dict):  # {"data": [...]}: the one list in it is the table
        lists = [value for value in said.values() if isinstance(value, list)]
        said = lists[0] if len(lists) == 1 else [said]
    rows = (
        Row(n, _flat(each)) if isinstance(each, dict) else Row(n, {"line": each}, "not a JSON object") for n, each in enumerate(said, 1)
    )
    return _of_objects(path, f"JSON array {encoding}", rows)


def _parquet(path: Path) -> Sheet:
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path)
    except TORN as problem:  # pyarrow's ArrowInvalid is a ValueError
        raise ImportProblem(f"{path}: row 1: a damaged Parquet file; write it again") from problem
    rows = _whole(path, (each for batch in table.iter_batches(10_000) for each in batch.to_pylist()))
    return Sheet("Parquet", tuple(table.schema_arrow.names), (Row(n, _flat(each)) for n, each in enumerate(rows, 1)))


def _of_objects(path: Path, form: str, rows: Iterator[Row]) -> Sheet:
    """Objects name their own columns: the headings are those of the first ten."""
    top = list(islice(rows, HEADER_WITHIN))
    headings = tuple(dict.fromkeys(name for row in top if not row.broken for name in row.cells))
    if top and not headings:
        raise ImportProblem(
            f"{path}: row {top[0].n}: {top[0].broken or 'an empty object'}; export one JSON object a line, or a list of them"
        )
    return Sheet(form, headings, chain(top, rows))


def _flat(said: dict[str, Any]) -> dict[str, Any]:
    """{"user": {"id": 1}} -> {"user.id": 1}, one level: deeper parts are never a column of ours."""
    flat: dict[str, Any] = {}
    for name, value in said.items():
        flat.update({f"{name}.{inner}": it for inner, it in value.items()} if isinstance(value, dict) else {name: value})
    return flat


def _listed(names: Iterable[str]) -> str:
    shown = [name[:30] for name in names if name]
    return ", ".join(shown[:20]) + (" …" if len(shown) > 20 else "") if shown else "none"
