"""What moved a forecast most, in sentences a PR officer reads. Every sentence states stored facts; TreeSHAP chooses which.

A group of features that speak of one thing is one sentence; its weight is the sum of their pulls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from models.escalation.features import OFF
from models.escalation.head import Head
from models.escalation.ladder import Ladder
from warehouse.vocabulary import PLATFORMS

Row = dict[str, Any]
MOST = 3
APART_H = 2
FEWEST = 5  # reposts of an hour that a ratio may be made of


def _rank(row: Row) -> str:
    board = PLATFORMS.get(row["platform_last"], "") + "热榜"
    if row["rank_now"] == OFF:
        return f"已离开{board}约{_hours(row['gap_h'])}，离榜前第{row['rank_last']:.0f}位"
    for hours in (3, 1, 6):
        if row[f"rank_{hours}h"] != OFF:
            return f"{board}第{row['rank_now']:.0f}位，{hours}小时前为第{row[f'rank_{hours}h']:.0f}位"
    return f"{board}第{row['rank_now']:.0f}位，" + ("新上榜" if row["hours_n"] <= 1 else "此前6小时不在榜")


def _stay(row: Row) -> str:
    top = f"，其中前十{row['top_hours_n']:.0f}小时" if row["top_hours_n"] else "，未进过前十"
    return f"一周内在榜{row['hours_n']:.0f}小时，最高第{row['best_rank']:.0f}位" + top


def _topics(row: Row) -> str:
    return f"近24小时有{row['topics_24h']:.0f}个相关话题上榜" if row["topics_24h"] > 1 else ""


def _platforms(row: Row) -> str:
    return f"一周内上过{row['platforms_n']:.0f}个平台的热榜" if row["platforms_n"] > 1 else ""


def _heat(row: Row) -> str:
    growth = row["heat_growth_3h"]
    if growth is None or abs(growth) < 0.05:
        return ""
    return f"热度较3小时前{'上升' if growth > 0 else '下降'}{abs(np.expm1(growth)):.0%}"


def _pace(row: Row) -> str:
    now, before = row["n_1h"], row["n_before_1h"]
    if row["n"] < 2:
        return f"发于{_hours(row['last_h'])}前，此后没有新帖" if row["n"] else "尚无可见帖文"
    if not now:
        return f"最近1小时无新帖，最新一帖发于{_hours(row['last_h'])}前"
    return (
        f"最近1小时新增{now}篇，再前1小时{before}篇" if before else f"最近1小时新增{now}篇" + ("，再前1小时没有" if row["n"] > now else "")
    )


def _volume(row: Row) -> str:
    if row["n"] < 2:
        return "目前只见到这一篇" if row["n"] else ""
    recent = "都在近24小时内" if row["n_24h"] == row["n"] else f"其中近24小时{row['n_24h']}篇" if row["n_24h"] else "近24小时没有新增"
    return f"共见到{row['n']}篇，{recent}"


def _age(row: Row) -> str:
    return f"首帖发于{_hours(row['first_h'])}前" if row["n"] > 1 else ""


def _authors(row: Row) -> str:
    if row["n"] < 2:
        return ""
    return "每篇出自不同账号" if row["authors_n"] == row["n"] else f"{row['n']}篇出自{row['authors_n']}个账号"


def _reposts(row: Row) -> str:
    if row["apart_h"] > APART_H:  # a line between readings so far apart would make every hour like the one before
        return f"发布以来平均每小时转发{row['count'] / max(row['age_h'] - row['read_h'], 0.25):.0f}次" if row["count"] else ""
    now, before = row["grown_1h"], row["grown_2h"] - row["grown_1h"]
    if now >= FEWEST and before >= 1:
        return f"过去1小时转发是前一小时的{now / before:.1f}倍"
    return f"近3小时新增转发{row['grown_3h']:.0f}次" if row["grown_3h"] >= 1 else "近3小时没有新增转发"


def _count(row: Row) -> str:
    return f"传得最快的一帖已转发{row['count']:.0f}次" if row["count"] else "各帖尚无转发"


def _post_age(row: Row) -> str:
    return f"该帖发于{_hours(row['age_h'])}前"


def _reading(row: Row) -> str:
    return f"转发数读于{_hours(row['read_h'])}前" if row["read_h"] >= 2 else ""


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{max(1, round(hours * 60))}分钟"
    return f"{hours:.0f}小时" if hours < 72 else f"{hours / 24:.0f}天"


Group = tuple[Callable[[Row], str], tuple[str, ...]]
_BOARD: tuple[Group, ...] = (
    (_rank, ("rank_now", "rank_last", "gap_h", "rank_1h", "rank_3h", "rank_6h", "rise_1h", "rise_3h", "rise_6h")),
    (_stay, ("best_rank", "best_24h", "best_ago_h", "first_h", "hours_24h", "hours_n", "top_hours_n")),
    (_topics, ("topics_1h", "topics_3h", "topics_6h", "topics_24h", "topics_n")),
    (_platforms, ("platforms_n", "is_weibo", "is_zhihu", "is_baidu")),
    (_heat, ("heat_growth_3h",)),
)
_POSTS: tuple[Group, ...] = (
    (_pace, ("pace_1h", "pace_3h", "pace_12h", "log_1h", "log_3h", "last_h")),
    (_volume, ("log_n", "rate", "log_6h", "log_12h", "log_24h", "short")),
    (_age, ("first_h",)),
    (_authors, ("authors_share", "log_authors")),
)
_REPOSTS: tuple[Group, ...] = (
    (_reposts, ("pace", "log_grown_1h", "log_grown_3h", "log_grown_6h")),
    (_count, ("log_count", "per_hour", "log_grown_12h", "log_grown_24h", "short")),
    (_post_age, ("age_h",)),
    (_reading, ("read_h", "apart_h")),
)
GROUPS = {"board": _BOARD, "rank": _BOARD, "spread": _POSTS, "volume": _POSTS, "reposts": _REPOSTS}


def drivers(head: Head | Ladder, rows: pl.DataFrame, more: list[list[str]] | None = None) -> list[list[str]]:
    """Three sentences a row, fewer where less is known: by pull, the strongest first, then of `more`."""
    pull, names = head.pull(rows), head.features
    groups = GROUPS[head.kind]
    weight = np.column_stack([
        np.abs(pull[:, [names.index(name) for name in members if name in names]].sum(axis=1)) for _, members in groups
    ])  # fmt: skip
    order = np.argsort(-weight, axis=1, kind="stable")
    return _sentences(head.kind, rows, order, more)


def plain_facts(kind: str, rows: pl.DataFrame, more: list[list[str]] | None = None) -> list[list[str]]:
    """As `drivers`, in a fixed order: for events that no list will show, where the order is not worth TreeSHAP's time."""
    order = np.tile(np.arange(len(GROUPS[kind])), (rows.height, 1))
    return _sentences(kind, rows, order, more)


def _sentences(kind: str, rows: pl.DataFrame, order: Any, more: list[list[str]] | None) -> list[list[str]]:
    extra = more or [[]] * rows.height
    made = []
    for row, places, others in zip(rows.iter_rows(named=True), order, extra, strict=True):
        said = [GROUPS[kind][i][0](row) for i in places]
        made.append([sentence for sentence in (*said, *others) if sentence][:MOST])
    return made
