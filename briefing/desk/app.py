"""Serves the published folder: today's list at /, the archive at /days, the models at /models, the record at /record, each day with its
twins and events.

Reads, never writes.
Addresses are those of the files, so the same links work from a folder and from the desk.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import fastapi
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

from briefing.pages import day
from briefing.render import page
from warehouse.clock import Clock

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Every file there is to ask for; what does not match is not looked for, so no name can lead out of the folder.
SERVED = re.compile(
    r"models\.html|record\.(html|json|csv)|record-backtest\.csv"
    r"|(pulse/)?(latest\.html|days\.html|\d{4}-\d{2}-\d{2}/(index\.html|list-\d{4}\.html|list\.json|list\.csv|events/[\w-]{1,64}\.html))"
    r"|data_docs/[\w-]{1,80}\.(html|json)",
    re.ASCII,
)
KINDS = {".html": "text/html; charset=utf-8", ".json": "application/json; charset=utf-8", ".csv": "text/csv; charset=utf-8"}


def create(published: Path, clock: Clock | None = None) -> fastapi.FastAPI:
    """The desk over a published folder. With a clock, / refuses to show an earlier day's list as today's."""
    desk = fastapi.FastAPI(title="观潮", docs_url=None, redoc_url=None, openapi_url=None)

    @desk.middleware("http")
    async def guard(request: fastapi.Request, answer: Callable[[fastapi.Request], Awaitable[Response]]) -> Response:
        response = await answer(request)
        response.headers.update(HEADERS)
        return response

    @desk.get("/", response_model=None)
    def today() -> Response:
        if clock and not (published / day(clock.now()) / "index.html").is_file():
            return _plain("今日尚无榜单", f"{day(clock.now())} 的榜单还没有发布，往日的榜单不代表今天", 200)
        return _file(published, "latest.html")

    @desk.get("/days", response_model=None)
    def days() -> Response:
        return _file(published, "days.html")

    @desk.get("/models", response_model=None)
    def models() -> Response:
        return _file(published, "models.html")

    @desk.get("/record", response_model=None)
    def record() -> Response:
        return _file(published, "record.html")

    @desk.get("/healthz")
    def healthz() -> JSONResponse:
        found = max((folder.parent.name for folder in published.glob("????-??-??/index.html")), default=None)
        return JSONResponse({"ok": found is not None, "latest": found}, 200 if found else 503)

    @desk.get("/{name:path}", response_model=None)
    def file(name: str) -> Response:
        return _file(published, f"{name}index.html" if name.endswith("/") else name)

    return desk


def _file(published: Path, name: str) -> Response:
    path = published / name
    if not SERVED.fullmatch(name) or not path.is_file():
        return _plain("没有这一页", "地址可能写错了，或者这一天没有发布", 404)
    return FileResponse(path, media_type=KINDS[path.suffix])


def _plain(heading: str, why: str, status: int) -> HTMLResponse:
    said = {"heading": heading, "why": why, "name": "观潮", "date": "", "is_drill": False, "state": "missing"}
    return HTMLResponse(page("missing.html").render(said), status)
