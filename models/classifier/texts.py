"""A CSV, JSONL or Parquet file -> its texts, row after row: no file is ever in memory whole. A fault is one clear line."""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.settings import ConfigProblem

TEXT_COLUMNS = ("text", "title", "content", "正文", "内容", "标题")
SUFFIXES = (".csv", ".jsonl", ".ndjson", ".parquet")
FIELD_LIMIT = 4_000_000  # characters a cell: beyond it a quote was never closed, and the cell is the rest of the file
BLOCK = 1 << 20
ENCODINGS = ("utf-8-sig", "gb18030")  # Chinese Excel still writes the second

Row = tuple[str | int, str, float]  # id, text, share of the file behind it


@dataclass(frozen=True)
class Source:
    """A file that was looked through once: its hash says whether it is still the same one."""

    path: Path
    column: str | None  # asked for by name
    encoding: str
    sha256: str

    @classmethod
    def open(cls, path: Path, column: str | None = None) -> Source:
        """Raises ConfigProblem: missing, a folder, empty, of another kind, not text."""
        if not path.exists():
            raise ConfigProblem(f"{path}: no such file; check the path")
        if path.is_dir():
            raise ConfigProblem(f"{path}: a folder; name one file")
        if path.suffix.lower() not in SUFFIXES:
            raise ConfigProblem(f"{path}: reads {', '.join(SUFFIXES)}; save it as one of them")
        if path.stat().st_size == 0:
            raise ConfigProblem(f"{path}: empty; export it again")
        if path.suffix.lower() == ".parquet":
            with path.open("rb") as stream:
                return cls(path, column, "", hashlib.file_digest(stream, "sha256").hexdigest())
        for encoding in ENCODINGS:
            sha256 = _hash_of_text(path, encoding)
            if sha256 is not None:
                return cls(path, column, encoding, sha256)
        raise ConfigProblem(f"{path}: neither UTF-8 nor GB18030; save it in UTF-8")

    def rows(self) -> Iterator[Row]:
        """Every row of the file; without an id column the row's number, from 1. ConfigProblem names line and fault."""
        read = {".csv": self._csv, ".parquet": self._parquet}.get(self.path.suffix.lower(), self._jsonl)
        return read()

    def _csv(self) -> Iterator[Row]:
        size = self.path.stat().st_size
        csv.field_size_limit(FIELD_LIMIT)
        with self.path.open("rb") as raw, TextIOWrapper(raw, self.encoding, newline="") as stream:
            lines = csv.reader(stream, strict=True)
            try:
                header = next((line for line in lines if line), [])
                text, key = self._columns(header)
                for n, cells in enumerate((line for line in lines if line), 1):
                    if len(cells) > len(header):
                        self._fail(lines.line_num, f"{len(cells)} cells where the header names {len(header)}; quote texts that hold commas")
                    cells += [""] * (len(header) - len(cells))
                    yield n if key is None else cells[key], cells[text], _behind(raw, size)
            except csv.Error as problem:
                self._fail(lines.line_num, f"{problem}; is a quote never closed?")

    def _jsonl(self) -> Iterator[Row]:
        size, names, n = self.path.stat().st_size, None, 0
        text, key = "", None
        with self.path.open("rb") as raw, TextIOWrapper(raw, self.encoding) as stream:
            for line_n, line in enumerate(iter(lambda: stream.readline(FIELD_LIMIT), ""), 1):
                if not line.strip():
                    continue
                if len(line) == FIELD_LIMIT:
                    self._fail(line_n, "longer than a row can be; JSONL holds one object a line")
                try:
                    row = json.loads(line)
                except (json.JSONDecodeError, RecursionError) as problem:
                    self._fail(line_n, f"not JSON: {str(problem)[:80]}")
                if not isinstance(row, dict):
                    self._fail(line_n, 'not an object; a row is {"text": …}')
                if names is None:
                    names = list(row)
                    place, key_place = self._columns(names)
                    text, key = names[place], None if key_place is None else "id"
                n += 1
                yield n if key is None else _said(row.get(key)), _said(row.get(text)), _behind(raw, size)
        if names is None:
            self._columns([])

    def _parquet(self) -> Iterator[Row]:
        try:
            file = pq.ParquetFile(self.path)
            text, key = self._columns(file.schema_arrow.names)
            names, n = file.schema_arrow.names, 0
            chosen = [names[text]] if key is None else [names[key], names[text]]
            for batch in file.iter_batches(1_000, columns=chosen):
                texts = batch.column(names[text]).to_pylist()
                ids = None if key is None else batch.column(names[key]).to_pylist()
                keys: list[Any] = list(range(n + 1, n + len(texts) + 1)) if ids is None else [_said(one) for one in ids]
                for one, said in zip(keys, texts, strict=True):
                    n += 1
                    yield one, _said(said), n / max(1, file.metadata.num_rows)
        except (pa.ArrowException, OSError) as problem:
            raise ConfigProblem(f"{self.path}: not readable as Parquet: {str(problem).splitlines()[0][:120]}") from problem

    def _columns(self, names: list[str]) -> tuple[int, int | None]:
        """Places of the text and of the id."""
        if not names:
            raise ConfigProblem(f"{self.path}: no rows; export it again")
        wanted = TEXT_COLUMNS if self.column is None else (self.column,)
        text = next((names.index(name) for name in wanted if name in names), None)
        if text is None:
            shown = ", ".join(name[:30] for name in names[:12])
            raise ConfigProblem(f"{self.path}: no text column ({', '.join(wanted)}) among: {shown}; name it with --column")
        return text, names.index("id") if "id" in names else None

    def _fail(self, line_n: int, what: str) -> NoReturn:
        raise ConfigProblem(f"{self.path}, line {line_n}: {what}")


def _hash_of_text(path: Path, encoding: str) -> str | None:
    """None if the file's bytes are no text of that encoding."""
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                if b"\0" in block:
                    raise ConfigProblem(f"{path}: binary, or text in UTF-16; export {path.suffix} in UTF-8")
                digest.update(block)
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    return digest.hexdigest()


def _said(value: Any) -> str:
    """As text; half a surrogate pair (JSON can hold one) becomes `?`."""
    return "" if value is None else str(value).encode("utf-8", "replace").decode("utf-8")


def _behind(stream: BufferedReader, size: int) -> float:
    return min(1.0, stream.tell() / size)
