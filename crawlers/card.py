"""A source's identity card: who owns it, where it is, how often and how gently we ask, and on what basis. Read from conf/sources.yml."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from crawlers.card_law import check_law
from crawlers.card_options import FOR_ALL, OF_KIND, check_options, hint
from crawlers.hosts import host_of, is_own_literal, places
from crawlers.pace import shortest_delay_s
from warehouse.settings import ConfigProblem, read_yaml
from warehouse.vocabulary import AUTHOR_KINDS, PLATFORMS

KINDS = tuple(OF_KIND)
USUAL_AGE_H = 48  # max_age_h where the card does not say
AGE_OF_KIND_H = {"article": 168, "gov_mailbox": 168, "liuyan": 168}  # offices and columns write a few times a week
_HOLE = re.compile(r"\{(\w+)\}")
_ID = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Card:
    """`floor`/`ceiling`: items a day below which the source counts as quiet, above which as flooding. `delay_s`: between two requests,
    at the least. `overrides`: what of our manners is set aside (card_law.OVERRIDES), and the reason; auditors see them.

    `max_age_h`: older articles are not asked for, and a longer silence is reported. `options` are the kind's own words (card_options.py);
    each spider's docstring explains its own. For all kinds: `hosts`, further hosts of the same site; `most_requests` a run (300),
    `timeout_s` a request (30).
    """

    id: str
    kind: str
    title: str
    owner: str
    platform: str
    urls: tuple[str, ...]
    cadence_minutes: int = 60
    max_age_h: int = USUAL_AGE_H
    floor: int = 0
    ceiling: int = 10_000
    delay_s: float = 5.0
    robots_note: str = ""
    basis: str = ""
    purpose: str = ""
    retention_days: int = 180
    overrides: dict[str, str] = field(default_factory=dict)
    enabled: bool = True
    author_kind: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    stands_for: dict[str, str] = field(default_factory=dict)  # set by load_cards: what was filled in -> the name tables show

    @cached_property
    def hosts(self) -> frozenset[str]:
        """host or host:port (hosts.host_of) of every address this source may be asked at; redirects elsewhere are refused."""
        named = {f"https://{host}" if str(host).endswith(":443") else f"http://{host}" for host in self.options.get("hosts", ())}
        again = str((self.options.get("again") or {}).get("url", ""))  # where counts are read again: crawlers/again.py
        return frozenset(host for url in {*self.urls, *named, again} if (host := host_of(url)))

    @cached_property
    def own_places(self) -> frozenset[tuple[str, int]]:
        """(host, port) that may lie in a private network: written as such an address, or named with a reason in overrides.private."""
        own = [places(host) for host in self.hosts if "private" in self.overrides or is_own_literal(host)]
        return frozenset(place for host in own for place in host)

    def is_home(self, url: str) -> bool:
        return host_of(url) in self.hosts

    def shown(self, url: str) -> str:
        """The address as tables keep it: the drill's replica sits on another port each time, its posts must not."""
        for filled, name in self.stands_for.items():
            if url == filled or url.startswith((f"{filled}/", f"{filled}?")):
                return name + url.removeprefix(filled)
        return url

    def asked(self, url: str) -> str:
        """The address to ask for what tables keep as `url`: `shown` the other way round."""
        for filled, name in self.stands_for.items():
            if url == name or url.startswith((f"{name}/", f"{name}?")):
                return filled + url.removeprefix(name)
        return url


_TYPES: dict[str, tuple[type, ...]] = {
    "id": (str,), "kind": (str,), "title": (str,), "owner": (str,), "platform": (str,), "urls": (list,), "cadence_minutes": (int,),
    "max_age_h": (int,), "floor": (int,), "ceiling": (int,), "delay_s": (int, float), "robots_note": (str,), "basis": (str,),
    "purpose": (str,), "retention_days": (int,), "overrides": (dict,),
    "enabled": (bool,), "author_kind": (str,), "options": (dict,),
}  # fmt: skip
_NEEDED = ("id", "kind", "title", "owner", "platform", "urls")


def load_cards(conf: Path, values: dict[str, str] | None = None, *, may_be_none: bool = False) -> list[Card]:
    """Cards of conf/sources.yml in file order, disabled ones too. `values` fills {holes} in urls (the drill's {replica}).

    Without `values` the holes stay, for those who need the cards but not the sites. ConfigProblem names file, entry, field and fix; a list
    without an entry is one, too, unless it `may_be_none`: for those who are about to write the first.
    """
    path = conf / "sources.yml"
    said = _read(path)
    entries = [] if may_be_none and "sources" in said and said["sources"] is None else said.get("sources")
    if not isinstance(entries, list) or not (entries or may_be_none):
        raise ConfigProblem(f"{path}: needs a list `sources:` with at least one entry")
    cards = [_card(entry, n, path, values) for n, entry in enumerate(entries, 1)]
    ids = [card.id for card in cards]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise ConfigProblem(f"{path}: two sources share the id {twice[0]}; give one of them another id")
    return cards


def load_contact(conf: Path) -> str:
    """The address a site's owner can write to: `contact:` in conf/sources.yml, sent in every request's User-Agent."""
    path = conf / "sources.yml"
    contact = _read(path).get("contact")
    if not isinstance(contact, str) or not re.fullmatch(r"(?:https?://|mailto:)[\x21-\x7e]+", contact):
        raise ConfigProblem(f"{path}: contact: needs an https:// or mailto: address of the hospital, so that sites know whom to ask")
    return contact


def _read(path: Path) -> dict[str, Any]:
    said = read_yaml(path)
    if not isinstance(said, dict):
        raise ConfigProblem(f"{path}: expected `contact:` and `sources:`")
    return said


def _card(entry: Any, n: int, path: Path, values: dict[str, str] | None) -> Card:
    if not isinstance(entry, dict):
        raise ConfigProblem(f"{path}: source no. {n} should be `name: value` lines")
    where = f"{path}: source no. {n} ({entry.get('id', 'no id')})"
    known = [f.name for f in fields(Card) if f.name != "stands_for"]
    if strange := sorted(set(entry) - set(known), key=str):
        raise ConfigProblem(f"{where}: unknown field {strange[0]}{_place_of(strange[0], entry, known)}; known: {', '.join(known)}")
    for name in _NEEDED:
        if not entry.get(name):
            raise ConfigProblem(f"{where}: {name} is missing; add `{name}:`")
    for name, value in entry.items():
        if not isinstance(value, _TYPES[name]) or (isinstance(value, bool) and bool not in _TYPES[name]):
            raise ConfigProblem(f"{where}: {name}: {value!r} should be {' or '.join(t.__name__ for t in _TYPES[name])}")
    _check_words(entry, where)
    urls = tuple(_filled(url, values, where) for url in entry["urls"])
    stands_for = {address.rstrip("/"): f"http://{name}.test" for name, address in (values or {}).items()}
    usual = {"delay_s": shortest_delay_s(entry["platform"]), "max_age_h": AGE_OF_KIND_H.get(entry["kind"], USUAL_AGE_H)}
    card = Card(**{**usual, **entry, "urls": urls, "stands_for": stands_for})
    check_law(card, where)
    return card


def _check_words(entry: dict[str, Any], where: str) -> None:
    if not _ID.fullmatch(entry["id"]):
        raise ConfigProblem(f"{where}: id: use small letters, digits and _, a letter first")
    for name, allowed in (("kind", KINDS), ("platform", tuple(PLATFORMS)), ("author_kind", tuple(AUTHOR_KINDS))):
        if name in entry and entry[name] not in allowed:
            raise ConfigProblem(f"{where}: {name}: unknown {name} {entry[name]}; one of: {', '.join(allowed)}")
    for name in ("cadence_minutes", "max_age_h"):
        if entry.get(name, 1) < 1:
            raise ConfigProblem(f"{where}: {name}: must be 1 or more")
    check_options(entry["kind"], entry.get("options", {}), _TYPES, where)
    if entry.get("delay_s", 5.0) < 0 or not 0 <= entry.get("floor", 0) <= entry.get("ceiling", 10_000):
        raise ConfigProblem(f"{where}: needs delay_s ≥ 0 and 0 ≤ floor ≤ ceiling")
    if entry["kind"] == "hotboard" and "enabled" not in entry:
        raise ConfigProblem(f"{where}: enabled: a hotboard is off until somebody has decided it; write `enabled: true` or false")
    if strange := [url for url in entry["urls"] if str(url).startswith("file:///") != (entry["kind"] == "warc")]:
        raise ConfigProblem(f"{where}: urls: {strange[0]!r}: kind warc reads files, file:///path/*.warc.gz, and no other kind does")


def _place_of(name: Any, entry: dict[str, Any], known: list[str]) -> str:
    """Where an unknown field belongs, or what it was meant to be."""
    if name in OF_KIND.get(str(entry.get("kind")), {}) or name in FOR_ALL:
        return f", which belongs in the card's options: `options: {{{name}: …}}`"
    return hint(name, known)


def _filled(url: Any, values: dict[str, str] | None, where: str) -> str:
    address = str(url)
    if values is not None:
        holes = _HOLE.findall(address)
        if unknown := [name for name in holes if name not in values]:
            raise ConfigProblem(f"{where}: urls: nothing fills {{{unknown[0]}}} in {address}; write the full address")
        address = _HOLE.sub(lambda hole: values[hole[1]], address)
    elif _HOLE.match(address):
        return address
    if not address.startswith("file:///") and (host_of(address) is None or re.search(r"\s", address)):
        raise ConfigProblem(f"{where}: urls: {address!r} is no http(s) address")
    return address
