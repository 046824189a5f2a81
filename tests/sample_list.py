"""A constructed morning in 岚湖市 (which does not exist), from posts to a published list, for the tests of the pages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from briefing.pages import Frames
from briefing.playbook import load_playbook
from briefing.publish import Published, publish
from briefing.rank import rank
from warehouse.schema import empty, polars_schema
from warehouse.settings import Settings
from warehouse.watchlist import Hospital, Watchlist

NOW = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)  # 08:30 in Shanghai
HOUR = timedelta(hours=1)
BOOK = load_playbook(Path(__file__).parent.parent / "conf" / "playbook.yml")
WATCHED = Watchlist(
    (Hospital("lanhu_first", "岚湖市第一人民医院"), Hospital("lanhu_children", "岚湖市妇女儿童医院"), Hospital("lanhu_tcm", "岚湖市中医院"))
)
# event, hospital, category, title, department, (p24, p48), growth of posts: [(hours ago, posts)], platforms, texts
EVENTS: list[tuple[Any, ...]] = [
    ("e1c4", "lanhu_children", "safety", "三岁患儿术后抢救无效，家属质疑岚湖妇儿麻醉过程", "麻醉科", (0.72, 0.81),
     [(1, 19), (4, 14), (7, 9), (11, 5), (20, 3), (30, 1)], ("weibo", "douyin", "liuyan"),
     ("孩子进手术室前还在笑，出来就没了。岚湖市妇女儿童医院说是个体差异，麻醉记录到现在不给看，我们只想知道那四十分钟发生了什么。",
      "同城的都看看，岚湖妇儿术后抢救无效，家属在门诊大厅等说法，希望能公开调查。", "转发，麻醉前评估做了没有？请岚湖妇儿正面回答。")),
    ("b07d", "lanhu_first", "conflict", "岚湖一院急诊科夜间发生推搡，视频流传", "急诊科", (0.41, 0.47),
     [(2, 7), (5, 6), (9, 4), (13, 2)], ("douyin", "weibo"),
     ("岚湖一院急诊科昨晚十一点多，有人和护士推搡起来，保安拉了很久，候诊的人都在拍。", "等了三个小时还没轮上，换谁都急，但动手不对。")),
    ("7fa2", "lanhu_tcm", "price", "岚湖市中医院膏方套餐价格被质疑“先开再算”", None, (0.33, 0.38),
     [(3, 4), (15, 3), (27, 5), (40, 2)], ("xhs", "zhihu"),
     ("在岚湖市中医院开膏方，说好一千二，结账三千六，明细里有没听说过的药材，问收费处说去问医生。",
      "岚湖中医院膏方怎么收费的？有没有公示？")),
    ("40e9", "lanhu_first", "service", "西塘院区自助机停用，挂号排队两小时", "门诊部", (0.14, 0.17),
     [(2, 2), (6, 1), (26, 2)], ("liuyan", "tieba"),
     ("岚湖一院西塘院区的自助挂号机又停了，只开两个人工窗口，老人站着排了两小时，能不能加个座？",)),
    ("c3d8", "lanhu_first", "rumor", "网传岚湖一院“下月起夜间急诊停诊”", "急诊科", (0.12, 0.16),
     [(5, 2), (8, 1)], ("wechat",), ("听说岚湖一院下个月晚上急诊不开了？有没有内部的人说一下。",)),
]  # fmt: skip
SOURCES = {
    "weibo_search": "微博搜索", "liuyan": "领导留言板", "baidu_board": "百度热榜", "news_city": "岚湖新闻网", "tieba_lanhu": "岚湖吧",
    "zhihu_board": "知乎热榜", "mailbox": "市长信箱", "douyin_board": "抖音热榜",
}  # fmt: skip


def _posts() -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("posts", "event_posts", "mentions", "scores", "observations")}
    for event_id, hospital_id, category, _, department, _, waves, platforms, texts in EVENTS:
        n = 0
        for hours_ago, count in waves:
            for i in range(count):
                post_id, said = f"{event_id}-{n:03}", NOW - hours_ago * HOUR - timedelta(minutes=7 * i)
                platform = platforms[n % len(platforms)]
                rows["posts"].append(
                    {
                        "post_id": post_id,
                        "source": "weibo_search",
                        "platform": platform,
                        "kind": "post" if n < len(texts) else "comment",
                        "url": f"https://{platform}.example/p/{post_id}",
                        "author_kind": "personal" if n else None,
                        "title": None,
                        "text": texts[n] if n < len(texts) else f"{texts[n % len(texts)][:24]}（{n} 楼）",
                        "published_at": said,
                        "published_precision": "minute",
                        "first_seen_at": said + timedelta(minutes=20),
                        "fetch_id": f"f-{post_id}",
                    }
                )
                rows["event_posts"].append({"event_id": event_id, "post_id": post_id, "as_of": NOW})
                rows["mentions"].append(
                    {
                        "post_id": post_id,
                        "hospital_id": hospital_id,
                        "department": department,
                        "evidence": "别名",
                        "confidence_p": 0.9,
                        "status": "confirmed" if n != 9 else "unconfirmed",
                        "first_seen_at": said,
                    }
                )
                rows["scores"].append(
                    {
                        "post_id": post_id,
                        "model_version": "guanchao-bert-2026.03",
                        "relevant_p": 0.93,
                        "negative_p": 0.84,
                        "neutral_p": 0.12,
                        "positive_p": 0.04,
                        "category": category,
                        "category_p": 0.8,
                        "first_seen_at": said,
                    }
                )
                rows["observations"].append(
                    {
                        "post_id": post_id,
                        "observed_at": NOW - HOUR / 2,
                        "reposts_n": max(0, 320 - 90 * n),
                        "comments_n": max(0, 1204 - 300 * n),
                        "likes_n": max(0, 5310 - 1500 * n),
                        "board_rank": 17 if post_id == "e1c4-000" else None,
                        "fetch_id": "f",
                    }
                )
                n += 1
    return rows


def _events() -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {"events": [], "forecasts": []}
    for event_id, hospital_id, category, title, _, chances, waves, platforms, _ in EVENTS:
        posts_n = sum(count for _, count in waves)
        rows["events"].append(
            {
                "event_id": event_id,
                "as_of": NOW,
                "hospital_id": hospital_id,
                "title": title,
                "category": category,
                "posts_n": posts_n,
                "authors_n": posts_n,
                "platforms": sorted(platforms),
                "growth": 1.0,
                "first_post_at": NOW - 30 * HOUR,
                "last_post_at": NOW - HOUR,
            }
        )
        for horizon_h, p in zip((24, 48), chances, strict=True):
            rows["forecasts"].append(
                {
                    "event_id": event_id,
                    "as_of": NOW,
                    "horizon_h": horizon_h,
                    "target": "escalation",
                    "escalates_p": p,
                    "expected_n": posts_n * 2.6,
                    "low_n": posts_n * 1.3,
                    "high_n": posts_n * 5.1,
                    "drivers": ["近 6 小时发帖加快", "已跨平台传播", "出现伤亡字眼"][: 1 + posts_n // 20],
                    "model_version": "escalation-lgbm-2026.03",
                    "resolve_rule": f"event_posts>={posts_n * 2 + 5}:{horizon_h}h",
                    "resolve_at": NOW + horizon_h * HOUR,
                }
            )
    return rows


def coverage(**status: tuple[str, str]) -> pl.DataFrame:
    """All sources well, but those named: source=(coverage_status, reason)."""
    rows = [
        {
            "source": source,
            "as_of": NOW,
            "coverage_status": (said := status.get(source, ("ok", "ok")))[0],
            "reason": said[1],
            "expected_n_low": 20,
            "fetches_n": 12,
            "got_n": (got := {"ok": 41 + 3 * n, "quiet": 4}.get(said[0], 0)),
            "landed_n": got // 2,
            "quarantined_n": got // 20,
            "last_ok_at": NOW - 26 * HOUR,
        }
        for n, source in enumerate(SOURCES)
    ]
    return _frame("coverage", rows)


def _frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema_overrides=polars_schema(table))


@cache
def sample(is_drill: bool = True) -> Frames:
    """The tables of that morning, ranked by the real playbook."""
    f = {name: _frame(name, rows) for name, rows in (_posts() | _events()).items()}
    warnings = rank(
        f["events"],
        f["forecasts"],
        f["event_posts"],
        f["posts"],
        f["mentions"],
        f["scores"],
        f["observations"],
        empty("warnings"),
        empty("verdicts"),
        BOOK,
        NOW,
        is_drill,
        2,
    )
    unwell = coverage(tieba_lanhu=("quiet", "ok"), douyin_board=("failed", "captcha"))
    return Frames(warnings=warnings, coverage=unwell, explanations=explanations(f["posts"]), **f)


def explanations(posts: pl.DataFrame) -> pl.DataFrame:
    """What moved the reading of two posts of the first event, and a word that moved next to nothing."""
    moved = [
        ("e1c4-000", "sentiment", "negative", "没了", 0.31), ("e1c4-000", "category", "safety", "麻醉", 0.42),
        ("e1c4-000", "category", "safety", "手术室", 0.18), ("e1c4-000", "category", "safety", "道", 0.004),
        ("e1c4-001", "category", "safety", "抢救无效", 0.37),
    ]  # fmt: skip
    text = dict(posts.select("post_id", "text").iter_rows())
    rows = [
        {
            "post_id": post_id, "model_version": "guanchao-bert-2026.03", "head": head, "label": label, "part": "text",
            "start_n": text[post_id].index(word), "word": word, "fall_p": fall, "first_seen_at": NOW - HOUR,
        }
        for post_id, head, label, word, fall in moved
    ]  # fmt: skip
    return _frame("explanations", rows)


def quiet() -> Frames:
    whole = sample()
    return replace(whole, warnings=whole.warnings.clear(), coverage=coverage())


def blind() -> Frames:
    """Most sources failed; what was read holds no warning."""
    return replace(quiet(), coverage=coverage(**dict.fromkeys(list(SOURCES)[:5], ("failed", "blocked"))))


def settings(root: Path, is_drill: bool = True) -> Settings:
    return Settings(name="岚湖市卫生健康委员会", drill=is_drill, root=root)


def publish_sample(frames: Frames, out: Path, is_drill: bool = True, **more: Any) -> Published:
    return publish(frames, BOOK, WATCHED, settings(out.parent, is_drill), out, NOW, SOURCES, **more)
