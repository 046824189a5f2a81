"""Numbers and names for the redactor's exam (redaction_set.py), in the forms people write them. All constructed from a seeded generator."""

from __future__ import annotations

import random
from collections.abc import Callable

from crawlers.redact import is_id_card, is_luhn

_FULL_WIDTH = {ord("0") + n: ord("０") + n for n in range(10)}
_AREAS = ("330106", "110105", "440305", "510107", "320102", "420106", "610113", "350203")
_CITIES = ("0571", "010", "021", "028", "0755", "0579", "0931")
_PROVINCES = "京沪浙苏粤川鄂陕闽鲁豫皖"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def _pick(rnd: random.Random, words: str) -> str:
    return rnd.choice(words.split())


def _digits(rnd: random.Random, n: int) -> str:
    return "".join(rnd.choice("0123456789") for _ in range(n))


def _mobile(rnd: random.Random) -> str:
    number = _pick(rnd, "13 15 17 18 19") + _digits(rnd, 9)
    a, b, c = number[:3], number[3:7], number[7:]
    forms = [
        number, number, number, f"{a}-{b}-{c}", f"{a} {b} {c}", f"{a} {b}{c}", f"+86{number}", f"+86 {number}", f"+86-{a}-{b}-{c}",
        f"86-{number}", number.translate(_FULL_WIDTH), f"{a}{b} {c}", f"{a}.{b}.{c}", f"(+86){number}", f"{a}－{b}－{c}",
        f"0086{number}", " ".join(number), f"{a}　{b}　{c}",
    ]  # fmt: skip
    return rnd.choice(forms)


def _landline(rnd: random.Random) -> str:
    area, number = rnd.choice(_CITIES), rnd.choice("2345678") + _digits(rnd, 7)
    forms = [
        f"{area}-{number}", f"{area} {number}", f"({area}){number}", f"{area}{number}", f"（{area}）{number}", f"{area}－{number}",
        f"{area}-{number[:4]}-{number[4:]}", f"{area} {number[:4]} {number[4:]}",
    ]  # fmt: skip
    return rnd.choice(forms)


def _day(rnd: random.Random) -> str:
    return f"{rnd.randint(1, 12):02d}{rnd.randint(1, 28):02d}"


def _id_card(rnd: random.Random) -> str:
    first17 = rnd.choice(_AREAS) + str(rnd.randint(1935, 2022)) + _day(rnd) + _digits(rnd, 3)
    number = next(first17 + last for last in "0123456789X" if is_id_card(first17 + last))
    return rnd.choice(
        [number, number, number.replace("X", "x"), f"{number[:6]} {number[6:14]} {number[14:]}", number.translate(_FULL_WIDTH)]
    )


def _old_id(rnd: random.Random) -> str:
    return rnd.choice(_AREAS) + f"{rnd.randint(30, 84):02d}" + _day(rnd) + _digits(rnd, 3)


def _bank(rnd: random.Random) -> str:
    first = _pick(rnd, "622202 621700 622848 621661 436742") + _digits(rnd, rnd.choice([9, 12]))
    number = next(first + last for last in "0123456789" if is_luhn(first + last))
    spaced = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    return rnd.choice([number, number, spaced, spaced.replace(" ", "-")])


def _plate(rnd: random.Random) -> str:
    place, letter = rnd.choice(_PROVINCES), rnd.choice(_LETTERS[:10])
    common = rnd.choice([_digits(rnd, 5), rnd.choice(_LETTERS) + _digits(rnd, 4), _digits(rnd, 3) + rnd.choice(_LETTERS) + _digits(rnd, 1)])
    electric = rnd.choice("DF") + _digits(rnd, 5)
    return rnd.choice(
        [
            place + letter + common,
            f"{place}{letter}·{common}",
            place + letter + electric,
            f"{place}{letter} {common}",
            f"{place}{letter}-{common}",
            f"{place}{letter}{common}".lower(),
        ]
    )


def _name(rnd: random.Random) -> str:
    return _pick(rnd, "zhang li wang chen lin xiaoyu lanhu happy sunny")


def _mail(rnd: random.Random) -> str:
    return (
        _name(rnd)
        + rnd.choice(["", ".", "_"])
        + _digits(rnd, rnd.randint(2, 5))
        + "@"
        + _pick(rnd, "example.com mail.example.cn qq.example.com")
    )


def _wechat(rnd: random.Random) -> str:
    return rnd.choice(
        [
            f"{_name(rnd)}_{_digits(rnd, 4)}",
            f"wxid_{_name(rnd)}{_digits(rnd, 6)}",
            f"{_name(rnd)}{_digits(rnd, 5)}",
            f"{_name(rnd)}-{_digits(rnd, 3)}",
        ]
    )


def _patient(rnd: random.Random) -> str:
    return rnd.choice(
        [_digits(rnd, 7), f"ZY{_digits(rnd, 8)}", f"2026{_day(rnd)}{_digits(rnd, 4)}", f"00{_digits(rnd, 6)}", f"M{_digits(rnd, 6)}"]
    )


def _not_a_card(rnd: random.Random) -> str:
    while True:
        number = rnd.choice("12345") + _digits(rnd, 17)
        if not is_id_card(number) and not is_luhn(number):
            return number


def _url(rnd: random.Random) -> str:
    phone, form = (
        _looks_mobile(rnd),
        rnd.choice(
            [
                "https://weibo.com/{0}/{1}",
                "https://www.lanhu.example/a/{1}.html?tel={1}",
                "http://t.example.cn/p/{1}",
                "https://m.example.com/detail/{0}#{1}",
            ]
        ),
    )
    return form.format("16" + _digits(rnd, 8), phone)


def _looks_mobile(rnd: random.Random) -> str:
    return "1" + rnd.choice("3456789") + _digits(rnd, 9)


def _icp(rnd: random.Random) -> str:
    return f"{rnd.choice(_PROVINCES)}ICP备{_digits(rnd, 8)}号-{rnd.randint(1, 9)}"


def _service(rnd: random.Random) -> str:
    return rnd.choice(
        [
            f"400-{_digits(rnd, 3)}-{_digits(rnd, 4)}",
            f"400{_digits(rnd, 7)}",
            f"96{_digits(rnd, 4)}",
            f"800-{_digits(rnd, 3)}-{_digits(rnd, 4)}",
        ]
    )


def _stamp(rnd: random.Random) -> str:
    return f"2026{_day(rnd)}{rnd.randint(0, 23):02d}{rnd.randint(0, 59):02d}{rnd.randint(0, 59):02d}"


def _big(rnd: random.Random) -> str:
    return rnd.choice([str(rnd.randint(10**5, 10**9)), f"{rnd.randint(1, 999)}万", f"{rnd.randint(100, 999)},{_digits(rnd, 3)}"])


PERSONAL: dict[str, Callable[[random.Random], str]] = {
    "mobile": _mobile, "landline": _landline, "id_card": _id_card, "old_id": _old_id, "bank": _bank, "plate": _plate, "mail": _mail,
    "wechat": _wechat, "qq": lambda rnd: rnd.choice("123456789") + _digits(rnd, rnd.randint(5, 9)), "patient": _patient,
}  # fmt: skip
ALIKE: dict[str, Callable[[random.Random], str]] = {
    "sn": lambda rnd: "17" + _digits(rnd, 9), "order": _looks_mobile, "image": lambda rnd: "130" + _digits(rnd, 8),
    "ticket": lambda rnd: rnd.choice(["GD", "AH", ""]) + "2026" + _day(rnd) + _digits(rnd, 6), "mid": lambda rnd: "5" + _digits(rnd, 15),
    "long18": lambda rnd: "4200" + _digits(rnd, 24), "code18": _not_a_card, "url": _url,
    "price": lambda rnd: f"{rnd.randint(1, 99999)}.{_digits(rnd, 2)}", "stamp": _stamp,
    "short": lambda rnd: _pick(rnd, "12345 12320 120 114 110 95598 12315 12393 116117"),
    "service": _service, "public_landline": _landline,
    "drug": lambda rnd: "H" + _digits(rnd, 8), "batch": lambda rnd: "26" + _day(rnd) + _digits(rnd, 2),
    "uscc": lambda rnd: "91330106MA2" + rnd.choice(_LETTERS[:7]) + _digits(rnd, 5) + rnd.choice("0123456789X"), "icp": _icp,
    "queue": lambda rnd: rnd.choice("ABCD") + _digits(rnd, 3), "small": lambda rnd: str(rnd.randint(2, 900)),
    "account": lambda rnd: rnd.choice(["lanhu_yiyuan", "lhyy_fuwu2026", "岚湖一院", "lanhu-jiankang"]),
    "train": lambda rnd: rnd.choice("GDC") + _digits(rnd, 4), "big": _big,
    "starred": lambda rnd: f"1{rnd.choice('3589')}{_digits(rnd, 1)}****{_digits(rnd, 4)}", "tail": lambda rnd: _digits(rnd, 4),
    "bp": lambda rnd: f"{rnd.randint(90, 190)}/{rnd.randint(50, 110)}", "geo": lambda rnd: f"118.{_digits(rnd, 6)},30.{_digits(rnd, 6)}",
    "isbn": lambda rnd: f"978-7-{_digits(rnd, 4)}-{_digits(rnd, 4)}-{_digits(rnd, 1)}",
    "invoice": lambda rnd: _digits(rnd, rnd.choice([8, 20])),
}  # fmt: skip
