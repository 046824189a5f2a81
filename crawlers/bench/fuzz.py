"""Hostile and broken answers, made from real ones: what a site, a proxy or a bad line could send. Seeded: the same n is the same answer."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path

Made = tuple[bytes, dict[str, str]]  # body, headers
TYPES = {".html": "text/html", ".json": "application/json", ".xml": "application/xml", ".txt": "text/plain", ".csv": "text/csv"}
CHARSETS = (
    "utf-8",
    "gb18030",
    "gb2312",
    "gbk",
    "big5",
    "utf-16",
    "utf-16-le",
    "iso-8859-1",
    "windows-1252",
    "utf-32",
    "shift_jis",
    "x-unknown",
)
HUGE = 50 * 1024 * 1024
SURROGATES = (b"\xed\xa0\x80", b"\\ud800", b"&#xD800;", b"\xed\xb0\x80\xed\xa0\x80")
JUNK = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbf\xbd",
    b"\x1b[31m",
    b"<!--",
    b"]]>",
    b"<![CDATA[",
    b"&amp;nbsp;",
    b"\xe2\x80\xae",
    b"\\u0000",
    b'"',
    b"{",
    b"[",
)


def seeds(samples: Path) -> dict[str, list[Path]]:
    """kind of source -> recorded payloads: feeds, articles, and what a bridge would hand on."""
    feeds = [path for folder in ("rsshub", "bing_rss", "charset_feeds") for path in _files(samples / folder)]
    bridges = [
        path
        for folder in ("weibo", "weibo_cn", "tieba", "zhihu", "tikhub_2026-02", "hot_boards", "wechat_sogou", "tousu")
        for path in _files(samples / folder)
    ]
    return {"feed": feeds, "article": _files(samples / "news_html"), "bridge": bridges}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in TYPES)


def hostile(path: Path, n: int) -> Made:
    """The n-th mistreatment of a payload: one to three of the ways below, or one of the bombs."""
    rng = random.Random(f"{path.name}:{n}")
    body, headers = path.read_bytes(), {"Content-Type": f"{TYPES[path.suffix]}; charset={rng.choice(CHARSETS)}"}
    if rng.random() < 0.06:
        return rng.choice(BOMBS)(body, headers, rng)
    for way in rng.sample(WAYS, rng.randint(1, 3)):
        body, headers = way(body, headers, rng)
    return body, headers


def _truncated(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    return body[: rng.randrange(len(body) + 1)], headers


def _flipped(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    bytes_ = bytearray(body)
    for _ in range(rng.choice((1, 10, 200)) if bytes_ else 0):
        bytes_[rng.randrange(len(bytes_))] = rng.randrange(256)
    return bytes(bytes_), headers


def _cut_out(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    start = rng.randrange(len(body) + 1)
    return body[:start] + body[start + rng.choice((1, 7, 1000, 20_000)) :], headers


def _doubled(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    start = rng.randrange(len(body) + 1)
    return body[:start] + body[start : start + rng.choice((100, 5000))] * rng.choice((2, 30)) + body[start:], headers


def _recoded(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    """Bytes in one charset, a header that says another, a meta or declaration that says a third."""
    text = body.decode("utf-8", "replace")
    text = re.sub(r"(charset=[\"']?|encoding=[\"'])[\w-]+", lambda found: found[1] + rng.choice(CHARSETS), text, count=2)
    return text.encode(rng.choice(("gb18030", "utf-8", "big5hkscs", "utf-16", "cp932")), "replace"), headers


def _strewn(junk: Iterable[bytes]) -> Callable[[bytes, dict[str, str], random.Random], Made]:
    pieces = tuple(junk)

    def strew(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
        for _ in range(rng.choice((1, 5, 100))):
            at = rng.randrange(len(body) + 1)
            body = body[:at] + rng.choice(pieces) + body[at:]
        return body, headers

    return strew


def _marked(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    """Byte order marks, right and wrong, one or several."""
    return rng.choice(
        (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\x00\x00", b"\xef\xbb\xbf\xef\xbb\xbf", b"+/v8")
    ) + body, headers


def _swollen_numbers(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    said = rng.choice((b"9" * 5000, b"1e999", b"-1", b"NaN", b"null", b'"1.2\xe4\xb8\x87\xe4\xba\xbf"', b"[]", b"{}", b"0x7f"))
    return re.sub(rb"(?<=[:>\s])\d{1,13}(?=[,<\s}])", lambda found: said if rng.random() < 0.2 else found[0], body), headers


def _other_kind(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    return body, {
        "Content-Type": rng.choice(
            ("image/png", "text/plain", "application/octet-stream", "text/html; charset=\x00", "", "a/b; c=d; charset")
        )
    }


def _half_gzip(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    packed = gzip.compress(body)
    return packed[: rng.randrange(1, len(packed) + 1)], {**headers, "Content-Encoding": "gzip"}


def _lying_length(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    return body, {**headers, "Content-Length": str(max(0, len(body) + rng.choice((-1000, -1, 1, 100_000))))}


def _nothing(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    return rng.choice((b"", b" ", b"\n", b"null", b"[]", b"{}", b"0", b'""', rng.randbytes(rng.choice((10, 5000))))), headers


def _deep_json(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    deep = rng.choice((500, 5_000, 200_000))
    return rng.choice((b"[" * deep, b'{"a":' * deep, b'{"data":{"cards":' + b"[" * deep + b"]" * deep + b"}}")), headers


def _deep_markup(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    tag = rng.choice((b"div", b"span", b"table", b"b", b"item", b"a"))
    deep = b"<%s>" % tag * rng.choice((300, 5_000, 100_000))
    return rng.choice((deep, body[:500] + deep + body[500:], b"<rss version='2.0'><channel>" + deep)), headers


def _entities(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    """Billion laughs, and an external entity."""
    laughs = b"".join(b"<!ENTITY l%d '%s'>" % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    doctype = b"<!DOCTYPE rss [<!ENTITY l0 'ha'>" + laughs + b"<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
    item = b"<item><title>&l9;&x;</title><link>http://x.example/1</link></item>"
    return b"<?xml version='1.0'?>" + doctype + b"<rss version='2.0'><channel><title>a</title>" + item + b"</channel></rss>", headers


def _huge(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    return (body or b" ") * (HUGE // max(1, len(body)) + 1), headers


def _gzip_bomb(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    once = gzip.compress(bytes(200 * 1024 * 1024), 9)
    return (
        (gzip.compress(once), {**headers, "Content-Encoding": "gzip, gzip"})
        if rng.random() < 0.5
        else (once, {**headers, "Content-Encoding": "gzip"})
    )


def _long_words(body: bytes, headers: dict[str, str], rng: random.Random) -> Made:
    word = rng.choice(("岚", "1", "a", "<", "&#x5c9a;", "1.2万", "[泪]", "@", "2026-", "来源：", " ", "138 ")) * rng.choice(
        (100_000, 1_000_000)
    )
    at = rng.randrange(len(body) + 1)
    return body[:at] + word.encode() + body[at:], headers


WAYS = (
    _truncated, _flipped, _cut_out, _doubled, _recoded, _strewn(SURROGATES), _strewn(JUNK), _marked, _swollen_numbers, _other_kind,
    _half_gzip, _lying_length, _nothing,
)  # fmt: skip
BOMBS = (_deep_json, _deep_json, _deep_markup, _deep_markup, _entities, _long_words, _long_words, _long_words, _huge, _gzip_bomb)
