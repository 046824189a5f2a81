"""The replica's 12345 mailboxes (design/SOURCES.md §2.4): Beijing's shape, and a neighbour city with an HTML table. Built from public code,
no recorded answer exists. The letters are the posts of the 领导留言板 again; they are answered after three days.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape

from crawlers.replica import pages
from crawlers.replica.boards_and_bridges import COOKIE, JSON, Answer, Asked, intercepted, not_found, said
from crawlers.replica.scenario import Post, Scenario
from warehouse.clock import shanghai

ANSWERED_AFTER = timedelta(days=3)


def _letters(scenario: Scenario, now: datetime) -> list[tuple[str, Post]]:
    everything = enumerate(post for post in scenario.posts if post.outlet == "liuyan")
    shown = [(f"AH{shanghai(post.at, '%y%m%d')}{n:05d}", post) for n, post in everything if post.at <= now]
    return shown[::-1]


def _type(post: Post) -> str:
    return {"建言": "建议", "咨询": "咨询"}.get(
        post.extra.get("type", "建言" if post.title.startswith(("建议", "感谢")) else "投诉"), "投诉"
    )


def beijing(scenario: Scenario, now: datetime, asked: Asked) -> Answer:
    """首都之窗's shape: a page for the cookie, a POSTed list, a page a letter; and the list of 2023, which is JavaScript."""
    name = asked.path.rsplit("/", 1)[-1]
    letters = _letters(scenario, now)
    if name == "com.web.search.mailList.flow":
        return Answer(b"<html><body>mail</body></html>", headers=(("Set-Cookie", f"{COOKIE}; Path=/; HttpOnly"),))
    if name == "com.web.search.mailList.mailList.biz.ext":
        return _mail_list(letters, now, asked) if COOKIE in asked.cookie else intercepted()
    if name.endswith("letterListJson.action"):
        return _mail_list_2023(letters, now, asked)
    found = next((post for own, post in letters if own == asked.query.get("originalId")), None)
    return Answer(_letter_page(found, now).encode()) if found and name.endswith("Detail.flow") else not_found()


def _mail_list(letters: list[tuple[str, Post]], now: datetime, asked: Asked) -> Answer:
    begin, length = int(asked.form.get("PageCond/begin") or 0), int(asked.form.get("PageCond/length") or 6)
    lines = [
        {"original_id": own, "letter_type": _type(post), "letter_title": post.title, "create_date": shanghai(post.at, "%Y-%m-%d"),
         "isReply": now - post.at > ANSWERED_AFTER, "catalog_id": "卫生健康", "org_id": "岚湖市卫生健康委员会"}
        for own, post in letters[begin : begin + length]
    ]  # fmt: skip
    return said({"PageCond": {"count": str(len(letters)), "begin": begin, "length": length}, "mailList": lines})


def _mail_list_2023(letters: list[tuple[str, Post]], now: datetime, asked: Asked) -> Answer:
    page, size = int(asked.query.get("page.pageNo") or 1), int(asked.query.get("page.pageSize") or 6)
    lines = ",".join(
        f"{{letterType:'1',letterTypeName:'{_type(post)}',letterTitle:'{_js(post.title)}',showLetterTitle:'{_js(post.title[:26])}',"
        f"writeDate:'{shanghai(post.at, '%Y-%m-%d')}',showOrgNames:'岚湖市卫生健康委员会',originalId:'{own}'}}"
        for own, post in letters[(page - 1) * size : page * size]
    )
    return Answer(f"{{page:{{pageNo:'{page}',totalCount:'{len(letters)}',pageSize:'{size}'}},result:[{lines}]}}".encode(), JSON)


def _js(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _letter_page(post: Post, now: datetime) -> str:
    answered = post.at + ANSWERED_AFTER
    answer = (
        '<div class="row clearfix my-5 o-border p-2"><div><div><div class="col-xs-9 col-sm-7 col-md-5 o-font4 my-2">'
        f'<span>岚湖市卫生健康委员会</span></div><div class="col-xs-12 col-sm-3 col-md-3 my-2">答复时间：{shanghai(answered, "%Y-%m-%d")}'
        f'</div></div><div class="col-xs-12 col-md-12 column p-4 text-muted my-3">{pages.paragraphs(pages.ANSWERS)}</div></div></div>'
    )
    return (
        f"<!DOCTYPE html><html><head><title>{_type(post)} - 首都之窗式样（constructed）</title></head><body><div class='container'><div>"
        '<div class="row clearfix my-5 o-border p-2"><div class="col-xs-10 col-sm-10 col-md-10 o-font4 my-2">'
        f"<strong>{escape(post.title)}</strong></div>"
        f'<div class="col-xs-10 col-lg-3 col-sm-3 col-md-4 text-muted">来信人：{escape(post.author)}</div>'
        f'<div class="col-xs-5 col-lg-3 col-sm-3 col-md-3 text-muted">时间：{shanghai(post.at, "%Y-%m-%d")}</div>'
        f'<div class="col-xs-12 col-md-12 column p-2 text-muted mx-2">{pages.paragraphs(post.text)}</div></div>'
        f"{answer if answered <= now else ''}</div></div></body></html>"
    )


def table_city(scenario: Scenario, now: datetime, asked: Asked) -> Answer:
    """A city whose mailbox is a table of links, gb18030 bytes without a charset in the header."""
    letters = _letters(scenario, now)[:15]
    if own := asked.query.get("id"):
        found = next((post for name, post in letters if name == own), None)
        if not found:
            return Answer("<html><body><div class='msg'>信件不存在</div></body></html>".encode("gb18030"), "text/html")
        answer = f"<td class='hf'>{escape(pages.ANSWERS)}</td></tr><tr><td>回复单位：卫健委 回复时间：{shanghai(found.at + ANSWERED_AFTER)}"
        head = f"<tr><td>留言人：{escape(found.author)} 留言时间：{shanghai(found.at)}</td></tr>"
        body = f"{head}<tr><td class='nr'>{escape(found.text)}</td></tr>"
        return Answer(f"<html><body><table>{body}<tr>{answer}</td></tr></table></body></html>".encode("gb18030"), "text/html")
    rows = "".join(
        f"<tr><td><a href='letter.jsp?id={own}' title='{escape(post.title)}'>{escape(post.title[:12])}…</a></td>"
        f"<td>{'已回复' if now - post.at > ANSWERED_AFTER else '办理中'}</td><td>{shanghai(post.at, '%Y-%m-%d')}</td></tr>"
        for own, post in letters
    )
    page = f"<html><head><meta charset='gb2312'></head><body><table class='xj'><tr><th>标题</th></tr>{rows}</table></body></html>"
    return Answer(page.encode("gb18030"), "text/html")
