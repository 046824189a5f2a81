"""The post itself and its author -> numbers."""

from __future__ import annotations

import numpy as np
import polars as pl

from models.escalation.cascade.data import Cascades, Numbers

EAST_8_H = 8
HAS = {
    "urges": "扩散|求转|帮转|转发|转起|速转|接力", "doubts": "谣言|辟谣|不实|假的|求证|真相", "asks": "[?？]", "cries": "[!！]",
    "topic": "#[^#]+#", "title": "^【", "mentions": "@", "link": "https?://",
    "health": "医院|医生|护士|患者|病人|医疗|手术|疫苗|药|癌|健康|食品|毒", "police": "警|城管|公安|法院|官员|政府|书记|腐败|拆迁",
    "child": "孩子|儿童|小孩|女孩|男孩|幼儿|妈妈|失踪|拐", "death": "死|杀|遇难|去世|身亡|爆炸|地震", "joke": "哈哈|笑|萌|可爱|爱情|星座",
    "tips": "方法|技巧|必备|教你|分享|推荐|收藏", "number": r"\d",
}  # fmt: skip
HOURS_OF_DAY = ("posted_hour", "now_hour")
NUMBERS = ("author_followers", "author_friends", "author_messages", "author_days")
Fill = dict[str, float]
SOURCES = {"web": "weibo.com", "scheduled": "皮皮时光机|定时", "phone": "iPhone|iPad|Android|客户端", "pro": "专业版|微博桌面"}


def features(posts: pl.DataFrame, fill: Fill) -> pl.DataFrame:
    """cascade_id and Float32 features known when the post is. What a deleted account lacks is `fill`, so that it does not show."""
    text = pl.col("text").fill_null("")
    return posts.select(
        "cascade_id",
        pl.col("pics").fill_null(0).clip(0, 9).cast(pl.Float32).alias("post_pics"),
        pl.col("has_url").fill_null(False).cast(pl.Float32).alias("post_url"),
        (text.str.len_chars() / 20).cast(pl.Float32).alias("post_length"),
        *(text.str.contains(words).cast(pl.Float32).alias(f"post_{name}") for name, words in HAS.items()),
        *(pl.col("source").fill_null("").str.contains(word).cast(pl.Float32).alias(f"source_{name}") for name, word in SOURCES.items()),
        (pl.col("attach_type").fill_null("") == "topic").cast(pl.Float32).alias("attach_topic"),
        pl.col("author_verified").fill_null(False).cast(pl.Float32).alias("author_verified"),
        (pl.col("author_verified_type").is_between(1, 7).fill_null(False)).cast(pl.Float32).alias("author_office"),
        (pl.col("author_gender").fill_null("m") == "f").cast(pl.Float32).alias("author_female"),
        (pl.col("author_location").fill_null("").str.contains("北京|上海|广东")).cast(pl.Float32).alias("author_big_city"),
        *(number.fill_null(fill[name]).cast(pl.Float32).alias(name) for name, number in _numbers().items()),
    )


def middles(posts: pl.DataFrame) -> Fill:
    """The middle of each author number, of training posts."""
    return {name: round(float(posts.select(number.median()).item()), 3) for name, number in _numbers().items()}


def _numbers() -> dict[str, pl.Expr]:
    days = ((pl.col("post_time") - pl.col("author_registered")) / 86400).clip(0, 4000)
    return {name: days if name == "author_days" else (pl.col(f"{name}_at_crawl").clip(0) + 1).log() for name in NUMBERS}


def hour_of(key: pl.DataFrame, cascades: Cascades) -> pl.DataFrame:
    """Local hour and weekday of the post and of the instant asked about, for the rows of `key`."""
    posted = key.join(cascades.posts.select("cascade_id", "post_time"), on="cascade_id", how="left", maintain_order="left")
    local = posted["post_time"].to_numpy() + EAST_8_H * 3600
    now = local + (posted["t0_h"].to_numpy() * 3600).astype(np.int64)
    at = {"posted": local, "now": now}
    columns: dict[str, Numbers] = {}
    for name, second in at.items():
        hour = second % 86400 / 3600
        columns |= {f"{name}_hour": hour, f"{name}_weekend": (second // 86400 + 3) % 7 >= 5}
    columns["now_weekday"] = (now // 86400 + 3) % 7
    return pl.DataFrame({name: np.asarray(value, dtype=np.float32) for name, value in columns.items()})
