"""What the server does besides pages: the house's life, report files, and a health check."""

from __future__ import annotations

__all__ = ["ROUTES", "lifespan"]

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from pages.serving.warming import warm
from storage.errors import StorageError
from storage.home import default_home

_log = logging.getLogger("driftboard.serving")

_REPORT_HEADERS = {
    # Evidently's reports carry their scripts inside. They may run, but in an origin of their own, and may load or send nothing.
    "Content-Security-Policy": "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; worker-src blob:; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",  # asked again each time, and answered with 304: a report made anew keeps its address
}


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Own the home and do its background work as long as the server lives.

    Where that fails – another process owns the home, say – the server still starts, and every page says the sentence.
    """
    from monitoring.service import House

    house = None
    try:
        house = await run_in_threadpool(House.open, default_home(), True)
        warm(house)
    except StorageError as error:
        _log.warning("%s", error)
    try:
        yield {}
    finally:
        if house is not None:
            await run_in_threadpool(house.close)


def _health() -> dict[str, Any]:
    from monitoring.service import current

    house = current()
    return {"status": "ok", "models": len(house.reader.models())}


async def healthz(_request: Request) -> Response:
    """200 and the number of models where the home is open, 503 and the reason where it is not."""
    try:
        return JSONResponse(await run_in_threadpool(_health))
    except StorageError as error:
        return JSONResponse({"status": "unavailable", "reason": str(error)}, status_code=503)


async def report_file(request: Request) -> Response:
    """The HTML of a stored report, by its id, for an iframe that can neither reach the dashboard nor the network."""
    try:
        path = await run_in_threadpool(_report_path, request.path_params["report_id"])
    except StorageError as error:
        _log.warning("%s", error)
        path = None
    if path is None:
        return PlainTextResponse("There is no such report.", status_code=404, headers={"X-Content-Type-Options": "nosniff"})
    return FileResponse(path, media_type="text/html; charset=utf-8", headers=_REPORT_HEADERS)


async def overview(request: Request) -> Response:
    """`/overview?…` leads to the start page, which Streamlit serves at `/` alone."""
    return RedirectResponse(f"/?{request.url.query}" if request.url.query else "/", status_code=307)


def _report_path(report_id: str) -> Path | None:
    """Where the report's HTML lies. The path comes from the database, never from the request, and must lie in the home's reports."""
    from monitoring.service import current

    house = current()
    row = house.reader.report(report_id)
    if not row or row.get("format") != "html":
        return None
    reports = house.home.reports.resolve()
    path = (reports / str(row["path"])).resolve()
    return path if path.is_relative_to(reports) and path.is_file() else None


ROUTES = [
    Route("/healthz", healthz),
    Route("/reports-files/{report_id:str}", report_file),
    Route("/overview", overview),
]
