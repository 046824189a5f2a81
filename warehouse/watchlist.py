"""Who is watched: conf/hospitals.yml, read by the crawlers (keep only what concerns us) and by the mention finder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from warehouse.settings import ConfigProblem, read_yaml

EVERY = "*"  # hospital_id of a mention when every hospital is watched and none of the list is named
FIELDS = ("id", "name", "province", "city", "aliases", "campuses", "departments", "people", "districts", "look_alikes", "own_accounts")


@dataclass(frozen=True)
class Hospital:
    """A watched hospital. `look_alikes` are full names of others that share an alias; `people` are key persons."""

    id: str
    name: str
    province: str = ""
    city: str = ""
    aliases: tuple[str, ...] = ()
    campuses: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    look_alikes: tuple[str, ...] = ()
    own_accounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Watchlist:
    """`every` is the mode of a health authority: any text with one of `words` concerns it, named hospital or not."""

    hospitals: tuple[Hospital, ...]
    departments: tuple[str, ...] = ()
    every: bool = False
    words: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every string whose presence makes a text worth keeping; longest first."""
        found = set(self.words) if self.every else set()
        for hospital in self.hospitals:
            found.update((hospital.name, *hospital.aliases, *hospital.campuses, *hospital.people))
        return tuple(sorted((name for name in found if name), key=lambda name: (-len(name), name)))

    @property
    def ids(self) -> tuple[str, ...]:
        """Every hospital_id that a mention can have."""
        return (*(hospital.id for hospital in self.hospitals), *((EVERY,) if self.every else ()))

    def concerns(self, text: str) -> bool:
        return any(name in text for name in self.names)


def load_watchlist(conf: Path) -> Watchlist:
    """Read conf/hospitals.yml; ConfigProblem names the entry that is wrong."""
    path = conf / "hospitals.yml"
    said = read_yaml(path)
    if not isinstance(said, dict) or said.get("scope") not in ("listed", "every"):
        raise ConfigProblem(f"{path}: needs `scope: listed` (the hospitals below) or `scope: every` (a health authority)")
    hospitals = tuple(_hospital(entry, n, path) for n, entry in enumerate(said.get("hospitals") or [], 1))
    every, spoken = said["scope"] == "every", tuple(said.get("words") or ())
    if every and not spoken:
        raise ConfigProblem(f"{path}: `scope: every` needs `words:`, the words that make a text concern a hospital")
    if not every and not hospitals:
        raise ConfigProblem(f"{path}: `scope: listed` needs at least one entry under `hospitals:`")
    ids = [hospital.id for hospital in hospitals]
    if len(ids) != len(set(ids)):
        raise ConfigProblem(f"{path}: two hospitals share an id: {sorted(i for i in ids if ids.count(i) > 1)[0]}")
    return Watchlist(hospitals, tuple(said.get("departments") or ()), every, spoken)


def _hospital(entry: Any, n: int, path: Path) -> Hospital:
    if not isinstance(entry, dict) or not entry.get("id") or not entry.get("name"):
        raise ConfigProblem(f"{path}: hospital no. {n} needs `id` and `name`")
    strange = set(entry) - set(FIELDS)
    if strange:
        raise ConfigProblem(f"{path}: hospital {entry['id']}: unknown field {sorted(strange)[0]}; known: {', '.join(FIELDS)}")
    single = {k: str(v) for k, v in entry.items() if k in FIELDS[:4]}
    several = {k: tuple(map(str, v or ())) for k, v in entry.items() if k in FIELDS[4:]}
    return Hospital(**single, **several)  # type: ignore[arg-type]
