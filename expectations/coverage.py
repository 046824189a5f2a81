"""How each source did in a run: one row a source, so that "nothing happened" and "we saw nothing" never look alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from expectations.lag import Seen, seen_of
from expectations.suites import columns, rules
from warehouse.schema import polars_schema
from warehouse.store import Warehouse, days_before
from warehouse.vocabulary import GOT_AN_ANSWER

Floors = dict[str, tuple[int, int]]  # source -> items a run below which it was quiet, above which it flooded
REMEMBERED_DAYS = 60  # how far back we look for the last time a silent source answered


@dataclass(frozen=True)
class Promise:
    """What a source's card promises: how often it is asked, how long a silence about us is usual, and its floor and ceiling."""

    cadence_min: int
    max_age_h: int
    low: int = 0
    high: int | None = None

    @property
    def late_after(self) -> timedelta:
        """Since the last answer: one period and some grace, never two periods."""
        return timedelta(minutes=self.cadence_min + min(self.cadence_min, rules()["coverage"]["grace_min"]))


Promises = Mapping[str, Promise]  # every enabled source, whether this run asked it or not


@dataclass(frozen=True)
class _Heard:
    """What one source gave in this run. `items_n` were read from its answers, `got_n` of them concern us."""

    expected: bool
    reasons: Counter[str]
    details: list[str]
    items_n: int
    got_n: int

    @property
    def answered(self) -> bool:
        imported = not self.expected and not self.reasons and self.got_n > 0  # a file a person gave us: no request, yet it spoke
        return imported or any(reason in GOT_AN_ANSWER for reason in self.reasons)

    @property
    def reason(self) -> str:
        """The commonest bad reason; if none was bad the commonest; alphabetical where equally common."""
        bad = {reason: n for reason, n in self.reasons.items() if reason not in GOT_AN_ANSWER}
        seen = bad or self.reasons or {"ok" if self.answered else "error": 1}
        return min(seen, key=lambda reason: (-seen[reason], reason))

    @property
    def detail(self) -> str | None:
        if not self.reasons:
            return None if self.answered else "no request was made: the crawl of this source never started or died"
        said = ", ".join(f"{n} {reason}" for reason, n in sorted(self.reasons.items()))
        return f"{said}{'; ' + self.details[0] if self.details else ''}"[:500]

    def status(self, low: int, high: int | None) -> str:
        if not self.answered:
            return "failed"
        unchanged = self.reasons["not_modified"] > 0  # what it showed last time still stands: an answer, and no fewer items than before
        if self.items_n == 0 and self.got_n == 0 and not unchanged and not (low == 0 and self.reason == "empty_confirmed"):
            return "mute"
        if self.got_n < low and not unchanged:
            return "quiet"
        return "flood" if high is not None and self.got_n > high else "ok"


@dataclass(frozen=True)
class _Known:
    """What the tables know of the sources at the end of a run."""

    as_of: datetime
    last_ok: dict[str, datetime]
    last: dict[str, tuple[str, str | None]] = field(default_factory=dict)  # reason and detail of the newest answer, good or bad
    seen: dict[str, Seen] = field(default_factory=dict)


def cover(
    warehouse: Warehouse,
    items: pl.DataFrame,
    fetches: pl.DataFrame,
    aside: pl.DataFrame,
    as_of: datetime,
    floors: Floors,
    promises: Promises | None = None,
) -> pl.DataFrame:
    """Coverage rows of this run, after its posts and fetches were written; the same again if the run is repeated.

    landed_n counts the posts that a fetch of this run was the first to show, not those that are new to the table now. A source that was not
    due has its row, too, if `promises` name it: late when its last answer is older than its card allows.
    """
    known, promised = _knowledge(warehouse, fetches, as_of), promises or {}
    run = [*items["fetch_id"].drop_nulls().unique(), *fetches["fetch_id"].unique()]
    first_shown = warehouse.scan("posts").filter(pl.col("fetch_id").is_in(run)).group_by("source").len().collect(engine="streaming")
    landed, aside_n = dict(first_shown.iter_rows()), Counter(aside["source"])
    rows: list[dict[str, Any]] = []
    asked = {*floors, *fetches["source"], *items["source"].drop_nulls()}
    for source in sorted({*asked, *promised}):
        promise = promised.get(source)
        low, high = floors.get(source) or ((promise.low, promise.high) if promise else (0, None))
        if source in asked:
            heard = _listen(source, items, fetches, expected=source in floors)
            said = (heard.status(low, high), heard.reason, heard.detail, sum(heard.reasons.values()), heard.got_n)
        else:
            said = (*_waiting(source, promised[source], known), 0, 0)
        status, reason, detail, fetches_n, got_n = said
        if status in ("ok", "flood", "quiet") and promise and (silence := _silence(source, promise, known)):
            status, detail = "stale", silence
        rows.append({
            "source": source, "as_of": as_of, "coverage_status": status, "reason": reason, "detail": detail, "expected_n_low": low,
            "fetches_n": fetches_n, "got_n": got_n, "landed_n": landed.get(source, 0), "quarantined_n": aside_n[source],
            "last_ok_at": known.last_ok.get(source), "expected_n_high": high, "cadence_min": promise.cadence_min if promise else None,
            "is_asked": source in asked, **known.seen.get(source, Seen()).columns,
        })  # fmt: skip
    schema = polars_schema("coverage")
    return pl.DataFrame(rows, schema={name: schema[name] for name in columns("coverage")})


def _knowledge(warehouse: Warehouse, fetches: pl.DataFrame, as_of: datetime) -> _Known:
    before = warehouse.read("fetches", as_of=as_of, since=days_before(as_of, REMEMBERED_DAYS))
    answers = pl.concat([before.select(fetches.columns), fetches]).sort("fetched_at", "fetch_id")
    good = answers.filter(pl.col("reason").is_in(GOT_AN_ANSWER)).group_by("source").agg(pl.col("fetched_at").max())
    began = answers.filter(pl.col("reason").is_in(GOT_AN_ANSWER)).group_by("source").agg(began_at=pl.col("fetched_at").min())
    newest = answers.group_by("source").agg(pl.col("reason", "detail").last())
    last = {source: (reason, detail) for source, reason, detail in newest.iter_rows()}
    return _Known(as_of, dict(good.iter_rows()), last, seen_of(warehouse, as_of, REMEMBERED_DAYS, began))


def _waiting(source: str, promise: Promise, known: _Known) -> tuple[str, str, str | None]:
    """(status, reason, detail) of a source this run had no cause to ask, or should have asked and did not."""
    reason, detail = known.last.get(source, ("not_asked", None))
    last_ok = known.last_ok.get(source)
    late = last_ok is None or known.as_of > last_ok + promise.late_after
    if reason in GOT_AN_ANSWER and not late:
        return "ok", reason, None
    if reason not in GOT_AN_ANSWER and reason != "not_asked":
        return "failed", reason, detail
    since = f"no answer since {last_ok:%Y-%m-%d %H:%M} UTC" if last_ok else "no answer yet"
    return "mute", "not_asked", f"{since}; its card says every {promise.cadence_min} minutes, and it was not asked"


def _silence(source: str, promise: Promise, known: _Known) -> str | None:
    """Why a source that answers is not to be believed: its newest post of ours is older than its card calls usual."""
    newest = known.seen.get(source, Seen()).newest_at
    if newest is None or known.as_of - newest <= timedelta(hours=promise.max_age_h):
        return None
    hours = (known.as_of - newest).total_seconds() / 3600
    return f"it answers, but its newest post is {hours:.0f} h old; its card calls up to {promise.max_age_h} h usual"


def _listen(source: str, items: pl.DataFrame, fetches: pl.DataFrame, expected: bool) -> _Heard:
    asked = fetches.filter(pl.col("source") == source).sort("fetched_at", "fetch_id")
    bad = asked.filter(~pl.col("reason").is_in(GOT_AN_ANSWER))["detail"].drop_nulls().to_list()
    got_n = items.filter(pl.col("source") == source)["post_id"].n_unique()
    return _Heard(expected, Counter(asked["reason"]), bad, int(asked["items_n"].sum()), got_n)
