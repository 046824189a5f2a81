"""How much of a bare Scrapy spider's speed is left with all washes, archive and landing: both on the same pages, in turn, in one run.

The bare spider knows the same addresses and reads the same fields with the same libraries (trafilatura; feedparser), and only yields
dicts: what is measured is ours alone. `css` is barer still: title and paragraphs by two selectors, what a tutorial's spider does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from crawlers.bench.site import Pages
from crawlers.card import Card
from crawlers.replica.pages import article_page, rsshub
from crawlers.replica.scenario import SCENARIOS, load_scenario
from crawlers.run import crawl, read_landing
from warehouse.clock import Clock

NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
RACES = {"articles": ("/list.html", "article", ("trafilatura", "css")), "feeds": ("", "feed", ("feedparser",))}


def race(conf: Path, work: Path, pages: int, rounds: int) -> dict[str, dict[str, Any]]:
    """figure -> {value, unit, how}: pages/s of ours and of the bare spiders, and the share; medians of `rounds`, taken in turn."""
    site = _site(work / "site", pages)
    found: dict[str, dict[str, Any]] = {}
    with site.served() as base:
        for name, (path, kind, rivals) in RACES.items():
            urls = [f"{base}{path}"] if path else [f"{base}/feed/{n}.xml" for n in range(pages)]
            leaves = [f"{base}/a/{n}.html" for n in range(pages)] if path else urls
            runs: dict[str, list[float]] = {who: [] for who in ("ours", *rivals)}
            for n in range(rounds):
                runs["ours"].append(len(leaves) / _ours(kind, urls, conf, work / f"landing-{name}-{n}"))
                for rival in rivals:
                    runs[rival].append(len(leaves) / _bare(rival, leaves, work))
            ours = median(runs["ours"])
            found[f"{name}: pages/s"] = {"value": round(ours, 1), "unit": "pages/s", "how": f"{pages} pages, median of {rounds}"}
            for rival in rivals:
                share = {"value": round(ours / median(runs[rival]), 3), "unit": "share"}
                found[f"{name}: of a bare spider with {rival}"] = {**share, "how": f"the bare one: {median(runs[rival]):.1f} pages/s"}
    return found


def _site(folder: Path, pages: int) -> Pages:
    """Constructed articles and feeds of 岚湖, each page another; robots.txt allows all."""
    scenario, site = load_scenario(SCENARIOS / "lanhu"), Pages(folder)
    site.add("/robots.txt", b"User-agent: *\nDisallow:\n", {"Content-Type": "text/plain"})
    articles = [post for post in scenario.posts if post.outlet in ("xww", "wanbao", "wechat") and post.title]
    column = {"outlet": "xww", "title": "民生健康 - 岚湖新闻网", "charset": "utf-8"}
    nav = "".join(f'<li><a href="/c/{n}">栏目{n}</a></li>' for n in range(60))
    for n in range(pages):
        page = article_page(column, articles[n % len(articles)]).replace("<body>", f"<body><ul class='nav'>{nav}</ul>")
        site.add(f"/a/{n}.html", page.encode())
    site.add("/list.html", f"<html><body>{''.join(f'<p><a href=/a/{n}.html>第{n}篇</a></p>' for n in range(pages))}</body></html>".encode())
    weibo = [post for post in scenario.posts if post.outlet == "weibo"]
    for n in range(pages):
        start = 20 * n % (len(weibo) - 20)
        site.add(f"/feed/{n}.xml", rsshub("岚湖", weibo[start : start + 20], NOW).encode(), {"Content-Type": "application/xml"})
    return site


def _ours(kind: str, urls: list[str], conf: Path, landing: Path) -> float:
    """Seconds between the first and the last answer of our spider, in its own child process, politeness' pauses off."""
    options = {"css": "p a", "most": 10**6, "most_requests": 10**6}
    card = Card("bench", kind, "bench", "bench", "weibo" if kind == "feed" else "news", tuple(urls), delay_s=0, options=options)
    crawl(card, landing, conf, Clock(datetime.now(UTC)), 600)
    at = read_landing(landing)[1]["fetched_at"]
    return (at.max() - at.min()).total_seconds()  # type: ignore[operator, union-attr]


def _bare(rival: str, urls: list[str], work: Path) -> float:
    (work / "urls.json").write_text(json.dumps(urls))
    done = subprocess.run(
        [sys.executable, "-m", "crawlers.bench.race", rival, str(work / "urls.json")], capture_output=True, text=True, check=True
    )
    return float(done.stdout.strip().splitlines()[-1])


def bare(rival: str, urls: list[str]) -> float:
    """A plain Scrapy spider, one request at a time, no pauses, no robots: seconds between its first and its last answer."""
    import feedparser
    import trafilatura
    from scrapy import Request, Spider
    from scrapy.crawler import AsyncCrawlerProcess

    times: list[float] = []

    class Bare(Spider):
        name = "bare"

        async def start(self) -> Any:
            for url in urls:
                yield Request(url)

        def parse(self, response: Any) -> Any:
            if rival == "css":
                yield {"title": response.css("h1::text").get(), "text": "".join(response.css(".content p::text").getall())}
            elif rival == "trafilatura":
                read: Any = trafilatura.bare_extraction(response.body)
                yield {"title": read.title, "text": read.text, "date": read.date, "author": read.author}
            else:
                yield from (
                    {"title": e.get("title"), "text": e.get("summary"), "at": e.get("published")}
                    for e in feedparser.parse(response.body).entries
                )
            times.append(time.perf_counter())

    process = AsyncCrawlerProcess(
        {"LOG_LEVEL": "ERROR", "CONCURRENT_REQUESTS": 1, "REMOTE_CONTROL_ENABLED": False, "TELNETCONSOLE_ENABLED": False}
    )
    process.crawl(Bare)
    process.start()
    assert len(times) == len(urls), "the bare spider missed pages"
    return times[-1] - times[0]


if __name__ == "__main__":
    print(bare(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())))
