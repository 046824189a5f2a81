"""Personal data in text fields -> first character and stars (138… -> 1**********, the form the classifier was pretrained on).

Never used on ids and urls. A number is judged by its form, its check digit and the words around it: eleven digits after 投诉编号 are a case
(黑猫 sn 17390396995), a landline after 服务热线 is published by a hospital for everybody; a mobile is a person's wherever it stands.
Measured on crawlers/bench/redaction_set.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_WIDE = {0xFF01 + n: 0x21 + n for n in range(94)} | {0x3000: 0x20}  # full-width forms, one to one: offsets stay
_AROUND = 24  # characters before and after a number that are looked at
_MAYBE = re.compile(r"\d[\d\s.()·-]{4}|[京-鿿][A-Z].?[A-Z\d]{4}|@|微信|[vw]x|加[v薇微]|v信|v[:：]|薇信|qq|扣扣|企鹅", re.IGNORECASE)
_URL = re.compile(r"(?:https?://|www\.)[\w\-./?=&%#:~+,;@!]+", re.ASCII)

_SAYS = r"[号码]?\s*[:是为]?\s*[(]?\s*$"
_IS_AN_ID = re.compile(
    r"(?:编号|单号|订单|工单|运单|快递|流水|序号|图片?|帖子?|链接|批号|条码|编码|代码|发票|(?<![a-z])(?:sn|[a-z]{0,3}id|no\.?|number)|[=/_#])"
    rf"{_SAYS}|[^\W\d_a-z](?<![机话系信同固本是的])号码?\s*[:是为]?\s*$",
    re.IGNORECASE,
)
_IS_A_COUNT = re.compile(r"\s*(?:元|人|次|剂|件|份|条|个|只|例|万|%|号楼|号?订单|号工单|这[一个]?单)")
_OF_A_CARD = re.compile(
    r"(?:卡号|银行|储蓄卡|信用卡|账号|账户|帐号|帐户|转账|转帐|打款|打到|打入|汇款|汇至|汇到|汇入|收款|退到|退回|退款|开户)[^\d]{0,15}$"
)
_IS_A_CARD = re.compile(r"[^\d,，。]{0,4}[,，(]?\s*(?:户名|开户|[^\W\d]{0,4}银行|这张卡|这个卡|此卡)")
_OF_AN_ID_CARD = re.compile(r"(?:身份证|证号|证件|户口本?)[^\d]{0,10}$")
_OF_A_PHONE = re.compile(r"(?:座机|固话|电话|联系|号码|致电|[拨打找]|家[中里]|住处|办公室|单位|tel|[/或、])[^\d]{0,6}$", re.IGNORECASE)
_PUBLISHED = re.compile(  # what an office says before its number; a comma may stand only before 电话
    r"(?:热线|服务|咨询|举报|监督|急救|预约|值班|总机|客服|公示|投诉|报名|订房|门诊|急诊|导诊|体检|传\s?真|办公室?|院办|[医学]院|学校|公司|酒店|中心|部门"
    r"|政府|街道|社区|政务|疾控|馆|[市区县省镇乡]\w{0,6}[局委办厅处所队]|[我该本][院局办科镇县]|卫健委|医保局|信访|红十字会|[大支]队|医务室|详询"
    r"|如[有需]\w{0,6}(?:疑问|问题|需要))(?:[^,，。;!?！？家我他她你人属]|[,，](?=(?:联系|可?拨打|请)?(?:电话|致电))){0,14}$"
)
_A_PERSONS = re.compile(
    r"我(?![院科司市局委站镇县]|办(?!公室))|[他她家妈爸属]|本人|老人|邻居|先生|女士|小姐|师傅|(?:投诉|举报|咨询|联系)人"
)
_NUMBER_BEFORE = re.compile(r"[\d()\s-]{7,}[、/,，或和]\s*$")

_CODE = r"(?:\(\+?86\)|\+86|0086|86(?=[\s-]))[\s-]?"
_MOBILE = re.compile(
    rf"(?<![\d.])(?:{_CODE})?1[3-9]\d(?:\d{{8}}|[- ]?\d{{4}}[- ]?\d{{4}}|\.\d{{4}}\.\d{{4}})(?![\d.]\d|\d)"
    r"|(?<!\d)(?<!\d[ -])1[ -][3-9](?:[ -]\d){9}(?![ -]?\d)"
)
_AREA = r"0(?:10|2\d|[3-9]\d{2})"
_LANDLINE = re.compile(rf"(?<![\d.-])(?:\({_AREA}\)[- ]?|{_AREA}(?P<gap>[- ]?))(?:[2-8]\d{{6,7}}|[2-8]\d{{2,3}}[- ]\d{{4}})(?![\d.]\d|\d)")
_ID_CARD = re.compile(
    r"(?<![0-9A-Za-z])[1-9]\d{5}(?P<gap>[ -]?)(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?P=gap)\d{3}[\dXx](?![0-9A-Za-z])"
)
_OLD_ID_CARD = re.compile(r"(?<!\d)[1-9]\d{5}\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}(?!\d)")
_BANK_CARD = re.compile(r"(?<!\d)[3-6]\d{3}(?:[ -]?\d{4}){3}(?:[ -]?\d{1,3})?(?![ -]?\d)")
_MAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?![A-Za-z])", re.ASCII)
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·•\s-]?(?=[A-HJ-NP-Z0-9]*\d)[A-HJ-NP-Z0-9]{4}(?:[A-HJ-NP-Z0-9]{1,2}|[挂学警港澳])(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(
    r"(?<![A-Za-z0-9_])(?:微信|薇信|v信|vx|wx|加[v薇微](?!信)|v(?=:)|qq|扣扣|企鹅)(?:号|群|账号|id)?[:是为\s]{0,3}(?P<id>[A-Za-z][\w-]{5,19}|[1-9]\d{4,10})(?![\w-])",
    re.IGNORECASE | re.ASCII,
)
_PATIENT_NO = re.compile(
    r"(?:(?:住院|病历|病案|门诊|就诊|就诊卡|诊疗卡|医保卡|社保卡|健康卡|体检|影像|登记|床位|病人)号码?|(?:患者|病人)(?:id|编号))[:是为(\s]{0,3}(?P<id>[A-Za-z]{0,3}\d{4,})",
    re.IGNORECASE,
)

_CHECK_DIGITS = "10X98765432"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)

Judge = Callable[[re.Match[str], str, str], bool]  # the match, the text before it, the text after it


def redact(text: str) -> str:
    """The text with phones, id cards (checksum), bank cards (Luhn and context), plates, e-mail, chat and patient numbers starred out."""
    spans = personal_spans(text)
    if not spans:
        return text
    letters = list(text)
    for start, end in spans:
        letters[start + 1 : end] = ["*" if c.isalnum() else c for c in letters[start + 1 : end]]
    return "".join(letters)


def personal_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of what `redact` masks, in order, none inside another."""
    seen = text.translate(_WIDE)
    if not _MAYBE.search(seen):
        return []
    taken = bytearray(len(seen))
    for match in _URL.finditer(seen):
        taken[match.start() : match.end()] = b"u" * len(match[0])
    found: list[tuple[int, int]] = []
    for start, end in _personal(seen):
        if not any(taken[start:end]):
            found.append((start, end))
            taken[start:end] = b"p" * (end - start)
    return sorted(found)


def _personal(seen: str) -> Iterator[tuple[int, int]]:
    for pattern, is_personal in RULES:
        for match in pattern.finditer(seen):
            before, after = seen[max(0, match.start() - _AROUND) : match.start()], seen[match.end() : match.end() + _AROUND]
            if is_personal(match, before, after):
                yield match.span("id") if "id" in pattern.groupindex else match.span()


def _is_id_card(match: re.Match[str], before: str, after: str) -> bool:
    return is_id_card(re.sub(r"[ -]", "", match[0])) or bool(_OF_AN_ID_CARD.search(before))


def _is_bank_card(match: re.Match[str], before: str, after: str) -> bool:
    return is_luhn(match[0]) and bool(_OF_A_CARD.search(before) or _IS_A_CARD.match(after))


def _is_mobile(match: re.Match[str], before: str, after: str) -> bool:
    return match[0][0] in "+(80" or not (_IS_AN_ID.search(before) or _IS_A_COUNT.match(after))


def _is_private_line(match: re.Match[str], before: str, after: str) -> bool:
    if match["gap"] == "" and not _OF_A_PHONE.search(before):
        return False  # twelve digits in a row that begin with 0
    if _IS_AN_ID.search(before):
        return False
    clause = _NUMBER_BEFORE.sub("", before)
    said = _PUBLISHED.search(clause)
    return said is None or bool(_A_PERSONS.search(re.split(r"[,，。;!?！？]", clause)[-1]))


def _always(match: re.Match[str], before: str, after: str) -> bool:
    return True


RULES: tuple[tuple[re.Pattern[str], Judge], ...] = (
    (_MAIL, _always),
    (_ID_CARD, _is_id_card),
    (_OLD_ID_CARD, lambda match, before, after: bool(_OF_AN_ID_CARD.search(before))),
    (_PATIENT_NO, _always),
    (_BANK_CARD, _is_bank_card),
    (_MOBILE, _is_mobile),
    (_LANDLINE, _is_private_line),
    (_PLATE, _always),
    (_ACCOUNT, _always),
)


def is_id_card(number: str) -> bool:
    """GB 11643-1999: the 18th character is the ISO 7064 MOD 11-2 check of the first 17."""
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    return _CHECK_DIGITS[total % 11] == number[17].upper()


def is_luhn(number: str) -> bool:
    """ISO/IEC 7812 check of a card number; what is no digit is skipped."""
    digits = [int(c) for c in reversed(number) if c.isdigit()]
    doubled = [d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(digits)]
    return sum(doubled) % 10 == 0
