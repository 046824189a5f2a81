"""What is known of an event at an instant, as numbers. One code for training and for the road, so that they can never differ.

Both functions take rows of any age and drop those whose clock is later than the instant: the future cannot leak in.
"""

from __future__ import annotations

import polars as pl

from warehouse.clock import SHANGHAI

TOP = 10  # places of a hot board that its front page shows: the line an event crosses when it escalates
OFF = 99.0  # rank written where the event was not on a board: worse than any place
HOUR = 1.05  # boards are read hourly, give or take minutes
LOOK_BACK_H = 168
HORIZONS = (24, 48)
KEY = ["unit", "as_of"]

# Name -> monotone constraint: 1 the chance never falls as it grows, -1 never rises, 0 free.
BOARD: dict[str, int] = {
    "horizon_h": 1, "rank_now": -1, "rank_last": -1, "gap_h": -1, "rank_1h": 0, "rank_3h": 0, "rank_6h": 0,
    "rise_1h": 0, "rise_3h": 0, "rise_6h": 0, "best_rank": -1, "best_ago_h": 0, "first_h": 0, "hours_24h": 0, "hours_n": 0,
    "top_hours_n": 0,
    "topics_1h": 1, "topics_3h": 1, "topics_6h": 1, "topics_24h": 1, "topics_n": 0, "platforms_n": 1,
    "is_weibo": 0, "is_zhihu": 0, "is_baidu": 0, "heat_growth_3h": 0, "hour": 0, "weekday": 0,
}  # fmt: skip
SPREAD: dict[str, int] = {
    "horizon_h": 1, "log_n": 0, "log_1h": 0, "log_3h": 0, "log_6h": 0, "log_12h": 0, "log_24h": 0,
    "pace_1h": 1, "pace_3h": 1, "pace_12h": 0, "rate": 0, "first_h": 0, "last_h": -1, "authors_share": 0, "hour": 0,
}  # fmt: skip
# How high it gets within the horizon: `bar` is a place on a board, or posts within 24 hours. More of anything never lowers the odds.
RANK: dict[str, int] = {name: sign for name, sign in BOARD.items() if not name.startswith("rise")} | {
    "best_24h": -1, "top_hours_n": 1, "bar": 1,
}  # fmt: skip
VOLUME: dict[str, int] = {
    "horizon_h": 1, "log_n": 1, "log_1h": 1, "log_3h": 1, "log_6h": 1, "log_12h": 1, "log_24h": 1, "log_authors": 1,
    "pace_1h": 1, "pace_3h": 1, "rate": 1, "first_h": 0, "last_h": -1, "hour": 0, "short": -1, "bar": -1,
}  # fmt: skip


def _joined(instants: pl.DataFrame, rows: pl.DataFrame, clock: str) -> pl.DataFrame:
    """Instants with the rows known by then, and the age of each row in hours."""
    age = (pl.col("as_of") - pl.col(clock)).dt.total_seconds() / 3600
    return instants.select(KEY).join(rows, on="unit").with_columns(age.alias("age")).filter(pl.col("age") >= 0)


def _time_of_day() -> list[pl.Expr]:
    local = pl.col("as_of").dt.convert_time_zone(str(SHANGHAI))
    return [local.dt.hour().cast(pl.Float64).alias("hour"), local.dt.weekday().cast(pl.Float64).alias("weekday")]


def board_features(sightings: pl.DataFrame, instants: pl.DataFrame) -> pl.DataFrame:
    """Columns of BOARD but horizon_h, `best_24h` and `platform_last`, for every (unit, as_of) that was on a board in the last 168 h.

    sightings: unit, topic, platform, observed_at, rank (1 is top), heat (null where the board shows none).
    """
    age, rank = pl.col("age"), pl.col("rank").cast(pl.Float64)
    latest = age <= age.min() + 0.9  # one round of reading every board
    ago = {f"rank_{h}h": rank.filter(age > h, age <= h + HOUR).min() for h in (1, 3, 6)}
    heat = {"heat_now": pl.col("heat").filter(age <= HOUR).max(), "heat_3h": pl.col("heat").filter(age > 3, age <= 3 + HOUR).max()}
    topics = {f"topics_{h}h": pl.col("topic").filter(age <= h + HOUR - 1).n_unique() for h in (1, 3, 6, 24)}
    on = {f"is_{name}": (pl.col("platform") == name).any().cast(pl.Float64) for name in ("weibo", "zhihu", "baidu")}
    known = (
        _joined(instants, sightings, "observed_at")
        .filter(age < LOOK_BACK_H)
        .with_columns(pl.col("observed_at").dt.truncate("1h").alias("clock"))
    )
    found = known.group_by(KEY, maintain_order=True).agg(
        age.min().alias("gap_h"), rank.filter(latest).min().alias("rank_last"), rank.min().alias("best_rank"),
        rank.filter(age < 24).min().alias("best_24h"), age.filter(rank == rank.min()).min().alias("best_ago_h"), age.max().alias("first_h"),
        pl.col("clock").filter(age <= 24).n_unique().alias("hours_24h"), pl.col("clock").n_unique().alias("hours_n"),
        pl.col("clock").filter(rank <= TOP).n_unique().alias("top_hours_n"), pl.col("topic").n_unique().alias("topics_n"),
        pl.col("platform").n_unique().alias("platforms_n"),
        pl.struct("rank", "platform").filter(latest).sort().first().struct.field("platform").alias("platform_last"),
        **ago, **heat, **topics, **on,
    )  # fmt: skip
    found = found.with_columns(
        pl.when(pl.col("gap_h") <= HOUR).then("rank_last").otherwise(OFF).alias("rank_now"),
        *(pl.col(name).fill_null(OFF) for name in (*ago, "best_24h")),
        (pl.col("heat_now").log() - pl.col("heat_3h").log()).alias("heat_growth_3h"),
        *_time_of_day(),
    )  # fmt: skip
    rises = [(pl.col(f"rank_{h}h") - pl.col("rank_now")).alias(f"rise_{h}h") for h in (1, 3, 6)]
    names = [*(name for name in BOARD if name != "horizon_h"), "best_24h"]
    return found.with_columns(rises).select(*KEY, "platform_last", *(pl.col(name).cast(pl.Float64) for name in names))


def spread_features(posts: pl.DataFrame, instants: pl.DataFrame) -> pl.DataFrame:
    """Columns of SPREAD and VOLUME but horizon_h, short, bar; n, n_1h, n_3h, n_before_1h, n_24h, authors_n: a row an instant.

    posts: unit, posted_at, author (any id; one of its own where unknown). An instant without posts has n = 0 and empty features.
    """
    age = pl.col("age")
    windows = {f"n_{h}h": (age <= h).sum() for h in (1, 3, 6, 12, 24)}
    before = {f"n_before_{h}h": age.is_between(h, 2 * h, closed="right").sum() for h in (1, 3, 12)}
    counted = _joined(instants, posts, "posted_at").group_by(KEY, maintain_order=True).agg(
        pl.len().alias("n"), pl.col("author").n_unique().alias("authors_n"),
        age.max().alias("first_h"), age.min().alias("last_h"),
        **windows, **before,
    )  # fmt: skip
    counts = ["n", "authors_n", *windows, *before]
    found = instants.select(KEY).join(counted, on=KEY, how="left", maintain_order="left").with_columns(
        *(pl.col(name).fill_null(0).cast(pl.Int64) for name in counts), *_time_of_day()
    )  # fmt: skip
    n = pl.col("n").cast(pl.Float64)
    found = found.with_columns(
        n.log1p().alias("log_n"), pl.col("authors_n").log1p().alias("log_authors"),
        *(pl.col(f"n_{h}h").log1p().alias(f"log_{h}h") for h in (1, 3, 6, 12, 24)),
        *(((pl.col(f"n_{h}h") + 1) / (pl.col(f"n_before_{h}h") + 1)).alias(f"pace_{h}h") for h in (1, 3, 12)),
        (n / (pl.col("first_h") + 1)).log1p().alias("rate"),
        pl.when(n > 0).then(pl.col("authors_n") / n).alias("authors_share"),
    )  # fmt: skip
    names = [name for name in SPREAD | VOLUME if name not in ("horizon_h", "short", "bar")]
    shown = ("n", "n_1h", "n_3h", "n_before_1h", "n_24h", "authors_n")
    return found.select(*KEY, *shown, *(pl.col(name).cast(pl.Float64) for name in names))


def at_horizons(features: pl.DataFrame) -> pl.DataFrame:
    """Every row once a horizon, with `horizon_h`; horizons of a row stand together."""
    hours = pl.DataFrame({"horizon_h": [float(h) for h in HORIZONS]})
    return features.join(hours, how="cross", maintain_order="left_right")


def against(rows: pl.DataFrame, bars: list[float], now: str | None) -> pl.DataFrame:
    """Every row once a bar, with `bar` and how far column `now`, a count, is `short` of it; bars of a row stand together."""
    every = rows.join(pl.DataFrame({"bar": bars}, schema={"bar": pl.Float64}), how="cross", maintain_order="left_right")
    return every if now is None else every.with_columns(short(now))


def short(now: str) -> pl.Expr:
    return (pl.col("bar").log() - pl.col(now).log1p()).alias("short")


def threshold(n: pl.Expr) -> pl.Expr:
    """The rule of `spread`: posts known must at least double and grow by five."""
    return pl.max_horizontal(2 * n, n + 5)
