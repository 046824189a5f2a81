"""The label loop: what is put before people, the files they fill in, what comes back, and what training is given. 岚湖市 does not exist."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from flows import cli_train
from flows import labels as loop
from flows.cli import app
from flows.label_readers import Answer, Aside, read
from flows.label_writers import FORMS, label_studio_config, write
from models.acquisition import SHARES, queue
from models.agreement import agreement, cohen_kappa
from models.classifier.datasets import COLUMNS, key
from models.classifier.vocabulary import SPECIAL, Vocabulary
from models.labels import SEEN, VERDICT_TRUST, VOTES, from_verdicts, labels_for_training, settle, training_rows
from warehouse.schema import TABLES, empty, polars_schema
from warehouse.settings import PROJECT, ConfigProblem, Settings
from warehouse.store import Warehouse
from warehouse.vocabulary import CATEGORIES, QUEUE_REASONS, RELEVANCE, SENTIMENTS

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOSTILE = '=HYPERLINK("http://x","岚湖一院退费") <script>alert(1)</script>\n第二行，带"引号"😡'


def post(n: int, text: str, **more: Any) -> dict[str, Any]:
    at = T0 + timedelta(minutes=n)
    row = dict.fromkeys(TABLES["posts"].columns[:-2])
    row |= {"post_id": f"{n:016x}", "source": "constructed", "platform": "weibo", "kind": "post", "text": text, "published_at": at}
    return row | {"published_precision": "minute", "first_seen_at": at, "fetch_id": "f", **more}


def score(
    n: int, relevant: float = 0.9, sentiment: tuple[float, ...] = (0.9, 0.05, 0.05), category: str = "service", p: float = 0.9, **more: Any
) -> dict[str, Any]:
    negative, neutral, positive = sentiment
    return {
        "post_id": f"{n:016x}", "model_version": "toy-1", "relevant_p": relevant, "negative_p": negative, "neutral_p": neutral,
        "positive_p": positive, "category": category, "category_p": p, "first_seen_at": T0 + timedelta(minutes=n), **more,
    }  # fmt: skip


def frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = {name: dtype for name, dtype in polars_schema(table).items() if name not in ("run_id", "day_on")}
    return pl.DataFrame(rows, schema=schema)


def vote(
    text: str, who: str, relevant: bool = True, sentiment: str | None = None, category: str | None = None, at: int = 0, trust: float = 1.0
) -> dict[str, Any]:
    return {
        "text_key": key(text), "annotator": who, "labelled_at": T0 + timedelta(hours=at), "text": text, "kind": "post",
        "is_relevant": relevant, "sentiment": sentiment, "category": category, "trust_p": trust,
    }  # fmt: skip


def votes(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={name: polars_schema("labels")[name] for name in VOTES})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An installation with six scored posts."""
    settings = Settings(conf=PROJECT / "conf" / "drill", root=tmp_path / "root")
    texts = [
        "岚湖一院收费窗口态度恶劣",
        HOSTILE,
        "岚湖中医院护士耐心细致，感谢",
        "路过岚湖妇儿门口买早点",
        "岚湖一院退费拖了两个月",
        "岚湖妇儿停电困人了",
    ]
    warehouse = Warehouse(settings.warehouse, "constructed")
    warehouse.add("posts", frame("posts", [post(n, text) for n, text in enumerate(texts)]))
    warehouse.add("scores", frame("scores", [score(n, relevant=0.4 + n / 10) for n in range(len(texts))]))
    return settings


def exported(settings: Settings, tmp_path: Path, form: str) -> Path:
    out = tmp_path / {"csv": "q.csv", "xlsx": "q.xlsx", "label-studio": "q.json", "doccano": "q.jsonl"}[form]
    chosen, files = loop.export(settings, out, 200, form, 7)
    assert files[0] == out
    assert all(file.exists() for file in files)
    assert chosen.height == 6
    return out


# ---- the queue


def pool(rows: list[tuple[str, dict[str, Any]]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    posts = [post(n, text) for n, (text, _) in enumerate(rows)]
    return frame("posts", posts), frame("scores", [score(n, **how) for n, (_, how) in enumerate(rows)])


def ask(rows: list[tuple[str, dict[str, Any]]], n: int, people: pl.DataFrame | None = None, known: str | None = None) -> pl.DataFrame:
    posts, scores = pool(rows)
    said = settle(people if people is not None else empty("labels").select(VOTES)).frame
    letters = known if known is not None else "".join(text for text, _ in rows)
    return queue(posts, scores, said, Vocabulary(SPECIAL + sorted(set(letters))), "toy-1", n)


def told_apart(n: int, rng: np.random.Generator) -> list[str]:
    """Texts that share next to no character pair."""
    return ["".join(chr(0x4E00 + int(c)) for c in rng.integers(0, 8000, 30)) for _ in range(n)]


def test_the_least_sure_come_first_and_the_surest_not_at_all() -> None:
    texts = told_apart(100, np.random.default_rng(1))
    rows = [(text, {"relevant": 0.5 + 0.5 * n / 100, "p": 0.5 + 0.5 * n / 100}) for n, text in enumerate(texts)]
    chosen = ask(rows, 20)
    uncertain = set(chosen.filter(queue_reason="uncertain")["text"])
    assert len(uncertain) >= 20 * SHARES["uncertain"]
    assert uncertain <= set(texts[:40])
    assert chosen.filter(queue_reason="uncertain")["heads"].list.len().min() == 1


def test_the_random_share_does_not_ask_the_model() -> None:
    texts = told_apart(100, np.random.default_rng(2))
    first, second = (ask([(text, {"relevant": p}) for text in texts], 20).filter(queue_reason="random") for p in (0.5, 0.99))
    assert first.height == 20 * SHARES["random"]
    assert set(first["text_key"]) == set(second["text_key"])


def test_a_text_read_otherwise_than_its_like_is_asked_about() -> None:
    endings = told_apart(9, np.random.default_rng(7))
    alike = [(f"收费窗口的工作人员态度恶劣得很{ending[:12]}", {"p": 0.99}) for ending in endings]
    odd = (alike.pop()[0], {"relevant": 0.02, "p": 0.99})
    others = [(text, {"p": 0.99, "sentiment": (0.99, 0.01, 0.0)}) for text in told_apart(291, np.random.default_rng(3))]
    chosen = ask([*others, *alike, odd], 30).filter(queue_reason="disagreeing")
    assert odd[0] in set(chosen["text"])
    assert chosen.filter(text=odd[0])["heads"][0].to_list() == ["relevant"]
    agreed = ask([*others, *alike, (odd[0], {"p": 0.99})], 30).filter(queue_reason="disagreeing")
    assert odd[0] not in set(agreed["text"])


def test_near_copies_are_asked_about_once_and_labelled_texts_never() -> None:
    copies = [(f"岚湖一院收费窗口排队三个小时没有人管真是气死人了{mark}", {"relevant": 0.5}) for mark in ("", "！", "。。", "呀", "哈")]
    others = [(text, {}) for text in told_apart(60, np.random.default_rng(4))]
    chosen = ask([*copies, *others], 65)
    assert sum(text.startswith("岚湖一院收费窗口") for text in chosen["text"]) == 1
    labelled = ask([*copies[:1], *others], 65, votes(vote(copies[0][0], "a"), vote(others[0][0], "a")))
    assert labelled.height == 59
    assert not {copies[0][0], others[0][0]} & set(labelled["text"])


def test_words_the_model_has_not_met_are_asked_about() -> None:
    *met, strange = told_apart(100, np.random.default_rng(5))
    rows = [(text, {"relevant": 0.9}) for text in met] + [(strange, {"relevant": 0.999, "p": 0.999, "sentiment": (1.0, 0.0, 0.0)})]
    assert strange in set(ask(rows, 20, known="".join(met)).filter(queue_reason="new_words")["text"])


def test_the_same_tables_give_the_same_queue_and_nothing_gives_none() -> None:
    rows = [(text, {"relevant": 0.6}) for text in told_apart(30, np.random.default_rng(6))]
    assert ask(rows, 10).equals(ask(rows, 10))
    assert ask([], 10).is_empty()
    assert ask(rows[:1], 10, votes(vote(rows[0][0], "a"))).is_empty()


# ---- files out


def test_the_csv_opens_in_a_spreadsheet_and_runs_nothing(settings: Settings, tmp_path: Path) -> None:
    out = exported(settings, tmp_path, "csv")
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    with out.open(encoding="utf-8-sig", newline="") as stream:
        head, *rows = csv.reader(stream)
    assert head[4:6] == ["正文", "相关（是/否）"]
    assert head[7].startswith("类别（医疗质量与安全/")
    cells = [cell for row in rows for cell in row]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not any(cell.lstrip(" ").startswith(tuple("=+-@＝\t")) for cell in cells)
    assert all(row[0].startswith("P-") and row[5:] == ["", "", ""] and row[1] for row in rows)


def test_the_workbook_offers_the_words_and_holds_no_formula(settings: Settings, tmp_path: Path) -> None:
    sheet = load_workbook(exported(settings, tmp_path, "xlsx")).worksheets[0]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}  # n: an empty one
    offered = {rule.formula1 for rule in sheet.data_validations.dataValidation}
    assert offered == {f'"{",".join(words.values())}"' for words in (RELEVANCE, SENTIMENTS, CATEGORIES)}


def test_label_studio_gets_tasks_and_an_interface_that_fit_together(settings: Settings, tmp_path: Path) -> None:
    tasks = json.loads(exported(settings, tmp_path, "label-studio").read_text(encoding="utf-8"))
    root = ET.fromstring((tmp_path / "q.config.xml").read_text(encoding="utf-8"))
    assert root.tag == "View"
    shown = {one.get("value") for one in root.iter("Text")}
    assert all({name.removeprefix("$") for name in shown if name} <= set(task["data"]) for task in tasks)
    objects = {one.get("name") for one in root.iter("Text")}
    choices = {one.get("name"): [choice.get("value") for choice in one] for one in root.iter("Choices")}
    assert choices == {"relevant": list(RELEVANCE.values()), "sentiment": list(SENTIMENTS.values()), "category": list(CATEGORIES.values())}
    assert all(one.get("toName") in objects for one in root.iter("Choices"))
    assert "predictions" not in tasks[0], "what the model thinks would lead the reader's hand"


def test_doccano_gets_a_text_and_a_label_list_a_line(settings: Settings, tmp_path: Path) -> None:
    lines = exported(settings, tmp_path, "doccano").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 6
    assert all(json.loads(line)["label"] == [] and json.loads(line)["text"] for line in lines)
    types = json.loads((tmp_path / "q.labels.json").read_text(encoding="utf-8"))
    names = [one["text"] for one in types]
    assert len(names) == len(set(names)) == len(RELEVANCE) + len(SENTIMENTS) + len(CATEGORIES)
    assert {"情感:正面", "类别:正面"} <= set(names)
    assert len({one["suffix_key"] for one in types}) == len(types)


# ---- files back


def fill_csv(out: Path, answers: dict[int, tuple[str, str, str]], encoding: str = "utf-8-sig") -> Path:
    with out.open(encoding="utf-8-sig", newline="") as stream:
        head, *rows = csv.reader(stream)
    for row in rows:
        row[5:] = answers.get(int(row[0].removeprefix("P-"), 16), ("", "", ""))
    filled = out.with_name("filled.csv")
    with filled.open("w", encoding=encoding, errors="replace", newline="") as stream:
        csv.writer(stream).writerows([head, *rows])
    return filled


ANSWERS = {0: ("是", "负面", "服务投诉"), 1: ("是", "负面", "收费与政策争议"), 2: ("是", "正面", "正面"), 3: ("否", "", "其他")}


def stored(settings: Settings) -> dict[int, tuple[Any, ...]]:
    rows = Warehouse(settings.warehouse).read("labels").sort("labelled_at")
    return {int(row["post_id"], 16): (row["is_relevant"], row["sentiment"], row["category"]) for row in rows.iter_rows(named=True)}


KEPT = {0: (True, "negative", "service"), 1: (True, "negative", "price"), 2: (True, "positive", "praise"), 3: (False, None, "other")}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "gbk"])  # gbk: WPS loses the emoji
def test_a_filled_csv_comes_back_whole(settings: Settings, tmp_path: Path, encoding: str) -> None:
    done = loop.import_(settings, fill_csv(exported(settings, tmp_path, "csv"), ANSWERS, encoding), "pr-1")
    assert (done.read_n, done.new_n, done.unanswered_n, done.aside) == (6, 4, 2, [])
    assert stored(settings) == KEPT
    rows = Warehouse(settings.warehouse).read("labels")
    assert HOSTILE in set(rows["text"]), "the warehouse's own text, not what the spreadsheet made of it"
    assert set(rows["queue_reason"]) <= set(QUEUE_REASONS)
    assert rows["queue_reason"].null_count() == 0


def test_a_filled_workbook_comes_back_whole(settings: Settings, tmp_path: Path) -> None:
    out = exported(settings, tmp_path, "xlsx")
    book = load_workbook(out)
    sheet = book.worksheets[0]
    for row in sheet.iter_rows(min_row=2):
        for cell, word in zip(row[5:], ANSWERS.get(int(str(row[0].value).removeprefix("P-"), 16), ("", "", "")), strict=True):
            cell.value = word or None
    book.save(out)
    done = loop.import_(settings, out, "pr-1")
    assert (done.new_n, done.unanswered_n, done.aside) == (4, 2, [])
    assert stored(settings) == KEPT


def fill_tasks(out: Path, people: dict[int, dict[int, tuple[str, str, str]]], **more: Any) -> Path:
    """What Label Studio's JSON export looks like (labelstud.io/guide/task_format)."""
    tasks = json.loads(out.read_text(encoding="utf-8"))
    for n, task in enumerate(tasks, 1):
        post_n = int(task["data"]["post_id"], 16)
        task |= {"id": n, "predictions": [], "annotations": []}
        for person, answers in people.items():
            words = zip(("relevant", "sentiment", "category"), answers.get(post_n, ("", "", "")), strict=True)
            result = [
                {"id": "x", "from_name": head, "to_name": "text", "type": "choices", "origin": "manual", "value": {"choices": [word]}}
                for head, word in words if word
            ]  # fmt: skip
            task["annotations"].append(
                {"id": n, "completed_by": person, "was_cancelled": False, "updated_at": "2026-03-02", "result": result, **more}
            )
    out.write_text(json.dumps(tasks), encoding="utf-8")
    return out


def test_label_studios_export_comes_back_by_person(settings: Settings, tmp_path: Path) -> None:
    other = {**ANSWERS, 0: ("否", "中性", "其他")}
    done = loop.import_(settings, fill_tasks(exported(settings, tmp_path, "label-studio"), {3: ANSWERS, 7: other}), "ls")
    assert (done.read_n, done.new_n, done.unanswered_n, done.aside) == (12, 8, 4, [])
    rows = Warehouse(settings.warehouse).read("labels")
    assert set(rows["annotator"]) == {"ls-3", "ls-7"}
    assert {int(row["post_id"], 16): row["is_relevant"] for row in rows.filter(annotator="ls-7").iter_rows(named=True)}[0] is False


def test_a_skipped_task_and_an_address_are_not_taken(settings: Settings, tmp_path: Path) -> None:
    out = fill_tasks(exported(settings, tmp_path, "label-studio"), {3: ANSWERS}, was_cancelled=True)
    assert all(isinstance(one, Answer) and not one.words for one in read(out))
    tasks = json.loads(out.read_text(encoding="utf-8"))
    for task in tasks:
        task["annotations"][0] |= {"was_cancelled": False, "completed_by": {"id": 3, "email": "wang@lanhu.example"}}
    out.write_text(json.dumps(tasks), encoding="utf-8")
    loop.import_(settings, out, "ls")
    assert set(Warehouse(settings.warehouse).read("labels")["annotator"]) == {"ls-3"}


def test_of_two_answers_of_one_person_the_later_counts(settings: Settings, tmp_path: Path) -> None:
    out = fill_tasks(exported(settings, tmp_path, "label-studio"), {3: ANSWERS})
    tasks = json.loads(out.read_text(encoding="utf-8"))
    task = next(task for task in tasks if int(task["data"]["post_id"], 16) == 0)
    earlier = json.loads(json.dumps(task["annotations"][0]))
    earlier |= {"updated_at": "2026-03-01"}
    earlier["result"][1]["value"]["choices"] = ["中性"]
    task["annotations"].append(earlier)
    out.write_text(json.dumps(tasks), encoding="utf-8")
    loop.import_(settings, out, "ls")
    assert stored(settings) == KEPT


def test_doccanos_export_comes_back_whole(settings: Settings, tmp_path: Path) -> None:
    out = exported(settings, tmp_path, "doccano")
    lines = []
    for n, line in enumerate(out.read_text(encoding="utf-8").splitlines()):
        record = json.loads(line)
        words = zip(("相关", "情感", "类别"), ANSWERS.get(int(record["post_id"], 16), ("", "", "")), strict=True)
        record |= {"id": n, "label": sorted(f"{head}:{word}" for head, word in words if word), "Comments": []}
        lines.append(json.dumps(record, ensure_ascii=False))
    out.write_text("\n".join(lines), encoding="utf-8")
    done = loop.import_(settings, out, "pr-2")
    assert (done.new_n, done.unanswered_n, done.aside) == (4, 2, [])
    assert stored(settings) == KEPT


WRONG = {
    "unknown word": ("也许", "", "", "unknown word '也许'"), "unknown category": ("是", "负面", "收费", "unknown word '收费'"),
    "open relevance": ("", "负面", "", "相关 is empty"), "contradiction": ("否", "", "服务投诉", "one is wrong"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_no_answer_is_set_aside_with_its_row_and_reason(settings: Settings, tmp_path: Path, wrong: tuple[str, ...]) -> None:
    out = fill_csv(exported(settings, tmp_path, "csv"), {**ANSWERS, 0: wrong[:3]})  # type: ignore[dict-item]
    done = loop.import_(settings, out, "pr-1")
    assert (done.new_n, done.unanswered_n) == (3, 2)
    (aside,) = done.aside
    with out.open(encoding="utf-8-sig", newline="") as stream:
        place = next(n for n, row in enumerate(csv.reader(stream), 1) if row[0] == "P-" + "0" * 16)
    assert aside.place == f"row {place}"
    assert wrong[3] in aside.reason
    assert done.rejects
    assert wrong[3] in done.rejects.read_text(encoding="utf-8-sig")
    assert 0 not in stored(settings)


def test_a_sheet_sorted_by_one_column_is_not_believed(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "sorted.csv"
    rows = [["P-" + f"{0:016x}", "岚湖妇儿停电困人了", "是"], ["P-" + f"{5:016x}", "岚湖一院收费窗口态度恶劣", "是"]]
    with out.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["帖号", "正文", "相关"], *rows])
    done = loop.import_(settings, out, "pr-1")
    assert [one.place for one in done.aside] == ["row 2", "row 3"]
    assert all("sorted" in one.reason for one in done.aside)


def test_a_foreign_table_of_texts_is_taken_masked_and_each_once(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "ours.csv"
    rows = [
        ["联系我13800138000岚湖一院退费", 1],
        ["岚湖一院退费拖了两个月", "1"],
        ["同一句话说了两次", 1],
        ["同一句话说了两次", 0],
        ["同一句话说了两次", 1],
    ]
    with out.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["text", "relevant"], *rows])
    done = loop.import_(settings, out, "eng")
    assert (done.read_n, done.new_n, done.unchanged_n, len(done.aside)) == (5, 3, 1, 1)
    found = Warehouse(settings.warehouse).read("labels")
    assert not any("13800138000" in text for text in found["text"])
    assert found.drop_nulls("post_id")["post_id"].to_list() == [f"{4:016x}"], "a text we hold is known as ours"


def test_the_same_file_twice_changes_nothing_and_a_correction_is_kept_beside(settings: Settings, tmp_path: Path) -> None:
    out = exported(settings, tmp_path, "csv")
    first = fill_csv(out, ANSWERS).rename(tmp_path / "first.csv")
    loop.import_(settings, first, "pr-1")
    before = Warehouse(settings.warehouse).fingerprint("labels")
    again = loop.import_(settings, first, "pr-1")
    assert (again.new_n, again.changed_n, again.unchanged_n) == (0, 0, 4)
    assert Warehouse(settings.warehouse).fingerprint("labels") == before
    moment = datetime.now(UTC)
    corrected = loop.import_(settings, fill_csv(out, {**ANSWERS, 0: ("是", "中性", "服务投诉")}), "pr-1")
    assert (corrected.new_n, corrected.changed_n, corrected.unchanged_n) == (0, 1, 3)
    late = loop.import_(settings, first, "pr-1")
    assert (late.new_n, late.changed_n) == (0, 0), "an old file again does not undo the correction"
    warehouse = Warehouse(settings.warehouse)
    assert labels_for_training(warehouse, datetime.now(UTC)).filter(text="岚湖一院收费窗口态度恶劣")["sentiment"].to_list() == ["neutral"]
    assert labels_for_training(warehouse, moment).filter(text="岚湖一院收费窗口态度恶劣")["sentiment"].to_list() == ["negative"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "no text column"),
        ("正文,标签\n好,1\n".encode(), "no column 相关"),
        (b"[{]", "line 1"),
        (b'[{"data": {"text": "x"}}]', "no column 相关"),
        (b'{"text": "x", "label": ["a"]\n', "no column 相关"),
    ],
)
def test_a_file_that_is_none_of_the_forms_is_refused_in_one_line(settings: Settings, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "odd.csv").write_bytes(content)
    with pytest.raises(ConfigProblem, match=said):
        loop.import_(settings, tmp_path / "odd.csv", "pr-1")
    assert not Warehouse(settings.warehouse).exists("labels")


def test_hostile_json_is_set_aside_not_a_crash(tmp_path: Path) -> None:
    odd = [
        1,
        {"annotations": [3, {"result": [5, {"from_name": "relevant", "value": 7}]}]},
        {"data": 4, "annotations": []},
        {"label": [{}], "text": "x"},
    ]
    (tmp_path / "odd.json").write_text(json.dumps(odd), encoding="utf-8")
    found = list(read(tmp_path / "odd.json"))
    assert [type(one) for one in found] == [Aside, Answer, Answer, Aside]
    assert not any(one.words for one in found if isinstance(one, Answer))


@pytest.mark.parametrize("name", ["王芳 医生", "wang@lanhu.example", "", "desk", "x" * 40])
def test_a_name_is_no_pseudonym(settings: Settings, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigProblem, match="pseudonym"):
        loop.import_(settings, tmp_path / "any.csv", name)


# ---- agreement


def test_kappa_is_cohens() -> None:
    yes_no = ["y"] * 45 + ["y"] * 15 + ["n"] * 25 + ["n"] * 15, ["y"] * 45 + ["n"] * 15 + ["y"] * 25 + ["n"] * 15
    assert cohen_kappa(*yes_no) == pytest.approx(0.1304, abs=1e-4)  # Cohen's kappa, textbook case 45/15/25/15
    assert cohen_kappa(["a", "b"], ["a", "b"]) == 1
    assert cohen_kappa(["a", "a"], ["a", "a"]) is None
    assert cohen_kappa([], []) is None


def test_agreement_counts_common_texts_and_judges_heads_where_both_call_it_relevant() -> None:
    rows = [vote(f"第{n}条", who, n < 3 or who == "a", "negative" if n else None) for n in range(4) for who in ("a", "b")]
    table = agreement(votes(*rows, vote("只有一人看过", "a")))
    assert dict(table.select("head", "n").iter_rows()) == {"is_relevant": 4, "sentiment": 2}
    assert table.filter(head="is_relevant")["same"].item() == 0.75


def test_the_model_is_compared_on_the_random_share_alone(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "ours.csv"
    rows = [[f"P-{n:016x}", "是", "随机抽查" if n < 3 else "模型拿不准：情感"] for n in range(5)]
    with out.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["帖号", "相关", "入选原因", "正文"], *([*row, ""] for row in rows)])
    assert loop.import_(settings, out, "pr-1").new_n == 5
    table = loop.agreements(settings)
    assert table.select("head", "first", "second", "n").rows() == [("is_relevant", "model", "pr-1", 3)]
    assert table["same"].item() == pytest.approx(2 / 3), "relevant_p is 0.4, 0.5, 0.6 in the first three"


# ---- what training is given


def test_the_majority_decides_and_a_tie_goes_to_the_latest() -> None:
    said = settle(votes(
        vote("多数", "a", True, "negative", "service"), vote("多数", "b", True, "negative", "price", at=1),
        vote("多数", "c", True, "neutral", "service", at=2),
        vote("平手", "a", True, "negative", at=5), vote("平手", "b", False, None, "other", at=1),
        vote("弱", "a", True, "negative", trust=0.4), vote("弱", "b", False, None, "other", at=1, trust=0.3),
    ))  # fmt: skip
    rows = {row["text"]: row for row in said.frame.iter_rows(named=True)}
    assert (rows["多数"]["is_relevant"], rows["多数"]["sentiment"], rows["多数"]["category"]) == (True, "negative", "service")
    assert (rows["平手"]["is_relevant"], rows["平手"]["sentiment"], rows["平手"]["category"]) == (True, "negative", None)
    assert rows["弱"]["is_relevant"] is True
    assert said.disputed == {"relevant": 2, "sentiment": 1, "category": 1}


def test_training_rows_have_the_datasets_columns_and_are_never_test() -> None:
    texts = [f"第{n}条构造的帖子" for n in range(400)]
    rows = training_rows(
        settle(votes(*(vote(text, "a", n % 2 == 0, None, None if n % 2 == 0 else "other") for n, text in enumerate(texts))))
    )
    assert rows.columns == COLUMNS
    assert rows.schema["relevant"] == pl.Int8
    assert set(rows["split"]) == {"train", "validation"}
    assert 0.1 < (rows["split"] == "validation").mean() < 0.2
    assert rows.filter(relevant=0)["category"].unique().to_list() == ["other"]
    desk = training_rows(settle(votes(*(vote(text, "desk", False, None, "other", trust=VERDICT_TRUST) for text in texts))))
    assert set(desk["split"]) == {"train"}, "what only follows from a verdict judges nothing"
    assert set(desk["source"]) == {"desk"}


def verdict_tables(*verdicts: tuple[str, int]) -> tuple[pl.DataFrame, ...]:
    posts = [post(n, f"岚湖一院的第{n}件事情", kind="comment" if n == 1 else "post") for n in range(SEEN + 5)]
    as_of = T0 + timedelta(days=1)
    warning = dict.fromkeys(TABLES["warnings"].columns[:-2]) | {"warning_id": "w", "event_id": "e", "hospital_id": "h", "as_of": as_of}
    warning |= {"level": 1, "rank": 1, "is_drill": True}
    members = [{"event_id": "e", "post_id": one["post_id"], "as_of": as_of} for one in posts[:-1]]
    members.append({"event_id": "e", "post_id": posts[-1]["post_id"], "as_of": as_of + timedelta(days=30)})
    said = [
        {"verdict_id": f"v{n}", "warning_id": "w", "verdict": verdict, "person_role": "pr", "said_at": as_of + timedelta(hours=hours)}
        for n, (verdict, hours) in enumerate(verdicts)
    ]  # fmt: skip
    return frame("verdicts", said), frame("warnings", [warning]), frame("event_posts", members), frame("posts", posts)


def test_a_false_alarm_says_of_the_posts_seen_that_they_do_not_concern_us_and_no_more() -> None:
    rows = from_verdicts(*verdict_tables(("false_alarm", 1)))
    assert rows.height == SEEN
    assert f"{1:016x}" not in set(rows["post_id"]), "a comment below a post is not what the warning was about"
    assert f"{SEEN + 4:016x}" not in set(rows["post_id"]), "nor a post that came later"
    assert set(rows["is_relevant"]) == {False}
    assert set(rows["category"]) == {"other"}
    assert rows["sentiment"].null_count() == rows.height
    assert set(rows["trust_p"]) == {VERDICT_TRUST}
    assert set(rows["origin"]) == {"v0"}
    assert tuple(rows.columns) == TABLES["labels"].columns[:-2]


def test_the_last_verdict_counts_and_a_claim_says_nothing() -> None:
    assert from_verdicts(*verdict_tables(("claimed", 1))).is_empty()
    rows = from_verdicts(*verdict_tables(("false_alarm", 1), ("resolved", 2), ("claimed", 3)))
    assert set(rows["is_relevant"]) == {True}
    assert rows["category"].null_count() == rows.height, "which crisis it was is not what was decided"


def test_a_person_outweighs_the_desk(settings: Settings) -> None:
    warehouse = Warehouse(settings.warehouse, "constructed")
    verdicts, warnings, event_posts, posts = verdict_tables(("false_alarm", 1))
    text = posts["text"][0]
    said = {**vote(text, "pr-1", True, "negative", "service"), "origin": "file", "post_id": None, "queue_reason": None}
    warehouse.add("posts", posts.with_columns(post_id=pl.format("d{}", "post_id")))
    warehouse.add("event_posts", event_posts.with_columns(post_id=pl.format("d{}", "post_id")))
    fill = {"title": "t", "category": "service", "severity": "x", "owner_role": "x", "plan_version": "x"}
    rest = {"reasons": ["x"], "due_at": T0}
    warnings = warnings.with_columns(*(pl.lit(value).alias(name) for name, value in fill.items()))
    warehouse.add(
        "warnings",
        warnings.with_columns(
            pl.lit(pl.Series([rest["reasons"]])).alias("reasons"), pl.lit(T0, polars_schema("warnings")["due_at"]).alias("due_at")
        ),
    )
    warehouse.add("verdicts", verdicts)
    warehouse.add("labels", frame("labels", [said]))
    rows = labels_for_training(warehouse, T0 + timedelta(days=40))
    assert rows.filter(text=text).select("source", "relevant", "sentiment", "category").rows() == [("labels", 1, "negative", "service")]
    assert rows.filter(source="desk").height == SEEN - 1
    assert labels_for_training(warehouse, T0 - timedelta(days=1)).is_empty()


# ---- the command line


def test_the_three_verbs(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUANCHAO_ROOT", str(settings.root))
    said = CliRunner().invoke(app, ["label", "export", "--out", str(tmp_path / "q.csv"), "--n", "5"])
    assert said.exit_code == 0, said.output
    assert "q.csv" in said.output
    filled = fill_csv(tmp_path / "q.csv", {**ANSWERS, 4: ("也许", "", "")})
    for who in ("pr-1", "pr-2"):
        said = CliRunner().invoke(app, ["label", "import", str(filled), "--annotator", who])
        assert said.exit_code == 0, said.output
    assert "unknown word" in said.output
    said = CliRunner().invoke(app, ["label", "agreement"])
    assert "too few" in said.output
    assert isinstance(CliRunner().invoke(app, ["label", "export", "--out", "q", "--format", "pdf"]).exception, ConfigProblem)


def test_training_is_handed_the_labels_of_the_installation(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loop.import_(settings, fill_csv(exported(settings, tmp_path, "csv"), ANSWERS), "pr-1")
    monkeypatch.setenv("GUANCHAO_ROOT", str(settings.root))
    rows = cli_train._labels(settings.conf)
    assert rows.columns == COLUMNS
    assert rows.height == 4
    said = capsys.readouterr().err
    assert "4 texts" in said
    assert "演练" in said, "nobody promotes what a drill's constructed texts taught without being told"


def test_every_form_is_written_and_the_interface_is_xml(tmp_path: Path) -> None:
    assert set(FORMS) == {"csv", "xlsx", "label-studio", "doccano"}
    ET.fromstring(label_studio_config())
    rows = ask([("岚湖一院收费窗口态度恶劣", {})], 5)
    for form in FORMS:
        assert all(file.stat().st_size for file in write(rows, tmp_path / form / "q.out", form))
