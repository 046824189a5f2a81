"""One text preparation, shared by pretraining, fine-tuning and scoring, so that they can never differ."""

import re
import unicodedata

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
    text = URL.sub("[URL]", text)
    text = HANDLE.sub("[USER]", text)
    text = SPACE.sub(" ", text).strip().lower().replace("[url]", "[URL]").replace("[user]", "[USER]")
    return RUN.sub(r"\1\1\1", text)


def pieces(prepared: str) -> list[str]:
    """Characters, and [泪]-style codes whole. White space is dropped: Chinese carries no meaning in it."""
    return CODE_OR_CHAR.findall(prepared)
