"""Posts -> events: which posts of the window are about one happening, under an id that stays the same from day to day.

Each hospital's posts are grouped apart. Copies of one text and the comments and reposts under a post count as one text when deciding what
belongs together (`linkage`), and as posts when counting. An event keeps the id of the earlier event it inherits from.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
import polars as pl

from models.event_terms import LEAD, SPLIT
from models.linkage import Ints, Pairs, Reals, link
from models.mentions import EVIDENCE_JOINT
from models.text import prepare
from warehouse.schema import TABLES, empty, polars_schema
from warehouse.watchlist import EVERY

LONGEST_TITLE, SAYS_SOMETHING = 40, 6
SENTENCE = re.compile(r"[^。！？!?\n]+[！？!?]?")
QUOTE = re.compile(r"(?://|- 转发 )@[^:：/\n]{1,30}[:：]|^转自[^:：\n]{1,20}[:：]")  # weibo.com, feeds of it, the old mobile site
STALE_DAYS = 7.0  # a text half as old by a week speaks for the event twice as loud
NAMED, NAMES_BETTER = ["title", "article"], 2.0  # an editor's headline says what happened; a post says how it feels
SOME = 0.3  # share of category weight outside `other` that makes the event something

Ids = dict[int, str]


def group(
    posts: pl.DataFrame, mentions: pl.DataFrame, scores: pl.DataFrame, earlier_events: pl.DataFrame, earlier_event_posts: pl.DataFrame,
    as_of: datetime, window_days: float,
) -> tuple[pl.DataFrame, pl.DataFrame]:  # fmt: skip
    """Tables -> (events, event_posts) as of `as_of`, sorted by key. Posts first seen later and earlier events not earlier are not read.

    Grouped are posts of the last `window_days` that mention a hospital and judge it (relevant_p ≥ 0.5 or a category); their comments and
    reposts follow them.
    """
    as_of = as_of.astimezone(UTC)
    window = _window(posts, as_of, window_days)
    core = _core(window, mentions, scores)
    followers = window.join(core.select("post_id").unique(), on="post_id", how="anti").filter(
        pl.col("thread").is_in(core["post_id"].implode())
    )
    earlier = _earlier(earlier_events, earlier_event_posts, as_of)
    events, members = [empty("events").select(_columns("events"))], [empty("event_posts").select(_columns("event_posts"))]
    for hospital_id in core["hospital_id"].unique().sort():
        grouped = _group_hospital(core.filter(hospital_id=hospital_id), followers, earlier.filter(hospital_id=hospital_id), as_of)
        events.append(_describe(grouped, earlier, as_of).select(_columns("events")))
        members.append(grouped.with_columns(as_of=_instant(as_of)).select(_columns("event_posts")))
    return pl.concat(events).sort("event_id"), pl.concat(members).sort("event_id", "post_id")


def _columns(table: str) -> list[str]:
    return list(TABLES[table].columns[:-2])  # run_id and day_on are the store's


def _instant(moment: datetime) -> pl.Expr:
    return pl.lit(moment, polars_schema("events")["as_of"])


def _window(posts: pl.DataFrame, as_of: datetime, window_days: float) -> pl.DataFrame:
    """Posts seen by as_of and said within the window, with `said_at` (their clock, ours where unknown) and `thread` (what they answer)."""
    said_at, thread = pl.min_horizontal("published_at", "first_seen_at"), pl.coalesce("root_id", "parent_id")
    seen = posts.filter(pl.col("first_seen_at") <= as_of).with_columns(said_at=said_at, thread=thread)
    return seen.filter(pl.col("said_at") > as_of - timedelta(days=window_days)).sort("said_at", "post_id")


def _core(window: pl.DataFrame, mentions: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Posts that mention a hospital and judge it: a row per post and hospital, in time order."""
    judged = scores.filter((pl.col("relevant_p") >= 0.5) | (pl.col("category") != "other")).sort("post_id", "model_version")
    judged = judged.unique("post_id", keep="last").select("post_id", "category", "category_p")
    named = mentions.select("post_id", "hospital_id", "evidence", "person").unique(["post_id", "hospital_id"])
    return window.join(named, on="post_id").join(judged, on="post_id").sort("said_at", "post_id", "hospital_id")


def _earlier(events: pl.DataFrame, event_posts: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Each post's latest event before as_of: post_id, event_id, hospital_id, first_post_at of that event."""
    latest = ["event_id", "hospital_id", "first_post_at"]
    known = events.filter(pl.col("as_of") < as_of).sort("as_of", "event_id").unique("event_id", keep="last").select(latest)
    held = event_posts.filter(pl.col("as_of") < as_of).join(known, on="event_id").sort("as_of", "event_id")
    return held.unique(["post_id", "hospital_id"], keep="last").select("post_id", *latest)


def _group_hospital(core: pl.DataFrame, followers: pl.DataFrame, earlier: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Posts of one hospital with `event_id`. Core posts also with `headline`, `voice` (how well the text speaks for its event) and `vote`
    (the same shared among its copies).
    """
    unit, texts = _units(core, _given(core))
    days = core["said_at"].dt.epoch("us").to_numpy() / 86_400e6
    first, last = np.full(len(texts), np.inf), np.full(len(texts), -np.inf)
    np.minimum.at(first, unit, days)
    np.maximum.at(last, unit, days)
    labels, pairs = link(texts, first, last)
    copies = np.bincount(unit).astype(float)
    voice = _voices(labels, pairs, copies) * 0.5 ** ((as_of.timestamp() / 86_400 - last) / STALE_DAYS)
    headlines = [_headline(title, text) for title, text in core.select("title", "text").iter_rows()]
    spoken = {"label": labels[unit], "voice": voice[unit], "vote": (voice / copies)[unit], "headline": headlines}
    core = core.with_columns(pl.Series(name, values) for name, values in spoken.items())
    heads = core.select("label", "hospital_id", thread="post_id")
    behind = followers.join(heads, on="thread")
    both = pl.concat([core, behind], how="diagonal").sort("said_at", "post_id")
    ids = _names(both, earlier)
    return both.with_columns(event_id=pl.col("label").replace_strict(ids, return_dtype=pl.String))


def _given(core: pl.DataFrame) -> re.Pattern[str]:
    """The hospital's own names and places: every post here has them, so they tell no event from another. Under `*` none is given."""
    named = core.filter(pl.col("hospital_id") != EVERY)
    words = set(named["evidence"].str.split(EVIDENCE_JOINT).explode()) - set(named["person"])
    return re.compile("|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word))) or r"(?!)")


def _units(core: pl.DataFrame, given: re.Pattern[str]) -> tuple[Ints, list[str]]:
    """The distinct texts, in order of appearance, and which of them each post is: copies share one, and so do a post and its thread."""
    said = [given.sub(" ", _lead(title, text)) for title, text in core.select("title", "text").iter_rows()]
    prints = [SPLIT.sub("", prepare(text))[:LEAD] for text in said]
    own = dict(zip(core["post_id"], prints, strict=True))
    number: dict[str, int] = {}
    texts: list[str] = []
    unit = []
    for post_id, thread, text in zip(core["post_id"], core["thread"], said, strict=True):
        key = own[thread if thread in own else post_id]
        if key not in number:
            number[key] = len(texts)
            texts.append(text)
        unit.append(number[key])
    return np.array(unit, dtype=np.int64), texts


def _lead(title: str | None, text: str) -> str:
    """Title and text; of a repost chain the quoted original first, for that is what it is about."""
    *answers, original = QUOTE.split(text)
    said = " ".join([original, *answers])
    return said if not title or said.startswith(title) else f"{title} {said}"


def _headline(title: str | None, text: str) -> str:
    """The title, or the first sentence that says something, in at most 40 characters."""
    sentences = SENTENCE.findall(_lead(None, text))
    said = " ".join((title or next((said for said in sentences if len(said) >= SAYS_SOMETHING), text)).split())
    return said if len(said) <= LONGEST_TITLE else said[: LONGEST_TITLE - 1] + "…"


def _voices(labels: Ints, pairs: Pairs, copies: Reals) -> Reals:
    """How much of its event each text repeats: its copies, and those of its like, by likeness."""
    same = labels[pairs.row] == labels[pairs.column]
    row, column, cosine = pairs.row[same], pairs.column[same], pairs.cosine[same]
    heard = np.bincount(row, cosine * copies[column], len(labels)) + np.bincount(column, cosine * copies[row], len(labels))
    return np.asarray(copies + heard)


def _names(members: pl.DataFrame, earlier: pl.DataFrame) -> Ids:
    """An id for each label. A label inherits from the earlier events of whose posts it holds the largest part: of a split the largest part
    keeps the id. Where it inherits from several that it owes a like share (at least half the most), the oldest names it; else the largest.
    """
    shares: dict[str, Counter[int]] = defaultdict(Counter)
    born = dict(earlier.select("event_id", "first_post_at").iter_rows())
    for event_id, label in (
        earlier.join(members.select("post_id", "label"), on="post_id").sort("label").select("event_id", "label").iter_rows()
    ):
        shares[event_id][label] += 1
    heritage: dict[int, dict[str, int]] = defaultdict(dict)
    for event_id in sorted(shares):
        heir, posts_n = min(shares[event_id].items(), key=lambda part: (-part[1], part[0]))
        heritage[heir][event_id] = posts_n
    names: Ids = {}
    for label, olds in heritage.items():
        names[label] = min((old for old in olds if olds[old] * 2 >= max(olds.values())), key=lambda old: (born[old], old))
    taken = set(names.values()) | set(born)
    for (label,), posts in members.group_by("label", maintain_order=True):
        if label not in names:
            names[int(str(label))] = name = _fresh(posts["hospital_id"][0], posts["post_id"][0], taken)
            taken.add(name)
    return names


def _fresh(hospital_id: str, first_post: str, taken: set[str]) -> str:
    """Hash of hospital and first post; numbered on where a lost part of an event begins with the post that named the whole."""
    seeds = (f"{hospital_id} {first_post}" if turn == 0 else f"{hospital_id} {first_post} {turn}" for turn in count())
    return next(name for seed in seeds if (name := hashlib.sha256(seed.encode()).hexdigest()[:16]) not in taken)


def _describe(grouped: pl.DataFrame, earlier: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Members with their event_id -> a row per event."""
    day = timedelta(days=1)
    fresh = (pl.col("said_at") > as_of - day).sum()
    before = pl.col("said_at").is_between(as_of - 2 * day, as_of - day, closed="right").sum()
    voice = pl.col("voice").fill_null(-1.0) * pl.when(pl.col("kind").is_in(NAMED)).then(NAMES_BETTER).otherwise(1.0)
    loudest_first = pl.col("headline").sort_by(-voice, "said_at", "post_id")
    events = grouped.group_by("event_id").agg(
        pl.col("hospital_id").first(), pl.col("platform").unique().sort().alias("platforms"),
        loudest_first.first().alias("title"), ((fresh + 1) / (before + 1)).alias("growth"),
        pl.col("said_at").min().alias("first_post_at"), pl.col("said_at").max().alias("last_post_at"),
        pl.len().cast(pl.Int64).alias("posts_n"), pl.col("author_hash").drop_nulls().n_unique().cast(pl.Int64).alias("authors_n"),
    )  # fmt: skip
    began = earlier.group_by("event_id").agg(pl.col("first_post_at").min().alias("began_at"))
    events = events.join(began, on="event_id", how="left").with_columns(first_post_at=pl.min_horizontal("first_post_at", "began_at"))
    return events.join(_categories(grouped), on="event_id").with_columns(as_of=_instant(as_of))


def _categories(grouped: pl.DataFrame) -> pl.DataFrame:
    """event_id, category: the weightiest but `other`, where those weigh enough. A text votes once, however often it is copied."""
    weight = (pl.col("category_p") * pl.col("vote")).sum().alias("weight")
    weighed = grouped.filter(pl.col("category").is_not_null()).group_by("event_id", "category", maintain_order=True).agg(weight)
    share = pl.col("weight").filter(pl.col("category") != "other").sum() / pl.col("weight").sum()
    some = pl.col("category").filter(pl.col("category") != "other").first()
    ranked = weighed.sort("event_id", -pl.col("weight"), "category").group_by("event_id", maintain_order=True)
    return ranked.agg(pl.when(share >= SOME).then(some).otherwise(pl.lit("other")).alias("category"))
