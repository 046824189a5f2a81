"""How each source did in a run: one row a source, so that "nothing happened" and "we saw nothing" never look alike."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from expectations.suites import columns
from warehouse.schema import polars_schema
from warehouse.store import Warehouse, days_before
from warehouse.vocabulary import GOT_AN_ANSWER

Floors = dict[str, tuple[int, int]]  # source -> items a run below which it was quiet, above which it flooded
REMEMBERED_DAYS = 60  # how far back we look for the last time a silent source answered


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
        nothing = self.items_n == 0 and self.got_n == 0
        if nothing and self.reason == "not_modified":  # what it showed last time still stands
            return "ok"
        if nothing and not (low == 0 and self.reason == "empty_confirmed"):
            return "mute"
        if self.got_n < low:
            return "quiet"
        return "flood" if high is not None and self.got_n > high else "ok"


def cover(
    warehouse: Warehouse, items: pl.DataFrame, fetches: pl.DataFrame, aside: pl.DataFrame, as_of: datetime, floors: Floors
) -> pl.DataFrame:
    """Coverage rows of this run, after its posts and fetches were written; the same again if the run is repeated.

    landed_n counts the posts that a fetch of this run was the first to show, not those that are new to the table now.
    """
    run = [*items["fetch_id"].drop_nulls().unique(), *fetches["fetch_id"].unique()]
    first_shown = warehouse.scan("posts").filter(pl.col("fetch_id").is_in(run)).group_by("source").len().collect()
    answers = warehouse.read("fetches", as_of=as_of, since=days_before(as_of, REMEMBERED_DAYS))
    answers = pl.concat([answers.select(fetches.columns), fetches]).filter(pl.col("reason").is_in(GOT_AN_ANSWER))
    last_ok = dict(answers.group_by("source").agg(pl.col("fetched_at").max()).iter_rows())
    landed, aside_n = dict(first_shown.iter_rows()), Counter(aside["source"])
    rows: list[dict[str, Any]] = []
    for source in sorted({*floors, *fetches["source"], *items["source"].drop_nulls()}):
        heard = _listen(source, items, fetches, expected=source in floors)
        low, high = floors.get(source, (0, None))
        rows.append({
            "source": source, "as_of": as_of, "coverage_status": heard.status(low, high), "reason": heard.reason, "detail": heard.detail,
            "expected_n_low": low, "fetches_n": sum(heard.reasons.values()), "got_n": heard.got_n, "landed_n": landed.get(source, 0),
            "quarantined_n": aside_n[source], "last_ok_at": last_ok.get(source),
        })  # fmt: skip
    schema = polars_schema("coverage")
    return pl.DataFrame(rows, schema={name: schema[name] for name in columns("coverage")})


def _listen(source: str, items: pl.DataFrame, fetches: pl.DataFrame, expected: bool) -> _Heard:
    asked = fetches.filter(pl.col("source") == source).sort("fetched_at", "fetch_id")
    bad = asked.filter(~pl.col("reason").is_in(GOT_AN_ANSWER))["detail"].drop_nulls().to_list()
    got_n = items.filter(pl.col("source") == source)["post_id"].n_unique()
    return _Heard(expected, Counter(asked["reason"]), bad, int(asked["items_n"].sum()), got_n)
