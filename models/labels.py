"""What people said of texts -> one label a text, and the rows a classifier is taught with.

Annotators vote with the trust their labels carry; a verdict on a warning is a weak vote on the posts it was about. A text counts once,
however many labelled it. Nothing here may become test data: the test sets are frozen (classifier/datasets.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from models.classifier.datasets import COLUMNS, key
from models.classifier.score import read_as
from warehouse.schema import TABLES, polars_schema
from warehouse.store import Warehouse

DESK = "desk"
VERDICT_SAYS = {"false_alarm": False, "regraded": True, "resolved": True}  # `claimed` says who looks, not what he found
VERDICT_TRUST = 0.3  # it was given on an event, not on each of its texts
SEEN = 20  # first texts of the event: more nobody looked at before deciding
ANSWERS = ("comment", "repost")  # what hangs below a post is not what the warning was about
VALIDATION = range(25, 40)  # of 100 buckets by text hash: the ones of datasets.posts, so that no text is taught here and judged there
VOTES = ["text_key", "annotator", "labelled_at", "text", "kind", "is_relevant", "sentiment", "category", "trust_p"]


@dataclass(frozen=True)
class Settled:
    """One row a text (text_key, text, kind, is_relevant, sentiment, category, by_people), and how many texts each head was disputed on."""

    frame: pl.DataFrame
    disputed: dict[str, int]


def current(labels: pl.DataFrame) -> pl.DataFrame:
    """The newest row of each annotator and text, in key order."""
    return labels.sort("text_key", "annotator", "labelled_at").unique(["text_key", "annotator"], keep="last", maintain_order=True)


def unsaid(known: pl.DataFrame, said: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """(rows of `said` that tell something new, how many of them change an earlier label of the same annotator).

    A file imported a second time tells nothing new, even if a correction came between.
    """
    told = said.join(known, on=["text_key", "annotator", "origin"], how="anti")
    pair, heads = ["text_key", "annotator"], ["is_relevant", "sentiment", "category", "trust_p"]
    told = told.join(current(known).select(*pair, *heads), on=[*pair, *heads], how="anti", nulls_equal=True)
    return told, told.join(known, on=pair, how="semi").height


def from_verdicts(verdicts: pl.DataFrame, warnings: pl.DataFrame, event_posts: pl.DataFrame, posts: pl.DataFrame) -> pl.DataFrame:
    """The tables as known at one instant -> weak labels (columns of the table `labels`), by the last verdict on each event.

    A false alarm says that the event's posts do not concern us, a regrading or an ending that they do; sentiment and category are not
    what was decided, so they stay open (an irrelevant text has category `other` by definition).
    """
    about = warnings.select("warning_id", "event_id").unique()
    meant = verdicts.filter(pl.col("verdict").is_in(list(VERDICT_SAYS))).join(about, on="warning_id").sort("said_at", "verdict_id")
    last = meant.unique("event_id", keep="last").select(
        "event_id", "verdict_id", "said_at", pl.col("verdict").replace_strict(VERDICT_SAYS, return_dtype=pl.Boolean).alias("is_relevant")
    )
    then = event_posts.select("event_id", "post_id", "as_of").join(last, on="event_id").filter(pl.col("as_of") <= pl.col("said_at"))
    then = then.filter(pl.col("as_of") == pl.col("as_of").max().over("event_id"))
    said = posts.filter(~pl.col("kind").is_in(ANSWERS)).select("post_id", "title", "text", "kind", "first_seen_at")
    seen = then.join(said, on="post_id").sort("event_id", "first_seen_at", "post_id")
    seen = with_text(seen).unique(["event_id", "text_key"], keep="first", maintain_order=True)
    seen = seen.filter(pl.int_range(pl.len()).over("event_id") < SEEN)
    schema = polars_schema("labels")
    return seen.sort("said_at").unique("text_key", keep="last").select(
        "text_key", pl.lit(DESK).alias("annotator"), pl.col("said_at").alias("labelled_at"), "post_id", "text", "kind", "is_relevant",
        pl.lit(None, pl.String).alias("sentiment"), pl.when(~pl.col("is_relevant")).then(pl.lit("other")).alias("category"),
        pl.lit(VERDICT_TRUST).alias("trust_p"), pl.lit(None, pl.String).alias("queue_reason"), pl.col("verdict_id").alias("origin"),
    ).cast({name: schema[name] for name in TABLES["labels"].columns[:-2]}).sort("text_key")  # fmt: skip


def with_text(posts: pl.DataFrame) -> pl.DataFrame:
    """Posts with `text` as the classifier reads it (title and body) and its `text_key`."""
    texts = [read_as(title, text) for title, text in posts.select("title", "text").iter_rows()]
    return posts.with_columns(pl.Series("text", texts, pl.String), pl.Series("text_key", [key(text) for text in texts], pl.String))


def settle(votes: pl.DataFrame) -> Settled:
    """Votes (VOTES) -> one label a text: the most trusted answer, a tie goes to the latest. Whoever saw the relevance otherwise has no
    vote on sentiment and category, and an irrelevant text has category `other`.
    """
    decided = _winner(votes, "is_relevant")
    agreeing = votes.join(decided.select("text_key", won="is_relevant"), on="text_key").filter(pl.col("is_relevant") == pl.col("won"))
    heads = [decided, _winner(agreeing, "sentiment"), _winner(agreeing, "category")]
    disputed = {head: int(one["disputed"].sum()) for head, one in zip(("relevant", "sentiment", "category"), heads, strict=True)}
    frame = votes.sort("text_key", "trust_p", "labelled_at").group_by("text_key", maintain_order=True).agg(
        pl.col("text", "kind").last(), (pl.col("annotator") != DESK).any().alias("by_people")
    )  # fmt: skip
    for one in heads:
        frame = frame.join(one.drop("disputed"), on="text_key", how="left")
    irrelevant = pl.when(pl.col("is_relevant")).then("category").otherwise(pl.lit("other")).alias("category")
    return Settled(frame.with_columns(irrelevant).sort("text_key"), disputed)


def _winner(votes: pl.DataFrame, head: str) -> pl.DataFrame:
    """text_key, `head`, disputed: the answer with most trust behind it, at a tie the latest given."""
    given = votes.drop_nulls(head).group_by("text_key", head).agg(pl.col("trust_p").sum().round(6), pl.col("labelled_at").max())
    ranked = given.sort("text_key", "trust_p", "labelled_at", head).group_by("text_key", maintain_order=True)
    return ranked.agg(pl.col(head).last(), (pl.len() > 1).alias("disputed"))


def votes_of(warehouse: Warehouse, as_of: datetime) -> pl.DataFrame:
    """Every vote (VOTES) known at `as_of`: people's newest labels, and what verdicts say."""
    desk = from_verdicts(*(warehouse.read(table, as_of=as_of) for table in ("verdicts", "warnings", "event_posts", "posts")))
    return pl.concat([current(warehouse.read("labels", as_of=as_of)).select(VOTES), desk.select(VOTES)])


def training_rows(settled: Settled) -> pl.DataFrame:
    """Settled labels -> rows with datasets.COLUMNS, split train or validation by text hash; what only the desk says is never validation."""
    bucket = pl.col("text_key").str.slice(0, 4).str.to_integer(base=16) % 100
    held = bucket.is_between(VALIDATION.start, VALIDATION.stop - 1) & pl.col("by_people")
    return settled.frame.with_columns(
        pl.when("by_people").then(pl.lit("labels")).otherwise(pl.lit(DESK)).alias("source"),
        pl.col("kind").replace({"title": "headline"}),
        pl.col("is_relevant").cast(pl.Int8).alias("relevant"),
        pl.when(held).then(pl.lit("validation")).otherwise(pl.lit("train")).alias("split"),
    ).select(COLUMNS)  # fmt: skip


def labels_for_training(warehouse: Warehouse, as_of: datetime) -> pl.DataFrame:
    """Everything people of this installation have said by `as_of`, as rows for `classifier.train.train(labels=…)`."""
    return training_rows(settle(votes_of(warehouse, as_of)))
