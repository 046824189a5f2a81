"""Characters and [泪]-style codes <-> ids. A vocabulary is a text file, one token a line, the line number its id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from models.text import canonical, pieces

PAD, UNK, CLS, SEP, MASK = range(5)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[URL]", "[USER]"]


class Vocabulary:
    """Encodes text to ids. A code that is not a token of its own is read as its characters."""

    def __init__(self, tokens: list[str]) -> None:
        if tokens[: len(SPECIAL)] != SPECIAL:
            raise ValueError(f"a vocabulary starts with {SPECIAL}, this one with {tokens[: len(SPECIAL)]}")
        self.tokens = tokens
        self.ids = {token: i for i, token in enumerate(tokens)}

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        return cls(path.read_text(encoding="utf-8").split("\n"))

    def save(self, path: Path) -> None:
        path.write_text("\n".join(self.tokens), encoding="utf-8")

    @classmethod
    def learn(cls, texts: Iterable[str], size: int, floor: int = 10) -> Vocabulary:
        """The `size` most frequent pieces seen at least `floor` times."""
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(pieces(canonical(text)))
        for special in SPECIAL:
            counts.pop(special, None)
        kept = [piece for piece, n in sorted(counts.items(), key=lambda x: (-x[1], x[0])) if n >= floor]
        return cls(SPECIAL + kept[: size - len(SPECIAL)])

    def encode(self, text: str, limit: int | None = None) -> list[int]:
        """Ids of `text` without [CLS] and [SEP]; over `limit` the middle is left out (news put the point first, complaints last)."""
        found = pieces(canonical(text))
        ids = [known for known in map(self.ids.get, found) if known is not None]
        if len(ids) < len(found):  # seldom
            ids = [i for piece in found for i in self._spelt(piece)]
        if limit is not None and len(ids) > limit:
            head = limit * 3 // 4
            ids = ids[:head] + ids[len(ids) - (limit - head) :]
        return ids

    def _spelt(self, piece: str) -> list[int]:
        known = self.ids.get(piece)
        return [self.ids.get(char, UNK) for char in piece] if known is None else [known]

    def unknown_share(self, text: str) -> float:
        ids = self.encode(text)
        return ids.count(UNK) / len(ids) if ids else 0.0
