"""A limit to an answer's head, which neither Scrapy nor Twisted has: a server that never ended its headers filled 300 MB a second
(measured on loopback)."""

from __future__ import annotations

from typing import Any

from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler, _LenientHTTP11ClientFactory, _LenientHTTP11ClientProtocol
from scrapy.crawler import Crawler
from twisted.python.failure import Failure
from twisted.web._newclient import HEADER, STATUS

LARGEST_HEAD = 256 * 1024  # bytes; browsers stop at about as much


class HeadTooLong(Exception):
    """Said in the fetch's row."""


class _ShortHeads(_LenientHTTP11ClientProtocol):
    def request(self, request: Any) -> Any:
        self._received = 0
        return super().request(request)

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)  # type: ignore[no-untyped-call]
        self._received += len(data)
        parser = self._parser
        if self._received > LARGEST_HEAD and parser is not None and parser.state in (STATUS, HEADER):
            problem = HeadTooLong(f"more than {LARGEST_HEAD} bytes of headers and no end")
            self._giveUp(Failure(problem))  # type: ignore[no-untyped-call]


class _Factory(_LenientHTTP11ClientFactory):
    def buildProtocol(self, addr: Any) -> _LenientHTTP11ClientProtocol:
        return _ShortHeads(self._quiescentCallback)  # type: ignore[no-untyped-call]


class ShortHeads(HTTP11DownloadHandler):
    """Scrapy's download handler, with connections that give up on an endless head."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._pool._factory = _Factory
