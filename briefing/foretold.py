"""Forecasts beside the escalation itself, for the event page: how far it may go, what would change that, and which posts moved it."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from briefing.playbook import Playbook
from warehouse.vocabulary import TARGETS

MOVERS = 3
Row = dict[str, Any]


def steps(forecasts: pl.DataFrame, playbook: Playbook) -> list[Row]:
    """Every target of one event but `escalation`, and but what has the same rule: what, and its odds by horizon; in order of the table."""
    same = forecasts.filter(pl.col("target") == "escalation")["resolve_rule"].to_list()
    others = forecasts.filter(pl.col("target") != "escalation", ~pl.col("resolve_rule").is_in(same)).sort("target", "horizon_h")
    return [
        {"what": target_words(str(target), playbook), "odds": rows.select("horizon_h", "escalates_p").rows()}
        for (target,), rows in others.group_by("target", maintain_order=True)
    ]


def target_words(target: str, playbook: Playbook) -> str:
    """A target in PR's words; a level by the label it has in the scheme in force; one without words yet as it is stored."""
    for shape, words in TARGETS.items():
        if found := re.fullmatch(shape, target):
            label = next((level.label for level in playbook.levels if target == f"level_{level.number}"), None)
            return f"达到{label}的条件" if label else words.format(*found.groups())
    return target


def otherwise(forecasts: pl.DataFrame, playbook: Playbook) -> list[Row]:
    """The counterfactual of each target's nearest horizon, where one was made, with the odds as they are; `escalation` first."""
    if "counterfactual" not in forecasts.columns:
        return []
    ordered = forecasts.drop_nulls("counterfactual").sort(pl.col("target") != "escalation", "target", "horizon_h")
    ordered = ordered.unique("target", keep="first", maintain_order=True).unique("resolve_rule", keep="first", maintain_order=True)
    return [{**row, "what": target_words(row["target"], playbook)} for row in ordered.iter_rows(named=True)]


def movers(forecasts: pl.DataFrame, posts: list[Row]) -> list[Row]:
    """Of the posts printed, those that moved the escalation's odds most, most first."""
    said = forecasts.filter(pl.col("target") == "escalation").sort("horizon_h")
    known: list[list[str] | None] = said["moved_by"].to_list() if "moved_by" in said.columns else []
    ids = next((one for one in known if one), [])
    printed = {post["post_id"]: post for post in posts}
    return [printed[one] for one in ids if one in printed][:MOVERS]
