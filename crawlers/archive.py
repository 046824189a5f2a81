"""Answers as they came -> one WARC file a source and run (ISO 28500, a gzip member a record), so every post walks home to bytes."""

from __future__ import annotations

import hashlib
import io
import os
import uuid
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

# Date: WARC-Date says it by our clock, and a repeated drill gives the same bytes. Set-Cookie: nobody's session belongs in an archive.
# The others speak of the transport; the body lies here unpacked.
_LEFT_OUT = frozenset({"date", "set-cookie", "content-encoding", "transfer-encoding", "content-length", "connection"})


class Place(NamedTuple):
    """Where a body lies: sha256 of the body, file as written into fetches, byte offset of the record."""

    sha256: str
    file: str
    offset: int


class Archive:
    """A new file; `name` is the file as the fetches table calls it."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._out = path.open("xb")
        self._writer = WARCWriter(self._out, gzip=True)

    def add(self, fetch_id: str, url: str, at: datetime, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> Place:
        """Write one answer; record id and date follow from the fetch, so the same answers make the same file."""
        offset = self._out.tell()
        kept = [(name, value) for name, value in headers if name.lower() not in _LEFT_OUT]
        record = self._writer.create_warc_record(
            url, "response", payload=io.BytesIO(body), length=len(body),
            http_headers=StatusAndHeaders(f"{status} ", [*kept, ("Content-Length", str(len(body)))], protocol="HTTP/1.1"),
            warc_headers_dict={
                "WARC-Record-ID": f"<urn:uuid:{uuid.UUID(hashlib.sha256(fetch_id.encode()).hexdigest()[:32])}>",
                "WARC-Date": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        )  # fmt: skip
        self._writer.write_record(record)
        return Place(hashlib.sha256(body).hexdigest(), self.name, offset)

    def sync(self) -> None:
        """What was added is on the disk; before rows that point at it."""
        self._out.flush()
        os.fsync(self._out.fileno())

    def close(self) -> None:
        self.sync()
        self._out.close()


def mend(path: Path) -> None:
    """Cut a file off behind its last whole record: a killed child leaves a torn one, and readers stop there with an error."""
    whole = 0
    with path.open("r+b") as file:
        while member := _member_length(file):
            whole += member
            file.seek(whole)
        file.truncate(whole)


def _member_length(file: BinaryIO) -> int:
    """Bytes of the gzip member that starts here; 0 if it is torn, or none."""
    unpack, read = zlib.decompressobj(wbits=31), 0
    while block := file.read(1 << 16):
        try:
            unpack.decompress(block)
        except zlib.error:
            return 0
        read += len(block)
        if unpack.eof:
            return read - len(unpack.unused_data)
    return 0
