"""Adding a card to sources.yml as a person would: at the end of the list, every comment left where it is, the file whole or untouched."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import yaml

from crawlers.card import Card, load_cards
from crawlers.hosts import host_of
from warehouse.settings import ConfigProblem

_EMPTY_LIST = re.compile(r"^sources:[ \t]*(?:\[[ \t]*\]|null|~)(?=[ \t]*(?:#.*)?\r?$)", re.M)
_LIST = re.compile(r"^sources:[ \t]*(?:#.*)?\r?$", re.M)
_ENTRY = re.compile(r"^([ \t]*)- ", re.M)


def add_card(conf: Path, entry: dict[str, Any]) -> Card:
    """The card as load_cards reads it from the new file. ConfigProblem leaves the file as it was: a duplicate, a wrong card, a file whose
    list is not the last thing in it."""
    path = conf / "sources.yml"
    text = _read(path)
    before = load_cards(conf, may_be_none=True)
    for card in before:
        if card.id == entry.get("id"):
            raise ConfigProblem(f"{path}: there is a source {card.id} already ({card.title}); choose another --id")
        if card.kind == entry.get("kind") and (same := sorted(set(card.urls) & set(entry.get("urls", ())))):
            raise ConfigProblem(f"{path}: {card.id} asks {same[0]} already; change that card, or add another address")
    added = _appended(text, entry)
    after = _loaded(conf, path, added)
    if after[:-1] != before or len(after) != len(before) + 1:
        raise ConfigProblem(f"{path}: `sources:` is not the last thing in the file, or not a list of `- id:` lines; add the card by hand")
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8", newline="") as out:
        out.write(added)
        out.flush()
        os.fsync(out.fileno())
    temporary.chmod(path.stat().st_mode)
    temporary.replace(path)
    return after[-1]


def new_id(url: str, taken: set[str]) -> str:
    """An id from an address's host, e.g. www_lanhu_example, with a number behind it where that is taken."""
    host = host_of(url) or url.rsplit("/", 1)[-1]
    stem = re.sub(r"[^a-z0-9]+", "_", host.lower()).strip("_").removeprefix("www_")
    stem = stem if stem[:1].isalpha() else f"source_{stem}".rstrip("_")
    return next(name for n in range(1, len(taken) + 2) if (name := stem if n == 1 else f"{stem}_{n}") not in taken)


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:  # line ends as they are
            return file.read()
    except FileNotFoundError as problem:
        raise ConfigProblem(f"{path}: missing; copy conf/hospital/sources.yml and put your own in it") from problem
    except UnicodeDecodeError as problem:
        raise ConfigProblem(f"{path}: is not UTF-8; save it as UTF-8") from problem


def _appended(text: str, entry: dict[str, Any]) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    text = _EMPTY_LIST.sub("sources:", text)
    there = _LIST.search(text)
    first = _ENTRY.search(text, there.end()) if there else None
    indent = first[1] if first else "  "
    lines = yaml.safe_dump([entry], allow_unicode=True, sort_keys=False, default_flow_style=None, width=120).splitlines()
    block = end.join(indent + line for line in lines)
    return f"{text.rstrip()}{end}{end}{block}{end}"


def _loaded(conf: Path, path: Path, text: str) -> list[Card]:
    """The cards the file would hold."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / path.name).write_text(text, encoding="utf-8", newline="")
        try:
            return load_cards(Path(folder))
        except ConfigProblem as problem:
            raise ConfigProblem(" ".join(str(problem).replace(folder, str(conf)).split())) from problem
