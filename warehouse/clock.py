"""Time as a parameter. `now()` of the machine is read in flows/ only; everything else is handed a Clock or an as_of."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass
class Clock:
    """Starts at `start` and runs at `speed` seconds a second: 1 in life, 0 in a drill that must repeat to the byte."""

    start: datetime
    speed: float = 1.0
    _zero: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.speed * (time.monotonic() - self._zero))


def parse_instant(text: str) -> datetime:
    """ISO 8601 -> UTC instant; without an offset it is Shanghai time. ValueError says what was wrong."""
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return moment.astimezone(UTC)


def shanghai(moment: datetime, form: str = "%Y-%m-%d %H:%M") -> str:
    return moment.astimezone(SHANGHAI).strftime(form)
