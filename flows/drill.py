"""演练: the constructed scenario served by the local replica, walked by the same road; every output is stamped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from warehouse.settings import PROJECT, ConfigProblem

SCENARIOS = PROJECT / "crawlers" / "scenario"


@contextmanager
def replica_of(scenario: str | None, now: datetime) -> Iterator[str]:
    """Serve the scenario on loopback as of `now`; yields the address. ConfigProblem if there is no such scenario."""
    from crawlers.replica import Replica

    place = SCENARIOS / (scenario or "")
    if not scenario or not place.exists():
        known = sorted(path.stem for path in SCENARIOS.iterdir() if not path.name.startswith("_"))
        raise ConfigProblem(f"settings.yml: scenario: {scenario!r} does not exist; known: {', '.join(known)}")
    with Replica(place, now) as site:
        yield site.url
