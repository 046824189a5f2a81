"""A loopback site for `bench crawl`, in a process of its own so that it shares no interpreter with what is measured.

`python -m crawlers.bench.site <folder>` serves the folder's index.json: path -> {file, status, headers}; prints its address.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HTML = {"Content-Type": "text/html; charset=utf-8"}


class Pages:
    """What a bench site is made of: add pages, then serve the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self._index: dict[str, dict[str, Any]] = {}

    def add(self, path: str, body: bytes, headers: dict[str, str] | None = None, status: int = 200, wait_s: float = 0.0) -> None:
        name = f"{len(self._index):06d}"
        (self.folder / name).write_bytes(body)
        self._index[path] = {"file": name, "headers": headers or HTML, "status": status, "wait_s": wait_s}

    @contextmanager
    def served(self) -> Iterator[str]:
        (self.folder / "index.json").write_text(json.dumps(self._index), encoding="utf-8")
        site = subprocess.Popen([sys.executable, "-m", "crawlers.bench.site", str(self.folder)], stdout=subprocess.PIPE, text=True)
        try:
            assert site.stdout is not None
            yield site.stdout.readline().strip()
        finally:
            site.kill()
            site.wait()


def serve(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            page = index.get(self.path)
            if page is None:
                self._send(404, {}, b"")
            else:
                time.sleep(page["wait_s"])
                self._send(page["status"], page["headers"], (folder / page["file"]).read_bytes())

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            head = [f"HTTP/1.1 {status} constructed", *(f"{name}: {value}" for name, value in headers.items())]
            if "Content-Length" not in headers:
                head.append(f"Content-Length: {len(body)}")
            self.wfile.write("\r\n".join([*head, "", ""]).encode("latin-1", "replace") + body)
            self.close_connection = "Content-Length" in headers  # a lie about the length: the next answer must not be taken for its rest

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
