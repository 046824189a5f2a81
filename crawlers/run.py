"""Run sources in a child process of their own: a hung site is killed, a crash leaves a row, Scrapy's reactor never meets ours.

`crawl` is one source a child; `crawl_together` several in one, for drills where two seconds of imports each would be the whole time.
`python -m crawlers.run <job.json>` is the child.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crawlers.addresses import fetch_id
from crawlers.card import Card, load_contact
from crawlers.items import Fetch
from crawlers.landing import Landing, land, read_landing
from warehouse.clock import Clock
from warehouse.settings import ConfigProblem, load_settings
from warehouse.watchlist import load_watchlist

__all__ = ["crawl", "crawl_together", "read_landing"]
GRACE_S = 10.0  # after SIGTERM, for the child to land what it has


def crawl(card: Card, landing: Path, conf: Path, clock: Clock, timeout_s: float) -> None:
    """One source into landing/<id>/, emptied first: items-*, fetches-*.parquet and <id>.warc.gz. A failed child leaves an `error` row."""
    _run([card], landing, landing / card.id, conf, clock, timeout_s)


def crawl_together(cards: Sequence[Card], landing: Path, conf: Path, clock: Clock, timeout_s: float) -> None:
    """Several sources at once in one child, each with its own landing folder and rows; `timeout_s` is for all of them."""
    _run(cards, landing, landing, conf, clock, timeout_s)


def _run(cards: Sequence[Card], landing: Path, log_folder: Path, conf: Path, clock: Clock, timeout_s: float) -> None:
    for needed in (load_watchlist, load_contact, _secret):  # what the child needs must be right, or it is said here in one line
        needed(conf)
    for card in cards:
        shutil.rmtree(landing / card.id, ignore_errors=True)
        (landing / card.id).mkdir(parents=True)
    if not cards:
        return
    job = log_folder / "job.json"
    started = {"start": clock.now().isoformat(), "speed": clock.speed}
    said = {"cards": [asdict(card) for card in cards], "landing": str(landing.resolve()), "conf": str(conf.resolve()), **started}
    job.write_text(json.dumps(said, ensure_ascii=False, indent=1), encoding="utf-8")
    problem = _child(job, log_folder / "child.log", timeout_s)
    for card in cards:
        if not (landing / card.id / "done.json").exists():
            _leave_word(card, landing, clock.now(), problem or "the child ended without finishing this source; see child.log")


def _child(job: Path, log: Path, timeout_s: float) -> str | None:
    """Start the child in its own process group and wait; None if it ended well, else what happened, in one line."""
    with log.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "crawlers.run", str(job)], stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            _end(child)
            return f"timed out after {timeout_s:g} s"
        except BaseException:  # Ctrl-C in the parent must not leave a crawler running
            _end(child)
            raise
    if code == 0:
        return None
    words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"the child ended with code {code}: {words[-1] if words else 'without a word'}"


def _end(child: subprocess.Popen[bytes]) -> None:
    for word in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, word)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
            return


def _leave_word(card: Card, landing: Path, at: datetime, problem: str) -> None:
    at, url = at.astimezone(UTC), card.shown(card.urls[0])
    identity = fetch_id(card.id, url, at.isoformat(), -1)  # -1: no answer of the site, so never the id of one
    row = Fetch(identity, card.id, url, at, None, "error", problem[:500], 0, 0, None, None, None)
    land(landing / card.id / "fetches-parent.parquet", "fetches", [row])


def _secret(conf: Path) -> str:
    settings = load_settings(conf)
    secret = settings.author_secret.get_secret_value()
    if not secret and not settings.drill:
        raise ConfigProblem(
            f"{conf / 'settings.yml'}: author_secret is empty; set GUANCHAO_AUTHOR_SECRET to a long random text and keep it"
        )
    return secret or "drill"


def main(job: Path) -> None:
    """The child: crawl the job's cards, then compare what was scraped with what was landed."""
    from scrapy.crawler import AsyncCrawlerProcess, Crawler

    from crawlers.archive import Archive
    from crawlers.manners import polite_settings
    from crawlers.spiders import SPIDERS
    from crawlers.spiders._source import Job

    said = json.loads(job.read_text(encoding="utf-8"))
    conf, landing = Path(said["conf"]), Path(said["landing"])
    clock = Clock(datetime.fromisoformat(said["start"]), said["speed"])
    watchlist, secret, contact = load_watchlist(conf), _secret(conf), load_contact(conf)
    process = AsyncCrawlerProcess({"LOG_LEVEL": "WARNING"})
    running: list[tuple[Crawler, Job]] = []
    for entry in said["cards"]:
        card = Card(**{**entry, "urls": tuple(entry["urls"])})
        folder = landing / card.id
        archive = Archive(folder / f"{card.id}.warc.gz", f"{landing.name}/{card.id}/{card.id}.warc.gz")
        task = Job(card, watchlist, clock, secret, Landing(folder), archive)
        crawler = Crawler(SPIDERS[card.kind], polite_settings(card, contact))
        process.crawl(crawler, job=task)
        running.append((crawler, task))
    process.start()
    for crawler, task in running:
        _close(crawler, task, landing)


def _close(crawler: Any, job: Any, landing: Path) -> None:
    """Scrapy ends with code 0 whatever its pipelines did (STACK.md §2), so the counts are compared here."""
    job.archive.close()
    stats = crawler.stats.get_stats()
    scraped, wrong = stats.get("item_scraped_count", 0), stats.get("spider_exceptions/count", 0)
    if scraped != job.landing.landed or wrong:
        problem = f"{scraped} rows were read and {job.landing.landed} landed, {wrong} exceptions in the spider; see child.log"
        _leave_word(job.card, landing, job.clock.now(), problem)
    if stats.get("finish_reason") in ("finished", "blocked"):
        done = {"rows": job.landing.landed, "finish_reason": stats["finish_reason"]}
        (landing / job.card.id / "done.json").write_text(json.dumps(done))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
