"""The observable criteria of the playbook's levels, as of any instant: what level forecasts learn from and are decided by.

Observable are `posts_24h`, `board_rank` and `group`, counted as briefing counts them for the list; a criterion that asks for
escalates_p_24h or escalates_p_48h is none (a forecast cannot prove a forecast) and is left out. For `level>=2:24h`:

    scheme = Scheme.of(playbook)                    # playbook: briefing's Playbook.model_dump(), or conf/playbook.yml as read
    inside = members(events, event_posts, posts, mentions, scores, scheme)
    found = reached(inside, observations, asked, scheme)     # asked: event_id, since, until, category
    # event_id, since, until, level, reached_at, posts_24h, board_rank: a row a question and level of the scheme

`level` is the scheme's own number. `reached_at` is the first instant of [since, until] at which the criteria of that level, or of a
graver one, hold: `since` itself if they held already, null if never. `posts_24h` and `board_rank` are the most and the best of
[since, until], whether reached or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

DAY = timedelta(days=1)
FORECAST = ("escalates_p_24h", "escalates_p_48h")
WINDOW = ["event_id", "since", "until"]


@dataclass(frozen=True)
class Scheme:
    """levels: number and observable criteria, mildest first; groups: name to the categories and the words that make it."""

    levels: tuple[tuple[int, tuple[Mapping[str, Any], ...]], ...]
    groups: Mapping[str, Mapping[str, tuple[str, ...]]]
    relevant_p: float

    @classmethod
    def of(cls, playbook: Mapping[str, Any]) -> Scheme:
        """From the playbook as a plain structure: its parts `scheme`, `groups` and `limits` are read."""
        said = playbook["scheme"]
        graded = sorted(said["levels"], key=lambda level: level["number"], reverse=said["direction"] == "smaller_is_worse")
        levels = tuple((level["number"], tuple(filter(None, map(_observable, level["criteria"])))) for level in graded)
        groups = {
            name: {part: tuple(group.get(part) or ()) for part in ("categories", "words")} for name, group in playbook["groups"].items()
        }
        return cls(levels, groups, playbook["limits"]["relevant_p"])

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(number for number, _ in self.levels)

    def or_graver(self, number: int) -> tuple[Mapping[str, Any], ...]:
        """The criteria of the level and of all graver ones; any of them will do."""
        return tuple(rule for _, rules in self.levels[self.numbers.index(number) :] for rule in rules)


def _observable(rule: Mapping[str, Any]) -> dict[str, Any] | None:
    given = {name: bar for name, bar in rule.items() if bar is not None}
    return None if any(name in given for name in FORECAST) else given


def members(
    events: pl.DataFrame, event_posts: pl.DataFrame, posts: pl.DataFrame, mentions: pl.DataFrame, scores: pl.DataFrame, scheme: Scheme
) -> pl.DataFrame:
    """event_id, post_id, first_seen_at, said_at, in_words (groups whose words a relevant post has) of the posts that count, sorted.

    `events` give each event's hospital (event_id, hospital_id), `event_posts` its posts (event_id, post_id); rows of several as_of
    count once. A post tied to the hospital by 待确认 alone does not count; a date without a time is that day's end, not after we saw it.
    """
    pairs = event_posts.select("event_id", "post_id").unique().join(events.select("event_id", "hospital_id").unique(), on="event_id")
    unsure = mentions.filter(pl.col("status") == "unconfirmed").select("post_id", "hospital_id")
    pairs = pairs.join(unsure, on=["post_id", "hospital_id"], how="anti").select("event_id", "post_id").unique()
    read = scores.sort("model_version").unique("post_id", keep="last", maintain_order=True).select("post_id", "relevant_p")
    slack = pl.when(pl.col("published_precision") == "day").then(pl.lit(DAY)).otherwise(pl.lit(timedelta(0)))
    said = pl.col("title").fill_null("") + "。" + pl.col("text")
    relevant = pl.col("relevant_p").fill_null(0.0) >= scheme.relevant_p
    named = {name: list(group["words"]) for name, group in scheme.groups.items() if group["words"]}
    found = [pl.when(relevant & said.str.contains_any(words)).then(pl.lit(name)) for name, words in named.items()]
    return (
        pairs.join(posts, on="post_id")
        .join(read, on="post_id", how="left")
        .select(
            "event_id", "post_id", "first_seen_at", said_at=pl.min_horizontal(pl.col("published_at") + slack, "first_seen_at"),
            in_words=pl.concat_list(found).list.drop_nulls() if found else pl.lit([], pl.List(pl.String)),
        )
        .sort("event_id", "first_seen_at", "post_id")
    )  # fmt: skip


def reached(inside: pl.DataFrame, observations: pl.DataFrame, asked: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """When each level was first reached in each window; columns and meaning in the module's docstring. Sorted by its first four.

    inside: as of `members`; observations: the table's rows; asked: event_id, since, until, category (the event's at `since`).
    """
    steps = _steps(inside, observations, asked, scheme)
    within = (pl.col("at") >= pl.col("since")) & (pl.col("at") <= pl.col("until"))
    seen = asked.select(*WINDOW, "category").unique(WINDOW).join(steps, on="event_id").filter(within)
    first = {f"at_{n}": pl.col("at").filter(_any(scheme.or_graver(n), scheme)).min() for n in scheme.numbers}
    found = seen.group_by(WINDOW).agg(pl.col("posts_24h").max(), pl.col("board_rank").min(), **first)
    parts = [
        found.select(*WINDOW, pl.lit(n, pl.Int64).alias("level"), pl.col(f"at_{n}").alias("reached_at"), "posts_24h", "board_rank")
        for n in scheme.numbers
    ]
    return pl.concat(parts).sort(*WINDOW, "level")


def _steps(inside: pl.DataFrame, observations: pl.DataFrame, asked: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """event_id, at, posts_24h, board_rank, and since_<group>: what is known at each instant at which it can have changed for the worse."""
    ends = pl.col("said_at") + DAY
    counted = inside.filter(ends > pl.col("first_seen_at"))
    ranked = inside.select("event_id", "post_id").join(
        observations.filter(pl.col("board_rank").is_not_null()).select("post_id", pl.col("observed_at").alias("at"), "board_rank"),
        on="post_id",
    )
    zero, none = pl.lit(0, pl.Int64).alias("more"), pl.lit(None, pl.Int64).alias("board_rank")
    changes = pl.concat([
        counted.select("event_id", pl.col("first_seen_at").alias("at"), pl.lit(1, pl.Int64).alias("more"), none),
        counted.select("event_id", ends.alias("at"), pl.lit(-1, pl.Int64).alias("more"), none),
        ranked.select("event_id", "at", zero, "board_rank"),
        asked.select("event_id", pl.col("since").alias("at"), zero, none),
        inside.select("event_id", pl.col("first_seen_at").alias("at"), zero, none),  # its words may make a group
    ])  # fmt: skip
    steps = changes.group_by("event_id", "at").agg(pl.col("more").sum(), pl.col("board_rank").min()).sort("event_id", "at")
    steps = steps.with_columns(
        pl.col("more").cum_sum().over("event_id").alias("posts_24h"),
        pl.col("board_rank").rolling_min_by("at", window_size="24h", closed="right").over("event_id"),
    )
    return steps.drop("more").join(_group_starts(inside, scheme), on="event_id", how="left", maintain_order="left")


def _group_starts(inside: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """event_id, and since_<group>: when the first post with a word of the group was seen."""
    first = {f"since_{name}": pl.col("first_seen_at").filter(pl.col("in_words").list.contains(name)).min() for name in scheme.groups}
    return inside.group_by("event_id").agg(**first)


def _any(rules: tuple[Mapping[str, Any], ...], scheme: Scheme) -> pl.Expr:
    return reduce(or_, [_holds(rule, scheme) for rule in rules], pl.lit(False))


def _holds(rule: Mapping[str, Any], scheme: Scheme) -> pl.Expr:
    """One line of the criteria: everything it names must hold; what is not known does not."""
    parts = [_in_group(rule, scheme)]
    if (posts := rule.get("posts_24h")) is not None:
        parts.append(pl.col("posts_24h") >= posts)
    if (rank := rule.get("board_rank")) is not None:
        parts.append((pl.col("board_rank") <= rank).fill_null(False))
    return reduce(and_, parts)


def _in_group(rule: Mapping[str, Any], scheme: Scheme) -> pl.Expr:
    """The event is of the rule's group at `at`, by its category or by words; so is every event where the rule names none."""
    if (group := rule.get("group")) is None:
        return pl.lit(True)
    of_category = pl.col("category").is_in(list(scheme.groups[group]["categories"]))
    return of_category.fill_null(False) | (pl.col(f"since_{group}") <= pl.col("at")).fill_null(False)


def bars_now(inside: pl.DataFrame, asked: pl.DataFrame, scheme: Scheme) -> pl.DataFrame:
    """event_id, level and what would reach that level or a graver one for an event of the groups it is in now: `posts` and `rank`, each
    the easiest that alone will do, and `both_posts` with `both_rank`, that must come together; null where no criterion says so.

    asked: event_id, since, category; groups by words are those of posts first seen by `since`. A group it may yet come into is no bar.
    """
    events = asked.select("event_id", "since", "category").join(_group_starts(inside, scheme), on="event_id", how="left")
    events = events.rename({"since": "at"})
    parts = []
    for number in scheme.numbers:
        rules = [rule for rule in scheme.or_graver(number) if "posts_24h" in rule or "board_rank" in rule]
        easiest = {"posts": _easiest(rules, ("posts_24h",), scheme), "rank": _easiest(rules, ("board_rank",), scheme)}
        both = [_easiest(rules, ("posts_24h", "board_rank"), scheme, name) for name in ("posts_24h", "board_rank")]
        columns = {
            name: bar.cast(pl.Float64) for name, bar in (easiest | dict(zip(("both_posts", "both_rank"), both, strict=True))).items()
        }
        parts.append(events.select("event_id", pl.lit(number, pl.Int64).alias("level"), **columns))
    return pl.concat(parts)


def _easiest(rules: list[Mapping[str, Any]], names: tuple[str, ...], scheme: Scheme, shown: str | None = None) -> pl.Expr:
    """The lowest number of posts, or the lowest place, that a rule made of exactly `names` asks for; null where the group is another."""
    shown = shown or names[0]
    found = [pl.when(_in_group(rule, scheme)).then(float(rule[shown])) for rule in rules if set(rule) - {"group"} == set(names)]
    if not found:
        return pl.lit(None, pl.Float64)
    return pl.max_horizontal(found) if shown == "board_rank" else pl.min_horizontal(found)
