"""Agreement between readers over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from app.auth.access import ViewerUser
from app.disagreement.parameters import From, Hedges, Site, To
from app.kit.database import SessionDep
from app.kit.problems import responses
from app.kit.text import Name
from app.readers import service
from app.readers.queries import EcgFilter
from app.readers.schemas import Agreement, Profile
from app.vocabularies.service import LabelersDep

router = APIRouter(prefix="/v1/readers", tags=["readers"])


def chosen_ecgs(
    recorded_from: From = None,
    recorded_to: To = None,
    site: Site = None,
) -> EcgFilter:
    """Read which ECGs are asked for."""
    return EcgFilter(recorded_from, recorded_to, site)


ChosenEcgs = Annotated[EcgFilter, Depends(chosen_ecgs)]
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
    chosen: ChosenEcgs,
    reader: Readers = [],  # noqa: B006
    hedged: Hedges = "positive",
) -> dict[str, Any]:
    """Show how far readers of the same ECGs agree: Cohen's kappa of every two, Fleiss' of all, by label.

    Current over-reads with a reader count, final ones too. Two readers are compared on the ECGs both read.
    """
    rules = labelers.active(session)
    return service.agreement(session, rules, chosen, reader, hedged)


@router.get("/{reader:path}", response_model=Profile, responses=responses(404, 422))
def get_reader(
    reader: Annotated[Name, Path(examples=["cardiologist-1"])],
    labelers: LabelersDep,
    session: SessionDep,
    user: ViewerUser,
    chosen: ChosenEcgs,
    hedged: Hedges = "positive",
) -> dict[str, Any]:
    """Show how one reader reads: how often each label, beside the machine, the final reading and the other readers."""
    rules = labelers.active(session)
    return service.profile(session, rules, reader, chosen, hedged)
