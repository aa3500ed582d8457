"""`create_app(settings)`: the whole wiring."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from app.access_log.refusals import RecordRefusals
from app.access_log.routes import router as access_log
from app.auth.access import Doors, KeyBeforeBody
from app.auth.passwords.hashing import Passwords
from app.auth.routes import router as access
from app.auth.sessions.cookies import Cookies
from app.auth.users.routes import router as users
from app.bulk_predictions.routes import router as bulk_predictions
from app.change_watch.routes import router as change_watch
from app.datasets.routes import router as datasets
from app.disagreement.counting.cells import CellBook
from app.disagreement.drilldown.routes import router as drilldown
from app.disagreement.routes import router as disagreement
from app.disagreement.snapshots.routes import router as snapshots
from app.discrepancy_models.routes import router as discrepancy_models
from app.ecgs.memory import signal_memory
from app.ecgs.routes import router as ecgs
from app.ecgs.search.routes import router as ecg_lists
from app.ecgs.service import Archive
from app.erasures.routes import router as erasures
from app.evaluations.routes import router as evaluations
from app.exports.routes import router as exports
from app.imports.rejections.routes import router as import_rejections
from app.imports.routes import router as imports
from app.interchange.routes import router as interchange
from app.jobs.doorbell import Doorbell
from app.jobs.feed import event_feed
from app.jobs.routes import router as jobs
from app.kit import health, openapi, problems
from app.kit.database import Database
from app.kit.declared import only_declared
from app.kit.folders import open_folders
from app.kit.methods import METHODS, HeadAndOptions
from app.kit.middleware import BodyLimit, RequestContext
from app.kit.store_calls import StoreCalls
from app.models.routes import router as models
from app.models.schemas import Overrides
from app.over_read_audit.routes import router as over_read_audit
from app.pages import PAGES, shell
from app.predictions.answers import answer_watch
from app.predictions.routes import router as predictions
from app.predictions.schemas import PredictionIn
from app.readers.routes import router as readers
from app.reports.routes import router as reports
from app.reviews.gold.routes import router as review_gold
from app.reviews.lists.routes import router as review_lists
from app.reviews.quality.routes import router as review_quality
from app.reviews.routes import router as reviews
from app.rules.routes import router as rule_readings
from app.settings import Settings
from app.sites.routes import router as sites
from app.studies.routes import router as studies
from app.triage_rules.routes import router as triage_rules
from app.trials.routes import router as trials
from app.trials.service import trial_watch
from app.vocabularies.elsewhere import Elsewhere
from app.vocabularies.routes import router as labels
from app.vocabularies.service import Labelers

DESCRIPTION = """
Stores 12-lead ECGs with two readings of each, the machine's and the cardiologist's over-read; turns both into the
same labels; shows what experts add and remove; trains models on the experts' readings; and answers new ECGs with
predictions that say which machine statements an expert would probably change.

Send an API key as `Authorization: Bearer …`. Errors are RFC 9457 problem+json.
"""

ROUTERS = (
    *(ecg_lists, ecgs, interchange, reports, rule_readings, labels, disagreement, snapshots, drilldown, readers),
    *(exports, imports, import_rejections, sites, datasets, models, evaluations, studies, jobs, predictions, trials),
    *(discrepancy_models, over_read_audit, bulk_predictions, change_watch, triage_rules),
    *(review_lists, review_quality, reviews, review_gold, erasures, access, users, access_log, health.router),
)


SPARE_THREADS = 20
COMPRESSION: dict[str, Any] = {
    "minimum_size": 1_000,
    "compresslevel": 1,  # the fastest: higher levels make a waveform a little smaller and take several times as long
    "exclude_content_types": (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream", "application/x-tar"),
}
CORS: dict[str, Any] = {
    "allow_methods": METHODS,
    "allow_headers": ["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Prefer"],
    "expose_headers": [
        "ETag",
        "Location",
        "Preference-Applied",
        "Retry-After",
        "Sampling-Rate-Hz",
        "Signal-Gain",
        "Signal-Unit",
        "X-Request-ID",
    ],
}


def create_app(settings: Settings) -> FastAPI:
    """Build the web service. Everything it holds hangs on the application; there are no module globals."""
    database = Database(settings, lock_timeout_s=settings.database_patience_s)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # a request with a connection uses one thread at a time; the others are for requests without one
        to_thread.current_default_thread_limiter().total_tokens = settings.database_pool_size + SPARE_THREADS
        yield
        for watch in (app.state.event_feed, app.state.answer_watch, app.state.trial_watch):
            await watch.close()
        database.close()

    app = FastAPIOffline(
        title="Overread",
        version="0.1.0",
        summary="ECG labelling and discrepancy analysis",
        description=DESCRIPTION,
        lifespan=lifespan,
        license_info=None,
        generate_unique_id_function=openapi.operation_id,
        dependencies=[Depends(only_declared)],
        form_limits={"max_part_size": settings.max_upload_bytes},  # the length of a text is checked by its field
    )
    app.state.settings = settings
    app.state.database = database
    app.state.archive = Archive.of(settings)
    app.state.cookies = Cookies(settings, app.state.archive.hash_patient)
    app.state.passwords = Passwords()
    app.state.folders = open_folders(settings, app.state.archive.store)
    app.state.store_calls = StoreCalls()
    app.state.signal_memory = signal_memory(settings.signal_memory_bytes)
    app.state.labelers = Labelers()
    app.state.elsewhere = Elsewhere()
    app.state.cells = CellBook()
    app.state.event_feed = event_feed(database)
    app.state.answer_watch = answer_watch(database)
    app.state.trial_watch = trial_watch(database)
    app.state.doorbell = Doorbell(settings)

    problems.install(app)
    app.add_middleware(
        BodyLimit,
        max_upload_bytes=settings.max_upload_bytes,
        max_json_bytes=settings.max_json_bytes,
        uploads={"/v1/models": settings.max_bundle_bytes, "/v1/imports": settings.max_archive_bytes},
    )
    doors = Doors(app.state.cookies, settings)
    app.add_middleware(KeyBeforeBody, database=database, doors=doors, routers=(*ROUTERS, *PAGES))
    app.add_middleware(RecordRefusals, database=database)
    app.add_middleware(GZipMiddleware, **COMPRESSION)
    app.add_middleware(RequestContext)
    app.add_middleware(HeadAndOptions)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=settings.cors_origins, **CORS)
    shell.install(app)
    for router in (*ROUTERS, *PAGES):  # a request is compared with one after the other: programs ask more often
        app.include_router(router)
    openapi.complete(app, ROUTERS, by_hand=[PredictionIn], preset_decides=Overrides)
    return app
