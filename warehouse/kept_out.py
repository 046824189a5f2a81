"""What people had erased, known again by hashes alone in whatever comes in: by its post, its author or its address."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import polars as pl

KNOWN_BY = {"post": "post_id", "author": "author_hash", "url": "url"}  # erased_kind -> column
_SCHEME = r"^[A-Za-z][A-Za-z0-9+.-]*://"


def hashed(url: str) -> str:
    """An address as `erasures` keeps it; http and https are one, as they are in a post_id."""
    return hashlib.sha256(re.sub(_SCHEME, "", url).encode()).hexdigest()


def at_any(urls: Iterable[str], column: pl.Expr | None = None) -> pl.Expr:
    """Rows with one of these addresses, whole and no other that begins like it; never null. `column`: other than `url`."""
    own = sorted({re.sub(_SCHEME, "", url) for url in urls})
    return (pl.col("url") if column is None else column).str.replace(_SCHEME, "").is_in(own).fill_null(False)


def said(column: str) -> pl.Expr:
    """What a row of quarantine says in one of its columns; null where it has none such."""
    return pl.col("row").str.json_path_match(f"$.{column}")


def erased(rows: pl.DataFrame, gone: pl.DataFrame) -> pl.Series:
    """Which rows are of what `gone` (rows of erasures) names. A row set aside is JSON and known by what it says."""
    is_aside = {"row", "row_id"} <= set(rows.columns)
    found = pl.Series("is_erased", [False]).new_from_index(0, rows.height)
    for kind, column in KNOWN_BY.items():
        ids = gone.filter(pl.col("erased_kind") == kind)["erased_id"].to_list()
        if ids and (is_aside or column in rows.columns):
            shown = rows.select((said(column) if is_aside else pl.col(column)).alias(column))[column]
            if kind == "url":
                own, shown = set(ids), shown.alias("url")
                ids = [url for url in shown.drop_nulls().unique() if hashed(url) in own]
            found = found | shown.is_in(ids).fill_null(False)
    return found


def nameless(is_own: pl.Expr) -> dict[str, pl.Expr]:
    """For answers: the address of a page that was one of the posts goes; that of a list of many people's posts says nothing and stays."""
    own = pl.when(is_own).then(pl.concat_str(pl.lit("erased:"), "fetch_id")).otherwise("url")
    return {"detail": pl.lit(None, pl.String), "cursor": pl.lit(None, pl.String), "url": own}
