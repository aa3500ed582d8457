"""Datasets over HTTP."""

import uuid

from fastapi import APIRouter

from app.auth.access import ResearcherUser, ViewerUser
from app.datasets import queries
from app.datasets.schemas import FROZEN, ChoiceCount, ChoiceIn, DatasetIn, DatasetOut
from app.datasets.service import check_choice, check_split, count, outside
from app.disagreement.off_hours import OffHours
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit, Page, Position, decode, page
from app.kit.problems import not_found, responses
from app.kit.state import SettingsDep

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


@router.post("", status_code=202, responses={202: jobs.accepted("dataset", FROZEN), **responses(409, 422)})
def freeze_dataset(
    given: DatasetIn, session: SessionDep, settings: SettingsDep, user: ResearcherUser, start: StartJob
) -> JobOut:
    """Freeze a dataset: windows, labels of both readings, and a split, under one hash.

    The split is by patient where nothing else is said. By folds, by site or by date it refuses what cannot be; patients
    in two splits are counted in `summary.shared_patients`, and refused where `shared_patients` says so.

    Answers with the job that does it; its result names the dataset.
    """
    check_choice(session, given, OffHours.of(settings))
    check_split(session, given)
    params = given.model_dump(mode="json", by_alias=True, exclude_none=True)
    return start(user, "dataset", params)


@router.post("/count", responses=responses(422))
def count_choice(given: ChoiceIn, session: SessionDep, settings: SettingsDep, user: ViewerUser) -> ChoiceCount:
    """Count the ECGs that a dataset would take. One whose signal turns out to be unusable is among them."""
    off_hours = OffHours.of(settings)
    check_choice(session, given, off_hours)
    return count(session, given, off_hours)


@router.get("", responses=responses(422))
def list_datasets(session: SessionDep, user: ViewerUser, limit: Limit = 50, cursor: Cursor = None) -> Page[DatasetOut]:
    """List datasets, newest first."""
    rows = queries.newest(session, decode(cursor), limit)
    return page(rows, limit, lambda row: Position(row.created_at, row.id), lambda row: outside(session, row))


@router.get("/{dataset_id}", responses=responses(404, 422))
def get_dataset(dataset_id: uuid.UUID, session: SessionDep, user: ViewerUser) -> DatasetOut:
    """Return a dataset: its hash, its request, and a summary of its content."""
    row = queries.by_id(session, dataset_id)
    if row is None:
        raise not_found("dataset")
    return outside(session, row)


@router.post(
    "/{dataset_id}/rebuild",
    status_code=202,
    responses={202: jobs.accepted("dataset", FROZEN), **responses(404, 409, 422)},
)
def rebuild_dataset(dataset_id: uuid.UUID, session: SessionDep, user: ResearcherUser, start: StartJob) -> JobOut:
    """Freeze another dataset by the same request, from what is stored today: without ECGs that were erased since."""
    row = queries.by_id(session, dataset_id)
    if row is None:
        raise not_found("dataset")
    return start(user, "dataset", row.request)
