"""Run sources in a child process of their own: a hung site is killed, a crash leaves a row, Scrapy's reactor never meets ours.

`crawl` is one source a child; `crawl_together` several in one, for drills where two seconds of imports each would be the whole time.
Both go on where a killed child left their landing folder: what landed there is neither asked for nor made again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawlers.addresses import fetch_id
from crawlers.card import Card, load_contact
from crawlers.items import Fetch
from crawlers.landing import land, read_landing
from crawlers.memory import Memory
from warehouse.clock import Clock
from warehouse.settings import ConfigProblem, load_settings
from warehouse.watchlist import load_watchlist

__all__ = ["Errand", "crawl", "crawl_together", "read_landing", "secret_of"]
GRACE_S = 10.0  # after SIGTERM, for the child to land what it has
STARTS = 2  # of a child that somebody killed (out of memory, kill -9); one that says what is wrong is not started again


@dataclass(frozen=True)
class Errand:
    """What a source is asked beyond its card: `again`, addresses of posts to observe again; `only_again`: and nothing new."""

    memory: Memory = field(default_factory=Memory)
    again: tuple[str, ...] = ()
    only_again: bool = False


def crawl(card: Card, landing: Path, conf: Path, clock: Clock, timeout_s: float, errand: Errand | None = None) -> None:
    """One source into landing/<id>/: items-*, fetches-*.parquet and <id>-<n>.warc.gz. A failed child leaves an `error` row."""
    _run([card], landing, landing / card.id, conf, clock, timeout_s, {card.id: errand} if errand else {})


def crawl_together(
    cards: Sequence[Card], landing: Path, conf: Path, clock: Clock, timeout_s: float, errands: Mapping[str, Errand] | None = None
) -> None:
    """Several sources at once in one child, each with its own landing folder and rows; `timeout_s` is for all of them."""
    _run(cards, landing, landing, conf, clock, timeout_s, errands or {})


def _run(
    cards: Sequence[Card], landing: Path, log_folder: Path, conf: Path, clock: Clock, timeout_s: float, errands: Mapping[str, Errand]
) -> None:
    for needed in (load_watchlist, load_contact, secret_of):  # what the child needs must be right, or it is said here in one line
        needed(conf)
    open_cards = [card for card in cards if not (landing / card.id / "done.json").exists()]
    if not open_cards:
        return
    for card in open_cards:
        (landing / card.id).mkdir(parents=True, exist_ok=True)
    job, start = log_folder / "job.json", {"start": clock.now().isoformat(), "speed": clock.speed}
    said = {"cards": [_entry(card, errands.get(card.id) or Errand()) for card in open_cards], **start}
    said |= {"landing": str(landing.resolve()), "conf": str(conf.resolve())}
    job.write_text(json.dumps(said, ensure_ascii=False, indent=1), encoding="utf-8")
    problem = _started(job, log_folder / "child.log", timeout_s)
    for card in open_cards:
        if not (landing / card.id / "done.json").exists():
            leave_word(card, landing, clock.now(), problem or "the child ended without finishing this source; see child.log")


def _entry(card: Card, errand: Errand) -> dict[str, Any]:
    return {
        "card": asdict(card), "memory": errand.memory.to_json(), "again": errand.again, "only_again": errand.only_again,
    }  # fmt: skip


def _started(job: Path, log: Path, timeout_s: float) -> str | None:
    """The child's problem in one line, or None. A killed child is started again, once: it goes on from its landing files."""
    until, problem = time.monotonic() + timeout_s, None
    for _ in range(STARTS):
        code, problem = _child(job, log, max(1.0, until - time.monotonic()))
        if code is None or code >= 0:
            break
    return problem


def _child(job: Path, log: Path, timeout_s: float) -> tuple[int | None, str | None]:
    """Start the child in its own process group and wait. (exit code or None if it was ended by us, what happened or None)"""
    with log.open("ab") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "crawlers.child", str(job), str(os.getpid())], stdout=out, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            _end(child)
            return None, f"timed out after {timeout_s:g} s"
        except BaseException:  # Ctrl-C in the parent must not leave a crawler running
            _end(child)
            raise
    if code == 0:
        return 0, None
    words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return code, f"the child ended with code {code}: {words[-1] if words else 'without a word'}"


def _end(child: subprocess.Popen[bytes]) -> None:
    for word in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, word)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
            return


def leave_word(card: Card, landing: Path, at: datetime, problem: str) -> None:
    """A row that says why a source gave no answer of its own."""
    at, url = at.astimezone(UTC), card.shown(card.urls[0])
    identity = fetch_id(card.id, url, at.isoformat(), -1)  # -1: no answer of the site, so never the id of one
    row = Fetch(identity, card.id, url, at, None, "error", problem[:500], 0, 0, None, None, None)
    land(landing / card.id / "fetches-parent.parquet", "fetches", [row])


def secret_of(conf: Path) -> str:
    """The key of the author hashes; ConfigProblem where a live crawl has none."""
    settings = load_settings(conf)
    secret = settings.author_secret.get_secret_value()
    if not secret and not settings.drill:
        raise ConfigProblem(
            f"{conf / 'settings.yml'}: author_secret is empty; set GUANCHAO_AUTHOR_SECRET to a long random text and keep it"
        )
    return secret or "drill"
