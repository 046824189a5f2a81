"""Evidence: one folder that a lawyer can be handed, and pictures of the pages that carry the day's warnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from flows.evidence_files import WARC, check_free, copy_pictures, copy_records, new_folder, onto_the_disk, sha256_of, write_hashes
from flows.hosts import by_host, reserved
from flows.road import Road
from warehouse.clock import Clock
from warehouse.evidence import Case, gather
from warehouse.settings import ConfigProblem, Settings
from warehouse.store import Warehouse
from warehouse.watchlist import load_watchlist


@dataclass(frozen=True)
class Bundle:
    """What was made. `states`: records by vocabulary.ARCHIVE_STATES; `problems`: a line for each thing that is not what it was."""

    folder: Path
    posts_n: int
    states: Counter[str]
    pictures_n: int
    seal: str
    problems: tuple[str, ...]


def make(settings: Settings, id: str, out: Path, as_of: datetime, made_at: datetime, live: Path | None = None) -> Bundle:
    """Write the bundle of an event, warning or post as `out`. `live`: folder of pictures made for it just now.

    What has been changed or is gone is told, never left out, and the bundle is made all the same.
    """
    from briefing.evidence_page import Contents, index, problems
    from briefing.evidence_twins import manifest, rows_csv

    check_place(settings, out)
    case = gather(Warehouse(settings.warehouse), id, as_of)
    names = {hospital.id: hospital.name for hospital in load_watchlist(settings.conf).hospitals}
    about = {
        "software": f"guanchao/{version('guanchao')}", "format": "WARC File Format 1.0", "isPartOf": settings.name,
        "description": f"{case.label} {case.id}, as of {case.as_of.isoformat()}; records copied byte for byte from the archive",
        "robots": "obeyed, but where the note of a record says why not",
    }  # fmt: skip
    with new_folder(out) as folder:
        records = copy_records(case, settings.archive, folder, about)
        pictures = copy_pictures(case, settings.root / "screenshots", live, folder)
        warc = sha256_of(folder / WARC)
        said = Contents(settings.name, settings.drill, case, names, records, pictures, made_at, version("guanchao"), warc)
        (folder / "rows.csv").write_text(rows_csv(case, records, settings.drill), encoding="utf-8-sig", newline="")
        (folder / "manifest.json").write_text(manifest(said), encoding="utf-8")
        (folder / "index.html").write_text(index(said), encoding="utf-8")
        seal = write_hashes(folder)
        onto_the_disk([folder])
    made = sum(picture.file is not None for picture in pictures)
    return Bundle(out, len(case.posts), Counter(record.state for record in records), made, seal, tuple(problems(case, records, pictures)))


def check_place(settings: Settings, out: Path) -> None:
    """ConfigProblem for a place that is taken, or that raw answers must not lie in: the desk serves what is published, unmasked or not."""
    check_free(out)
    for place in (settings.published, settings.archive, *([] if settings.storage else [settings.warehouse])):
        if out.resolve().is_relative_to(place.resolve()):
            raise ConfigProblem(f"--out {out}: lies inside {place}; name a folder outside the data root")


def take_pictures(settings: Settings, cards: list[Any], posts: Iterable[dict[str, Any]], folder: Path, clock: Clock) -> list[Any]:
    """Shots of the posts' pages (post_id, source, url) into `folder`; the hosts are reserved as in a crawl, so nobody else asks them."""
    from crawlers.card import load_contact
    from crawlers.screenshot import shoot as visit

    contact, posts, known = load_contact(settings.conf), list(posts), {card.id for card in cards}

    def ask(group: list[Any]) -> list[Any]:
        with reserved(sorted({host for card in group for host in card.hosts}), settings.root / "hosts"):
            sources = {card.id for card in group}
            return visit(group, [post for post in posts if post["source"] in sources], folder, clock, contact)

    groups = [group for group in by_host(cards) if any(post["source"] in {card.id for card in group} for post in posts)]
    strangers = [post for post in posts if post["source"] not in known]
    without = visit([], strangers, folder, clock, contact) if strangers else []
    with ThreadPoolExecutor(max_workers=settings.crawl_processes) as pool:
        return [*without, *(shot for shots in pool.map(ask, groups) for shot in shots)]


def shoot(road: Road) -> int:
    """Pictures of the posts that carry this run's warnings; returns pictures made. A page shot before is not asked for again."""
    from briefing.pages import explained
    from flows.listing import frames

    kept = road.settings.root / "screenshots"
    done = {path.stem for path in kept.glob("*/*.png") if path.with_suffix(".json").exists()}
    carrying = explained(frames(road), road.as_of).select("post_id")
    posts = road.known("posts").join(carrying, on="post_id", how="semi").filter(~pl.col("post_id").is_in(list(done)))
    rows = posts.sort("post_id").select("post_id", "source", "url").to_dicts()
    shots = take_pictures(road.settings, road.cards(), rows, kept / road.run_id, road.clock) if rows else []
    return sum(shot.png is not None for shot in shots)


def posts_of(settings: Settings, id: str, as_of: datetime) -> list[dict[str, Any]]:
    """(post_id, source, url) of the posts a bundle would show."""
    case: Case = gather(Warehouse(settings.warehouse), id, as_of)
    return [{name: post[name] for name in ("post_id", "source", "url")} for post in case.posts if "url" in post]
