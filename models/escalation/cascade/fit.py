"""Training posts -> the two vintages, their calibration, size intervals and baselines. Training only: needs torch and sklearn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from models.escalation import metrics
from models.escalation.cascade import baselines, features, inputs, teach
from models.escalation.cascade.data import Cascades, Numbers, load
from models.escalation.cascade.features import GRID, Known
from models.escalation.cascade.inputs import HORIZON, LEVEL
from models.escalation.cascade.model import Sizes, Vintage
from models.escalation.cascade.teach import QUANTILES, Rows

NETS, TREES, FOLDS = 3, 2, 4
INSIDE = QUANTILES["high"] - QUANTILES["low"]
LONGEST_S = int((max(GRID) + HORIZON) * 3600)
UNCALIBRATED = (0.0, 1.0)


@dataclass(frozen=True)
class Fitted:
    known: Known
    columns: list[str]
    vintages: dict[str, Vintage]
    sizes: Sizes
    baselines: baselines.Fitted
    notes: dict[str, Any]


def labelled(cascades: Cascades, known: Known) -> pl.DataFrame:
    """Feature rows with split, post_time, final_rumor_label, the later counts, and `cross`: hours until the level (inf: never)."""
    rows, at = features.rows(cascades, known), np.array(GRID)
    hours = [cascades.hours(k) for k in range(len(cascades))]
    later = {f"n{wait}": np.concatenate([np.searchsorted(h, at + wait, side="right") for h in hours]) for wait in (6, 12, 24, 48)}
    cross = np.repeat([h[LEVEL - 1] if len(h) >= LEVEL else np.inf for h in hours], len(at))
    about = cascades.posts.select("cascade_id", "split", "post_time", "final_rumor_label")
    return rows.with_columns(pl.Series(name, value) for name, value in {**later, "cross": cross}.items()).join(
        about, on="cascade_id", how="left", maintain_order="left"
    )


def learn(data: Path) -> tuple[Known, pl.DataFrame]:
    """What features take from training posts, and all labelled rows of `data`/cascades in order of time."""
    everyone = load(data / "cascades", with_labels=True)
    known = features.learn(everyone.keep(pl.col("split") == "train"))
    return known, labelled(everyone, known).sort("post_time", "cascade_id", "t0_h")


def fit(known: Known, rows: pl.DataFrame) -> Fitted:
    """`rows`: of splits train and val, as `learn` makes them and in order of time; `test` rows are dropped unseen."""
    columns = inputs.names(rows)
    starts = {split: int(rows.filter(pl.col("split") == split)["post_time"].min()) for split in ("val", "test")}  # type: ignore[arg-type]
    train = purged(rows.filter(pl.col("split") == "train"), starts["val"])
    both = purged(rows.filter(pl.col("split") != "test"), starts["test"])
    val = rows.filter(pl.col("split") == "val")
    early = vintage(train, columns, starts["val"], NETS, TREES)
    calibration, notes = _calibration(train, columns, early, val)
    late = vintage(both, columns, starts["test"], NETS, TREES)
    vintages = {name: Vintage(one.since, one.nets, one.trees, calibration) for name, one in (("early", early), ("late", late))}
    vintages |= {"early_low": low(train, columns, starts["val"]), "late_low": low(both, columns, starts["test"])}
    below = pl.col("n") < LEVEL
    sizes = _sizes(train, val, columns)
    notes |= {"posts": {"early": train["cascade_id"].n_unique(), "late": both["cascade_id"].n_unique()}, "size_wider": sizes.wider}
    said = baselines.described(baselines.fit(train.filter(below)))
    return Fitted(known, columns, vintages, sizes, said, notes)


def purged(rows: pl.DataFrame, next_start: int) -> pl.DataFrame:
    """Without rows whose answer was not known when the next block began."""
    return rows.filter(pl.col("post_time") + (pl.col("t0_h") + HORIZON) * 3600 < next_start)


def vintage(rows: pl.DataFrame, columns: list[str], since: int, nets: int, trees: int) -> Vintage:
    known = Rows.of(rows, columns)
    return Vintage(
        since, tuple(teach.network(known, k) for k in range(nets)), tuple(teach.trees(known, k) for k in range(trees)), UNCALIBRATED
    )


def low(rows: pl.DataFrame, columns: list[str], since: int) -> Vintage:
    """For the ladder's lowest rung: one model for all levels said too little of it, or was worse at the headline level (measured)."""
    known = Rows.of(rows, columns)
    return Vintage(since, (teach.network(known, 0, teach.LOW_LEVELS),), (teach.trees(known, 0, teach.LOW_LEVELS),), UNCALIBRATED)


def score(one: Vintage, rows: pl.DataFrame, columns: list[str]) -> Numbers:
    """Log-odds of the headline level and horizon."""
    x = inputs.matrix(rows, columns)
    return one.score(x, columns, np.full(len(x), float(LEVEL)), np.full(len(x), HORIZON))


def out_of_fold(rows: pl.DataFrame, columns: list[str], folds: int = FOLDS) -> Numbers:
    """Log-odds said of each row by a smaller forecaster that never saw its block of time, nor posts within 84 h of it."""
    block, times = _blocks(rows, folds), rows["post_time"].to_numpy()
    said = np.empty(rows.height)
    for k in range(folds):
        held = block == k
        first, last = times[held].min(), times[held].max()
        far = (times < first - LONGEST_S) | (times > last + LONGEST_S)
        one = vintage(rows.filter(pl.Series(far)), columns, 0, 1, 1)
        said[held] = score(one, rows.filter(pl.Series(held)), columns)
    return said


def _blocks(rows: pl.DataFrame, folds: int) -> NDArray[np.int64]:
    post = rows["cascade_id"].rle_id().to_numpy().astype(np.int64)
    return np.asarray(np.minimum(post * folds // (int(post.max()) + 1), folds - 1))


def _calibration(train: pl.DataFrame, columns: list[str], early: Vintage, val: pl.DataFrame) -> tuple[tuple[float, float], dict[str, Any]]:
    """Logistic and isotonic calibration learned out of fold on training posts; what says least wrong of validation posts is kept.

    Isotonic is only reported: its steps tie rows, and lists are sorted by p.
    """
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    below, below_val = (train["n"] < LEVEL).to_numpy(), (val["n"] < LEVEL).to_numpy()
    said, came = out_of_fold(train, columns)[below], (train["n48"] >= LEVEL).to_numpy()[below]
    line = LogisticRegression(C=1e6).fit(said[:, None], came)
    fitted = (float(line.intercept_[0]), float(line.coef_[0][0]))
    ahead, y = score(early, val, columns)[below_val], (val["n48"] >= LEVEL).to_numpy()[below_val].astype(np.float64)
    steps = IsotonicRegression(y_min=0.001, y_max=0.999, out_of_bounds="clip").fit(said, came)
    ways = {"none": _p(ahead, UNCALIBRATED), "logistic": _p(ahead, fitted), "isotonic": np.asarray(steps.predict(ahead))}
    loss = {name: float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))) for name, p in ways.items()}
    notes = {"calibration_loss": loss, "calibration_ece": {name: metrics.ece(y, p) for name, p in ways.items()}}
    notes["oof"] = metrics.figures(came.astype(np.float64), _p(said, UNCALIBRATED))
    return (fitted if loss["logistic"] < loss["none"] else UNCALIBRATED), notes


def _p(score: Numbers, line: tuple[float, float]) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-(line[0] + line[1] * score))))


def _sizes(train: pl.DataFrame, val: pl.DataFrame, columns: list[str]) -> Sizes:
    """Conformalized quantile regression (Romano et al. 2019): widened by what validation posts lacked."""
    boosters = teach.sizes(Rows.of(train, columns), 0)
    x = inputs.matrix(val, columns)
    said = Sizes(boosters, 0.0).predict(x, columns, np.full(len(x), HORIZON))
    true, low, high = (np.log(part + 1) for part in (val["n48"].to_numpy(), said["low"], said["high"]))
    outside = np.maximum(low - true, true - high)
    return Sizes(boosters, round(float(np.quantile(outside, INSIDE)), 5))
