"""One source asked once, by the real spider with the real manners, into a folder that is thrown away. No table is written."""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.clock import Clock
from warehouse.settings import Settings
from warehouse.vocabulary import GOT_AN_ANSWER
from warehouse.watchlist import load_watchlist

MOST_ASKED = 8  # requests of one check: a list and some of its articles
LONGEST_S = 600.0
TITLES = 5
FIELDS = {"title": "title", "text": "text", "url": "address", "published_at": "time", "author_hash": "author", "comments_n": "comments"}
ADVICE = {
    "not_modified": "nothing new since it was last asked; all is well",
    "empty_confirmed": "the site says there is nothing: right for a quiet column, wrong for a busy one",
    "login_wall": "the site wants a login, and we have none: run a bridge under your own account (see conf/hospital), or import files",
    "captcha": "the site takes us for a robot: ask less often (delay_s, cadence_minutes), wait a day, or run a bridge; we solve none",
    "blocked": "the site or its firewall refuses us: wait, ask less often, write to its owner (he has our contact), or use its feed",
    "robots_denied": "robots.txt forbids it: look for a feed, ask the owner, or, with his word in writing, `overrides: {robots: why}`",
    "format_changed": "an answer came, but not what this kind reads; the line above says what was missing. Is it the list or feed itself, "
    "and do the card's options name what is in it? docs/add-a-source.md has a table of what is seen and what to do",
    "error": "no usable answer: the line above says what happened. Is the address right, is it reached (`guanchao doctor --network`)?",
}


@dataclass(frozen=True)
class Finding:
    """What a check found. `reason`: of the whole source; `rows`: fetches; `items`: all that was read, whomever it concerns."""

    card: Any
    reason: str
    rows: list[dict[str, Any]]
    items: pl.DataFrame
    concerned_n: int
    left_n: int
    body: bytes

    @property
    def is_well(self) -> bool:
        return self.reason in GOT_AN_ANSWER

    @property
    def robots(self) -> str:
        if not self.card.hosts:
            return "is not asked for: these are files"
        said = " ".join(row["detail"] or "" for row in self.rows)
        if "override robots" in said:
            return "refuses, overridden: " + str(self.card.overrides.get("robots"))
        if "robots.txt:" in said:
            return "cannot be read, so nothing was asked"
        return "refuses" if any(row["reason"] == "robots_denied" for row in self.rows) else "allows"

    @property
    def filled(self) -> dict[str, float]:
        """Share of the items that have each field."""
        n = self.items.height
        return {name: 1 - self.items[column].null_count() / n for column, name in FIELDS.items()} if n else {}


@contextmanager
def sites(settings: Settings) -> Iterator[dict[str, str]]:
    """What fills the holes of the cards' addresses: for a drill its replica, served meanwhile."""
    from flows.drill import replica_of
    from flows.road import when

    served = replica_of(settings.scenario, when(None, settings.as_of)) if settings.drill else nullcontext("")
    with served as url:
        yield {"replica": url} if url else {}


def check_source(card: Any, settings: Settings) -> Finding:
    """Ask. Waits its turn if a run is asking the same hosts."""
    from crawlers.run import crawl, read_landing
    from flows.hosts import reserved
    from flows.road import when

    asked = replace(card, options={**card.options, "most_requests": min(int(card.options.get("most_requests", MOST_ASKED)), MOST_ASKED)})
    clock = Clock(when(None, settings.as_of), speed=0.0 if settings.drill else 1.0)
    settings.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="guanchao-check-") as name:
        conf, landing = _everything(settings.conf, Path(name) / "conf"), Path(name) / "landing"
        landing.mkdir()
        with reserved(sorted(card.hosts), settings.root / "hosts"):
            crawl(asked, landing, conf, clock, LONGEST_S)
        items, fetches = read_landing(landing)
        rows = fetches.sort("warc_offset", nulls_last=True).to_dicts()
        return _finding(card, rows, items, settings.conf, _body(landing, rows))


def _everything(conf: Path, folder: Path) -> Path:
    """The conf folder with a watch-list that every text concerns (all hold a line end), and as a drill: its hashes are thrown away."""
    folder.mkdir()
    (folder / "sources.yml").write_bytes((conf / "sources.yml").read_bytes())
    (folder / "settings.yml").write_text("drill: true\n", encoding="utf-8")
    (folder / "hospitals.yml").write_text(json.dumps({"scope": "every", "words": ["\n"]}), encoding="utf-8")
    return folder


def _finding(card: Any, rows: list[dict[str, Any]], items: pl.DataFrame, conf: Path, body: bytes) -> Finding:
    left = [row for row in rows if "options.most_requests" in (row["detail"] or "")]
    said = [row for row in rows if row not in left]
    reasons = Counter(row["reason"] for row in said)
    well = [reason for reason in GOT_AN_ANSWER if reasons[reason]]
    reason = (
        well[0]
        if well and (items.height or len(well) == len(reasons))
        else next((r for r, _ in reasons.most_common() if r not in well), "error")
    )
    watched = load_watchlist(conf)
    texts: list[str] = items.select(pl.concat_str(pl.col("title").fill_null(""), pl.col("text"), separator="\n")).to_series().to_list()
    return Finding(card, reason, said, items, sum(watched.concerns(text) for text in texts), len({row["url"] for row in left}), body)


def _body(landing: Path, rows: list[dict[str, Any]]) -> bytes:
    """The first answer's bytes, for those who want to look."""
    from warcio.archiveiterator import ArchiveIterator

    first = next((row for row in rows if row["warc_file"]), None)
    if first is None:
        return b""
    with (landing.parent / first["warc_file"]).open("rb") as archive:
        archive.seek(first["warc_offset"])
        body: bytes = next(iter(ArchiveIterator(archive))).content_stream().read()
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def guess(body: bytes) -> tuple[str, str, str]:
    """(kind, title, address of a feed the page names) from an answer; the kind is empty if nothing of ours reads it."""
    from crawlers.clean import decode

    text = decode(body).lstrip("\ufeff \t\r\n")
    start, found = text[:600].lower(), re.search(r"<title[^>]{0,200}>\s*(?:<!\[CDATA\[)?\s*([^<\]]{1,200})", text)
    title = " ".join(found[1].split()) if found else ""
    if any(mark in start for mark in ("<rss", "<feed", "<rdf:rdf", "jsonfeed.org")):
        return "feed", title, ""
    if start.startswith("{"):
        return ("newsnow" if '"items"' in text and '"status"' in text else ""), "", ""
    feed = re.search(r"<link[^>]{0,200}application/(?:rss|atom)\+xml[^>]{0,400}", text, re.I)
    address = re.search(r"href=[\"']?([^\"'\s>]+)", feed[0], re.I) if feed else None
    return ("article" if "<" in start else ""), title, address[1] if address else ""
