"""What the replica's pages look like: posts -> the text of each real format (design/SOURCES.md §2). Pure, and no port or clock in it:
equal posts, equal `now`, equal bytes. Addresses are under lanhu.example, which nobody can own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape
from random import Random
from typing import Any
from urllib.parse import quote

from crawlers.replica.scenario import Post, Scenario
from warehouse.clock import SHANGHAI, shanghai

HOST = "lanhu.example"
ON_A_PAGE = 6
ANSWERS = "您好，您反映的问题已收悉。经转岚湖市卫生健康委员会办理，现将有关情况回复如下：已责成医院核实整改，并与您取得联系。感谢您的监督。"


def number(text: str, digits: int) -> int:
    """A stable number for an invented id."""
    least = int("1" + "0" * (digits - 1))
    return least + int(hashlib.sha256(text.encode()).hexdigest(), 16) % (9 * least)


def address(post: Post) -> str:
    if post.outlet == "weibo":
        return f"https://weibo.{HOST}/{number(post.author, 10)}/Q{post.id.replace('-', '')[:8]}"
    if post.outlet == "tieba":
        return f"https://tieba.{HOST}/p/{number(post.id, 10)}"
    return f"https://{post.outlet}.{HOST}/s/{number(post.id, 12)}"


def gmt(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def markup(text: str) -> str:
    """A post as weibo's HTML: emoji codes are pictures with an alt text, #topics# are links, lines are <br>."""
    topic = rf'<a href="https://s.{HOST}/weibo?q=%23\1%23"><span class="surl-text">#\1#</span></a>'
    said = re.sub(r"#([^#\s]+)#", topic, escape(text, quote=False))
    said = re.sub(r"(\[\w{1,4}\])(?!\()", rf'<span class="url-icon"><img alt="\1" src="https://face.{HOST}/e.png"></span>', said)
    return said.replace("\n", "<br>")


def paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(line, quote=False)}</p>\n" for line in text.split("\n"))


def cdata(text: str) -> str:
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"


def rsshub(title: str, posts: Iterable[Post], now: datetime) -> str:
    """RSSHub /weibo/keyword: the title is the text, a repost quotes its original, counts are in the non-standard <stats>."""
    items = []
    for post in posts:
        plain, body = post.text.replace("\n", " "), markup(post.text)
        if quoted := post.quotes:
            plain += f" - 转发 @{quoted.author}: {quoted.text}".replace("\n", " ")
            body += f'<br><blockquote> - 转发 <a href="{address(quoted)}">@{escape(quoted.author)}</a>: {markup(quoted.text)}</blockquote>'
        reposts, comments, likes = post.counts(now)
        items.append(
            f"<item>\n<title>{escape(plain, quote=False)}</title>\n<description>{cdata(body)}</description>\n<link>{address(post)}</link>\n"
            f'<guid isPermaLink="false">{address(post)}</guid>\n<pubDate>{gmt(post.at)}</pubDate>\n<author>{escape(post.author)}</author>\n'
            f"<stats><reposts_count>{reposts}</reposts_count><comments_count>{comments}</comments_count>"
            f"<attitudes_count>{likes}</attitudes_count></stats>\n</item>\n"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss xmlns:atom="http://www.w3.org/2005/Atom" version="2.0">\n<channel>\n'
        f"<title>{title}</title>\n<link>https://s.{HOST}/</link>\n<description>{title} - Powered by RSSHub</description>\n"
        "<generator>RSSHub</generator>\n"
        f"<language>zh-cn</language>\n<lastBuildDate>{gmt(now)}</lastBuildDate>\n<ttl>5</ttl>\n{''.join(items)}</channel>\n</rss>\n"
    )


def atom(title: str, posts: Iterable[Post], now: datetime) -> str:
    """WeWe-RSS in fulltext mode: the id is the article's id, not an address."""
    entries = "".join(
        f'<entry>\n<title type="html">{cdata(post.title)}</title>\n<id>{number(post.id, 12)}</id>\n<link href="{address(post)}"/>\n'
        f"<updated>{iso(post.at)}</updated>\n<author><name>{escape(post.author)}</name></author>\n"
        f'<content type="html">{cdata(paragraphs(post.text))}</content>\n</entry>\n'
        for post in posts
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n<id>https://wewe.{HOST}/feeds/all.atom</id>\n'
        f"<title>{title}</title>\n<updated>{iso(now)}</updated>\n<generator>WeWe-RSS</generator>\n{entries}</feed>\n"
    )


def json_feed(title: str, posts: Iterable[Post], now: datetime) -> str:
    items = [
        {"id": address(post), "url": address(post), "title": post.title, "content_html": markup(post.text), "date_published": iso(post.at),
         "authors": [{"name": post.author}]}
        for post in posts
    ]  # fmt: skip
    version, home = "https://jsonfeed.org/version/1.1", f"https://tieba.{HOST}/"
    return json.dumps({"version": version, "title": title, "home_page_url": home, "language": "zh-cn", "items": items}, ensure_ascii=False)


def plain_rss(title: str, posts: Iterable[Post], now: datetime) -> str:
    """A local paper's own feed; sent as gb18030 bytes under the label gb2312."""
    items = "".join(
        f"<item><title>{escape(post.title)}</title><link>{address(post)}</link><description>{cdata(paragraphs(post.text))}</description>"
        f"<author>{escape(post.author)}</author><pubDate>{format_datetime(post.at.astimezone(SHANGHAI))}</pubDate></item>\n"
        for post in posts
    )
    return (
        f'<?xml version="1.0" encoding="gb2312"?>\n<rss version="2.0"><channel><title>{title}</title>'
        f"<link>https://wanbao.{HOST}/</link>\n{items}</channel></rss>\n"
    )


def bing(title: str, posts: Iterable[Post], now: datetime) -> str:
    """cn.bing.com format=rss: names of days and months are Chinese, and the first item is the search itself."""
    day = "一二三四五六日"
    items = "".join(
        f"<item><title>{escape(post.title)} - {escape(post.author)}</title><link>{address(post)}</link>"
        f"<description>{escape(post.text[:160])}</description>"
        f"<pubDate>周{day[post.at.weekday()]}, {post.at:%d} {post.at.month}月 {post.at:%Y %H:%M:%S} GMT</pubDate></item>\n"
        for post in posts
    )
    itself = f"<title>{title}</title><link>https://bing.{HOST}/search?q={quote('岚湖 医院')}</link><description>搜索结果</description>"
    return (
        f'<?xml version="1.0" encoding="utf-8" ?><rss version="2.0"><channel>{itself}<copyright>constructed</copyright>\n'
        f"<item>{itself}</item>\n{items}</channel></rss>\n"
    )


FEEDS = {"rsshub": rsshub, "atom": atom, "json": json_feed, "gb2312": plain_rss, "bing": bing}


def article_path(post: Post) -> str:
    return shanghai(post.at, f"%Y%m/t%Y%m%d_{number(post.id, 7)}.html")


def column_page(column: dict[str, Any], posts: list[Post], page: int) -> str:
    """Page `page` (from 0) of a column; past the last one it says so. Dates are the column's own, mostly without a year."""
    here = posts[page * ON_A_PAGE : (page + 1) * ON_A_PAGE]
    rows = "".join(
        f'<li><a href="./{article_path(p)}" title="{escape(p.title)}">{escape(p.title if len(p.title) < 26 else p.title[:25] + "…")}</a>'
        f"<span>{shanghai(p.at, column['date'])}</span></li>\n"
        for p in here
    )
    more = f'<a class="next" href="index_{page + 1}.html">下一页</a>' if len(posts) > (page + 1) * ON_A_PAGE else ""
    nav = '<div class="nav"><a href="/">首页</a> <a href="/private/">内部资料</a></div>'
    return _html(
        column, column["title"], "", f'{nav}\n<ul class="list">\n{rows or "<li>暂无内容</li>"}</ul>\n<div class="page">{more}</div>'
    )


def article_page(column: dict[str, Any], post: Post) -> str:
    """An article with its time to the minute in the page; the government site says it in meta tags as well, as 国办 asks."""
    at, site, title = shanghai(post.at), column["title"].split(" - ")[-1], escape(post.title)
    metas = {
        "wjw": f'<meta name="ArticleTitle" content="{title}">\n<meta name="PubDate" content="{at}">\n'
        f'<meta name="ContentSource" content="{post.author}">\n',
        "xww": f'<meta property="og:title" content="{title}">\n',
    }
    info = f"来源：{escape(post.author)}　发布时间：{at}　浏览次数：{number(post.id, 3)}"
    body = f'<h1>{title}</h1>\n<div class="info">{info}</div>\n<div class="content">\n{paragraphs(post.text)}</div>'
    footer = f'<div class="footer">版权所有 {site}（constructed）</div>'
    return _html(column, f"{title} - {site}", metas.get(column["outlet"], ""), f'<div class="article">\n{body}\n</div>\n{footer}')


def _html(column: dict[str, Any], title: str, metas: str, body: str) -> str:
    label = "gb2312" if column["charset"] == "gb18030" else column["charset"]
    head = f'<meta charset="{label}">\n<title>{title}</title>\n{metas}'
    return f'<!DOCTYPE html>\n<html lang="zh-CN">\n<head>\n{head}</head>\n<body>\n{body}\n</body>\n</html>\n'


def newsnow(scenario: Scenario, board: str, now: datetime) -> str:
    """`/api/s`: 30 titles; ids are numbers on zhihu, no dates on weibo, a raw line break in a string, `cache` on baidu means not fresh."""
    said = scenario.world["boards"]
    hour = now.astimezone(SHANGHAI).strftime("%m%d%H")
    titles: list[str] = Random(f"{scenario.world['seed']}:{board}:{hour}").sample(said["filler"], said["size"])
    placed = ((headline.place(now), headline.title) for headline in scenario.headlines if headline.board == board)
    for place, title in sorted((place, title) for place, title in placed if place):
        if place <= said["size"]:
            titles.insert(place - 1, title)
    items = [_board_item(board, title) for title in titles[: said["size"]]]
    stale = board == "baidu"
    updated = int((now - timedelta(minutes=12 if stale else 0)).timestamp() * 1000)
    body = {"status": "cache" if stale else "success", "id": board, "updatedTime": updated, "items": items}
    return json.dumps(body, ensure_ascii=False).replace("\\n", "\n")


def _board_item(board: str, title: str) -> dict[str, Any]:
    if board == "zhihu":
        native = number(title, 9)
        return {"id": native, "title": title, "url": f"https://zhihu.{HOST}/question/{native}",
                "extra": {"info": f"{number(title, 3)} 万热度", "hover": f"{title}\n欢迎理性讨论"}}  # fmt: skip
    url = f"https://s.{HOST}/weibo?q={quote(f'#{title}#')}" if board == "weibo" else f"https://baidu.{HOST}/s?wd={quote(title)}"
    return {"id": title, "title": title, "url": url, "mobileUrl": url}


def liuyan(scenario: Scenario, now: datetime, last: int, size: int) -> str:
    """领导留言板's H5 list: newest first, the next page starts under the tid `last` (0 = from the top). Built from the field list of
    design/SOURCES.md §2.5, no recording exists."""
    everything = [post for post in scenario.posts if post.outlet == "liuyan"]
    rows = [_thread(23_000_000 + 37 * n, post, scenario.world["forum"], now) for n, post in enumerate(everything) if post.at <= now]
    found = [row for row in reversed(rows) if not last or row["tid"] < last][:size]
    return json.dumps({"result": "success", "resultDesc": "", "responseData": found}, ensure_ascii=False)


def _thread(tid: int, post: Post, forum: dict[str, Any], now: datetime) -> dict[str, Any]:
    age = now - post.at
    answered = age > timedelta(days=3)
    kind = "建言" if post.title.startswith(("建议", "感谢")) else "投诉"
    return {
        "tid": tid, "fid": forum["fid"], "forumName": forum["name"], "subject": post.title, "content": post.text,
        "dateline": int(post.at.timestamp()), "threadsCheckTime": int(post.at.timestamp()) + 600, "domainName": "医疗",
        "typeName": post.extra.get("type", kind), "stateInfo": "已回复" if answered else "办理中" if age > timedelta(days=1) else "待回复",
        "answerId": tid + 1 if answered else None, "answerOrganization": "岚湖市卫生健康委员会" if answered else None,
        "answerContent": ANSWERS if answered else None, "favNum": post.counts(now)[2], "ip": post.region, "nickName": post.author,
        "gradeManner": 4 if answered else None, "gradeSpeed": 3 if answered else None,
    }  # fmt: skip
