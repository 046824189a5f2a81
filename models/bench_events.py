"""`guanchao bench events`: the grouping against headlines labelled with event keys, walked day by day as in production."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from models.grouping import group
from warehouse.clock import SHANGHAI
from warehouse.schema import empty, polars_schema
from warehouse.watchlist import EVERY

WINDOW_DAYS = 30
STORY, STORY_AT = "xiaoluoxi", datetime(2025, 12, 16, 8, 30, tzinfo=SHANGHAI)  # the Ningbo infant, seen from the morning after the ruling
YEARS = {"2021-2024 (tuned on)": (2021, 2024), "2025": (2025, 2025)}


def bench(data: Path) -> dict[str, dict[str, Any]]:
    """figure -> {value, unit, bar, met, how}: B-cubed and pairwise scores of 2025, of the years it was tuned on, and of one story."""
    gold = headlines(data)
    found: dict[str, dict[str, Any]] = {}
    for name, (first, last) in YEARS.items():
        mornings = (datetime(first, 1, 1, 8, 30, tzinfo=SHANGHAI), datetime(last + 1, 1, 1, 8, 30, tzinfo=SHANGHAI))
        held = walk(gold, *mornings)
        rows = gold.filter(pl.col("seen_on").str.slice(0, 4).cast(pl.Int64).is_between(first, last)).join(held, on="post_id")
        how = f"{rows.height} relevant hot-search headlines; regrouped every 08:30 over {WINDOW_DAYS} days, the last event of each counts"
        found |= {f"{figure} {name}": _figure(value, how) for figure, value in _scores(rows["event"], rows["event_id"]).items()}
    in_one, all_of_it, strangers = story(gold)
    how = f"{STORY} at {STORY_AT:%Y-%m-%d %H:%M}, {WINDOW_DAYS} days, all relevant headlines of the window"
    found["one story: share in its largest event"] = _figure(in_one / all_of_it, f"{how}: {in_one} of {all_of_it}")
    found["one story: headlines of others in it"] = _figure(strangers, how)
    return found


def headlines(data: Path) -> pl.DataFrame:
    """Relevant rows of hot_titles_labeled.csv as posts, with `event` (a key of its own where the label is '-') and `seen_on`."""
    rows = pl.read_csv(data / "text" / "hot_titles_labeled.csv", infer_schema_length=0).filter(relevant="1").with_row_index("n")
    seen = pl.col("first_seen_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z").cast(polars_schema("posts")["first_seen_at"])
    post_id = pl.format("h{}", pl.col("n").cast(pl.String).str.zfill(5))
    key = pl.when(pl.col("event") == "-").then(post_id).otherwise("event")
    return rows.select("title", "category", post_id.alias("post_id"), key.alias("event"), seen).with_columns(
        text="title", seen_on=pl.col("first_seen_at").dt.convert_time_zone(str(SHANGHAI)).dt.strftime("%Y-%m-%d")
    )


def walk(gold: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    """Group every morning from a window before `start` to `end` -> post_id, event_id: the event that held each headline last."""
    events, members = empty("events"), empty("event_posts")
    held: dict[str, str] = {}
    morning = start - timedelta(days=WINDOW_DAYS)
    while morning <= end:
        events, members = group(*_as_tables(gold, morning), events, members, morning, WINDOW_DAYS)
        held |= dict(members.select("post_id", "event_id").iter_rows())
        morning += timedelta(days=1)
    return pl.DataFrame({"post_id": held.keys(), "event_id": held.values()}, schema={"post_id": pl.String, "event_id": pl.String})


def story(gold: pl.DataFrame) -> tuple[int, int, int]:
    """Of one known story on one morning: its headlines in its largest event, its headlines in all, others' headlines in that event."""
    _, members = group(*_as_tables(gold, STORY_AT), empty("events"), empty("event_posts"), STORY_AT, WINDOW_DAYS)
    rows = members.join(gold.select("post_id", "event"), on="post_id")
    own = rows.filter(event=STORY)
    largest = own.group_by("event_id").len().sort("len", "event_id", descending=[True, False])["event_id"][0]
    return own.filter(event_id=largest).height, own.height, rows.filter(pl.col("event_id") == largest, pl.col("event") != STORY).height


def b_cubed(gold: Sequence[Hashable], found: Sequence[Hashable]) -> tuple[float, float, float]:
    """Precision, recall, F1 (Bagga & Baldwin 1998): averaged over items, so large events do not drown the small."""
    joint, truth, said = Counter(zip(gold, found, strict=True)), Counter(gold), Counter(found)
    precision = sum(n * n / said[pair[1]] for pair, n in joint.items()) / len(gold)
    recall = sum(n * n / truth[pair[0]] for pair, n in joint.items()) / len(gold)
    return precision, recall, _f1(precision, recall)


def pairwise(gold: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """F1 over pairs of items that share an event; large events weigh most."""
    joint, truth, said = (sum(n * (n - 1) for n in Counter(keys).values()) for keys in (zip(gold, found, strict=True), gold, found))
    return _f1(joint / said if said else 0.0, joint / truth if truth else 0.0)


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _scores(gold: pl.Series, found: pl.Series) -> dict[str, float]:
    precision, recall, f1 = b_cubed(gold.to_list(), found.to_list())
    return {"b3_f1": f1, "b3_precision": precision, "b3_recall": recall, "pair_f1": pairwise(gold.to_list(), found.to_list())}


def _figure(value: float, how: str) -> dict[str, Any]:
    return {"value": round(value, 4), "unit": "", "bar": None, "met": None, "how": how}


def _as_tables(gold: pl.DataFrame, as_of: datetime) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """posts, mentions, scores of the headlines in the window; the label stands in for the classifier's score."""
    until = as_of.astimezone(UTC)
    near = gold.filter(pl.col("first_seen_at").is_between(until - timedelta(days=WINDOW_DAYS), until))
    given: dict[str, dict[str, Any]] = {
        "posts": {"platform": pl.lit("weibo"), "kind": pl.lit("title")},
        "mentions": {"hospital_id": pl.lit(EVERY), "evidence": pl.lit(""), "confidence_p": 1.0, "status": pl.lit("confirmed")},
        "scores": {"model_version": pl.lit("label"), "relevant_p": 1.0, "category_p": 1.0},
    }
    posts, mentions, scores = (pl.concat([empty(table), _fit(near.with_columns(**given[table]), table)], how="diagonal") for table in given)
    return posts, mentions, scores


def _fit(rows: pl.DataFrame, table: str) -> pl.DataFrame:
    return rows.select(name for name in polars_schema(table) if name in rows.columns)
