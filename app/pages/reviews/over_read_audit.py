"""The over-read audit for people: what the evidence speaks against, a decision on each, and how the order stands."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from app.access_log.shown import ShownDep
from app.auth.access import AdminUser
from app.discrepancy_models.queries import newest as newest_models
from app.kit.database import SessionDep
from app.kit.text import Name
from app.over_read_audit import service
from app.over_read_audit.schemas import Decision, DecisionIn, State
from app.pages.shell import PagesDep, go_to
from app.vocabularies.queries import active

router = APIRouter(prefix="/reviews/over-read-audit", include_in_schema=False)

PAGE = 20  # flags
MODELS = 20  # to choose from
SHOWN_RANKS = 6  # of the running precision


@router.get("")
def show_over_read_audit(
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    user: AdminUser,
    shown: ShownDep,
    label: Name | None = None,
    state: State = "open",
    cursor: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """Show a page of flags with a form for each, the running precision, and the readers."""
    found = service.newest(session, None)
    vocabulary_id = active(session).id
    models = [each for each in newest_models(session, None, MODELS) if each.vocabulary_id == vocabulary_id]
    listed = service.page(session, found, label=label, state=state, limit=PAGE, after=cursor)
    shown.add(each["ecg_id"] for each in listed["items"])
    precision = service.precision(session, found, label)
    return pages.answer(
        request,
        "reviews/over_read_audit.html",
        user=user,
        title="Over-read audit",
        audit=listed["audit"],
        label_names=[(each["label"], each["name"]) for each in found.labels] if found is not None else [],
        flags=listed["items"],
        next_cursor=listed["next_cursor"],
        precision={**precision, "ranks": [each for each in precision["ranks"] if each["decided"]][-SHOWN_RANKS:]},
        readers=service.readers(session, found),
        label=label,
        state=state,
        models=[(each.id, f"{each.name}, {each.created_at:%Y-%m-%d}") for each in models],
    )


@router.post("/flags/{flag_id}")
def decide_over_read_flag_here(
    flag_id: uuid.UUID,
    request: Request,
    session: SessionDep,
    user: AdminUser,
    shown: ShownDep,
    decision: Annotated[Decision, Form()],
    reason: Annotated[Name, Form()],
) -> Response:
    """Write down a decision, and show the flags that are left."""
    found = service.decide(session, user.name, flag_id, DecisionIn(decision=decision, reason=reason))
    shown.add([found["ecg_id"]])
    return go_to(request, "/reviews/over-read-audit")
