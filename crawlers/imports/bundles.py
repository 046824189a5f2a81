"""What people hand in -> the files in it: a file, a .zip, a .gz, or MediaCrawler's folder. Archives are judged before a byte is unpacked.

A member's name is shown and tells the platform; it is never a path we write to.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from crawlers.imports.rows import TORN, Export, ImportProblem, one_line
from crawlers.imports.sheets import GZIP, ZIP, head_of
from crawlers.imports.workbooks import MOST_RATIO, RATIO_COUNTS_FROM, is_bomb, is_workbook
from warehouse.clock import SHANGHAI

if TYPE_CHECKING:
    from _typeshed import SupportsRead

MOST_MEMBERS = 10_000
MOST_UNPACKED = 16 << 30  # bytes of one archive, all members together
PIECE = 1 << 20
TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".json", ".jsonl", ".ndjson", ".parquet", ".html", ".htm", "")
PACKED = (b"PK\x03\x04", b"PK\x05\x06", GZIP, b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ")
LITTER = re.compile(r"(?:^|/)(?:__MACOSX/|\.[^/]+$|Thumbs\.db$|desktop\.ini$)")
LAYOUT = re.compile(
    r"(?:^|/)(?P<platform>xhs|douyin|kuaishou|bili|weibo|tieba|zhihu)/(?P<form>jsonl|json|csv)/"
    r"(?:search|detail|creator)_(?:contents|comments)_[^/]*\.(?P=form)$"
)
COMMENTS = re.compile(r"comment|评论", re.IGNORECASE)


class Skipped(NamedTuple):
    """A file in a bundle that is not read. `is_fault`: it should have been; else it is simply no table."""

    name: str
    why: str
    is_fault: bool = False


def files_in(path: Path, scratch: Path) -> Iterator[Export | Skipped]:
    """Posts before comments, so that a comment finds its post. ImportProblem where the whole is not to be trusted, or holds nothing.

    Members are unpacked into `scratch` (which must exist), one at a time, and deleted when the next is asked for.
    """
    if path.is_dir():
        return _of_folder(path)
    head = head_of(Export.at(path))
    if head.startswith(ZIP):
        return _of_zip(path, scratch)
    if head.startswith(GZIP):
        return _of_gzip(path, scratch)
    return iter((Export.at(path),))


def source_of(name: str) -> str:
    """`import:<file>`; MediaCrawler writes a file a day, and all of a platform are one source."""
    if layout := LAYOUT.search(name.replace("\\", "/")):
        return f"import:mediacrawler_{layout['platform']}"
    return f"import:{Path(name.removesuffix('.gz')).stem}"


def _of_folder(path: Path) -> Iterator[Export | Skipped]:
    every = sorted(each for each in path.rglob("*") if each.is_file() and not each.is_symlink())
    ours = [each for each in every if LAYOUT.search(each.resolve().as_posix())]
    if not ours:
        raise ImportProblem(
            f"{path}: a folder without files of MediaCrawler (data/weibo/jsonl/search_contents_….jsonl) or of the shared data "
            "(hot_search/, boards/, text/); name one file, or pack the files into a .zip"
        )
    return iter(
        [
            *(Export.at(each) for each in sorted(ours, key=_comments_last)),
            *(Skipped(str(each), "not a file of posts or comments") for each in every if each not in ours and not LITTER.search(str(each))),
        ]
    )


def _comments_last(path: Path) -> tuple[bool, str]:
    return bool(COMMENTS.search(path.name)), str(path)


def _of_gzip(path: Path, scratch: Path) -> Iterator[Export | Skipped]:
    target = scratch / f"unpacked{Path(path.name.removesuffix('.gz')).suffix}"
    try:
        _gunzip(path, target)
    except ImportProblem:
        target.unlink(missing_ok=True)
        raise
    return _then_gone(target, str(path))


def _gunzip(path: Path, target: Path) -> None:
    try:
        with gzip.open(path) as stream:
            _unpack(stream, target, max(RATIO_COUNTS_FROM, path.stat().st_size * MOST_RATIO), str(path))
    except TORN as problem:
        raise ImportProblem(f"{path}: row 1: a damaged .gz; pack it again") from problem
    with target.open("rb") as stream:
        start = stream.read(512)
    if start[257:262] == b"ustar" or (start.startswith(PACKED) and not _is_xlsx(target)):
        raise ImportProblem(f"{path}: an archive within an archive; unpack it and import the files, or pack them into one .zip")


def _then_gone(target: Path, name: str) -> Iterator[Export]:
    try:
        yield Export(target, name)
    finally:
        target.unlink(missing_ok=True)


def _is_xlsx(path: Path) -> bool:
    try:
        return is_workbook(zipfile.ZipFile(path).namelist())
    except TORN:
        return False


def _of_zip(path: Path, scratch: Path) -> Iterator[Export | Skipped]:
    try:
        archive = zipfile.ZipFile(path)
        members = [each for each in archive.infolist() if not each.is_dir()]
    except TORN as problem:
        raise ImportProblem(f"{path}: row 1: not a readable XLSX workbook or ZIP archive; save it as .xlsx or pack it again") from problem
    if is_workbook(archive.namelist()):
        return iter((Export.at(path),))
    if {"[Content_Types].xml", "mimetype"} & set(archive.namelist()):
        raise ImportProblem(f"{path}: a document, not a table; save its table as .xlsx or CSV")
    _weigh(path, members)
    for member in members:
        if fault := _fault(archive, member):
            raise ImportProblem(f"{path}: member {one_line(_name(member), 80)}: {fault}; nothing of the archive was imported")
    tables, others = list[zipfile.ZipInfo](), list[zipfile.ZipInfo]()
    for member in sorted(members, key=lambda each: _comments_last(Path(_name(each)))):
        if not LITTER.search(_name(member)):
            (tables if _may_be_a_table(member) else others).append(member)
    if not tables:
        raise ImportProblem(
            f"{path}: no table in the archive; found: {', '.join(one_line(_name(each), 40) for each in others[:10]) or 'nothing'}"
        )
    return _members(path, scratch, archive, tables, others)


def _members(
    path: Path, scratch: Path, archive: zipfile.ZipFile, tables: list[zipfile.ZipInfo], others: list[zipfile.ZipInfo]
) -> Iterator[Export | Skipped]:
    for n, member in enumerate(tables):
        name = f"{path}/{one_line(_name(member))}"
        target = scratch / f"member-{n}{PurePosixPath(_name(member)).suffix.lower()[:9]}"
        try:
            with archive.open(member) as stream:
                _unpack(stream, target, member.file_size, name)
            _date(target, member)
        except ImportProblem as problem:
            yield Skipped(name, str(problem).removeprefix(f"{name}: "), is_fault=True)
        except TORN:
            yield Skipped(name, "row 1: damaged inside the archive; pack it again", is_fault=True)
        else:
            yield Export(target, name)
        target.unlink(missing_ok=True)
    for member in others:
        yield Skipped(f"{path}/{one_line(_name(member))}", "not a table")


def _date(target: Path, member: zipfile.ZipInfo) -> None:
    """The member's own time, which a recorded answer's relative times count from."""
    with contextlib.suppress(ValueError, OverflowError):  # 1980-00-00
        said = datetime(*member.date_time, tzinfo=SHANGHAI).timestamp()
        os.utime(target, (said, said))


def _weigh(path: Path, members: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(member.file_size for member in members)
    if len(members) > MOST_MEMBERS:
        raise ImportProblem(f"{path}: {len(members):,} files in one archive, more than {MOST_MEMBERS:,}; pack fewer")
    if unpacked > MOST_UNPACKED or is_bomb(members, path.stat().st_size):
        raise ImportProblem(
            f"{path}: {path.stat().st_size:,} bytes that unpack to {unpacked:,}: a ZIP bomb, or too much at once; unpack it yourself"
        )


def _fault(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    """Why an archive with this member is not to be trusted, or cannot be read whole; "" if it can."""
    name = _name(member)
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        return "a path that leaves the folder; pack the files again by their plain names"
    if member.flag_bits & 0x1:
        return "encrypted; unpack it with its password and pack it without"
    if LITTER.search(name) or not member.file_size:
        return ""
    try:
        with archive.open(member) as stream:
            start = stream.read(8)
    except NotImplementedError:
        return "packed by a method that is not read here; pack it as an ordinary .zip"
    except TORN:
        return ""  # its own line, when it is its turn
    is_xlsx = name.lower().endswith((".xlsx", ".xlsm", ".docx", ".pptx"))
    return "an archive within the archive; unpack it and pack the files themselves" if start.startswith(PACKED) and not is_xlsx else ""


def _may_be_a_table(member: zipfile.ZipInfo) -> bool:
    is_link = stat.S_ISLNK(member.external_attr >> 16)
    return not is_link and bool(member.file_size) and PurePosixPath(_name(member)).suffix.lower() in TABLES


def _name(member: zipfile.ZipInfo) -> str:
    """The member's name; without the UTF-8 flag it is what Windows wrote in GBK, or a Mac in UTF-8, read by zipfile as cp437."""
    if member.flag_bits & 0x800:
        return member.filename.replace("\\", "/")
    try:
        raw = member.filename.encode("cp437")
    except UnicodeEncodeError:
        return member.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding).replace("\\", "/")
        except UnicodeDecodeError:
            continue
    return member.filename


def _unpack(stream: SupportsRead[bytes], target: Path, most: int, name: str) -> None:
    """Copy piece by piece; ImportProblem where more comes than was declared, or than the disk takes."""
    written = 0
    with target.open("wb") as out:
        while piece := stream.read(PIECE):
            written += len(piece)
            if written > most or written > MOST_UNPACKED:
                raise ImportProblem(f"{name}: unpacks to more than {min(most, MOST_UNPACKED):,} bytes: a bomb, or a damaged archive")
            if shutil.disk_usage(target.parent).free < (256 << 20):
                raise ImportProblem(f"{name}: the disk is nearly full; make room and import again")
            out.write(piece)
