"""Walks the drill's road in a process of its own, saying each stage as it starts: the tests kill it half-way."""

import sys
from pathlib import Path

from flows.daily import ARRIVAL, READING
from flows.drill import replica_of
from flows.road import Road, when
from warehouse.settings import load_settings


def main(root: Path, conf: Path) -> None:
    settings = load_settings(conf, root=root)
    moment = when(None, settings.as_of)
    with replica_of(settings.scenario, moment) as url:
        road = Road(settings, moment, url)
        for stage in (*ARRIVAL, *READING):
            print(f"stage {stage.__name__}", flush=True)
            print(f"rows {stage(road)}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
