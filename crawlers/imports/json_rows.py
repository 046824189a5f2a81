"""JSON people export -> rows: JSON lines, a list of records, an object with one list in it, records one after the other.

A record at a time: a list of 1 GB is never in memory. The standard decoder reads each record where it stands, because sites' JSON
holds raw newlines, NaN and ids of 19 digits, which streaming parsers (ijson's yajl) refuse or need another pass for.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from itertools import chain, count, islice
from typing import Any, NoReturn, TextIO

from crawlers.imports.headings import fields_of
from crawlers.imports.rows import Export, ImportProblem, Row, Sheet, flat, row_of

HEADER_WITHIN = 10
LONGEST = 2_000_000  # characters of one record
PIECE = 1 << 18
_WHITE = re.compile(r"[\s\ufeff]*")
_DECODER = json.JSONDecoder(strict=False)


class _TooLong(ImportProblem):
    """A value that goes on longer than any record."""


def json_lines(file: Export, encoding: str) -> Sheet:
    def rows() -> Iterator[Row]:
        with file.open(encoding) as stream:
            for n, line in enumerate(stream, 1):
                if line.strip():
                    yield _line(n, line)

    return of_objects(file, f"JSON lines {encoding}", rows())


def _line(n: int, line: str) -> Row:
    try:
        said = json.loads(line, strict=False)
    except (ValueError, RecursionError) as problem:
        return Row(n, {"line": line.strip()}, f"not JSON: {str(problem)[:80]}")
    return Row(n, flat(said)) if isinstance(said, dict) else Row(n, {"line": line.strip()}, "not a JSON object")


def json_list(file: Export, encoding: str) -> Sheet:
    def rows() -> Iterator[Row]:
        with file.open(encoding) as stream:
            scanner = _Scanner(file, stream)
            scanner.take("[")
            for n, said in enumerate(scanner.elements(), 1):
                yield row_of(n, said)
            scanner.end()

    return of_objects(file, f"JSON list {encoding}", rows())


def json_objects(file: Export, encoding: str) -> Sheet:
    """One object that is a record or holds one list of them, or several records one after the other."""
    with file.open(encoding) as stream:
        try:
            scanner = _Scanner(file, stream)
            first = scanner.value()
            is_alone = scanner.peek() == ""
        except _TooLong:
            return of_objects(file, f"JSON object {encoding}", (row_of(n, said) for n, said in enumerate(_inner_list(file, encoding), 1)))
    if not is_alone:
        return of_objects(file, f"JSON objects {encoding}", _one_after_the_other(file, encoding))
    records = _table_in(first)
    return of_objects(file, f"JSON object {encoding}", (row_of(n, said) for n, said in enumerate(records, 1)))


def _one_after_the_other(file: Export, encoding: str) -> Iterator[Row]:
    with file.open(encoding) as stream:
        scanner = _Scanner(file, stream)
        for n in count(1):
            yield row_of(n, scanner.value())
            if scanner.peek() == ",":
                scanner.take(",")
            if not scanner.peek():
                return


def _table_in(said: Any) -> list[Any]:
    """The records of one object: the one list of posts in it, unless the object itself is a post (with a list of pictures)."""
    if not isinstance(said, dict):
        return [said]
    if _has_words(said):
        return [said]
    lists = [value for value in said.values() if isinstance(value, list) and value and all(isinstance(each, dict) for each in value)]
    of_posts = [each for each in lists if _has_words(each[0])] or lists
    return of_posts[0] if len(of_posts) == 1 else [said]


def _has_words(said: dict[str, Any]) -> bool:
    own = fields_of(tuple(flat(said)))
    return bool(own.get("text") or own.get("title"))


def _inner_list(file: Export, encoding: str) -> Iterator[Any]:
    """Records of the one list of objects in an object too large for a record."""
    with file.open(encoding) as stream:
        scanner = _Scanner(file, stream)
        scanner.take("{")
        found = ""
        while scanner.peek() != "}":
            name = str(scanner.value())
            scanner.take(":")
            if scanner.peek() != "[":
                scanner.value()
            elif not scanner.opens_objects():
                deque(scanner.elements(), maxlen=0)
            elif found:
                raise ImportProblem(f"{file.name}: two lists of records, {found[:30]!r} and {name[:30]!r}; export one of them")
            else:
                found = name or "?"
                yield from scanner.elements()
            if scanner.peek() == ",":
                scanner.take(",")
        scanner.take("}")
        scanner.end()


class _Scanner:
    """Walks JSON text from piece to piece, and knows the line and column where it stands."""

    def __init__(self, file: Export, stream: TextIO) -> None:
        self.file, self.stream = file, stream
        self.text, self.at, self.line, self.column = "", 0, 1, 1  # line and column of text[0]

    def peek(self) -> str:
        """The next character that is not white, "" at the end."""
        while True:
            self.at = _WHITE.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def take(self, mark: str) -> None:
        if self.peek() != mark:
            self._stop(f"{mark!r} expected", self.at)
        self.at += 1

    def opens_objects(self) -> bool:
        """Takes the opening bracket of a list: are objects in it?"""
        self.take("[")
        return self.peek() == "{"

    def end(self) -> None:
        if self.peek():
            self._stop("more after the end", self.at)

    def elements(self) -> Iterator[Any]:
        """Values up to the closing bracket of a list whose opening bracket is taken."""
        while self.peek() != "]":
            yield self.value()
            if self.peek() not in (",", "]"):
                self._stop("',' or ']' expected", self.at)
            if self.peek() == ",":
                self.at += 1
        self.at += 1

    def value(self) -> Any:
        self.peek()
        while True:
            try:
                said, end = _DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as problem:
                reached, length = problem.pos - self.at, len(self.text) - self.at
                is_cut = reached >= length - 16 or problem.msg.startswith("Unterminated")  # it may go on in the next piece
                if is_cut and length > LONGEST:
                    raise _TooLong(
                        f"{self.file.name}: row {self.line}: a record of more than {LONGEST:,} characters; export a list of records"
                    ) from problem
                if not (is_cut and self._more()):
                    self._stop(problem.msg, self.at + reached)
                continue
            except (ValueError, RecursionError) as problem:  # a number of 5,000 digits, brackets 1,000 deep
                raise ImportProblem(f"{self.file.name}: row {self.line}: JSON no table is made of; export a list of records") from problem
            if end == len(self.text) and self._more():
                continue  # a number may go on in the next piece
            self.at = end
            return said

    def _more(self) -> bool:
        """Another piece, in exchange for what was read; False at the end of the file."""
        piece = self.stream.read(PIECE)
        self.line, self.column = self._place(self.at)
        self.text, self.at = self.text[self.at :] + piece, 0
        return bool(piece)

    def _place(self, at: int) -> tuple[int, int]:
        newlines = self.text.count("\n", 0, at)
        return self.line + newlines, at - self.text.rfind("\n", 0, at) if newlines else self.column + at

    def _stop(self, why: str, at: int) -> NoReturn:
        line, column = self._place(at)
        raise ImportProblem(f"{self.file.name}: row {line}, column {column}: not JSON ({why}); export it again")


def of_objects(file: Export, form: str, rows: Iterator[Row]) -> Sheet:
    """Objects name their own columns: the headings are those of the first ten."""
    top = list(islice(rows, HEADER_WITHIN))
    headings = tuple(dict.fromkeys(name for row in top if not row.broken for name in row.cells))
    if top and not headings:
        why = top[0].broken or "an empty object"
        raise ImportProblem(f"{file.name}: row {top[0].n}: {why}; export one JSON object a line, or a list of them")
    return Sheet(form, headings, chain(top, rows))
