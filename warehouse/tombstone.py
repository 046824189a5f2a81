"""An archived answer made unreadable in its place: a tombstone of the same length, so every other record's offset still holds."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

BLOCK = 1 << 16
TYPE = "application/x-guanchao-erased"
_HEAD = b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\xff"  # gzip, deflate, a comment follows (RFC 1952): the comment is the filling


class TombstoneProblem(Exception):
    """The record is not one that a tombstone fits into; nothing was changed."""


def bury(file: Path, offset: int) -> bool:
    """Put a tombstone in the place of the record that starts at `offset`; False if one lies there already.

    The file is written anew beside the old one and takes its name at once: who reads it now reads the old one to its end.
    """
    with file.open("rb") as stream:
        stream.seek(offset)
        length, record = _member(stream)
    if not length:
        raise TombstoneProblem(f"{file} @ {offset}: no whole record starts here")
    headers = _headers(record)
    if headers.get("content-type") == TYPE:
        return False
    stone = tombstone(headers.get("warc-record-id", ""), headers.get("warc-date", ""), length)
    making = file.with_name(f".{file.name}.erasing")
    with file.open("rb") as old, making.open("wb") as new:
        os.fchmod(new.fileno(), os.fstat(old.fileno()).st_mode & 0o777)
        _copy(old, new, offset)
        new.write(stone)
        old.seek(offset + length)
        _copy(old, new, None)
        new.flush()
        os.fsync(new.fileno())
    making.replace(file)
    return True


def tombstone(record_id: str, at: str, length: int) -> bytes:
    """A gzip member of exactly `length` bytes: a WARC metadata record with the id and date of the one that was here, and nothing else."""
    body = b"erased on request\n"
    head = (
        f"WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Record-ID: {record_id}\r\nWARC-Date: {at}\r\n"
        f"Content-Type: {TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    record = head.encode() + body + b"\r\n\r\n"
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(record) + packer.flush()
    tail = struct.pack("<II", zlib.crc32(record), len(record))
    filling = length - len(_HEAD) - 1 - len(packed) - len(tail)
    if filling < 0:
        raise TombstoneProblem(f"{record_id}: a record of {length} bytes is shorter than its tombstone")
    return _HEAD + b" " * filling + b"\0" + packed + tail


def is_tombstone(member: bytes) -> bool:
    """Of a gzip member, whole."""
    return _headers(_member(io.BytesIO(member))[1]).get("content-type") == TYPE


def _member(stream: BinaryIO) -> tuple[int, bytes]:
    """(length of the gzip member that starts here or 0, the first of what it holds)."""
    unpack, read, start = zlib.decompressobj(wbits=31), 0, b""
    while block := stream.read(BLOCK):
        try:
            data = unpack.decompress(block)
        except zlib.error:
            return 0, b""
        start = start if len(start) > BLOCK else start + data
        read += len(block)
        if unpack.eof:
            return read - len(unpack.unused_data), start
    return 0, b""


def _headers(record: bytes) -> dict[str, str]:
    lines = record.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace").split("\r\n")[1:]
    return {name.strip().lower(): value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}


def _copy(old: BinaryIO, new: BinaryIO, length: int | None) -> None:
    left = length
    while left is None or left > 0:
        block = old.read(BLOCK if left is None else min(BLOCK, left))
        if not block:
            return
        new.write(block)
        left = None if left is None else left - len(block)
