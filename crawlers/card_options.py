"""What a card's `options` may hold, by kind of source: every name, and what its value must look like, checked when cards are loaded.

A name nobody knows is refused: `csss` would be no css at all, and a source that reads the wrong links for months.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from warehouse.settings import ConfigProblem

Form = Callable[[Any], str]  # a value -> what is wrong with it, as the end of a sentence; "" if nothing


def _of(kind: type) -> Form:
    return lambda value: "" if isinstance(value, kind) else f" should be a {kind.__name__}"


def _number(low: float, high: float) -> Form:
    def wrong(value: Any) -> str:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if is_number and low <= value <= high else f" should be a number from {low:g} to {high:g}"

    return wrong


def _words(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() else " should be text; put it in quotes"


def _css(value: Any) -> str:
    from lxml.cssselect import CSSSelector, SelectorError  # most cards have none
    from lxml.etree import XPathError

    if wrong := _words(value):
        return wrong
    try:
        CSSSelector(value, translator="html")
    except (SelectorError, XPathError) as problem:
        return f" is no CSS selector: {problem}; write one like 'ul.list a'"
    return ""


def _pattern(value: Any) -> str:
    if wrong := _words(value):
        return wrong
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as problem:
        return f" is no regular expression: {problem}; a ( [ * + ? . that means itself is written \\( \\[ …, and '^info/\\d+' is one"
    return ""


def _named(*names: str) -> Form:
    """A mapping of these names to text."""

    def wrong(value: Any) -> str:
        if not isinstance(value, dict):
            return " should be a dict"
        if strange := [name for name in value if name not in names]:
            return f": unknown name {strange[0]}{hint(strange[0], names)}; known: {', '.join(names)}"
        return next((f": {name}: {said!r} should be text" for name, said in value.items() if not isinstance(said, str)), "")

    return wrong


def _parser(value: Any) -> str:
    from crawlers.parsers import PARSERS

    return "" if isinstance(value, str) and value in PARSERS else f"; one of: {', '.join(PARSERS)}"


def _shape(value: Any) -> str:
    from crawlers.parsers.boards import SHAPES

    return "" if isinstance(value, str) and value in SHAPES else f"; one of: {', '.join(SHAPES)}"


def _again(value: Any) -> str:
    """Where counts are read again: crawlers/again.py."""
    if not isinstance(value, dict) or not isinstance(value.get("url"), str):
        return " should be a dict with `url:`, where counts are read again"
    most = _number(1, 1_000)(value.get("most", 1))
    named = _named("url", "reads")({name: said for name, said in value.items() if name != "most"})
    return named or (f": most:{most}" if most else "") or (_parser(value["reads"]) if "reads" in value else "")


def _hosts(value: Any) -> str:
    """card_law looks at them: they say who may be asked."""
    return ""


FOR_ALL: dict[str, Form] = {
    "hosts": _hosts, "most_requests": _number(1, 100_000), "timeout_s": _number(1, 600), "again": _again,
}  # fmt: skip
_PAGES = _number(1, 1_000)
OF_KIND: dict[str, dict[str, Form]] = {
    "feed": {},
    "article": {"css": _css, "match": _pattern, "pages": _PAGES, "most": _number(1, 100_000), "json": _named("list", "url", "time")},
    "newsnow": {"boards": _of(dict)},
    "hotboard": {"shape": _shape},
    "liuyan": {"fid": _of(list), "pages": _PAGES},
    "gov_mailbox": {
        "list": _words, "form": _of(dict), "pages": _PAGES, "length": _number(1, 1_000), "names": _of(dict), "detail": _of(dict),
        "rows": _css, "question": _css, "answer": _css, "office": _css, "details": _words,
    },
    "searxng": {"queries": _of(list), "engines": _of(list), "categories": _words, "language": _words, "time_range": _words},
    "bridge": {"reads": _parser},
    "warc": {"domains": _of(list)},
}  # fmt: skip
_NEEDED = {"newsnow": "boards", "liuyan": "fid", "hotboard": "shape", "bridge": "reads"}
TEXT = frozenset(name for forms in OF_KIND.values() for name, form in forms.items() if form in (_words, _css, _pattern))


def check_options(kind: str, options: dict[Any, Any], fields: Iterable[str], where: str) -> None:
    """ConfigProblem names the option and the fix. `fields`: the names of the card itself, which do not belong here."""
    see = f"see crawlers/spiders/{kind}.py"
    if (needed := _NEEDED.get(kind)) and not options.get(needed):
        raise ConfigProblem(f"{where}: options: {kind} needs `{needed}:` in its options; {see}")
    known = {**OF_KIND[kind], **FOR_ALL}
    for name, value in options.items():
        if name in known:
            if wrong := known[name](value):
                raise ConfigProblem(f"{where}: options: {name}: {value!r}{wrong}; {see}")
        elif name in fields:
            raise ConfigProblem(f"{where}: options: {name} is a field of the card itself; write it beside `options:`, not in it")
        else:
            others = ", ".join(other for other, forms in OF_KIND.items() if name in forms)
            meant = f", which is one of kind {others}" if others else hint(name, known)
            raise ConfigProblem(f"{where}: options: unknown option {name}{meant}; known for {kind}: {', '.join(known)}")


def hint(name: Any, known: Iterable[str]) -> str:
    """The known name that was meant, most likely."""
    close = get_close_matches(str(name).lower(), list(known), 1)
    return f", did you mean {close[0]}?" if close else ""
