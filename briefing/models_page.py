"""The models' page: which model reads, what it was measured to do, and whether what it reads has drifted. Every figure is a stored one."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from briefing.pages import day
from briefing.publish import MODELS_PAGE, RECORD_PAGE, days, header, replace_file
from briefing.render import page
from warehouse.settings import Settings
from warehouse.vocabulary import DRIFT_INPUTS, DRIFT_OUTPUTS, DRIFT_REFERENCES, DRIFT_STATUSES

SEEN_DAYS = 30
SLICES, HEADS = {"posts": "帖文", "headlines": "热榜标题", "all": "合计"}, {"relevant": "是否涉医", "sentiment": "情感", "category": "类别"}
ROWS = {"rows.train": "训练", "rows.validation": "验证", "rows.test": "测试", "rows.sentiment_sets": "公开情感集", "labels_n": "本单位标注"}
FULL = 0.5  # a PSI that fills the height of its drawing


def publish_models(
    card: dict[str, Any], version: str, drift: pl.DataFrame, settings: Settings, out: Path, as_of: datetime, *, has_record: bool = False
) -> Path:
    """Write models.html: `card` of the text model, rows of the table `drift` of the last SEEN_DAYS days. It only moves forward in time.

    `has_record`: the record's page is written after this one.
    """
    path = out / MODELS_PAGE
    if path.exists() and max(days(out), default="") > day(as_of):
        return path
    now = drift.filter(pl.col("as_of") == as_of)
    said = {
        **header(settings, as_of, "models"), "version": version, "card": origin(card), "table": figures(card),
        "reliability": reliability(card), "groups": groups(now, daily(drift)), "verdict": verdict(now),
        "against": against(now), "has_record_page": has_record or (out / RECORD_PAGE).is_file(),
    }  # fmt: skip
    return replace_file(path, page("models.html").render(said))


def origin(card: dict[str, Any]) -> dict[str, str]:
    """What the card says of how the model was made; a card that does not say is not made to."""
    made, rows = card.get("encoder") or card.get("shape") or {}, card.get("rows", {})
    counts = [f"{word} {rows[key]:,} 条" for key, word in ROWS.items() if key in rows]
    said = {"训练于": card.get("trained_on"), "底座": "，".join(f"{name} {value}" for name, value in sorted(dict(made).items()))}
    return {name: str(value) for name, value in {**said, "学自": "，".join(counts)}.items() if value}


def figures(card: dict[str, Any]) -> list[dict[str, Any]]:
    """A row a slice and head of the test split: macro-F1 beside the linear baseline's, ECE, labelled texts."""
    test = card.get("test", {})
    mine, linear = test.get("challenger", {}), test.get("linear_baseline", {})
    rows = []
    for part, part_word in SLICES.items():
        for head, head_word in HEADS.items():
            f1, base = (figures.get(f"{part}/{head}/macro_f1") for figures in (mine, linear))
            ece, n = (mine.get(f"{part}/{head}/{figure}") for figure in ("ece", "n"))
            if n:
                gain = None if f1 is None or base is None else f1 - base
                rows.append({"part": part_word, "head": head_word, "f1": f1, "base": base, "gain": gain, "ece": ece, "n": int(n)})
    return rows


def reliability(card: dict[str, Any]) -> list[dict[str, Any]]:
    """A drawing a head where the card has `reliability`: head -> [{confidence, accuracy, n}], in units of a 100 by 100 square."""
    bins = card.get("test", {}).get("reliability", {})
    drawn = []
    for head, word in HEADS.items():
        points = [(100 * one["confidence"], 100 * (1 - one["accuracy"]), one["n"]) for one in bins.get(head, []) if one["n"]]
        if points:
            most = max(n for *_, n in points)
            drawn.append(
                {"head": word, "points": [{"x": round(x, 1), "y": round(y, 1), "r": round(2 + 3 * n / most, 1)} for x, y, n in points]}
            )
    return drawn


def daily(drift: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """feature -> the seven-day rows of the last run of each Shanghai day (`on`), oldest first."""
    on = pl.col("as_of").dt.convert_time_zone("Asia/Shanghai").dt.date()
    last = drift.filter(pl.col("days_n") == 7).sort("as_of").with_columns(on=on).unique(["feature", "on"], keep="last", maintain_order=True)
    return {str(feature): rows.to_dicts() for (feature,), rows in last.group_by("feature", maintain_order=True)}


def groups(now: pl.DataFrame, history: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Inputs and outputs, a row a feature: both windows' PSI and word, the means, thirty days as bars."""
    if now.is_empty():
        return []
    by_place = {(row["feature"], row["days_n"]): row for row in now.iter_rows(named=True)}
    today = date.fromisoformat(day(now["as_of"][0]))
    made = []
    for title, features in (("读到的文本", DRIFT_INPUTS), ("模型的判断", DRIFT_OUTPUTS)):
        rows = []
        for feature, word in features.items():
            if (feature, 7) in by_place:
                windows = [_window(by_place[feature, days]) for days in (1, 7)]
                rows.append(
                    {
                        "word": word,
                        "windows": windows,
                        "means": _means(by_place[feature, 7]),
                        "spark": spark(history.get(feature, []), today),
                    }
                )
        made.append({"title": title, "rows": rows})
    return made


def _window(row: dict[str, Any]) -> dict[str, Any]:
    same = {name: row[name] for name in ("psi", "chance_psi", "texts_n", "days_n", "drift_status")}
    return {**same, "word": DRIFT_STATUSES[row["drift_status"]]}


def _means(row: dict[str, Any]) -> tuple[str, str] | None:
    """The mean of seven days and the reference's; of a name there is none."""
    if row["text_mean"] is None:
        return None
    return tuple(_figure(row["feature"], row[name]) for name in ("text_mean", "reference_mean"))  # type: ignore[return-value]


def _figure(feature: str, value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:.1f}" if feature.endswith("_n") else f"{value:.2%}" if feature.endswith("_share") else f"{value:.3f}"


def spark(rows: list[dict[str, Any]], today: date) -> dict[str, Any]:
    """A bar a day: place 0 … SEEN_DAYS - 1 (today last), height 0 … 1 of FULL; days without a figure have none."""
    bars = []
    for row in rows:
        place = SEEN_DAYS - 1 - (today - row["on"]).days
        if row["psi"] is not None and 0 <= place < SEEN_DAYS:
            height = round(min(row["psi"] / FULL, 1), 3)
            bars.append({"place": place, "height": height, "psi": row["psi"], "is_marked": row["drift_status"] == "marked"})
    return {"bars": bars, "n": SEEN_DAYS, "limit": round(0.25 / FULL, 3)}


def verdict(now: pl.DataFrame) -> dict[str, Any]:
    """How many features of the last seven days stand how, the worst named."""
    week = now.filter(pl.col("days_n") == 7)
    words = {**DRIFT_INPUTS, **DRIFT_OUTPUTS}
    counted = [
        {"status": key, "word": word, "n": week.filter(pl.col("drift_status") == key).height} for key, word in DRIFT_STATUSES.items()
    ]
    moved = [words[name] for name in week.filter(pl.col("drift_status") == "marked").sort("psi", descending=True)["feature"]]
    unknown = week.filter(pl.col("feature") == "unknown_share")
    share = unknown["text_mean"][0] if unknown.height else None
    return {
        "counts": [one for one in counted if one["n"]], "moved": moved, "texts_n": week["texts_n"][0] if week.height else 0,
        "unknown": None if share is None else f"{share:.2%}",
    }  # fmt: skip


def against(now: pl.DataFrame) -> str:
    """What the comparison is with, in words."""
    kinds = now.filter(pl.col("reference") != "none").unique(["reference", "reference_n"], maintain_order=True).sort("reference")
    return "、".join(f"{DRIFT_REFERENCES[row['reference']]} {row['reference_n']} 条" for row in kinds.iter_rows(named=True))
