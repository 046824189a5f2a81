"""Has what comes in, or what the model reads in it, moved away from a reference? One PSI per feature, over one day and over seven.

PSI = Σ (p - q) ln(p / q) over bins cut once, on the reference; over 0.1 is a change, over 0.25 a marked one (Siddiqi 2006, Credit
Risk Scorecards). Without any change, texts drawn alike give a PSI of about (1/n + 1/m) χ² with bins - 1 degrees of freedom
(Yurdakul and Naranjo 2020, J. Risk Model Validation 14(4)): 50 texts pass 0.25 by chance alone. So a PSI also has to pass what
chance passes once in a thousand times, and fewer than 50 texts are not judged. Equal texts count once, as the model reads them once.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import chdtri

from models.classifier.score import SHIPPED, Classifier, read_as, version
from models.classifier.vocabulary import SPECIAL, UNK, Vocabulary
from warehouse.settings import ConfigProblem
from warehouse.store import Warehouse
from warehouse.vocabulary import DRIFT_FEATURES, DRIFT_INPUTS

SLIGHT, MARKED, ONCE_IN = 0.1, 0.25, 1000
WINDOWS = (1, 7)  # days
LEAST, OWN_N = 50, 500  # texts that a judgement, and a reference of the installation's own, need
OWN_POSTS = 2000  # posts looked through for them: about a quarter repeat a text
RARE, CUTS, HALF = 0.05, np.arange(1, 10) / 10, 0.5  # names under 5 % share a bin; deciles; half a text is added to every bin
LINK = SPECIAL.index("[URL]")
CODE = re.compile(r"\[(?!URL]|USER])[^\[\]\s]{1,6}]|[\U0001F000-\U0001FAFF\u2600-\u27BF\u2B00-\u2BFF]")


@dataclass(frozen=True)
class Bins:
    """A feature in the reference: bins by `edges` (a number lies at or below its edge) or by `labels`, the last bin for the rest."""

    edges: list[float]
    labels: list[str]
    counts: list[int]
    mean: float | None

    @classmethod
    def of(cls, values: pl.Series) -> Bins:
        if values.dtype.is_numeric():
            numbers = values.to_numpy().astype(float)
            edges = [float(edge) for edge in np.unique(np.quantile(numbers, CUTS, method="lower"))]
            empty = cls(edges, [], [], round(float(numbers.mean()), 6))
        else:
            common = values.value_counts().filter(pl.col("count") >= RARE * len(values))
            empty = cls([], sorted(common[values.name]), [], None)
        return cls(empty.edges, empty.labels, empty.count(values).tolist(), empty.mean)

    def count(self, values: pl.Series) -> NDArray[np.int64]:
        """Texts per bin, (bins,)."""
        if not values.dtype.is_numeric():
            place = {label: i for i, label in enumerate(self.labels)}
            rows = np.array([place.get(value, len(place)) for value in values], dtype=np.int64)
        else:
            rows = np.searchsorted(self.edges, values.to_numpy().astype(float), side="left")
        return np.bincount(rows, minlength=max(len(self.edges), len(self.labels)) + 1)


def psi(reference: NDArray[np.int64], seen: NDArray[np.int64]) -> float:
    """Population stability index of two counts over the same bins; half a text in every bin keeps an empty one finite."""
    q, p = ((counts + HALF) / (counts.sum() + HALF * len(counts)) for counts in (reference, seen))
    return float(((p - q) * np.log(p / q)).sum())


def chance(n: int, m: int, bins: int) -> float:
    """The PSI that n and m texts of one distribution pass once in ONCE_IN times."""
    return float((1 / n + 1 / m) * chdtri(max(bins - 1, 1), 1 / ONCE_IN))


def status(psi: float, chance: float) -> str:
    return "stable" if psi <= max(SLIGHT, chance) else "slight" if psi <= max(MARKED, chance) else "marked"


def readings(posts: pl.DataFrame, scores: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """posts (post_id, title, text, first_seen_at, maybe platform, kind) that have scores -> their features, oldest first."""
    frame = posts.join(scores.drop("first_seen_at"), on="post_id").sort("first_seen_at", "post_id")
    said = pl.Series("said", [read_as(title, text) for title, text in frame.select("title", "text").iter_rows()], dtype=pl.String)
    measured = {text: _measure(text, vocabulary) for text in said.unique()}
    names = ("pieces_n", "unknown_share", "code_share", "url_share")
    columns = [pl.Series(name, [measured[text][i] for text in said], dtype=pl.Float64) for i, name in enumerate(names)]
    frame = frame.with_columns(said, *columns)
    return frame.select("first_seen_at", "said", *(name for name in DRIFT_FEATURES if name in frame.columns))


def _measure(text: str, vocabulary: Vocabulary) -> tuple[float, float, float, float]:
    """Length in ids, then the shares of it that are unknown, emoji or [泪]-style codes, and links."""
    ids = vocabulary.encode(text)
    n = max(len(ids), 1)
    return float(len(ids)), ids.count(UNK) / n, min(len(CODE.findall(text)) / n, 1.0), ids.count(LINK) / n


def reference(frame: pl.DataFrame) -> dict[str, Bins]:
    """feature -> bins, of readings."""
    distinct = _distinct(frame)
    return {name: Bins.of(distinct[name]) for name in DRIFT_FEATURES if name in distinct.columns}


def reference_of(classifier: Classifier, texts: list[str]) -> dict[str, Any]:
    """What training stores as reference.json beside the model: validation texts as the model reads them, ready for JSON."""
    ids = pl.Series("post_id", [str(i) for i in range(len(texts))], dtype=pl.String)
    posts = pl.DataFrame([ids]).with_columns(
        pl.Series("text", texts, dtype=pl.String), title=pl.lit(None, pl.String), first_seen_at=pl.lit(datetime(1970, 1, 1, tzinfo=UTC))
    )
    found = reference(readings(posts, classifier.score(posts), classifier.vocabulary))
    return {name: asdict(bins) for name, bins in found.items()}


def shipped(folder: Path = SHIPPED) -> dict[str, Bins]:
    """The reference that came with the model; empty if none did."""
    path = folder / "reference.json"
    if not path.exists():
        return {}
    try:
        return {name: Bins(**bins) for name, bins in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as problem:
        raise ConfigProblem(f"{path}: not a reference of models/drift.py; restore models/weights from git ({problem})") from problem


def own(warehouse: Warehouse, model: str, vocabulary: Vocabulary, before: datetime) -> dict[str, Bins]:
    """The first OWN_N texts this model read here, all seen before `before` so that no text is compared with itself; empty if fewer."""
    first = (
        warehouse.scan("scores", as_of=before).filter(pl.col("model_version") == model, pl.col("first_seen_at") < before)
        .sort("first_seen_at", "post_id").head(OWN_POSTS).collect()
    )  # fmt: skip
    if first.height < OWN_N:
        return {}
    frame = _distinct(_read(warehouse, first, vocabulary)).head(OWN_N)
    return reference(frame) if frame.height == OWN_N else {}


def drift(warehouse: Warehouse, as_of: datetime, folder: Path = SHIPPED) -> pl.DataFrame:
    """Rows of the table `drift` for `as_of`: a row a feature and window, against the own reference if there is one, else the shipped."""
    model, vocabulary, longest = version(folder), Vocabulary.load(folder / "vocabulary.txt"), as_of - timedelta(days=max(WINDOWS))
    scores = warehouse.read("scores", as_of=as_of, since=longest).filter(pl.col("model_version") == model)
    texts = _read(warehouse, scores, vocabulary)
    bins, kind = own(warehouse, model, vocabulary, longest), "own"
    if not bins:
        bins, kind = shipped(folder), "shipped"
    rows = []
    for days in WINDOWS:
        inside = _distinct(texts.filter(pl.col("first_seen_at") > as_of - timedelta(days=days)))
        for name in DRIFT_FEATURES:
            said = {"as_of": as_of, "days_n": days, "feature": name, "model_version": model, "texts_n": inside.height}
            rows.append({**said, **_compare(bins.get(name), kind, inside[name])})
    return pl.DataFrame(rows, infer_schema_length=None)


def _compare(bins: Bins | None, kind: str, values: pl.Series) -> dict[str, Any]:
    mean = round(float(values.to_numpy().mean()), 6) if len(values) and values.dtype.is_numeric() else None
    if bins is None:
        return {"reference": "none", "reference_n": 0, "text_mean": mean, "drift_status": "no_reference"}
    m = sum(bins.counts)
    said = {"reference": kind, "reference_n": m, "text_mean": mean, "reference_mean": bins.mean}
    if len(values) < LEAST or m < LEAST:
        return {**said, "drift_status": "few"}
    found, noise = round(psi(np.array(bins.counts), bins.count(values)), 4), round(chance(len(values), m, len(bins.counts)), 4)
    return {**said, "psi": found, "chance_psi": noise, "drift_status": status(found, noise)}


def _read(warehouse: Warehouse, scores: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    span = scores.select(first=pl.col("first_seen_at").min(), last=pl.col("first_seen_at").max()).row(0)
    posts = warehouse.scan("posts", as_of=span[1], since=span[0]).select("post_id", "title", "text", "first_seen_at", "platform", "kind")
    return readings(posts.join(scores.lazy().select("post_id"), on="post_id", how="semi").collect(), scores, vocabulary)


def _distinct(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.unique("said", keep="first", maintain_order=True)


def log(rows: pl.DataFrame, uri: str | None = None) -> int:
    """Rows of the table `drift` into the MLflow experiment `guanchao-drift`, a run a model; returns the figures that were new there."""
    from models.registry import log_days

    points: dict[str, list[tuple[str, float, datetime]]] = {}
    for row in rows.sort("as_of", "days_n", "feature").iter_rows(named=True):
        side = "input" if row["feature"] in DRIFT_INPUTS else "output"
        figures = {"psi": row["psi"], "chance_psi": row["chance_psi"], "mean": row["text_mean"]}
        of_model = points.setdefault(row["model_version"], [])
        of_model.extend(
            (f"{row['days_n']}d/{side}/{row['feature']}/{name}", x, row["as_of"]) for name, x in figures.items() if x is not None
        )
    return sum(log_days("guanchao-drift", model, found, uri) for model, found in points.items())
