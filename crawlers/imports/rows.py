"""What all readers of people's files share: a file with a name, a row with its number, and the one line that says what is wrong."""

from __future__ import annotations

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from warehouse.settings import ConfigProblem

TORN = (  # how foreign readers say that a file is damaged; openpyxl and zipfile also by tripping over what they find
    ValueError, LookupError, OSError, SyntaxError, EOFError, RuntimeError, TypeError, AttributeError, ArithmeticError, MemoryError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error,
)  # fmt: skip


class ImportProblem(ConfigProblem):
    """A file cannot be imported; one line says file, row, column and what to do. Nothing was written."""


@dataclass
class Export:
    """A file to read: `path` holds its bytes, `name` is what people call it (a member of an archive lies in a scratch folder)."""

    path: Path
    name: str
    _stream: TextIO | None = field(default=None, repr=False)

    @classmethod
    def at(cls, path: Path) -> Export:
        return cls(Path(path), str(path))

    def open(self, encoding: str, newline: str | None = None) -> TextIO:
        self._stream = self.path.open(encoding=encoding, newline=newline)
        return self._stream

    @property
    def share(self) -> float | None:
        """How much of the file has been read, 0 to 1; None where the reader does not go from front to back."""
        if self._stream is None:
            return None
        return 1.0 if self._stream.closed else self._stream.buffer.tell() / max(self.path.stat().st_size, 1)


class Row(NamedTuple):
    """`n` counts as the reader's program does (Excel's row, the editor's line in JSONL); `broken` says why it has no cells."""

    n: int
    cells: dict[str, Any]
    broken: str = ""


@dataclass(frozen=True)
class Sheet:
    """`also` names what the file holds besides: other sheets with posts."""

    form: str
    headings: tuple[str, ...]
    rows: Iterator[Row]
    also: tuple[str, ...] = ()


def whole(file: Export, rows: Iterable[Any]) -> Iterator[Any]:
    """The rows, and one clear line where a damaged file stops giving them: half a file is not imported."""
    given = count(1)
    try:
        for cells in rows:
            next(given)
            yield cells
    except ImportProblem:
        raise
    except TORN as problem:
        raise ImportProblem(f"{file.name}: row {next(given)}: the file is damaged from here on; export it again") from problem


def flat(said: dict[str, Any]) -> dict[str, Any]:
    """{"user": {"id": 1}} -> {"user.id": 1}, one level: deeper parts are never a column of ours."""
    if not any(isinstance(value, dict) for value in said.values()):
        return said
    out: dict[str, Any] = {}
    for name, value in said.items():
        out.update({f"{name}.{inner}": it for inner, it in value.items()} if isinstance(value, dict) else {name: value})
    return out


def row_of(n: int, said: Any) -> Row:
    return Row(n, flat(said)) if isinstance(said, dict) else Row(n, {"line": said}, "not a JSON object")


def listed(names: Iterable[str]) -> str:
    shown = [one_line(name, 30) for name in names if name]
    return ", ".join(shown[:20]) + (" …" if len(shown) > 20 else "") if shown else "none"


def one_line(said: Any, longest: int = 200) -> str:
    """Hostile words as one line a terminal may show: no control characters, no direction marks, cut at `longest`."""
    return re.sub(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", "?", str(said))[:longest]


Known = Callable[[set[str]], set[str]]  # post ids asked about -> those that we hold
