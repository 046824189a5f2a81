"""What all parsers of recorded answers share: bytes -> JSON, a field by its path, entries one by one.

An answer of another shape than foreseen is told by NoReading(format_changed) with what was missing; one bad entry does not lose the others.
"""

from __future__ import annotations

import csv
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import lxml.etree

from crawlers.clean import decode, html_tree
from crawlers.items import Reading, Said
from crawlers.reasons import NoReading, judge

_log = logging.getLogger(__name__)

UNUSABLE = (
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    csv.Error,
    lxml.etree.LxmlError,
)  # what reading a foreign entry can raise
_JSONP = re.compile(
    r"^(?:/\*.*?\*/)?\s*(?:try\s*\{\s*)?(?:window\.)?[\w.$]+\s*\(\s*(?P<json>[\[{].*[\]}])\s*\)\s*;?\s*(?:\}\s*catch\b.*)?$", re.DOTALL
)
_MESSAGES = (  # in this order: 请登录后再试 is a login wall, though it asks to try again
    ("login_wall", re.compile(r"登录|登陆|log ?in|sign ?in|cookie", re.IGNORECASE)),
    ("captcha", re.compile(r"验证码|安全验证|人机|滑块|captcha|verif", re.IGNORECASE)),
    (
        "empty_confirmed",
        re.compile(r"还没有|没有内容|没有找到|未找到|暂无|快来|抢沙发|不存在|已被?删除|已删|不可见|查看权限|not found", re.IGNORECASE),
    ),
    (
        "blocked",
        re.compile(
            r"频繁|太快|限制|风控|拦截|拒绝|异常|签名|歇歇|稍后|繁忙|forbidden|denied|too many|rate limit|blocked|signature", re.IGNORECASE
        ),
    ),
)
_DECLARATION = re.compile(r"^\s*<\?xml[^<>]*\?>")
_SURROGATES = re.compile(r"[\ud800-\udfff\x00]")


def changed(missing: str) -> NoReading:
    """To raise: the answer is not of the foreseen shape."""
    return NoReading("format_changed", missing)


def unread(text: str, missing: str, gone: re.Pattern[str] | None = None) -> NoReading:
    """To raise when a page holds nothing we look for: it says that there is nothing (`gone`), it is a wall, or its shape has changed."""
    if gone and (told := gone.search(_seen(text))):
        return NoReading("empty_confirmed", f"the page says {told[0]}")
    verdict = judge(200, _DECLARATION.sub("", text, count=1))  # with a declaration it would pass for a feed
    return NoReading(verdict.reason, verdict.detail or missing) if verdict else changed(missing)


def _seen(text: str) -> str:
    """What a reader sees of a page: a script holds every message the site can give."""
    try:
        parts = html_tree(text).xpath("//text()[not(parent::script or parent::style or parent::noscript)]")
    except (lxml.etree.LxmlError, ValueError, AssertionError):
        return ""
    return " ".join(" ".join(parts).split())


def load(body: bytes) -> Any:
    """The JSON of an answer, JSONP wrapping taken off. NoReading names a wall's page, or what else the answer is."""
    return load_text(decode(body))


def load_text(text: str) -> Any:
    text = text.lstrip("\ufeff \r\n\t")
    if text.startswith("<") or not text:
        raise unread(text, "a page, not JSON")
    if text.strip() in ("blocked", "Forbidden"):  # 抖音 to a visitor it does not trust
        raise NoReading("blocked", text.strip())
    if text[0] not in "[{" and (wrapped := _JSONP.match(text.rstrip())):
        text = wrapped["json"]
    try:
        return json.loads(text, strict=False)  # raw newlines in strings do occur
    except (ValueError, RecursionError) as problem:
        raise changed(f"no JSON: {type(problem).__name__}: {str(problem)[:120]}") from None


def embedded(text: str, mark: re.Pattern[str]) -> Any:
    """The JSON value that stands in a page right after the first `mark`; None if there is no mark. Linear, whatever the page holds."""
    found = mark.search(text)
    if not found:
        return None
    try:
        return json.JSONDecoder(strict=False).raw_decode(text, found.end())[0]
    except (ValueError, RecursionError) as problem:
        raise changed(f"no JSON after {found[0][:40]}: {type(problem).__name__}: {str(problem)[:120]}") from None


def load_rows(text: str) -> list[Any]:
    """The objects of a JSON document, or of JSON lines. NoReading(format_changed) if it is neither."""
    text = text.lstrip("\ufeff \r\n\t")
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and all(line.lstrip().startswith("{") and line.rstrip().endswith("}") for line in lines):
        return [load_text(line) for line in lines]
    return listed(load_text(text))


def find(said: Any, *paths: str) -> Any:
    """The first of dotted `paths` that leads to something else than null, else None. `0` in a path is a list's first entry."""
    for path in paths:
        found = said
        for step in path.split("."):
            found = _step(found, step)
        if found is not None:
            return found
    return None


def _step(said: Any, step: str) -> Any:
    if isinstance(said, dict):
        return said.get(step)
    if isinstance(said, list) and step.isdigit() and int(step) < len(said):
        return said[int(step)]
    return None


def listed(value: Any) -> list[Any]:
    """A list as it is, one object as a list of one, anything else as an empty list."""
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []


def need_list(said: Any, *paths: str) -> list[Any]:
    """The list at the first of `paths` that has one. NoReading(format_changed) if none has."""
    for path in paths:
        found = find(said, path)
        if isinstance(found, list):
            return found
    raise changed(f"no list at {' or '.join(paths)}")


def need(said: Any, *paths: str) -> Any:
    """`find`, but an entry without any of them is unusable (LookupError)."""
    found = find(said, *paths)
    if found is None:
        raise LookupError(f"no {' or '.join(paths)}")
    return found


def ident(value: Any) -> str:
    """An id as a string: ids of 16-19 digits do not survive as numbers elsewhere. ValueError for what is none: null, 0, objects."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"no id: {type(value).__name__}")
    text = words(value).strip()
    if not text or text == "0":
        raise ValueError("no id: empty")
    return text


def ident_or_none(value: Any) -> str | None:
    try:
        return ident(value)
    except ValueError:
        return None


def words(value: Any) -> str:
    """A text field as text; null, false and objects are no words. Halves of a surrogate pair are dropped: nothing can encode them."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return _SURROGATES.sub("", str(value))


def said(value: Any) -> Said:
    """A count or time as the site wrote it; what is neither text nor number is None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return _SURROGATES.sub("", value) if isinstance(value, str) else value


def once(readings: Iterable[Reading]) -> list[Reading]:
    """Hot comments are listed twice, an original once for each of its reposts: the first of each id stays."""
    seen: dict[object, Reading] = {}
    for read in readings:
        seen.setdefault(read.native_id or id(read), read)
    return list(seen.values())


def refused(message: str, default: str = "error") -> NoReading:
    """To raise: the answer gives a `message` in place of what was asked."""
    reason = next((reason for reason, pattern in _MESSAGES if pattern.search(message)), default)
    return NoReading(reason, message[:200] or "no message")


def flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def number(value: Any) -> int | None:
    """A whole number as such; a bool is none, though Python counts it one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def each(entries: Iterable[Any], read: Callable[[Any], Iterable[Reading] | Reading | None], what: str) -> list[Reading]:
    """All readings of `entries`; `read` gives None for one that is none of ours (a banner). NoReading(format_changed) if more than half
    are unusable, with the first reason; empty_confirmed if there were no entries at all."""
    found: list[Reading] = []
    problems: list[str] = []
    total = 0
    for total, entry in enumerate(entries, 1):  # noqa: B007
        try:
            found.extend(_readings(read(entry)))
        except UNUSABLE as problem:
            problems.append(f"{type(problem).__name__}: {problem}")
    if not total:
        raise NoReading("empty_confirmed", f"no {what}")
    if problems:
        _log.warning("%d of %d %s unusable and left out, first: %s", len(problems), total, what, problems[0][:200])
    if len(problems) * 2 > total:
        raise changed(f"{len(problems)} of {total} {what} unusable, first: {problems[0][:120]}")
    return found


def nested(entries: Any, read: Callable[[Any], Iterable[Reading] | Reading | None]) -> Iterator[Reading]:
    """Readings of what hangs under an entry: replies, a reposted original. An unusable one does not take the entry with it."""
    for entry in entries if isinstance(entries, list) else []:
        try:
            yield from _readings(read(entry))
        except UNUSABLE as problem:
            _log.warning("an entry under another is unusable and left out: %s: %s", type(problem).__name__, problem)


def _readings(read: Iterable[Reading] | Reading | None) -> Iterator[Reading]:
    if read is None:
        return
    if isinstance(read, Reading):
        yield read
    else:
        yield from list(read)
