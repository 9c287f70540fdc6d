"""The console's composition: `create_app(Deps) -> FastAPI`."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, generate_latest

from bellgate import __version__
from bellgate.console import api, entry_pages, files, pages, refusal
from bellgate.console.access import Access
from bellgate.console.api import answers
from bellgate.console.deps import Deps
from bellgate.console.entry import Entry
from bellgate.console.guard import Guard
from bellgate.console.live import Hub
from bellgate.console.looks import Looks
from bellgate.console.shell import HERE

# Prometheus itself waits ten seconds by default.
SCRAPE_S = 8.0

__all__ = ("Deps", "Hub", "create_app")


def create_app(deps: Deps) -> FastAPI:
    """The whole console. Call `deps.hub.close()` before the server stops: streams end only then."""
    app = FastAPI(
        title="Ansimbell gateway",
        summary="Emergency bells: incidents, what people do about them, and who is told.",
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # those pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    streams = Gauge("bellgate_console_streams", "Consoles that listen now", registry=deps.metrics)
    streams.set_function(lambda: deps.hub.streams)
    wrong = Counter("bellgate_sign_in_wrong", "Wrong names, passwords, codes or passkeys", registry=deps.metrics)
    unseen = Counter("bellgate_looks_unrecorded", "Looks that the record did not take", registry=deps.metrics)
    looks = Looks(deps.store, deps.clock, deps.pipeline.trouble, unseen.inc)
    access = Access(deps.store, deps.clock, looks)
    entry = Entry(deps.store, deps.clock, looks, wrong.inc)
    app.add_middleware(Guard)
    refusal.install(app, deps.store)
    app.include_router(api.router(deps, access, entry))
    app.include_router(pages.router(deps, access))
    app.include_router(entry_pages.router(deps, access, entry))
    app.include_router(files.router(deps, access))
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    _without_sign_in(app, deps)
    answers.describe(app)
    return app


def _without_sign_in(app: FastAPI, deps: Deps) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        """200 while alarms get through, proved by a round trip a moment ago; else 503."""
        health = deps.health()
        checks = [{"name": name, "ok": ok, "text": text} for name, ok, text in health.checks]
        return JSONResponse({"ok": health.ok, "checks": checks}, 200 if health.ok else 503)

    # A thread of its own: the figures ask the database, and neither alarms nor pages may wait for that.
    scraper = ThreadPoolExecutor(1, "metrics")

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Prometheus' text format; 503 while the database does not answer."""
        try:
            async with asyncio.timeout(SCRAPE_S):
                text = await asyncio.get_running_loop().run_in_executor(scraper, generate_latest, deps.metrics)
        except TimeoutError:
            return Response(f"the database did not answer within {SCRAPE_S:g} s: see /healthz\n", 503)
        return Response(text, media_type=CONTENT_TYPE_LATEST)
