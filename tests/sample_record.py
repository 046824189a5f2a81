"""A constructed past in 岚湖市 (which does not exist), event by event, for the tests of the record and of its page."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from briefing.playbook import Playbook, load_playbook
from briefing.record import SEEN, Record, Tables, record
from warehouse.schema import empty, polars_schema

BOOK = load_playbook(Path(__file__).parent.parent / "conf" / "playbook.yml")
START = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)  # 08:30 in Shanghai
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Past:
    """Lists every morning of `days` days, and what is put on them. Moments are hours after START."""

    def __init__(self, days: int = 100) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.days = days
        for n in range(days):
            self.leave(24 * n)

    @property
    def until(self) -> datetime:
        return START + self.days * DAY

    def put(self, table: str, **row: Any) -> None:
        self.rows.setdefault(table, []).append(row)

    def leave(self, hour: float, is_sent: bool = True, after: float = 0.0) -> None:
        """A list leaves; once more for the same hour: by another channel."""
        as_of = START + hour * HOUR
        self.rows.setdefault("deliveries", [])
        self.put("deliveries", delivery_id=f"d{len(self.rows['deliveries'])}", as_of=as_of, channel="file", is_sent=is_sent,
                 sent_at=as_of + after * HOUR)  # fmt: skip

    def unsend(self, hour: float) -> None:
        """The list of that hour was made and did not leave."""
        self.rows["deliveries"] = [
            row | {"is_sent": row["is_sent"] and row["as_of"] != START + hour * HOUR} for row in self.rows["deliveries"]
        ]

    def forecast(self, event: str, hour: float, p: float, outcome: str | None = None, reached: float | None = None, horizon: int = 24,
                 target: str = "escalation", detail: str | None = None) -> None:  # fmt: skip
        """`reached`: hours after START. An outcome is decided a day after it is due."""
        as_of = START + hour * HOUR
        ends = as_of + horizon * HOUR
        self.put("forecasts", event_id=event, as_of=as_of, horizon_h=horizon, target=target, escalates_p=p, model_version="m1",
                 resolve_at=ends)  # fmt: skip
        self.put("events", event_id=event, as_of=as_of, title=f"事件{event}", category="safety", hospital_id="lanhu_first")
        if outcome:
            self.put("outcomes", event_id=event, as_of=as_of, horizon_h=horizon, target=target, outcome=outcome, detail=detail,
                     reached_at=None if reached is None else START + reached * HOUR, resolved_at=ends + DAY)  # fmt: skip

    def warn(self, event: str, hour: float, level: int = 1, rank: int = 1, is_drill: bool = False, day: int | None = None) -> None:
        word = {1: "轻度", 2: "中度", 3: "重度"}[level]
        on = int(hour // 24) if day is None else day
        self.put("warnings", warning_id=f"{event}|{level}|{on}", event_id=event, as_of=START + hour * HOUR, hospital_id="lanhu_first",
                 title=f"事件{event}", category="safety", department=None, level=level, severity=word, rank=rank,
                 is_drill=is_drill)  # fmt: skip

    def case(self, event: str, hour: float, p: float, outcome: str | None, reached: float | None = None, **how: Any) -> None:
        """A forecast and its warning on one list."""
        self.forecast(event, hour, p, outcome, reached, **{k: v for k, v in how.items() if k == "detail"})
        self.warn(event, hour, **{k: v for k, v in how.items() if k != "detail"})

    def many(self, hits: int, misses: int, lead_h: float = 6.0) -> None:
        """So many right and wrong warnings at p 0.4, one a morning from the first on."""
        for n in range(hits + misses):
            is_hit = n < hits
            self.case(f"m{n:03}", 24 * n, 0.4, "yes" if is_hit else "no", 24 * n + lead_h if is_hit else None)

    def tables(self) -> Tables:
        def frame(table: str) -> pl.DataFrame:
            rows = self.rows.get(table)
            return pl.DataFrame(rows, schema_overrides=polars_schema(table)) if rows else empty(table)

        names = ("warnings", "deliveries", "forecasts", "outcomes", "events", "coverage", "verdicts")
        return Tables(**{name: frame(name) for name in names}, seen=pl.DataFrame(self.rows.get("seen", []), schema=SEEN))

    def record(self, playbook: Playbook = BOOK, **how: Any) -> Record:
        return record(self.tables(), playbook, how.pop("until", self.until), **how)


def lively(days: int = 364, seed: int = 7) -> Past:
    """A year with some five warnings a morning, whose chances mean what they say, and events that were missed for every reason."""
    import random

    dice, past = random.Random(seed), Past(days)
    for day in range(days):
        hour = 24 * day
        for n in range(dice.choice((3, 4, 5, 6, 8))):
            p = min(0.97, max(0.1, dice.betavariate(1.4, 3.2)))
            event, level = f"e{day:03}{n}", 3 if p >= 0.6 else 2 if p >= 0.3 else 1
            comes, lead = dice.random() < p, dice.expovariate(1 / 7) + 0.2
            outcome, reached = ("yes", hour + min(lead, 23.5)) if comes else ("no", None)
            if dice.random() < 0.02:
                outcome, reached = "void", None
            if dice.random() < 0.06:
                outcome, reached = "yes", hour - 2
            is_open = day >= days - 2
            how = {"detail": "unread:weibo_board"} if outcome == "void" else {}
            past.forecast(event, hour, p, None if is_open else outcome, reached, **how)
            past.forecast(event, hour, min(0.99, p * 1.2), None if is_open else outcome, reached, horizon=48, **how)
            past.forecast(event, hour, p * 0.7, None if is_open else "no", target="level_3")
            past.warn(event, hour, level, n + 1)
        if not day % 3:
            past.forecast(f"low{day}", hour, 0.05, "yes", hour + 9)
    return past
