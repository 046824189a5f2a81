"""A playbook with a hole is refused at load, in one line that names the file and the place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from briefing.playbook import load_playbook
from warehouse.settings import ConfigProblem
from warehouse.vocabulary import CATEGORIES

BOOK = Path(__file__).parent.parent / "conf" / "playbook.yml"


def written(folder: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    said = yaml.safe_load(BOOK.read_text(encoding="utf-8"))
    change(said)
    path = folder / "playbook.yml"
    path.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ConfigProblem) as caught:
        load_playbook(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    return said


def test_the_shipped_playbook_is_whole() -> None:
    book = load_playbook(BOOK)
    assert [(level.label, level.due_minutes, level.statement_h) for level in book.levels] == [
        ("一级（轻度）", 480, 48), ("二级（中度）", 120, 48), ("三级（重度）", 30, 24),
    ]  # fmt: skip
    for category in CATEGORIES:
        for level in book.levels:
            plan = book.plan(category, level.severity)
            assert 3 <= len(plan.steps) <= 5
            assert any(step.within_h <= level.statement_h for step in plan.steps)
            assert all(step.within_h <= level.statement_h or level.severity == "重度" for step in plan.steps)
            assert min(step.within_h for step in plan.steps) * 60 <= level.due_minutes


def test_the_version_follows_the_values_not_the_comments(tmp_path: Path) -> None:
    same = tmp_path / "same.yml"
    same.write_text("# 换了说明\n" + BOOK.read_text(encoding="utf-8"), encoding="utf-8")
    other = written(tmp_path, lambda said: said["limits"].update(list_length=21))
    assert load_playbook(same).version == load_playbook(BOOK).version != load_playbook(other).version


def test_either_direction_is_read_mildest_first(tmp_path: Path) -> None:
    def turn(said: dict[str, Any]) -> None:
        said["scheme"]["direction"] = "smaller_is_worse"
        for level in said["scheme"]["levels"]:
            level["number"] = 4 - level["number"]

    assert [level.label for level in load_playbook(written(tmp_path, turn)).levels] == ["三级（轻度）", "二级（中度）", "一级（重度）"]


def test_a_budget_may_be_left_out_and_taken_away(tmp_path: Path) -> None:
    book = load_playbook(written(tmp_path, lambda said: said["limits"].update(warnings_per_day=5)))
    assert load_playbook(BOOK).limits.warnings_per_day is None
    assert book.limits.warnings_per_day == 5
    assert book.without_budget.limits == load_playbook(BOOK).limits
    assert book.levels == book.without_budget.levels


LEVELS: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda said: said["scheme"]["levels"]  # noqa: E731


@pytest.mark.parametrize(
    ("change", "place", "why"),
    [
        (lambda s: s["plans"]["rumor"].pop("中度"), "plans.rumor.中度", "缺少“网络谣言·中度”的预案"),
        (lambda s: s["plans"].pop("safety"), "plans.safety.轻度", "缺少"),
        (lambda s: s["plans"].update(gossip=s["plans"]["rumor"]), "plans.gossip", "不认识的类别 gossip"),
        (lambda s: s["plans"]["rumor"].update(特重=s["plans"]["rumor"]["重度"]), "plans.rumor.特重", "没有这个程度"),
        (lambda s: s["plans"]["rumor"]["重度"]["steps"].append("宣传科 回应"), "plans.rumor.重度.steps.第6项", "谁 | 几小时内 | 做什么"),
        (lambda s: s["plans"]["rumor"]["重度"].update(steps=["宣传科 | 1 | 回应"]), "plans.rumor.重度.steps", "至少 3 项"),
        (lambda s: s["plans"]["rumor"]["重度"]["steps"].__setitem__(0, " | 1 | 回应"), "plans.rumor.重度.steps.第1项.who", "不能留空"),
        (lambda s: s["plans"]["rumor"]["重度"]["steps"].__setitem__(0, "甲 | 0 | 回应"), "steps.第1项.within_h", "要大于 0"),
        (lambda s: s["plans"]["rumor"]["重度"].pop("avoid"), "plans.rumor.重度.avoid", "缺少这一项"),
        (lambda s: s["categories"].pop("price"), "categories.price", "收费与政策争议"),
        (lambda s: s["categories"]["price"].update(weight=0), "categories.price.weight", "要大于 0"),
        (lambda s: LEVELS(s)[1].update(number=1), "scheme.levels", "number 相同: 1"),
        (lambda s: LEVELS(s)[1].update(severity="轻度"), "scheme.levels", "severity 相同: 轻度"),
        (lambda s: LEVELS(s)[1].pop("owner_role"), "scheme.levels.第2项.owner_role", "缺少这一项"),
        (lambda s: LEVELS(s)[1].update(owner_role=" "), "scheme.levels.第2项.owner_role", "不能留空"),
        (lambda s: LEVELS(s)[1].update(number=6), "scheme.levels.第2项.number", "不能大于 5"),
        (lambda s: LEVELS(s)[0]["criteria"].append({"escalates_p_24h": 63}), "criteria.第5项.escalates_p_24h", "不能大于 1"),
        (lambda s: LEVELS(s)[0]["criteria"].append({"posts_24h": 0}), "criteria.第5项.posts_24h", "不能小于 1"),
        (lambda s: LEVELS(s)[0]["criteria"].append({"group": "没有", "posts_24h": 1}), "criteria.第5项", "没有名为 没有 的分组"),
        (lambda s: LEVELS(s)[0]["criteria"].append({"group": "高敏感"}), "criteria.第5项", "至少要有一个数值门槛"),
        (lambda s: LEVELS(s)[0]["criteria"].append({"posts_12h": 2}), "criteria.第5项.posts_12h", "不认识的项"),
        (lambda s: LEVELS(s)[0].update(criteria=[]), "scheme.levels.第1项.criteria", "至少 1 项"),
        (lambda s: s["scheme"].update(direction="up"), "scheme.direction", "larger_is_worse"),
        (lambda s: s["scheme"].update(direction="smaller_is_worse"), "scheme.direction", "反而更低"),
        (lambda s: s["groups"]["高敏感"].update(categories=["fire"]), "groups.高敏感.categories.第1项", "不认识的类别 fire"),
        (lambda s: s["limits"].update(warnings_per_day=0), "limits.warnings_per_day", "不能小于 1"),
        (lambda s: s["limits"].update(warnings_per_day="五"), "limits.warnings_per_day", "整数"),
        (lambda s: s["limits"].update(coverage_ok_share=1.5), "limits.coverage_ok_share", "不能大于 1"),
        (lambda s: s.pop("limits"), "limits", "缺少这一项"),
        (lambda s: s.update(extra=1), "extra", "不认识的项"),
    ],
)  # fmt: skip
def test_a_hole_is_refused_by_name(tmp_path: Path, change: Callable[[dict[str, Any]], Any], place: str, why: str) -> None:
    said = refusal(written(tmp_path, change))
    assert place in said
    assert why in said


@pytest.mark.parametrize(
    ("words", "why"),
    [("", "应有 scheme"), ("- 一", "应有 scheme"), ("scheme: [", "不是能读的 YAML"), ("plans:\n  a: 1\n  a: 2\n", "a 写了两次")],
)
def test_a_broken_file_is_one_line(tmp_path: Path, words: str, why: str) -> None:
    path = tmp_path / "playbook.yml"
    path.write_text(words, encoding="utf-8")
    assert why in refusal(path)


def test_a_missing_file_says_where_to_copy_one_from(tmp_path: Path) -> None:
    assert "conf/playbook.yml" in refusal(tmp_path / "nothing.yml")


def test_a_file_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "playbook.yml"
    path.write_bytes("级别: 一级".encode("gbk"))
    assert "不是能读的 YAML" in refusal(path)
