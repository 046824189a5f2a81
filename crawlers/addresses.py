"""Addresses: one canonical form for each, the post's own id inside it, and the ids our tables are keyed by."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import urlsplit, urlunsplit

# what a platform adds to say how the reader came: never part of what is read
_TRACKING = re.compile(
    r"utm_\w+|refer_flag|wfr|scene|xsec_token|xsec_source|sld|spm|spm_id_from|share_\w+|isappinstalled|nsukey|sessionid|chksm|"
    r"from_source|vd_source|for|refer|timestamp|sudaref"
)
_PORTS = {"http": ":80", "https": ":443"}
_NATIVE = {
    "weibo": re.compile(r"(?:m\.weibo\.cn/(?:detail|status|\d+)|weibo\.com/\d+)/(?P<id>[0-9A-Za-z]{9,16})(?:$|[/?])"),
    "tieba": re.compile(r"tieba\.baidu\.com/p/(?P<id>\d+)"),
    "zhihu": re.compile(r"zhihu\.com/(?:question/\d+/)?(?P<id>(?:answer|p|question)/\d+)"),
    "douyin": re.compile(r"douyin\.com/(?:share/)?(?:video|note)/(?P<id>\d+)"),
    "kuaishou": re.compile(r"kuaishou\.com/short-video/(?P<id>\w+)"),
    "xhs": re.compile(r"xiaohongshu\.com/(?:explore|discovery/item)/(?P<id>[0-9a-f]{24})"),
    "bilibili": re.compile(r"bilibili\.com/video/(?P<id>BV\w{10}|av\d{1,18})"),
    "heimao": re.compile(r"tousu\.sina\.(?:com\.)?cn/complaint/view/(?P<id>\d+)"),
    "liuyan": re.compile(r"threads/content\?(?:.*&)?tid=(?P<id>\d+)"),
    "wechat": re.compile(r"mp\.weixin\.qq\.com/s/(?P<id>[\w-]{22})"),
}
_WEIBO_USER = re.compile(r"weibo\.(?:com|cn)/(?:u/)?(?P<uid>\d{6,})(?:/|$|\?)")
_BASE58 = "FcwAPNKTMug3GV5Lj7EJnHpWsx4tb8haYeviqBz6rkCy12mUSDQX9RdoZf"
_BASE62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def canonical_url(url: str) -> str:
    """The address without tracking, default port and fragment; parameters sorted, their bytes untouched (贴吧 encodes GBK in them).

    A fragment that routes (`#/detail?tid=1`) stays: on such sites it is the address.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:  # http://[half an address
        return url.strip()
    if not parts.netloc:
        return url.strip()
    scheme = parts.scheme.lower()
    host = parts.netloc.lower().removesuffix(_PORTS.get(scheme, ""))
    said = [pair for pair in parts.query.split("&") if pair and not _TRACKING.fullmatch(pair.split("=")[0])]
    fragment = parts.fragment if parts.fragment.startswith(("/", "!/")) else ""
    return urlunsplit((scheme, host, parts.path or "/", "&".join(sorted(said)), fragment))


def native_id(platform: str, url: str) -> str | None:
    """The platform's own id of the post at `url`, if its addresses carry one; a Weibo bid becomes the mid it stands for."""
    pattern = _NATIVE.get(platform)
    found = pattern.search(url) if pattern else None
    if not found:
        return None
    if platform == "weibo":
        return weibo_mid(found["id"])
    return bilibili_bv(int(found["id"][2:])) if found["id"].startswith("av") and platform == "bilibili" else found["id"]


def weibo_mid(bid: str) -> str:
    """`PzxMFDdIO` -> the 16-digit mid: base 62, four characters to seven digits, from the right (nghuyong/WeiboSpider, MIT)."""
    if bid.isdigit():
        return bid
    groups = [bid[max(0, end - 4) : end] for end in range(len(bid), 0, -4)]
    numbers = [sum(_BASE62.index(c) * 62**n for n, c in enumerate(reversed(group))) for group in groups]
    return "".join(str(number).zfill(7) for number in reversed(numbers)).lstrip("0")


def bilibili_bv(av: int) -> str:
    """The BV number of a video's av number: base 58 of the number XORed, two pairs of places exchanged (public knowledge since 2020)."""
    number, places = (1 << 51 | av) ^ 23442827791579, list("BV1000000000")
    for place in range(11, 2, -1):
        number, digit = divmod(number, 58)
        places[place] = _BASE58[digit]
    places[3], places[9], places[4], places[7] = places[9], places[3], places[7], places[4]
    return "".join(places)


def weibo_uid(url: str) -> str | None:
    found = _WEIBO_USER.search(url)
    return found["uid"] if found else None


def stable_id(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def post_id(platform: str, native: str | None = None, url: str | None = None) -> str:
    """The same post reached by two roads has one id: hash of platform and its own id, else of the canonical address (without scheme)."""
    own = native or (native_id(platform, url) if url else None)
    if own:
        return stable_id(platform, own)
    if not url:
        raise ValueError("a post needs an id of its own or an address")
    return stable_id(platform, canonical_url(url).split("://", 1)[-1])


def fetch_id(source: str, url: str, fetched_at: str, n: int) -> str:
    """`n` counts the answers of this url at this instant, so the id does not depend on the order of downloads."""
    return stable_id(source, url, fetched_at, str(n))
