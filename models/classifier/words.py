"""Where the words of a Chinese text are, by the cheapest path over a shipped list of words; no segmentation library is needed to read.

`weights/words.txt` holds words of two to four characters, the most frequent first: by Zipf's law the rank is all the frequency
that the path needs. Learned once, with rjieba, on texts about hospitals (`learn_from`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

WORDS = Path(__file__).resolve().parent.parent / "weights" / "words.txt"
LONGEST, SIZE, FLOOR = 4, 30_000, 5
GLUE = frozenset(
    "的了着过地得在是和与及或就都也还又把被给让对为从到向以于而但我你他她它们这那个吗呢吧啊呀哦么年月日时"
)  # says nothing by itself
HAN = r"\u3400-\u9fff\U00020000-\U0003ffff"
# Read as one thing each: a link, a handle, a [泪]-style code, a Latin word or number, a run of Chinese, an emoji.
TOKEN = re.compile(
    rf"https?://[\w./?=&%#:~+\-]+|@[\w\-]{{1,30}}|\[[^\[\]\s]{{1,6}}\]|[^\W_{HAN}]+|(?P<run>[{HAN}]+)|[\U0001f000-\U0001faff]"
)

Span = tuple[int, int]


def words(text: str) -> list[Span]:
    """Places [start, end) of the words of `text` as it stands, in order; punctuation, white space and GLUE belong to none."""
    found: list[Span] = []
    for token in TOKEN.finditer(text):
        if token["run"]:
            found += [(token.start() + start, token.start() + end) for start, end in _whole(token["run"], _path(token["run"]))]
        else:
            found.append(token.span())
    return found


def _whole(run: str, spans: list[Span]) -> list[Span]:
    """Without GLUE; characters side by side that are no word (岚|湖, 卫|健|委) as one, mostly a name."""
    listed = {span for span in spans if span[1] - span[0] > 1}
    kept: list[Span] = []
    for start, end in spans:
        if run[start:end] in GLUE:
            continue
        is_rest = end - start == 1 and bool(kept) and kept[-1][1] == start and kept[-1] not in listed
        if is_rest and end - kept[-1][0] <= LONGEST:
            kept[-1] = (kept[-1][0], end)
        else:
            kept.append((start, end))
    return kept


def _path(run: str) -> list[Span]:
    """The cut of a run of Chinese characters whose words cost least, the later cut where two cost the same."""
    costs = _costs()
    best, came = [0.0], [0]
    for end in range(1, len(run) + 1):
        ways = [(best[start] + costs.get(run[start:end], math.inf), start) for start in range(max(0, end - LONGEST), end - 1)]
        cost, start = min([*ways, (best[end - 1] + costs[""], end - 1)])
        best.append(cost)
        came.append(start)
    spans: list[Span] = []
    while end := spans[-1][0] if spans else len(run):
        spans.append((came[end], end))
    return spans[::-1]


@cache
def _costs() -> dict[str, float]:
    """Word -> minus the log of its share by Zipf's law; "" -> the cost of a character by itself, well under two words."""
    listed = WORDS.read_text(encoding="utf-8").split("\n")
    scale = math.log(math.log(len(listed)))
    costs = {word: math.log(rank) + scale for rank, word in enumerate(listed, 1)}
    return costs | {"": 0.6 * (math.log(len(listed)) + scale)}


def learn(texts: Iterable[str]) -> list[str]:
    """Words of two to LONGEST Chinese characters that at least FLOOR texts hold, those of most texts first, at most SIZE."""
    import rjieba

    counts: Counter[str] = Counter()
    whole = re.compile(rf"[{HAN}]{{2,{LONGEST}}}")
    for text in texts:
        counts.update({word for word in rjieba.cut(text, False) if whole.fullmatch(word)})
    return [word for word, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if n >= FLOOR][:SIZE]


def learn_from(data: Path) -> None:
    """Shared data folder -> the shipped list, from texts that no test holds (`datasets.silent`)."""
    from models.classifier.datasets import silent

    WORDS.write_text("\n".join(learn(silent(data))), encoding="utf-8")
