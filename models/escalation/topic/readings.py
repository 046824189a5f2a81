"""Hot boards, in the shared format or Weibo's hourly list, as one table: a row a topic and reading of its board."""

from __future__ import annotations

from pathlib import Path

import polars as pl

HOURLY = "hot_search/hourly_2020-11_2025-12.parquet"
LABELS = "text/hot_titles_labeled.csv"
SHARED = ("zhihu", "baidu", "weibo")
FILES = (HOURLY, LABELS, *(f"boards/{board}_{part}.parquet" for board in SHARED for part in ("topics", "snapshots")))
SCHEMA: dict[str, pl.DataType] = {
    "board": pl.String(), "platform": pl.String(), "topic_id": pl.String(), "title": pl.String(),
    "is_medical": pl.Boolean(), "observed_at": pl.Datetime("us", "UTC"), "rank": pl.Float64(),
    "heat": pl.Float64(), "answers": pl.Float64(),
}  # fmt: skip
ANSWERS = ("answer_count", "discuss_count", "comment_count", "answers", "comments")  # what boards call the posts under a topic


class BoardProblem(Exception):
    """A folder of boards that cannot be read: one line, with the remedy."""


def words(column: str) -> pl.Expr:
    """A headline without spaces and punctuation: equal on two boards when they took over each other's words."""
    return pl.col(column).str.replace_all(r"[\s\p{P}]", "")


def board(folder: Path, name: str) -> pl.DataFrame:
    """`<name>_topics.parquet` and `<name>_snapshots.parquet` -> SCHEMA, by topic and time. BoardProblem if a column is not there."""
    paths = [folder / f"{name}_{part}.parquet" for part in ("topics", "snapshots")]
    try:
        topics, seen = (pl.read_parquet(path) for path in paths)
    except (OSError, pl.exceptions.PolarsError) as problem:
        raise BoardProblem(
            f"{folder}: {name} needs readable {paths[0].name} and {paths[1].name} ({str(problem).splitlines()[0]})"
        ) from problem
    for path, frame, needed in ((paths[0], topics, ("topic_id", "title")), (paths[1], seen, ("topic_id", "observed_at", "rank"))):
        if lacking := [column for column in needed if column not in frame.columns]:
            raise BoardProblem(f"{path}: no column {', '.join(lacking)}")
    if not isinstance(seen.schema["observed_at"], pl.Datetime):
        raise BoardProblem(f"{paths[1]}: observed_at is {seen.schema['observed_at']}, not a timestamp")
    topics = topics.with_columns(pl.col("topic_id").cast(pl.String)).unique("topic_id", keep="first", maintain_order=True)
    kept = [column for column in ("title", "is_medical") if column in topics.columns]
    answers = next((pl.col(column) for column in ANSWERS if column in seen.columns), pl.lit(None))
    heat = pl.col("heat") if "heat" in seen.columns else pl.lit(None)
    rows = seen.select(pl.col("topic_id").cast(pl.String), "observed_at", "rank", heat.alias("heat"), answers.alias("answers"))
    return shaped(rows.join(topics.select("topic_id", *kept), on="topic_id", how="inner"), name)


def shaped(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Rows with topic_id, title, observed_at, rank, … -> SCHEMA: a row a topic and reading (its best rank), none of pinned places."""
    at = pl.col("observed_at")
    zoned = at if getattr(rows.schema["observed_at"], "time_zone", None) else at.dt.replace_time_zone("UTC")
    lacking = [pl.lit(None).alias(column) for column in SCHEMA if column not in (*rows.columns, "board", "platform")]
    found = rows.with_columns(zoned.dt.convert_time_zone("UTC"), pl.lit(name).alias("board"), pl.lit(name).alias("platform"), *lacking)
    typed = found.select(pl.col(column).cast(kind) for column, kind in SCHEMA.items()).filter(pl.col("rank") > 0, pl.col("topic_id") != "")
    whole = typed.with_columns(
        pl.col("title").fill_null(""), pl.col("is_medical").fill_null(value=False),
        pl.when(pl.col("heat") > 0).then("heat").alias("heat"),
    )  # fmt: skip
    ordered = whole.sort("board", "topic_id", "observed_at", "rank")
    return ordered.unique(["board", "topic_id", "observed_at"], keep="first", maintain_order=True)


def boards_in(folder: Path) -> list[str]:
    """Names of the boards that have both files there; BoardProblem if there is none."""
    names = sorted(path.name.removesuffix("_snapshots.parquet") for path in folder.glob("*_snapshots.parquet"))
    found = [name for name in names if name and (folder / f"{name}_topics.parquet").exists()]
    if not found:
        raise BoardProblem(f"{folder}: no <board>_topics.parquet with its <board>_snapshots.parquet; name the folder that holds them")
    return found


def shared(data: Path, names: tuple[str, ...] = ("zhihu", "baidu", "weibo_hourly")) -> pl.DataFrame:
    """The shared boards in SCHEMA. `weibo` holds medical topics only, with heat; `weibo_hourly` every title, without.

    Medical are those the files mark by a pattern, and the titles of hot_titles_labeled.csv.
    """
    marked = [pl.read_parquet(data / f"boards/{name}_topics.parquet").filter("is_medical").select(words("title")) for name in SHARED]
    frames = [hourly(data) if name == "weibo_hourly" else board(data / "boards", name) for name in names]
    medical = pl.concat([*marked, pl.read_csv(data / LABELS, infer_schema_length=0).select(words("title"))]).to_series()
    return pl.concat(frames).with_columns(pl.col("is_medical") | words("title").is_in(medical.implode()))


def hourly(data: Path) -> pl.DataFrame:
    """Weibo's hourly list: a topic is its title."""
    rows = pl.read_parquet(data / HOURLY)
    return shaped(rows.with_columns(pl.col("title").alias("topic_id")), "weibo_hourly").with_columns(pl.lit("weibo").alias("platform"))
