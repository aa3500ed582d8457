"""Pages of datasets: the list, freezing the selection on screen, and one dataset."""

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.requests import Request

from app.auth.access import ResearcherUser, ViewerUser
from app.auth.service import allows
from app.datasets import queries
from app.datasets.schemas import ChoiceIn, DatasetIn
from app.datasets.service import check_choice, count, outside
from app.disagreement.counting.selection import PairFilter
from app.disagreement.off_hours import OffHours
from app.disagreement.parameters import pair_filter
from app.disagreement.written import as_parameters
from app.kit.database import Json, SessionDep
from app.kit.pagination import Cursor, Position, decode, page
from app.kit.problems import not_found
from app.kit.state import SettingsDep, made_by
from app.models.queries import of_dataset
from app.pages.shell import PagesDep
from app.sites.service import listed as listed_sites
from app.vocabularies.service import LabelersDep

router = APIRouter(include_in_schema=False)

LIMIT = 50
MOST_SITES = 1000  # in the form; the API takes any
SPLIT_BY = [
    ("patient", "patient"),
    ("record", "ECG, as in the paper"),
    ("fold", "folds of the source"),
    ("site", "site"),
    ("date", "time of recording"),
]
SPLITS = ("train", "validation", "test")
Overread = Annotated[Literal["required", "absent"], Query()]


@router.get("/datasets")
def show_datasets(
    request: Request, pages: PagesDep, session: SessionDep, user: ViewerUser, cursor: Cursor = None
) -> Response:
    """Show frozen datasets, newest first."""
    rows = queries.newest(session, decode(cursor), LIMIT)
    listed = page(rows, LIMIT, lambda row: Position(row.created_at, row.id), lambda row: outside(session, row))
    return pages.answer(
        request,
        "work/datasets.html",
        user=user,
        title="Datasets",
        datasets=listed.items,
        next_cursor=listed.next_cursor,
        cursor=cursor,
        may_freeze=allows(user.role, "researcher"),
    )


@router.get("/datasets/new")
def show_new_dataset(
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    user: ResearcherUser,
    given: Annotated[PairFilter, made_by(pair_filter)],
    overread: Overread = "required",
) -> Response:
    """Show what would be frozen: the selection of the disagreement table, as its parameters say it."""
    asked = _choice(given, overread)
    defaults = DatasetIn.model_fields
    return pages.answer(
        request,
        "work/dataset_new.html",
        user=user,
        title="Freeze a dataset",
        chips=[(name, value) for name, value in as_parameters(given).items()],
        body=asked,
        overread=overread,
        fractions=defaults["fractions"].default.model_dump(),
        split_by=SPLIT_BY,
        sites=[site.name for site in listed_sites(session, "", MOST_SITES).items],
        seed=defaults["seed"].default,
        name=_name(given),
    )


@router.get("/datasets/new/count")
def count_new_dataset(
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    settings: SettingsDep,
    user: ResearcherUser,
    given: Annotated[PairFilter, made_by(pair_filter)],
    overread: Overread = "required",
) -> Response:
    """Show how many ECGs the selection holds now. The page asks for it after itself: counting may take seconds."""
    asked = ChoiceIn.model_validate(_choice(given, overread))
    off_hours = OffHours.of(settings)
    check_choice(session, asked, off_hours)
    found = count(session, asked, off_hours)
    fractions = DatasetIn.model_fields["fractions"].default
    return pages.answer(request, "work/dataset_count.html", user=user, found=found, fractions=fractions.model_dump())


@router.get("/datasets/{dataset_id}")
def show_dataset(
    dataset_id: uuid.UUID,
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    labelers: LabelersDep,
    user: ViewerUser,
) -> Response:
    """Show a dataset: what is in it, how it was chosen, and the models that were trained on it."""
    row = queries.by_id(session, dataset_id)
    if row is None:
        raise not_found("dataset")
    dataset = outside(session, row)
    names = {label.key: label.name for label in labelers.active(session).vocabulary.labels}
    return pages.answer(
        request,
        "work/dataset.html",
        user=user,
        title=dataset.name,
        dataset=dataset,
        positives=_positives(dataset.summary, names),
        splits=SPLITS,
        models=of_dataset(session, dataset.id),
        may_train=allows(user.role, "researcher"),
    )


def _choice(given: PairFilter, overread: str) -> dict[str, Any]:
    """Return the request for the ECGs of a selection: filters of pairs, or plain ones where no over-read is asked."""
    said = as_parameters(given)
    asked: dict[str, Any] = {"simulated": said.pop("simulated", None), "overread": overread}
    if overread == "absent":
        return asked | said  # what pairs alone have is refused by the choice itself
    return asked | ({"filters": said} if said else {})


def _name(given: PairFilter) -> str:
    said = as_parameters(given)
    said.pop("simulated", None)
    return " ".join(str(value).removesuffix("T00:00:00Z") for value in said.values())[:200] or "all"


def _positives(summary: Json, names: dict[str, str]) -> list[Json]:
    """Return the positive windows of each label, by split, in the order of the labels."""
    splits = {name: summary["splits"].get(name, {}).get("positives", {}) for name in SPLITS}
    keys = list(dict.fromkeys(key for positives in splits.values() for key in positives))
    keys.sort(key=lambda key: list(names).index(key) if key in names else len(names))
    return [
        {"name": names.get(key, key), **{split: positives.get(key, 0) for split, positives in splits.items()}}
        for key in keys
    ]
