"""Parsers of recorded answers on constructed payloads, in the structures of the real ones (design/SOURCES.md §2.7-2.14), every trap of
theirs included. 岚湖市 does not exist, nor does anybody here. What the real samples say is checked in test_parsers_real.py."""

from __future__ import annotations

import copy
import html
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from crawlers.addresses import bilibili_bv, native_id, weibo_mid
from crawlers.items import Item, Origin, Reading, make_item
from crawlers.parsers import PARSERS, read_payload, recognise
from crawlers.parsers.boards import read_board
from crawlers.parsers.weibo_status import is_cut
from crawlers.reasons import NoReading
from warehouse.clock import SHANGHAI, shanghai
from warehouse.vocabulary import FETCH_REASONS, KINDS, PLATFORMS

BASE = datetime(2026, 11, 20, 12, 0, tzinfo=SHANGHAI)
BID, ROOT_BID, UID = "PzxMFDdIO", "Mb2vL5uUH", 2717869081
MID, ROOT = weibo_mid(BID), weibo_mid(ROOT_BID)


def body(payload: Any) -> bytes:
    """Half of a surrogate pair travels as an escape, as sites send it."""
    return payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()


def read(payload: Any, name: str | None = None, about: str | None = None) -> list[Reading]:
    return read_payload(body(payload), BASE, name, about)


def item(reading: Reading) -> Item:
    return make_item(reading, Origin("test", reading.platform or "news", "f" * 16, BASE, "secret"))


def refusal(payload: Any, name: str | None = None) -> tuple[str, str]:
    with pytest.raises(NoReading) as told:
        read(payload, name)
    assert told.value.reason in FETCH_REASONS
    return told.value.reason, told.value.detail


# weibo: JSON ---------------------------------------------------------------------------------------------------------------------------


def user(uid: int = UID, **more: Any) -> dict[str, Any]:
    return {"id": uid, "screen_name": "岚湖路人", "verified": False, "verified_type": -1, "followers_count": "22.7万"} | more


def mblog(**more: Any) -> dict[str, Any]:
    return {
        "created_at": "Fri Nov 20 11:44:46 +0800 2026", "id": MID, "mid": MID, "bid": BID, "source": "iPhone客户端",
        "text": '岚湖一院急诊等了四小时<span class="url-icon"><img alt=[怒] src="//x/d.png" /></span>', "region_name": "发布于 江苏",
        "reposts_count": 12, "comments_count": "1.2万", "attitudes_count": "100万+", "isLongText": False, "user": user(), "pics": [],
    } | more  # fmt: skip


def cards(*found: dict[str, Any]) -> dict[str, Any]:
    return {"ok": 1, "data": {"cards": list(found), "cardlistInfo": {"total": 1}}}


ORIGINAL = {
    "created_at": "11-19", "mid": ROOT, "bid": ROOT_BID, "text": "岚湖一院通报", "user": user(1259570181, verified=True, verified_type=3),
    "reposts_count": 3, "comments_count": 2, "attitudes_count": 1,
}  # fmt: skip


def test_cards_of_both_types_with_counts_emoji_and_region() -> None:
    other = mblog(mid="4607741009594608", id=4607741009594608, bid="K3fnuEfZK", pics={"0": {"url": "x"}}, created_at="2小时前")
    first, second = read(cards({"card_type": 11, "card_group": [{"card_type": 9, "mblog": mblog()}, {"card_type": 4, "desc": "广告"}]},
                               {"card_type": 9, "mblog": other}, {"card_type": 3}))  # fmt: skip
    one = item(first)
    assert (one.text, one.region, one.kind, one.platform) == ("岚湖一院急诊等了四小时[怒]", "江苏", "post", "weibo")
    assert (one.reposts_n, one.comments_n, one.likes_n, one.followers_n, one.author_kind) == (12, 12_000, 1_000_000, 227_000, "personal")
    assert (first.native_id, first.author, first.url) == (MID, str(UID), f"https://weibo.com/{UID}/{BID}")
    assert shanghai(one.published_at or BASE) == "2026-11-20 11:44"
    assert (second.native_id, item(second).published_precision) == ("4607741009594608", "hour")


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("扩散//<a href='/n/岚湖发布'>@岚湖发布</a>:求转", "扩散"),
        ("//@岚湖发布 :求转", ""),
        ("转发微博", ""),
        ("Repost", ""),
        ("见 https://t.cn/A1 //@甲:乙//@丙:丁", "见 https://t.cn/A1"),
        ("回复<a href='/n/甲'>@甲</a>:是真的", "回复@甲:是真的"),
    ],
)
def test_a_repost_has_its_own_words_and_its_original(text: str, own: str) -> None:
    repost, original = read({"ok": 1, "data": mblog(text=text, raw_text=text, retweeted_status=ORIGINAL, pid=4826312651310999)})
    assert (repost.kind, item(repost).text, repost.root, repost.parent) == ("repost", own, ROOT, "4826312651310999")
    assert (original.kind, original.native_id, original.parent, original.author_kind, original.is_verified) == (
        "post",
        ROOT,
        None,
        "media",
        True,
    )
    assert item(original).published_precision == "day"


@pytest.mark.parametrize("gone", [{"user": None, "text": "抱歉，此微博已被作者删除。"}, {"deleted": "1"}])
def test_a_deleted_original_is_no_reading_but_stays_the_root(gone: dict[str, Any]) -> None:
    (repost,) = read(mblog(text="转发微博", retweeted_status=ORIGINAL | gone))
    assert (repost.kind, repost.root, repost.text) == ("repost", ROOT, "")


def test_a_cut_text_is_flagged_and_the_long_text_preferred() -> None:
    shown = '岚湖一院急诊等了四小时，之后...<a href="/status/4607741009594608">全文</a>'
    (cut,) = read(mblog(text=shown, isLongText=True))
    assert is_cut(cut)
    assert item(cut).text == "岚湖一院急诊等了四小时，之后…全文"
    (whole,) = read(mblog(text=shown, isLongText=True, longText={"longTextContent": "岚湖一院急诊等了四小时，之后才有人来。"}))
    assert not is_cut(whole)
    assert whole.text.endswith("有人来。")
    (pc,) = read(mblog(text='岚湖 ​​​ ...<span class="expand">展开</span>', mblogid=BID))
    assert item(pc).text == "岚湖…全文"


def test_the_long_text_belongs_to_the_post_of_the_request() -> None:
    payload = {"ok": 1, "data": {"ok": 1, "longTextContent": "很长的正文", "reposts_count": 1, "comments_count": 2, "attitudes_count": 3}}
    (long,) = read(payload, about=MID)
    assert (long.native_id, long.text, long.likes) == (MID, "很长的正文", 3)
    assert refusal({"ok": 1, "data": {}})[0] == "empty_confirmed"


def test_comments_old_hotflow_and_pc() -> None:
    entry = {
        "id": 4383932071637949,
        "created_at": "刚刚",
        "source": "",
        "user": user(followers_count=38),
        "text": "是真的吗",
        "like_counts": 0,
    }
    hot = entry | {"id": 4383184256927204, "created_at": "06-14", "reply_id": 4383928213171598}
    old = read({"ok": 1, "data": {"data": [entry, hot], "hot_data": [hot], "total_number": 2, "max": 1}}, about=MID)
    assert [(c.native_id, c.kind, c.parent, c.root) for c in old] == [
        ("4383932071637949", "comment", MID, MID), ("4383184256927204", "comment", "4383928213171598", MID)
    ]  # fmt: skip
    reply = {
        "id": "4383191449773449",
        "rootid": "4383183984547669",
        "text": "回复<a>@甲</a>:嗯",
        "created_at": "Fri Nov 20 11:09:00 +0800 2026",
    }
    top = {"id": "4383183984547669", "rootid": "4383183984547669", "floor_number": 9, "text": "等了[泪]", "like_count": "1.2万",
           "user": user(),
           "total_number": 143, "created_at": "Fri Nov 20 11:00:00 +0800 2026", "source": "来自河南", "comments": [reply]}  # fmt: skip
    lone = top | {"id": "4383183984547670", "rootid": "4383183984547670", "comments": False, "source": "河南移动版客户端"}
    flow = read({"ok": 1, "data": {"data": [top, lone], "total_number": 3, "max_id": 0}}, about=MID)
    assert [(c.parent, c.root) for c in flow] == [(MID, MID), ("4383183984547669", MID), (MID, MID)]
    assert (item(flow[0]).region, item(flow[0]).likes_n, item(flow[2]).region, flow[0].comments) == ("河南", 12_000, None, 143)
    pc = read({"ok": 1, "data": [top | {"text_raw": "等了[泪]", "comments": []}], "rootComment": [], "max_id": 0, "total_number": 1})
    assert [(c.kind, c.root) for c in pc] == [("comment", None)]


def test_reposts_of_2018_and_of_the_pc_site() -> None:
    old = {"id": 4237170380036347, "raw_text": "转发微博", "text": "转发微博", "created_at": "刚刚", "user": user(), "like_counts": 0}
    (repost,) = read({"ok": 1, "data": {"data": [old], "total_number": 1, "hot_total_number": 0, "max": 1}}, about=ROOT)
    assert (repost.kind, repost.text, repost.parent, repost.root) == ("repost", "", ROOT, ROOT)
    new = mblog(mblogid=BID, text_raw="扩散", retweeted_status=ORIGINAL)
    listed = read({"ok": 1, "data": [new, new | {"mid": "4607741009594608", "mblogid": "K3fnuEfZK"}], "total_number": 2, "max_page": 1})
    assert [(r.kind, r.root) for r in listed] == [("repost", ROOT), ("post", None), ("repost", ROOT)]  # the original once
    assert [r.kind for r in read({"ok": 1, "data": {"list": [mblog(mblogid=BID)], "since_id": ""}})] == ["post"]


def test_the_detail_page_and_a_bare_status() -> None:
    page = f"<html><script>var $render_data = [{json.dumps({'status': mblog()})}][0] || {{}};</script></html>"
    assert read(page)[0].native_id == read(mblog())[0].native_id == MID


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"ok": -100, "url": "https://passport.weibo.cn/signin/login"}, "login_wall"),
        ({"ok": 0, "msg": "这里还没有内容", "data": {"cards": []}}, "empty_confirmed"),
        ({"ok": 0, "msg": "快来发表你的评论吧"}, "empty_confirmed"),
        ({"ok": 0, "message": "微博不存在或暂无查看权限!"}, "empty_confirmed"),
        ({"ok": 0, "errno": "100005", "msg": "请求过于频繁,歇歇吧"}, "blocked"),
        ({"ok": 0, "msg": "请先登录后再试"}, "login_wall"),
        ({"ok": 0}, "error"),
        (cards(), "empty_confirmed"),
        (cards({"card_type": 11, "card_group": [{"card_type": 58, "desc": "抱歉，未找到“岚湖”相关结果。"}]}), "empty_confirmed"),
        (cards({"card_type": 161, "status_v2": mblog(text="还没有人管")}), "format_changed"),
        (cards({"card_type": 9, "mblog": {"content": "x"}}), "format_changed"),
        ({"ok": 1, "data": {"userInfo": {"id": UID}, "tabsInfo": {}}}, "empty_confirmed"),
        ({"ok": 1, "data": {"data": [], "total_number": 0}}, "empty_confirmed"),
        ({"ok": 1, "data": {"feeds": []}}, "format_changed"),
        ({"ok": 1, "data": 7}, "format_changed"),
    ],
)
def test_what_weibo_says_instead(payload: Any, reason: str) -> None:
    assert refusal(payload)[0] == reason


def test_one_bad_entry_does_not_lose_the_others() -> None:
    fine = {"card_type": 9, "mblog": mblog()}
    bad = {"card_type": 9, "mblog": {"text": "无号"}}
    assert [r.native_id for r in read(cards(fine, bad, {"card_type": 9, "mblog": mblog(mid="4607741009594608")}))] == [
        MID,
        "4607741009594608",
    ]
    reason, detail = refusal(cards(fine, bad, bad))
    assert (reason, "2 of 3" in detail) == ("format_changed", True)
    (kept,) = read(mblog(text="见下", retweeted_status={"user": {}, "text": "无号的原文"}))  # nor does a bad original
    assert kept.text == "见下"


def test_halves_of_surrogates_and_numbers_for_ids() -> None:
    (status,) = read(mblog(mid=4607741009594608, text="岚湖\ud83d", user=user(screen_name="\ud83d", id=None)))
    assert (status.native_id, item(status).text, status.author) == ("4607741009594608", "岚湖", None)


# weibo: pages --------------------------------------------------------------------------------------------------------------------------

CARD_2018 = """<div class="card-wrap" action-type="feed_list_item" mid="{mid}"><div class="card"><div class="card-feed"><div
 class="content">
<div class="info"><div class="menu"><a href="javascript:void(0);">投诉 rid={mid}</a></div><div>
<a href="//weibo.com/6336410207?refer_flag=1001030103_" class="name" nick-name="岚湖本">岚湖本</a>{badge}</div></div>
<p class="txt" node-type="feed_list_content" nick-name="岚湖本">
 <a href="http://huati.weibo.com/k/x"><i class="wbicon">&#xe627;</i>岚湖</a>\u200b一院<em class="s-color-red">急诊</em>等了四小时
 <img src="//x.png" title="[怒]" alt="[怒]" class="face" />{unfold}</p>{full}{forwarded}
<p class="from" ><a href="//weibo.com/6336410207/{bid}?refer_flag=1001030103_" suda-data="q:1|mpos:1">
 {when} </a> 来自 <a href="http://weibo.com/" rel="nofollow">iPhone客户端</a></p></div></div>
<div class="card-act"><ul><!--<li><a action-type="feed_list_favorite">收藏</a></li>-->
<li><a action-data="allowForward=1&mid={mid}&name=甲&uid=6336410207" action-type="feed_list_forward">转发{reposts}</a></li>
<li><a action-data="pageid=weibo&amp;x=3" action-type="feed_list_comment">评论{comments}</a></li>
<li><a title="赞" action-data="mid={mid}" action-type="feed_list_like"><i class="icon-act icon-act-praise"></i> <em>{likes}</em></a></li>
</ul></div></div></div>"""
BLOCK = """<div class="card-comment" node-type="feed_list_forwardContent"><div class="con"><div node-type="feed_list_forwardContent">
<a href="//weibo.com/1259570181" nick-name="岚湖发布">@岚湖发布</a>
<p class="txt" node-type="feed_list_content" nick-name="岚湖发布">岚湖一院通报</p>
<p class="from"><a href="//weibo.com/1259570181/{bid}?refer_flag=1">11月19日 08:15 &nbsp;转赞人数超过10</a> 来自 网页</p></div>
<div class="func"><ul class="act s-fr"><li><a href="#">转发 12</a></li><li><a href="#">评论 3</a></li>
<li><a action-data="mid={mid}" action-type="feed_list_like"><i class="icon-act
 icon-act-praise"></i><em>9</em></a></li></ul></div></div></div>"""
CARD_2021 = """<div class="card-wrap" action-type="feed_list_item" mid="{mid}"><div class="card"><div class="card-feed"><div class="avator">
<svg id="woo_svg_vblue"></svg></div><div class="content"><div class="info"><div></div><div><a href="//weibo.com/2717869081" class="name"
 nick-name="岚湖本">岚湖本</a></div></div>
<div class="from"><a href="//weibo.com/2717869081/{bid}?refer_flag=1">今天 08:15</a> 来自 <a>微博网页版</a> 发布于 河南</div>
<p class="txt" node-type="feed_list_content">岚湖一院...<a action-type="fl_unfold">展开<i class="wbicon">c</i></a></p>
<p class="txt" node-type="feed_list_content_full" style="display: none">岚湖一院急诊等了四小时<a action-type="fl_fold">收起<i
 class="wbicon">d</i></a></p>
</div></div><div class="card-act"><ul><!--<li>收藏</li>-->
<li><a action-type="feed_list_forward"><i class="woo-font woo-font--retweet"></i> 转发</a></li>
<li><a action-type="feed_list_comment"><i class="woo-font"></i> 1.2万</a></li>
<li><a title="赞" action-type="feed_list_like"><button class="woo-like-main"><span class="woo-like-iconWrap"></span>
<span class="woo-like-count">赞</span></button></a></li></ul></div></div></div>"""


def results(*found: str) -> str:
    return f'<html><head><title>微博搜索</title></head><body><div id="pl_feedlist_index">{"".join(found)}</div></body></html>'


def card_2018(**more: str) -> str:
    parts = {"mid": MID, "bid": BID, "badge": "", "unfold": "", "full": "", "forwarded": "", "when": "32分钟前", "reposts": " 28",
             "comments": "",
             "likes": ""} | more  # fmt: skip
    return CARD_2018.format(**parts)


def test_search_card_of_2018() -> None:
    (hit,) = read(results(card_2018()))
    one = item(hit)
    assert one.text == "岚湖一院急诊等了四小时\n[怒]"  # no U+E627, no U+200B
    assert (one.reposts_n, one.comments_n, one.likes_n) == (28, 0, 0)  # a word, or nothing, for zero; no digits of mid
    assert (hit.native_id, hit.author, hit.url, hit.kind) == (MID, "6336410207", f"https://weibo.com/6336410207/{BID}", "post")
    assert (shanghai(one.published_at or BASE), one.is_verified) == ("2026-11-20 11:28", False)


def test_search_card_of_2021_and_its_folded_text() -> None:
    (hit,) = read(results(CARD_2021.format(mid=MID, bid=BID)))
    one = item(hit)
    assert (one.text, one.region, one.is_verified) == ("岚湖一院急诊等了四小时", "河南", True)
    assert (one.reposts_n, one.comments_n, one.likes_n) == (0, 12_000, 0)
    assert shanghai(one.published_at or BASE) == "2026-11-20 08:15"


def test_search_text_that_is_only_shown_in_part() -> None:
    (hit,) = read(results(card_2018(unfold='...<a action-type="fl_unfold">展开全文<i class="wbicon">c</i></a>')))
    assert is_cut(hit)
    assert "展开" not in hit.text


def test_search_repost_with_its_block_and_a_deleted_one() -> None:
    repost, original = read(results(card_2018(forwarded=BLOCK.format(bid=ROOT_BID, mid=ROOT), likes="7")))
    assert (repost.kind, repost.parent, item(repost).reposts_n, item(repost).likes_n) == ("repost", ROOT, 28, 7)
    one = item(original)
    assert (original.native_id, original.author, one.text) == (ROOT, "1259570181", "岚湖一院通报")
    assert (one.reposts_n, one.comments_n, one.likes_n, shanghai(one.published_at or BASE)) == (12, 3, 9, "2026-11-19 08:15")
    gone = '<div class="card-comment"><p class="txt" node-type="feed_list_content">抱歉，作者已设置仅展示半年内微博</p></div>'
    (alone,) = read(results(card_2018(forwarded=gone)))
    assert (alone.kind, alone.root) == ("repost", None)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (results('<div class="card card-no-result s-pt20b40"><p>抱歉，未找到相关结果。</p></div>'), "empty_confirmed"),
        (results('<div class="card card-no-result"></div>', card_2018()), "empty_confirmed"),  # what it recommends instead is no hit
        ("<html><head><title>Sina Visitor System</title></head><body></body></html>", "login_wall"),
        (results("<script>$CONFIG['islogin'] = '0';</script>"), "login_wall"),
        (results('<div class="card-wrap"><h2>新的样子</h2></div>'), "format_changed"),
        ("<html><title>安全验证</title><body>feed_list_item</body></html>", "captcha"),
    ],
)
def test_search_pages_without_hits(page: str, reason: str) -> None:
    assert refusal(page, "weibo_search")[0] == reason


CN_POST = """<div class="c" id="M_{bid}"><div>{head}<span class="ctt">岚湖一院急诊<img alt="[怒]" src="x"/>...<a
 href='/comment/{bid}?ckAll=1'>全文</a>
</span></div><div>{reason}<a href="https://weibo.cn/attitude/{bid}/add?uid=3113276555">赞[692092]</a>&nbsp;
<a href="https://weibo.cn/repost/{bid}?uid=2717869081&amp;rl=0">转发[1000000]</a>&nbsp;
<a href="https://weibo.cn/comment/{bid}?uid=2717869081#cmtfrm" class="cc">评论[0]</a><!---->&nbsp;
<span class="ct">11月19日 11:13&nbsp;来自绿洲APP</span></div></div>"""
CN_FORWARD = '<span class="cmt">转发了&nbsp;<a href="https://weibo.cn/u/1259570181">岚湖发布</a>&nbsp;的微博:</span>'
CN_REASON = f"""<span class="cmt">赞[9]</span>&nbsp;<span class="cmt">原文转发[12]</span>&nbsp;
<a href="https://weibo.cn/comment/{ROOT_BID}?rl=0#cmtfrm" class="cc">原文评论[3]</a></div><div><span
 class="cmt">转发理由:</span>等了[泪]//<a
 href="/n/x">@甲</a>:乙&nbsp;&nbsp;<br />"""


def cn_page(inside: str, title: str = "岚湖路人的微博") -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE html><html><head><title>{title}</title></head><body>{inside}</body></html>'


def test_old_mobile_site_posts_and_reposts() -> None:
    plain, repost, original = read(cn_page(CN_POST.format(bid=BID, head="", reason="")
                                           + CN_POST.format(bid="K3fnuEfZK", head=CN_FORWARD, reason=CN_REASON)))  # fmt: skip
    assert (plain.native_id, item(plain).text, item(plain).region) == (MID, "岚湖一院急诊[怒]…全文", None)
    assert (item(plain).reposts_n, item(plain).comments_n, item(plain).likes_n) == (1_000_000, 0, 692_092)
    assert shanghai(item(plain).published_at or BASE) == "2026-11-19 11:13"
    assert (repost.kind, item(repost).text, repost.parent, item(repost).reposts_n) == ("repost", "等了[泪]", ROOT, 1_000_000)
    assert (original.native_id, original.author, item(original).reposts_n, item(original).likes_n) == (ROOT, "1259570181", 12, 9)


def test_old_mobile_site_comments() -> None:
    said = ('<div class="c" id="C_{id}"><a href="/luxchina">甲</a>:<span class="ctt">{text}</span><a '
            'href="/spam/?cid={id}&amp;fuid=2184967550">'
            '举报</a><span class="cc"><a href="/attitude/x/update">赞[18737]</a></span><span class="ct">{when}</span></div>')  # fmt: skip
    page = cn_page(CN_POST.format(bid="", head="", reason="").replace("//weibo.cn/repost/?uid", f"//weibo.cn/repost/{BID}?uid")
                   + said.format(id="4512413737386822", text="真的", when="2026-11-20 11:12:14&nbsp;来自来自河南")
                   + said.format(id="4512413737386822", text="真的", when="2026-11-20 11:12:14&nbsp;网页")
                   + said.format(id="4512413737386823", text="//<a>@甲</a>:x", when="刚刚&nbsp;来自iPhone"), "评论列表")  # fmt: skip
    post, first, second = read(page)  # the hot comment is listed twice
    assert (post.native_id, item(post).reposts_n) == (MID, 1_000_000)
    assert (first.parent, first.root, first.author, item(first).likes_n, item(first).region) == (MID, MID, "2184967550", 18_737, "河南")
    assert (second.text, item(second).region, item(second).published_precision) == ("", None, "minute")


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (cn_page("<div class='c'>性别:女</div>", "岚湖路人的资料"), "empty_confirmed"),
        (cn_page("<div class='c'>新的样子</div>"), "format_changed"),
        (cn_page("<form action='/login'></form>", "登录 - 新浪微博"), "login_wall"),
    ],
)
def test_old_mobile_site_without_posts(page: str, reason: str) -> None:
    assert refusal(page, "weibo_cn")[0] == reason


# weibo: other people's files -----------------------------------------------------------------------------------------------------------


def test_crawler_output_as_object_and_as_lines() -> None:
    row = {"crawl_time": 1, "_id": MID, "mblogid": BID, "created_at": "2026-11-19 15:54:27", "ip_location": "发布于 云南",
           "reposts_count": 1,
           "comments_count": 2, "attitudes_count": 3, "content": "扩散//@甲:乙", "url": f"https://weibo.com/{UID}/{BID}",
           "user": {"_id": str(UID), "nick_name": "甲", "verified": True, "verified_type": 1}}  # fmt: skip
    comment = {"_id": 4826279188108038, "created_at": "2026-11-19 13:41:29", "like_counts": 1, "ip_location": "来自河南", "content": "嗯",
               "comment_user": {"_id": "2380967841", "followers_count": 238}}  # fmt: skip
    (repost,) = read(row)
    assert (repost.kind, repost.text, item(repost).region, repost.author_kind, repost.likes) == ("repost", "扩散", "云南", "government", 3)
    both = read("\n".join(json.dumps(line, ensure_ascii=False) for line in (row, comment)))
    assert [(r.kind, r.native_id, r.followers) for r in both] == [("repost", MID, None), ("comment", "4826279188108038", 238)]


def test_cascade_with_the_original_from_its_file_name() -> None:
    rows = [{"kids": [], "uid": "2716231931", "parent": "K3fnuEfZK", "text": "", "mid": BID, "date": "2012-11-28 07:38:05"},
            {"kids": [BID], "uid": "yellowyet", "parent": "", "text": "转发微博", "mid": "K3fnuEfZK",
             "date": "2012-10-10 13:41:39"}]  # fmt: skip
    first, second = read(rows, about=ROOT)
    assert (first.parent, first.root, second.parent, second.root) == ("4607741009594608", ROOT, ROOT, ROOT)
    assert (first.text, second.text, first.native_id) == ("", "", MID)
    (original,
     ) = read({"multi": None, "text": "十万火急", "user": {"verified": True, "followers": 9, "location": "上海"}, "time": 1349756254,
                        "reposts": 113, "comments": 20, "likes": 0}, about=ROOT)  # fmt: skip
    assert (original.native_id, original.reposts, item(original).region) == (ROOT, 113, "上海")


# tieba ---------------------------------------------------------------------------------------------------------------------------------


def test_tieba_search_of_2026() -> None:
    data = {
        "tid": "10559655942",
        "title": "岚湖一院",
        "content": "急诊等了四小时",
        "time": 1773552643,
        "user": {"show_nickname": "甲"},
        "post_num": 19,
    }
    payload = {
        "no": 0,
        "error": "success",
        "data": {"card_list": [{"cardInfo": "related_user", "data": {}}, {"cardInfo": "thread", "data": data}]},
    }
    (thread,) = read(payload)
    assert (thread.native_id, thread.title, thread.comments, thread.author) == ("10559655942", "岚湖一院", 19, "甲")
    assert native_id("tieba", thread.url or "") == "10559655942"
    assert refusal({"no": 0, "data": {"card_list": []}})[0] == "empty_confirmed"
    assert refusal({"no": 1990055, "error": "用户未登录"})[0] == "login_wall"
    assert refusal({"no": 0, "error": "success", "data": {"cards": []}})[0] == "format_changed"


def test_tieba_thread_of_2026() -> None:
    reply = {"id": 153154099999, "author_id": 2, "time": 1769953000, "content": [{"type": 0, "text": "嗯"}]}
    payload = {
        "error_code": 0, "thread": {"id": 10451142633, "title": "岚湖一院", "reply_num": 15, "create_time": 1769951446},
        "forum": {"id": 1, "name": "岚湖"}, "page": {"total_page": 1},
        "first_floor": {"id": 153154064746, "author_id": 1, "time": 1769951446,
                        "content": [{"type": 0, "text": "等了"}, {"type": 2, "text": "image_emoticon25", "c": "滑稽"}]},
        "post_list": [{"id": 153154064746, "author_id": 1, "time": 1769951446, "content": []},
                      {"id": 153154097267, "author_id": 2, "time": 1769952062, "content": [{"type": 0, "text": "真的"}],
                       "sub_post_number": 4,
                       "sub_post_list": {"sub_post_list": [reply]}}],
        "user_list": [{"id": 1, "portrait": "tb.1.a?t=17", "ip_address": "广东"}, {"id": 2, "portrait": "tb.1.b", "ip_address": "河北"}],
    }  # fmt: skip
    opening, floor, under = read(payload)
    assert (opening.kind, opening.native_id, item(opening).text, opening.comments, opening.author) == (
        "post",
        "10451142633",
        "等了[滑稽]",
        15,
        "tb.1.a",
    )
    assert (floor.kind, floor.native_id, floor.parent, floor.comments, item(floor).region) == (
        "comment",
        "153154097267",
        "10451142633",
        4,
        "河北",
    )
    assert (under.parent, under.root) == ("153154097267", "10451142633")


def floor(
    pid: int, number: int, more: str = "", escape: str = "once", content: dict[str, Any] | None = None, text: str = "等了四小时"
) -> str:
    data = {"author": {"user_id": 1, "user_name": "", "portrait": "tb.1.e6c9?t=1"}, "content": {
        "post_id": pid, "thread_id": 7001292227, "content": "x&lt;br&gt;", "post_no": number,
        "comment_num": 2} | (content or {})}  # fmt: skip
    field = html.escape(json.dumps(data))
    field = html.escape(field) if escape == "twice" else field
    return f'<div class="l_post j_l_post" data-field="{field}" data-pid="{pid}"><div id="post_content_{pid}">{text}</div>{more}</div>'


TAIL = ('<div class="post-tail-wrap"><span>IP属地:河南</span><span class="tail-info">来自Android</span><span class="tail-info">2楼</span>'
        '<span class="tail-info">2026-11-19 20:43</span></div>')  # fmt: skip
SINGLE = ("<li class='lzl_single_post j_lzl_s_p' data-field=\"{'pid':'2','spid':'150726735994','portrait':'tb.1.85','showname':'甲'}\">"
          "<span class='lzl_content_main'>嗯</span><span class='lzl_time'>2026-11-19&nbsp;22:55</span></li>")  # fmt: skip
DOUBLE = ('<li class="lzl_single_post" data-field=\'{&quot;spid&quot;:150726504693,&quot;portrait&quot;:&quot;tb.1.b0&quot;}\'>'
          '<span class="lzl_content_main">对</span><span class="lzl_time">2026-11-19 22:11</span></li>')  # fmt: skip
ADVERT = (
    '<div class="l_post j_l_post" ad-dom-img="true" '
    'data-field="{&quot;content&quot;:{&quot;post_id&quot;:9,&quot;post_no&quot;:3}}">广告</div>'
)


def thread_page(*floors: str) -> str:
    return (f"<html><head><title>岚湖一院急诊_岚湖吧_百度贴吧</title></head><body>{''.join(floors)}<script>thread_id:7001292227, "
            f"reply_num:6</script>"
            '<ul><li class="l_reply_num"><span>5</span>回复贴，共<span>1</span>页</li></ul></body></html>')  # fmt: skip


@pytest.mark.parametrize("escape", ["once", "twice"])
def test_tieba_floors_replies_and_advertisements(escape: str) -> None:
    page = thread_page(
        floor(1, 1, TAIL, escape, text="等了<br>四小时<div class='replace_tip'>点击展开</div>"), ADVERT, floor(2, 2, TAIL + SINGLE, escape)
    )
    opening, second, reply = read(page)
    assert (opening.native_id, opening.title, opening.comments, opening.author) == ("7001292227", "岚湖一院急诊", "5", "tb.1.e6c9")
    assert (item(opening).text, item(opening).region, shanghai(item(opening).published_at or BASE)) == (
        "等了\n四小时",
        "河南",
        "2026-11-19 20:43",
    )
    assert (second.kind, second.native_id, second.parent, second.comments) == ("comment", "2", "7001292227", 2)
    assert (reply.native_id, reply.parent, reply.root, reply.author) == ("150726735994", "2", "7001292227", "tb.1.85")
    assert shanghai(item(reply).published_at or BASE) == "2026-11-19 22:55"


def test_tieba_floors_of_the_older_shape() -> None:
    """No thread_id in data-field, the time in it instead of under the floor."""
    old = {"thread_id": None, "date": "2026-11-18 16:25"}
    opening, second = read(thread_page(floor(1, 1, content=old), floor(2, 3, content=old)))
    assert (opening.native_id, second.root, shanghai(item(second).published_at or BASE)) == ("7001292227", "7001292227", "2026-11-18 16:25")


def test_tieba_replies_alone() -> None:
    (reply,) = read(f"<ul>{DOUBLE}</ul>", about="9119688421")
    assert (reply.native_id, reply.root, reply.text) == ("150726504693", "9119688421", "对")


def test_tieba_forum_list_in_a_comment_and_gbk_search_results() -> None:
    data = html.escape(json.dumps({"id": 9079949995, "author_name": "甲", "author_portrait": "tb.1.91", "reply_num": 18}))
    entry = (f"<li class=' j_thread_list clearfix' data-field='{data}' data-floor='1''><a class='j_th_tit ' title='岚湖一院'>岚湖一院</a>"
             "<div class='threadlist_abs'> 等了四小时 </div><span class='is_show_create_time'>11-6</span></li>")  # fmt: skip
    listed = read(f'<html><title>岚湖吧_百度贴吧</title><code id="x" style="display:none;"><!--<ul>{entry}</ul>--></code></html>')
    assert [(r.native_id, r.title, item(r).text, r.comments, item(r).published_precision) for r in listed] == [
        ("9079949995", "岚湖一院", "等了四小时", 18, "day")
    ]
    hit = ('<div class="s_post"><span class="p_title"><a data-tid="9117888152" '
           'href="/p/9117888152?pid=150718967291&amp;cid=0#1">{}</a></span>'
           '<div class="p_content">等了<em>急诊</em></div>贴吧：<a class="p_forum" href="/f?kw=%CE%E4%BA%BA">x</a>作者：<a '
           'href="/home/main?un=%CE%E4%BA%BA">昵称</a> <font class="p_green p_date">2026-11-05 16:45</font></div>')  # fmt: skip
    thread, reply = read_payload((hit.format("岚湖一院") + hit.format("回复：岚湖一院")).encode("gb18030"), BASE)
    assert (thread.kind, thread.native_id, thread.author, item(thread).text) == ("post", "9117888152", "武汉", "等了急诊")
    assert (reply.kind, reply.native_id, reply.parent) == ("comment", "150718967291", "9117888152")


def test_tieba_cards_of_2026_as_drawn() -> None:
    (card,
     ) = read('<div class="threadcardclass thread-new3"><a class="action-link-bg" href="https://tieba.baidu.com/p/10559655942?fr=x"></a>'
                   '<span class="forum-attention user">甲</span><span>发布于 2026-3-15</span><div class="title-wrap">岚湖一院</div>'
                   '<div class="abstract-wrap">等了</div><a class="comment-link-zone"><span '
                   'class="action-number">19</span></a></div>')  # fmt: skip
    assert (card.native_id, card.published, card.comments, card.title) == ("10559655942", "2026-3-15", "19", "岚湖一院")


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("<html><title>百度安全验证</title></html>", "captcha"),
        ("<html><title>贴吧404</title><body>很抱歉，该贴已被删除。</body></html>", "empty_confirmed"),
        ("<html><body><p>抱歉，没有找到与“岚湖”相关的结果</p></body></html>", "empty_confirmed"),
        ("<html><body><div class='new-shape'>一楼</div></body></html>", "format_changed"),
        ("<html><body><script>var t = '帖子不存在';</script><div class='new-shape'>一楼</div></body></html>", "format_changed"),
        (thread_page(ADVERT), "format_changed"),
    ],
)
def test_tieba_pages_without_readings(page: str, reason: str) -> None:
    assert refusal(page, "tieba_html")[0] == reason


# zhihu ---------------------------------------------------------------------------------------------------------------------------------

HOT = {"type": "hot_list_feed", "card_id": "Q_1901192719428182699", "feed_specific": {"answer_count": 2648}, "target": {
    "title_area": {"text": "如何看待岚湖一院？"}, "excerpt_area": {"text": "[视频]"}, "metrics_area": {"text": "1382 万热度"},
    "link": {"url": "https://www.zhihu.com/question/1901192719428182699"}}}  # fmt: skip


def initial(data: list[Any]) -> str:
    state = json.dumps({"initialState": {"topsearch": {"data": data}}}, ensure_ascii=False)
    return f'<!doctype html><html><body><script id="js-initialData" type="text/json">{state}</script></body></html>'


def test_zhihu_hot_list_and_hot_searches() -> None:
    first, second = (
        item(r) for r in read({"data": [HOT, HOT | {"card_id": "Q_23273243"}], "paging": {"is_end": True}, "fresh_text": "热榜已更新"})
    )
    assert (first.kind, first.board_rank, second.board_rank, first.heat, first.comments_n) == ("title", 1, 2, 13_820_000.0, 2648)
    assert (first.title, first.text) == ("如何看待岚湖一院？", "如何看待岚湖一院？")  # a placeholder is no excerpt
    (word,) = read(initial([{"queryDisplay": "岚湖一院", "queryDescription": "急诊"}]))
    assert (word.kind, word.board_rank, word.title) == ("title", 1, "岚湖一院")


def test_zhihu_silence_with_http_200_is_told() -> None:
    assert refusal(initial([]))[0] == "format_changed"
    assert refusal({"data": [], "paging": {}, "fresh_text": "热榜已更新"})[0] == "format_changed"


def test_zhihu_search_and_comments() -> None:
    answer = {"type": "search_result", "highlight": {"title": "<em>岚湖</em>"}, "object": {
        "id": "1234567", "type": "answer", "question": {"id": "7654321", "name": "如何看待<em>岚湖</em>一院"}, "content": "<p>等了</p>",
        "created_time": 1773552643, "comment_count": 3, "voteup_count": 9,
        "author": {"id": "u1", "name": "甲", "follower_count": 7}}}  # fmt: skip
    article = {
        "type": "search_result",
        "object": {"id": 99887766, "type": "article", "title": "通报", "excerpt": "文", "author": {"name": "乙"}},
    }
    first, second = read({"paging": {}, "data": [answer, article, {"type": "relevant_query", "query_list": []}]})
    assert (first.native_id, first.parent, first.likes, item(first).title) == ("answer/1234567", "question/7654321", 9, "如何看待岚湖一院")
    assert native_id("zhihu", first.url or "") == first.native_id
    assert (second.native_id, second.kind, native_id("zhihu", second.url or "")) == ("p/99887766", "article", "p/99887766")
    child = {"id": "10", "content": "嗯", "created_time": 1773552700, "reply_comment_id": "9", "author": {"id": "u3"}}
    top = {"id": "9", "content": "<p>真的</p>", "created_time": 1773552643, "like_count": 4, "child_comment_count": 1,
           "author": {"id": "u2"},
           "comment_tag": [{"type": "ip_info", "text": "广东"}], "child_comments": [child]}  # fmt: skip
    one, two = read({"paging": {"is_end": True}, "data": [top], "counts": {"total_counts": 2}}, about="answer/1234567")
    assert (one.kind, one.parent, one.root, item(one).region) == ("comment", "answer/1234567", "answer/1234567", "广东")
    assert (two.parent, two.root) == ("9", "answer/1234567")


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (
            {"code": 40362, "message": "您当前请求存在异常，暂时限制本次访问", "redirect": "https://www.zhihu.com/account/unhuman"},
            "captcha",
        ),
        ({"code": 40362, "message": "您当前请求存在异常，暂时限制本次访问"}, "blocked"),
        ({"code": 100, "message": "AuthenticationInvalidRequest", "need_login": True}, "login_wall"),
    ],
)
def test_zhihu_refusals(problem: dict[str, Any], reason: str) -> None:
    assert refusal({"error": problem})[0] == reason


# video and notes -----------------------------------------------------------------------------------------------------------------------


def relayed(data: Any, **params: Any) -> dict[str, Any]:
    return {"code": 200, "router": "/api/v1/x", "params": params, "message_zh": "请求成功", "data": data}


AWEME = {"aweme_id": "7584769166932233472", "desc": "岚湖一院[呲牙]", "create_time": 1765966706, "author": {
    "uid": "4457845776194612", "nickname": "甲", "is_verified": True, "custom_verify": "", "follower_count": 0},
    "statistics": {"comment_count": 1046, "digg_count": 2816, "share_count": 2298, "play_count": 0}}  # fmt: skip


@pytest.mark.parametrize("wrap", [lambda data: data, relayed], ids=["bare", "relay"])
def test_douyin(wrap: Any) -> None:
    (video,) = read(wrap({"status_code": 0, "data": [{"type": 1, "aweme_info": AWEME}, {"type": 4, "user_list": []}], "has_more": 1}))
    assert (video.native_id, video.likes, video.reposts, video.views, video.followers, video.is_verified) == (
        AWEME["aweme_id"],
        2816,
        2298,
        None,
        None,
        False,
    )
    assert native_id("douyin", video.url or "") == video.native_id
    assert item(video).text == "岚湖一院[呲牙]"
    comment = {"cid": "76", "text": "真的[泪]", "aweme_id": "75", "create_time": 1770278064, "digg_count": 1, "user": {"uid": "9"},
               "reply_id": "0",
               "reply_to_reply_id": "0", "reply_comment_total": 2, "ip_label": "河南", "reply_comment": None}  # fmt: skip
    reply = comment | {"cid": "77", "reply_id": "76"}
    top, under = read(wrap({"status_code": 0, "comments": [comment | {"reply_comment": [reply]}], "total": 1}))
    assert (top.parent, top.root, item(top).region, under.parent, under.root) == ("75", "75", "河南", "76", "75")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"status_code": 0, "data": [], "search_nil_info": {"search_nil_type": "verify_check"}}, "captcha"),
        ({"status_code": 0, "data": [], "search_nil_info": {"search_nil_type": "hit_nothing"}}, "empty_confirmed"),
        ({"status_code": 0, "comments": None, "total": 0}, "empty_confirmed"),
        ({"status_code": 8, "status_msg": "用户未登录"}, "login_wall"),
        ({"status_code": 5, "status_msg": "参数不合法"}, "error"),
        ({"status_code": 0, "data": [{"type": 1, "video_info": {}}]}, "format_changed"),
        ({"status_code": 0, "data": [{"type": 4, "user_list": []}]}, "format_changed"),
        ("blocked", "blocked"),
        ({"code": 402, "router": "/api/v1/x", "message_zh": "余额不足", "data": None}, "error"),
        ({"detail": {"code": 429, "router": "/x", "message_zh": "请求过于频繁"}}, "blocked"),
    ],
)
def test_douyin_and_relay_refusals(payload: Any, reason: str) -> None:
    assert refusal(payload, "douyin")[0] == reason


def test_xhs_of_the_app_and_of_the_web() -> None:
    note = {"id": "67ff2df8000000001b03ebc7", "title": "岚湖一院", "desc": "等了 #急诊[话题]#", "timestamp": 1744776696,
            "update_time": 1744776738000,
            "liked_count": 45, "comments_count": 3, "shared_count": 7,
            "user": {"userid": "574847b76a6a691827d693cb", "nickname": "甲"}}  # fmt: skip
    (app,) = read(
        relayed({"code": 0, "data": {"items": [{"model_type": "note", "note": note}, {"model_type": "rec_query", "rec_query": {}}]}})
    )
    assert (app.native_id, app.text, app.likes, app.comments, app.reposts) == (note["id"], "等了 #急诊#", 45, 3, 7)
    assert native_id("xhs", app.url or "") == app.native_id
    card = {"display_title": "岚湖一院", "user": {"user_id": "u1"},
            "interact_info": {"liked_count": "1.2万", "comment_count": "3", "shared_count": "10+"},
            "corner_tag_info": [{"type": "publish_time", "text": "3天前"}]}  # fmt: skip
    (web,) = read(
        {"code": 0, "success": True, "data": {"items": [{"id": note["id"], "model_type": "note", "note_card": card, "xsec_token": "t"}]}}
    )
    assert (web.native_id, item(web).likes_n, item(web).published_precision) == (note["id"], 12_000, "day")


def test_xhs_comments_and_refusals() -> None:
    sub = {
        "id": "b",
        "content": "嗯[哭惹R]",
        "create_time": 1724168100000,
        "user_info": {"user_id": "u2"},
        "like_count": "2",
        "ip_location": "广东",
    }
    top = {
        "id": "a",
        "content": "真的",
        "time": 1724168100,
        "like_count": 0,
        "sub_comment_count": 1,
        "user": {"userid": "u1"},
        "sub_comments": [sub],
    }
    one, two = read(relayed({"code": 0, "data": {"comments": [top], "comment_count": 1}}, note_id="n"))
    assert (one.root, one.parent, two.parent, two.root, item(two).region) == ("n", "n", "a", "n", "广东")
    assert item(one).published_at == item(two).published_at
    assert refusal({"code": -100, "success": False, "msg": "登录已过期"})[0] == "login_wall"
    assert refusal({"code": 300012, "success": False, "msg": "网络连接异常，请检查网络设置或重启试试"})[0] == "blocked"
    assert refusal({"code": -510001, "success": False, "msg": "笔记状态异常，请稍后查看"})[0] == "empty_confirmed"
    assert refusal({"code": 0, "success": True, "data": {"has_more": False}}, "xhs")[0] == "empty_confirmed"
    assert refusal({"code": 0, "success": True, "data": {"notes": []}}, "xhs")[0] == "format_changed"


def test_channels() -> None:
    video = {"id": "14846516519852050449", "nickname": "甲", "username": "v2_0@finder",
             "object_desc": {"description": '<em class="highlight">岚湖</em>一院'},
             "createtime": 1769842686, "like_count": 487, "comment_count": 64, "forward_count": 4329,
             "ip_region_info": {"region_text": "广东"}}  # fmt: skip
    (one,) = read(relayed({"media_list": [video]}))
    assert (one.text, one.platform, one.reposts, one.author, item(one).region) == ("岚湖一院", "channels", 4329, "v2_0@finder", "广东")
    reply = {"comment_id": "2", "content": "嗯[Facepalm]", "createtime": "1686699305", "reply_comment_id": "1", "level_two_comment": []}
    top = {
        "comment_id": "1",
        "content": "真的",
        "createtime": "1686671802",
        "reply_comment_id": "0",
        "level_two_comment": [reply],
        "like_count": 1,
    }
    first, second = read(relayed({"comment_info": [top]}, id="14145780330774202411"))
    assert (first.parent, second.parent, second.root) == ("14145780330774202411", "1", "14145780330774202411")
    assert item(second).published_at == datetime.fromtimestamp(1686699305, UTC)
    assert refusal(relayed({"comment_info": []}))[0] == "empty_confirmed"


@pytest.mark.parametrize("wrap", [lambda data: data, relayed], ids=["bare", "relay"])
def test_bilibili(wrap: Any) -> None:
    video = {"type": "video", "bvid": "BV19wFGzzEPZ", "aid": 116004801741275, "mid": 9,
             "title": '【<em class="keyword">岚湖</em>】急诊 &amp; 四小时',
             "description": "-", "pubdate": 1770096209, "play": 47660, "review": 46, "like": 782, "duration": "14150:36"}  # fmt: skip
    (flat,) = read(wrap({"code": 0, "message": "OK", "ttl": 1, "data": {"result": [video, {"type": "media_bangumi"}], "numResults": 1}}))
    grouped = read(
        wrap({"code": 0, "ttl": 1, "data": {"result": [{"result_type": "video", "data": [video]}, {"result_type": "user", "data": []}]}})
    )
    assert flat == grouped[0]
    assert (item(flat).text, flat.views, flat.comments) == ("【岚湖】急诊 & 四小时", 47660, 46)
    reply = {"rpid": 237108982016, "oid": 116004801741275, "type": 1, "mid": 2, "root": 1, "parent": 237106897104, "ctime": 1723374155,
             "like": 4,
             "rcount": 0, "content": {"message": "嗯[doge]"}, "reply_control": {"time_desc": "543天前发布"}, "replies": None}  # fmt: skip
    top = reply | {"rpid": 237106897104, "parent": 0, "root": 0, "replies": [reply], "reply_control": {"location": "IP属地：广东"}}
    one, two = read(wrap({"code": 0, "ttl": 1, "data": {"replies": [top], "page": {"count": 1}, "upper": {"top": None}}}))
    assert (one.parent, one.root, item(one).region) == ("BV19wFGzzEPZ", "BV19wFGzzEPZ", "广东")
    assert (two.parent, two.root, item(two).text) == ("237106897104", "BV19wFGzzEPZ", "嗯[doge]")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"code": -412, "message": "request was banned", "ttl": 1}, "blocked"),
        ({"code": -101, "message": "账号未登录", "ttl": 1}, "login_wall"),
        ({"code": 0, "message": "OK", "ttl": 1, "data": {"v_voucher": "voucher_x"}}, "blocked"),
        ({"code": 12002, "message": "评论区已关闭", "ttl": 1}, "empty_confirmed"),
        ({"code": 0, "ttl": 1, "data": {"replies": None, "page": {"count": 0}}}, "empty_confirmed"),
        ({"code": 0, "ttl": 1, "data": {"numResults": 0}}, "empty_confirmed"),
        ({"code": 0, "ttl": 1, "data": {"items": []}}, "format_changed"),
    ],
)
def test_bilibili_refusals(payload: Any, reason: str) -> None:
    assert refusal(payload)[0] == reason


def test_an_av_number_and_its_bv_number_are_one_video() -> None:
    assert bilibili_bv(116004801741275) == native_id("bilibili", "http://www.bilibili.com/video/av116004801741275") == "BV19wFGzzEPZ"


# complaints ----------------------------------------------------------------------------------------------------------------------------

COMPLAINT = {"main": {"sn": "17390396995", "title": '岚湖一院<span class="code-red">退费</span>',
                      "summary": "等了四小时，不<span class='code-red'>退费</span>",
                      "appeal": "退款", "cotitle": "岚湖市第一人民医院", "issue": "收费", "timestamp": "1773552643",
                      "status": 4}}  # fmt: skip


def test_heimao_lists_in_json_and_jsonp() -> None:
    answer = {"result": {"status": {"code": 0, "msg": "success"}, "data": {"lists": [COMPLAINT]}}}
    plain, wrapped = read(answer), read(f"try{{jQuery1112_1({json.dumps(answer)});}}catch(e){{}};")
    assert plain == wrapped
    (one,) = plain
    assert one.text == "等了四小时，不退费\n投诉对象：岚湖市第一人民医院\n投诉问题：收费\n投诉要求：退款"
    assert (one.native_id, one.title, native_id("heimao", one.url or "")) == ("17390396995", "岚湖一院退费", "17390396995")
    assert read({"result": {"status": {"code": 0}, "data": {"complaints": [COMPLAINT]}}}) == plain


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"result": {"status": {"code": 11, "msg": "请登录"}}}, "login_wall"),
        ({"result": {"status": {"code": 12, "msg": "请完成安全验证"}}}, "captcha"),
        ({"result": {"status": {"code": 13, "msg": "签名错误"}}}, "blocked"),
        ({"result": {"status": {"code": 0}, "data": {"lists": []}}}, "empty_confirmed"),
        ({"result": {"status": {"code": 0}, "data": {"items": []}}}, "format_changed"),
        ("<html><title>黑猫投诉</title><body>tousu.sina.com.cn 该投诉不存在</body></html>", "empty_confirmed"),
        ("<html><title>黑猫投诉</title><body><div id='app'>tousu.sina.com.cn</div></body></html>", "format_changed"),
    ],
)
def test_heimao_refusals(payload: Any, reason: str) -> None:
    assert refusal(payload, "heimao")[0] == reason


def test_heimao_page_of_a_complaint() -> None:
    page = """<html><title>黑猫投诉</title><body><div class="ts-d-question"><h1 class="article">岚湖一院退费</h1><div class="ts-q-user
 clearfix">
    <span class="u-name">匿名</span><span class="u-date">发布于 2026年11月18日 12:30:05</span></div><ul class="ts-q-list">
    <li><label>投诉编号：</label> 17390396995</li><li><label>投诉对象：</label><a>岚湖市第一人民医院</a></li><li>
<label>投诉要求：</label>退款</li>
    </ul></div><div class="ts-d-steplist"><div class="ts-d-item"><div
 class="ts-reply"><p>发起投诉</p><p>等了四小时</p></div></div></div></body></html>"""
    (one,) = read(page)
    assert (one.native_id, one.title, one.text) == (
        "17390396995",
        "岚湖一院退费",
        "发起投诉\n等了四小时\n投诉对象：岚湖市第一人民医院\n投诉要求：退款",
    )
    assert shanghai(item(one).published_at or BASE) == "2026-11-18 12:30"


def test_heimao_scraped_cards_and_table() -> None:
    href = "https://tousu.sina.com.cn/complaint/view/17390396995/?sld=1d3d"
    card = {"title": "2026-11-18 于黑猫投诉平台发起\n岚湖一院\n\n等了四小时\n\n[投诉对象]岚湖一院\n[投诉要求]退款", "content": "等了四小时",
            "time": "",
            "href": href, "keyword": "岚湖"}  # fmt: skip
    (one,) = read([card])
    assert (one.published, one.title, one.text) == ("2026-11-18", "岚湖一院", "等了四小时\n投诉对象：岚湖一院\n投诉要求：退款")
    rows = (
        f"\ufeffdate,title,summary,object,demands,href\n2026-11-18,岚湖一院,等了四小时,岚湖一院,退款,{href}\n2026-11-18,没有地址,x,x,x,\n"
        + (f"2026-11-19,岚湖一院,又等了,岚湖一院,退款,{href.replace('6995', '6996')}\n")
    )
    first, second = read(rows)
    assert (first, second.native_id) == (one, "17390396996")


# boards --------------------------------------------------------------------------------------------------------------------------------

BAIDU = {"success": True, "data": {"cards": [{"component": "hotList", "topContent": [{"word": "置顶", "hotScore": "7904106"}], "content": [
    {"word": "岚湖一院", "query": "岚湖一院", "desc": "急诊", "hotScore": "7808391", "index": 0, "rawUrl": "https://www.baidu.com/s?wd=a"},
    {"word": "第二", "desc": "", "hotScore": "x", "url": "https://www.baidu.com/s?wd=b&sa=fyb"}]}]}}  # fmt: skip


def test_weibo_board_without_its_advertisements() -> None:
    lines = read_board(body({"ok": 1, "data": {"hotgovs": [{"word": "#置顶#", "name": "#置顶#"}], "realtime": [
        {"word": "岚湖一院", "note": "岚湖一院", "num": 1136119, "realpos": 1, "rank": 0, "label_name": "爆"},
        {"word": "买它", "is_ad": 1, "num": 0}, {"word": "第二", "num": 9, "realpos": 2, "rank": 1},
        {"word": "第三", "num": 8}]}}), "weibo")  # fmt: skip
    assert [(line.title, line.board_rank, line.heat) for line in lines] == [
        ("置顶", None, None), ("岚湖一院", 1, 1136119), ("第二", 2, 9), ("第三", 4, 8)
    ]  # fmt: skip
    assert {line.kind for line in lines} == {"title"}
    assert lines[1].native_id == "board:岚湖一院"


def test_baidu_board_and_its_page() -> None:
    lines = read_board(body(BAIDU), "baidu")
    assert lines == read_board(f"<html><body><div></div><!--s-data:{json.dumps(BAIDU)}--></body></html>".encode(), "baidu")
    assert [(line.title, line.board_rank, item(line).heat, line.text) for line in lines] == [
        ("置顶", None, 7904106.0, "置顶"), ("岚湖一院", 1, 7808391.0, "急诊"), ("第二", 2, None, "第二")
    ]  # fmt: skip


def test_tencent_board_without_its_banner() -> None:
    banner = {"id": "TIP2022042216544300", "articletype": "560", "title": "每10分钟更新一次"}
    line = {"id": "20260602A09OTP00", "articletype": "0", "title": "岚湖一院", "url": "https://view.inews.qq.com/a/x",
            "timestamp": 1780401915,
            "abstract": "急诊", "comments": 13, "readCount": 4805, "hotEvent": {"ranking": 1, "hotScore": 999018},
            "card": {"chlname": "岚湖日报"}}  # fmt: skip
    (one,) = read_board(body({"ret": 0, "idlist": [{"newslist": [banner, line]}]}), "tencent")
    assert (one.title, one.board_rank, one.heat, one.author, one.comments, one.views) == ("岚湖一院", 1, 999018, "岚湖日报", 13, 4805)


@pytest.mark.parametrize(
    ("shape", "payload", "reason"),
    [
        ("weibo", {"ok": 1, "data": {"realtime": []}}, "format_changed"),
        ("weibo", {"ok": -100}, "login_wall"),
        ("weibo", {"ok": 1, "data": {"band_list": []}}, "format_changed"),
        ("baidu", {"success": True, "data": {"cards": [{"component": "hotList", "content": []}]}}, "format_changed"),
        ("baidu", {"success": True, "data": {"cards": [{"component": "other"}]}}, "format_changed"),
        ("baidu", "<html><body>nothing embedded</body></html>", "format_changed"),
        ("baidu", "<html><title>百度安全验证</title></html>", "captcha"),
        ("tencent", {"ret": 0, "idlist": [{"newslist": [{"articletype": "560"}]}]}, "format_changed"),
        ("tencent", {"ret": -1}, "error"),
    ],
)
def test_boards_that_are_none(shape: str, payload: Any, reason: str) -> None:
    with pytest.raises(NoReading) as told:
        read_board(body(payload), shape)
    assert told.value.reason == reason


# wechat --------------------------------------------------------------------------------------------------------------------------------

SIGNED = "http://mp.weixin.qq.com/s?src=3&amp;timestamp=1500052504&amp;signature=VqO"
HIT = "<em><!--red_beg-->岚湖<!--red_end--></em>"


def test_sogou_articles_and_accounts() -> None:
    article = (f'<ul class="news-list"><li id="sogou_vr_1_box_0" d="ab735a-6bee"><h3><a href="{SIGNED}">{HIT}一院</a></h3><p '
               f'class="txt-info">等了{HIT}'
               '</p><div class="s-p" t="1498908951"><a class="account">岚湖日报</a></div></li></ul>')  # fmt: skip
    (one,) = read(f"<html><title>搜狗微信搜索 sogou</title>{article}</html>")
    assert (one.native_id, one.title, one.author, one.published, item(one).text) == (
        "sogou:ab735a-6bee",
        "岚湖一院",
        "岚湖日报",
        "1498908951",
        "等了岚湖",
    )
    account = '<li d="oIWs{}"><p class="tit"><a>岚湖发布</a></p><dl><dt>最近文章：</dt><dd>{}</dd></dl></li>'
    newest = (
        f'<a uigs="account_article_0" href="{SIGNED}">通报</a><span><script>document.write(timeConvert(\'1500773936\'))</script></span>'
    )
    (only,) = read(f'<html>sogou<ul class="news-list2">{account.format("A", newest)}{account.format("B", "")}</ul></html>')
    assert (only.native_id, only.title, only.author) == ("sogou:oIWsA:1500773936", "通报", "岚湖发布")


def test_sogou_json_and_the_history_of_an_account_name_the_same_article() -> None:
    xml = ('<?xml version="1.0" '
           'encoding="UTF-8"?><DOCUMENT><item><display><docid>ab-6b</docid><title><![CDATA[\ue40a岚湖\ue40b一院]]></title><url><![CDATA['
           'http://mp.weixin.qq.com/s?__biz=MjM5MjAzODU2MA==&mid=1000000727&idx=1&sn=e1&scene=6#rd]]></url>'
           '<content168><![CDATA[等了]]></content168>'
           "<sourcename><![CDATA[岚湖发布]]></sourcename><lastModified>1500872686</lastModified></display></item></DOCUMENT>")  # fmt: skip
    (found,) = read({"totalItems": 1, "totalPages": 1, "page": 1, "items": [xml]})
    message = {"app_msg_ext_info": {"title": "岚湖一院", "digest": "等了", "content_url": "/s?timestamp=1&amp;src=3", "author": "甲",
                                    "is_multi": 1,
                                    "multi_app_msg_item_list": [{"title": "第二篇", "digest": "", "content_url": "/s?timestamp=2"}]},
               "comm_msg_info": {"datetime": 1500872686, "fakeid": "2392038560", "id": 1000000727, "type": 49}}  # fmt: skip
    note = {"comm_msg_info": {"datetime": 1500872000, "fakeid": "2392038560", "id": 1000000726, "type": 1, "content": "停诊通知"}}
    history = (
        f'<html><script>var nickname = "岚湖发布"; var msgList = {json.dumps({"list": [message, note]})};\nseajs.use("x");</script></html>'
    )
    first, second, third = read(history)
    assert found.native_id == first.native_id == "MjM5MjAzODU2MA==:1000000727:1"
    assert (found.title, first.author, second.native_id, third.text) == (
        "岚湖一院",
        "岚湖发布",
        "MjM5MjAzODU2MA==:1000000727:2",
        "停诊通知",
    )


def test_article_page_by_way_of_the_article_reader() -> None:
    words = "<p>岚湖市第一人民医院急诊科就昨夜候诊四小时一事作出说明，并向患者和家属致歉。</p>" * 4
    page = """<html><head><title>情况说明</title></head><body><h2 id="activity-name">情况说明</h2><a id="js_name">岚湖一院</a>
    <div id="js_content">{}</div><script>var biz = "" || "MzA4ODUzNjAxOA==";\nvar mid = "" || "" || "2671068104";\nvar idx = "" || "7";
    var nickname = "岚湖一院";\nvar ct = "1773552643";</script></body></html>"""
    (one,) = read(page.format(words))
    assert (one.native_id, one.author, one.title, one.kind) == ("MzA4ODUzNjAxOA==:2671068104:7", "岚湖一院", "情况说明", "article")
    assert item(one).published_at == datetime.fromtimestamp(1773552643, UTC)
    (film,) = read(page.format("<iframe class='video_iframe'></iframe>"))  # a film has a title, and hardly a word
    assert (film.text, item(film).published_at) == ("情况说明", datetime.fromtimestamp(1773552643, UTC))


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (
            "<html><title>搜狗搜索</title><body>用户您好，您的访问过于频繁，为确认本次访问为正常用户行为<img "
            "id='seccodeImage'></body></html>",
            "captcha",
        ),
        ("<html><body>mp.weixin.qq.com<h2 class='weui-msg__title'> 链接已过期 </h2></body></html>", "empty_confirmed"),
        ("<html><body><div class='weui-msg'>该内容已被发布者删除</div>mp.weixin.qq.com</body></html>", "empty_confirmed"),
        ("<html><title>搜狗微信</title><body><p>没有找到相关的微信公众号文章。</p></body></html>", "empty_confirmed"),
        ("<html><title>搜狗微信</title><body><div class='shape-of-2027'></div></body></html>", "format_changed"),
    ],
)
def test_wechat_pages_without_articles(page: str, reason: str) -> None:
    assert refusal(page, "wechat")[0] == reason


# all of them ---------------------------------------------------------------------------------------------------------------------------

JUNK = [b"", b" ", b"null", b"7", b'"x"', b"[]", b"{}", b"[[]]", b'{"data": 1}', b'{"data": [1]}', b'{"data": {"data": [null]}}',
        b"<html></html>",
        b"<", b"<!-- -->", b"{" * 20_000, b'{"a":' * 20_000, b"[" * 20_000, b"<div>" * 20_000, b"\x00\x01\x02", b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"date,title,summary,object,demands,href\n" + b"a" * 200_000, b'{"items": ["", "<a"], "totalPages": 1}', b"callback({",
        b'{"ok": 1, "data": {"cards": 3}}', b"date,title,summary,object,demands,href\n",
        b'{"n": ' + b"9" * 5000 + b"}"]  # fmt: skip


@pytest.mark.parametrize("name", [None, *PARSERS])
@pytest.mark.parametrize("junk", JUNK, ids=[f"{junk[:20]!r}" for junk in JUNK])
def test_junk_is_refused_by_name(name: str | None, junk: bytes) -> None:
    with pytest.raises(NoReading) as told:
        read_payload(junk, BASE, name)
    assert told.value.reason in FETCH_REASONS
    assert told.value.detail


SAMPLES: list[Any] = [
    cards({"card_type": 11, "card_group": [{"card_type": 9, "mblog": mblog(retweeted_status=ORIGINAL)}]}),
    {"ok": 1,
     "data": {"data": [{"id": "4383183984547669", "rootid": "4383183984547669", "text": "x", "user": user(),
                        "comments": [{"id": "2", "text": "y"}]}]}},
    [{"kids": [], "uid": "1", "parent": "K3fnuEfZK", "text": "x", "mid": BID, "date": "2012-11-28 07:38:05"}],
    {"no": 0, "error": "",
     "data": {"card_list": [{"cardInfo": "thread", "data": {"tid": "1", "title": "x", "content": "y", "user": {"portrait": "p"}}}]}},
    {"data": [HOT], "paging": {}, "fresh_text": "x"},
    {"status_code": 0, "data": [{"type": 1, "aweme_info": AWEME}]},
    relayed({"comment_info": [{"comment_id": "1", "content": "x", "level_two_comment": [{"comment_id": "2", "content": "y"}]}]}, id="9"),
    {"code": 0, "ttl": 1,
     "data": {"replies": [{"rpid": 1, "oid": 2, "type": 1, "content": {"message": "x"}, "member": {"uname": "y"}, "replies": []}]}},
    {"result": {"status": {"code": 0}, "data": {"lists": [COMPLAINT]}}},
    BAIDU,
]  # fmt: skip


OTHERS: tuple[Any, ...] = (None, 0, -1, 1e300, True, "", "x", "\ud800", [], {}, [None], {"x": []})


def mutations(value: Any) -> Iterator[Any]:
    """The payload with each value in turn replaced by one of another type."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            walk(node[key])

    walk(value)
    for node, key in places:
        kept = node[key]
        for other in OTHERS:
            node[key] = other
            yield value
        node[key] = kept


@pytest.mark.parametrize("sample", SAMPLES, ids=[str(n) for n in range(len(SAMPLES))])
def test_no_value_of_another_type_gets_through_as_a_crash(sample: Any) -> None:
    name, read_n, refusals = recognise(body(sample)), 0, []
    assert name is not None
    for changed in mutations(copy.deepcopy(sample)):
        try:
            readings = read_payload(body(changed), BASE, name)
        except NoReading as told:
            refusals.append(told.reason)
            continue
        assert readings
        read_n += 1
        for reading in readings:
            if reading.native_id or reading.url:
                made = item(reading)
                assert made.kind in KINDS
                assert made.platform in PLATFORMS
    assert set(refusals) <= set(FETCH_REASONS)
    assert read_n > len(refusals) / 4 > 0


def test_a_name_nobody_knows_and_a_shape_nobody_knows() -> None:
    assert recognise(b'{"hello": "world"}') is None
    assert refusal({"hello": "world"}) == ("format_changed", "of no known shape")
    with pytest.raises(KeyError):
        PARSERS["myspace"]
