"""Evaluations over HTTP."""

import uuid

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from app.auth.access import ResearcherUser, ViewerUser
from app.datasets.queries import by_id as dataset_by_id
from app.evaluations.schemas import MEASURED, MEASURED_CSV, TWO_MODELS, EvaluationIn
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit.csv_answers import WantsCsv
from app.kit.database import SessionDep
from app.kit.deferred import Deferred
from app.kit.files import FilesDep
from app.kit.problems import check_known, responses
from app.models.queries import by_id as model_by_id

router = APIRouter(prefix="/v1/evaluations", tags=["models"])


@router.post(
    "",
    status_code=202,
    responses={202: jobs.accepted("evaluate", {**TWO_MODELS, "split": "test"}), **responses(409, 422)},
)
def start_evaluation(given: EvaluationIn, session: SessionDep, user: ResearcherUser, start: StartJob) -> JobOut:
    """Measure a model on a split of a dataset. The job's result has AUROC and AUPRC by label, with 95 % intervals.

    With `split: all` on every ECG of a dataset: of another site, or another corpus. Patients of the model's training
    are left out and counted, in `seen_patients`.

    With `compare_with` the result also has the differences between the two models.
    """
    check_known(dataset_by_id(session, given.dataset), "dataset", "dataset")
    check_known(model_by_id(session, given.model), "model", "model")
    if given.compare_with is not None:
        check_known(model_by_id(session, given.compare_with), "compare_with", "model")
    params = given.model_dump(mode="json", exclude_none=True)
    return start(user, "evaluate", params)


@router.get(
    "/{job_id}",
    response_class=FileResponse,
    responses={
        200: {
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": MEASURED},
                "text/csv": {"schema": {"type": "string"}, "example": MEASURED_CSV},
            },
            "description": "All that was measured as JSON; as CSV with `Accept: text/csv`",
        },
        **responses(404, 409, 410, 422),
    },
)
def get_evaluation(
    job_id: uuid.UUID, files: FilesDep, session: SessionDep, user: ViewerUser, wants_csv: WantsCsv
) -> Response:
    """Return all that a finished evaluation measured, with ROC, PR and reliability curves.

    With `Accept: text/csv`: a line for each number, with its interval.
    """
    jobs.finished(session, job_id, "evaluate", "evaluation")
    csv, json = ("metrics.csv", "text/csv; charset=utf-8"), ("metrics.json", "application/json")
    name, media_type = csv if wants_csv else json
    return Deferred(lambda: files.result(job_id, name, media_type))
