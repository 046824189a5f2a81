"""What is known of a topic on a hot board at an instant, as numbers.

Three tables are made of the past alone and joined backward in time, so that the future cannot leak in: the topic's own course
(`courses`), its board at each reading (`states`), and how often topics of that board got to the top lately (`customs`).
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from models.escalation.topic.kin import kin
from models.escalation.topic.readings import words
from warehouse.clock import SHANGHAI

TOP = 10  # places of a hot board that its front page shows: the line a topic crosses when it escalates
KEY = ["board", "topic_id", "as_of"]
TOPIC = ["board", "topic_id"]
FRESH_H = 3.2  # topics no older than this are peers of a new one
PART = 0.7  # of a board whose readings hold fewer topics than this share of their lowest rank, a part alone was kept: its state is unknown
ON_H = 2.0  # a topic of the last reading is held to be on the board for so long
PLATFORMS = ("zhihu", "baidu", "weibo")

# Name -> monotone constraint on "enters the top 10": 1 the chance never falls as it grows, -1 never rises, 0 free.
COURSE: dict[str, int] = {
    "rank": 0, "log_heat": 0, "age_h": 0, "seen_n": 0, "missed_n": 0, "streak_n": 0, "returns_n": 0, "best_rank": 0, "top_n": 0,
    "since_top_h": 0, "rank_first": 0, "log_heat_first": 0, "since_step_h": 0,
    "rank_1": 0, "rank_2": 0, "rank_3": 0, "climb_1": 1, "climb_2": 0, "climb_3": 0, "climb_first": 0,
    "heat_1": 1, "heat_2": 0, "heat_3": 0, "heat_first": 0, "heat_bend": 0, "off_peak": 0,
    "log_answers": 0, "answers_1": 1, "answers_first": 0, "heat_per_answer": 0,
}  # fmt: skip
PLACE: dict[str, int] = {
    "to_heat_10": 1, "to_heat_1": 0, "to_heat_20": 0, "to_above": 0, "to_below": 0, "alike_n": 0, "place": 0, "fresh_n": 0,
    "fresh_above": -1, "fresh_above_share": -1, "older_above": 0, "age_place": 0, "heat_1_place": 1, "heat_1_above": 0,
}  # fmt: skip
STATE: dict[str, int] = {
    "on_n": 0, "log_heat_10": 0, "spread_10": 0, "new_n": 0, "turnover": 0, "entrants_n": 0, "entrants_24h": 0, "new_24h": 0,
    "top_age_h": 0, "top_growth": 0, "read_gap_h": 0,
}  # fmt: skip
CUSTOM: dict[str, int] = {"custom": 0, "custom_high": 0, "custom_low": 0, "custom_3d": 0}
INSTANT: dict[str, int] = {
    "gap_h": 0, "gone_n": 0, "hour": 0, "weekday": 0, "first_hour": 0, "title_n": 0, "is_question": 0, "id_age": 0,
    "is_zhihu": 0, "is_baidu": 0, "is_weibo": 0, "elsewhere_rank": 0, "elsewhere_n": 0, "elsewhere_h": 0,
    "kin_same": 0, "kin_other": 0, "kin_top": 0, "kin_most": 0, "text": 1,
}  # fmt: skip
FEATURES: dict[str, int] = {**COURSE, **PLACE, **STATE, **CUSTOM, **INSTANT}


def _hours(later: pl.Expr, earlier: pl.Expr) -> pl.Expr:
    return (later - earlier).dt.total_milliseconds() / 3.6e6


def courses(rows: pl.DataFrame) -> pl.DataFrame:
    """Every row of SCHEMA with the columns of COURSE and PLACE as they stood at that reading, `read` (its number) and `first_seen_at`."""
    found = rows.sort(*TOPIC, "observed_at").with_columns(pl.struct(TOPIC).rle_id().alias("_topic"))  # numbers: windows over them are quick
    reads = rows.select("board", "observed_at").unique().sort("board", "observed_at").with_row_index("_reading")
    reads = reads.with_columns(pl.int_range(pl.len()).over("board").alias("read"))
    found = found.join(reads, on=["board", "observed_at"], how="left", maintain_order="left").with_columns(
        pl.col("heat").log().alias("log_heat"), pl.col("answers").log1p().alias("log_answers"), (pl.col("rank") <= TOP).alias("is_top"),
    )  # fmt: skip
    at, rank, heat, read = pl.col("observed_at"), pl.col("rank"), pl.col("log_heat"), pl.col("read")

    def ago(of: str, k: int) -> pl.Expr:
        return pl.when(pl.col("_topic") == pl.col("_topic").shift(k)).then(pl.col(of).shift(k))

    firsts = [pl.col(name).first().over("_topic").alias(f"_{name}_0") for name in ("log_heat", "log_answers", "read")]
    found = found.with_columns(
        *(ago(name, k).alias(f"_{name}_{k}") for k in (1, 2, 3) for name in ("rank", "log_heat", "observed_at")), *firsts,
        at.first().over("_topic").alias("first_seen_at"), rank.first().over("_topic").alias("rank_first"),
        pl.int_range(1, pl.len() + 1).over("_topic").cast(pl.Float64).alias("seen_n"),
        (read != ago("read", 1) + 1).fill_null(value=True).alias("is_start"),
        rank.cum_min().over("_topic").alias("best_rank"), heat.cum_max().over("_topic").alias("_peak"),
        pl.col("is_top").cum_sum().over("_topic").cast(pl.Float64).alias("top_n"),
        pl.when("is_top").then(at).forward_fill().over("_topic").alias("_top_at"), ago("log_answers", 1).alias("_log_answers_1"),
    )  # fmt: skip
    return _placed(_stepped(found))


def _stepped(found: pl.DataFrame) -> pl.DataFrame:
    """Differences an hour, from the shifted columns."""
    at, rank, heat = pl.col("observed_at"), pl.col("rank"), pl.col("log_heat")
    since = {k: _hours(at, pl.col(f"_observed_at_{k}")).clip(0.25) for k in (1, 2, 3)}
    found = found.with_columns(pl.col("is_start").cum_sum().alias("_stint"))
    return found.with_columns(
        (pl.col("_stint") - pl.col("_stint").first().over("_topic") + 1).cast(pl.Float64).alias("returns_n"),
        _hours(at, pl.col("first_seen_at")).alias("age_h"), (read_n() - pl.col("seen_n")).alias("missed_n"),
        pl.int_range(1, pl.len() + 1).over("_stint").cast(pl.Float64).alias("streak_n"),
        _hours(at, pl.col("_top_at")).alias("since_top_h"), since[1].alias("since_step_h"),
        pl.col("_log_heat_0").alias("log_heat_first"), (pl.col("rank_first") - rank).alias("climb_first"),
        *(pl.col(f"_rank_{k}").alias(f"rank_{k}") for k in since),
        *((pl.col(f"_rank_{k}") - rank).alias(f"climb_{k}") for k in since),
        *(((heat - pl.col(f"_log_heat_{k}")) / since[k]).alias(f"heat_{k}") for k in since),
        (heat - pl.col("_log_heat_0")).alias("heat_first"), (heat - pl.col("_peak")).alias("off_peak"),
        (heat - 2 * pl.col("_log_heat_1") + pl.col("_log_heat_2")).alias("heat_bend"),
        ((pl.col("log_answers") - pl.col("_log_answers_1")) / since[1]).alias("answers_1"),
        (pl.col("log_answers") - pl.col("_log_answers_0")).alias("answers_first"), (heat - pl.col("log_answers")).alias("heat_per_answer"),
    )  # fmt: skip


def read_n() -> pl.Expr:
    """Readings of the board since the topic's first, both included."""
    return (pl.col("read") - pl.col("_read_0") + 1).cast(pl.Float64)


def _placed(found: pl.DataFrame) -> pl.DataFrame:
    """The topic among the others of the same reading."""
    one = "_reading"
    heat, is_fresh, rises = pl.col("log_heat"), pl.col("age_h") <= FRESH_H, pl.col("heat_1").fill_null(0) > 0
    found = found.sort(one, "rank", "topic_id")
    at_place = {n: heat.filter(pl.col("rank") <= n).min().over(one) for n in (1, TOP, 20)}
    beside = {k: pl.when(pl.col(one) == pl.col(one).shift(k)).then(heat.shift(k)) for k in (1, -1)}
    found = found.with_columns(
        *((heat - value).alias(f"to_heat_{n}") for n, value in at_place.items()), (heat * 20).round().cast(pl.Int32).alias("_level"),
        (beside[1] - heat).alias("to_above"), (heat - beside[-1]).alias("to_below"),
        pl.int_range(pl.len()).over(one).cast(pl.Float64).alias("_above"), pl.len().over(one).cast(pl.Float64).alias("_on_n"),
        is_fresh.sum().over(one).cast(pl.Float64).alias("fresh_n"),
        (is_fresh.cum_sum().over(one) - is_fresh).cast(pl.Float64).alias("fresh_above"),
        pl.col("age_h").rank("average").over(one).alias("_age_rank"), pl.col("heat_1").rank("average").over(one).alias("_rise_rank"),
        pl.col("heat_1").count().over(one).alias("_rise_n"), (rises.cum_sum().over(one) - rises).cast(pl.Float64).alias("heat_1_above"),
    )  # fmt: skip
    placed = found.with_columns(
        pl.len().over(one, "_level").cast(pl.Float64).alias("alike_n"), ((pl.col("_above") + 1) / pl.col("_on_n")).alias("place"),
        (pl.col("fresh_above") / pl.col("fresh_n").clip(1)).alias("fresh_above_share"),
        (pl.col("_above") - pl.col("fresh_above")).alias("older_above"),
        (pl.col("_age_rank") / pl.col("_on_n")).alias("age_place"), (pl.col("_rise_rank") / pl.col("_rise_n")).alias("heat_1_place"),
        (pl.col("_on_n") >= PART * pl.col("rank").max().over(one)).alias("is_whole"),
    ).with_columns(pl.when("is_whole").then(pl.col(name)).alias(name) for name in PLACE).sort("_topic", "observed_at")  # fmt: skip
    return placed.drop(column for column in placed.columns if column.startswith("_") and column != one)


def states(course: pl.DataFrame) -> pl.DataFrame:
    """board, observed_at, read and the columns of STATE: the whole board at each reading."""
    heat, rank, is_top = pl.col("log_heat"), pl.col("rank"), pl.col("is_top")
    entrant = is_top & ~(pl.col("rank_1").fill_null(99) <= TOP)
    at = pl.col("observed_at")
    found = course.group_by("_reading").agg(
        pl.col("board").first(), at.first(), pl.col("read").first(), pl.len().cast(pl.Float64).alias("on_n"),
        heat.filter(is_top).min().alias("log_heat_10"), (heat.filter(rank <= 1).max() - heat.filter(is_top).min()).alias("spread_10"),
        (pl.col("age_h") == 0).sum().cast(pl.Float64).alias("new_n"), pl.col("is_start").mean().alias("turnover"),
        entrant.sum().cast(pl.Float64).alias("entrants_n"), pl.col("age_h").filter(is_top).median().alias("top_age_h"),
        pl.col("heat_1").filter(is_top).mean().alias("top_growth"), pl.col("is_whole").all(),
    ).sort("_reading")  # fmt: skip
    found = found.with_columns(_hours(at, at.shift(1).over("board")).alias("read_gap_h"))
    means = [
        pl.col(name).rolling_mean_by("observed_at", "24h").over("board").alias(to)
        for name, to in (("entrants_n", "entrants_24h"), ("new_n", "new_24h"))
    ]
    whole = found.with_columns(means).drop("_reading")
    return whole.with_columns(pl.when(_whole_lately()).then(pl.col(name)).alias(name) for name in STATE).drop("is_whole")


def _whole_lately() -> pl.Expr:
    """Were all readings of the last 24 h whole?"""
    return pl.col("is_whole").cast(pl.Float64).rolling_min_by("observed_at", "24h").over("board") > 0


def customs(course: pl.DataFrame) -> pl.DataFrame:
    """board, known_at and the columns of CUSTOM: of the last 14 days' topics, 2.1 h old and not at the top, the share that got there.

    A topic counts from the instant its 24 h were over: what came of it was known by then.
    """
    old = pl.col("age_h")
    found = course.group_by(TOPIC, maintain_order=True).agg(
        pl.col("first_seen_at").first(), pl.col("rank").filter(old <= 2.1).last().alias("rank"), (old <= 2.1).sum().alias("n"),
        (pl.col("is_top") & (old > 2.1) & (old <= 26.1)).any().cast(pl.Float64).alias("y"),
    ).filter(pl.col("rank") > TOP, pl.col("n") > 1)  # fmt: skip
    known = found.with_columns((pl.col("first_seen_at") + timedelta(hours=26.1)).alias("known_at")).sort("board", "known_at", "topic_id")
    is_high = pl.col("rank") <= 25

    def share(of: pl.Expr, window: str) -> pl.Expr:
        hit = pl.when(of).then("y").otherwise(0.0).rolling_sum_by("known_at", window).over("board")
        return hit / of.cast(pl.Float64).rolling_sum_by("known_at", window).over("board").clip(1)

    return known.with_columns(
        share(pl.lit(value=True) & (pl.col("n") > 0), "14d").alias("custom"), share(is_high, "14d").alias("custom_high"),
        share(~is_high, "14d").alias("custom_low"), share(pl.col("n") > 0, "3d").alias("custom_3d"),
    ).select("board", "known_at", *CUSTOM).unique(["board", "known_at"], keep="last", maintain_order=True)  # fmt: skip


def features(rows: pl.DataFrame, instants: pl.DataFrame, course: pl.DataFrame | None = None) -> pl.DataFrame:
    """KEY, the columns of FEATURES but `text`, title, platform, is_medical, first_seen_at, and is_on (in the board's last reading).

    rows: SCHEMA; instants: KEY. An instant before its topic's first reading is left out. `course`: courses(rows), where it is at hand.
    """
    course = courses(rows) if course is None else course
    asked = instants.select(KEY).unique(maintain_order=True).sort("as_of")
    mine = course.sort("observed_at")
    found = asked.join_asof(
        mine, left_on="as_of", right_on="observed_at", by=TOPIC, strategy="backward", check_sortedness=False
    ).drop_nulls("rank")
    state = states(course).rename({"read": "read_now", "observed_at": "read_at"}).sort("read_at")
    found = found.sort("as_of").join_asof(
        state, left_on="as_of", right_on="read_at", by="board", strategy="backward", check_sortedness=False
    )
    found = found.join_asof(
        customs(course).sort("known_at"), left_on="as_of", right_on="known_at", by="board", strategy="backward", check_sortedness=False
    )
    local, first = pl.col("as_of").dt.convert_time_zone(str(SHANGHAI)), pl.col("first_seen_at").dt.convert_time_zone(str(SHANGHAI))
    found = found.join(_id_ages(course), on=TOPIC, how="left").join(_elsewhere(rows, found), on=KEY, how="left")
    found = found.join(_kin(rows), on=TOPIC, how="left")
    found = found.with_columns(
        _hours(pl.col("as_of"), pl.col("observed_at")).alias("gap_h"),
        (pl.col("read_now") - pl.col("read")).cast(pl.Float64).alias("gone_n"),
        (local.dt.hour() + local.dt.minute() / 60).alias("hour"), local.dt.weekday().cast(pl.Float64).alias("weekday"),
        first.dt.hour().cast(pl.Float64).alias("first_hour"), pl.col("title").str.len_chars().cast(pl.Float64).alias("title_n"),
        pl.col("title").str.contains(r"[?？]").cast(pl.Float64).alias("is_question"), pl.col("elsewhere_n").fill_null(0.0),
        *((pl.col("platform") == name).cast(pl.Float64).alias(f"is_{name}") for name in PLATFORMS),
        _hours(pl.col("as_of"), pl.col("first_seen_at")).alias("age_h"),
    )  # fmt: skip
    numbers = [name for name in FEATURES if name != "text"]
    is_on = (pl.col("gone_n") == 0) & (pl.col("gap_h") <= ON_H)
    return found.select(
        *KEY, "title", "platform", "is_medical", "first_seen_at", is_on.alias("is_on"), *(pl.col(name).cast(pl.Float64) for name in numbers)
    ).sort(KEY)


def _kin(rows: pl.DataFrame) -> pl.DataFrame:
    topics = rows.group_by(TOPIC, maintain_order=True).agg(
        pl.col("platform", "title").first(), pl.col("observed_at").min().alias("first_seen_at"),
        pl.col("observed_at").filter(pl.col("rank") <= TOP).min().alias("top_at"),
    )  # fmt: skip
    return kin(topics)


def _id_ages(course: pl.DataFrame) -> pl.DataFrame:
    """How far a topic's number lies behind the newest then known: a board that numbers its topics tells their true age."""
    ids = (
        course.group_by(TOPIC)
        .agg(pl.col("first_seen_at").first())
        .with_columns(pl.col("topic_id").cast(pl.Float64, strict=False).alias("id"))
    )
    numbered = ids.drop_nulls("id").sort("board", "first_seen_at", "topic_id")
    newest = pl.col("id").rolling_quantile_by("first_seen_at", "7d", quantile=0.9).over("board")
    return numbered.with_columns(((newest - pl.col("id")).clip(0) + 1).log().alias("id_age")).select(*TOPIC, "id_age")


def _elsewhere(rows: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """KEY, the best rank on other platforms within the last 24 h, readings there, and hours since the first."""
    titles = rows.select("platform", words("title").alias("words")).unique()
    both = titles.group_by("words").len().filter(pl.col("len") > 1, pl.col("words") != "").select("words")
    seen = rows.select("platform", words("title").alias("words"), "observed_at", "rank").join(both, on="words", how="semi")
    mine = asked.select(*KEY, "platform", words("title").alias("words")).join(both, on="words", how="semi")
    pairs = mine.join(seen, on="words", suffix="_there").filter(pl.col("platform") != pl.col("platform_there"))
    wait = _hours(pl.col("as_of"), pl.col("observed_at"))
    return pairs.with_columns(wait.alias("wait")).filter(pl.col("wait") >= 0, pl.col("wait") <= 72).group_by(KEY).agg(
        pl.col("rank").filter(pl.col("wait") <= 24).min().alias("elsewhere_rank"), pl.len().cast(pl.Float64).alias("elsewhere_n"),
        pl.col("wait").max().alias("elsewhere_h"),
    )  # fmt: skip
