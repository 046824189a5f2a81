"""A constructed scenario: a folder of stories (YAML, read by people) expanded into posts, the same posts every time.

world.yml says who publishes where; every other file is one story: its course (how many posts between which times), its pinned posts
(word for word) and its voices (sentences with {words} to draw). Nothing in it is random but by `seed`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import yaml

from warehouse.clock import SHANGHAI, parse_instant
from warehouse.settings import ConfigProblem

SCENARIOS = Path(__file__).parents[1] / "scenario"
AWAKE = (3, 2, 1, 1, 1, 2, 5, 8, 9, 9, 9, 9, 9, 8, 7, 7, 8, 8, 9, 10, 12, 12, 10, 6)  # how much is written, by hour of the day
SLOT = re.compile(r"\{(\w+|\d+-\d+)\}")
BREAK = " || "  # between a headline and its text


@dataclass(frozen=True)
class Post:
    """One invented text. `hospital`, `category`, `sentiment`, `story` are the truth it was written to, never shown by the replica."""

    id: str
    story: str
    hospital: str
    category: str
    sentiment: str
    outlet: str
    platform: str
    at: datetime
    author: str
    author_kind: str
    region: str
    title: str
    text: str
    fame: int
    quotes: Post | None = None
    copies: str | None = None
    extra: dict[str, str] = field(default_factory=dict)

    def counts(self, now: datetime) -> tuple[int, int, int]:
        """(reposts, comments, likes) as they stand at `now`: they grow over about a day and never shrink."""
        age_h = max(0.0, (now - self.at).total_seconds() / 3600)
        share = age_h / (age_h + 4)
        return int(self.fame * share * 0.3), int(self.fame * share * 0.5), int(self.fame * share)


@dataclass(frozen=True)
class Headline:
    """A title on a hot board while it is there; it climbs from place `low` to place `high` within three hours."""

    board: str
    title: str
    since: datetime
    until: datetime
    low: int
    high: int

    def place(self, now: datetime) -> int | None:
        if not self.since <= now < self.until:
            return None
        climbed = min(1.0, (now - self.since) / timedelta(hours=3))
        return round(self.low + (self.high - self.low) * climbed)


@dataclass(frozen=True)
class Scenario:
    world: dict[str, Any]
    posts: tuple[Post, ...]
    headlines: tuple[Headline, ...]

    def seen(self, outlet: str, now: datetime, hospitals: list[str] | None = None) -> list[Post]:
        """Posts of an outlet published by `now`, newest first."""
        return [p for p in reversed(self.posts) if p.outlet == outlet and p.at <= now and (not hospitals or p.hospital in hospitals)]


class Words:
    """Draws words and sentences: each pool is gone through once, in a shuffled order, before any of it comes again."""

    def __init__(self, rng: Random, *pools: dict[str, Any]) -> None:
        self.rng, self.pools = rng, pools
        self.bags: dict[int, list[Any]] = {}

    def draw(self, pool: list[Any]) -> Any:
        bag = self.bags.get(id(pool))
        if not bag:
            bag = self.bags[id(pool)] = self.rng.sample(pool, len(pool))
        return bag.pop()

    def fill(self, text: str, more: dict[str, Any] | None = None) -> str:
        def word(slot: re.Match[str]) -> str:
            if "-" in slot[1]:
                low, high = slot[1].split("-")
                return str(self.rng.randint(int(low), int(high)))
            pool = next((pool[slot[1]] for pool in (more or {}, *self.pools) if slot[1] in pool), None)
            if pool is None:
                raise ConfigProblem(f"scenario: no words for {{{slot[1]}}} in {text[:40]!r}")
            return self.fill(str(self.draw(pool)), more)

        return SLOT.sub(word, text)


def load_scenario(folder: Path) -> Scenario:
    """Expand a scenario folder; ConfigProblem names the file that is wrong."""
    if not (folder / "world.yml").is_file():
        shipped = ", ".join(sorted(place.name for place in SCENARIOS.iterdir()))
        raise ConfigProblem(f"{folder}: no scenario here (needs world.yml); shipped: {shipped}")
    world = _read(folder / "world.yml")
    posts: list[Post] = []
    headlines: list[Headline] = []
    for path in sorted(folder.glob("*.yml")):
        if path.name != "world.yml":
            story = _read(path)
            try:
                posts += _Story(path.stem, story, world).told()
                for board, title, since, until, low, high in story.get("headlines", []):
                    headlines.append(Headline(board, title, parse_instant(since), parse_instant(until), low, high))
            except (KeyError, ValueError, TypeError) as problem:
                raise ConfigProblem(f"{path}: {type(problem).__name__}: {problem}") from problem
    return Scenario(world, tuple(sorted(posts, key=lambda p: (p.at, p.id))), tuple(headlines))


def _read(path: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise ConfigProblem(f"{path}: not readable YAML: {problem}") from problem
    if not isinstance(said, dict):
        raise ConfigProblem(f"{path}: expected `name: value` lines")
    return said


class _Story:
    """One file on its way to posts."""

    def __init__(self, name: str, said: dict[str, Any], world: dict[str, Any]) -> None:
        self.name, self.said, self.world = name, said, world
        self.rng = Random(f"{world['seed']}:{name}")  # a string seed is hashed with sha512: the same on every machine
        own = {"h": world["hospitals"][said["hospital"]], **said.get("words", {})}
        self.words = Words(self.rng, own, world["words"])
        self.posts: list[Post] = []

    def told(self) -> list[Post]:
        pinned = [self._pinned(entry) for entry in self.said.get("pinned", [])]
        for at, voices in sorted(self._times(), key=lambda beat: beat[0]):
            known = [p for p in pinned + self.posts if p.at < at and not p.quotes and not p.copies]
            self.posts.append(self._said(at, voices, known))
        return pinned + self.posts

    def _times(self) -> Iterator[tuple[datetime, dict[str, Any]]]:
        voices = self.said["voices"]
        for begin, end, n, *only in self.said["course"]:
            start, stop = parse_instant(begin), parse_instant(end)
            names = only[0] if only else list(voices)
            left = n
            while left:
                at = start + (stop - start) * self.rng.random()
                if self.rng.random() * max(AWAKE) < AWAKE[at.astimezone(SHANGHAI).hour] or stop - start < timedelta(hours=6):
                    yield at.replace(microsecond=0), {name: voices[name] for name in names}
                    left -= 1

    def _pinned(self, entry: dict[str, Any]) -> Post:
        outlet = self.world["outlets"][entry["outlet"]]
        kind = entry.get("kind") or self._kind(outlet)
        extra = {"type": entry["type"]} if "type" in entry else {}
        text, title = self.words.fill(entry["text"]), entry.get("title", "")
        return self._post(
            entry["outlet"], parse_instant(entry["at"]), title, text, entry.get("author", ""), kind, entry.get("reach", 1) * 4,
            id=f"{self.name}-{entry['id']}", extra=extra,
            **{name: entry[name] for name in ("hospital", "category") if name in entry},
        )  # fmt: skip

    def _said(self, at: datetime, voices: dict[str, Any], known: list[Post]) -> Post:
        weights = {(name, place): n for name, voice in voices.items() for place, n in voice["in"].items()}
        name, place = self.rng.choices(list(weights), list(weights.values()))[0]
        voice, outlet = voices[name], self.world["outlets"][place]
        if self.rng.random() < self.said["echo"] and (post := self._echo(at, place, known)):
            return post
        long = outlet.get("long", False)
        says = [s for s in voice["says"] if BREAK in s] if long else voice["says"]
        pool = self.words.bags.setdefault(id(voice) + long, [])
        if not pool:
            pool += self.rng.sample(says, len(says))
        title, _, text = self.words.fill(pool.pop(), voice.get("words")).rpartition(BREAK)
        if place == "weibo" and title:
            title, text = "", title
        if place in ("tieba", "liuyan") and not title:
            title = re.split(r"[，。！？,]", re.sub(r"\[\w+\]|#[^#]+#", "", text).strip())[0][:24]
        return self._post(place, at, title, text, voice.get("author") or self._author(outlet), voice.get("kind") or self._kind(outlet), 1)

    def _echo(self, at: datetime, place: str, known: list[Post]) -> Post | None:
        """A repost on weibo, elsewhere a near copy; the famous are repeated most. None where there is nothing to repeat."""
        outlet = self.world["outlets"][place]
        long = bool(outlet.get("long"))
        if place == "liuyan":
            return None
        sources = [p for p in known if bool(self.world["outlets"][p.outlet].get("long")) == long and p.outlet != "liuyan"]
        if not sources:
            return None
        first = self.rng.choices(sources, [p.fame for p in sources])[0]
        author, kind = self._author(outlet), self._kind(outlet)
        if place == "weibo":
            comment = self.words.fill("{pass}")
            if self.rng.random() < 0.4:
                return self._post(place, at, "", f"{comment}//@{first.author}:{first.text}", author, kind, 0.2, copies=first.id)
            return self._post(place, at, "", comment, author, kind, 0.2, quotes=first)
        title = first.title or first.text[:18]
        text = f"{first.text}\n（来源：{first.author}）" if long else f"转自{first.author}：{first.text}"
        return self._post(place, at, title, text, author, kind, 1, copies=first.id)

    def _author(self, outlet: dict[str, Any]) -> str:
        speaks = outlet["speaks"]
        if isinstance(speaks, list):
            return str(self.words.draw(speaks))
        names, digits = self.world["nicknames"], self.rng.choice(["", "", str(self.rng.randint(2, 9999))])
        return f"{self.rng.choice(names['first'])}{self.rng.choice(names['second'])}{digits}"

    def _kind(self, outlet: dict[str, Any]) -> str:
        return str(outlet.get("kind", "media" if outlet.get("long") else "personal"))

    def _post(self, place: str, at: datetime, title: str, text: str, author: str, kind: str, fame: float, **more: Any) -> Post:
        story, outlet = self.said, self.world["outlets"][place]
        post = Post(
            "", self.name, story["hospital"], story["category"], story["sentiment"], place, outlet["platform"], at, author, kind,
            self.rng.choice(self.world["regions"]), title, text,
            round(fame * story["reach"] * outlet.get("busy", 1) * self.rng.lognormvariate(0, 1.1)) + self.rng.randint(0, 3),
        )  # fmt: skip
        post = replace(post, **more)
        return post if post.id else replace(post, id=hashlib.sha256(f"{self.name}{place}{at}{author}{text}".encode()).hexdigest()[:12])
