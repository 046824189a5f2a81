"""One Weibo status or comment, as m.weibo.cn and weibo.com/ajax give them -> readings (design/SOURCES.md §2.10, §4).

A repost's own words stand before the first `//@`; what it reposts is a reading of its own. A text the site cut ends in CUT.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from crawlers.addresses import weibo_mid
from crawlers.clean import plain
from crawlers.items import Reading
from crawlers.parsers.payload import find, flag, ident, ident_or_none, need, nested, number, said, words

TAIL = 600  # characters at the end of a text in which the link 全文 stands
CUT = "…全文"  # the end of a text the site shortened: ask for the long text if it may be asked
_CUT_MARK = re.compile(r"<(a|span)\b[^<>]*>\s*(?:全文|展开)\s*(?:<i\b[^<>]*>[^<]*</i>\s*)?</\1>\s*$")
_CHAIN = re.compile(r"(?<!:)//\s{0,9}(?:<a\b[^<>]*>)?\s{0,9}@")
_NO_WORDS = ("转发微博", "轉發微博", "repost", "forward weibo")  # what the site writes where the reposter wrote nothing
LONGEST_NO_WORDS = 60  # characters of markup
_AUTHOR_KINDS = {1: "government", 3: "media", -1: "personal", 0: "personal", 200: "personal", 220: "personal"}  # verified_type; 2: firms


def is_cut(read: Reading) -> bool:
    return read.text.endswith(CUT)


def own_words(markup: str) -> str:
    """What the author wrote: without the chain of earlier reposters, nothing for 转发微博, CUT at the end if the site shortened it."""
    own = _CHAIN.split(markup, maxsplit=1)[0]
    if cut := _CUT_MARK.search(own[-TAIL:]):
        return own[: max(0, len(own) - TAIL) + cut.start()].rstrip(" .…\u200b\xa0") + CUT
    nothing = len(own) <= LONGEST_NO_WORDS and plain(own).strip(" 。.!！").lower() in _NO_WORDS
    return "" if nothing else own


def has_chain(markup: str) -> bool:
    return bool(_CHAIN.search(markup))


def status(entry: Any, kind: str | None = None) -> Iterator[Reading]:
    """A status and, if it still exists, the one it reposts. LookupError or ValueError if it has no id or no text field."""
    original = entry.get("retweeted_status")
    text = _text(entry)
    is_repost = isinstance(original, dict) or has_chain(text)
    mid = ident(need(entry, "mid", "idstr", "id"))
    root = ident_or_none(find(original, "mid", "idstr", "id"))
    yield Reading(
        text=own_words(text), native_id=mid, url=_url(entry, mid), kind=kind or ("repost" if is_repost else "post"), platform="weibo",
        published=said(entry.get("created_at")), region=words(entry.get("region_name")) or None,
        parent=ident_or_none(entry.get("pid")) or root if is_repost or kind == "repost" else None, root=root,
        reposts=said(entry.get("reposts_count")), comments=said(entry.get("comments_count")),
        likes=said(find(entry, "attitudes_count", "like_counts")), **author(entry.get("user")),
    )  # fmt: skip
    if isinstance(original, dict) and isinstance(original.get("user"), dict) and not _is_gone(original):
        yield from nested([original], lambda reposted: status(reposted, kind="post"))


def comment(entry: Any, under: str | None = None) -> Iterator[Reading]:
    """A comment and the replies listed under it; `parent` is the comment it answers, `root` the status where the payload names it."""
    native = ident(need(entry, "idstr", "id", "mid"))
    post = ident_or_none(find(entry, "status.mid", "status.id"))
    thread = ident_or_none(find(entry, "rootidstr", "rootid"))
    answered = ident_or_none(find(entry, "reply_comment.id", "reply_id")) or (thread if thread != native else None) or under
    source = words(entry.get("source"))
    yield Reading(
        text=own_words(words(need(entry, "text", "text_raw"))), native_id=native, kind="comment", platform="weibo",
        published=said(entry.get("created_at")), region=source if source.startswith("来自") else None,  # elsewhere it names a device
        parent=answered or post, root=post, comments=said(entry.get("total_number")),
        likes=said(find(entry, "like_count", "like_counts")), **author(entry.get("user")),
    )  # fmt: skip
    yield from nested(entry.get("comments"), lambda reply: comment(reply, under=native))  # false where there are none


def author(user: Any) -> dict[str, Any]:
    """The fields of a reading that come from a `user`; the uid where there is one, else the name."""
    if not isinstance(user, dict):
        return {}
    verified_type = number(user.get("verified_type"))
    return {
        "author": ident_or_none(find(user, "idstr", "id", "_id")) or words(find(user, "screen_name", "nick_name")) or None,
        "author_kind": _AUTHOR_KINDS.get(verified_type) if verified_type is not None else None,
        "is_verified": flag(user.get("verified")),
        "followers": said(find(user, "followers_count", "followers_count_str")),
    }


def _text(entry: Any) -> str:
    long = words(find(entry, "longText.longTextContent", "longText.content", "longTextContent"))
    if long:
        return long
    text = words(need(entry, "text", "text_raw", "raw_text"))
    if entry.get("continue_tag") and not _CUT_MARK.search(text[-TAIL:]):  # weibo.com marks text_raw only so
        text += "<span>展开</span>"
    return text


def _url(entry: Any, mid: str) -> str:
    bid, uid = words(find(entry, "mblogid", "bid")), ident_or_none(find(entry, "user.idstr", "user.id"))
    return f"https://weibo.com/{uid}/{bid}" if uid and bid and weibo_mid(bid) == mid else f"https://m.weibo.cn/detail/{mid}"


def _is_gone(entry: Any) -> bool:
    return entry.get("deleted") not in (None, False, 0, "0")
