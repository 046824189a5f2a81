"""Counts as the sites write them: 1.2万, 1亿, 100万+, 10w+, 1,382 热度, or the button's word where nothing was counted yet."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

MOST = 10**12  # no count of a site; an id that looks like one
LONGEST = 40  # characters of what can be a count
_UNITS = {
    "": 1, "百": 100, "千": 1_000, "k": 1_000, "万": 10_000, "w": 10_000, "十万": 10**5, "百万": 10**6, "m": 10**6, "千万": 10**7,
    "亿": 10**8, "億": 10**8,
}  # fmt: skip
_WORDS = "转发|评论|点赞|赞|喜欢|收藏|分享|阅读|回复|回答|关注|浏览|播放|推荐|热度|讨论|在看|粉丝|次|人|条|个|数|量"
_COUNT = re.compile(
    rf"(?:(?:{_WORDS}|约|超|近)+\s*[:(]?\s*)?(?P<n>\d[\d,]*(?:\.\d+)?)\s*(?P<unit>[十百千]?[万萬]|百|千|k|w|亿|億|m)?\s*(?:余|多)?\s*\+?\s*[)]?\s*(?:{_WORDS})*"
)
_ONLY_WORD = re.compile(rf"(?:{_WORDS})+")


def read_count(said: str | int | float | None) -> int | None:
    """A count, 0 where the site shows only the button's word (转发), None where it says nothing we can read."""
    if said is None or isinstance(said, bool):
        return None
    text = str(said)
    if len(text) > LONGEST:
        return None
    text = unicodedata.normalize("NFKC", text).strip().lower()
    if _ONLY_WORD.fullmatch(text):
        return 0
    found = _COUNT.fullmatch(text)
    if not found:
        return None
    count = int(Decimal(found["n"].replace(",", "")) * _UNITS[(found["unit"] or "").replace("萬", "万")])
    return count if count <= MOST else None
