"""Hostile answers through the real spiders, over real HTTP, in a real child process; and a crawl killed at random moments."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from crawlers.bench.fuzz import hostile, seeds
from crawlers.bench.site import Pages
from crawlers.card import Card
from crawlers.parsers import recognise
from crawlers.run import crawl, read_landing
from warehouse.clock import Clock

LONGEST_S = 10.0
CRASH = re.compile(r"a bug of ours|exceptions in the spider|the child ended|timed out after")
STORY = "<p>近日，有患者家属反映岚湖市第一人民医院急诊收费存在争议，引发网络关注，医院表示将及时公布核查结果，接受社会监督。</p>" * 3


@dataclass(frozen=True)
class Siege:
    """`unanswered`: inputs without a row of their own; `slowest_s`: between an answer and the next one's row, our work included."""

    inputs_n: int
    unanswered_n: int
    crashes: list[str]
    slowest_s: float
    reasons: Counter[str]
    items: pl.DataFrame


def siege(samples: Path, work: Path, n: int) -> Siege:
    """`n` hostile inputs, a third of each kind of source, every recorded payload in its turn; nearly every Chinese text is kept."""
    conf = _keeps_all(work / "conf")
    landing, asked, slowest = work / "landing", 0, 0.0
    site = Pages(work / "site")
    site.add("/robots.txt", b"User-agent: *\nDisallow:\n", {"Content-Type": "text/plain"})
    groups = _groups(samples, n)
    for name, paths in groups.items():
        for k, path in enumerate(paths):
            site.add(f"/{name}/{k}.html", *hostile(path, k))
        links = "".join(f"<p><a href=/{name}/{k}.html>岚湖一院{k}</a></p>" for k in range(len(paths)))
        site.add(f"/{name}/list.html", links.encode())
    with site.served() as base:
        for name, paths in groups.items():
            crawl(_card(name, base, len(paths)), landing, conf, Clock(datetime.now(UTC)), 3000)
            asked += len(paths)
    items, fetches = read_landing(landing)
    for at in fetches.filter(~pl.col("fetch_id").is_null()).sort("fetched_at").partition_by("source"):
        gaps = at.select(pl.col("fetched_at").diff().dt.total_milliseconds().max() / 1000).item()
        slowest = max(slowest, gaps or 0.0)
    answered = fetches.filter(pl.col("url").str.contains(r"/\d+\.html$"))["url"].n_unique()
    crashes = [row for row in fetches["detail"].drop_nulls() if CRASH.search(row)]
    return Siege(asked, asked - answered, crashes, slowest, Counter(fetches["reason"]), items)


def _keeps_all(conf: Path) -> Path:
    conf.mkdir(parents=True)
    (conf / "settings.yml").write_text("drill: true\n")
    words = ["的", "是", "了", "人", "有", "一", "不", "大", "中", "国", "医", "在", "和", "我", "这", "他", "a", "e"]
    (conf / "hospitals.yml").write_text(f"scope: every\nhospitals: []\nwords: [{', '.join(words)}]\n", encoding="utf-8")
    (conf / "sources.yml").write_text("contact: mailto:bench@lanhu.example\nsources: []\n")
    return conf


def _groups(samples: Path, n: int) -> dict[str, list[Path]]:
    """Name of a source -> the payload behind each of its inputs; a bridge for every parser."""
    recorded, groups = seeds(samples), dict[str, list[Path]]()
    for kind, paths in recorded.items():
        if not paths:
            raise FileNotFoundError(f"{samples}: no recorded payloads of the kind {kind}")
        for k in range(n // len(recorded)):
            path = paths[k % len(paths)]
            name = kind if kind != "bridge" else f"bridge_{recognise(path.read_bytes()) or 'unknown'}"
            groups.setdefault(name, []).append(path)
    return groups


def _card(name: str, base: str, n: int) -> Card:
    kind, _, reads = name.partition("_")
    options: dict[str, Any] = {"most_requests": 10**6, "most": 10**6, "css": "p a", "timeout_s": 9}
    if reads and reads != "unknown":
        options["reads"] = reads
    urls = (f"{base}/{name}/list.html",) if kind == "article" else tuple(f"{base}/{name}/{k}.html" for k in range(n))
    return Card(name, kind, name, "bench", "weibo" if kind == "bridge" else "news", urls, delay_s=0, options=options)


def kills(conf: Path, work: Path, pages: int, times: int) -> dict[str, int]:
    """A column of `pages` articles, its crawler killed (kill -9) at random moments and started again: what is lost, what doubled."""
    site = Pages(work / "site")
    site.add("/robots.txt", b"User-agent: *\nDisallow:\n", {"Content-Type": "text/plain"})
    for k in range(pages):
        title = f"岚湖市第一人民医院回应第{k}起争议"
        page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1><div>2026-03-09 10:24</div>{STORY}</body></html>"
        site.add(f"/{k}.html", page.encode(), wait_s=0.005)
    site.add("/list.html", "".join(f"<p><a href=/{k}.html>{k}</a></p>" for k in range(pages)).encode())
    killed, rng, landing = 0, random.Random(pages), work / "landing"
    with site.served() as base:
        card = Card("kills", "article", "kills", "bench", "news", (f"{base}/list.html",), delay_s=0, options={
            "css": "p a", "most": pages, "most_requests": 10**6})  # fmt: skip
        while killed < times and not (landing / "kills/done.json").exists():
            killer = threading.Thread(target=_kill, args=(landing, 1.5 + rng.random() * 2.5))
            killer.start()
            crawl(card, landing, conf, Clock(datetime.now(UTC)), 600)
            killer.join()
            killed += 1
        crawl(card, landing, conf, Clock(datetime.now(UTC)), 600)
    items = read_landing(landing)[0]
    return {
        "killed": killed,
        "pages": pages,
        "lost": pages - items["post_id"].n_unique(),
        "doubled": items.height - items["post_id"].n_unique(),
    }


def _kill(landing: Path, after_s: float) -> None:
    """Every child of this landing folder that starts within the next seconds is killed once, so that both its starts die."""
    end, seen = time.monotonic() + after_s * 3, dict[int, float]()
    while time.monotonic() < end:
        for pid in children(landing):
            born = seen.setdefault(pid, time.monotonic())
            if time.monotonic() - born > after_s:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def children(landing: Path) -> Iterator[int]:
    """Process ids of the crawlers that work for a landing folder, or for any below `landing`."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes()
        except OSError:
            continue
        if b"crawlers.child" in words and str(landing).encode() in words:
            yield int(process.parent.name)
