"""The queue as files that people can fill in: a spreadsheet (CSV, XLSX), Label Studio, doccano. No file shows what the model thinks."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import polars as pl

from briefing.twins import FORMULA
from warehouse.clock import shanghai
from warehouse.vocabulary import CATEGORIES, CATEGORY_MEANINGS, LABEL_HEADS, LABEL_RULES, PLATFORMS, QUEUE_REASONS, RELEVANCE, SENTIMENTS

WORDS = {"relevant": RELEVANCE, "sentiment": SENTIMENTS, "category": CATEGORIES}  # head -> key: word people use
ID, TEXT, WHY = "帖号", "正文", "入选原因"
ID_MARK = "P-"  # Excel takes a bare 12e4567… for a number and rounds it
LONGEST_CELL = 32_000  # Excel's is 32,767
COLOURS = ("#209cee", "#ff3860", "#ffdd57", "#23d160", "#7957d5", "#b86bff", "#ff7f50", "#00b89c", "#363636")


def write(queue: pl.DataFrame, out: Path, form: str) -> list[Path]:
    """Write the queue (acquisition.queue) in one of FORMS; returns the files, the one with the texts first."""
    out.parent.mkdir(parents=True, exist_ok=True)
    return FORMS[form](queue, out)


def _records(queue: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for row in queue.iter_rows(named=True):
        heads = "、".join(LABEL_HEADS[head] for head in row["heads"])
        yield {
            "post_id": row["post_id"], "reason": row["queue_reason"],
            "why": QUEUE_REASONS[row["queue_reason"]] + (f"：{heads}" if heads else ""), "platform": PLATFORMS[row["platform"]],
            "published": shanghai(row["published_at"]) if row["published_at"] else "", "text": row["text"],
        }  # fmt: skip


def _lines(queue: pl.DataFrame) -> Iterator[list[str]]:
    """Heading, then a row a text: the heads to be filled in are empty."""
    yield [ID, WHY, "平台", "发布时间", TEXT, *(f"{LABEL_HEADS[head]}（{'/'.join(words.values())}）" for head, words in WORDS.items())]
    for one in _records(queue):
        yield [ID_MARK + one["post_id"], one["why"], one["platform"], one["published"], one["text"][:LONGEST_CELL], "", "", ""]


def _csv(queue: pl.DataFrame, out: Path) -> list[Path]:
    """With a byte order mark, or Excel and WPS take it for GBK; no cell of it can be a formula."""
    with out.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, lineterminator="\r\n").writerows([_harmless(cell) for cell in line] for line in _lines(queue))
    return [out]


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell


def _xlsx(queue: pl.DataFrame, out: Path) -> list[Path]:
    """With the allowed words as drop-down lists and the rules on a second sheet."""
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Alignment, Font
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title, sheet.freeze_panes = "标注", "A2"
    for n, line in enumerate(_lines(queue), 1):
        for m, said in enumerate(line, 1):
            cell = sheet.cell(n, m)
            cell.value = ILLEGAL_CHARACTERS_RE.sub("", said) or None
            if said:
                cell.data_type = "s"  # a text that starts with = stays a text
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for letter, width in zip("ABCDEFGH", (21, 18, 10, 17, 80, 12, 16, 22), strict=True):
        sheet.column_dimensions[letter].width = width
        sheet[f"{letter}1"].font = Font(bold=True)
    for letter, words in zip("FGH", WORDS.values(), strict=True):
        allowed = DataValidation("list", formula1=f'"{",".join(words.values())}"', allow_blank=True, showErrorMessage=True)
        sheet.add_data_validation(allowed)
        allowed.add(f"{letter}2:{letter}{queue.height + 1}")
    rules = book.create_sheet("规则")
    for rule in (*LABEL_RULES, *(f"{CATEGORIES[key]}：{meaning}" for key, meaning in CATEGORY_MEANINGS.items())):
        rules.append([rule])
    rules.column_dimensions["A"].width = 100
    book.save(out)
    return [out]


def _label_studio(queue: pl.DataFrame, out: Path) -> list[Path]:
    """Tasks to import, and the labelling interface to paste into Settings → Labeling Interface → Code."""
    out.write_text(json.dumps([{"data": one} for one in _records(queue)], ensure_ascii=False, indent=1), encoding="utf-8")
    config = out.with_suffix(".config.xml")
    config.write_text(label_studio_config(), encoding="utf-8")
    return [out, config]


def label_studio_config() -> str:
    lines = ["<View>", *(f'  <Header size="5" value={quoteattr(rule)}/>' for rule in LABEL_RULES)]
    lines += ['  <Text name="text" value="$text"/>', '  <Text name="why" value="$why"/>']
    for head, words in WORDS.items():
        ask = quoteattr(f"请选择{LABEL_HEADS[head]}；拿不准请跳过此条")
        lines.append(f'  <Header value="{LABEL_HEADS[head]}"/>')
        lines.append(f'  <Choices name="{head}" toName="text" choice="single" showInline="true" required="true" requiredMessage={ask}>')
        for key, word in words.items():
            hint = f" hint={quoteattr(CATEGORY_MEANINGS[key])}" if head == "category" else ""
            lines.append(f'    <Choice value="{word}"{hint}/>')
        lines.append("  </Choices>")
    return "\n".join([*lines, "</View>"]) + "\n"


def _doccano(queue: pl.DataFrame, out: Path) -> list[Path]:
    """One JSON a line for a Text Classification project that allows several labels, and its label types: 情感:正面 is not 类别:正面."""
    records = ({"text": one.pop("text"), "label": [], **one} for one in _records(queue))
    out.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), encoding="utf-8")
    names = [f"{LABEL_HEADS[head]}:{word}" for head, words in WORDS.items() for word in words.values()]
    types = [
        {"text": name, "prefix_key": None, "suffix_key": "1234567890qwer"[n], "background_color": COLOURS[n % len(COLOURS)],
         "text_color": "#ffffff"}
        for n, name in enumerate(names)
    ]  # fmt: skip
    labels = out.with_suffix(".labels.json")
    labels.write_text(json.dumps(types, ensure_ascii=False, indent=1), encoding="utf-8")
    return [out, labels]


FORMS = {"csv": _csv, "xlsx": _xlsx, "label-studio": _label_studio, "doccano": _doccano}
