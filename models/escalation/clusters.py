"""Cascades of one happening -> events of several posts: nearly the same words within a week. Training only: needs sklearn."""

from __future__ import annotations

import numpy as np
import polars as pl

ALIKE = 0.5  # cosine of character trigrams
WITHIN_S = 7 * 86400
SHORTEST = 12  # characters left of links, names and signs: shorter texts are alike by chance


def clusters(cascades: pl.DataFrame) -> pl.DataFrame:
    """cascades: cascade_id, post_time, text -> cascade_id and `event` (its first cascade), of events of two cascades or more; sorted."""
    from scipy.sparse import coo_matrix, triu
    from scipy.sparse.csgraph import connected_components
    from sklearn.feature_extraction.text import TfidfVectorizer

    bare = pl.col("text").fill_null("").str.replace_all(r"https?://\S+|@\S+|[\s\p{P}]", "")
    known = cascades.with_columns(bare.alias("bare")).filter(pl.col("bare").str.len_chars() >= SHORTEST).sort("post_time", "cascade_id")
    if known.height < 2:
        return pl.DataFrame(schema={"cascade_id": pl.String(), "event": pl.String()})
    words = TfidfVectorizer(analyzer="char", ngram_range=(3, 3), sublinear_tf=True).fit_transform(known["bare"].to_list())
    alike = triu(words @ words.T, k=1).tocoo()
    times = known["post_time"].to_numpy()
    is_one = (alike.data >= ALIKE) & (np.abs(times[alike.row] - times[alike.col]) <= WITHIN_S)
    pairs = coo_matrix((np.ones(is_one.sum()), (alike.row[is_one], alike.col[is_one])), shape=alike.shape)
    _, label = connected_components(pairs, directed=False)
    marked = known.select("cascade_id", "post_time").with_columns(pl.Series("label", label))
    named = marked.with_columns(pl.col("cascade_id").first().over("label").alias("event"), pl.len().over("label").alias("posts_n"))
    return named.filter(pl.col("posts_n") > 1).select("cascade_id", "event").sort("event", "cascade_id")
