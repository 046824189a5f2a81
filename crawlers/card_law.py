"""What the law and good manners ask of a card, beyond its words being words: pace, overrides with a reason, basis, limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crawlers.hosts import host_of, places
from crawlers.pace import shortest_delay_s
from warehouse.settings import ConfigProblem

if TYPE_CHECKING:
    from crawlers.card import Card

OVERRIDES = {  # what a written reason may set aside, and what that means
    "robots": "what robots.txt refuses is asked for all the same",
    "delay_s": "shorter pauses than the platform's least",
    "private": "the hosts may lie in a private network: your own bridge",
}
SHORTEST_REASON = 10  # characters


def check_law(card: Card, where: str) -> None:
    """ConfigProblem names the field and what to write."""
    _check_overrides(card, where)
    _check_hosts(card.options.get("hosts", []), where)
    _check_pace(card, where)
    if card.retention_days < 1:
        raise ConfigProblem(f"{where}: retention_days: must be 1 or more; details are kept no longer than needed (180)")
    if card.enabled and (missing := [name for name in ("robots_note", "basis") if not getattr(card, name).strip()]):
        raise ConfigProblem(f"{where}: {missing[0]} is empty; write why you may ask there (`{missing[0]}:`), or set `enabled: false`")


def _check_overrides(card: Card, where: str) -> None:
    said: Mapping[Any, Any] = card.overrides
    if strange := sorted(set(said) - set(OVERRIDES), key=str):
        raise ConfigProblem(f"{where}: overrides: {strange[0]}: cannot be overridden; known: {', '.join(OVERRIDES)}")
    for name, reason in said.items():
        if not isinstance(reason, str) or len(reason.strip()) < SHORTEST_REASON:
            raise ConfigProblem(
                f"{where}: overrides: {name}: needs a written reason of {SHORTEST_REASON} characters or more; auditors read it"
            )


def _check_hosts(hosts: Any, where: str) -> None:
    if not isinstance(hosts, list) or (
        wrong := [host for host in hosts if not isinstance(host, str) or "/" in host or host_of(f"http://{host}") is None]
    ):
        raise ConfigProblem(f"{where}: options: hosts: {hosts if not isinstance(hosts, list) else wrong[0]!r}: write names, [news.city.cn]")


def _check_pace(card: Card, where: str) -> None:
    shortest = shortest_delay_s(card.platform)
    if card.delay_s >= shortest or "delay_s" in card.overrides or _is_own_machine(card):
        return
    raise ConfigProblem(
        f"{where}: delay_s: {card.delay_s:g} s between requests is for your own machine; make it {shortest:g} or more for {card.platform}, "
        "or write why not: `overrides: {delay_s: why}`"
    )


def _is_own_machine(card: Card) -> bool:
    """Loopback, a private address, a bridge with overrides.private, a hole nobody filled, a file: nobody else is asked."""
    return all(places(host) <= card.own_places for host in card.hosts)
