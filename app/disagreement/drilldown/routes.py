"""The ECGs and the words behind a number, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.auth.access import Viewer
from app.disagreement.drilldown import service
from app.disagreement.drilldown.schemas import DifferingEcg
from app.disagreement.outcomes import Direction
from app.disagreement.parameters import CellBookDep, ChosenPairs, Hedges
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit, Page
from app.kit.problems import not_found, responses

router = APIRouter(prefix="/v1/disagreement", tags=["disagreement"])


@router.get("/ecgs", responses=responses(422))
def list_most_changed_ecgs(
    request: Request,
    session: SessionDep,
    user: Viewer,
    chosen: ChosenPairs,
    book: CellBookDep,
    hedged: Hedges = "positive",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DifferingEcg]:
    """List the ECGs on which most labels differ, the newest recording first among equals."""
    rules = request.app.state.labelers.active(session)
    return service.most_changed(session, book, rules, chosen, hedged, limit, cursor)


@router.get("/{label}/ecgs", responses=responses(404, 422))
def list_differing_ecgs(
    label: str,
    request: Request,
    session: SessionDep,
    user: Viewer,
    chosen: ChosenPairs,
    book: CellBookDep,
    direction: Annotated[Direction, Query(description="What the over-read did with the label.")] = "both",
    hedged: Hedges = "positive",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DifferingEcg]:
    """List the ECGs whose over-read added, or removed, a label, with both readings.

    The newest recording first; ECGs whose time of recording is not known come last.
    """
    rules = request.app.state.labelers.active(session)
    keys = [known.key for known in rules.vocabulary.labels]
    if label not in keys:
        raise not_found("label")
    return service.of_label(session, book, rules, chosen, hedged, keys.index(label), direction, limit, cursor)
