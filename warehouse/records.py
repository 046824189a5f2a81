"""An archived answer read back: its gzip member byte for byte, and whether it still says what its row in fetches says."""

from __future__ import annotations

import hashlib
import io
import zlib
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO

from warehouse.tombstone import is_tombstone

BLOCK = 1 << 16
# How zlib on Unix begins a member for crawlers.archive: no flags, no time, most compression. No checksum covers these ten bytes.
HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03"


@dataclass(frozen=True)
class Archived:
    """`state`: key of vocabulary.ARCHIVE_STATES. `member`: the whole record as it lies in the file, empty if there is no whole one.

    `fault` of a tampered one: `unreadable`, `body` (not the sha256 of the row), `frame` (HTTP headers not as the record's own digest has
    them), `place` (another address or time than the row's) or `header` (the gzip member does not begin as the archive writes it).
    """

    state: str
    fault: str = ""
    member: bytes = b""
    record_id: str | None = None


def archived(archive: Path, fetch: dict[str, Any]) -> Archived:
    """The record a row of fetches points at, every byte of it looked at again now."""
    if fetch["warc_file"] is None:
        return Archived("none")
    file, offset = archive / fetch["warc_file"], int(fetch["warc_offset"])
    if not file.is_file() or file.stat().st_size <= offset:
        return Archived("missing")
    with file.open("rb") as stream:
        stream.seek(offset)
        member = _member(stream)
    if member and is_tombstone(member):
        return Archived("erased", "", member)
    record_id, fault = _fault(member, fetch) if member else (None, "unreadable")
    return Archived("tampered" if fault else "intact", fault, member, record_id)


def _member(stream: BinaryIO) -> bytes:
    """The gzip member that starts here; empty if it is torn, or none."""
    unpack, read = zlib.decompressobj(wbits=31), bytearray()
    while block := stream.read(BLOCK):
        try:
            unpack.decompress(block)
        except zlib.error:
            return b""
        read += block
        if unpack.eof:
            return bytes(read[: len(read) - len(unpack.unused_data)])
    return b""


def _fault(member: bytes, fetch: dict[str, Any]) -> tuple[str | None, str]:
    """(record id, what is wrong with the record or nothing)."""
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    try:
        record = next(iter(ArchiveIterator(io.BytesIO(member), check_digests=True)), None)
        if record is None or (record.format, record.rec_type) != ("warc", "response"):
            return None, "unreadable"  # warcio takes some noise for an old ARC record with an empty body
        body, headers = record.content_stream().read(), record.rec_headers
    except (ArchiveLoadFailed, zlib.error, EOFError, ValueError):
        return None, "unreadable"
    record_id = headers.get_header("WARC-Record-ID")
    at = fetch["fetched_at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if hashlib.sha256(body).hexdigest() != fetch["sha256"]:
        return record_id, "body"
    if record.digest_checker.passed is False:
        return record_id, "frame"
    if (headers.get_header("WARC-Target-URI"), headers.get_header("WARC-Date")) != (fetch["url"], at):
        return record_id, "place"
    if not member.startswith(HEADER):
        return record_id, "header"
    return record_id, ""
