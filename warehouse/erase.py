"""What people ask to have erased: gone from every table and from the archive, and kept out from then on.

In this order, so that it can be stopped anywhere and run again: the ids are noted in `erasures` (from then on nothing of them is let in),
the archived answers are buried, the rows that lead to the posts go, and the posts themselves last, since by them the rest is found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from warehouse.schema import TABLES
from warehouse.store import Warehouse
from warehouse.tombstone import bury

ERASED = "已按要求删除"  # in the place of words that must not be empty
LAST = "posts"
Step = tuple[str, pl.Expr, dict[str, pl.Expr]]


@dataclass
class Erased:
    """`urls`: of the posts. `rows`: table -> rows dropped or blanked; `buried`: answers; `others_n`: posts of others in the same answers.

    `missing`: archive files that are not there.
    """

    posts: list[str]
    authors: list[str]
    fetches: list[str]
    urls: list[str]
    rows: dict[str, int] = field(default_factory=dict)
    buried: int = 0
    others_n: int = 0
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wish:
    """Whose (author_hash) and which (canonical url) posts; `note`: who asked, and why. It must not name the author."""

    authors: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    note: str = ""


def erase(warehouse: Warehouse, archive: Path, wish: Wish, at: datetime, dry_run: bool = False) -> Erased:
    """Erase from all tables and bury the answers; `dry_run` only counts. A second time finds nothing more, and says so by zeros."""
    posts = _posts(warehouse, wish)
    aside = _in_quarantine(posts["post_id"].to_list(), wish)
    answers = _answers(warehouse, posts["post_id"].to_list(), aside, wish)
    done = Erased(sorted(set(posts["post_id"])), sorted(wish.authors), sorted(answers["fetch_id"]), sorted(posts["url"].drop_nulls()))
    done.others_n = _others(warehouse, done)
    if not dry_run:
        warehouse.add("erasures", _notes(done, wish.note, at))
    for file, offset in answers.filter(pl.col("warc_file").is_not_null()).select("warc_file", "warc_offset").unique().sort(pl.all()).rows():
        if not (archive / file).is_file():
            done.missing.append(file)
        elif dry_run or bury(archive / file, offset):
            done.buried += 1
    for table, where, blank in _affected(warehouse, posts, aside, done, wish):
        if not warehouse.exists(table):
            continue
        done.rows[table] = _count(warehouse, table, where) if dry_run else warehouse.rewrite(table, where, _blanking(blank))
    done.rows = {table: n for table, n in done.rows.items() if n}
    return done


def _posts(warehouse: Warehouse, wish: Wish) -> pl.DataFrame:
    """Every stored row, corrected ones too."""
    meant = pl.col("author_hash").is_in(wish.authors) | pl.col("url").is_in(wish.urls)
    return _all(warehouse, "posts").filter(meant).select("post_id", "url", "title", "text", "fetch_id").collect()


def _all(warehouse: Warehouse, table: str) -> pl.LazyFrame:
    pinned = warehouse.opened(table)
    return warehouse.scan(table) if pinned is None else warehouse.stored(table, pinned)


def _answers(warehouse: Warehouse, post_ids: list[str], aside: pl.Expr, wish: Wish) -> pl.DataFrame:
    """The answers that any of the posts, a count of one or a row set aside was read from, and those to the urls themselves."""
    ids = [
        *_all(warehouse, "posts").filter(pl.col("post_id").is_in(post_ids)).select("fetch_id").collect()["fetch_id"],
        *_all(warehouse, "observations").filter(pl.col("post_id").is_in(post_ids)).select("fetch_id").collect()["fetch_id"],
        *_all(warehouse, "quarantine").filter(aside).select(pl.col("row").str.json_path_match("$.fetch_id")).collect()["row"].drop_nulls(),
    ]
    meant = pl.col("fetch_id").is_in(ids) | pl.col("url").is_in(wish.urls)
    return _all(warehouse, "fetches").filter(meant).select("fetch_id", "url", "warc_file", "warc_offset").collect()


def _others(warehouse: Warehouse, done: Erased) -> int:
    shown = _all(warehouse, "posts").filter(pl.col("fetch_id").is_in(done.fetches), ~pl.col("post_id").is_in(done.posts))
    return int(shown.select(pl.col("post_id").n_unique()).collect().item())


def _notes(done: Erased, note: str, at: datetime) -> pl.DataFrame:
    ids = [("post", one) for one in done.posts] + [("author", one) for one in done.authors] + [("fetch", one) for one in done.fetches]
    frame = pl.DataFrame(ids, schema={"erased_kind": pl.String, "erased_id": pl.String}, orient="row")
    return frame.with_columns(note=pl.lit(note or None, pl.String), erased_at=pl.lit(at))


def _affected(warehouse: Warehouse, posts: pl.DataFrame, aside: pl.Expr, done: Erased, wish: Wish) -> list[Step]:
    """(table, which rows, what stands in them instead; nothing: they go), `posts` last. Chosen by the columns a table has."""
    plan = list[Step]()
    for table in ("events", "warnings"):  # before event_posts, which lead to them
        plan.append((table, _titled(warehouse, table, posts), {"title": pl.lit(ERASED)}))
    for table, known in TABLES.items():
        if table not in ("erasures", "fetches", "quarantine", LAST) and "post_id" in known.columns:
            plan.append((table, pl.col("post_id").is_in(done.posts), {}))
    plan.append(("quarantine", aside, {}))
    blank = {"detail": pl.lit(None), "cursor": pl.lit(None), "url": _url(posts, wish)}
    plan.append(("fetches", pl.col("fetch_id").is_in(done.fetches), blank))
    plan.append((LAST, pl.col("post_id").is_in(done.posts), {}))
    return plan


def _url(posts: pl.DataFrame, wish: Wish) -> pl.Expr:
    """The address of a page that was one of the posts; that of a list of many people's posts says nothing and stays."""
    own = sorted({*wish.urls, *posts["url"].drop_nulls()})
    return pl.when(pl.col("url").is_in(own)).then(pl.concat_str(pl.lit("erased:"), "fetch_id")).otherwise("url").alias("url")


def _titled(warehouse: Warehouse, table: str, posts: pl.DataFrame) -> pl.Expr:
    """Events and warnings of one of the posts that carry its own words as their title."""
    members = _all(warehouse, "event_posts").filter(pl.col("post_id").is_in(posts["post_id"].to_list()))
    rows = _all(warehouse, table).join(members, on="event_id", how="semi").select("event_id", "title").unique().collect()
    words = [" ".join(word.split()) for name in ("title", "text") for word in posts[name].drop_nulls()]
    told = {title for title in rows["title"] if any(title.removesuffix("…") in word for word in words)}
    return pl.col("event_id").is_in(rows["event_id"].to_list()) & pl.col("title").is_in(sorted(told))


def _in_quarantine(post_ids: list[str], wish: Wish) -> pl.Expr:
    """A row set aside is JSON: its id, its author or its address stands in it as it is."""
    said = [*post_ids, *wish.authors, *wish.urls]
    return pl.col("row_id").is_in(post_ids) | pl.col("row").str.contains_any(said) if said else pl.lit(False)


def _blanking(blank: dict[str, pl.Expr]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def then(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(value.cast(rows.schema[name]).alias(name) for name, value in blank.items()) if blank else rows.clear()

    return then


def _count(warehouse: Warehouse, table: str, where: pl.Expr) -> int:
    return int(_all(warehouse, table).filter(where).select(pl.len()).collect().item())
