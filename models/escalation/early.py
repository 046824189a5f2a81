"""How much is known how early: of the events that reach a level's posts, the share warned of by 10, 20, 30, 60 and 180 minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.escalation import cascades
from models.escalation.features import KEY, at_horizons, spread_features
from models.escalation.ladder import Ladder

MINUTES = (10, 20, 30, 60, 180)
BARS, PRECISION = (20.0, 100.0), 0.5  # posts of a day, as conf/playbook.yml has them; one false warning for every true one


def early(ladder: Ladder, data: Path, draws: int = 4) -> dict[str, dict[str, Any]]:
    """Recall of `volume` on thinned test events within 24 h; the threshold is that of validation at PRECISION, all ages together."""
    known = {split: cascades.events(data, cascades.posts(data, (split,))) for split in ("validation", "test")}
    out = {}
    for bar in BARS:
        held = _rows(known["validation"], draws, None, bar)
        threshold = _threshold(held["y"].to_numpy(), ladder.predict(held)["escalates_p"].to_numpy())
        for minutes in MINUTES:
            rows = _rows(known["test"], draws, minutes / 60, bar)
            p = ladder.predict(rows)["escalates_p"].to_numpy()
            for name, is_in in (("all", np.ones(len(p), bool)), ("medical", rows["is_medical"].to_numpy())):
                y, warned = rows["y"].to_numpy()[is_in] == 1, p[is_in] >= threshold
                if y.sum() >= 20:
                    out[f"escalation volume ({bar:.0f} posts, {name}) recall at {minutes} min"] = {
                        "value": round(float(warned[y].mean()), 4), "unit": "", "bar": None, "met": None,
                        "how": f"of {int(y.sum())} thinned events of {len(y)}, precision {_share(y, warned)}; p ≥ {threshold:.3f}, "
                        f"precision {PRECISION} on validation; Weibo 2013-14, 24 h",
                    }  # fmt: skip
    return out


def _share(y: Any, warned: Any) -> str:
    return f"{float(y[warned].mean()):.2f}" if warned.any() else "none warned"


def _rows(every: pl.DataFrame, draws: int, age_h: float | None, bar: float) -> pl.DataFrame:
    parts = []
    for seen, asked in cascades.drawn(every, draws, age_h=age_h):
        features = spread_features(seen, asked).filter(pl.col("n") > 0)
        rows = cascades.volume_rows(at_horizons(asked.join(features, on=KEY, maintain_order="left")), seen)
        parts.append(rows.filter(pl.col("bar") == bar, pl.col("horizon_h") == 24))
    return pl.concat(parts)


def _threshold(y: Any, p: Any) -> float:
    """The lowest probability at and above which PRECISION holds."""
    order = np.argsort(-p, kind="stable")
    precision = np.cumsum(y[order]) / np.arange(1, len(y) + 1)
    good = np.flatnonzero(precision >= PRECISION)
    return float(p[order][good[-1]]) if len(good) else 1.0
