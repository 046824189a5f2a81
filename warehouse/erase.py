"""What people ask to have erased: gone from every table and from the archive, and kept out from then on.

In this order, so that it can be stopped anywhere and run again: the wish and the ids it means are noted in `erasures` (from then on nothing
of them is let in), the archived answers are buried, the rows that lead to the posts go, and last the posts and the rows set aside that say
the wish's own words, since by them the rest is found. It is safe beside runs: erasing.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from warehouse import erasing
from warehouse.kept_out import at_any, hashed, nameless, said
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

    @property
    def meant(self) -> pl.Expr:
        """Rows by one of the authors or at one of the addresses."""
        return pl.col("author_hash").is_in(self.authors).fill_null(False) | at_any(self.urls)


def erase(warehouse: Warehouse, archive: Path, wish: Wish, at: datetime, dry_run: bool = False) -> Erased:
    """Erase from all tables and bury the answers; `dry_run` only counts. A second time finds nothing more, and says so by zeros."""
    if dry_run:
        return _erase(warehouse, archive, wish, at, dry_run)
    with erasing.under_way(warehouse):
        warehouse.add("erasures", _notes(Erased([], sorted(wish.authors), [], []), wish, at))
        erasing.let_writers_end(warehouse)  # now nothing comes in or is worked out that would not be found
        return _erase(warehouse, archive, wish, at, dry_run)


def _erase(warehouse: Warehouse, archive: Path, wish: Wish, at: datetime, dry_run: bool) -> Erased:
    ids = _ids(warehouse, wish)
    posts = every(warehouse, "posts").filter(pl.col("post_id").is_in(ids)).select("post_id", "url", "title", "text").collect()
    aside = _says(wish) | _is_of(ids)
    answers = _answers(warehouse, ids, aside, wish)
    done = Erased(ids, sorted(wish.authors), sorted(answers["fetch_id"]), sorted(posts["url"].drop_nulls()))
    done.others_n = _others(warehouse, done)
    if not dry_run:
        warehouse.add("erasures", _notes(done, wish, at))
    for file, offset in answers.filter(pl.col("warc_file").is_not_null()).select("warc_file", "warc_offset").unique().sort(pl.all()).rows():
        if not (archive / file).is_file():
            done.missing.append(file)
        elif dry_run or bury(archive / file, offset):
            done.buried += 1
    for table, where, blank in _affected(warehouse, posts, done, wish):
        if not warehouse.exists(table):
            continue
        n = _count(warehouse, table, where) if dry_run else warehouse.rewrite(table, where, _blanking(blank))
        done.rows[table] = done.rows.get(table, 0) + n
    done.rows = {table: n for table, n in done.rows.items() if n}
    return done


def bury_again(warehouse: Warehouse, items: pl.DataFrame, fetches: pl.DataFrame, roots: Sequence[Path], at: datetime) -> int:
    """Before a run's answers are kept: bury those that show what was erased, or that stand in the place of an answer that was.

    items, fetches: what the run landed. roots: where its archive files may lie. The answers are noted, too; returns how many were buried.
    """
    if not warehouse.exists("erasures"):
        return 0
    known = warehouse.scan("erasures").filter(pl.col("erased_kind") == "fetch").select("erased_id").collect()["erased_id"].to_list()
    showing = items.filter(warehouse.erased(items))["fetch_id"].unique().to_list()
    meant = fetches.filter(pl.col("fetch_id").is_in([*known, *showing]) | warehouse.erased(fetches), pl.col("warc_file").is_not_null())
    fresh = meant.filter(~pl.col("fetch_id").is_in(known))["fetch_id"]
    if fresh.len():
        warehouse.add("erasures", _noted([("fetch", one) for one in sorted(fresh)], "came again after the erasure", at))
    files = meant.select("warc_file", "warc_offset").unique().sort(pl.all()).rows()
    found = [(next((root / name for root in roots if (root / name).is_file()), None), offset) for name, offset in files]
    return sum(bury(file, offset) for file, offset in found if file is not None)


def _ids(warehouse: Warehouse, wish: Wish) -> list[str]:
    """The posts that are meant: every stored row, corrected ones too, and the rows set aside.

    A row set aside whose author is not the one of the stored post came under another's id: it goes, and the other's post stays.
    """
    stored = every(warehouse, "posts").filter(wish.meant).select("post_id").collect()["post_id"]
    aside = every(warehouse, "quarantine").filter(_says(wish)).select(post_id=said("post_id"), by=said("author_hash")).collect()
    aside = aside.filter(pl.col("post_id").is_not_null())
    owners = every(warehouse, "posts").select("post_id", "author_hash").join(aside.lazy(), on="post_id").collect()
    others = owners.filter(pl.col("author_hash") != pl.col("by"))["post_id"].to_list()
    return sorted({*stored, *aside.filter(~pl.col("post_id").is_in(others))["post_id"]})


def every(warehouse: Warehouse, table: str) -> pl.LazyFrame:
    """Every stored row, corrected ones too."""
    pinned = warehouse.opened(table)
    return warehouse.scan(table) if pinned is None else warehouse.stored(table, pinned)


def _answers(warehouse: Warehouse, post_ids: list[str], aside: pl.Expr, wish: Wish) -> pl.DataFrame:
    """The answers that any of the posts, a count of one or a row set aside was read from, and those to the urls themselves."""
    ids = [
        *every(warehouse, "posts").filter(pl.col("post_id").is_in(post_ids)).select("fetch_id").collect()["fetch_id"],
        *every(warehouse, "observations").filter(pl.col("post_id").is_in(post_ids)).select("fetch_id").collect()["fetch_id"],
        *every(warehouse, "quarantine").filter(aside).select(said("fetch_id")).collect()["row"].drop_nulls(),
    ]
    meant = pl.col("fetch_id").is_in(ids) | at_any(wish.urls)
    return every(warehouse, "fetches").filter(meant).select("fetch_id", "url", "warc_file", "warc_offset").collect()


def _others(warehouse: Warehouse, done: Erased) -> int:
    shown = every(warehouse, "posts").filter(pl.col("fetch_id").is_in(done.fetches), ~pl.col("post_id").is_in(done.posts))
    return int(shown.select(pl.col("post_id").n_unique()).collect().item())


def _notes(done: Erased, wish: Wish, at: datetime) -> pl.DataFrame:
    """The addresses of the wish alone, not those of an author's posts: a comment has that of the page it stands on."""
    ids = {"post": done.posts, "author": done.authors, "fetch": done.fetches, "url": sorted({hashed(url) for url in wish.urls})}
    return _noted([(kind, one) for kind, named in ids.items() for one in named], wish.note, at)


def _noted(ids: list[tuple[str, str]], note: str, at: datetime) -> pl.DataFrame:
    frame = pl.DataFrame(ids, schema={"erased_kind": pl.String, "erased_id": pl.String}, orient="row")
    return frame.with_columns(note=pl.lit(note or None, pl.String), erased_at=pl.lit(at))


def _affected(warehouse: Warehouse, posts: pl.DataFrame, done: Erased, wish: Wish) -> list[Step]:
    """(table, which rows, what stands in them instead; nothing: they go), by which the rest is found last. By the columns a table has."""
    plan = list[Step]()
    for table in ("events", "warnings"):  # before event_posts, which lead to them
        plan.append((table, _titled(warehouse, table, posts), {"title": pl.lit(ERASED)}))
    for table, known in TABLES.items():
        if table not in ("erasures", "fetches", "quarantine", LAST) and "post_id" in known.columns:
            plan.append((table, pl.col("post_id").is_in(done.posts), {}))
    plan.append(("quarantine", _is_of(done.posts) & ~_says(wish), {}))
    plan.append(("fetches", pl.col("fetch_id").is_in(done.fetches), nameless(at_any([*wish.urls, *posts["url"].drop_nulls()]))))
    plan.append((LAST, pl.col("post_id").is_in(done.posts), {}))
    plan.append(("quarantine", _says(wish), {}))
    return plan


def own_words(posts: pl.DataFrame) -> list[str]:
    """Titles and texts as headlines are cut from them."""
    return [" ".join(word.split()) for name in ("title", "text") for word in posts[name].drop_nulls()]


def _titled(warehouse: Warehouse, table: str, posts: pl.DataFrame) -> pl.Expr:
    """Events and warnings of one of the posts that carry its own words as their title."""
    members = every(warehouse, "event_posts").filter(pl.col("post_id").is_in(posts["post_id"].to_list()))
    rows = every(warehouse, table).join(members, on="event_id", how="semi").select("event_id", "title").unique().collect()
    words = own_words(posts)
    told = {title for title in rows["title"] if any(title.removesuffix("…") in word for word in words)}
    return pl.col("event_id").is_in(rows["event_id"].to_list()) & pl.col("title").is_in(sorted(told))


def _says(wish: Wish) -> pl.Expr:
    """Rows set aside that name one of the authors or addresses themselves."""
    return said("author_hash").is_in(wish.authors).fill_null(False) | at_any(wish.urls, said("url"))


def _is_of(post_ids: list[str]) -> pl.Expr:
    """Rows set aside of these posts, in whatever table they were meant for."""
    return pl.col("row_id").is_in(post_ids) | said("post_id").is_in(post_ids).fill_null(False)


def _blanking(blank: dict[str, pl.Expr]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    def then(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(value.cast(rows.schema[name]).alias(name) for name, value in blank.items()) if blank else rows.clear()

    return then


def _count(warehouse: Warehouse, table: str, where: pl.Expr) -> int:
    return int(every(warehouse, table).filter(where).select(pl.len()).collect().item())
