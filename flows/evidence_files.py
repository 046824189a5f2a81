"""The files of a bundle of evidence: a folder that is whole or not there, records copied byte for byte, pictures, hashes of everything."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import Any

from warehouse.evidence import Case, Picture, Record
from warehouse.records import archived
from warehouse.settings import ConfigProblem

WARC, HASHES = "evidence.warc.gz", "hashes.txt"


def check_free(out: Path) -> None:
    """ConfigProblem where something lies already."""
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise ConfigProblem(f"--out {out}: something is there already; name a new folder, evidence is never written over")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to fill that becomes `out` when all is in it."""
    check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    for left in out.parent.glob(f".{escape(out.name)}.*.part"):
        if not Path(f"/proc/{left.suffixes[-2][1:]}").exists():
            shutil.rmtree(left, ignore_errors=True)  # by a run that was killed; raw answers do not lie about
    folder = out.with_name(f".{out.name}.{os.getpid()}.part")
    folder.mkdir(mode=0o700)
    try:
        yield folder
        folder.rename(out)  # an empty folder gives way, a filled one does not
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def copy_records(case: Case, archive: Path, folder: Path, about: dict[str, str]) -> list[Record]:
    """Every answer of the case looked at again; the intact ones go into a new WARC 1.0 file as they lie, a changed one beside it."""
    records = []
    with (folder / WARC).open("wb") as out:
        out.write(_warcinfo(case, about))
        for number, (fetch_id, fetch) in enumerate(case.fetches.items(), 1):
            if fetch is None:
                records.append(Record(number, fetch_id, None, "missing", "", None, None))
                continue
            found = archived(archive, fetch)
            is_kept = found.state == "intact"
            place = out.tell() if is_kept else None
            records.append(Record(number, fetch_id, fetch, found.state, found.fault, found.record_id, place, bool(found.member)))
            if is_kept:
                out.write(found.member)
            elif found.member:
                (folder / "tampered").mkdir(exist_ok=True)
                (folder / "tampered" / f"R{number}.warc.gz").write_bytes(found.member)
    return records


def _warcinfo(case: Case, about: dict[str, str]) -> bytes:
    """The record that says what the file is. Dated by the instant the bundle looks back from, so that a second one is the same file."""
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    text = "".join(f"{name}: {value}\r\n" for name, value in about.items()).encode()
    identity = hashlib.sha256(f"{case.id}|{case.as_of.isoformat()}".encode()).hexdigest()[:32]
    headers = [
        ("WARC-Type", "warcinfo"), ("WARC-Record-ID", f"<urn:uuid:{uuid.UUID(identity)}>"), ("WARC-Filename", WARC),
        ("WARC-Date", case.as_of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
    ]  # fmt: skip
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True)
    payload = io.BytesIO(text)
    warc_headers = StatusAndHeaders("", headers, protocol="WARC/1.0")
    writer.write_record(writer.create_warc_record("", "warcinfo", payload=payload, length=len(text), warc_headers=warc_headers))
    return out.getvalue()


def copy_pictures(case: Case, kept: Path, live: Path | None, folder: Path) -> list[Picture]:
    """Pictures of the case's posts made up to its as_of, and those of `live` made just now, each with its JSON; oldest first."""
    posts = {post["post_id"] for post in case.posts}
    found = [(path, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(kept.glob("*/*.json")) if path.stem in posts]
    wanted = [(path, shot) for path, shot in found if path.parent == live or datetime.fromisoformat(shot["shot_at"]) <= case.as_of]
    return [_picture(path, shot, folder) for path, shot in sorted(wanted, key=lambda one: (one[1]["shot_at"], one[1]["post_id"]))]


def _picture(said: Path, shot: dict[str, Any], folder: Path) -> Picture:
    if not shot["png"]:
        return Picture(shot, None, "none")
    png = said.with_suffix(".png")
    if not png.is_file():
        return Picture(shot, None, "missing")
    name = f"screenshots/{shot['post_id']}-{datetime.fromisoformat(shot['shot_at']).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    (folder / "screenshots").mkdir(exist_ok=True)
    content = png.read_bytes()
    (folder / f"{name}.png").write_bytes(content)
    shutil.copyfile(said, folder / f"{name}.json")
    return Picture(shot, f"{name}.png", "intact" if hashlib.sha256(content).hexdigest() == shot["sha256"] else "tampered")


def write_hashes(folder: Path) -> str:
    """hashes.txt over every other file, as sha256sum -c reads it; returns its own sha256, which stands for the whole bundle."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    text = "".join(f"{sha256_of(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths)
    (folder / HASHES).write_text(text, encoding="utf-8")
    return sha256_of(folder / HASHES)


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def onto_the_disk(folders: Iterable[Path]) -> None:
    """What was written survives a power cut: files first, then the names in their folders."""
    for folder in folders:
        for path in (*(one for one in folder.rglob("*") if one.is_file()), folder):
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
