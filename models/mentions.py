"""Posts -> mentions: which watched hospital a text speaks of, where and whom in it, and on what evidence.

Chinese hospitals share names: every city has its 第一医院, so a name is not enough. The full official name is proof. An alias needs a place
(a city, district or province in the text, a campus, a key person, the province the platform shows, the hospital's own account); without one
it is 待确认 (`unconfirmed`), which is listed but never alerts (design/SOURCES.md §4.8). Traditional characters are not folded.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from models.places import NAMED
from models.text import INVISIBLE
from warehouse.schema import TABLES, polars_schema
from warehouse.watchlist import EVERY, Hospital, Watchlist

COLUMNS = TABLES["mentions"].columns[:-2]  # run_id and day_on are the store's
EVIDENCE_JOINT = "；"
CONFIDENCE = {"name": 0.98, "own": 0.95, "place": 0.92, "inside": 0.9, "region": 0.8, "department": 0.55, "bare": 0.5, "word": 0.6}
TRADE = ("大药房", "药店")  # a shop that lives off the hospital's name
SUFFIX = re.compile(r"(?:特别行政区|维吾尔自治区|壮族自治区|回族自治区|自治区|自治州|省|市|县|区)$")
TOWN = re.compile(r"([\u4e00-\u9fff]{2})[市县]$")
NO_TOWN = frozenset("去到在我们从来往是这那该本全各和与及同被把对为")  # 「今天去市医院」 names no town


@dataclass(frozen=True)
class Sign:
    """What a string found in a text points to. `kind`: name, alias, campus, person, look_alike."""

    hospital: Hospital
    kind: str


def mention(posts: pl.DataFrame, watchlist: Watchlist) -> pl.DataFrame:
    """posts (post_id, title, text, region, author_kind, first_seen_at) -> a row per post and hospital it speaks of, sorted by key.

    Where strings overlap the leftmost, then the longest, wins: a look-alike that contains an alias swallows it.
    """
    signs = _signs(watchlist)
    strings = sorted(signs, key=lambda string: (-len(string), string))
    read = _plain(posts)
    hits = read.with_columns(found=pl.col("said").str.extract_many(strings, leftmost=True)) if strings else read.clear()
    hits = hits.filter(pl.col("found").list.len() > 0) if strings else hits
    rows = [row for post in hits.iter_rows(named=True) for row in _readings(post, signs, watchlist)]
    named = pl.DataFrame(rows, schema={name: polars_schema("mentions")[name] for name in COLUMNS}, orient="row")
    return (pl.concat([named, _unnamed(read, named, watchlist)]) if watchlist.every else named).sort("post_id", "hospital_id")


def _plain(posts: pl.DataFrame) -> pl.DataFrame:
    """Title and text as one string, full-width folded, invisible characters gone."""
    said = pl.concat_str([pl.col("title").fill_null(""), pl.col("text").fill_null("")], separator="\n")
    said = said.str.normalize("NFKC").str.replace_all(INVISIBLE.pattern, "")
    return posts.select("post_id", "region", "author_kind", "first_seen_at", said=said)


def _signs(watchlist: Watchlist) -> dict[str, list[Sign]]:
    """Every string to look for, with what it points to; one string may point to several hospitals."""
    signs: dict[str, list[Sign]] = defaultdict(list)
    for hospital in watchlist.hospitals:
        kinds = {
            "look_alike": hospital.look_alikes, "name": (hospital.name,), "alias": hospital.aliases,
            "campus": hospital.campuses, "person": hospital.people,
        }  # fmt: skip
        for kind, strings in kinds.items():
            for string in strings:
                signs[string].append(Sign(hospital, kind))
        for string in (hospital.name, *hospital.aliases):
            for shop in TRADE:
                signs[string + shop].append(Sign(hospital, "look_alike"))
    return dict(signs)


def _readings(post: dict[str, Any], signs: dict[str, list[Sign]], watchlist: Watchlist) -> Iterator[tuple[Any, ...]]:
    """One tuple in the order of COLUMNS for each hospital the post speaks of."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    hospitals: dict[str, Hospital] = {}
    for string in dict.fromkeys(post["found"]):
        for sign in signs[string]:
            if sign.kind == "alias" and not _ours_somewhere(post["said"], string, sign.hospital):
                continue
            hospitals[sign.hospital.id] = sign.hospital
            found[sign.hospital.id][sign.kind].append(string)
    for hospital_id, strings in found.items():
        hospital = hospitals[hospital_id]
        if reading := _weigh(post, hospital, strings, watchlist):
            confidence, status, evidence, department = reading
            first = {kind: strings[kind][0] if strings[kind] else None for kind in ("campus", "person")}
            yield (
                post["post_id"], hospital_id, first["campus"], department, first["person"],
                EVIDENCE_JOINT.join(dict.fromkeys(evidence))[:500],
                confidence, status, post["first_seen_at"],
            )  # fmt: skip


def _weigh(
    post: dict[str, Any], hospital: Hospital, strings: dict[str, list[str]], watchlist: Watchlist
) -> tuple[float, str, list[str], str | None] | None:
    """(confidence, status, evidence, department); None where only a look-alike was found."""
    kinds = [kind for kind in ("name", "alias", "campus", "person") if strings[kind]]
    if not kinds:
        return None
    said: str = post["said"]
    evidence = [string for kind in kinds for string in strings[kind]]
    department = next((word for word in (*hospital.departments, *watchlist.departments) if word in said), None)
    grounds, more = _grounds(post, hospital, kinds, strings)
    if grounds:
        return CONFIDENCE[grounds], "confirmed", evidence + more, department
    return CONFIDENCE["department" if department else "bare"], "unconfirmed", evidence, department


def _grounds(post: dict[str, Any], hospital: Hospital, kinds: list[str], strings: dict[str, list[str]]) -> tuple[str | None, list[str]]:
    """What makes it this hospital and no other of the name, and the words that say so; None: nothing does."""
    if "name" in kinds:
        return "name", []
    if post["author_kind"] == "own" and kinds != ["person"]:
        return "own", ["本院账号"]
    said: str = post["said"]
    for string in strings["campus"] + strings["person"]:
        said = said.replace(string, "")  # a place inside a campus's name is no place: every city has its 东湖院区
    if named := [place for place in _own_places(hospital) if place in said]:
        return "place", named
    if len(kinds) > 1:
        return "inside", []
    if "alias" in kinds and _bare(post["region"] or "") in {_bare(hospital.province), _bare(hospital.city)} - {""}:
        return "region", [f"属地{post['region']}"]
    return None, []


def _unnamed(read: pl.DataFrame, named: pl.DataFrame, watchlist: Watchlist) -> pl.DataFrame:
    """The authority's own: posts with a watch word in which no listed hospital is surely named."""
    words = sorted(watchlist.words, key=lambda word: (-len(word), word))
    sure = named.filter(pl.col("status") == "confirmed")
    heard = read.join(sure, on="post_id", how="anti").with_columns(found=pl.col("said").str.extract_many(words, leftmost=True))
    department = pl.col("said").str.extract_many(list(watchlist.departments) or ["\0"], leftmost=True).list.first()
    said = {
        "hospital_id": pl.lit(EVERY), "campus": pl.lit(None, pl.String), "person": pl.lit(None, pl.String), "department": department,
        "evidence": pl.col("found").list.unique(maintain_order=True).list.join(EVIDENCE_JOINT).str.slice(0, 500),
        "confidence_p": pl.lit(CONFIDENCE["word"]), "status": pl.lit("confirmed"),
    }  # fmt: skip
    return heard.filter(pl.col("found").list.len() > 0).with_columns(**said).select(COLUMNS)


def _ours_somewhere(said: str, alias: str, hospital: Hospital) -> bool:
    """False where the alias only ever follows another town's name, as 「望川市人民医院」 does for an alias 「人民医院」."""
    return any(not _elsewhere(said[max(0, at.start() - 6) : at.start()], hospital) for at in re.finditer(re.escape(alias), said))


def _elsewhere(before: str, hospital: Hospital) -> bool:
    if any(before.endswith(place) for place in _own_places(hospital)):
        return False
    stem = SUFFIX.sub("", before)
    if any(at.end() == len(stem) for at in NAMED.finditer(stem)):
        return True
    town = TOWN.search(before)
    return town is not None and not NO_TOWN & set(town[1])


@cache
def _own_places(hospital: Hospital) -> tuple[str, ...]:
    """Its city and province, with and without 市 or 省, and its districts as written."""
    places = (hospital.city, _bare(hospital.city), hospital.province, _bare(hospital.province), *hospital.districts)
    return tuple(dict.fromkeys(place for place in places if len(place) > 1))


def _bare(place: str) -> str:
    return SUFFIX.sub("", place)
