"""Imports over HTTP."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Annotated, Any

from fastapi import APIRouter, File, Form, Response, UploadFile
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.auth.access import AdminUser
from app.auth.tables import User
from app.imports.archives.spool import Received, Spool
from app.imports.schemas import FOLDER, ImportIn
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit.database import DatabaseDep, Json
from app.kit.declared import repeated_keys
from app.kit.deferred import Deferred
from app.kit.problems import field_errors, invalid, invalid_fields, responses
from app.kit.state import SettingsDep, made_by

router = APIRouter(prefix="/v1/imports", tags=["imports"])

LONGEST_OPTIONS = 10_000  # characters


@dataclass(frozen=True)
class Uploads:
    """Takes uploaded archives, after the request's transaction: a large file is copied while no connection is held."""

    database: DatabaseDep
    settings: SettingsDep

    @asynccontextmanager
    async def start(self, file: IO[bytes], given: Json, user: User, start: jobs.Starter) -> AsyncIterator[Response]:
        """Keep an archive durably, and start its job."""
        spool = Spool(self.settings.imports_dir)
        received = await run_in_threadpool(spool.receive, file)
        try:
            params = {**given, "archive": received.sha256}
            job = await self.database.run(lambda session: self._create(session, spool, received, (user, params, start)))
        finally:
            await run_in_threadpool(spool.drop, received)
        yield JSONResponse(job.model_dump(mode="json"), 202, start.headers(job))

    def _create(
        self, session: Session, spool: Spool, received: Received, what: tuple[User, Json, jobs.Starter]
    ) -> JobOut:
        user, params, start = what
        job = jobs.create(session, start.doorbell, user, "import", params=params, key=start.idempotency_key)
        if job.state == "queued" and not spool.of(job.id).exists():  # else it was started with this key before
            spool.give(received, job.id)
        return job


@router.post(
    "",
    status_code=202,
    response_model=JobOut,
    responses={202: jobs.accepted("import", FOLDER), **responses(409, 413, 422)},
)
def start_import(
    *,
    uploads: Annotated[Uploads, made_by(Uploads)],
    settings: SettingsDep,
    start: StartJob,
    user: AdminUser,
    kind: Annotated[str, Form(description="The kind of archive.", examples=["ptbxl-plus"])],
    folder: Annotated[
        str | None,
        Form(description="A name of `OVERREAD_IMPORT_FOLDERS`: no other path is opened.", examples=["ptb-xl"]),
    ] = None,
    archive: Annotated[
        UploadFile | None, File(description="Instead of a folder: a `.zip` or `.tar.gz` of one.")
    ] = None,
    options: Annotated[
        str | None,
        Form(
            description="Options of the kind, as JSON; paths are names of import folders.",
            examples=['{"plus": "ptb-xl-plus"}'],
        ),
    ] = None,
    again: Annotated[bool, Form(description="Whether what was refused is read again.", examples=[False])] = False,
    waveforms: Annotated[
        bool, Form(description="False: no signal is read, only what tables say is stored.", examples=[True])
    ] = True,
    rule_reading: Annotated[
        bool,
        Form(
            description="Whether an ECG of which the archive has no machine reading is read by our rules, marked as "
            "ours.",
            examples=[False],
        ),
    ] = False,
) -> Any:
    """Import an archive of ECGs with their readings. The job's result counts what was stored and refused.

    The same archive again stores nothing twice. What cannot be read is listed under `/v1/imports/rejections`; it stops
    nothing.
    """
    given: Json = {
        **{"kind": kind, "folder": folder, "options": _options(options)},
        **{"again": again, "waveforms": waveforms, "rule_reading": rule_reading},
    }
    if archive is not None:
        given["archive"] = "0" * 64  # known when it has been kept
    try:
        asked = ImportIn.model_validate(given)
    except ValidationError as error:
        raise invalid_fields(field_errors(error.errors())) from error
    if mistakes := asked.mistakes(settings):
        raise invalid_fields(mistakes)
    if archive is None:
        return start(user, "import", asked.model_dump(mode="json"))
    return Deferred(lambda: uploads.start(archive.file, asked.model_dump(mode="json"), user, start))


def _options(text: str | None) -> Any:
    if not text:
        return {}
    if len(text) > LONGEST_OPTIONS:
        raise invalid("options", f"is longer than {LONGEST_OPTIONS:,} characters", "too_large")
    if repeated := repeated_keys(text, "options"):
        raise invalid_fields(repeated)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid("options", "is not JSON") from error
