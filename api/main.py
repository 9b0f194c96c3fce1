"""The gateway's composition root: chooses the adapters, puts the application together, runs it."""

import argparse
import gc
import os
import secrets
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
import uvicorn
from anyio import to_thread
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.routing import APIRoute
from pydantic import SecretStr

from api import openapi, problems, receiving
from api.access import Access
from api.callers import CALLER, STRANGER
from api.crew import Crew
from api.dependencies import known_query
from api.express import Express
from api.gateway import Gateway, own_version
from api.meters import Meters, forget_process, share_counts
from api.middleware import BodyLimit, OriginGuard, RequestContext, cors
from api.parts import Parts
from api.permissions import check, permitted
from api.ports import own, reserve
from api.recording import Recording
from api.routes import artifacts as artifact_routes
from api.routes import (
    benchmarks,
    cameras,
    convert,
    dead,
    devices,
    events,
    gestures,
    health,
    jobs,
    keypoints,
    keys,
    levels,
    media,
    media_upload,
    metadata,
    metrics,
    model_upload,
    models,
    oversight,
    pages,
    pipelines,
    sessions,
    stream,
    submit,
    suites,
    uploads,
)
from api.safety import UnsafeSettings, require_safe
from api.server import allow_files, configuration, serve
from api.shortcut import Application, Shortcut
from api.views import PREFIX
from shared import tracing
from shared.adapters.build import artifact_store
from shared.adapters.celery_queue import CeleryJobQueue
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.adapters.redis_audit import RedisAuditLog
from shared.adapters.redis_benchmarks import RedisBenchmarkStore
from shared.adapters.redis_events import RedisEventBus
from shared.adapters.redis_jobs import RedisAttemptStore, RedisJobStore
from shared.adapters.redis_keys import RedisKeyStore
from shared.adapters.redis_pipelines import RedisPipelineStore
from shared.adapters.redis_registry import RedisWorkerBeacon, RedisWorkerDirectory
from shared.adapters.redis_server import UnfitServer, check_servers
from shared.adapters.redis_sessions import RedisSessionStore
from shared.adapters.redis_uploads import RedisUploadStore
from shared.catalogue import load_catalogue
from shared.circuit import Circuit
from shared.errors import StoreUnavailable
from shared.media import load_media
from shared.settings import Settings
from shared.telemetry import configure_logging

# Routers are tried in this order: what is asked for most stands first.
_ROUTERS = (
    submit,
    gestures,
    jobs,
    keypoints,
    events,
    metadata,
    artifact_routes,
    stream,
    sessions,
    models,
    media,
    media_upload,
    model_upload,
    uploads,
    cameras,
    devices,
    dead,
    pipelines,
    convert,
    benchmarks,
    suites,
    metrics,
    oversight,
    levels,
    keys,
)

_ALWAYS = [Depends(permitted), Depends(known_query)]

_KILL_AFTER_S = 2.0
"""A process that was asked to stop has so long above what open requests have."""

_log = structlog.stdlib.get_logger()


def create_app(settings: Settings | None = None, parts: Parts | None = None) -> FastAPI:
    """The application. Without ``parts`` it makes the real ones when it starts, and closes them at its end."""
    settings = settings or Settings()
    meters = Meters()
    app = Application(
        title="Framelane",
        version=own_version(),
        docs_url=None,
        openapi_url="/openapi.json" if settings.web.docs else None,
        redoc_url=None,
        separate_input_output_schemas=False,
        generate_unique_id_function=_operation_id,
        lifespan=_lifespan(settings, parts, meters),
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # else each request asks who might want some
    )
    for module in _ROUTERS:
        app.include_router(module.router, prefix=PREFIX, dependencies=_ALWAYS)
    app.include_router(artifact_routes.links, prefix=PREFIX, dependencies=[Depends(permitted)])
    app.include_router(health.router, dependencies=_ALWAYS)
    app.include_router(metrics.scrape, dependencies=_ALWAYS)
    if settings.web.docs:
        app.include_router(pages.router)
        pages.mount_assets(app)
    problems.install(app)
    openapi.install(app)
    check(app)
    app.add_middleware(Express)
    app.add_middleware(
        BodyLimit,
        limit=settings.limits.body_bytes,
        streaming=receiving.STREAMING,
        stream_limit=settings.uploads.bytes + receiving.MULTIPART_OVERHEAD,
    )
    asks = settings.auth.mode != "off"
    app.add_middleware(Access, asks=asks)
    if settings.web.origins:
        app.add_middleware(CORSMiddleware, **cors(settings.web.origins))
    app.add_middleware(OriginGuard, loopback_only=not asks, origins=settings.web.origins)
    app.add_middleware(Recording, settings=settings.audit, who=_who)
    app.add_middleware(RequestContext, meters=meters)  # the last one added sees a request first
    recording, guard = Recording(app, settings=settings.audit, who=_who), OriginGuard(app, loopback_only=not asks)
    app.shortcut = Shortcut(app, settings, meters, recording, guard)
    return app


def _who() -> tuple[str, str]:
    """Name and tenant of the caller."""
    who = CALLER.get(STRANGER)
    return who.name, who.tenant


@asynccontextmanager
async def real_parts(settings: Settings) -> AsyncGenerator[Parts]:
    """The adapters the settings ask for. Nothing is connected until it is used."""
    async with AsyncExitStack() as closing:
        circuit = Circuit(StoreUnavailable)
        store = RedisJobStore(settings, circuit)
        closing.push_async_callback(store.close)
        directory = RedisWorkerDirectory(settings, circuit)
        closing.push_async_callback(directory.close)
        pipelines = RedisPipelineStore(settings, circuit)
        closing.push_async_callback(pipelines.close)
        kept = RedisBenchmarkStore(settings, circuit)
        closing.push_async_callback(kept.close)
        live = RedisSessionStore(settings, circuit)
        closing.push_async_callback(live.close)
        audit = RedisAuditLog(settings, circuit)
        closing.push_async_callback(audit.close)
        known = RedisKeyStore(settings, circuit)
        closing.push_async_callback(known.close)
        closing.push_async_callback(circuit.close)
        brief = _impatient(settings)
        attempts = RedisAttemptStore(brief)
        closing.push_async_callback(to_thread.run_sync, attempts.close)
        beacon = RedisWorkerBeacon(brief)
        closing.push_async_callback(to_thread.run_sync, beacon.close)
        records = RedisUploadStore(brief)
        closing.push_async_callback(to_thread.run_sync, records.close)
        queue = CeleryJobQueue(brief)
        closing.push_async_callback(to_thread.run_sync, queue.close)
        artifacts = artifact_store(settings.artifacts)
        yield Parts(
            store=store,
            attempts=attempts,
            queue=queue,
            bus=RedisEventBus(settings),
            artifacts=artifacts,
            directory=directory,
            pipelines=pipelines,
            benchmarks=kept,
            beacon=beacon,
            uploads=records,
            sessions=live,
            audit=audit,
            keys=known,
            catalogue=load_catalogue(settings.worker.catalogue),
            media=load_media(),
            check_link=artifacts.signer.check if isinstance(artifacts, LocalArtifactStore) else None,
        )


def _impatient(settings: Settings) -> Settings:
    """For what a request or the end of the process waits for in a thread."""
    redis = settings.redis
    answer_s = min(redis.answer_s, redis.socket_timeout_s)
    return settings.model_copy(update={"redis": redis.model_copy(update={"socket_timeout_s": answer_s})})


def _lifespan(settings: Settings, given: Parts | None, meters: Meters) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, Any]]:
        async with AsyncExitStack() as closing:
            parts = given or await closing.enter_async_context(real_parts(settings))
            gateway = Gateway(settings, parts, meters)
            app.state.gateway = gateway
            closing.callback(tracing.begin(settings.tracing, "gateway"))
            await gateway.start()
            closing.push_async_callback(gateway.stop)
            yield {"gateway": gateway}

    return lifespan


def _operation_id(route: APIRoute) -> str:
    return route.name


def _process_app(settings: Settings) -> FastAPI:
    configure_logging(settings.log, "gateway")
    app = create_app(settings)
    # A batch becomes hundreds of thousands of objects, none of them garbage: with Python's usual thresholds the
    # collector takes four fifths of the time that a large spec is checked in.
    gc.freeze()
    gc.set_threshold(50_000, 5, 5)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until a signal. Without authentication only a loopback address is served.

    Exit status 78 (EX_CONFIG) on that and other settings that aren't safe, and on a Redis that would lose jobs.
    """
    parser = argparse.ArgumentParser(prog="framelane-gateway", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one, and the log says which")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the port and the load")
    given = parser.parse_args(arguments)
    settings = Settings()
    if given.workers < 1:
        parser.error("--workers: at least 1")
    try:
        require_safe(settings, given.host)
        check_servers(settings)
        tracing.require(settings.tracing)
    except (UnfitServer, UnsafeSettings, tracing.NoTracing) as error:
        parser.exit(os.EX_CONFIG, f"{parser.prog}: {error}\n")
    allow_files()
    sys.exit(_serve(settings, given.host, given.port, given.workers))


def _serve(settings: Settings, host: str, port: int, processes: int) -> int:
    settings = settings if processes == 1 else _of_several(settings)
    config = configuration(lambda: _process_app(settings), settings, host, port)
    if processes == 1:
        return serve(config)
    with TemporaryDirectory(prefix="framelane-counts-") as counts:
        share_counts(Path(counts))
        return _serve_together(config, settings, processes)


def _serve_together(config: uvicorn.Config, settings: Settings, processes: int) -> int:
    host, port = config.host, config.port
    config.load()  # once for all
    try:
        held = reserve(host, port)
    except OSError as error:
        _log.error("cannot_listen", host=host, port=port, reason=str(error))
        return 1
    _log.info("listening", port=held[0].getsockname()[1], processes=processes)
    grace_s = settings.limits.shutdown_s + _KILL_AFTER_S
    return Crew(processes, lambda: serve(config, own(held)), grace_s, forget_process).run()


def _of_several(settings: Settings) -> Settings:
    """What one of them signs the others must know."""
    if settings.artifacts.link_key.get_secret_value():
        return settings
    key = SecretStr(secrets.token_urlsafe(32))
    return settings.model_copy(update={"artifacts": settings.artifacts.model_copy(update={"link_key": key})})


if __name__ == "__main__":
    main()
