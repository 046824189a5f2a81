"""Each target's rows: odds, sizes, rule and version, before anything is said of why. A row a unit, target and horizon."""

from __future__ import annotations

import numpy as np
import polars as pl

from models.escalation.features import HORIZONS, TOP, threshold
from models.escalation.known import Known
from models.escalation.model import Forecaster
from models.escalation.odds import at, level_odds
from models.escalation.reposts import BAR, TARGET, Counted, event_odds, post_odds
from models.escalation.topics import RULES, Topics, event_rows

SAID = ["unit", "target", "horizon_h", "p", "by", "expected_n", "low_n", "high_n", "resolve_rule", "model_version"]
QUANTILES = {"low": 0.1, "expected": 0.5, "high": 0.9}


def escalations(forecaster: Forecaster, known: Known) -> pl.DataFrame:
    parts = []
    rules = {
        "board": pl.format(f"board_top{TOP}:{{}}h", pl.col("horizon_h").cast(pl.Int64)),
        "spread": pl.format("event_posts>={}:{}h", threshold(pl.col("n")), pl.col("horizon_h").cast(pl.Int64)),
    }
    for kind, features in (("board", known.board), ("spread", known.spread)):
        features = known.kinds.filter(pl.col("kind") == kind).select("unit").join(features, on="unit", maintain_order="left")
        for hours in HORIZONS:
            rows = at(features, hours)
            parts.append(rows.hstack(forecaster.heads[kind].predict(rows)).with_columns(
                target=pl.lit("escalation"), p=pl.col("escalates_p"), by=pl.lit(kind), resolve_rule=rules[kind],
                model_version=pl.lit(forecaster.version_of(kind)), horizon_h=pl.lit(hours, pl.Int64),
            ).select(SAID))  # fmt: skip
    return pl.concat(parts)


def levels(forecaster: Forecaster, known: Known, bars: pl.DataFrame) -> pl.DataFrame:
    parts = []
    for hours in HORIZONS:
        said, climb = level_odds(forecaster, known, bars, hours)
        now = known.volume["n_24h"].to_numpy().astype(float)
        sizes = known.volume.select("unit").with_columns(
            **{f"{name}_n": pl.Series(climb.quantile(q, now)) for name, q in QUANTILES.items()}
        )
        number = pl.col("target").str.extract(r"(\d+)$")
        parts.append(said.join(sizes, on="unit", how="left", maintain_order="left").with_columns(
            resolve_rule=pl.format("level>={}:{}h", number, pl.col("horizon_h")), model_version=pl.lit(forecaster.version_of("level"))
        ).select(SAID))  # fmt: skip
    return pl.concat(parts)


def reposts(forecaster: Forecaster, counted: Counted) -> pl.DataFrame:
    """Sizes are those of the post most likely to reach the bar."""
    parts = []
    for hours in HORIZONS if counted.features.height else ():
        rows = at(counted.features, hours)
        p = post_odds(forecaster, counted.features, hours)
        best = rows.select("unit").with_columns(p=p, row=pl.int_range(pl.len())).sort("unit", "p", descending=[False, True])
        first = best.unique("unit", keep="first", maintain_order=True)["row"].to_numpy()
        lead, now = forecaster.ladders["reposts"].climb(rows[first.tolist()]), rows["count"].to_numpy()[first]
        said = event_odds(rows["unit"], p).with_columns(
            **{f"{name}_n": pl.Series(np.asarray(lead.quantile(q, now))) for name, q in QUANTILES.items()},
            target=pl.lit(TARGET), horizon_h=pl.lit(hours, pl.Int64), by=pl.lit("reposts"),
            resolve_rule=pl.lit(f"post_reposts>={BAR}:{hours}h"), model_version=pl.lit(forecaster.version_of("reposts")),
        )  # fmt: skip
        parts.append(said.select(SAID))
    return pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(SAID, pl.Null()))


def topics(forecaster: Forecaster, version: str, known: Known, found: Topics) -> pl.DataFrame:
    """Rows of the event's topics on boards; sizes of `board_top10` are hours there, as the board head says."""
    features = at(known.board, HORIZONS[0])
    hours = features.select("unit").hstack(forecaster.heads["board"].predict(features).drop("escalates_p"))
    rows = event_rows(found, hours)
    rule = pl.col("target").replace_strict(RULES).str.replace("{}", pl.col("horizon_h").cast(pl.String), literal=True)
    return rows.with_columns(by=pl.lit("topic"), resolve_rule=rule, model_version=pl.lit(version)).select(SAID)
