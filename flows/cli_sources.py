"""`guanchao sources …`: the cards and how they fare, one asked on trial, a new one written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from flows.options import DRILL, Conf, switches
from warehouse.settings import ConfigProblem, Settings, load_settings

sources = typer.Typer(no_args_is_help=True, help="Sources: list the cards, try one, add one.")
DEFAULTS = {"owner": "宣传科", "platform": "news", "kind": "feed"}


@sources.command("list")
def list_(conf: Conf = DRILL) -> None:
    """Every card: kind, pace, whether it is on, its last good answer and its last reason, what it overrides."""
    from crawlers.card import load_cards
    from flows.source_tables import print_cards

    settings = load_settings(conf)
    print_cards(load_cards(conf), settings)


@sources.command()
def check(id: Annotated[str | None, typer.Argument(help="of the card; default: every enabled one")] = None, conf: Conf = DRILL) -> None:
    """Ask a source once, as a run would but for at most 8 requests, and say what came. Writes no table. Exit code 1 if one is not well."""
    from flows.source_check import check_source, sites
    from flows.source_tables import print_finding

    switches()
    settings = load_settings(conf)
    with sites(settings) as values:
        findings = [check_source(card, settings) for card in _chosen(conf, id, values)]
    for finding in findings:
        print_finding(finding)
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)


def _chosen(conf: Path, name: str | None, values: dict[str, str]) -> list[Any]:
    from crawlers.card import load_cards

    cards = load_cards(conf, values)
    chosen = [card for card in cards if card.id == name] if name else [card for card in cards if card.enabled]
    if not chosen:
        known = ", ".join(card.id for card in cards)
        raise ConfigProblem(
            f"source {name}: unknown; one of: {known}" if name else f"{conf}/sources.yml: no source is enabled; name one of: {known}"
        )
    return chosen


@sources.command()
def add(
    url: Annotated[str | None, typer.Argument(help="address of the feed, list page or bridge")] = None,
    conf: Conf = DRILL,
    id: Annotated[str | None, typer.Option(help="small letters, digits, _; default: from the host")] = None,
    kind: Annotated[str | None, typer.Option(help="feed, article, newsnow …: crawlers/spiders/")] = None,
    title: Annotated[str | None, typer.Option(help="as coverage and lists show it, e.g. 岚湖晚报·健康")] = None,
    platform: Annotated[str | None, typer.Option(help="news, weibo, wechat …: warehouse/vocabulary.py")] = None,
    owner: Annotated[str | None, typer.Option(help="who answers for it when it falls silent")] = None,
    robots_note: Annotated[str | None, typer.Option(help="what its robots.txt and terms say, and who read them when")] = None,
    basis: Annotated[str | None, typer.Option(help="on what basis it may be asked")] = None,
    purpose: Annotated[str, typer.Option(help="what it is needed for")] = "",
    author_kind: Annotated[str | None, typer.Option(help="whose words: own (your own site), government, media, personal")] = None,
    max_age_h: Annotated[int | None, typer.Option(help="older articles are left alone, a longer silence is told; default by kind")] = None,
    cadence_minutes: Annotated[int | None, typer.Option(help="how often it is asked; default: 60")] = None,
    option: Annotated[list[str] | None, typer.Option(help="an option of the kind, name=value, e.g. css='ul.list a'; several times")] = None,
    enabled: Annotated[bool, typer.Option("--on/--off", help="ask it from the next run on; try it first")] = False,
    look: Annotated[bool, typer.Option("--look", help="ask the address once, to propose kind and title")] = False,
) -> None:  # fmt: skip
    """Append a card to sources.yml, comments and all else left as they are. What is not given as an option is asked for."""
    from crawlers.card import load_cards
    from crawlers.card_file import add_card, new_id

    settings = load_settings(conf)
    address = _said("url", url, "address", None)
    proposed = _looked_at(address, settings) if look else {}
    taken = {card.id for card in load_cards(conf, may_be_none=True)} if (conf / "sources.yml").exists() else set()
    entry: dict[str, Any] = {
        "id": id or new_id(address, taken),
        "kind": _said("--kind", kind or proposed.get("kind"), "kind", DEFAULTS["kind"]),
        "title": _said("--title", title or proposed.get("title"), "title", None),
        "owner": _said("--owner", owner, "owner", DEFAULTS["owner"]),
        "platform": _said("--platform", platform, "platform", DEFAULTS["platform"]),
        "author_kind": author_kind,
        "urls": [address],
        "cadence_minutes": cadence_minutes,
        "max_age_h": max_age_h,
        "robots_note": _said("--robots-note", robots_note, "robots note", ""),
        "basis": _said("--basis", basis, "lawful basis", ""),
        "purpose": purpose,
        "options": dict(map(_option, option or [])),
        "enabled": enabled,
    }  # fmt: skip
    card = add_card(conf, {name: value for name, value in entry.items() if value not in ("", {}, None)})
    typer.echo(
        f"{conf / 'sources.yml'}: added {card.id} ({card.kind}), {'on' if card.enabled else 'off'}, {card.delay_s:g} s between requests"
    )
    typer.echo(f"try it: guanchao sources check {card.id} --conf {conf}")


def _said(name: str, given: str | None, words: str, default: str | None) -> str:
    """What was given, else what a person at a terminal answers, else the default."""
    if given:
        return given
    if sys.stdin.isatty():
        return str(typer.prompt(words, default=default)).strip()
    if default is None:
        raise ConfigProblem(f"sources add: {name} is missing")
    return default


def _option(said: str) -> tuple[str, Any]:
    """Text as it stands, for YAML would take `#news a` for a comment and `[a-z]+` for a list; all else as YAML."""
    from crawlers.card_options import TEXT

    name, equals, value = (part.strip() for part in said.partition("="))
    if equals and name in TEXT and value[:1] not in ("'", '"'):
        return name, value
    try:
        if equals and name:
            return name, yaml.safe_load(value)
    except yaml.YAMLError:
        pass
    raise ConfigProblem(f"--option {said}: write name=value, e.g. css='ul.list a' or 'boards={{weibo: weibo}}'")


def _looked_at(url: str, settings: Settings) -> dict[str, str]:
    """Kind and title an address's answer suggests; says so on stderr."""
    from crawlers.card import Card
    from crawlers.hosts import host_of
    from flows.source_check import check_source, guess

    if host_of(url) is None:
        raise ConfigProblem(f"{url}: no http(s) address")
    finding = check_source(Card("look", "feed", "look", "look", "news", (url,)), settings)
    kind, title, feed = guess(finding.body)
    said = (
        f"it looks like kind {kind}"
        if kind
        else f"nothing we know by itself: {finding.reason}, {finding.rows[0]['detail'] if finding.rows else ''}"
    )
    typer.echo(f"{url}: {said}" + (f"; the page names a feed, which is better: {feed}" if feed else ""), err=True)
    return {"kind": kind, "title": title}
