"""The ECGs and the words behind a number, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from app.access_log.shown import ShownDep
from app.auth.access import ViewerUser
from app.disagreement.drilldown import service
from app.disagreement.drilldown.schemas import ChangedStatements, DifferingEcg
from app.disagreement.drilldown.statements import changed_statements
from app.disagreement.outcomes import Direction, Listed
from app.disagreement.parameters import CellBookDep, ChosenPairs, Hedges
from app.ecgs.schemas import EcgPage
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit
from app.kit.problems import invalid, responses
from app.vocabularies.service import LabelersDep
from ml.corpus.sources import HEDGED

router = APIRouter(prefix="/v1/disagreement", tags=["disagreement"])


@router.get("/ecgs", response_model=EcgPage[DifferingEcg], responses=responses(422))
def list_most_changed_ecgs(
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    shown: ShownDep,
    chosen: ChosenPairs,
    book: CellBookDep,
    hedged: Hedges = HEDGED,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List the ECGs on which most labels differ, the newest recording first among equals."""
    rules = labelers.active(session)
    found = service.most_changed(session, book, rules, chosen, hedged=hedged, limit=limit, cursor=cursor)
    shown.add(item.ecg.id for item in found.items)
    return _json(found)


@router.get("/statements", response_model=ChangedStatements, responses=responses(422))
def list_changed_statements(
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    shown: ShownDep,
    chosen: ChosenPairs,
    hedged: Hedges = HEDGED,
    label: Annotated[
        str | None,
        Query(description="Only ECGs on which this label differs; any label when absent.", examples=["aflutter"]),
    ] = None,
    direction: Annotated[Direction, Query(description="With `label`: what the over-read did with it.")] = "both",
    sample: Annotated[int, Query(ge=1, le=5_000, description="How many ECGs are read, the newest first.")] = 1_000,
    limit: Annotated[int, Query(ge=1, le=500, description="Most statements a list may hold.")] = 50,
) -> Response:
    """List the statements experts add and remove most, by normal form, each with a place where it stands.

    Texts are compared as they are read: of the newest ECGs on which a label differs, up to `sample` of them;
    `complete` says whether that was all there are.
    """
    rules = labelers.active(session)
    keys = [known.key for known in rules.vocabulary.labels]
    if label is not None and label not in keys:
        raise invalid("query.label", f"{label!r} is no label of the active vocabulary")
    bit = None if label is None else keys.index(label)
    found = changed_statements(
        session, rules, chosen, hedged=hedged, label=bit, direction=direction, sample=sample, limit=limit
    )
    shown.add(statement.example.ecg_id for statement in (*found.added, *found.removed))
    return _json(found)


@router.get("/{label}/ecgs", response_model=EcgPage[DifferingEcg], responses=responses(404, 422))
def list_differing_ecgs(
    label: Annotated[str, Path(examples=["aflutter"])],
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    shown: ShownDep,
    chosen: ChosenPairs,
    book: CellBookDep,
    direction: Annotated[
        Listed,
        Query(
            description="What the over-read did with the label; `both`: added or removed it. Or who called it: the "
            "`machine`, the `overread`, or both of them (`agreed`); pages of these may be short."
        ),
    ] = "both",
    instead: Annotated[
        str | None,
        Query(
            description="With `added` or `removed`: only where this other label changed the other way; `nothing`: only "
            "where none did.",
            examples=["afib"],
        ),
    ] = None,
    hedged: Hedges = HEDGED,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """List the ECGs whose over-read added, or removed, a label, with both readings; or those that a source called.

    The newest recording first; ECGs whose time of recording is not known come last.
    """
    rules = labelers.active(session)
    found = service.of_label(
        session,
        book,
        rules,
        chosen,
        hedged=hedged,
        label=service.place_of(rules, label),
        direction=direction,
        instead=service.place_instead(rules, direction, instead),
        limit=limit,
        cursor=cursor,
    )
    shown.add(item.ecg.id for item in found.items)
    return _json(found)


def _json(answer: BaseModel) -> Response:
    """Write an answer that is a model already: checking it once more would take longer than finding it."""
    return Response(answer.model_dump_json(), media_type="application/json")
