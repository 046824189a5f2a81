"""Is this machine fit for the road? One check a line, each with what to do. Changes nothing; asks the network only when told to."""

from __future__ import annotations

import hashlib
import importlib.metadata as metadata
import platform
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from flows.road import Road
from warehouse.settings import PROJECT, ConfigProblem, Settings
from warehouse.watchlist import load_watchlist

DISTRIBUTION = "guanchao"
ROOM = 2 * 1024**3  # bytes: a year of one hospital, its archives and the logs
OURS = {4200: ("Prefect", "/api/health", b"true"), 8080: ("the desk", "/", "观潮".encode())}  # port: name, path, what its answer holds
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Check:
    """`fix` is one action for the engineer; empty where there is nothing to do."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    fix: str = ""


def doctor(settings: Settings, network: bool = False) -> list[Check]:
    """Every check, in the order a new machine is set up."""
    checks = [
        python(),
        packages(PROJECT / "constraints.txt"),
        disk(settings.root),
        write_access(settings.root),
        *(port(number, *ours) for number, ours in OURS.items()),
        fonts(),
        browser(),
        clock(PROJECT, datetime.now(UTC)),
        weights(PROJECT / "models" / "weights"),
        *conf_files(settings),
    ]
    return [*checks, *sources(_source_urls(settings.conf))] if network else checks


def python() -> Check:
    wanted = metadata.metadata(DISTRIBUTION)["Requires-Python"]
    found = platform.python_version()
    if Requirement(f"python{wanted}").specifier.contains(found):
        return Check("Python", "ok", f"{found} ({wanted})")
    return Check("Python", "fail", f"{found}, needs {wanted}", "make a virtual environment with Python 3.11 or 3.12 and install again")


def packages(constraints: Path) -> Check:
    """What we need is there; and in the versions that were tried together (some others import well and fail silently: STACK.md §0)."""
    needed = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or []]
    named = [need.name for need in needed if not need.marker or need.marker.evaluate({"extra": ""})]
    absent = sorted(name for name in named if _installed(name) is None)
    if absent:
        return Check("packages", "fail", f"missing: {', '.join(absent)}", "pip install -c constraints.txt -e .")
    if not constraints.is_file():
        return Check("packages", "warn", f"no {constraints}: versions not compared", "restore constraints.txt from the package")
    pins = [Requirement(line) for line in constraints.read_text(encoding="utf-8").splitlines() if "==" in line and not line.startswith("#")]
    found = {pin: _installed(pin.name) for pin in pins}
    other = [
        f"{pin.name} {have} ({pin.specifier})" for pin, have in found.items() if have and not pin.specifier.contains(have, prereleases=True)
    ]
    if other:
        shown = ", ".join(other[:5]) + (" …" if len(other) > 5 else "")
        return Check("packages", "warn", f"{len(other)} not as pinned: {shown}", "pip install -c constraints.txt -e .")
    return Check("packages", "ok", f"{len(named)} needed, {sum(have is not None for have in found.values())} pins hold")


def _installed(name: str) -> str | None:
    try:
        return Version(metadata.version(canonicalize_name(name))).public  # torch 2.13.0+cpu is torch 2.13.0
    except metadata.PackageNotFoundError:
        return None


def disk(root: Path, room: int = ROOM) -> Check:
    free = shutil.disk_usage(_standing(root)).free
    if free < room:
        return Check("disk", "warn", f"{free / 1024**3:.1f} GiB free under {root}", "free space, or set GUANCHAO_ROOT to a larger disk")
    return Check("disk", "ok", f"{free / 1024**3:.0f} GiB free")


def write_access(root: Path) -> Check:
    """Really writes a file (and takes it away): permission bits say nothing about read-only mounts and quotas."""
    try:
        with tempfile.TemporaryFile(dir=_standing(root)) as probe:
            probe.write(b"guanchao")
    except OSError as problem:
        return Check("data folder", "fail", f"{root}: {problem.strerror}", f"chown or chmod {_standing(root)}, or set GUANCHAO_ROOT")
    return Check("data folder", "ok", f"{root} is writable")


def _standing(path: Path) -> Path:
    """The nearest folder of the path that exists; the doctor creates none."""
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())


def port(number: int, name: str, path: str, mark: bytes) -> Check:
    """Free, in use by us (its answer says so), or taken by somebody else."""
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", number)) != 0:
            return Check(f"port {number}", "ok", f"free for {name}")
    here = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through the hospital's proxy
    try:
        with here.open(f"http://127.0.0.1:{number}{path}", timeout=2) as answer:
            ours = mark in answer.read(100_000)
    except (OSError, HTTPException):  # no answer, or not HTTP: somebody else's
        ours = False
    if ours:
        return Check(f"port {number}", "ok", f"{name} answers there")
    return Check(
        f"port {number}",
        "warn",
        f"taken by another program, {name} wants it",
        f"see `ss -ltnp 'sport = :{number}'`; stop it or choose another port",
    )


def fonts() -> Check:
    fix = "apt install fontconfig fonts-noto-cjk"
    if not shutil.which("fc-list"):
        return Check("Chinese fonts", "warn", "fc-list is not installed, cannot look", fix)
    said = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True, timeout=30, check=False).stdout
    families = sorted({line.split(",")[0].strip() for line in said.splitlines() if line.strip()})
    if not families:
        return Check("Chinese fonts", "warn", "none: reports and screenshots would show boxes", fix)
    return Check("Chinese fonts", "ok", f"{len(families)}: {', '.join(families[:3])}")


def browser() -> Check:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        return Check("Chromium", "warn", "not found: no PDF reports, browser tests skip", "apt install chromium")
    return Check("Chromium", "ok", found)


def clock(package: Path, now: datetime) -> Check:
    """A clock that is behind writes days that never were. It cannot be earlier than the files we are made of."""
    try:
        ZoneInfo("Asia/Shanghai")
    except ZoneInfoNotFoundError:
        return Check("clock", "fail", "time zone Asia/Shanghai unknown", "apt install tzdata, or pip install tzdata")
    newest = max((path.stat().st_mtime for folder in ("flows", "warehouse") for path in (package / folder).glob("*.py")), default=0.0)
    if now.year < 2026 or now.timestamp() < newest:
        return Check(
            "clock", "fail", f"{now:%Y-%m-%d %H:%M} UTC lies before this package was made", "set the clock: timedatectl set-ntp true"
        )
    return Check("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC, Asia/Shanghai known")


def weights(folder: Path) -> Check:
    """models/weights/SHA256SUMS: `sha256  relative path` a line."""
    fix = "restore models/weights from the package (git checkout -- models/weights), or run `guanchao train`"
    try:
        lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    except OSError:
        return Check("model files", "fail", f"{folder}/SHA256SUMS cannot be read: nothing can be scored", fix)
    listed = [(said, folder / name.lstrip("*")) for said, _, name in (line.strip().partition("  ") for line in lines) if name]
    bad = [f"{path.relative_to(folder)} {'differs' if path.is_file() else 'is missing'}" for said, path in listed if _sha256(path) != said]
    if bad or not listed:
        return Check("model files", "fail", ", ".join(bad[:3]) or "SHA256SUMS lists nothing", fix)
    return Check("model files", "ok", f"{len(listed)} as published")


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def conf_files(settings: Settings) -> Iterator[Check]:
    """Each file people edit, through the reader the road itself uses."""
    from briefing.playbook import load_playbook
    from crawlers.card import load_cards

    playbook = Road(settings, datetime.now(UTC)).playbook_file
    readers: dict[Path, Callable[[], object]] = {
        settings.conf / "hospitals.yml": lambda: load_watchlist(settings.conf),
        settings.conf / "sources.yml": lambda: load_cards(settings.conf),
        playbook: lambda: load_playbook(playbook),
    }
    for path, read in readers.items():
        try:
            read()
            yield Check(path.name, "ok", str(path))
        except ConfigProblem as problem:
            yield Check(path.name, "fail", str(problem), f"edit {path}")


def _source_urls(conf: Path) -> list[str]:
    from crawlers.card import load_cards

    try:
        return [url for card in load_cards(conf) if card.enabled for url in card.urls]
    except ConfigProblem:
        return []  # conf_files says so already


def sources(urls: Iterable[str], timeout_s: float = 3) -> list[Check]:
    """Does each site answer at all? Asks for robots.txt, the one page meant for robots; any answer counts, 404 too."""
    sites = sorted({f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, urls) if parts.scheme in ("http", "https")})
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(lambda site: _reach(site, timeout_s), sites))


def _reach(site: str, timeout_s: float) -> Check:
    request = urllib.request.Request(f"{site}/robots.txt", headers={"User-Agent": f"guanchao/{metadata.version(DISTRIBUTION)} (doctor)"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=timeout_s) as answer:  # as crawlers do
            return Check(site, "ok", f"answers {answer.status}")
    except urllib.error.HTTPError as answer:
        return Check(site, "ok", f"answers {answer.code}")
    except (OSError, HTTPException) as problem:
        reason = getattr(problem, "reason", problem)
        return Check(
            site, "warn", f"no answer: {reason}", "ask the network department for this address, or take the source out of conf/sources.yml"
        )
