"""Query parameters that every question about disagreement understands."""

from typing import Annotated

from fastapi import Depends, Query

from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.selection import GroupBy, PairFilter
from app.disagreement.tally import Asked
from app.ecgs.filters import settled
from app.ecgs.parameters import Device, From, Simulated, Site, To
from app.ecgs.schemas import Sex
from app.kit.database import SessionDep
from app.kit.problems import invalid
from app.kit.state import from_app, made_by
from app.kit.text import Name
from ml.corpus.sources import HEDGED, Hedged

Age = Annotated[float | None, Query(ge=0, le=130, allow_inf_nan=False, description="Years, inclusive.")]
Hedges = Annotated[
    Hedged,
    Query(description="What an uncertain finding counts as; `ignore` leaves a pair out of the labels hedged in it."),
]
Groupings = Annotated[
    list[GroupBy],
    Query(description="One or two; repeat the parameter. `age` is by decades.", max_length=2, examples=[["site"]]),
]


def pair_filter(
    *,
    recorded_from: From = None,
    recorded_to: To = None,
    site: Site = None,
    device: Device = None,
    location: Annotated[Name | None, Query(description="The care unit.", examples=["emergency"])] = None,
    device_software: Annotated[Name | None, Query(examples=["12SL v23"])] = None,
    reader: Annotated[Name | None, Query(description="Whose over-read it is.", examples=["reader-7"])] = None,
    sex: Sex | None = None,
    age_min: Age = None,
    age_max: Age = None,
    simulated: Simulated = None,
) -> PairFilter:
    """Return the filters of a question as they were given."""
    return PairFilter(
        recorded_from=recorded_from,
        recorded_to=recorded_to,
        site=site,
        device=device,
        location=location,
        device_software=device_software,
        reader=reader,
        sex=sex,
        age_min=age_min,
        age_max=age_max,
        simulated=simulated,
    )


def chosen_pairs(session: SessionDep, given: Annotated[PairFilter, made_by(pair_filter)]) -> PairFilter:
    """Return the filters of a question, checked against the archive."""
    return settled(session, given)


ChosenPairs = Annotated[PairFilter, Depends(chosen_pairs)]


def asked(chosen: ChosenPairs, hedged: Hedges = HEDGED, group_by: Groupings = []) -> Asked:  # noqa: B006
    """Read a question about counts."""
    if len(set(group_by)) < len(group_by):
        raise invalid("query.group_by", "names the same grouping twice")
    return Asked(chosen, hedged, tuple(group_by))


AskedDep = Annotated[Asked, made_by(asked)]
CellBookDep = Annotated[CellBook, from_app("cells")]
