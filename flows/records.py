"""The record's tables, read lean: of life, or of a backtest in its own data root. Only events that were warned of or reached a rule."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from briefing.playbook import Playbook
from briefing.record import SEEN, Record, Tables, record
from briefing.record_budget import CHOICES
from warehouse.clock import SHANGHAI
from warehouse.settings import ConfigProblem, Settings
from warehouse.store import Warehouse

SAID = "backtest.json"  # what a backtest leaves beside its tables (flows/backtest.py)
OF_EVENTS = {
    "forecasts": ("event_id", "as_of", "horizon_h", "target", "escalates_p", "model_version", "resolve_at"),
    "events": ("event_id", "as_of", "title", "category", "hospital_id"),
}


def live(settings: Settings, playbook: Playbook, until: datetime, choices: tuple[int, ...] = CHOICES) -> Record:
    """What really left, as known at `until`; of a drill, the drill's own warnings."""
    return record(read(Warehouse(settings.warehouse)), playbook, until, is_drill=settings.drill, choices=choices)


def backtests(settings: Settings) -> list[str]:
    """Names of the backtests under this data root that have made a list, the one begun last at the end."""
    found = sorted((settings.root / "backtest").glob(f"*/{SAID}"), key=lambda file: (file.stat().st_mtime_ns, file))
    return [file.parent.name for file in found if (file.parent / "warehouse" / "deliveries").is_dir()]


def relived(settings: Settings, name: str, playbook: Playbook, choices: tuple[int, ...] = CHOICES) -> Record:
    """The record of one backtest, of the days that its model had not learned from; ConfigProblem if there is none of the name."""
    root = settings.root / "backtest" / name
    if not (root / SAID).is_file():
        known = "、".join(backtests(settings)) or "none yet; make one with `guanchao backtest`"
        raise ConfigProblem(f"--backtest {name}: not under {settings.root / 'backtest'}; there is: {known}")
    said = json.loads((root / SAID).read_text(encoding="utf-8"))
    begins = datetime.fromisoformat(said["out_of_sample_from"]).replace(tzinfo=SHANGHAI).astimezone(UTC)
    tables = read(Warehouse(root / "warehouse"))
    lasts = [tables.deliveries["sent_at"].max(), tables.outcomes["resolved_at"].max()]
    until = max((moment for moment in lasts if isinstance(moment, datetime)), default=None)
    if until is None:
        raise ConfigProblem(f"{root}: this backtest has not made a list yet")
    learned_n = tables.deliveries.filter(pl.col("as_of") < begins).height
    return record(since(tables, begins), playbook, until, kind="backtest", name=name, choices=choices, about=_about(said, learned_n))


def _about(said: dict[str, Any], learned_n: int) -> dict[str, str]:
    """What a reader must know of a backtest, in words."""
    unseen = f"模型只学过 {said['out_of_sample_from']} 之前的数据"
    return {
        "重走": f"{said['first']} 至 {said['last']}，每 {said['every_h']} 小时一期",
        "样本外": unseen + (f"，那之前的 {learned_n} 期不计入" if learned_n else "，全部是样本外"),
        "阅读模型": said["classifier"],
    }


def read(warehouse: Warehouse) -> Tables:
    """What lists said, and what is known of how it ended; of other events' forecasts nothing."""
    warnings, outcomes = warehouse.scan("warnings").collect(), warehouse.scan("outcomes")
    decided = outcomes.filter(pl.col("reached_at").is_not_null()).select("event_id").unique().collect()
    ours = pl.concat([decided, warnings.select("event_id")]).unique().lazy()
    kept = {"outcomes": outcomes, **{name: warehouse.scan(name).select(columns) for name, columns in OF_EVENTS.items()}}
    rows = {name: frame.join(ours, on="event_id", how="semi").collect() for name, frame in kept.items()}
    return Tables(
        warnings=warnings, deliveries=warehouse.scan("deliveries").collect(), **rows,
        coverage=warehouse.scan("coverage").select("as_of", "coverage_status").collect(),
        verdicts=warehouse.scan("verdicts").collect(), seen=seen(warehouse, rows["forecasts"], rows["outcomes"]),
    )  # fmt: skip


def since(tables: Tables, begins: datetime) -> Tables:
    """Only lists from `begins` on, and what became of them."""
    names = ("warnings", "deliveries", "forecasts", "outcomes", "events", "coverage")
    return replace(tables, **{name: getattr(tables, name).filter(pl.col("as_of") >= begins) for name in names})


def seen(warehouse: Warehouse, forecasts: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """event_id, first_seen_at of the events that had reached something before any list: when the first of their posts was seen."""
    first = forecasts.group_by("event_id").agg(pl.col("as_of").min())
    reached = outcomes.group_by("event_id").agg(pl.col("reached_at").min())
    late = first.join(reached, on="event_id").filter(pl.col("reached_at") <= pl.col("as_of")).select("event_id", "as_of")
    if late.is_empty():
        return pl.DataFrame(schema=SEEN)
    members = warehouse.scan("event_posts").join(late.lazy(), on=["event_id", "as_of"], how="semi").select("event_id", "post_id").collect()
    posts = warehouse.scan("posts").join(members.lazy().select("post_id").unique(), on="post_id", how="semi")
    known = members.join(posts.select("post_id", "first_seen_at").collect(), on="post_id")
    return known.group_by("event_id").agg(pl.col("first_seen_at").min())
