"""conf/playbook.yml, read and refused if it has a hole: levels, criteria, clocks, owners, and a plan for every category × severity.

Everything PR may edit is checked here, so that a slip is one line naming the place and never a missing plan on a bad day.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from warehouse.settings import ConfigProblem
from warehouse.vocabulary import CATEGORIES

NUMERALS = "一二三四五"
SAID = {  # pydantic's error types in PR's words; anything else keeps its own message
    "missing": "缺少这一项",
    "extra_forbidden": "不认识的项，请检查拼写",
    "too_short": "太少，至少 {min_length} 项",
    "too_long": "太多，至多 {max_length} 项",
    "string_too_short": "不能留空",
    "greater_than_equal": "超出范围，不能小于 {ge}",
    "greater_than": "超出范围，要大于 {gt}",
    "less_than_equal": "超出范围，不能大于 {le}",
    "literal_error": "只能是 {expected}",
    "int_parsing": "要写整数",
    "int_from_float": "要写整数",
    "int_type": "要写整数",
    "value_error": "{error}",
}


def _category(name: str) -> str:
    if name not in CATEGORIES:
        raise ValueError(f"不认识的类别 {name}；可用：{'、'.join(CATEGORIES)}")
    return name


def _cells(line: Any) -> Any:
    cells = [cell.strip() for cell in str(line).split("|")]
    if len(cells) != 3:
        raise ValueError("每步要写成“谁 | 几小时内 | 做什么”")
    return dict(zip(("who", "within_h", "does"), cells, strict=True))


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Category = Annotated[str, AfterValidator(_category)]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(Part):
    """One line of a level's criteria: every field that is given must hold."""

    group: str | None = None
    escalates_p_24h: Annotated[float, Field(gt=0, le=1)] | None = None
    escalates_p_48h: Annotated[float, Field(gt=0, le=1)] | None = None
    posts_24h: Annotated[int, Field(ge=1)] | None = None
    board_rank: Annotated[int, Field(ge=1, le=1000)] | None = None

    @property
    def bars(self) -> dict[str, float]:
        """The numbers, signed so that higher is always harder (a board's first place is the highest)."""
        given = self.model_dump(exclude={"group"}, exclude_none=True)
        return {name: -bar if name == "board_rank" else bar for name, bar in given.items()}

    def holds(self, measures: dict[str, float | None], groups: set[str]) -> bool:
        """`measures` by the names above; None (not known) never holds."""
        if self.group is not None and self.group not in groups:
            return False
        sign = {"board_rank": -1}
        known = {name: value * sign.get(name, 1) for name, value in measures.items() if value is not None}
        return all(name in known and known[name] >= bar for name, bar in self.bars.items())


class Level(Part):
    number: Annotated[int, Field(ge=1, le=5)]
    severity: Text
    handles: Text
    owner_role: Text
    due_minutes: Annotated[int, Field(ge=5, le=7 * 24 * 60)]
    statement_h: Annotated[int, Field(ge=1, le=168)]
    criteria: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @property
    def name(self) -> str:
        return f"{NUMERALS[self.number - 1]}级"

    @property
    def label(self) -> str:
        """Number and word together: schemes number in both directions, so neither is ever printed alone."""
        return f"{self.name}（{self.severity}）"


class Scheme(Part):
    direction: Literal["larger_is_worse", "smaller_is_worse"]
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=5)]


class Group(Part):
    categories: tuple[Category, ...] = ()
    words: tuple[Text, ...] = ()


class CategoryRule(Part):
    weight: Annotated[float, Field(gt=0, le=10)]
    negative_p: Share


class Step(Part):
    who: Text
    within_h: Annotated[float, Field(gt=0, le=168)]
    does: Text


class Plan(Part):
    department: Text
    steps: Annotated[tuple[Annotated[Step, BeforeValidator(_cells)], ...], Field(min_length=3, max_length=5)]
    avoid: Annotated[tuple[Text, ...], Field(min_length=1, max_length=5)]


class Limits(Part):
    list_length: Annotated[int, Field(ge=1, le=200)]
    warnings_per_event_per_day: Annotated[int, Field(ge=1, le=24)]
    cooldown_h: Annotated[float, Field(ge=0, le=168)]
    warnings_per_day: Annotated[int, Field(ge=1, le=200)] | None = None
    relevant_p: Share
    coverage_ok_share: Share


class Playbook(Part):
    """`version` changes with any value in the file, not with its comments."""

    scheme: Scheme
    groups: dict[str, Group]
    categories: dict[Category, CategoryRule]
    plans: dict[Category, dict[str, Plan]]
    limits: Limits
    version: str

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """Mildest first, whichever way the numbers run."""
        worse_last = self.scheme.direction == "larger_is_worse"
        return tuple(sorted(self.scheme.levels, key=lambda level: level.number, reverse=not worse_last))

    @property
    def without_budget(self) -> Playbook:
        """The same, but for the budget: to say what it held back."""
        return self.model_copy(update={"limits": self.limits.model_copy(update={"warnings_per_day": None})})

    def order(self, number: int | None) -> int:
        """0 is the mildest; -1 for a number this scheme does not have (it was changed since)."""
        return next((n for n, level in enumerate(self.levels) if level.number == number), -1)

    def level(self, number: int) -> Level:
        return next(level for level in self.levels if level.number == number)

    def plan(self, category: str, severity: str) -> Plan:
        return self.plans[category][severity]

    def groups_of(self, category: str, words: set[str]) -> set[str]:
        return {name for name, group in self.groups.items() if category in group.categories or words & set(group.words)}


def load_playbook(path: Path) -> Playbook:
    """The playbook of `path`; ConfigProblem is one line: file, place, what to put there."""
    try:
        said = yaml.load(path.read_text(encoding="utf-8"), _Once)
    except FileNotFoundError as problem:
        raise ConfigProblem(f"{path}: 没有处置预案文件；请从项目自带的 conf/playbook.yml 复制一份") from problem
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise ConfigProblem(f"{path}: 不是能读的 YAML: {' '.join(str(problem).split())}") from problem
    if not isinstance(said, dict):
        raise ConfigProblem(f"{path}: 应有 scheme、groups、categories、plans、limits 五部分")
    canonical = json.dumps(said, sort_keys=True, ensure_ascii=False, default=str)
    try:
        playbook = Playbook(**{**said, "version": hashlib.sha256(canonical.encode()).hexdigest()[:12]})
        _check_levels(playbook)
        _check_holes(playbook)
    except ValidationError as problem:
        raise ConfigProblem(f"{path}: {_first(problem)}") from problem
    except ValueError as problem:
        raise ConfigProblem(f"{path}: {problem}") from problem
    return playbook


def _first(problem: ValidationError) -> str:
    error = problem.errors()[0]
    place = ".".join(f"第{part + 1}项" if isinstance(part, int) else part for part in error["loc"] if part != "[key]")
    wanted = SAID.get(error["type"], error["msg"]).format(**{"error": "", **error.get("ctx", {})})
    return f"{place}: {wanted}"


def _check_levels(playbook: Playbook) -> None:
    for name in ("number", "severity"):
        values = [str(getattr(level, name)) for level in playbook.levels]
        if twice := [value for value in values if values.count(value) > 1]:
            raise ValueError(f"scheme.levels: 两个级别的 {name} 相同: {twice[0]}")
    for level in playbook.levels:
        for n, rule in enumerate(level.criteria, 1):
            place = f"scheme.levels.{level.label}.criteria.第{n}项"
            if not rule.bars:
                raise ValueError(f"{place}: 至少要有一个数值门槛")
            if rule.group is not None and rule.group not in playbook.groups:
                raise ValueError(f"{place}: 没有名为 {rule.group} 的分组")
    for milder, worse in zip(playbook.levels, playbook.levels[1:], strict=False):
        _check_direction(milder, worse)


def _check_direction(milder: Level, worse: Level) -> None:
    """A direction turned round without its levels would grade every whisper as the worst: the bars must rise with severity."""
    for low in milder.criteria:
        for high in worse.criteria:
            if (low.group, low.bars.keys()) == (high.group, high.bars.keys()) and any(high.bars[k] < low.bars[k] for k in low.bars):
                raise ValueError(
                    f"scheme.direction: 按现在的方向 {worse.label} 比 {milder.label} 更严重，但它的门槛（{', '.join(low.bars)}）反而更低"
                )


def _check_holes(playbook: Playbook) -> None:
    words = {level.severity for level in playbook.levels}
    for category, meaning in CATEGORIES.items():
        if category not in playbook.categories:
            raise ValueError(f"categories.{category}: 缺少类别“{meaning}”的 weight 和 negative_p")
        plans = playbook.plans.get(category, {})
        for severity in [level.severity for level in playbook.levels]:
            if severity not in plans:
                raise ValueError(f"plans.{category}.{severity}: 缺少“{meaning}·{severity}”的预案")
        if strange := sorted(set(plans) - words):
            raise ValueError(f"plans.{category}.{strange[0]}: scheme 里没有这个程度")


class _Once(yaml.SafeLoader):
    """YAML lets a key be given twice and keeps the last; here that would silently drop a plan."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.YAMLError(f"第 {node.start_mark.line + 1} 行起的一段里 {twice[0]} 写了两次")
        return super().construct_mapping(node, deep)
