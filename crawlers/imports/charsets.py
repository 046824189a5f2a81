"""Which charset a whole file is in, read piece by piece: UTF-8 strictly first, then GB18030; never with errors ignored."""

from __future__ import annotations

import codecs

from crawlers.imports.rows import Export, ImportProblem

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # what Excel calls Unicode text
LONGEST_LINE = 2_000_000  # bytes; our longest text is 50,000 characters, so a longer line is not a row
PIECE = 1 << 20


def encoding_of(file: Export, head: bytes, of_lines: bool = True) -> str:
    """The charset in which every byte of the file can be read; ImportProblem names the row of the first that cannot.

    `of_lines`: a line is a record, so one that is longer than any record stops the reading.
    """
    if head.startswith(UTF_16):
        if _broken_row(file, "utf-16", of_lines):
            raise ImportProblem(f"{file.name}: row 1: starts like UTF-16 and is not; save it as “CSV UTF-8” and import again")
        return "utf-16"
    rows = []
    for name in ("utf-8", "gb18030"):  # what GB2312 and GBK labels mean in practice
        row = _broken_row(file, name, of_lines)
        if not row:
            return "utf-8-sig" if name == "utf-8" else name
        rows.append(row)
    raise ImportProblem(f"{file.name}: row {max(rows)}: neither UTF-8 nor GB18030; save it as “CSV UTF-8” and import again")


def _broken_row(file: Export, encoding: str, of_lines: bool) -> int:
    """Number of the first line that is not in this charset, 0 if all are."""
    decoder = codecs.getincrementaldecoder(encoding)()
    n, length = 1, 0
    with file.path.open("rb") as stream:
        while piece := stream.read(PIECE):
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as problem:
                return n + piece[: problem.start].count(b"\n")
            if of_lines:
                length = _longest(file, piece, n, length)
            n += piece.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return n
    return 0


def _longest(file: Export, piece: bytes, n: int, length: int) -> int:
    """Bytes of the line that the piece leaves open, `length` of which came before it; ImportProblem at a line that is no record."""
    if length + len(piece) <= LONGEST_LINE:
        return len(piece) - piece.rfind(b"\n") - 1 if b"\n" in piece else length + len(piece)
    for line in piece.split(b"\n"):
        length += len(line)
        if length > LONGEST_LINE:
            raise ImportProblem(
                f"{file.name}: row {n}: a line of more than {LONGEST_LINE:,} bytes is no row; export with one record a line"
            )
        n, length, left = n + 1, 0, length
    return left
