"""Personal data in text fields -> first character and stars (138… -> 1**********, the form the classifier was pretrained on).

Never used on ids and urls. An eleven-digit number is no phone when a word before it says it is a case, order or image number
(黑猫 sn 17390396995, Tencent image 13005284815).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_WIDE = {0xFF01 + n: 0x21 + n for n in range(94)}  # full-width forms, one to one: offsets stay
_URL = re.compile(r"(?:https?://|www\.)[\w\-./?=&%#:~+,;@!]+", re.ASCII)
_IS_AN_ID = re.compile(
    r"(?:编号|单号|订单|工单|流水|序号|图片?|sn|id|no\.?|number|帖子|链接|批号|[=/_#])[号码是为]?\s*[:是为]?\s*$", re.IGNORECASE
)
_OF_A_CARD = re.compile(r"(?:卡号|银行卡|储蓄卡|信用卡|账号|账户|帐号|帐户|转账|转帐|打款|汇款|收款)[^\d]{0,15}$")
_OF_OLD_CARD = re.compile(r"身份证[^\d]{0,10}$")

_MOBILE = re.compile(r"(?<![\d.])(?:\+?86[-\s]?)?1[3-9]\d(?:\d{8}|[-\s]\d{4}[-\s]\d{4}|[-\s]\d{8})(?![\d.]\d|\d)")
_LANDLINE = re.compile(r"(?<![\d-])0\d{2,3}[-\s]\d{7,8}(?!\d)")
_ID_CARD = re.compile(r"(?<![0-9A-Za-z])[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![0-9A-Za-z])")
_OLD_ID_CARD = re.compile(r"(?<!\d)[1-9]\d{5}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?!\d)")
_BANK_CARD = re.compile(r"(?<!\d)\d{4}(?:\s?\d{4}){3}(?:\s?\d{1,3})?(?!\d)")
_MAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?![A-Za-z])", re.ASCII)
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·•\s-]?(?=[A-HJ-NP-Z0-9]*\d)[A-HJ-NP-Z0-9]{4}(?:[A-HJ-NP-Z0-9]{1,2}|[挂学警港澳])(?![A-Za-z0-9])"
)
_ACCOUNT = re.compile(
    r"(?:微信号?|vx|wx|加v|qq|扣扣|企鹅)(?:号|群)?[:是为\s]{0,3}(?P<id>[A-Za-z][\w-]{5,19}|[1-9]\d{4,10})(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
_PATIENT_NO = re.compile(r"(?:住院|病历|病案|门诊|就诊|就诊卡|登记|床位)号码?[:是为\s]{0,3}(?P<id>[A-Za-z]{0,3}\d{4,})")

_CHECK_DIGITS = "10X98765432"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def redact(text: str) -> str:
    """The text with phones, id cards (checksum), bank cards (Luhn and context), plates, e-mail, chat and patient numbers starred out."""
    seen = text.translate(_WIDE)
    in_urls = [match.span() for match in _URL.finditer(seen)]
    letters = list(text)
    for start, end in _personal(seen):
        if not any(low <= start < high for low, high in in_urls):
            letters[start + 1 : end] = ["*" if c.isalnum() else c for c in letters[start + 1 : end]]
    return "".join(letters)


def _personal(seen: str) -> Iterator[tuple[int, int]]:
    rules: list[tuple[re.Pattern[str], Callable[[str, str], bool]]] = [
        (_ID_CARD, lambda found, before: is_id_card(found)),
        (_OLD_ID_CARD, lambda found, before: bool(_OF_OLD_CARD.search(before))),
        (_BANK_CARD, lambda found, before: is_luhn(found) and bool(_OF_A_CARD.search(before))),
        (_MOBILE, lambda found, before: found[0] == "+" or not _IS_AN_ID.search(before)),
        (_LANDLINE, lambda found, before: not _IS_AN_ID.search(before)),
        (_MAIL, lambda found, before: True),
        (_PLATE, lambda found, before: True),
    ]
    for pattern, is_personal in rules:
        for match in pattern.finditer(seen):
            if is_personal(match[0], seen[max(0, match.start() - 24) : match.start()]):
                yield match.span()
    for pattern in (_ACCOUNT, _PATIENT_NO):
        for match in pattern.finditer(seen):
            yield match.span("id")


def is_id_card(number: str) -> bool:
    """GB 11643-1999: the 18th character is the ISO 7064 MOD 11-2 check of the first 17."""
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    return _CHECK_DIGITS[total % 11] == number[17].upper()


def is_luhn(number: str) -> bool:
    """ISO/IEC 7812 check of a card number; spaces are skipped."""
    digits = [int(c) for c in reversed(number) if c.isdigit()]
    doubled = [d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(digits)]
    return sum(doubled) % 10 == 0
