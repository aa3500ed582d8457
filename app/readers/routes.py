"""Agreement between readers over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from app.auth.access import ViewerUser
from app.disagreement.parameters import Hedges
from app.ecgs.filters import EcgFilter, settled
from app.ecgs.parameters import From, Simulated, Site, To
from app.kit.database import SessionDep
from app.kit.problems import responses
from app.kit.state import made_by
from app.kit.text import Name
from app.readers import service
from app.readers.queries import OverreadFilter
from app.readers.schemas import Agreement, Profile
from app.vocabularies.service import LabelersDep
from ml.corpus.sources import HEDGED

router = APIRouter(prefix="/v1/readers", tags=["readers"])


def ecg_filter(
    recorded_from: From = None, recorded_to: To = None, site: Site = None, simulated: Simulated = None
) -> EcgFilter:
    """Return the filters of a question as they were given."""
    return EcgFilter(recorded_from=recorded_from, recorded_to=recorded_to, site=site, simulated=simulated)


GivenEcgs = Annotated[EcgFilter, made_by(ecg_filter)]
Readers = Annotated[
    list[Name],
    Query(
        max_length=service.MAX_READERS,
        description="Only these; repeat the parameter.",
        examples=[["cardiologist-1", "cardiologist-2"]],
    ),
]


@router.get("/agreement", response_model=Agreement, responses=responses(422))
def get_agreement(
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    given: GivenEcgs,
    reader: Readers = [],  # noqa: B006
    hedged: Hedges = HEDGED,
) -> dict[str, Any]:
    """Show how far readers of the same ECGs agree: Cohen's kappa of every two, Fleiss' of all, by label.

    Current over-reads with a reader count, final ones too. Two readers are compared on the ECGs both read.
    """
    rules = labelers.active(session)
    chosen = settled(session, OverreadFilter(**vars(given), reader=tuple(reader)))
    return service.agreement(session, rules, chosen, hedged)


@router.get("/{reader:path}", response_model=Profile, responses=responses(404, 422))
def get_reader(
    reader: Annotated[Name, Path(examples=["cardiologist-1"])],
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    given: GivenEcgs,
    hedged: Hedges = HEDGED,
) -> dict[str, Any]:
    """Show how one reader reads: how often each label, beside the machine, the final reading and the other readers."""
    rules = labelers.active(session)
    return service.profile(session, rules, reader, settled(session, given), hedged=hedged)
