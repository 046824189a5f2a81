"""Landing files of one run → fetches, quarantine, posts, observations, coverage, checks. Judged first, written after: a stop writes no row
but the gate's own verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from expectations.coverage import Floors, Promises, cover
from expectations.datadocs import write_page
from expectations.gate import Checked, check, fitted, shape, stop_at, strangers
from expectations.measures import Finding
from expectations.record import record
from expectations.suites import columns, table_rules
from warehouse.clock import SHANGHAI
from warehouse.kept_out import nameless
from warehouse.store import Warehouse, days_before


@dataclass(frozen=True)
class Landed:
    """What one run brought; `quarantined` counts rows set aside in it, new to the table or not; `kept_out` items of what was erased."""

    posts_new: int
    observations_new: int
    quarantined: int
    findings: list[Finding]
    coverage: pl.DataFrame
    kept_out: int = 0


def land(
    warehouse: Warehouse, items: pl.DataFrame, fetches: pl.DataFrame, as_of: datetime, floors: Floors, docs: Path | None = None,
    promises: Promises | None = None, goes_on: bool = False, answered: pl.DataFrame | None = None,
) -> Landed:  # fmt: skip
    """items: raw_items columns; fetches: fetches columns; floors: items a run (low, high) of every source that was asked.

    docs: folder for the pages of what the gate said; promises: what the card of every source says, asked or not; goes_on: a further part of
    what this run has landed; answered: what the sources said in it, where that is more than the items, for coverage. StageStop if a table
    is not to be believed: then only what the gate measured is written. A second run changes nothing.
    """
    for table, frame in (("raw_items", items), ("fetches", fetches)):
        if wrong := [*strangers(table, frame), *shape(table, frame)]:
            record(warehouse, as_of, {table: Checked(frame.clear(), frame.clear(), wrong, [], frame.height)}, docs, goes_on=goes_on)
            stop_at(wrong)
    came_n = items.height
    items, fetches = _let_in(warehouse, fitted("raw_items", items), fitted("fetches", fetches))
    sightings = _one_a_moment(items)
    asked = check("fetches", fetches, as_of)
    posts = check("posts", _first_sightings(sightings), as_of, _history(warehouse, as_of))
    known = pl.concat([posts.good.select("post_id"), _held(warehouse, sightings, as_of)])
    observations = check("observations", sightings.join(known, on="post_id", how="semi", maintain_order="left"), as_of)
    judged = {"fetches": asked, "posts": posts, "observations": observations}
    if docs is not None:
        for table, checked in judged.items():
            write_page(docs, table, as_of, checked)
    record(warehouse, as_of, judged, docs, goes_on=goes_on)
    stop_at([stop for checked in judged.values() for stop in checked.stops])
    aside = pl.concat([checked.quarantined for checked in judged.values()])
    posts_new, observations_new = _write(warehouse, judged, aside)
    if answered is not None:
        answered = fitted("raw_items", answered).filter(~warehouse.erased(answered))
    coverage = cover(warehouse, items if answered is None else answered, fetches, aside, as_of, floors, promises)
    warehouse.replace("coverage", coverage, as_of)
    findings = [finding for checked in judged.values() for finding in checked.findings]
    return Landed(posts_new, observations_new, aside.height, findings, coverage, came_n - items.height)


def _let_in(warehouse: Warehouse, items: pl.DataFrame, fetches: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Without what people had erased, before a rule sets it aside whole; an answer that was such a post's own page loses its address."""
    is_erased = warehouse.erased(items)
    own = warehouse.erased(fetches) | fetches["url"].is_in(items.filter(is_erased)["url"].drop_nulls().to_list())
    if not (is_erased.any() or own.any()):
        return items, fetches
    blank = nameless(pl.lit(True))
    hidden = fetches.with_columns(pl.when(own).then(value).otherwise(name).alias(name) for name, value in blank.items())
    return items.filter(~is_erased), hidden


def _write(warehouse: Warehouse, judged: dict[str, Checked], aside: pl.DataFrame) -> tuple[int, int]:
    """Answers first, then what was read from them; returns posts and observations that were new."""
    warehouse.add("fetches", judged["fetches"].good)
    warehouse.add("quarantine", aside)
    return warehouse.add("posts", judged["posts"].good), warehouse.add("observations", judged["observations"].good)


def _held(warehouse: Warehouse, items: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Which of the items' posts the table has, without holding all that it has."""
    asked = items.lazy().select("post_id").unique()
    return warehouse.scan("posts", as_of=as_of).select("post_id").join(asked, on="post_id", how="semi").collect(engine="streaming")


def _one_a_moment(items: pl.DataFrame) -> pl.DataFrame:
    """Items in the order in which they were seen, the fuller text first; the same sighting on two pages or in two sources is one.

    Two different rows of one source for one post and moment both stay: one of them is wrong, and the gate will say so.
    """
    fuller = -pl.col("text").str.len_chars().cast(pl.Int64)
    items = items.sort("observed_at", fuller, "fetch_id", "post_id", "source", nulls_last=True)
    first_source = (pl.col("source") == pl.col("source").first().over("post_id", "observed_at")) | pl.col("post_id").is_null()
    apart = [name for name in columns("raw_items") if name != "fetch_id"]
    return items.filter(first_source.fill_null(True)).unique(apart, keep="first", maintain_order=True)


def _first_sightings(items: pl.DataFrame) -> pl.DataFrame:
    first = (pl.col("observed_at") == pl.col("observed_at").min().over("post_id")) | pl.col("post_id").is_null()
    return items.filter(first.fill_null(True))


def _history(warehouse: Warehouse, as_of: datetime) -> pl.DataFrame:
    """rows_n of earlier days' runs of the same kind in the same hour: neither a morning against a pulse, nor a pulse against a night."""
    hour = pl.col("as_of").dt.convert_time_zone(str(SHANGHAI)).dt.hour()
    kind = warehouse.run_id.partition("-")[0]
    runs = warehouse.scan("coverage", since=days_before(as_of, table_rules("posts", "volume")["days"])).filter(
        pl.col("as_of") < as_of, hour == as_of.astimezone(SHANGHAI).hour, pl.col("run_id").str.starts_with(f"{kind}-")
    )
    return runs.group_by("as_of").agg(rows_n=pl.col("got_n").sum()).sort("as_of").collect()
