"""What the parsers of pages share: the inner markup of a node (for clean.plain), its text, its attributes that hold JSON."""

from __future__ import annotations

import html
import json
from typing import Any

import lxml.etree
import lxml.html

from crawlers.clean import html_tree
from crawlers.reasons import NoReading


def page_of(text: str) -> lxml.html.HtmlElement:
    """The tree of a page, or of a fragment. NoReading(format_changed) if libxml2 finds no element in it."""
    try:
        return html_tree(text)
    except (lxml.etree.LxmlError, ValueError, AssertionError) as problem:
        raise NoReading("format_changed", f"no page: {type(problem).__name__}: {str(problem)[:120]}") from None


def inner(node: lxml.html.HtmlElement) -> str:
    """The markup inside a node, without its own tag: emoji are in alt attributes, line breaks in tags."""
    parts = [html.escape(node.text or "", quote=False)]
    parts += [lxml.etree.tostring(child, encoding="unicode", method="html") for child in node]
    return "".join(parts)


def text_of(node: lxml.html.HtmlElement) -> str:
    return str(node.text_content()).replace("\xa0", " ")


def first_text(node: lxml.html.HtmlElement, path: str) -> str | None:
    """The text of the first node at `path`, stripped; None if there is none or it is empty."""
    found = node.xpath(path)
    return (text_of(found[0]).strip() or None) if found else None


def json_of(said: str | None) -> Any:
    """JSON in an attribute, whichever way it was escaped: entities once or twice, or with single quotes. ValueError if it is none."""
    text = said or ""
    for _ in range(2):
        try:
            return json.loads(text, strict=False)
        except ValueError:
            text = html.unescape(text)
    return json.loads(text.replace("'", '"'), strict=False)


def has_class(name: str) -> str:
    """The XPath condition that an element has this class among others."""
    return f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')"
