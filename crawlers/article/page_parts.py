"""A decoded page, taken apart once: what its head declares, its scripts, and its lines as a reader sees them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lxml.etree
import lxml.html

from crawlers.clean import html_tree, plain

_UNSEEN = ("style", "noscript", "template", "iframe", "svg", "select", "textarea", "button", "script")
_INLINE = re.compile(
    r"a|abbr|b|bdi|big|cite|code|em|font|i|img|ins|label|mark|q|s|small|span|strike|strong|sub|sup|time|tt|u|var"
).fullmatch


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    links: float  # share of the text that is links, 0..1


@dataclass(frozen=True, slots=True)
class Page:
    """`tree` has no scripts any more; `metas` are by name, lower case, without spaces; the first of equal names counts."""

    tree: lxml.html.HtmlElement
    metas: dict[str, str]
    scripts: list[str]
    linked_data: list[dict[str, Any]]
    lines: list[Line]


def take_apart(text: str) -> Page:
    tree = html_tree(text)
    scripts = [(str(node.get("type") or ""), node.text or "") for node in tree.iter("script")]
    data = [entry for kind, said in scripts if kind.strip().lower() == "application/ld+json" for entry in _entries(said)]
    lxml.etree.strip_elements(tree, *_UNSEEN, lxml.etree.Comment, lxml.etree.ProcessingInstruction, with_tail=False)
    return Page(tree, _metas(tree), [said for _, said in scripts if said], data, lines_of(tree))


def _metas(tree: lxml.html.HtmlElement) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree.iter("meta"):
        name = re.sub(r"\s+", "", node.get("property") or node.get("name") or node.get("itemprop") or "").lower()
        content = (node.get("content") or "").strip()
        if name and content:
            found.setdefault(name, content)
    return found


def _entries(said: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-LD script: one, a list, or a @graph."""
    try:
        data = json.loads(said, strict=False)
    except (ValueError, RecursionError):
        return
    for entry in data if isinstance(data, list) else [data]:
        if isinstance(entry, dict):
            graph = entry.get("@graph")
            yield from (part for part in (graph if isinstance(graph, list) else [entry]) if isinstance(part, dict))


def lines_of(tree: lxml.html.HtmlElement) -> list[Line]:
    lines: list[Line] = []
    parts: list[str] = []
    linked, in_links = 0, 0

    def end_line() -> None:
        nonlocal linked
        text = " ".join("".join(parts).split())
        if text:
            lines.append(Line(text, min(1.0, linked / len(text))))
        parts.clear()
        linked = 0

    def add(text: str | None) -> None:
        nonlocal linked
        if text:
            parts.append(text)
            linked += len(text.strip()) if in_links else 0

    body = tree.find("body") if tree.find("body") is not None else tree
    for event, node in lxml.etree.iterwalk(body, events=("start", "end")):
        if not _INLINE(node.tag):
            end_line()
        if event == "start":
            in_links += node.tag == "a"
            add(node.text)
        else:
            in_links -= node.tag == "a"
            if node is not body:
                add(node.tail)
    end_line()
    return lines


def one_line(text: str) -> str:
    return plain(text).replace("\n", " ")
