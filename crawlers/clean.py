"""Bytes -> text -> clean text: charset, markup, invisible characters. Times, counts and personal data have files of their own."""

from __future__ import annotations

import codecs
import hashlib
import hmac
import html
import re

import lxml.etree
import lxml.html

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECLARED = re.compile(rb"""(?:encoding|charset)\s*=\s*["']?\s*([A-Za-z0-9_\-]+)""")
_OTHER_CHARSETS = {
    "big5": "big5hkscs", "big5-hkscs": "big5hkscs", "shift_jis": "cp932", "euc-jp": "euc-jp", "euc-kr": "cp949", "utf-16": "utf-16",
}  # fmt: skip
SAMPLE = 200_000  # characters beyond ASCII, or bytes, by which a charset is judged
_ASCII = re.compile("[\x00-\x7f]+")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_HAN = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]")
_EVERYDAY = re.compile("[的是在一不有了人，。、]")  # a tenth of any Chinese text, hardly any of one read in the wrong charset
HOLE = "\ufffd"
_HOLES = re.compile(f"{HOLE}+")
_TORN_END = re.compile(f"(?<!{HOLE}){HOLE}{{1,3}}$")  # the bytes of one character
MISSING = "□"  # as Chinese print marks a character that was lost
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_END_OF_PAGE = re.compile(r"</(?:html|body)\s*>", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:a|b|br|p|div|span|img|em|strong|font|i|u|li|ul|ol|h\d|table|t[rdh]|section|blockquote|script|style)\b[^<>]*>", re.I
)
_UNUSABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ue000-\uf8ff]")
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_PAIR = re.compile(r"&#(5[5-6]\d{3}|x[dD][89abAB][0-9a-fA-F]{2});&#(5[6-7]\d{3}|x[dD][c-fC-F][0-9a-fA-F]{2});")
# &#146; is meant as Windows-1252; libxml2 takes it for a control character
_WINDOWS = {n: bytes([n]).decode("cp1252", "ignore") for n in range(0x80, 0xA0)}
_CODE = re.compile(r"\[[^\[\]\s]{1,8}\]")
_BLOCKS = ("p", "div", "br", "li", "tr", "section", "blockquote", "h1", "h2", "h3", "h4")
_PROVINCE = re.compile(
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|"
    "台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门|[\u4e00-\u9fff]{2,3}(?=省$)"
)


def decode(body: bytes, declared: str | None = None) -> str:
    """Text of an answer; never raises. `declared`: the charset of its Content-Type header, if any.

    Declarations lie (GNE: 3 pages declare gb2312 and are UTF-8), so UTF-8 is tried first, then GB 18030 and what is declared, and that in
    which the text reads best wins. What cannot be decoded leaves U+FFFD: nothing is dropped in silence here, see `plain`.
    """
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body.decode(name, "replace").removeprefix("\ufeff")
    if b"\0" in body[:64] and (wide := _utf16(body)):
        return wide
    text = body.decode("utf-8", "replace")
    if HOLE not in text:
        return text
    beyond = _ASCII.sub("", text[: 20 * SAMPLE])[:SAMPLE] or HOLE
    if beyond.count(HOLE) * 4 <= len(_HAN.findall(beyond)):
        return text
    said = [declared or "", *(found.decode() for found in _DECLARED.findall(body[:2048]))]
    others = [_OTHER_CHARSETS[name.lower()] for name in said if name.lower() in _OTHER_CHARSETS]
    beyond_ascii = _BEYOND_ASCII.search(body)
    sample = body[beyond_ascii.start() if beyond_ascii else 0 :][:SAMPLE]
    names = dict.fromkeys([*others, "gb18030", "big5hkscs"])
    return body.decode(max(names, key=lambda name: _readable(sample.decode(name, "replace"))), "replace")


def _utf16(body: bytes) -> str | None:
    """UTF-16 without its mark: markup has NULs, nearly all at odd or at even places."""
    even, odd = body[0:64:2].count(0), body[1:64:2].count(0)
    if max(even, odd) < 4 or min(even, odd) * 3 > max(even, odd):
        return None
    return body.decode("utf-16-le" if odd > even else "utf-16-be", "replace")


def _readable(text: str) -> float:
    """Higher for what reads like Chinese: everyday characters count for it, holes against it."""
    return len(_EVERYDAY.findall(text)) - 3 * text.count(HOLE)


def html_tree(text: str) -> lxml.html.HtmlElement:
    """A decoded page as a tree. Two things lxml does not forgive are taken out: a declared encoding, and an end of the page in its
    middle, after which it reads nothing (gov.cn closes <html> in a template of its head). Never raises on text that holds a word."""
    return lxml.html.document_fromstring(_END_OF_PAGE.sub("", _DECLARATION.sub("", _usable(text))))


def plain(markup: str) -> str:
    """Markup -> the words a reader sees: tags off, entities undone (sites escape twice), [泪] kept from an image's alt. Never raises.

    A character torn at the very end goes. A hole the site left (often an emoji lost on its way) becomes □ where the text around it is
    whole; a text with more holes than one in a hundred characters keeps its U+FFFD, by which the gate knows it.
    """
    text = _usable(_PAIR.sub(_joined, markup) if "&#" in markup else markup)
    for _ in range(2):
        text = _without_tags(text) if _TAG.search(text) else html.unescape(text)
    text = _INVISIBLE.sub("", _usable(text))
    lines = (re.sub(r"[^\S\n]+", " ", line).strip() for line in re.split(r"[\n\r]+", text))
    return mended("\n".join(line for line in lines if line))


def mended(text: str) -> str:
    """A decoded text with its U+FFFD judged as `plain` says."""
    if HOLE not in text:
        return text
    text = _TORN_END.sub("", text.rstrip()).rstrip()
    holes, runs = text.count(HOLE), len(_HOLES.findall(text))
    few = runs <= max(1, len(text) // 100) and holes * 20 <= len(text)
    return _HOLES.sub(MISSING, text) if few else text


def _usable(text: str) -> str:
    """Without control characters; surrogates that JSON left apart are joined, single ones go."""
    if not _ODD.search(text):
        return text
    if _SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return _UNUSABLE.sub("", text.translate(_WINDOWS))


def _joined(pair: re.Match[str]) -> str:
    """An emoji that a site wrote as two references, one for each half of its UTF-16: &#55357;&#56832;"""
    high, low = (int(half[1:], 16) if half[0] in "xX" else int(half) for half in pair.groups())
    if 0xD800 <= high < 0xDC00 <= low < 0xE000:
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    return pair[0]


def _without_tags(markup: str) -> str:
    deep = lxml.html.HTMLParser(huge_tree=True)  # else libxml2 drops what lies under 256 tags, words included
    root = lxml.html.fragment_fromstring(_DECLARATION.sub("", markup), create_parent="div", parser=deep)
    lxml.etree.strip_elements(root, "script", "style", lxml.etree.Comment, with_tail=False)
    for node in root.iter("img"):
        if _CODE.fullmatch(node.get("alt") or ""):
            node.tail = f"{node.get('alt')}{node.tail or ''}"
    for node in root.iter(*_BLOCKS):
        node.tail = f"\n{node.tail or ''}"
        if node.tag not in ("br", "tr"):
            node.text = f"\n{node.text or ''}"
    return str(root.text_content())


def province(said: str | None) -> str | None:
    """The province in 发布于 云南, IP属地：广东, 来自河南; anything finer is not kept."""
    found = _PROVINCE.search((said or "").strip())
    return found[0] if found else None


def author_hash(secret: str, platform: str, uid: str) -> str:
    """HMAC-SHA256 of platform and user id: equal authors stay equal, names cannot be looked up without the secret."""
    return hmac.new(secret.encode(), f"{platform}|{uid}".encode(), hashlib.sha256).hexdigest()[:32]
