"""Query parameters that every question about disagreement understands."""

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Annotated, Any, get_args

from fastapi import Depends, Query

from app.disagreement.attributes import FILTERS
from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.selection import GroupBy, PairFilter, with_off_hours
from app.disagreement.off_hours import OffHours
from app.disagreement.tally import Asked
from app.ecgs.filters import settled
from app.kit.database import SessionDep
from app.kit.problems import invalid
from app.kit.state import SettingsDep, from_app, made_by
from ml.corpus.sources import HEDGED, Hedged

Hedges = Annotated[
    Hedged,
    Query(description="What an uncertain finding counts as; `ignore` leaves a pair out of the labels hedged in it."),
]
Groupings = Annotated[
    list[GroupBy],
    Query(
        description="One or two; repeat the parameter. `age` is by decades, measurements by bands.",
        max_length=2,
        examples=[["site"]],
    ),
]


def pair_filter(**given: Any) -> PairFilter:
    """Return the filters of a question as they were given. Its parameters are those of `FILTERS`."""
    return PairFilter(**given)


_TYPES = {name: asked.type for name, (_, asked) in FILTERS.items()}
pair_filter.__annotations__ = {**_TYPES, "return": PairFilter}
pair_filter.__signature__ = Signature(  # type: ignore[attr-defined]
    [Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=type_) for name, type_ in _TYPES.items()]
)


def chosen_pairs(
    session: SessionDep, settings: SettingsDep, given: Annotated[PairFilter, made_by(pair_filter)]
) -> PairFilter:
    """Return the filters of a question, checked against the archive."""
    return settled(session, with_off_hours(given, OffHours.of(settings)))


def _beginning_with(prefix: str) -> Callable[..., PairFilter]:
    """Return the filters of one of several choices of pairs: those of `FILTERS`, their names after a prefix."""

    def prefixed(**given: Any) -> PairFilter:
        return PairFilter(**given)

    parameters = []
    for name, (_, one) in FILTERS.items():
        kind, query = get_args(one.type)[0], get_args(one.type)[-1]
        about = {"description": query.description, "examples": query.examples}
        named = Query(alias=f"{prefix}{one.alias or name}", **about)
        annotation = Annotated[kind, *query.metadata, named]  # type: ignore[valid-type]
        parameters.append(Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    prefixed.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return prefixed


def compared_pairs(
    session: SessionDep,
    settings: SettingsDep,
    a: Annotated[PairFilter, made_by(_beginning_with("a."))],
    b: Annotated[PairFilter, made_by(_beginning_with("b."))],
) -> tuple[PairFilter, PairFilter]:
    """Return the filters of two choices of pairs, checked against the archive."""
    off_hours = OffHours.of(settings)
    return (
        settled(session, with_off_hours(a, off_hours), "query.a."),
        settled(session, with_off_hours(b, off_hours), "query.b."),
    )


ComparedPairs = Annotated[tuple[PairFilter, PairFilter], Depends(compared_pairs)]
ChosenPairs = Annotated[PairFilter, Depends(chosen_pairs)]


def asked(chosen: ChosenPairs, hedged: Hedges = HEDGED, group_by: Groupings = []) -> Asked:  # noqa: B006
    """Read a question about counts."""
    if len(set(group_by)) < len(group_by):
        raise invalid("query.group_by", "names the same grouping twice")
    return Asked(chosen, hedged, tuple(group_by))


AskedDep = Annotated[Asked, made_by(asked)]
CellBookDep = Annotated[CellBook, from_app("cells")]
