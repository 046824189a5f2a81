"""One source at a time asks a host: within a run, between runs on this machine, and between workers on several."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from warehouse.lock import in_turn
from warehouse.settings import ConfigProblem


def by_host(cards: Iterable[Any]) -> list[list[Any]]:
    """Cards in groups that share no host: groups may be asked at the same time, the cards of one only in turn."""
    groups: list[tuple[set[str], list[Any]]] = []
    for card in cards:
        hosts, members = set(card.hosts), [card]
        for other in [group for group in groups if group[0] & hosts]:
            groups.remove(other)
            hosts, members = hosts | other[0], [*other[1], *members]
        groups.append((hosts, members))
    return [members for _, members in groups]


def of_shard(cards: Iterable[Any], shard: str) -> list[Any]:
    """The cards of worker k of n ("2/3"). Cards that share a host go to one worker, so that it is asked by one alone."""
    k, n = (int(part) for part in shard.split("/"))
    if k > n:
        raise ConfigProblem(f"crawl_shard {shard}: there is no part {k} of {n}; write the worker's number first, e.g. 2/3")
    groups = by_host(cards)
    named = [(min((host for card in group for host in card.hosts), default=group[0].id), group) for group in groups]
    return [card for name, group in named if int(hashlib.sha256(name.encode()).hexdigest(), 16) % n == k - 1 for card in group]


@contextmanager
def reserved(hosts: Sequence[str], locks: Path) -> Iterator[None]:
    """Wait until nobody else asks these hosts, and keep others waiting. `locks`: folder of this machine's lock files.

    With a Prefect server (PREFECT_API_URL) its global concurrency limits `host-<name>` hold between machines too; they are made here.
    """
    names = sorted(f"host-{host.replace(':', '-')}" for host in hosts)
    with ExitStack() as held:
        for name in names:  # in one order, or two waiting runs could hold what the other needs
            held.enter_context(in_turn(locks / f"{name}.lock"))
        if os.environ.get("PREFECT_API_URL"):
            held.enter_context(_limited(names))
        yield


@contextmanager
def _limited(names: list[str]) -> Iterator[None]:
    from prefect.client.orchestration import get_client
    from prefect.concurrency.sync import concurrency
    from prefect.exceptions import ObjectAlreadyExists

    with get_client(sync_client=True) as client:
        for name in names:
            with suppress(ObjectAlreadyExists):  # another worker made it between our looking and our making
                client.upsert_global_concurrency_limit_by_name(name, 1)
    with concurrency(names, strict=True):
        yield
