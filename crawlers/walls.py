"""What walls look like: the addresses they send us to, and the pages they put in place of the one we asked for.

Only short pages are judged by what they hold: an article may speak of 验证码, a page that asks for one is short.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import lxml.etree

from crawlers.clean import html_tree


class Verdict(NamedTuple):
    reason: str
    detail: str | None = None


SMALL_PAGE = 60_000  # characters
BARE_PAGE = 400  # characters a reader sees: fewer, and a page holds a message or a script, not an article
SMALL_MESSAGE = 4_000  # characters of JSON

_CAPTCHA_AT = re.compile(
    r"//(?:wappass|captcha|verify|sec)\.|captcha|antispider|seccode|geetest|sec-verify|/unhuman|/verify(?:[/.]|$)", re.I
)
_LOGIN_AT = re.compile(
    r"//(?:passport|login|sso|accounts?|xui\.ptlogin2|ptlogin2|cas)\.|"
    r"/(?:(?:user|member|u)?login|signin|sign_in|sso|passport|cas|qrconnect|visitor)(?:[/.]|$)",
    re.I,
)
_SORRY_AT = re.compile(r"/(?:sorry|waf_?block|blocked|forbidden)(?:[/.]|$)", re.I)

_TITLE = re.compile(r"<title[^>]{0,200}>\s*([^<]*?)\s*</title>", re.I)
_CAPTCHA_TITLE = re.compile(
    r"(?:安全|人机|滑动|滑块|访问|身份|图形)验证|^(?:请?输入)?验证码(?:中间页)?$|^(?:robot check|verify|verification|are you (?:a )?human)",
    re.I,
)
_CAPTCHA_PAGE = re.compile(
    r"您?的?访问过于频繁，|antispider(?:\.min)?\.(?:js|css)|(?:id|name|src|class)=[\"'][^\"']*(?:captcha|geetest|seccode|nc_wrapper|tcaptcha)|"
    r"initGeetest|TencentCaptcha\(|AWSC\.use|wappass\.(?:baidu|bdimg)|(?:拖动|按住|向右滑动)[^<]{0,6}滑块|请?完成[^<]{0,6}(?:滑块|拼图|安全验证)",
    re.I,
)
_CHALLENGE = re.compile(
    r"__jsl_clearance|\$_ts\s*=|window\._cf_chl_opt|/cdn-cgi/challenge-platform|acw_sc__v2|errors\.aliyun\.com|"
    r"对网站造成安全威胁|(?:云锁|安全狗|知道创宇|宝塔|网站)防火墙|waf\.tencent|EO_Bot_Ssid|yunjiasu|"
    r"(?:您|你)的?(?:请求|访问|IP)[^<]{0,12}(?:被阻断|被拦截|已被禁止|被拒绝|被屏蔽)",
    re.I,
)
_CHALLENGE_TITLE = re.compile(r"^(?:405|just a moment|attention required|安全拦截|访问被?(?:阻断|拦截|拒绝|禁止)|请稍候…?$|waf)", re.I)
_LOGIN_TITLE = re.compile(
    r"^(?:用户|账号|会员|请|统一身份认证\S?|单位用户)?(?:登录|登陆|Sign ?in|Log ?in)(?:\W|页面?|$)|通行证|统一身份认证|Sina Visitor System",
    re.I,
)
_BUSY = re.compile(
    r"(?:系统|服务器?|网络|网站|页面)(?:繁忙|正忙|太忙|开小差)|访问(?:人数|量)过[多大]|(?:访问|请求|操作)(?:太|过于|过)频繁|稍[后候]再(?:试|来|访问)"
)
_LOGIN_WORDS = re.compile(
    r"(?:请|需要?|尚未|未|重新)先?(?:登录|登陆)|登[录陆](?:状态|信息)?已?(?:过期|失效)|(?:need|not|please) log(?:ged)? ?in", re.I
)
_CAPTCHA_WORDS = re.compile(r"验证码|滑块|人机验证|安全验证|captcha|geetest", re.I)
_GONE = re.compile(
    r"(?:页面|网页|内容|文章|帖子|信息|链接|微博|资源)[^，。！？<]{0,8}(?:不存在|找不到|已?被?(?:发布者)?删除|已过期|已失效|已下线|走丢)|"
    r"(?:找不到|没有找到)[^，。！？<]{0,8}(?:页面|网页|内容)|^\W*404\W|page not found",
    re.I,
)
_REFRESH = re.compile(r"url\s*=\s*[\"']?([^\"'>\s]+)", re.I)
_SCRIPT_WAY = re.compile(r"location(?:\.href)?\s*=\s*[\"']([^\"']+)[\"']|location\.(?:replace|assign)\(\s*[\"']([^\"']+)[\"']", re.I)
_SAID = ("msg", "message", "error", "errmsg", "error_msg", "errormsg", "info", "reason", "resultdesc", "desc", "errno_msg", "tip", "tips")


def behind(address: str) -> str | None:
    """The wall an address is, by its host and path alone (an article may carry a login page in its query): login_wall, captcha, blocked."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return None
    place = f"//{parts.netloc}{parts.path}"
    for pattern, reason in ((_CAPTCHA_AT, "captcha"), (_LOGIN_AT, "login_wall"), (_SORRY_AT, "blocked")):
        if pattern.search(place):
            return reason
    return None


def disguised(text: str) -> Verdict | None:
    """The wall, or the lack of a page, that a body shows whatever its status says; None if it looks like what was asked for."""
    start = text[:400].lstrip("\ufeff \t\r\n")
    if start.startswith(("{", "[")):
        return _message(text) if len(text) <= SMALL_MESSAGE else None
    if start.lower().startswith(("<?xml", "<rss", "<feed")):
        return None
    if not start.startswith("<"):
        return _plain(text) if len(text) <= BARE_PAGE else None
    return _page(text) if len(text) <= SMALL_PAGE else None


def _page(text: str) -> Verdict | None:
    title = html.unescape(found[1]) if (found := _TITLE.search(text)) else ""
    if _CAPTCHA_TITLE.search(title[:16]) or _CAPTCHA_PAGE.search(text):
        return Verdict("captcha", "a captcha page")
    if _CHALLENGE.search(text) or _CHALLENGE_TITLE.search(title):
        return Verdict("blocked", "a firewall's page or script challenge")
    if _LOGIN_TITLE.search(title[:24]):
        return Verdict("login_wall", "a login page")
    return _bare(text, title)


def _bare(text: str, title: str) -> Verdict | None:
    """A page with next to nothing to read: it sends on, or it says one thing."""
    try:
        page = html_tree(text)
    except (lxml.etree.LxmlError, ValueError, AssertionError):
        return None
    seen = " ".join(" ".join(page.xpath("//body//text()[not(parent::script or parent::style or parent::noscript)]")).split())
    if len(seen) > BARE_PAGE:
        return None
    refreshes = [_REFRESH.search(said[:2000]) for said in page.xpath("//meta[@http-equiv]/@content")]
    scripts = [found for code in page.xpath("//script/text()") for found in _SCRIPT_WAY.finditer(code)]
    ways = [next(filter(None, found.groups()), "") for found in [*refreshes, *scripts] if found]
    for way in ways:
        if wall := behind(way):
            return Verdict(wall, f"the page sends on to {way[:200]}")
    if page.xpath("//input[translate(@type, 'PASWORD', 'pasword') = 'password']"):
        return Verdict("login_wall", "a form that asks for a password")
    return _plain(f"{title} {seen}")


def _plain(said: str) -> Verdict | None:
    if _CAPTCHA_WORDS.search(said) and re.search("请|输入|完成|拖动", said):
        return Verdict("captcha", "a captcha page")
    if busy := _BUSY.search(said):
        return Verdict("blocked", f"a message: {busy[0]}")
    if asked := _LOGIN_WORDS.search(said):
        return Verdict("login_wall", f"a message: {asked[0]}")
    if gone := _GONE.search(said):
        return Verdict("error", f"the page says it is gone: {gone[0].strip()}")
    return None


def _message(text: str) -> Verdict | None:
    """A small JSON object whose message, not its data, speaks of a wall. Weibo says `"ok": -100` to the logged out."""
    try:
        said = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    if said.get("ok") == -100:
        return Verdict("login_wall", "a message: ok -100")
    words = " ".join(_words(said) + [word for part in said.values() if isinstance(part, dict) for word in _words(part)])
    if words and (verdict := _plain(words)) and verdict.reason != "error":
        return verdict
    return None


def _words(said: dict[str, Any]) -> list[str]:
    return [value for key, value in said.items() if str(key).lower() in _SAID and isinstance(value, str)]
