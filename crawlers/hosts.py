"""Hosts as a connection would see them, so that no odd way of writing an address passes for another; and which addresses are public."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}
_METADATA = frozenset({ipaddress.ip_address("168.63.129.16")})  # Azure's, alone among the clouds' in the public range
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # NAT64: the last 32 bits are an IPv4 address


def host_of(url: str) -> str | None:
    """`host` or `host:port` of an http(s) address: small letters, IDNA, IP literals in their one form, the scheme's own port left out.

    None for what nobody writes in good faith: other schemes, `user@host`, a host that is no name.
    """
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError:  # brackets that do not close, ports that are no number, characters that NFKC turns into / or @
        return None
    if parts.scheme not in PORTS or not name or "@" in parts.netloc or any(c in parts.netloc for c in "\\ \t%"):
        return None
    host = ascii_host(name)
    if host is None:
        return None
    shown = f"[{host}]" if ":" in host else host
    return shown if port in (None, PORTS[parts.scheme]) else f"{shown}:{port}"


def ascii_host(name: str) -> str | None:
    """A host name in IDNA, an IP literal in its one form; None if it is neither."""
    try:
        return ipaddress.ip_address(name).compressed
    except ValueError:
        pass
    try:
        return name.lower() if name.isascii() else name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None


def places(host: str) -> frozenset[tuple[str, int]]:
    """(host, port) a `host` or `host:port` stands for: both usual ports if it names none."""
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        return frozenset({(name.strip("[]"), int(port))})
    return frozenset((host.strip("[]"), usual) for usual in PORTS.values())


def is_public(address: str) -> bool:
    """May we connect there unasked? Not to loopback, private, link-local, CGNAT, reserved, multicast, or a cloud's metadata service.

    IPv4 addresses inside IPv6 (mapped, 6to4, Teredo, NAT64) count as what they carry.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        carried = [ip.ipv4_mapped or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _TRANSLATED else None)]
        if carried[0]:
            return is_public(str(carried[0]))
        carried += [ip.sixtofour, *(ip.teredo or ())]
        return (
            ip.is_global
            and not (ip.is_multicast or ip.is_site_local or ip.is_reserved)
            and all(is_public(str(inner)) for inner in carried if inner)
        )
    return ip.is_global and not (ip.is_multicast or ip.is_reserved) and ip not in _METADATA


def is_own_literal(host: str) -> bool:
    """A loopback or private address written as such: whoever writes it into a card means it."""
    name = next(iter(places(host)))[0]
    try:
        return not is_public(name)
    except ValueError:
        return name == "localhost"
