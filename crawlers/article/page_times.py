"""When an article was published: what the page shows beside its title, then what it declares to machines.

Both lie: sina's meta time is that of the last edit, a government page's meta time adds the minute to the day it shows, comments and other
articles carry times of their own. So the shown time rules, the declared one lends it the minute, the second or the year if they agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from crawlers.article.page_parts import Line, Page
from crawlers.times import SKEW, UNKNOWN, Moment, read_time
from warehouse.clock import SHANGHAI, shanghai

BESIDE = 12  # lines after the title, and
BYLINE = 4  # of them, where a bare 时间 is not yet that of an event
ABOVE = 2  # lines before it, in which a page shows its time
LONGEST_BYLINE = 120  # characters of a line that shows a time beside names and buttons
LONGEST_DAY_LINE = 40

_TIME = r"\d{1,2}[:：]\d{2}(?:[:：]\d{2})?"
_YEAR_DAY = r"(?<![\d.])(?:19|20)\d{2}\s*[-/.年\s]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}(?:\s*日)?"
_DAY = rf"(?:{_YEAR_DAY}|(?<![\d.-])\d\d-\d\d-\d\d(?=\D|\d\d?:|$)|(?<![\d./-])\d{{1,2}}\s*[-/月]\s*\d{{1,2}}(?:\s*日)?(?![-/]))"
_WEEK = r"(?:[\s(|]*(?:星期|周)[一二三四五六日天][)]?)?"
_WITH_TIME = re.compile(rf"({_YEAR_DAY}){_WEEK}[\s|,，]*((?:上午|下午|晚上|凌晨|中午)?\s*{_TIME})(?!\d)")
_GOES_ON = r"(?!\s*(?:[，,、。至到~—–-]|许|左右|前后|起|开始))"  # a sentence, or from when to when
_LABEL = r"(?<!最后)(?<!最近)(?:发布|发表|刊发|播发|创建|发稿|上传|成文|更新)(?:时间|日期|于)?"
_LABELLED = re.compile(rf"{_LABEL}\s*[:：|]?\s*({_DAY}{_WEEK}(?:\s*{_TIME})?){_GOES_ON}")
_TIME_OF = re.compile(rf"(?<![^\W\d_])(?:时间|日期)\s*[:：|]?\s*({_DAY}{_WEEK}(?:\s*{_TIME})?){_GOES_ON}")
_OF_AN_EVENT = re.compile(r"(?<!发布|发表|刊发|播发|创建|发稿|上传|成文|更新)(?<=[^\W\d_])(?:时间|日期)\s*[:：]?\s*$")
_BEGINS = re.compile(rf"([^\d]{{0,12}})({_YEAR_DAY}){_GOES_ON}(?!\s*{_TIME})")
_AGO = re.compile(r"(?:今天|昨天|前天)(?:\s*\d{1,2}:\d{2})?|\d{1,3}\s*(?:秒钟?|分钟|个?小时|天)前|刚刚|半小时前")
_HAS_YEAR = re.compile(r"(?:19|20)\d\d|\d\d-\d\d-\d\d")
_LAST_CHANGE = re.compile(r"(?:最后|最近)?(?:更新|修改|编辑)(?:时间|日期)?\s*[:：]?\s*$")

_PUBLISHED = re.compile(r"publi|pub_?-?(?:date|time)|releas|creat|issue|post-?_?(?:date|time)|^(?:og:|dc\.|dcterms\.)?(?:time|date)$|ptime")
_CHANGED = re.compile(r"updat|modif|maketime|lastmod")
_NOT_TIME = re.compile(r"expir|effect|valid|modif|updat|type|id$|er$")
_WECHAT = re.compile(r"""\bvar\s+ct\s*=\s*["'](\d{10})["']""")
_IN_SCRIPT = re.compile(
    r"""["']?\b(?:pub(?:lish)?_?(?:date|time|at|ed_?(?:at|time))|ptime|release_?(?:date|time)|datePublished)["']?\s*[:=]\s*["']?"""
    r"""(\d{10}(?:\d{3})?(?=["',;\s}])|20\d{2}[-/.]\d{1,2}[-/.]\d{1,2}[T\s]?(?:\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?)""",
    re.IGNORECASE,
)
MOST_OF_SCRIPT = 1_000_000  # characters; a page's state may be larger, its time stands near the start


def published(page: Page, title_line: int | None, base: datetime) -> Moment:
    """The moment of publication at the precision the page gives; UNKNOWN if it gives none. `base` is when the page arrived."""
    declared = [moment for moment in _declared(page, base) if _is_past(moment, base)]
    changed = [read_time(value, base) for name, value in page.metas.items() if _CHANGED.search(name)]
    known = [*declared, *(moment for moment in changed if _is_past(moment, base))]
    near = _near(page.lines, title_line)
    for said in (_shown_to_the_minute(near), _labelled(near, _LABELLED)):
        if shown := _first(said, base, known):
            return shown
    if declared:
        return _refined(declared[0], declared)
    for said in (
        _labelled(near[:BYLINE], _TIME_OF),
        _whole_days(near),
        _labelled([line.text for line in page.lines], _LABELLED),
        _ago(near),
    ):
        if shown := _first(said, base, known):
            return shown
    return UNKNOWN


def _near(lines: list[Line], title_line: int | None) -> list[str]:
    if title_line is None:
        return []
    around = [*lines[title_line + 1 : title_line + 1 + BESIDE], *lines[max(0, title_line - ABOVE) : title_line]]
    return [line.text for line in around]


def _shown_to_the_minute(near: list[str]) -> Iterator[str]:
    """Also over the line's end: 腾讯 sets year, day and hour in blocks of their own."""
    joined = " ".join(text for text in near if len(text) <= LONGEST_BYLINE)
    for found in _WITH_TIME.finditer(joined):
        before = joined[max(0, found.start() - 12) : found.start()]
        goes_on = not re.match(_GOES_ON, joined[found.end() : found.end() + 8])
        if not (goes_on or _LAST_CHANGE.search(before) or _OF_AN_EVENT.search(before)):
            yield f"{found[1]} {found[2]}"


def _labelled(lines: list[str], label: re.Pattern[str]) -> Iterator[str]:
    found = [match[1] for text in lines if len(text) <= LONGEST_BYLINE for match in label.finditer(text)]
    yield from sorted(found, key=lambda said: not re.search(_TIME, said))


def _whole_days(near: list[str]) -> Iterator[str]:
    found = (_BEGINS.match(text) for text in near if len(text) <= LONGEST_DAY_LINE)
    yield from (match[2] for match in found if match and not re.search("时间|日期|更新|修改", match[1]))


def _ago(near: list[str]) -> Iterator[str]:
    yield from (found[0] for text in near if len(text) <= LONGEST_DAY_LINE and (found := _AGO.search(text)))


def _first(said: Iterator[str], base: datetime, known: list[Moment]) -> Moment | None:
    for words in said:
        moment = read_time(re.sub(r"(?<=\d{4})\s+(?=\d)", "-", words), base)
        if _is_past(moment, base):
            return _refined(moment if _HAS_YEAR.match(words) else _with_year(moment, known), known)
    return None


def _with_year(moment: Moment, known: list[Moment]) -> Moment:
    """Words without a year take that of a declared moment that says the same."""
    form = "%m-%d" if moment.precision == "day" else "%m-%d %H:%M"
    same = (other for other in known if other.at and moment.at and shanghai(other.at, form) == shanghai(moment.at, form))
    return next(same, moment)


def _is_past(moment: Moment, base: datetime) -> bool:
    return moment.at is not None and moment.at <= base + SKEW


def _refined(shown: Moment, known: list[Moment]) -> Moment:
    """The known moment that says the same more exactly: the minute of a day, the second of a minute."""
    finer = {"day": ("second", "minute"), "minute": ("second",)}.get(shown.precision, ())
    return next((moment for moment in known if moment.precision in finer and _agree(shown, moment)), shown)


def _agree(shown: Moment, known: Moment) -> bool:
    if shown.at is None or known.at is None:
        return False
    if shown.precision == "day":
        return shown.at <= known.at < shown.at + timedelta(days=1)
    return shown.at.replace(second=0) == known.at.replace(second=0)


def _declared(page: Page, base: datetime) -> Iterator[Moment]:
    """What the page tells machines: metas, JSON-LD, WeChat's `ct`, <time>, data-attributes, its own state."""
    said: list[str] = [value for name, value in page.metas.items() if _PUBLISHED.search(name) and not _NOT_TIME.search(name)]
    said += [str(entry["datePublished"]) for entry in page.linked_data if entry.get("datePublished")]
    for script in page.scripts:
        said += _WECHAT.findall(script)
    said += [str(node.get("datetime")) for node in page.tree.iter("time") if node.get("datetime")]
    said += [str(value) for value in page.tree.xpath("//@data-ptime | //@data-pubtime | //@data-publish-time | //@data-time")]
    yield from (_whole(read_time(each, base)) for each in said)
    yield from _in_scripts(page.scripts, base)


def _in_scripts(scripts: list[str], base: datetime) -> Iterator[Moment]:
    """A page's state also holds the articles beside it: their times count only for the day on which all agree."""
    found = {_whole(read_time(each, base)) for script in scripts for each in _IN_SCRIPT.findall(script[:MOST_OF_SCRIPT])}
    moments = [moment for moment in found if moment.at is not None]
    days = {moment.at.astimezone(SHANGHAI).date() for moment in moments if moment.at}
    if len(moments) == 1:
        yield moments[0]
    elif len(days) == 1:
        yield read_time(str(days.pop()), base)


def _whole(moment: Moment) -> Moment:
    """Midnight and the last second of a day stand for a day without time."""
    if moment.at is None or moment.precision == "day":
        return moment
    here = moment.at.astimezone(SHANGHAI)
    if (here.hour, here.minute, here.second) in ((0, 0, 0), (23, 59, 59)):
        return read_time(f"{here:%Y-%m-%d}", here + timedelta(days=1))
    return moment
