"""What a short Chinese text says, as weighted terms whose overlap tells whether two texts speak of one event.

Headlines have 6 to 20 characters, so rarity cannot be learned from the posts at hand: a name that fills today's window would look common.
It is learned once on a background of medical headlines and shipped as numbers (`weights/headline_rarity.npz`).
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from models.places import PROVINCE, places
from models.text import prepare

RARITY = Path(__file__).parent / "weights" / "headline_rarity.npz"
UNSEEN, COMMON = 9.5, 8.5
LEAD = 60  # characters of a text that count: a headline's length and a half; what follows tells, the lead names
SPLIT = re.compile(r"[^\u4e00-\u9fffa-z0-9%.]+")
MEDICAL = re.compile(r"医|病|患|护士|手术|药|疫苗|诊|卫健|疾控|救护|健康")

# One happening is told in many words: 女婴离世 in the first headline, 患儿死亡 in the second. A letter is the thing meant.
# The list holds what medical incidents are made of (who, what was done, how it ended, who answers), not the words of any one of them.
SAME = {
    "B": "女婴 男婴 婴儿 患儿 宝宝 新生儿 婴幼儿 幼儿 早产儿",
    "D": "离世 去世 死亡 身亡 逝世 病逝 病亡 不幸遇难 遇难 遗体",
    "Y": "医生 医师 大夫 医务人员 医护 医护人员",
    "H": "医院 院方 妇幼保健院 妇幼 妇儿医院 妇儿",
    "W": "卫健委 卫健局 卫生健康委 卫计委 卫健部门 卫生局 卫健",
    "R": "通报 回应 致歉 道歉 发声 声明 公告 发文 说明",
    "P": "警方 公安 民警 公安局",
    "S": "停诊 停职 免职 暂停诊疗 处罚 处分 处理 被罚 罚款 暂停",
    "O": "手术 术后 术中 开刀 主刀",
    "F": "家属 家长 亲属 家人",
    "N": "女子 女生 女孩 女士 女患者",
    "M": "男子 男生 男孩 男士 男患者",
    "T": "调查 调查组 介入调查 核查 彻查",
}
MEANING = {word: letter for letter, words in SAME.items() for word in words.split()}
WORD = re.compile("|".join(sorted(MEANING, key=lambda word: (-len(word), word))))
INCIDENT = frozenset("BDOPSTF")  # two of these together already sketch an incident

WEIGHT = {"character": 1.0, "pair": 1.0, "meaning": 0.6, "incident": 1.0, "place": 0.8}


def terms(text: str) -> dict[str, float]:
    """Term -> weight. Characters and character pairs, meanings of medical words, pairs of incident meanings, places and their provinces."""
    said = SPLIT.sub(" ", prepare(text)[:LEAD])
    found: dict[str, float] = defaultdict(float)
    for run in said.split():
        for character in run:
            found["1" + character] += WEIGHT["character"]
        for first, second in pairwise(run):
            found["2" + first + second] += WEIGHT["pair"]
    meanings = sorted({MEANING[word] for word in WORD.findall(said)})
    found |= {"m" + letter: WEIGHT["meaning"] for letter in meanings}
    found |= {"i" + a + b: WEIGHT["incident"] for a, b in combinations([m for m in meanings if m in INCIDENT], 2)}
    for place in places(said):
        found["p" + place] += WEIGHT["place"]
        found["p" + PROVINCE[place]] += WEIGHT["place"]
    return dict(found)


def learn(*backgrounds: Iterable[str]) -> dict[str, Any]:
    """Sets of texts -> the rarity table: minus the log of the share of a set's medical texts that hold a term, least over the sets.

    Two sets because headlines hardly say 了 or 我 and posts say little else. `terms` are CRC-32 codes: no text is kept. Terms rarer than
    two in ten thousand are left out and count as UNSEEN.
    """
    least: dict[str, float] = {}
    for texts in backgrounds:
        counts: Counter[str] = Counter()
        heard = 0
        for text in texts:
            if MEDICAL.search(text):
                counts.update(terms(text).keys())
                heard += 1
        for term, count in counts.items():
            least[term] = min(least.get(term, UNSEEN), math.log(heard / count))
    kept = sorted((_code(term), rarity) for term, rarity in least.items() if rarity < COMMON)
    codes, rarities = zip(*kept, strict=True)
    return {"terms": np.array(codes, np.uint32), "rarity": np.array(rarities, np.float16)}


def learn_from(data: Path, before: str = "2025-01-01") -> None:
    """Shared data folder -> the shipped file, from hot-search titles and posts about hospitals of before that Shanghai day."""
    seen = pl.scan_parquet(data / "hot_search" / "hourly_*.parquet").group_by("title").agg(pl.col("observed_at").min())
    titles = seen.filter(pl.col("observed_at").dt.strftime("%Y-%m-%d") < before).sort("title").collect()["title"]
    posts = pl.read_parquet(data / "text" / "hospital_posts.parquet").filter(pl.col("published_at") < before)["text"]
    np.savez_compressed(RARITY, **learn(titles, posts))


class Rarity:
    """Term -> how much sharing it says, from 0 (in every text) to UNSEEN."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.known = dict(zip(table["terms"].tolist(), table["rarity"].tolist(), strict=True))

    def __call__(self, term: str) -> float:
        return float(self.known.get(_code(term), UNSEEN))


@cache
def shipped() -> Rarity:
    with np.load(RARITY) as table:
        return Rarity({name: table[name] for name in table.files})


def _code(term: str) -> int:
    return zlib.crc32(term.encode())
