"""Agreement between readers over HTTP."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from app.auth.access import Viewer
from app.disagreement.parameters import Hedges, chosen_pairs
from app.kit.database import SessionDep
from app.kit.problems import responses
from app.kit.text import Name
from app.readers import service
from app.readers.queries import EcgFilter
from app.readers.schemas import Agreement, Profile

router = APIRouter(prefix="/v1/readers", tags=["readers"])


def chosen_ecgs(
    recorded_from: Annotated[
        datetime | None, Query(alias="from", description="Recorded at or after; UTC without an offset.")
    ] = None,
    recorded_to: Annotated[datetime | None, Query(alias="to", description="Recorded before.")] = None,
    site: Name | None = None,
) -> EcgFilter:
    """Read which ECGs are asked for."""
    chosen = chosen_pairs(recorded_from, recorded_to)
    return EcgFilter(chosen.recorded_from, chosen.recorded_to, site)


ChosenEcgs = Annotated[EcgFilter, Depends(chosen_ecgs)]
Readers = Annotated[list[Name], Query(max_length=service.MAX_READERS, description="Only these; repeat the parameter.")]


@router.get("/agreement", response_model=Agreement, responses=responses(422))
def get_agreement(
    request: Request,
    session: SessionDep,
    user: Viewer,
    chosen: ChosenEcgs,
    reader: Readers = [],  # noqa: B006
    hedged: Hedges = "positive",
) -> dict[str, Any]:
    """Show how far readers of the same ECGs agree: Cohen's kappa of every two, Fleiss' of all, by label.

    Current over-reads with a reader count, final ones too. Two readers are compared on the ECGs both read.
    """
    rules = request.app.state.labelers.active(session)
    return service.agreement(session, rules, chosen, reader, hedged)


@router.get("/{reader:path}", response_model=Profile, responses=responses(404, 422))
def get_reader(
    reader: Name,
    request: Request,
    session: SessionDep,
    user: Viewer,
    chosen: ChosenEcgs,
    hedged: Hedges = "positive",
) -> dict[str, Any]:
    """Show how one reader reads: how often each label, beside the machine, the final reading and the other readers."""
    rules = request.app.state.labelers.active(session)
    return service.profile(session, rules, reader, chosen, hedged)
