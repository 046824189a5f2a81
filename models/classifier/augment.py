"""Training texts, varied in what must not matter: which hospital, a handle, a link, an emoji. The labels stay.

Full width and traditional script are not varied here: models/text.py undoes them before any model reads a text.
"""

from __future__ import annotations

import re

import numpy as np

from models.places import NAMED, PROVINCE

_WORDS = (
    "大学", "学院", "医科", "医学", "医", "第[一二三四五六七八九十]", "附属", "人民", "中心", "中", "中医", "中西医结合",
    "妇女", "儿童", "妇产", "妇幼", "肿瘤", "口腔", "眼科", "骨科", "胸科", "精神", "卫生", "康复", "总", "协和", "同济",
    "红十字", "市立", "省立", "县立", "军区",
)  # fmt: skip
_MADE_UP = "岚湖|望川|青屿|云埠"  # the places of our constructed texts
NAME = re.compile(f"(?:{NAMED.pattern}|{_MADE_UP})[省市县区]?(?:{'|'.join(_WORDS)}){{0,5}}(?:医院|卫生院|保健院)")  # 某地…医院
KINDS = ("市第一人民医院", "市中心医院", "市中医院", "市妇幼保健院", "市第二医院", "大学附属医院", "县人民医院", "儿童医院", "肿瘤医院")
ABROAD = ("美国", "日本", "韩国", "英国", "法国")
CITIES = sorted(city for city, province in PROVINCE.items() if city != province and province not in ABROAD)
EMOJI = ("🏥", "📍", "👀", "📢", "🔍", "➡️")  # without a feeling of their own
HANDLES, LINK = ("@本地热点", "@都市晚报", "@身边事", "//@路人:"), "https://t.cn/A6bQx7Zk"


def augment(texts: list[str], rng: np.random.Generator, share: float = 0.3) -> list[str]:
    """Each kind of variation on about `share` of the texts it can touch; same length and order, `texts` unchanged."""
    return [_varied(text, rng, share) for text in texts]


def _varied(text: str, rng: np.random.Generator, share: float) -> str:
    rename, mark, address, link = rng.random(4) < share
    if rename:
        text = NAME.sub(lambda _: CITIES[rng.integers(len(CITIES))] + KINDS[rng.integers(len(KINDS))], text)
    if mark:
        text = _beside(text, EMOJI[rng.integers(len(EMOJI))], rng)
    if address:
        text = _beside(text, f"{HANDLES[rng.integers(len(HANDLES))]} ", rng)
    return f"{text} {LINK}" if link else text


def _beside(text: str, addition: str, rng: np.random.Generator) -> str:
    return addition + text if rng.random() < 0.5 else text + addition
