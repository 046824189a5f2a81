"""Every recorded answer of ../shared/samples that is a platform's: read, or refused for the right reason, against a key made by hand.

The key was taken from the files themselves (fields looked up in the raw JSON or HTML), not from what the parsers gave. It holds ids,
numbers and times only. A line: native id (or #place), time, precision, counts (r reposts, c comments, l likes, v views, k rank, h heat,
f followers). Times are Shanghai's, or @epoch; `-` is a time the site does not say.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from crawlers.feeds import read_feed
from crawlers.items import Item, Origin, Reading, make_item
from crawlers.parsers import read_payload, recognise
from crawlers.reasons import NoReading
from crawlers.times import Moment, read_time
from warehouse.clock import SHANGHAI

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"
pytestmark = [pytest.mark.real, pytest.mark.skipif(not SAMPLES.is_dir(), reason="needs ../shared")]

COUNTS = {"r": "reposts_n", "c": "comments_n", "l": "likes_n", "v": "views_n", "k": "board_rank", "h": "heat", "f": "followers_n"}


class Key(NamedTuple):
    """What a file holds, seen from `base` (when it was recorded, Shanghai): readings by kind and some of them; or the reason why none."""

    base: str
    kinds: str = ""
    rows: str = ""
    reason: str = ""


KEY = {
    # weibo -----------------------------------------------------------------------------------------------------------------------------
    "weibo/m_getIndex_user_timeline_cards_2019-06.json": Key("2019-06-15 12:00", "post 10 repost 1", """
        4383183661430868 2019-06-14 day r240492 c95535 l348872 f63356825
        4383180406740606 2019-06-14 day r11226 c10456 l111320
        4383031864995274 2019-06-14 day r45947 c1190 l6839
        4381207217392722 2019-06-09 day r1000000 c222072 l452294
        4379188905591760 2019-06-03 day r1000000 c1000000 l1049077
        4378514142544199 2019-06-01 day r1000000 c197048 l737551"""),
    "weibo/m_comments_hotflow_2019-06.json": Key("2019-06-16 22:12", "comment 21", """
        4383183984547669 2019-06-14T20:39:20 second l6183 c143 f514938
        4383191449773449 2019-06-14T21:09:00 second
        4383184256927204 2019-06-14T20:40:25 second l5458 c513
        4383183980195874 2019-06-14T20:39:19 second l4333 c135
        4383206419276344 2019-06-14T22:08:28 second l308 c0"""),
    "weibo/m_api_comments_show_2019-06.json": Key("2019-06-16 22:12", "comment 12", """
        4383932071637949 2019-06-16T22:12 minute l0 f38
        4383931988671914 2019-06-16T22:12 minute l0
        4383184256927204 2019-06-14 day l5389 f4329
        4383185208814242 2019-06-14 day l1553
        4383186756795345 2019-06-14 day l1058"""),
    "weibo/m_getIndex_type-uid_userInfo_2019-06.json": Key("2019-06-15 12:00", reason="empty_confirmed"),
    "weibo/m_statuses_extend_longtext_2019-06.json": Key("2019-06-15 12:00", "post 1", "#0 - unknown r0 c0 l0"),
    "weibo/m_statuses_show_retweet_2019-06.json": Key("2019-06-15 12:00", "repost 1 post 1", """
        4383411844046171 2019-06-15T11:44:46 second r0 c0 l0 f48
        4383404751066167 2019-06-15T11:16:35 second r1 c0 l0 f1"""),
    "weibo/s_weibo_com_search_excerpt_2018-10.html": Key("2018-10-26 16:24", "post 2", """
        4299399859880269 2018-10-26T15:52 minute r28 c11 l7
        4299399821254298 2018-10-26T15:51 minute r28 c34 l13"""),
    "weibo_items/nghuyong_comment.json": Key("2022-10-27 17:43", "comment 1", "4826279188108038 2022-10-19T13:41:29 second l1 f238"),
    "weibo_items/nghuyong_repost.json": Key("2022-10-27 18:22", "repost 1", "4826312651310475 2022-10-19T15:54:27 second r0 c0 l0"),
    "weibo_items/nghuyong_tweet_by_keyword.json": Key("2022-10-27 19:10", "post 1", "4829255386537989 2022-10-27T18:47:50 second r0 c0 l1"),
    "weibo_items/nghuyong_tweet_by_tweet_id.json": Key(
        "2023-04-29 16:33", "post 1", "4762810834227120 2022-04-27T10:20:54 second r1890 c1924 l12167"
    ),
    "weibo_items/nghuyong_tweet_by_user_id.json": Key(
        "2022-10-27 17:56", "post 1", "4762810834227120 2022-04-27T10:20:54 second r1907 c1924 l12169"
    ),
    "weibo_cn/a4437630f3bdfa2757bae1595186ac063fe5ec25cf2f98116ece83cb.html": Key("2020-06-18 12:00", "post 10 repost 1", """
        4516868084180273 2020-06-17T18:12 minute r1000000 c393530 l523801
        4511806787609512 2020-06-03T19:00 minute r23584 c1000000 l435650"""),
    "weibo_cn/4957814af5a123b82e974b5537dea736dfb34e48d8835203a45d2e67.html": Key("2020-06-18 12:00", "post 10 repost 1", """
        4516868084180273 2020-06-17T18:12 minute r1000000 c393530 l523801"""),
    "weibo_cn/2f62165fa3ca1e85e0d398d385c377a068b76eb95765f7020ffffd3e.html": Key("2020-06-18 12:00", "post 10 repost 1", """
        4511519801087016 2020-06-03T00:00 minute r1000000 c1000000 l1499675
        4508573856356301 2020-05-25T20:53 minute r1000000 c216934 l450541"""),
    "weibo_cn/d486235d4a17dd0accb0f2cc77b3648abfa03580b9e0cdb61f1e618f.html": Key("2020-06-18 12:00", "post 10 repost 5", """
        4508427881436105 2020-05-25T11:13 minute r1000000 c1000000 l692092
        4506243009870340 2020-05-19T10:31 minute r1000000 c101799 l537887
        4504942352830956 2020-05-15T20:23 minute r57012 c40966 l480418
        4504936426109726 - unknown r332651 c6900 l129675
        4499387562605473 2020-04-30T12:30 minute r1000000 c1000000 l983376"""),
    "weibo_cn/4d5ed0a3ebd0303cb45edd544dbc0ab5e86d43e103405f0c60515884.html": Key("2025-01-12 12:00", "repost 1 post 1 comment 12", """
        4512413447368168 2020-06-05T11:11:05 second r1000000 c1000000 l572950
        4512410675074474 - unknown r1000000 c38774
        4512413737386822 2020-06-05T11:12:14 second l18737
        4512414056541102 2020-06-05T11:13:30 second l17423
        5121248325535333 2025-01-10T12:43 minute l0
        4763485294037480 2022-04-29T07:00:58 second l0"""),
    **{f"weibo_cn/{name}.html": Key("2020-06-18 12:00", reason="empty_confirmed") for name in (
        "63a98849ec82b2c87ec55bca03cbf5988f7eac233a23d86b4fdf5ffd", "76233b3f90394581aac6f19cfa5d674a610e8b442b1f83de7673ab49",
        "e97222acd5bc7d8d1bfbd3f352f8cad3e36fdd19e40b69e1c33fb3c3", "b541fd1751117498b6d6f40d3321686ddf871651237c4ac854a5c3eb",
        "ca5f2a555e8d62f728c66fa90afb2d54d19f8c898e164204a61bdf03", "e4d541ecb02253c14abc1d52605fc00d91279df9ac4c1465c85b91b3",
    )},
    # tieba -----------------------------------------------------------------------------------------------------------------------------
    "tieba/search_keyword_notes.html": Key("2024-08-05 17:00", "post 10", """
        9117888152 2024-08-05T16:45 minute
        9071937582 2024-06-30T12:09 minute"""),
    "tieba/note_detail.html": Key("2024-08-06 01:00", "post 1 comment 39", """
        9117905169 2024-08-05T16:56 minute c786
        150719088158 2024-08-05T17:07 minute c123
        150721163086 2024-08-05T23:48 minute
        150722005338 2024-08-06T05:13 minute
        150719258551 2024-08-05T17:38 minute c37
        150721484814 2024-08-06T00:55 minute c0"""),
    "tieba/note_comments.html": Key("2024-08-07 01:00", "post 1 comment 55", """
        9119688421 2024-08-06T22:09 minute c251
        150726496253 2024-08-06T22:10 minute c4
        150726735994 2024-08-06T22:55 minute
        150726507194 2024-08-06T22:12 minute
        150726508793 2024-08-06T22:12 minute c12
        150726510843 2024-08-06T22:12 minute c3"""),
    "tieba/note_sub_comments.html": Key("2024-08-07 01:00", "comment 10", """
        150726504693 2024-08-06T22:11 minute
        150726536076 2024-08-06T22:17 minute"""),
    "tieba/tieba_note_list.html": Key("2024-08-08 11:25", "post 48", """
        9079949995 2024-07-06 day c18
        6710984997 - unknown c36
        9121294238 2024-08-08T02:38 minute c4
        2540926878 - unknown c17067
        8858244344 2024-01-12 day c332
        1138972019 - unknown c5164241"""),
    "tieba/gne_tieba_list_1.html": Key("2020-08-02 16:10", "post 50", """
        6401593389 - unknown c143
        6787608290 2020-07-03 day c2498
        6855574054 2020-08-02T08:52 minute c22
        6837930225 2020-07-25 day c41"""),
    "tieba/exper_thread_1_2020-10.html": Key("2020-10-10 12:00", "post 1 comment 5", """
        7001292227 2020-10-06T20:43 minute c5
        135484113204 2020-10-07T06:15 minute c0
        135487372845 2020-10-07T10:25 minute c0"""),
    "tieba/exper_thread_2_2020-10.html": Key("2020-10-10 12:00", "post 1 comment 4", """
        6902650739 2020-08-24T16:25 minute c4
        134348750723 2020-08-24T17:15 minute c0"""),
    "tieba/exper_thread_3_2020-10.html": Key("2020-10-10 12:00", "post 1 comment 29", "6866331867 2020-08-07T09:44 minute c48"),
    # zhihu -----------------------------------------------------------------------------------------------------------------------------
    "zhihu/hot-question-2025-05-01.json": Key("2025-05-01 23:11", "title 30", """
        board:1901192719428182699 - unknown k1 h13820000 c2648
        board:1900503710884390010 - unknown k5 h2550000 c39
        board:1900490263870301638 - unknown k30 h540000 c18"""),
    "zhihu/hot-question-2025-05-05.json": Key("2025-05-05 23:11", "title 30", """
        board:1902727645462000935 - unknown k1 h6400000 c96
        board:653951784 - unknown k30 h510000 c3189"""),
    "zhihu/hot-video-2025-05-06.json": Key("2025-05-06 19:10", "title 30", """
        board:1902702974792364470 - unknown k1 h18540000 c78
        board:629894384 - unknown k30 h630000 c225"""),
    "zhihu/hot-search-2026-08-22.html": Key("2026-08-22 12:00", reason="format_changed"),
    # the relay -------------------------------------------------------------------------------------------------------------------------
    "tikhub_2026-02/bilibili_general_search.json": Key("2026-02-06 08:23", "post 42", """
        BV19wFGzzEPZ @1770096209 second v47660 c46 l782
        BV1dh411i7kK @1629252310 second v19166568 c9445 l514803
        BV1FeFAzoEav @1770009949 second v61972 c1 l200"""),
    "tikhub_2026-02/bilibili_video_comments.json": Key("2026-02-06 08:31", "comment 71", """
        237106897104 @1723373490 second l192 c20
        237108982016 @1723374155 second l4 c0
        237108055680 @1723373883 second l52 c5
        237106360576 @1723373329 second l810 c28"""),
    "tikhub_2026-02/douyin_general_search.json": Key("2026-02-05 17:48", "post 6", """
        7584769166932233472 @1765966706 second r2298 c1046 l2816
        7596255733810151921 @1768641117 second r2817643 c117003 l4275016
        7378692545041157388 @1717985742 second r974 c1868 l4961"""),
    "tikhub_2026-02/douyin_video_comments.json": Key("2026-02-05 18:20", "comment 20", """
        7603286382429717282 @1770278064 second l0 c0
        7594442679767089957 @1768218979 second l3 c24
        7602996963248800512 @1770210678 second l0 c1"""),
    "tikhub_2026-02/wechat_channels_search.json": Key("2026-02-06 08:36", "post 10", """
        14846516519852050449 @1769842686 second l487 c64 r4329
        14848752201700084208 @1770109200 second l3865 c213 r10699"""),
    "tikhub_2026-02/wechat_channels_comments.json": Key("2026-02-06 08:38", "comment 32", """
        14148828575473731598 @1686671802 second l1 c1
        14149059287354574897 @1686699305 second l0
        14146396521375668310 @1686381879 second l414 c50
        14147351404383180863 @1686495709 second l1 c0"""),
    "tikhub_2026-02/xhs_search_notes.json": Key("2026-02-06 10:05", "post 20", """
        67ff2df8000000001b03ebc7 @1744776696 second l45 c3 r7
        6777b63c000000000b02395a @1735993861 second l249 c51 r169
        682c20eb00000000220072b1 @1747722475 second l8 c1 r3"""),
    "tikhub_2026-02/xhs_note_comments.json": Key("2026-02-06 10:04", "comment 7", """
        66c4b7a300000000270106f7 @1724168100 second l0 c0
        6683ec5b000000000303b91a @1719921756 second l36 c43
        6683d062000000001602686a @1719914595 second l0 c0"""),
    # complaints ------------------------------------------------------------------------------------------------------------------------
    "tousu/example_data.json": Key("2026-01-01 12:00", "post 3", """
        17390396995 2025-11-23 day
        17391181466 2025-12-13 day
        17390205379 2025-11-18 day"""),
    "tousu/example_data_structured.csv": Key("2026-01-01 12:00", "post 3", """
        17390396995 2025-11-23 day
        17391181466 2025-12-13 day
        17390205379 2025-11-18 day"""),
    # boards ----------------------------------------------------------------------------------------------------------------------------
    "hot_boards/weibo_ajax_side_hotSearch_2026-06.json": Key("2026-06-04 11:28", "title 51", """
        #0 - unknown
        #1 - unknown k1 h1136119
        #25 - unknown k25 h295391
        #50 - unknown k50 h135400"""),
    "hot_boards/baidu_api_board_realtime_2026-06.json": Key("2026-06-04 11:28", "title 51", """
        #0 - unknown h7904106
        #1 - unknown k1 h7808391
        #50 - unknown k50 h3111348"""),
    "hot_boards/tencent_hot_ranking_list_2026-06.json": Key("2026-06-04 11:28", "title 20", """
        board:20260602A09OTP00 2026-06-02T20:05:15 second k1 h999018 c13 v4805 l84
        board:20260604A01KIP00 2026-06-04T08:09:11 second k2 h2117802 c664 v160000 l460
        board:20260603A09G6400 2026-06-04T08:32:17 second k20 h1394783 v16331 l135"""),
    "hot_boards/weibo_trending_justjavac_2026-08-21.json": Key("2026-08-21 23:59", "title 406", "#0 - unknown"),
    # wechat ----------------------------------------------------------------------------------------------------------------------------
    "wechat_sogou/search-gaokao-article.html": Key("2017-07-15 01:15", "article 10", """
        sogou:ab735a258a90e8e1-6bee54fcbd896b2a-83cfcd22fbb11285d4fbcc20fbf0e3aa @1498908951 second
        sogou:ab735a258a90e8e1-6bee54fcbd896b2a-4fba5f6e427f967a07a58b85c2072d2f @1498642262 second"""),
    "wechat_sogou/search-gaokao-article.json": Key("2017-07-26 12:00", "article 10", """
        MzA5OTA0NDIyMQ==:2653887745:2 @1498908951 second
        MzU3NDAzNTIwNQ==:2247484797:1 @1498833340 second"""),
    "wechat_sogou/search-gaokao-gzh.html": Key("2017-07-24 00:26", "article 9", """
        sogou:oIWsFt6fv4FH0OBNCyoonNoAp2OM:1500773936 @1500773936 second
        sogou:oIWsFt-2JeqhMEEVQuFw_geRzmbY:1500634925 @1500634925 second"""),
    "wechat_sogou/wapindex-wap-0612-wap_8-0.html": Key("2017-07-29 20:12", "article 15", """
        sogou:ab735a258a90e8e1-6bee54fcbd896b2a-6a44ccaf3a8bc2a488f7d686550fe216 @1501328135 second
        sogou:ab735a258a90e8e1-6bee54fcbd896b2a-4b1d48635c75a200c33fa5df3d073acc @1501323274 second"""),
    "wechat_sogou/bitsea-history.html": Key("2017-07-24 21:42", "article 10", """
        MjM5MjAzODU2MA==:1000000727:1 @1500872686 second
        MjM5MjAzODU2MA==:1000000702:1 @1499484206 second"""),
    "wechat_sogou/article_detail_backgroud-image.html": Key(
        "2018-04-10 12:00", "article 1", "ODUzMjkwMzYx:2654593305:1 @1522968980 second"
    ),
    "wechat_sogou/article_detail_iframe.html": Key("2018-04-10 12:00", "article 1", "MzA4ODUzNjAxOA==:2671068104:7 @1521515999 second"),
    "wechat_sogou/article_detail_mpvoice.html": Key("2018-04-10 12:00", "article 1", "MjM5ODAyNTcwMA==:2651788393:1 @1521408600 second"),
    "wechat_sogou/article_detail_qqmusic.html": Key("2018-04-10 12:00", "article 1", "MzIwOTc2ODc1NQ==:2247484727:1 @1523110915 second"),
    "wechat_sogou/article_detail_expired.html": Key("2018-04-10 12:00", reason="empty_confirmed"),
    "wechat_sogou/search-gaokao-gzh-error.html": Key("2017-07-25 22:36", reason="captcha"),
}  # fmt: skip

CASCADES = """
1015_zsZsVySOR_1439563882 694 427 zBQgkm4r6 2013-06-17T14:45:46 zsZtxDicW 2013-04-20T09:40:21 1366421931 705 134 9 1858
1030_z0qcrFpJV_2560339090 196 101 zghGfx4dS 2013-01-26T20:07:09 z0qcFjFcO 2012-10-14T12:24:07 1350188615 212 17 0 555043
1035_z9oF5cjUD_2143144905 296 255 zk36auySB 2013-02-20T14:21:01 z9oFicwRh 2012-12-12T13:01:51 1355288482 309 240 13 700500
1039_zfXJZ16hS_1735063397 111 35 zh5Xhud8O 2013-02-01T04:06:27 zfXLajr8O 2013-01-24T17:24:19 1359019284 146 36 0 84
1051_yFCtQs3pw_1312890425 106 72 z7eyV0dMh 2012-11-28T07:38:05 yFCugssJT 2012-10-09T12:18:36 1349756254 113 20 0 164357
1093_ywe8dF1ag_1727937757 289 229 yyMIW7uWr 2012-08-25T13:30:05 ywe9g5BET 2012-08-08T17:48:11 1344419138 300 124 9 33460
1116_zlsjBD4CP_2157801852 502 332 A8oFx1LQ1 2013-09-07T21:56:27 zlsklswvS 2013-03-01T20:24:52 1362140583 655 355 13 15869
1204_zt8HnEcXq_1914963992 90 68 zwMVlqawD 2013-05-15T09:04:20 zt8Iscq8j 2013-04-21T09:11:48 1366506549 100 43 0 141
1248_zt0mC717G_1684038443 250 112 zuMJAz4Jw 2013-05-02T04:54:47 zt0n4rc1k 2013-04-20T11:57:08 1366430161 262 18 1 607
1323_zFUxpiOSy_1452677995 412 246 A5DJY1tYZ 2013-08-20T18:47:41 zFUxTu9OA 2013-07-14T09:01:17 1373763605 471 380 38 54529
1377_zt0hh7n7C_2021331547 301 219 ztb7meISP 2013-04-21T15:18:38 zt0jmyaa9 2013-04-20T11:48:01 1366429371 305 3 0 126
1399_zqE8HkR65_1882371354 494 271 AlUlxbs47 2013-12-05T18:29:00 zqE8W87kN 2013-04-04T23:41:13 1365090038 519 179 9 6140
1454_A1V3lwPFC_1198220993 152 97 A2Lz7wszJ 2013-08-01T21:12:00 A1V3CDERw 2013-07-27T07:31:36 1374881455 169 63 2 847528
1456_ymwlGE6yY_2139809494 268 226 yrgfqBAVr 2012-07-07T01:57:22 ymwlVoAOW 2012-06-05T21:45:48 1338903912 294 82 0 512820
1474_z98Lwlvip_2097152664 184 118 z9ZPEgi3t 2012-12-16T11:39:02 z98LTF32b 2012-12-10T20:34:14 1355142797 188 100 5 1132176
1499_yBkN668xl_2138511690 723 413 zplI8aPFq 2013-03-27T10:55:30 yBkNKgOiH 2012-09-11T07:55:56 1347321259 777 358 0 270214
1563_za1e5A96V_2265438154 155 87 zm3QyqhKi 2013-03-05T19:55:54 za1fa6E7I 2012-12-16T15:14:38 1355641920 194 53 0 8235"""
# name, reposts, of these straight from the original, first and last repost with time; the original's time and counts: r, c, l, f

FEEDS = {  # entries, and the first one's time; the page's own address among Bing's results is none
    "bing_rss/cn_bing_search_format-rss_2026-09-28.xml": (6, "2026-09-28T04:23"),
    "rsshub/rsshub_weibo_user_2025-07-04.xml": (2, "2025-07-04T15:51:28"),
    "charset_feeds/big5/coolloud.org.tw.xml": (20, "2005-12-30T23:26:28"),
    "charset_feeds/big5/myblog.pchome.com.tw.xml": (5, "2005-08-11T16:01:46"),
    "charset_feeds/big5/sinica.edu.tw.xml": (7, None),
    "charset_feeds/gb2312/14.blog.westca.com.xml": (4, "2005-12-22T06:51:36"),
    "charset_feeds/gb2312/2.blog.westca.com.xml": (4, "2005-12-02T09:46:23"),
    "charset_feeds/gb2312/acnnewswire.net.xml": (8, "2005-12-27T12:08:54"),
    "charset_feeds/gb2312/bbs.blogsome.com.xml": (10, None),
    "charset_feeds/gb2312/cappuccinos.3322.org.xml": (10, "2005-12-27T09:08:26"),
    "charset_feeds/gb2312/chen56.blogcn.com.xml": (15, None),
    "charset_feeds/gb2312/cindychen.com.xml": (5, "2005-03-26T07:00:46"),
    "charset_feeds/gb2312/cnblog.org.xml": (16, None),
    "charset_feeds/gb2312/coverer.com.xml": (15, None),
    "charset_feeds/gb2312/eighthday.blogspot.com.xml": (7, None),
    "charset_feeds/gb2312/godthink.blogsome.com.xml": (10, None),
    "charset_feeds/gb2312/jjgod.3322.org.xml": (10, "2005-12-28T00:50:24"),
    "charset_feeds/gb2312/lily.blogsome.com.xml": (10, "2005-01-17T19:42:48"),
    "charset_feeds/gb2312/luciferwang.blogcn.com.xml": (20, None),
    "charset_feeds/gb2312/pda.blogsome.com.xml": (10, None),
    "charset_feeds/gb2312/softsea.net.xml": (100, "2005-12-29T00:00:00"),
    "charset_feeds/gb2312/w3cn.org.xml": (20, "2005-05-28T16:05:36"),
    "charset_feeds/gb2312/xy15400.blogcn.com.xml": (20, None),
}
NO_PAYLOAD = ("weibo_cn/url_map.json", "weibo/m_weibo_doc_excerpt_2018-05.json", "weibo/weibo_com_ajax_mymblog_2021-02.d.ts.txt")


def shanghai_time(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=SHANGHAI)


def items_of(readings: list[Reading], base: datetime) -> list[Item]:
    platform = next((read.platform for read in readings if read.platform), "weibo")
    origin = Origin("test", platform, "f" * 16, base, "secret")
    return [make_item(read if read.native_id or read.url else read_with_id(read), origin) for read in readings]


def read_with_id(read: Reading) -> Reading:
    return Reading(**{**{name: getattr(read, name) for name in read.__slots__}, "native_id": "of the request"})


def check_row(row: str, readings: list[Reading], items: list[Item]) -> None:
    name, when, precision, *counts = row.split()
    at = int(name[1:]) if name.startswith("#") else next(n for n, read in enumerate(readings) if read.native_id == name)
    item = items[at]
    wanted = None if when == "-" else datetime.fromtimestamp(int(when[1:]), UTC) if when.startswith("@") else shanghai_time(when)
    assert (item.published_at, item.published_precision) == (wanted, precision), name
    for count in counts:
        assert getattr(item, COUNTS[count[0]]) == int(count[1:]), (name, count)


@pytest.mark.parametrize("name", sorted(KEY))
def test_file_against_the_key(name: str) -> None:
    key, body = KEY[name], (SAMPLES / name).read_bytes()
    base = shanghai_time(key.base)
    if key.reason:
        with pytest.raises(NoReading) as told:
            read_payload(body, base)
        assert told.value.reason == key.reason
        return
    readings = read_payload(body, base)
    words = key.kinds.split()
    assert Counter(read.kind for read in readings) == dict(zip(words[::2], map(int, words[1::2]), strict=True))
    items = items_of(readings, base)
    assert len({item.post_id for item in items}) == len(items)
    assert all(item.published_at is None or item.published_at <= base + timedelta(days=1) for item in items)
    for row in key.rows.strip().splitlines():
        check_row(row, readings, items)


@pytest.mark.parametrize("line", CASCADES.strip().splitlines(), ids=lambda line: line.split()[0])
def test_cascade_against_the_key(line: str) -> None:
    name, n, straight, first, first_at, last, last_at, at, reposts, comments, likes, followers = line.split()
    base = datetime(2014, 1, 1, tzinfo=SHANGHAI)
    bid = name.split("_")[1]
    original = f"https://weibo.com/{name.split('_')[2]}/{bid}"
    from crawlers.addresses import native_id

    mid = native_id("weibo", original)
    reads = read_payload((SAMPLES / f"repost_chain_ced/rumor-repost/{name}.json").read_bytes(), base, about=mid)
    assert len(reads) == int(n)
    assert sum(read.parent == mid for read in reads) == int(straight)
    assert {read.root for read in reads} == {mid}
    for read, wanted, when in ((reads[0], first, first_at), (reads[-1], last, last_at)):
        assert read.native_id == native_id("weibo", f"https://weibo.com/1/{wanted}")
        assert read_time(as_said(read), base).at == shanghai_time(when)
    (item,) = items_of(read_payload((SAMPLES / f"repost_chain_ced/original-microblog/{name}.json").read_bytes(), base, about=mid), base)
    assert item.published_at == datetime.fromtimestamp(int(at), UTC)
    assert [item.reposts_n, item.comments_n, item.likes_n, item.followers_n] == [int(x) for x in (reposts, comments, likes, followers)]


def as_said(read: Reading) -> str | int | float | None:
    assert not isinstance(read.published, Moment)
    return read.published


def test_times_agree_with_what_weibo_ids_say() -> None:
    """An id of Weibo holds the second it was given: an independent witness for the time of everything there, zone included."""
    seen = 0
    for path in [
        *sorted((SAMPLES / "repost_chain_ced/rumor-repost").iterdir()),
        *(SAMPLES / name for name in sorted(KEY) if "weibo" in name),
    ]:
        key = KEY.get(str(path.relative_to(SAMPLES)), Key("2014-01-01"))
        if key.reason or "hot_boards" in str(path):
            continue
        for read in read_payload(path.read_bytes(), shanghai_time(key.base)):
            moment = read.published if isinstance(read.published, Moment) else read_time(read.published, shanghai_time(key.base))
            if moment.at is None or read.native_id is None:
                continue
            given = datetime.fromtimestamp((int(read.native_id) >> 22) + 515483463, UTC)
            lag = {"second": 61, "minute": 61, "day": 86400}[moment.precision]
            assert abs((moment.at - given).total_seconds()) <= lag, (path.name, read.native_id)
            seen += 1
    assert seen > 5300


@pytest.mark.parametrize("name", sorted(FEEDS))
def test_feed_against_the_key(name: str) -> None:
    n, when = FEEDS[name]
    readings = read_feed((SAMPLES / name).read_bytes(), "news")
    assert len(readings) == n
    moment = read_time(as_said(readings[0]), datetime(2026, 9, 29, tzinfo=SHANGHAI)) if when else None
    assert moment is None or (moment.at and moment.at == shanghai_time(when or ""))
    assert "\ufffd" not in "".join(read.text + (read.title or "") for read in readings)


def test_a_page_is_no_feed() -> None:
    for name in ("big5/_chromium_Big5_with_no_encoding_specified.html", "gb2312/_mozilla_bug171813_text.html"):
        with pytest.raises(NoReading) as told:
            read_feed((SAMPLES / "charset_feeds" / name).read_bytes(), "news")
        assert told.value.reason == "format_changed"


def test_three_answers_in_one_document() -> None:
    """m_weibo_doc_excerpt is a document that quotes three answers of 2018; each is one payload."""
    quoted = json.loads((SAMPLES / "weibo/m_weibo_doc_excerpt_2018-05.json").read_text(encoding="utf-8"))
    base = datetime(2018, 5, 7, 21, 30, tzinfo=SHANGHAI)
    wanted = {
        "getIndex_card": "4237116843937317 2018-05-07T19:30 hour r3343 c4917 l82175",
        "api_comments_show": "4237164545724845 2018-05-07T21:28 minute l0",
        "api_statuses_repostTimeline": "4237170380036347 2018-05-07T21:30 minute l0",
    }
    kinds = []
    for name, row in wanted.items():
        readings = read_payload(json.dumps(quoted[name]).encode(), base)
        kinds += [read.kind for read in readings]
        check_row(row, readings, items_of(readings, base))
    assert kinds == ["post", "comment", "repost"]


def test_the_answer_that_is_quoted_as_a_type() -> None:
    """weibo.com/ajax/statuses/mymblog, quoted as a TypeScript type of literals: a repost without own words, and its original, cut."""
    text = (SAMPLES / "weibo/weibo_com_ajax_mymblog_2021-02.d.ts.txt").read_text(encoding="utf-8")
    literal = text.split("TypeWeiboApi_MyBlob_Item = ", 1)[1]
    literal = re.sub(r"boolean", "true", re.sub(r'string \| (?=")', "", literal))
    status, _ = json.JSONDecoder().raw_decode(literal)
    base = datetime(2021, 2, 23, 20, 0, tzinfo=SHANGHAI)
    readings = read_payload(json.dumps({"ok": 1, "data": {"list": [status]}}).encode(), base)
    items = items_of(readings, base)
    assert [read.kind for read in readings] == ["repost", "post"]
    check_row("4607741009594608 2021-02-23T12:28:47 second r14 c12 l29", readings, items)
    check_row("4607667449893429 2021-02-23T07:36:29 second r62 c11 l36", readings, items)
    assert items[0].text == ""
    assert readings[0].parent == readings[1].native_id == "4607667449893429"
    assert readings[1].text.endswith("…全文")


def test_every_file_of_these_folders_is_in_the_key() -> None:
    """A new sample must be read too."""
    folders = (
        "weibo",
        "weibo_items",
        "weibo_cn",
        "tieba",
        "zhihu",
        "tikhub_2026-02",
        "tousu",
        "hot_boards",
        "wechat_sogou",
        "rsshub",
        "bing_rss",
    )
    files = {str(path.relative_to(SAMPLES)) for folder in folders for path in (SAMPLES / folder).iterdir()}
    assert files - set(KEY) - set(FEEDS) == set(NO_PAYLOAD)
    for name in NO_PAYLOAD:
        with pytest.raises(NoReading) as told:
            read_payload((SAMPLES / name).read_bytes(), datetime(2026, 1, 1, tzinfo=UTC))
        assert told.value.reason == "format_changed"


def test_recognised_by_shape() -> None:
    wanted = {"weibo/m_": "weibo", "weibo/s_": "weibo_search", "weibo_items": "weibo_items", "weibo_cn": "weibo_cn", "tieba": "tieba_html",
              "zhihu": "zhihu", "tikhub_2026-02/bili": "bilibili", "tikhub_2026-02/douyin": "douyin", "tikhub_2026-02/wechat": "channels",
              "tikhub_2026-02/xhs": "xhs", "tousu": "heimao", "hot_boards/weibo_ajax": "weibo_board", "hot_boards/baidu": "baidu_board",
              "hot_boards/tencent": "tencent_board", "hot_boards/weibo_trending": "weibo_trending", "wechat_sogou": "wechat"}  # fmt: skip
    for name in KEY:
        parser = next(parser for start, parser in wanted.items() if name.startswith(start))
        assert recognise((SAMPLES / name).read_bytes()) == parser, name


def test_words_where_the_eye_sees_them() -> None:
    """Counted in the sample: three emoji and four <br> in the first card, one emoji and an icon of a private-use font in the second."""
    readings = read_payload((SAMPLES / "weibo/s_weibo_com_search_excerpt_2018-10.html").read_bytes(), shanghai_time("2018-10-26 16:24"))
    first, second = items_of(readings, shanghai_time("2018-10-26 16:24"))
    assert (first.text.count("["), first.text.count("\n")) == (3, 4)
    assert (second.text.count("["), second.text[0] == "\ue627", "收藏" in first.text + second.text) == (1, False, False)
    thread = read_payload((SAMPLES / "tieba/note_detail.html").read_bytes(), shanghai_time("2024-08-06 01:00"))
    assert thread[0].title is not None
    assert (len(thread[0].title), items_of(thread, shanghai_time("2024-08-06 01:00"))[0].text) == (19, thread[0].title)
