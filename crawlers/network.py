"""Where a request may go: to the card's own hosts, by public addresses only, and not more often than a run may ask.

Names are checked where they are resolved, on the very addresses the connection is then made to, and once a process: a name that answers
with a public address first and a private one next (DNS rebinding) finds nobody asking twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from twisted.internet._resolver import GAIResolver
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer  # type: ignore[import-untyped]

from crawlers.card import Card
from crawlers.hosts import ascii_host, host_of, is_public
from crawlers.pace import MOST_REQUESTS


class Unasked(IgnoreRequest):
    """Our own manners kept a request from being made; asking again would change nothing."""


class StrangeHost(Unasked):
    """Not one of the card's hosts."""


class PrivateAddress(Unasked):
    """The name leads into a private network, and the card does not say that it may."""


class EnoughAsked(Unasked):
    """This run has made all the requests a run of this source may make."""


@implementer(IHostnameResolver)
class PublicResolver:
    """Resolves (IPv4 and IPv6) to public addresses, to any for the (host, port) in `own`; `refused`: what it kept from whom."""

    def __init__(self, resolver: Any) -> None:
        self._resolver = resolver
        self._known: dict[tuple[str, bool], list[IPv4Address | IPv6Address]] = {}
        self.own: set[tuple[str, int]] = set()
        self.refused: dict[str, str] = {}

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        host = ascii_host(hostName) or hostName
        is_own = (host, portNumber) in self.own
        if known := self._known.get((host, is_own)):
            resolutionReceiver.resolutionBegan(_Done(hostName))
            for address in known:
                resolutionReceiver.addressResolved(type(address)("TCP", address.host, portNumber))
            resolutionReceiver.resolutionComplete()
            return resolutionReceiver
        checked = _Checked(resolutionReceiver, self, host, is_own)
        return self._resolver.resolveHostName(checked, hostName, portNumber, addressTypes, transportSemantics)

    def keep(self, host: str, is_own: bool, found: list[IPv4Address | IPv6Address]) -> list[IPv4Address | IPv6Address]:
        """Of the addresses found those that may be used; they stand for as long as the process lives."""
        usable = [address for address in found if is_own or is_public(address.host)]
        if usable:
            self._known[(host, is_own)] = usable
        elif found:
            self.refused[host] = found[0].host
        return usable


@implementer(IHostResolution)
class _Done:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Nothing is under way."""


@implementer(IResolutionReceiver)
class _Checked:
    """Stands before a receiver and hands on, at the end, what may be used."""

    def __init__(self, receiver: Any, resolver: PublicResolver, host: str, is_own: bool) -> None:
        self._receiver, self._resolver, self._host, self._is_own = receiver, resolver, host, is_own
        self._found: list[IPv4Address | IPv6Address] = []

    def resolutionBegan(self, resolution: Any) -> None:
        self._receiver.resolutionBegan(resolution)

    def addressResolved(self, address: IPv4Address | IPv6Address) -> None:
        self._found.append(address)

    def resolutionComplete(self) -> None:
        for address in self._resolver.keep(self._host, self._is_own, self._found):
            self._receiver.addressResolved(address)
        self._receiver.resolutionComplete()


def public_resolver() -> PublicResolver:
    """The process's resolver, put in place of Scrapy's if it is not there yet."""
    from twisted.internet import reactor  # only once Scrapy has chosen which

    net: Any = reactor
    if not isinstance(net.nameResolver, PublicResolver):
        net.installNameResolver(PublicResolver(GAIResolver(net)))
    resolver: PublicResolver = net.nameResolver
    return resolver


class HomeOnly:
    """Downloader middleware: every request, robots.txt and redirects included, goes to the card's hosts or nowhere."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._asked = 0
        crawler.signals.connect(self._opened, signal=signals.spider_opened)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> HomeOnly:
        return cls(crawler)

    @property
    def _card(self) -> Card:
        card: Card = self._crawler.spider.card  # type: ignore[union-attr]
        return card

    def _opened(self, spider: Spider) -> None:
        public_resolver().own.update(self._card.own_places)

    def process_request(self, request: Request) -> None:
        if not self._card.is_home(request.url):
            raise StrangeHost(
                f"not on the card's hosts ({', '.join(sorted(self._card.hosts))}); if it is the same site, add it to options.hosts"
            )
        if not request.meta.get("dont_obey_robotstxt"):  # robots.txt itself is manners, not news
            self._asked += 1
        most = int(self._card.options.get("most_requests", MOST_REQUESTS))
        if self._asked > most:
            raise EnoughAsked(f"not asked: this run has made {most} requests, the most it may (options.most_requests)")

    def process_exception(self, request: Request, exception: Exception) -> None:
        host = host_of(request.url) or ""
        name = host.rpartition(":")[0] or host
        if not isinstance(exception, Unasked) and (address := public_resolver().refused.get(name.strip("[]"))):
            raise PrivateAddress(
                f"{name} leads to {address}, which is no public address (198.18.*: a proxy's stand-in). "
                "If it is your own bridge, write `overrides: {private: why}` into the card"
            ) from exception
