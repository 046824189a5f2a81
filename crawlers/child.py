"""The child process of crawlers.run: `python -m crawlers.child <job.json>` crawls the job's cards and lands what they gave."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess, Crawler

from crawlers.archive import Archive, mend
from crawlers.card import Card, load_contact
from crawlers.landing import Landing
from crawlers.manners import polite_settings
from crawlers.memory import Memory
from crawlers.run import leave_word, secret_of
from crawlers.spiders import SPIDERS
from crawlers.spiders._job import Job
from warehouse.clock import Clock
from warehouse.watchlist import load_watchlist


def main(job: Path, parent: int) -> None:
    """Crawl, then compare what was scraped with what was landed.

    `parent`: the process that waits for it, told and not asked for: one killed while this one was starting would not be found out.
    """
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    said = json.loads(job.read_text(encoding="utf-8"))
    conf, landing = Path(said["conf"]), Path(said["landing"])
    clock = Clock(datetime.fromisoformat(said["start"]), said["speed"])
    watchlist, secret, contact = load_watchlist(conf), secret_of(conf), load_contact(conf)
    process = AsyncCrawlerProcess({"LOG_LEVEL": "WARNING"})
    running: list[tuple[Crawler, Job]] = []
    for entry in said["cards"]:
        card = Card(**{**entry["card"], "urls": tuple(entry["card"]["urls"])})
        archive = _archive(landing, card.id)
        landed = Landing(landing / card.id, archive.sync)
        memory = Memory.from_json(entry["memory"])
        memory.learn(landed.fetches)
        task = Job(card, watchlist, clock, secret, landed, archive, memory, tuple(entry["again"]), entry["only_again"])
        crawler = Crawler(SPIDERS[card.kind], polite_settings(card, contact))
        process.crawl(crawler, job=task)
        running.append((crawler, task))
    process.start()
    for crawler, task in running:
        _close(crawler, task, landing)


def _end_with(parent: int) -> None:
    """A crawler whose parent was killed holds no host's turn any more: it lands what it has and ends."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


def _archive(landing: Path, source: str) -> Archive:
    """A file of its own for every child: a killed one's may be torn at its end, and is cut there."""
    folder = landing / source
    earlier = sorted(folder.glob("*.warc.gz"))
    for path in earlier:
        mend(path)
    name = f"{source}{f'-{len(earlier)}' if earlier else ''}.warc.gz"
    return Archive(folder / name, f"{landing.name}/{source}/{name}")


def _close(crawler: Any, job: Job, landing: Path) -> None:
    """Scrapy ends with code 0 whatever its pipelines did (STACK.md §2), so the counts are compared here."""
    job.archive.close()
    stats = crawler.stats.get_stats()
    scraped, wrong = stats.get("item_scraped_count", 0), stats.get("spider_exceptions/count", 0)
    if scraped != job.landing.answers or wrong:
        problem = f"{scraped} answers were read and {job.landing.answers} landed, {wrong} exceptions in the spider; see child.log"
        leave_word(job.card, landing, job.clock.now(), problem)
    if stats.get("finish_reason") in ("finished", "blocked"):
        done = {"rows": job.landing.rows, "finish_reason": stats["finish_reason"]}
        (landing / job.card.id / "done.json").write_text(json.dumps(done))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
