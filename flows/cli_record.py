"""`guanchao record`: what became of every warning, in figures that anyone can check."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.options import DRILL, AsOf, Conf
from warehouse.settings import ConfigProblem, load_settings

if TYPE_CHECKING:
    from briefing.playbook import Playbook
    from briefing.record import Record


class Days(StrEnum):
    """How far back from the record's end."""

    MONTH = "30"
    QUARTER = "90"
    HALF = "180"
    ALL = "all"

    @property
    def n(self) -> int | None:
        return None if self is Days.ALL else int(self)


def record(
    conf: Conf = DRILL,
    days: Annotated[Days, typer.Option("--days", help="figures of the last so many days, or of all")] = Days.ALL,
    backtest: Annotated[str | None, typer.Option("--backtest", help="of this backtest instead of life")] = None,
    budget: Annotated[int | None, typer.Option("--budget", min=1, max=200, help="what so many warnings a day would cost")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="everything, as JSON")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="every warning, as CSV")] = False,
    as_of: AsOf = None,
) -> None:  # fmt: skip
    """Precision, recall, lead time and calibration of the warnings that left, with intervals; or what a budget of warnings costs."""
    from briefing.record_page import as_csv as csv_of
    from briefing.record_page import as_data
    from flows.road import Road, last_run, when

    if as_json and as_csv:
        raise ConfigProblem("--json and --csv: choose one")
    if backtest and as_of:
        raise ConfigProblem("--as-of: a backtest has its own end; leave it away")
    settings = load_settings(conf)
    road = Road(settings, when(as_of or last_run(settings), settings.as_of))
    found = _found(road, backtest, budget)
    if as_csv:
        typer.echo(csv_of(found, road.playbook), nl=False)
    elif as_json:
        typer.echo(json.dumps(as_data(found, road.playbook), ensure_ascii=False, indent=1))
    elif budget:
        _print_budget(found)
    else:
        _print_record(found, days.n, road.playbook)


def _found(road: Any, backtest: str | None, budget: int | None) -> Record:
    from briefing.record_budget import CHOICES
    from flows.records import live, relived

    choices = tuple(sorted({*CHOICES, *([budget] if budget else [])}))
    if backtest:
        return relived(road.settings, backtest, road.playbook, choices)
    return live(road.settings, road.playbook, road.as_of, choices)


def _print_record(record: Record, days: int | None, playbook: Playbook) -> None:
    """The figures of the period by task, why events were missed, and the newest warnings."""
    from rich.markup import escape
    from rich.table import Table

    from briefing import record_words as words
    from briefing.record_scores import HEADLINE
    from flows.terminal import console

    console.print(_title(record), markup=False, soft_wrap=True)
    table = Table(title=words.PERIODS[days])
    for heading in ("", "准确率", "召回率", "提前 h", "误报/天", "技巧"):
        table.add_column(heading, overflow="fold")
    parts = [(words.part_words(key, playbook), found) for key, found in record.parts.items()] if days is None else []
    for name, found in [*((words.task_words(task), found) for task, found in record.periods[days].items()), *parts]:
        said, lead = words.numbers(found), found.lead_h
        middle = f"{lead[1]:.1f} ({lead[0]:.1f}–{lead[2]:.1f})" if lead else ""
        table.add_row(name, _share(said["precision"]), _share(said["caught"]), middle, said["false_per_day"], said["skill"])
    console.print(table)
    now = words.numbers(record.periods[days][HEADLINE])
    rest = "，".join(f"{words.STATUSES[name]} {n}" for name, n in now["statuses"].items())
    apart = f"没有发出去的 {record.undelivered_n} 条，{'非演练' if record.is_drill else '演练'}的 {record.apart_n} 条"
    console.print(f"预警 {now['warnings_n']} 条：{rest}；另计：{apart}", markup=False)
    for reason in words.reason_counts(record):
        console.print(f"漏报：{reason['word']} {reason['n']} 个", markup=False)
    rows = words.warning_rows(record, playbook)
    newest = Table(title=f"最近的预警（共 {len(rows)} 条，--csv 看全部）")
    for heading in ("发出", "级别", "事件", "可能性", "结果"):
        newest.add_column(heading, overflow="fold")
    for row in rows[:10]:
        ended = row["tasks"][HEADLINE]
        early = f"，早 {ended['lead']}" if ended["lead"] else ""
        newest.add_row(row["issued"][5:], row["level"], escape(row["title"]), ended["p"], ended["word"] + early)
    if rows:
        console.print(newest)


def _print_budget(record: Record) -> None:
    """A line a choice of k."""
    from rich.table import Table

    from briefing import record_words as words
    from flows.terminal import console

    console.print(_title(record), markup=False, soft_wrap=True)
    if not record.headline.is_enough:
        statuses = record.headline.statuses
        console.print(f"{words.TOO_FEW}：对 {statuses['yes']} 条，错 {statuses['no']} 条", markup=False)
        return
    table = Table("每天最多", "约合可能性", "准确率", "每周漏", "其中因预算", "提前（中位）", "预算之外")
    for row in words.budget_rows(record):
        table.add_row(
            f"{row['k']} 条", f"≥ {row['threshold']}" if row["threshold"] else f"平均不到 {row['k']} 条", _share(row["precision"]),
            row["missed"], row["lost"], row["lead"], f"{row['held_n']} 条",
        )  # fmt: skip
    console.print(table)


def _title(record: Record) -> str:
    from briefing import record_words as words

    if record.since is None:
        return f"{words.KINDS[record.kind]}：还没有发出过榜单"
    about = "".join(f"；{name} {value}" for name, value in record.about.items())
    kind = "演练" if record.is_drill else words.KINDS[record.kind]
    return f"{kind} {record.name}：{words.moment(record.since)} 至 {words.moment(record.until)}，榜单 {record.lists_n} 期{about}"


def _share(said: dict[str, Any]) -> str:
    return f"{said['value']} ({said['interval']}) {said['of']}" if said["value"] else f"样本太少 {said['of']}"
