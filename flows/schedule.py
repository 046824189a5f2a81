"""When things run: one table of deployments, all in Asia/Shanghai. `guanchao serve` hands it to Prefect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEZONE = "Asia/Shanghai"


@dataclass(frozen=True)
class Deployment:
    """A flow, when it runs, and why then."""

    name: str
    cron: str
    why: str


DEPLOYMENTS = (
    Deployment("daily", "30 7 * * *", why="the list is on the desk at 08:30"),
    Deployment("pulse", "*/10 * * * *", why="an event that cannot wait for tomorrow"),
    Deployment("upkeep", "0 9 * * *", why="the models' drift goes to MLflow once the list is out"),
)


def deployments(conf: Path) -> list[Any]:
    """The table as Prefect deployments of the flows of the same names, one run of each at a time."""
    from prefect.schedules import Cron

    from flows.daily import daily
    from flows.pulse import pulse
    from flows.upkeep import upkeep

    flows: dict[str, Any] = {"daily": daily, "pulse": pulse, "upkeep": upkeep}
    return [
        flows[row.name].to_deployment(
            row.name, schedules=[Cron(row.cron, timezone=TIMEZONE)], parameters={"conf": str(conf), "as_of": None}, concurrency_limit=1,
            description=row.why,
        )
        for row in DEPLOYMENTS
    ]  # fmt: skip
