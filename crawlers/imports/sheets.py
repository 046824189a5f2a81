"""A file that people exported -> its rows: CSV (UTF-8, GB18030, UTF-16), XLSX, JSON lines, JSON list or object, Parquet.

What the file holds decides, not its name. Rows come one at a time, so no file lies in memory as a whole; of a workbook the words do,
and workbooks.py says how many.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterable, Iterator
from itertools import chain, count, islice
from pathlib import Path

from crawlers.imports.charsets import LONGEST_LINE, UTF_16, encoding_of
from crawlers.imports.headings import ACCEPTED, fields_of, is_of_accounts, recognised
from crawlers.imports.json_rows import json_lines, json_list, json_objects
from crawlers.imports.rows import TORN, Export, ImportProblem, Row, Sheet, listed, row_of, whole
from crawlers.imports.workbooks import HEADER_WITHIN, header, is_workbook, make_row, named, read_workbook

__all__ = ["Export", "ImportProblem", "Row", "Sheet", "head_of", "open_sheet"]

FORMS = "CSV, XLSX, JSONL, JSON or Parquet"
GZIP, ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")


def open_sheet(path: Path | Export, sheet: str | None = None) -> Sheet:
    """Rows of the file; ImportProblem where there are none, or no column holds text."""
    file = path if isinstance(path, Export) else Export.at(path)
    found = _reader(file, head_of(file), sheet)
    known = fields_of(found.headings)
    if is_of_accounts(found.headings):
        raise ImportProblem(f"{file.name}: a list of accounts, not of posts ({listed(found.headings)}); leave it out")
    if not known.get("text") and not known.get("title"):
        raise ImportProblem(
            f"{file.name}: no text column; found: {listed(found.headings)}; rename the one with the text to one of: {ACCEPTED}"
        )
    first = next(found.rows, None)
    if first is None:
        raise ImportProblem(f"{file.name}: no rows below the header ({listed(found.headings)}); export again with data")
    return Sheet(found.form, found.headings, chain([first], found.rows), found.also)


def head_of(file: Export) -> bytes:
    """The first 8 KiB; ImportProblem where there is no file, or nothing in it."""
    if file.path.exists() and not file.path.is_file():
        raise ImportProblem(f"{file.name}: a folder or device, not a file; name one file in it ({FORMS})")
    try:
        with file.path.open("rb") as stream:
            head = stream.read(8192)
    except FileNotFoundError as problem:
        raise ImportProblem(f"{file.name}: no such file; check the path") from problem
    except OSError as problem:
        raise ImportProblem(f"{file.name}: cannot be read ({problem.strerror}); check its permissions") from problem
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise ImportProblem(f"{file.name}: empty, there is no row 1; export it again")
    return head


def _reader(file: Export, head: bytes, sheet: str | None) -> Sheet:
    if head.startswith(ZIP):
        return _packed(file, sheet)
    if head.startswith(b"PAR1"):
        return _parquet(file)
    if head.startswith(GZIP) or (b"\0" in head and not head.startswith(UTF_16)):
        raise ImportProblem(f"{file.name}: row 1: a binary file, not a table; export {FORMS} (an old .xls: save it as .xlsx first)")
    return _text(file, head)


def _packed(file: Export, sheet: str | None) -> Sheet:
    try:
        names = zipfile.ZipFile(file.path).namelist()
    except TORN as problem:
        raise ImportProblem(
            f"{file.name}: row 1: not a readable XLSX workbook or ZIP archive; save it as .xlsx or pack it again"
        ) from problem
    if not is_workbook(names):
        kind = "a document" if "[Content_Types].xml" in names or "mimetype" in names else "an archive"
        raise ImportProblem(f"{file.name}: {kind}, not a table; save it as .xlsx, or import the files in it")
    return read_workbook(file, sheet)


def _text(file: Export, head: bytes) -> Sheet:
    start = (head.decode("utf-16", "ignore") if head.startswith(UTF_16) else head.decode("latin-1").removeprefix("ï»¿")).lstrip()
    if start.startswith("["):
        return json_list(file, encoding_of(file, head, of_lines=False))
    if not start.startswith("{"):
        return _csv(file, encoding_of(file, head))
    if _is_one_a_line(file, head):
        return json_lines(file, encoding_of(file, head))
    return json_objects(file, encoding_of(file, head, of_lines=False))


def _is_one_a_line(file: Export, head: bytes) -> bool:
    """In JSON lines the second line starts another object; one object may as well stand alone, or spread over several lines."""
    with file.path.open(encoding="utf-16" if head.startswith(UTF_16) else "latin-1", errors="replace") as stream:
        first = second = ""
        while not first.removeprefix("ï»¿").strip() and not stream.closed:
            first = stream.readline(LONGEST_LINE)
        while not second.strip() and (line := stream.readline(LONGEST_LINE)):
            second = line
    return bool(second.strip()) and (second.lstrip().startswith("{") or first.rstrip().endswith("}"))


def _csv(file: Export, encoding: str) -> Sheet:
    with file.open(encoding, newline="") as stream:
        top = list(islice(stream, HEADER_WITHIN))
    delimiter, (n, headings) = max(
        ((mark, header(csv.reader(top, delimiter=mark))) for mark in ",\t;|"),
        key=lambda found: (recognised(found[1][1]), len(found[1][1])),
    )
    return Sheet(f"CSV {encoding}, cells divided by {delimiter!r}", headings, _csv_rows(file, encoding, delimiter, n, headings))


def _csv_rows(file: Export, encoding: str, delimiter: str, header_n: int, headings: tuple[str, ...]) -> Iterator[Row]:
    with file.open(encoding, newline="") as stream:
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
                        f'{file.name}: row {n}: a quotation mark (") is opened and never closed; close or remove it'
                    ) from problem
                yield Row(n, {"line": "".join(spoken).strip()}, f"stray quotation mark: {problem}")
                continue
            is_header_again = cells[:1] == list(headings[:1]) and named(cells) == headings  # in files that were put together
            if n > header_n and any(cell.strip() for cell in cells) and not is_header_again:
                yield make_row(n, headings, cells)


def _kept(lines: Iterable[str], spoken: list[str]) -> Iterator[str]:
    length = 0
    for line in lines:
        length = len(line) + (length if spoken else 0)
        if length > LONGEST_LINE:  # quoted cells with line ends in them, one after the other
            raise csv.Error("field larger than a record")
        spoken.append(line)
        yield line


def _parquet(file: Export) -> Sheet:
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file.path)
    except TORN as problem:  # pyarrow's ArrowInvalid is a ValueError
        raise ImportProblem(f"{file.name}: row 1: a damaged Parquet file; write it again") from problem
    rows = whole(file, (each for batch in table.iter_batches(500) for each in batch.to_pylist()))  # one long word may fill them all
    return Sheet("Parquet", tuple(table.schema_arrow.names), (row_of(n, each) for n, each in enumerate(rows, 1)))
