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
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "shift_jis": "cp932",
    "euc-jp": "euc-jp",
    "euc-kr": "cp949",
    "utf-16": "utf-16",
}
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_TAG = re.compile(
    r"</?(?:a|b|br|p|div|span|img|em|strong|font|i|u|li|ul|ol|h\d|table|t[rdh]|section|blockquote|script|style)\b[^<>]*>", re.I
)
_UNUSABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ue000-\uf8ff]")
_CODE = re.compile(r"\[[^\[\]\s]{1,8}\]")
_BLOCKS = ("p", "div", "br", "li", "tr", "section", "blockquote", "h1", "h2", "h3", "h4")
_PROVINCE = re.compile(
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|"
    "台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门|[\u4e00-\u9fff]{2,3}(?=省$)"
)


def decode(body: bytes) -> str:
    """Text of an answer. Declarations lie (GNE: 3 pages declare gb2312 and are UTF-8), so UTF-8 is tried first, then GB 18030.

    A body that is UTF-8 but for a torn character stays UTF-8, with U+FFFD in the hole; nothing is ever dropped in silence.
    """
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body.decode(name, "replace")
    text = body.decode("utf-8", "replace")
    holes = text.count("\ufffd")
    if not holes or holes * 100 < sum(c > "\x7f" for c in text):
        return text
    declared = _DECLARED.search(body[:2048])
    other = _OTHER_CHARSETS.get(declared[1].decode().lower(), "") if declared else ""
    for name in filter(None, (other, "gb18030")):
        try:
            return body.decode(name)
        except UnicodeDecodeError:
            continue
    return body.decode("gb18030", "replace")


def html_tree(text: str) -> lxml.html.HtmlElement:
    """A decoded page as a tree; lxml refuses text that still declares its bytes' encoding."""
    return lxml.html.document_fromstring(_DECLARATION.sub("", _UNUSABLE.sub("", text)))


def plain(markup: str) -> str:
    """Markup -> the words a reader sees: tags off, entities undone (sites escape twice), [泪] kept from an image's alt."""
    text = _UNUSABLE.sub("", markup)
    for _ in range(2):
        text = _without_tags(text) if _TAG.search(text) else html.unescape(text)
    text = _INVISIBLE.sub("", _UNUSABLE.sub("", text))
    lines = (re.sub(r"[^\S\n]+", " ", line).strip() for line in re.split(r"[\n\r]+", text))
    return "\n".join(line for line in lines if line)


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
