"""A record's figures as places on a drawing: plain numbers for the template's SVG, in units of a 320 by 190 sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby, pairwise
from typing import Any

from briefing.record import Record
from briefing.record_figures import LEAST_EACH, Share
from briefing.render import share
from warehouse.clock import shanghai

WIDE, HIGH = 320, 190
LEFT, RIGHT, TOP, FLOOR = 38, 300, 12, 160  # of the plot inside the sheet
LEAD_BINS = (0, 1, 3, 6, 12, 24)
SCALES = (0.2, 0.4, 1.0)  # how far an axis of shares goes, in four steps


def charts(record: Record) -> list[dict[str, Any]]:
    """The drawings there is enough for, in the order of the page."""
    drawn = [reliability(record), leads(record), over_time(record), cost(record)]
    return [chart for chart in drawn if chart]


def reliability(record: Record) -> dict[str, Any] | None:
    """Said against came true: a dot a bin, its interval a line."""
    bins = record.headline.reliability
    if not bins:
        return None
    top = _scale([value for one in bins for value in (one.p, one.came.hits / one.came.n)])
    marks = [{**_whisker(_x(one.p / top), one.came, top), "r": 3.5} for one in bins]
    said = "；".join(f"说 {share(one.p)}，实际 {share(one.came.hits / one.came.n)}（{one.came.n} 条）" for one in bins)
    ticks = [{"x": _x(n / 4), "word": share(top * n / 4)} for n in range(5)]
    return _sheet(
        "说几成，就有几成吗", said, "横轴：预警时说的可能性；纵轴：后来升级的比例。每点十分之一的预警，越贴近斜线越可信，竖线是 95% 区间。",
        marks=marks, x_ticks=ticks, y_ticks=_percents(top), diagonal=True,
    )  # fmt: skip


def leads(record: Record) -> dict[str, Any] | None:
    """Caught events by hours of lead."""
    found, edges = record.headline.leads, (*LEAD_BINS[:-1], float("inf"))
    if len(found) < LEAST_EACH:
        return None
    counts = [sum(low <= lead < high for lead in found) for low, high in pairwise(edges)]
    step, top = (RIGHT - LEFT) / len(counts), max(counts)
    words = [f"{low}–{high}" for low, high in pairwise(LEAD_BINS)]
    bars = [
        {"x": _r(LEFT + step * (n + 0.15)), "w": _r(step * 0.7), "y": _r(_y(count / top * 0.9)), "h": _r(FLOOR - _y(count / top * 0.9)),
         "n": count, "mid": _r(LEFT + step * (n + 0.5))}
        for n, count in enumerate(counts)
    ]  # fmt: skip
    said = "；".join(f"{word} 小时 {count} 个" for word, count in zip(words, counts, strict=True))
    return _sheet("早了多少小时", said, "升级之前发过预警的事件，按第一条预警比升级早几小时数。", bars=bars,
                  x_ticks=[{"x": bar["mid"], "word": word} for bar, word in zip(bars, words, strict=True)])  # fmt: skip


def over_time(record: Record) -> dict[str, Any] | None:
    """Precision and recall of the last 90 days, month by month; a gap where there were too few."""
    points = record.trend
    if not any(point.precision.value is not None for point in points):
        return None
    places = [_r(LEFT + (RIGHT - LEFT) * (n + 0.5) / len(points)) for n in range(len(points))]
    every = max(1, -(-len(points) // 6))
    top = _scale([one.value or 0.0 for point in points for one in (point.precision, point.caught)])
    lines = []
    for key, word in (("precision", "准确率"), ("caught", "召回率")):
        shares = [getattr(point, key) for point in points]
        drawn = [{**_whisker(x + (-2 if key == "precision" else 2), one, top), "r": 2.5} for x, one in zip(places, shares, strict=True)]
        runs = groupby(zip(drawn, shares, strict=True), lambda pair: pair[1].value is not None)
        known = [[mark for mark, _ in run] for is_known, run in runs if is_known]
        lines.append({"key": key, "word": word, "marks": [mark for run in known for mark in run], "paths": [_path(run) for run in known]})
    said = "；".join(f"到 {shanghai(point.until, '%F')}，准确率 {_said(point.precision)}，召回率 {_said(point.caught)}" for point in points)
    ended = [shanghai(point.until - timedelta(seconds=1), "%y-%m") for point in points]
    ticks = [{"x": x, "word": word} for x, word in list(zip(places, ended, strict=True))[::every]]
    return _sheet("一直这么准吗", said, "每月一点，各看之前 90 天；竖线是 95% 区间，样本太少的月份不画。", lines=lines, x_ticks=ticks,
                  y_ticks=_percents(top))  # fmt: skip


def cost(record: Record) -> dict[str, Any] | None:
    """Events missed a week against k warnings a day."""
    rows = [one for one in record.budget if one.missed_per_week is not None]
    if len(rows) < 2:
        return None
    top = max(one.missed_per_week or 0.0 for one in rows) or 1.0
    places = [_r(LEFT + (RIGHT - LEFT) * (n + 0.5) / len(rows)) for n in range(len(rows))]
    marks = [
        {"x": x, "y": _r(_y((one.missed_per_week or 0.0) / top * 0.85)), "r": 3.5, "word": f"{one.missed_per_week:.1f}"}
        for x, one in zip(places, rows, strict=True)
    ]  # fmt: skip
    said = "；".join(f"每天 {one.k} 条，每周漏 {one.missed_per_week:.1f} 个" for one in rows)
    line = {"key": "precision", "word": "", "marks": marks, "paths": [_path(marks)]}
    return _sheet("少报几条，要多漏几个", said, "横轴：每天最多几条预警；纵轴：每周漏掉的事件。", lines=[line],
                  x_ticks=[{"x": x, "word": f"{one.k} 条"} for x, one in zip(places, rows, strict=True)])  # fmt: skip


def _path(marks: Sequence[Mapping[str, Any]]) -> str:
    return " ".join(f"{mark['x']},{mark['y']}" for mark in marks)


def _sheet(title: str, said: str, how: str, **parts: Any) -> dict[str, Any]:
    """One drawing; `said` is the same for those who cannot see it."""
    nothing: dict[str, Any] = {"bars": [], "marks": [], "lines": [], "x_ticks": [], "y_ticks": [], "diagonal": False}
    return {**nothing, "title": title, "said": said, "how": how, **parts}


def _scale(values: list[float]) -> float:
    return next(scale for scale in SCALES if max(values) <= scale)


def _percents(top: float) -> list[dict[str, Any]]:
    return [{"y": _y(n / 4), "word": share(top * n / 4)} for n in range(5)]


def _whisker(x: float, one: Share, top: float) -> dict[str, float]:
    """An interval that leaves the sheet ends at its edge."""
    low, high = one.interval or (0.0, 0.0)
    return {"x": _r(x), "y": _y((one.value or 0.0) / top), "low": _y(low / top), "high": _y(min(high / top, 1.0))}


def _said(one: Share) -> str:
    return share(one.value) if one.value is not None else "样本太少"


def _x(value: float) -> float:
    return _r(LEFT + (RIGHT - LEFT) * value)


def _y(value: float) -> float:
    return _r(FLOOR - (FLOOR - TOP) * value)


def _r(value: float) -> float:
    return round(value, 1)
