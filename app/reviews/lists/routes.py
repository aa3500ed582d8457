"""Review lists over HTTP."""

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from app.auth.access import ReaderUser, ResearcherUser
from app.kit.database import SessionDep
from app.kit.problems import responses
from app.reviews.lists import queries, service
from app.reviews.lists.schemas import ListIn, ListOut, ListPage
from app.vocabularies.service import LabelersDep

router = APIRouter(prefix="/v1/reviews/lists", tags=["reviews"])


@router.post("", status_code=201, responses=responses(413, 422))
def create_review_list(
    given: ListIn, labelers: LabelersDep, response: Response, session: SessionDep, user: ResearcherUser
) -> ListOut:
    """Make a list of ECGs to be read. They are chosen now, by one rule; all have a waveform, and none is gold.

    `predicted_change` takes ECGs of which the promoted model has a stored prediction. It orders them by how probable a
    change of each label is (`change` of the prediction) and what it weighs; those without, by how the model differs.
    """
    made = service.make(session, user, labelers.active(session), given)
    response.headers["Location"] = f"/v1/reviews/lists/{made.id}"
    return service.outside(session, user, [made])[0]


@router.get("", responses=responses(422))
def list_review_lists(
    session: SessionDep,
    user: ReaderUser,
    state: Annotated[Literal["open", "closed"] | None, Query(description="Only those.")] = None,
) -> ListPage:
    """List review lists, newest first, at most 500."""
    found = queries.newest(session, None if state is None else state == "closed", service.MOST_LISTS)
    return ListPage(items=service.outside(session, user, found))


@router.get("/{list_id}", responses=responses(404, 422))
def get_review_list(list_id: uuid.UUID, session: SessionDep, user: ReaderUser) -> ListOut:
    """Show a list and how far it is."""
    return service.outside(session, user, [service.get(session, list_id)])[0]


@router.post("/{list_id}/close", responses=responses(404, 422))
def close_review_list(list_id: uuid.UUID, session: SessionDep, user: ResearcherUser) -> ListOut:
    """Close a list: what readers hold they may finish, nothing more is claimed."""
    return service.outside(session, user, [service.close(session, user, list_id)])[0]
