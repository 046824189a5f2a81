"""Files through the same gate as a crawl, a year or a file at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from rich.progress import track

from flows.road import instant
from warehouse.clock import shanghai
from warehouse.settings import ConfigProblem, Settings
from warehouse.store import Warehouse
from warehouse.watchlist import load_watchlist


@dataclass(frozen=True)
class Imported:
    """What one file, or one slice of one, brought."""

    name: str
    read_n: int
    posts_n: int
    set_aside_n: int
    note: str = ""


def shared(settings: Settings, data: Path, since: str | None, until: str | None) -> list[Imported]:
    """The shared real data, each row dated by the archive's own clock."""
    from crawlers.archives import import_shared
    from expectations.land import land

    watchlist = load_watchlist(settings.conf)
    first, last = (instant(name, said) if said else None for name, said in (("--since", since), ("--until", until)))
    slices = import_shared(data, watchlist, first, last)
    out = []
    for name, items, fetches in track(slices, description="importing", total=None):
        latest: datetime = items["observed_at"].max()  # type: ignore[assignment]
        warehouse = Warehouse(settings.warehouse, f"import-{latest:%Y%m%dT%H%M%SZ}")
        landed = land(warehouse, items, fetches, latest, {}, None)
        out.append(Imported(name, items.height, landed.posts_new, landed.quarantined))
    return out


def export(settings: Settings, path: Path, sheet: str | None, platform: str | None) -> list[Imported]:
    """One file of a vendor or a crawler; rows that cannot be read go to <name>.rejects.csv beside the tables."""
    from crawlers.importers import read_export
    from expectations.land import land

    now, secret = datetime.now(UTC).replace(microsecond=0), settings.author_secret.get_secret_value()
    if not secret and not settings.drill:
        raise ConfigProblem(
            "GUANCHAO_AUTHOR_SECRET is not set: authors cannot be turned into hashes; set it to a long random text and keep it"
        )
    read = read_export(path, load_watchlist(settings.conf), now, f"import:{path.stem}", sheet, platform, secret)
    landed = land(Warehouse(settings.warehouse, f"import-{now:%Y%m%dT%H%M%SZ}"), read.items, read.fetches, now, {}, None)
    note = ""
    if read.rejects.height:
        rejects = settings.root / "rejects" / f"{path.stem}-{shanghai(now, '%Y%m%dT%H%M%S')}.csv"
        rejects.parent.mkdir(parents=True, exist_ok=True)
        read.rejects.select(pl.all().cast(pl.String)).write_csv(rejects)
        note = f"{read.rejects.height} rows not read, see {rejects}"
    return [Imported(path.name, read.items.height + read.rejects.height, landed.posts_new, landed.quarantined, note)]
