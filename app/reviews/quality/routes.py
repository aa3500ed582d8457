"""What signed readings say of readers, over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.access_log.shown import ShownDep
from app.auth.access import ReaderUser, ViewerUser
from app.auth.queries import user_named
from app.auth.service import allows
from app.disagreement.parameters import Hedges
from app.ecgs.filters import settled
from app.kit.caching import NO_STORE
from app.kit.database import SessionDep
from app.kit.pagination import Cursor, Limit, Page, decode
from app.kit.problems import Problem, check_known, responses
from app.kit.text import Name
from app.readers.routes import GivenEcgs
from app.reviews.lists.schemas import Mode
from app.reviews.quality import service
from app.reviews.quality.queries import Asked
from app.reviews.quality.schemas import ChangedOut, Influence, Quality
from app.vocabularies.service import LabelersDep
from ml.corpus.sources import HEDGED

router = APIRouter(prefix="/v1/reviews", tags=["reviews"], dependencies=[NO_STORE])


@router.get("/quality", response_model=Quality, responses=responses(422))
def get_review_quality(
    labelers: LabelersDep,
    session: SessionDep,
    user: ReaderUser,
    given: GivenEcgs,
    reader: Annotated[
        Name | None, Query(description="Whose; your own when absent. Another's is for admins.", examples=["reader-7"])
    ] = None,
    mode: Annotated[Mode, Query(description="Blind readings, or assisted ones: they are not mixed.")] = "blind",
    hedged: Hedges = HEDGED,
) -> dict[str, Any]:
    """Show how a reader reads: beside the own repeats, gold, other readers, and where the machine was wrong.

    A figure of fewer than `minimum` ECGs is withheld.
    """
    whose = user
    if reader is not None and reader != user.name:
        if not allows(user.role, "admin"):
            raise Problem(
                403, "forbidden", "Another reader's figures are shown to admins; leave `reader` out for yours."
            )
        whose = check_known(user_named(session, reader), "query.reader", "user")
    rules = labelers.active(session)
    asked = Asked(vocabulary_id=rules.id, chosen=settled(session, given), user_id=whose.id, mode=mode)
    return service.quality(session, rules, whose.name, asked, hedged=hedged)


@router.get("/influence", response_model=Influence, responses=responses(422))
def get_review_influence(
    labelers: LabelersDep, session: SessionDep, user: ViewerUser, given: GivenEcgs, hedged: Hedges = HEDGED
) -> dict[str, Any]:
    """Show what readers change of the machine's reading blind, after it was shown, and with it in view.

    And how often they follow a wrong statement of it in each of these (Tsai 2003).
    """
    rules = labelers.active(session)
    asked = Asked(vocabulary_id=rules.id, chosen=settled(session, given))
    return service.influence(session, rules, asked, hedged=hedged)


@router.get("/digest", responses=responses(422))
def get_review_digest(
    labelers: LabelersDep,
    session: SessionDep,
    user: ReaderUser,
    shown: ShownDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ChangedOut]:
    """List your over-reads of which a later reader finds other labels, newest first: both texts, and the labels."""
    found = service.digest(session, labelers.active(session), user.name, position=decode(cursor), limit=limit)
    shown.add(each.ecg_id for each in found.items)
    return found
