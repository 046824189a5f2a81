"""How long we wait between two requests to the same site, at the least (design/SOURCES.md §5)."""

from __future__ import annotations

SOCIAL = frozenset({"weibo", "zhihu", "tieba", "douyin", "kuaishou", "xhs", "bilibili", "wechat", "toutiao", "heimao"})
SOCIAL_S, OTHERS_S = 10.0, 5.0
JITTER = 0.2  # of the pause: it lies between the asked one and half as much again, never below
LONGEST_CRAWL_DELAY_S = 120.0  # a robots.txt that wants more asks for fewer pages than one run needs
MOST_REQUESTS = 300  # of one run of a source, retries included


def shortest_delay_s(platform: str) -> float:
    return SOCIAL_S if platform in SOCIAL else OTHERS_S


def middle_s(shortest_s: float) -> float:
    """The pause whose jitter never goes below `shortest_s`: Scrapy's jitter goes both ways."""
    return shortest_s / (1 - JITTER)
