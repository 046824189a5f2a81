"""The shared real data (../shared/data) -> raw_items, as they would have come in: our clock is the archive's own time of observation.

Final counts, peaks and labels in these files are outcomes and stay out: a backtest must not see them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from crawlers.addresses import stable_id
from crawlers.clean import mended
from crawlers.imports.sheets import ImportProblem
from crawlers.redact import redact
from warehouse.schema import AT, polars_schema
from warehouse.watchlist import Watchlist

RETURNS_AFTER = timedelta(days=30)  # a headline that comes back later than this is a new one
BOARDS = ("zhihu", "baidu", "weibo")
KIND_WORDS = {"post": "post", "comment": "comment", "repost": "repost", "news": "article", "factcheck": "article", "complaint": "post",
              "review": "post", "hot_topic": "title"}  # fmt: skip
PLATFORM_WORDS = (  # how a data set's name begins -> platform; the rest is Weibo, where most of the sets come from
    ("zhihu", "zhihu"), ("baidu", "baidu"), ("LTCR", "news"), ("TNEWS", "news"), ("dxy", "news"), ("jiaozhen", "news"), ("piyao", "news"),
    ("haodf", "review"), ("taidi", "mailbox"),
)  # fmt: skip


def import_shared(
    data: Path, watchlist: Watchlist, since: datetime | None = None, until: datetime | None = None
) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """(name of archive and year, raw_items, fetches), each ready for expectations.land; rows observed in [since, until)."""
    for path, read in _archives(Path(data), watchlist):
        if not path.is_file():
            raise ImportProblem(f"{path}: no such file; give the folder that holds hot_search/, boards/ and text/ (../shared/data)")
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        items = _between(read(), since, until).with_columns(year=pl.col("observed_at").dt.year())
        for (year,), rows in items.sort("year", maintain_order=True).group_by("year", maintain_order=True):
            source = str(rows["source"][0])
            answer = pl.lit(stable_id(source, digest, str(year))).alias("fetch_id")
            landed = rows.drop("year").with_columns(answer)
            yield f"{source} {year}", landed, _fetches(landed, path, digest)


def _archives(data: Path, watchlist: Watchlist) -> Iterator[tuple[Path, Callable[[], pl.DataFrame]]]:
    hot, posts = data / "hot_search/hourly_2020-11_2025-12.parquet", data / "text/hospital_posts.parquet"
    yield hot, partial(hot_search, hot, watchlist)
    for platform in BOARDS:
        topics, snapshots = data / f"boards/{platform}_topics.parquet", data / f"boards/{platform}_snapshots.parquet"
        yield snapshots, partial(board, topics, snapshots, platform, watchlist)
    yield posts, partial(hospital_posts, posts, watchlist)


def _fetches(items: pl.DataFrame, path: Path, digest: str) -> pl.DataFrame:
    """The file as one answer, dated with the first row of the slice: an as-of read that sees a row sees its fetch too."""
    row = {
        "fetch_id": items["fetch_id"][0], "source": items["source"][0], "url": f"{path.parent.name}/{path.name}",
        "fetched_at": items["observed_at"].min(), "reason": "ok", "detail": _left_out(path), "bytes_n": path.stat().st_size,
        "items_n": items.height, "sha256": digest,
    }  # fmt: skip
    return _fit(pl.DataFrame([row]), "fetches")


def hot_search(path: Path, watchlist: Watchlist, since: datetime | None = None, until: datetime | None = None) -> pl.DataFrame:
    """Weibo's hot search by the hour (2.1 M rows): one post a headline and stay, one observation an hour with its place."""
    ours = _ours(pl.scan_parquet(path).select("title").unique().collect(), watchlist, "title")
    rows = pl.scan_parquet(path).join(ours.lazy(), on="title", how="semi").collect()
    place = pl.when(pl.col("rank") > 0).then(pl.col("rank")).alias("board_rank")  # 0 is the headline the platform pins on top
    items = _stays(rows.rename({"title": "native"}).with_columns(place), "weibo", "hot_search")
    texts = _masked(ours, "title").select(native=ours["title"], title="title", text="title")
    return _between(_fit(items.join(texts, on="native"), "raw_items"), since, until)


def board(
    topics_path: Path,
    snapshots_path: Path,
    platform: str,
    watchlist: Watchlist,
    since: datetime | None = None,
    until: datetime | None = None,
) -> pl.DataFrame:
    """A hot list of zhihu, baidu or weibo: one post a topic and stay, its description as text, one observation a snapshot."""
    topics = pl.read_parquet(topics_path).filter(pl.col("topic_id") != "")  # one zhihu row has no id
    ours = _ours(topics.with_columns(heard=pl.concat_str("title", "description", separator="\n", ignore_nulls=True)), watchlist, "heard")
    snapshots = pl.scan_parquet(snapshots_path)
    counts = {
        "answer_count": "comments_n",
        "discuss_count": "comments_n",
        "read_count": "views_n",
        "rank": "board_rank",
        "topic_id": "native",
    }
    known = {theirs: name for theirs, name in counts.items() if theirs in snapshots.collect_schema()}
    rows = snapshots.join(ours.select("topic_id").lazy(), on="topic_id", how="semi").collect().rename(known)
    is_question = (platform == "zhihu") & pl.col("topic_id").str.contains(r"^\d+$")
    texts = _masked(_masked(ours, "title"), "description").select(
        "title",
        native="topic_id",
        text=pl.when(pl.col("description").fill_null("") == "").then("title").otherwise("description"),
        url=pl.when(is_question).then(pl.format("https://www.zhihu.com/question/{}", "topic_id")),
    )
    items = _stays(rows, platform, f"{platform}_board")
    return _between(_fit(items.join(texts, on="native"), "raw_items"), since, until)


def hospital_posts(path: Path, watchlist: Watchlist) -> pl.DataFrame:
    """Texts about hospitals; the only clock is the author's, so a text is first seen when it was published.

    A bare day says only that the text was out by its end: such a row is first seen at the next midnight. Headlines (hot_topic) get the
    id the board archives give them, so that the same headline from two files is one post.
    """
    rows = _ours(pl.read_parquet(path).filter(pl.col("published_at").is_not_null()), watchlist, "text").with_columns(
        at=pl.col("published_at").str.to_datetime(time_unit="us", time_zone="UTC"),
        day=pl.col("published_at").str.slice(0, 10),
        clock=pl.col("published_at").str.slice(11, 8),
        parts=pl.col("text").str.splitn(" || ", 2),
        kind=pl.col("kind").replace_strict(KIND_WORDS),
        platform=pl.col("source").map_elements(_platform, return_dtype=pl.String),
    )
    rows = rows.with_columns(
        title=pl.when(pl.col("parts").struct[1].is_not_null() | (pl.col("kind") == "title")).then(pl.col("parts").struct[0]),
        text=pl.coalesce(pl.col("parts").struct[1], pl.col("parts").struct[0]),
        published_precision=pl.when(pl.col("clock") == "00:00:00").then(pl.lit("day"))
        .when(pl.col("clock").str.ends_with(":00")).then(pl.lit("minute")).otherwise(pl.lit("second")),
    )  # fmt: skip
    is_title, seen = (
        pl.col("kind") == "title",
        pl.col("at") + pl.when(pl.col("clock") == "00:00:00").then(timedelta(days=1)).otherwise(timedelta()),
    )
    named = pl.when(pl.col("source") == "zhihu_hot").then("id").otherwise("title")
    own = pl.concat_str("source", "kind", "id", separator="|")
    items = rows.select(
        post_id=_id(pl.when(is_title).then(_title_key("platform", named, "day")).otherwise(own)),
        parent_id=_id(pl.when(pl.col("parent_id").is_not_null()).then(pl.concat_str("source", pl.lit("post"), "parent_id", separator="|"))),
        source=pl.lit("import:hospital_posts"),
        platform="platform",
        kind="kind",
        title="title",
        text="text",
        published_at=pl.when(~is_title).then("at"),
        published_precision=pl.when(is_title).then(pl.lit("unknown")).otherwise("published_precision"),
        first_seen_at=seen,
        observed_at=seen,
    )
    masked = _masked(_masked(items, "title"), "text").unique("post_id", keep="first", maintain_order=True)
    return _fit(masked, "raw_items").sort("post_id", "observed_at")


def _left_out(path: Path) -> str | None:
    """A row without any time can be on no clock; the fetch says how many there were."""
    if "published_at" not in pl.scan_parquet(path).collect_schema():
        return None
    return f"{pl.scan_parquet(path).select(pl.col('published_at').null_count()).collect().item()} rows without a time are left out"


def _platform(source: str) -> str:
    return next((platform for start, platform in PLATFORM_WORDS if source.startswith(start)), "weibo")


def _ours(frame: pl.DataFrame, watchlist: Watchlist, column: str) -> pl.DataFrame:
    return frame.filter(pl.Series([watchlist.concerns(text or "") for text in frame[column]], dtype=pl.Boolean))


def _masked(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    return frame.with_columns(pl.col(column).map_elements(lambda text: redact(mended(text)), return_dtype=pl.String))


def _stays(rows: pl.DataFrame, platform: str, source: str) -> pl.DataFrame:
    """native, observed_at … -> with post_id and first_seen_at: a headline's stay on the board ends when it is away for 30 days."""
    rows = rows.with_columns(pl.col("observed_at").dt.convert_time_zone("UTC").cast(AT)).sort("native", "observed_at")
    returned = (pl.col("observed_at").diff().over("native") > RETURNS_AFTER).fill_null(True)
    rows = rows.with_columns(stay=returned.cum_sum().over("native"))
    rows = rows.with_columns(first_seen_at=pl.col("observed_at").min().over("native", "stay"))
    day = pl.col("first_seen_at").dt.convert_time_zone("Asia/Shanghai").dt.strftime("%Y-%m-%d")
    return rows.with_columns(
        post_id=_id(_title_key(pl.lit(platform), pl.col("native"), day)),
        source=pl.lit(f"import:{source}"),
        platform=pl.lit(platform),
        kind=pl.lit("title"),
        published_precision=pl.lit("unknown"),
    )


def _title_key(platform: str | pl.Expr, native: pl.Expr, day: str | pl.Expr) -> pl.Expr:
    return pl.concat_str(platform, pl.lit("title"), native, day, separator="|")


def _id(key: pl.Expr) -> pl.Expr:
    return key.map_elements(stable_id, return_dtype=pl.String)


def _fit(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The frame in the table's columns; what an archive does not say is null."""
    schema = {name: dtype for name, dtype in polars_schema(table).items() if name not in ("run_id", "day_on")}
    frame = frame.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in frame.columns)
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _between(items: pl.DataFrame, since: datetime | None, until: datetime | None) -> pl.DataFrame:
    inside = pl.lit(True)
    if since is not None:
        inside &= pl.col("observed_at") >= since
    if until is not None:
        inside &= pl.col("observed_at") < until
    return items.filter(inside).sort("post_id", "observed_at")
