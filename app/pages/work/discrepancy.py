"""Pages of discrepancy models: which there are, and the table of one."""

import uuid
from typing import Any

from fastapi import APIRouter, Response
from fastapi.requests import Request

from app.auth.access import ViewerUser
from app.auth.service import allows
from app.discrepancy_models import queries, service
from app.jobs import queries as jobs
from app.kit.database import Json, SessionDep
from app.kit.pagination import Cursor, Position, decode
from app.kit.pagination import page as page_of
from app.pages.shell import PagesDep
from app.pages.work.jobs import STATES
from app.vocabularies.queries import active
from app.vocabularies.service import LabelersDep
from ml.discrepancy.folder import FEWEST_PAIRS

router = APIRouter(include_in_schema=False)

LIMIT = 50
METHODS = {
    "model": ("Discrepancy model", "Learned from pairs: logits, machine findings, measurements, age, sex, device"),
    "prior": ("Prior", "How often such a statement is changed"),
    "difference": ("|p − machine|", "How far the model's probability of the label is from what the machine says"),
    "machine_only": ("Machine findings", "Trees that know what the machine said, and nothing else"),
    "measurements_only": ("Measurements", "Trees that know the device's measurements and ours, and nothing else"),
}
"""The discrepancy model and its baselines, as the table's columns."""
PARTS = {
    "held_out": "Pairs that were held out",
    "out_of_fold": "Pairs that it was fitted on, by trees without their patients",
}
VERDICTS = {
    "better": "better than the baseline",
    "no better": "no better than the baseline",
    "worse": "worse than the baseline",
    "not enough": "not enough changes to say",
}
STALE = {"vocabulary": "another vocabulary is active", "model": "another model answers predictions"}


@router.get("/discrepancy-models")
def show_discrepancy_models(
    request: Request, pages: PagesDep, session: SessionDep, user: ViewerUser, cursor: Cursor = None
) -> Response:
    """Show discrepancy models, newest first, what is being learned, and how to begin."""
    rows = queries.newest(session, decode(cursor), LIMIT)
    shown = {each.id: each for each in service.outside(session, rows)}
    listed = page_of(rows, LIMIT, lambda row: Position(row.created_at, row.id), lambda row: shown[row.id])
    under_way = jobs.unfinished(session, "discrepancy")
    slot = active(session).slot
    assert slot is not None
    return pages.answer(
        request,
        "work/discrepancy_models.html",
        user=user,
        title="Discrepancy models",
        models=listed.items,
        next_cursor=listed.next_cursor,
        cursor=cursor,
        under_way=under_way,
        state=STATES[under_way.state] if under_way is not None else None,
        fewest=FEWEST_PAIRS,
        verdicts=VERDICTS,
        stale=STALE,
        may_learn=allows(user.role, "researcher"),
    )


@router.get("/discrepancy-models/{discrepancy_model_id}")
def show_discrepancy_model(
    discrepancy_model_id: uuid.UUID,
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    labelers: LabelersDep,
    user: ViewerUser,
) -> Response:
    """Show a discrepancy model: whether it is in use, how pairs were held out, and its table."""
    model = service.with_table(session, service.get(session, discrepancy_model_id))
    names = {label.key: label.name for label in labelers.active(session).vocabulary.labels}
    return pages.answer(
        request,
        "work/discrepancy_model.html",
        user=user,
        title=model.name,
        model=model,
        parts=[(words, model.table[key], _rows(model.table[key], names)) for key, words in PARTS.items()],
        methods=METHODS,
        verdicts=VERDICTS,
        stale=STALE,
        may_delete=allows(user.role, "researcher"),
    )


def _rows(table: Json, names: dict[str, str]) -> list[dict[str, Any]]:
    """Return a line for each label and direction; those with figures first, the most changes first."""
    rows = [
        {"label": names.get(key, key), "direction": direction, **entry}
        for key, directions in table["labels"].items()
        for direction, entry in directions.items()
    ]
    return sorted(rows, key=lambda row: (row.get("methods") is None, -row["changes"]))
