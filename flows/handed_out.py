"""What an erasure finds beside the tables and the archive: published pages, pictures of pages, files of rejected rows.

Pages and rejects are named, for they were handed out or are somebody's to mend; pictures are deleted, for they are kept like the archive.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path

import polars as pl

from crawlers.addresses import canonical_url
from flows.road import Road
from warehouse.erase import ERASED, Wish, every, own_words
from warehouse.erasing import none_meanwhile
from warehouse.kept_out import hashed
from warehouse.store import Warehouse

ADDRESS = re.compile(r"https?://[^\s\"\\<>]+")
PLAIN: dict[str, Callable[[str], str]] = {  # a title as it was before the form of the file had it written otherwise
    ".html": html.unescape,
    ".json": lambda text: text.replace('\\"', '"').replace("\\\\", "\\"),
    ".csv": lambda text: text.replace('""', '"'),
}


def titles(warehouse: Warehouse, wish: Wish) -> list[str]:
    """What pages print of the posts without naming them: titles of their events and warnings in their words. Asked before the erasure.

    Of an erasure that was stopped half-way the titles are gone already: then the events' ids, which stand beside them.
    """
    posts = every(warehouse, "posts").filter(wish.meant).select("post_id", "title", "text").collect()
    members = every(warehouse, "event_posts").filter(pl.col("post_id").is_in(posts["post_id"].to_list())).select("event_id")
    of = [every(warehouse, table).join(members, on="event_id", how="semi").select("event_id", "title") for table in ("events", "warnings")]
    words = own_words(posts)
    found = set[str]()
    for event_id, title in pl.concat(of).unique().collect().iter_rows():
        cut = (title or "").removesuffix("…")
        if title == ERASED:
            found.add(event_id)
        elif cut and any(cut in word for word in words):
            found.add(cut)
    return sorted(found)


def none_erased(stage: Callable[[Road], int]) -> Callable[[Road], int]:
    """A stage that prints: an erasure waits for its pages, and so finds them; TableProblem if there was one since the run began to read."""

    @wraps(stage)
    def run(road: Road) -> int:
        with none_meanwhile(road.warehouse, road.erased_before, stage.__name__):
            return stage(road)

    return run


def pages(published: Path, words: Iterable[str]) -> list[Path]:
    """Published files that print one of these: ids, addresses, titles. A person decides what becomes of them."""
    asked = [word for word in words if word]

    def names(path: Path) -> bool:
        text = path.read_text(encoding="utf-8", errors="replace")
        plain = PLAIN[path.suffix](text)
        return any(word in text or word in plain for word in asked)

    return [path for path in sorted(published.rglob("*")) if path.suffix in PLAIN and path.is_file() and names(path)]


def rejects(folder: Path, ids: Iterable[str], urls: Iterable[str]) -> list[Path]:
    """Files of rows that could not be read which hold one of the posts: by id, or by address in whatever form it was given."""
    asked, wanted = [word for word in ids if word], {hashed(url) for url in urls}

    def holds(path: Path) -> bool:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        return any(word in text for word in asked) or any(hashed(canonical_url(url)) in wanted for url in set(ADDRESS.findall(text)))

    return [path for path in sorted(folder.rglob("*.csv")) if holds(path)]


def erased_posts(warehouse: Warehouse) -> set[str]:
    """Of this erasure and of all before: one that was killed after the tables were done has left its pictures."""
    return set(every(warehouse, "erasures").filter(erased_kind="post").select("erased_id").collect()["erased_id"])


def drop_pictures(folder: Path, posts: set[str], urls: Iterable[str], dry_run: bool) -> int:
    """Delete the pictures of these posts' pages and what is noted beside each; returns how many pictures (would) go."""
    wanted, pictures = {hashed(url) for url in urls}, 0
    for note in sorted({path.with_suffix(".json") for path in folder.glob("*/*") if path.suffix in (".png", ".json")}):
        if note.stem not in posts and not wanted & _asked(note):
            continue
        picture = note.with_suffix(".png")
        pictures += picture.exists()
        if not dry_run:
            picture.unlink(missing_ok=True)
            note.unlink(missing_ok=True)  # last: without it the picture could not be found by its address
    return pictures


def _asked(note: Path) -> set[str]:
    """Hashes of the addresses a picture is of; none where a killed run left no readable note."""
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return {hashed(said[name]) for name in ("url", "final_url") if said.get(name)} if isinstance(said, dict) else set()
