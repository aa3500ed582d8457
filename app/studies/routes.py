"""Studies over HTTP."""

import uuid
from pathlib import PurePath
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse

from app.auth.access import ResearcherUser, ViewerUser
from app.datasets.queries import by_id as dataset_by_id
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit.database import SessionDep
from app.kit.deferred import Deferred
from app.kit.files import FilesDep
from app.kit.problems import check_known, not_found, responses
from app.models.extras import check_text_extra
from app.studies import service
from app.studies.schemas import STARTED, STUDY, TABLE_CSV, StudyIn

router = APIRouter(prefix="/v1/studies", tags=["models"])

MEDIA_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
PAGE_EXAMPLE = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Machine labels or over-reads…'
FIGURE_EXAMPLE = '<svg xmlns="http://www.w3.org/2000/svg" …>…</svg>'
# a browser shows a page or a figure of a study, and runs no script of it
CONTAINED = {"Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"}


@router.post("", status_code=202, responses={202: jobs.accepted("study", STARTED), **responses(409, 422)})
def start_study(given: StudyIn, session: SessionDep, user: ResearcherUser, start: StartJob) -> JobOut:
    """Start a study: it trains with each paradigm, label source and seed, and makes the paper's tables and figures.

    `overrides` are those of `POST /v1/training-jobs`, without `seed` and `hedged`. The job's result lists the files.
    """
    check_text_extra(service.configurations(given))
    check_known(dataset_by_id(session, given.dataset), "dataset", "dataset")
    if given.unlabelled is not None:
        check_known(dataset_by_id(session, given.unlabelled), "unlabelled", "dataset")
    params = given.model_dump(mode="json", exclude_none=True)
    return start(user, "study", params)


@router.get(
    "/{job_id}",
    response_class=FileResponse,
    responses={
        200: {
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": STUDY},
                "text/html": {"schema": {"type": "string"}, "example": PAGE_EXAMPLE},
            },
            "description": "All results as JSON; as a page with `Accept: text/html`",
        },
        **responses(404, 409, 410, 422),
    },
)
def get_study(job_id: uuid.UUID, request: Request, files: FilesDep, session: SessionDep, user: ViewerUser) -> Response:
    """Return a finished study as JSON, or as a page with `Accept: text/html`."""
    jobs.finished(session, job_id, "study", "study")
    name = "index.html" if "text/html" in request.headers.get("accept", "") else "study.json"
    return _file(files, job_id, name)


@router.get(
    "/{job_id}/{folder}/{name}",
    response_class=FileResponse,
    responses={
        200: {
            "content": {
                "text/csv": {"schema": {"type": "string"}, "example": TABLE_CSV},
                "image/svg+xml": {"schema": {"type": "string"}, "example": FIGURE_EXAMPLE},
                "image/png": {"schema": {"type": "string", "format": "binary"}},
            },
            "description": "A table as CSV, a figure as SVG or PNG",
        },
        **responses(404, 409, 410, 422),
    },
)
def get_study_file(
    job_id: uuid.UUID,
    folder: Annotated[str, Path(examples=["tables"])],
    name: Annotated[str, Path(examples=["table_a1.csv"])],
    files: FilesDep,
    session: SessionDep,
    user: ViewerUser,
) -> Response:
    """Return one of the files that a finished study's result lists, such as `tables/table_1.csv`."""
    job = jobs.finished(session, job_id, "study", "study")
    assert job.result is not None
    if f"{folder}/{name}" not in job.result["files"]:
        raise not_found("file of this study")
    return _file(files, job_id, f"{folder}/{name}")


def _file(files: FilesDep, job_id: uuid.UUID, name: str) -> Response:
    return Deferred(lambda: files.result(job_id, name, MEDIA_TYPES[PurePath(name).suffix], headers=CONTAINED))
