"""Exports over HTTP."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import FileResponse

from app.access_log.shown import ShownDep
from app.auth.access import Require, ResearcherUser
from app.auth.tables import User
from app.disagreement.parameters import ChosenPairs
from app.disagreement.written import as_parameters
from app.exports.schemas import REQUESTED, ExportIn, What
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit import audit
from app.kit.database import SessionDep
from app.kit.deferred import Deferred
from app.kit.files import FilesDep
from app.kit.problems import gone, invalid, not_found, responses
from app.kit.state import SettingsDep

router = APIRouter(prefix="/v1", tags=["disagreement"])
MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".tar": "application/x-tar",
    ".json": "application/json",
    ".md": "text/markdown",
}


def _check_text(user: User, *, text: bool) -> None:
    """Raise a 403 where somebody else than an admin asks for report text."""
    if text:
        Require("admin").check(user)


@router.get(
    "/export",
    status_code=202,
    responses={202: jobs.accepted("export", REQUESTED), **responses(409, 422)},
)
def start_export(
    session: SessionDep,
    user: ResearcherUser,
    chosen: ChosenPairs,
    start: StartJob,
    what: Annotated[
        list[What], Query(description="Repeat the parameter.", min_length=1, max_length=5, examples=[["pairs"]])
    ] = ["pairs"],  # noqa: B006
    text: Annotated[bool, Query(description="With the words of reports; for admins.")] = False,
) -> JobOut:
    """Take pairs out, as Parquet tables and WFDB files, with all filters of the disagreement table.

    The job's result lists the files; `GET /v1/exports/{job_id}/{file}` gives them while they are kept.
    """
    if len(set(what)) < len(what):
        raise invalid("query.what", "names the same thing twice")
    _check_text(user, text=text)
    asked = ExportIn(what=what, filters=as_parameters(chosen), text=text).model_dump()
    job = start(user, "export", asked)
    audit.record(session, user.name, "export", "job", resource_id=job.id, after=asked)
    return job


@router.get(
    "/exports/{job_id}/{file}",
    response_class=FileResponse,
    responses={
        200: {
            "content": {
                "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
                "application/x-tar": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {
                    "schema": {"type": "object"},
                    "example": {"pairs": 20, "vocabulary": "overread-2"},
                },
                "text/markdown": {"schema": {"type": "string"}, "example": "# ECGs with the machine's report"},
            },
            "description": "The file",
        },
        **responses(404, 409, 410, 422),
    },
)
def get_export_file(
    job_id: uuid.UUID,
    file: Annotated[str, Path(examples=["pairs.parquet"])],
    session: SessionDep,
    user: ResearcherUser,
    settings: SettingsDep,
    files: FilesDep,
    shown: ShownDep,
) -> Response:
    """Return one of the files that a finished export lists. Files with report text are for admins."""
    job = jobs.finished(session, job_id, "export", "export")
    assert job.result is not None
    _check_text(user, text=job.params["text"])
    if file not in {each["name"] for each in job.result["files"]}:
        raise not_found("file of this export")
    if job.finished_at is None or job.finished_at < datetime.now(UTC) - timedelta(days=settings.export_days):
        raise gone("export_removed", f"The files of an export are kept for {settings.export_days} days.")
    shown.count(job.result["pairs"])
    return Deferred(lambda: files.result(job_id, file, MEDIA_TYPES[PurePath(file).suffix], kind="exports"))
