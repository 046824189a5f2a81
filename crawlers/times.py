"""Every way the sites write a time (design/SOURCES.md §3) -> a UTC instant and how exact it is. Shanghai time unless an offset is given.

General parsers fail here: dateparser 1.5 reads `10-06 20:43` as June 2010, feedparser 6.0 returns None for `周日, 27 9月 2026`.
The base is the time of the answer, not of the parsing: `3分钟前` in a page read again tomorrow still means today.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

from warehouse.clock import SHANGHAI

SKEW = timedelta(hours=1)  # a site's clock may run ahead of ours by this much before "no year" is taken for last year


class Moment(NamedTuple):
    """`at` is UTC, or None if the words were not understood; a day without time is its Shanghai midnight."""

    at: datetime | None
    precision: str  # a word of warehouse.vocabulary.PRECISIONS


UNKNOWN = Moment(None, "unknown")

LONGEST = 80  # characters of what can be a time
EARLIEST, LATEST = 631_152_000, 4_102_444_800  # 1990 and 2100: ten digits outside are an id

_CLOCK = (
    r"(?P<half>上午|凌晨|早上|清晨|中午|下午|傍晚|晚上|[AP]M)?\s*(?P<H>\d{1,2})"
    r"(?::(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,]\d+)?)?|[时点](?:(?P<M2>\d{1,2})分?(?:(?P<S2>\d{1,2})秒)?|(?P<half_past>半))?)(?P<pm>\s*[AP]M)?"
)
_ZONE = r"\s*(?P<zone>Z|(?:GMT|UTC?)?[+-]\d{2}:?\d{2}|GMT|UTC?|CST)?(?:\s*\([^)]*\)?)?"
_WEEK = r"(?:[\s(]*(?:星期|周)[一二三四五六日天][\s)]*)?"
_ABOUT = "发布|发表|更新|编辑|创建|答复|回复|上传|提交|刊发|修改"
_LABEL = re.compile(rf"^(?:(?:{_ABOUT})?(?:时间|日期|于|在)?\s*[::]?\s*)")
_LABEL_AFTER = re.compile(rf"\s*(?:{_ABOUT})了?$")
_DOT_NET = re.compile(r"\\?/Date\((\d+)(?:[+-]\d{4})?\)\\?/")
_DATE = re.compile(
    rf"(?:(?P<y>\d{{4}}|\d\d(?=-\d\d-))\s*[-/.年])?\s*(?P<m>\d{{1,2}})\s*(?P<sep>[-/.月])\s*(?P<d>\d{{1,2}})\s*[日号]?"
    rf"{_WEEK}(?:[T\s,-]{{0,3}}{_CLOCK}{_ZONE})?"
)
_COMPACT = re.compile(r"(?P<y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})(?:(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})?)?")
_AGO = re.compile(r"(?P<n>\d+|半)\s*个?(?P<unit>秒钟?|分钟?|小时|天|周|星期)(?:之|以)?前")
_AGO_ENGLISH = re.compile(r"(?P<n>\d+|an?) (?P<unit>sec|min|hour|day|week)(?:ond|ute)?s? ago", re.IGNORECASE)
_DAY_WORD = re.compile(rf"(?P<word>今天|今日|昨天|昨日|前天|大前天)\s*(?:{_CLOCK})?")
_WEEKDAY = re.compile(rf"(?:周|星期)(?P<day>[一二三四五六日天])\s*(?:{_CLOCK})?")
_CLOCK_ALONE = re.compile(_CLOCK)
_CTIME = re.compile(
    rf"[A-Z][a-z]{{2}} (?P<mon>[A-Z][a-z]{{2}}) +(?P<d>\d{{1,2}}) {_CLOCK}(?P<zone1>\s+(?:[A-Z]{{3}}|[+-]\d{{4}}))? (?P<y>\d{{4}})"
)
_MAIL = re.compile(
    rf"(?:[^\d\s,]+,?\s+)?(?P<d>\d{{1,2}})[\s-]+(?P<mon>[A-Za-z]{{3,9}}|\d{{1,2}}月|[一二三四五六七八九十]{{1,2}}月)[\s-]+(?P<y>\d{{4}})"
    rf"(?:\s+{_CLOCK}{_ZONE})?"
)
_SCRIPT = re.compile(rf"[A-Z][a-z]{{2}} (?P<mon>[A-Z][a-z]{{2}}) +(?P<d>\d{{1,2}}) (?P<y>\d{{4}}) {_CLOCK}{_ZONE}")  # JavaScript's Date
_AMERICAN = re.compile(rf"(?P<mon>[A-Z][a-z]{{2,8}})\.? (?P<d>\d{{1,2}}),? (?P<y>\d{{4}})(?:,?(?: at)? {_CLOCK}{_ZONE})?")
_MONTHS = {name.lower(): n for n, name in enumerate(calendar.month_abbr[1:], 1)}
_HAN_MONTHS = {name: n for n, name in enumerate(["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二"], 1)}
_AGO_STEPS = {
    "秒": ("seconds", "second"), "分": ("minutes", "minute"), "小": ("hours", "hour"),
    "天": ("days", "day"), "周": ("weeks", "day"), "星": ("weeks", "day"),
    "sec": ("seconds", "second"), "min": ("minutes", "minute"), "hour": ("hours", "hour"), "day": ("days", "day"), "week": ("weeks", "day"),
}  # fmt: skip


def read_time(said: str | int | float | None, base: datetime) -> Moment:
    """The time a site `said`, seen from `base` (aware; when the answer arrived). Words it does not know give UNKNOWN, never a guess."""
    if said is None or isinstance(said, bool):
        return UNKNOWN
    text = str(said)
    if len(text) > LONGEST:
        return UNKNOWN
    text = unicodedata.normalize("NFKC", text).strip().strip("[]()<>【】").strip()
    text = _LABEL_AFTER.sub("", _LABEL.sub("", text))
    here = base.astimezone(SHANGHAI)
    try:
        for form in (_number, _relative, _calendar, _written_out):
            moment = form(text, here)
            if moment is not None:
                return moment
    except (ValueError, OverflowError):  # 13月, 25:00, an epoch of the year 60000
        return UNKNOWN
    return UNKNOWN


def _number(text: str, here: datetime) -> Moment | None:
    if whole := _COMPACT.fullmatch(text):
        return _moment(whole, here)
    text = _DOT_NET.sub(r"\1", text)
    if not re.fullmatch(r"(?:\d{10}|\d{13}|\d{16})(?:\.\d+)?", text):
        return None
    whole_part = text.split(".")[0]
    seconds = int(whole_part) // {10: 1, 13: 1_000, 16: 1_000_000}[len(whole_part)]
    return Moment(datetime.fromtimestamp(seconds, UTC), "second") if EARLIEST <= seconds < LATEST else UNKNOWN


def _relative(text: str, here: datetime) -> Moment | None:
    if text.lower() in ("刚刚", "刚才", "现在", "几秒前", "1分钟内", "片刻之前", "just now"):
        return Moment(here.astimezone(UTC), "minute")
    if ago := _AGO.fullmatch(text) or _AGO_ENGLISH.fullmatch(text):
        unit, precision = _AGO_STEPS[ago["unit"].lower() if ago["unit"].isascii() else ago["unit"][0]]
        at = here - timedelta(**{unit: {"半": 0.5, "a": 1, "an": 1}.get(ago["n"].lower()) or int(ago["n"])})
        return _midnight(at) if precision == "day" else Moment(at.astimezone(UTC), precision)
    if word := _DAY_WORD.fullmatch(text):
        back = {"今": 0, "昨": 1, "前": 2, "大": 3}[word["word"][0]]
        return _not_ahead(_on_day(here - timedelta(days=back), word), UNKNOWN, here)  # 今天 23:00 read in the morning: another clock
    if week := _WEEKDAY.fullmatch(text):
        wanted = "一二三四五六日".index(week["day"].replace("天", "日"))
        day = here - timedelta(days=(here.weekday() - wanted) % 7)
        return _not_ahead(_on_day(day, week), _on_day(day - timedelta(days=7), week), here)
    if alone := _CLOCK_ALONE.fullmatch(text):
        return _not_ahead(_on_day(here, alone), _on_day(here - timedelta(days=1), alone), here)
    return None


def _not_ahead(moment: Moment, earlier: Moment, here: datetime) -> Moment:
    return moment if moment.at and moment.at <= here + SKEW else earlier


def _calendar(text: str, here: datetime) -> Moment | None:
    found = _DATE.fullmatch(text)
    if not found or (not found["y"] and found["sep"] == "."):  # 10.06 may as well be a number
        return None
    if found["y"]:
        return _moment(found, here)
    for year in range(here.year + 1, here.year - 9, -1):  # 02-29 may lie eight years back
        try:
            moment = _moment(found, here, year)
        except ValueError:
            continue
        if moment.at and moment.at <= here + SKEW:
            return moment
    return None


def _written_out(text: str, here: datetime) -> Moment | None:
    found = next(filter(None, (form.fullmatch(text) for form in (_CTIME, _MAIL, _SCRIPT, _AMERICAN))), None)
    return _moment(found, here) if found else None


def _moment(found: re.Match[str], here: datetime, year: int | None = None) -> Moment:
    part = found.groupdict()
    year = year or int(part["y"])
    day = datetime(year + 2000 if year < 100 else year, _month(part), int(part["d"]), tzinfo=here.tzinfo)
    return _on_day(day, found)


def _month(part: dict[str, str | None]) -> int:
    if part.get("m"):
        return int(part["m"] or 0)
    name = (part["mon"] or "").lower().removesuffix("月")
    if name.isdigit():
        return int(name)
    month = _HAN_MONTHS.get(name) or _MONTHS.get(name[:3])
    if month is None:
        raise ValueError(name)
    return month


def _on_day(day: datetime, found: re.Match[str]) -> Moment:
    part = {name: value for name, value in found.groupdict().items() if value is not None}
    if "H" not in part:
        return _midnight(day)
    minute = 30 if "half_past" in part else int(part.get("M") or part.get("M2") or 0)
    second = part.get("S") or part.get("S2")
    zone = _zone(part.get("zone") or part.get("zone1"), day.tzinfo)
    hour = _hour(int(part["H"]), part.get("half") or part.get("pm", "").strip())
    at = datetime(day.year, day.month, day.day, hour, minute, int(second or 0), tzinfo=zone)
    exact = "second" if second else "minute" if part.keys() & {"M", "M2", "half_past"} else "hour"
    return Moment(at.astimezone(UTC), exact)


def _hour(hour: int, half: str) -> int:
    if half == "晚上" and hour == 12:
        raise ValueError("midnight, but of which day")
    if (half in ("下午", "傍晚", "晚上", "PM") and hour < 12) or (half == "中午" and hour < 11):
        return hour + 12
    return 0 if half in ("凌晨", "AM") and hour == 12 else hour


def _midnight(day: datetime) -> Moment:
    return Moment(datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).astimezone(UTC), "day")


def _zone(name: str | None, local: tzinfo | None) -> tzinfo | None:
    name = (name or "").strip()
    if not name or name == "CST":  # on Chinese sites CST is China Standard Time
        return local
    if offset := re.search(r"([+-])(\d\d):?(\d\d)$", name):
        return timezone((1 if offset[1] == "+" else -1) * timedelta(hours=int(offset[2]), minutes=int(offset[3])))
    if name in ("Z", "GMT", "UT", "UTC"):
        return UTC
    raise ValueError(f"unknown zone {name}")
