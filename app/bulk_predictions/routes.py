"""Predictions of many ECGs over HTTP."""

import uuid

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from app.access_log.shown import ShownDep
from app.auth.access import ResearcherUser
from app.bulk_predictions import queries
from app.bulk_predictions.schemas import REQUESTED, BulkPrediction, BulkPredictionIn
from app.bulk_predictions.tasks import FILE, JOB
from app.ecgs.queries import holds_only_simulated
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit.database import SessionDep
from app.kit.deferred import Deferred
from app.kit.files import FilesDep
from app.kit.problems import gone, responses
from app.predictions.service import chosen_model

router = APIRouter(prefix="/v1/bulk-predictions", tags=["predictions"])

MEDIA_TYPE = "application/vnd.apache.parquet"


@router.post("", status_code=202, responses={202: jobs.accepted(JOB, REQUESTED), **responses(409, 422)})
def start_bulk_prediction(
    given: BulkPredictionIn, session: SessionDep, user: ResearcherUser, start: StartJob
) -> JobOut:
    """Ask a model about many stored ECGs: about those with a waveform that were stored before now.

    The numbers are those of `POST /v1/predictions`, to the last bit. A job that is interrupted goes on where it was.
    Its result counts the ECGs; `GET /v1/bulk-predictions/{job_id}/predictions.parquet` has a row for each while it is
    kept, with the reason where there is no answer.
    """
    simulated = holds_only_simulated(session) if given.simulated is None else given.simulated
    asked = BulkPrediction.model_validate(
        {
            **given.model_dump(by_alias=True),
            "model": chosen_model(session, given.model).id,
            "simulated": simulated,
            "stored_until": queries.now(session),
        }
    )
    return start(user, JOB, asked.model_dump(mode="json", by_alias=True, exclude_none=True))


@router.get(
    "/{job_id}/predictions.parquet",
    response_class=FileResponse,
    responses={
        200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}, "description": "The file"},
        **responses(404, 409, 410, 422),
    },
)
def get_bulk_predictions(
    job_id: uuid.UUID, session: SessionDep, user: ResearcherUser, files: FilesDep, shown: ShownDep
) -> Response:
    """Return the answers: `ecg_id`, `windows`, `error`, and for each label `probability_…` and `positive_…`."""
    job = jobs.finished(session, job_id, JOB, "bulk prediction")
    assert job.result is not None
    if not job.result["files"]:
        raise gone("export_removed", "The file was removed when an ECG was erased: ask again.")
    shown.count(job.result["ecgs"])
    return Deferred(lambda: files.result(job_id, FILE, MEDIA_TYPE, kind="exports"))
