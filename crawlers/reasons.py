"""Why an answer is, or is not, what we asked for: one word of warehouse.vocabulary.FETCH_REASONS for each, and a line for the engineer.

A wall seldom says 403: logged-out Weibo answers 302 to a login host, Sogou a captcha page with HTTP 200; taken for news, both are silence.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Verdict(NamedTuple):
    reason: str
    detail: str | None = None


class NoReading(Exception):
    """A spider understood why an answer holds no items; `reason` is the word for it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


REFUSED = (403, 412, 418, 429, 432, 521)  # 412 and 521: challenges of the firewalls 瑞数 and 加速乐; 432: Weibo to a visitor
SMALL_PAGE = 60_000  # characters; an article may speak of 验证码, a captcha page is short
_LOGIN = re.compile(r"//(?:passport|login|sso|account)s?\.|/(?:login|signin|sign_in|sso|passport)(?:[/.?]|$)", re.IGNORECASE)
_CAPTCHA = re.compile(r"wappass|captcha|antispider|seccode|geetest|sec-verify|/verify(?:[/.?]|$)", re.IGNORECASE)
_SORRY = re.compile(r"/sorry\?", re.IGNORECASE)
_CAPTCHA_PAGE = re.compile(
    r"<title>[^<]{0,12}(?:安全验证|人机验证|滑动验证|访问验证)|<title>\s*(?:请输入)?验证码\s*<|您?的?访问过于频繁|antispider(?:\.min)?\.(?:js|css)|"
    r"(?:id|name|src)=[\"'][^\"']*(?:captcha|geetest|seccode)",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(r"__jsl_clearance|\$_ts\s*=|window\._cf_chl_opt")
_LOGIN_PAGE = re.compile(r"<title>\s*(?:用户|账号|会员|请|统一身份认证\S?)?(?:登录|登陆|Sign ?in|Log ?in)[^<]{0,12}</title>", re.IGNORECASE)


def judge(status: int, text: str, location: str = "") -> Verdict | None:
    """The verdict on an answer nobody needs to parse, or None if it should be read. `location`: target of a redirect not followed."""
    if status == 304:
        return Verdict("not_modified")
    if status in REFUSED:
        return Verdict("blocked", f"HTTP {status}")
    if status == 401:
        return Verdict("login_wall", "HTTP 401")
    if 300 <= status < 400:
        return _redirected(location)
    if status >= 400:
        return Verdict("error", f"HTTP {status}")
    return _disguised(text)


def leads_to_a_wall(url: str) -> bool:
    """A redirect there is an answer, not a way: following it ends in a 404 or an empty page, and the reason is lost."""
    return any(pattern.search(url) for pattern in (_LOGIN, _CAPTCHA, _SORRY))


def _redirected(location: str) -> Verdict:
    if _CAPTCHA.search(location):
        return Verdict("captcha", f"sent to {location}")
    if _LOGIN.search(location):
        return Verdict("login_wall", f"sent to {location}")
    if _SORRY.search(location):
        return Verdict("blocked", f"sent to {location}")
    return Verdict(
        "error", f"sent off the card's hosts, not followed: {location or 'no Location'}; if it is the same site, add it to options.hosts"
    )


def _disguised(text: str) -> Verdict | None:
    if not text.strip():
        return Verdict("format_changed", "the answer has no body")
    if len(text) > SMALL_PAGE or "<" not in text[:200]:
        return None
    if _CAPTCHA_PAGE.search(text):
        return Verdict("captcha", "HTTP 200, but a captcha page")
    if _CHALLENGE.search(text):
        return Verdict("blocked", "HTTP 200, but a firewall's script challenge")
    if _LOGIN_PAGE.search(text):
        return Verdict("login_wall", "HTTP 200, but a login page")
    return None
