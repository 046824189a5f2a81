"""Why an answer is, or is not, what we asked for: one word of warehouse.vocabulary.FETCH_REASONS for each, and a line for the engineer.

A wall seldom says 403: logged-out Weibo answers 302 to a login host, Sogou a captcha page with HTTP 200; taken for news, both are silence.
What walls look like is in walls.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from crawlers.walls import Verdict, behind, disguised

__all__ = ["REFUSED", "NoReading", "Verdict", "judge", "leads_to_a_wall", "retry_after_s"]

REFUSED = {
    403: "forbidden",
    412: "the firewall 瑞数 challenges scripts like this",
    418: "the site takes us for a robot it does not want",
    429: "too many requests",
    432: "Weibo to a visitor",
    503: "the site is overloaded, or says so to robots",
    521: "the firewall 加速乐 challenges scripts like this",
}
LONGEST_RETRY_S = 7 * 86_400.0  # a Retry-After beyond a week is a typing error or a joke; callers give up long before


class NoReading(Exception):
    """A spider understood why an answer holds no items; `reason` is the word for it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def judge(status: int, text: str, location: str = "") -> Verdict | None:
    """The verdict on an answer nobody needs to parse, or None if it should be read. `location`: target of a redirect not followed."""
    if status == 304:
        return Verdict("not_modified")
    if 300 <= status < 400:
        return _redirected(location)
    named = disguised(text)
    if status in REFUSED:
        said = f"HTTP {status}, {REFUSED[status]}"
        return Verdict(named.reason, f"HTTP {status}, {named.detail}") if named and named.reason == "captcha" else Verdict("blocked", said)
    if status == 401:
        return Verdict("login_wall", "HTTP 401")
    if status >= 400:
        return Verdict(named.reason, f"HTTP {status}, {named.detail}") if named else Verdict("error", f"HTTP {status}")
    if not text.strip():
        return Verdict("format_changed", f"HTTP {status}, and the answer has no body")
    return Verdict(named.reason, f"HTTP {status}, but {named.detail}") if named else None


def leads_to_a_wall(url: str) -> bool:
    """A redirect there is an answer, not a way: following it ends in a 404 or an empty page, and the reason is lost."""
    return behind(url) is not None


def retry_after_s(header: bytes | None, now: datetime) -> float:
    """Seconds a site asks us to wait (RFC 9110 §10.2.3: a number of seconds, or an HTTP-date); 0 for none, the past, or nonsense."""
    said = (header or b"").decode("latin-1").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:12]), LONGEST_RETRY_S)
    try:
        until = parsedate_to_datetime(said)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return min(max((until - now).total_seconds(), 0.0), LONGEST_RETRY_S)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _redirected(location: str) -> Verdict:
    if wall := behind(location):
        return Verdict(wall, f"sent to {location}")
    return Verdict(
        "error", f"sent off the card's hosts, not followed: {location or 'no Location'}; if it is the same site, add it to options.hosts"
    )
