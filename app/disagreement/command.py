"""`overread disagreement`: the table in the terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast, get_args

from sqlalchemy.orm import Session

from app.disagreement import service
from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.selection import GROUPINGS, SEXES, GroupBy, PairFilter
from app.disagreement.outcomes import Hedged
from app.disagreement.service import Asked
from app.disagreement.sheets import as_csv as csv_of
from app.disagreement.sheets import as_text
from app.kit.problems import Problem
from app.vocabularies.service import Labelers


class CannotBeAsked(Exception):
    """An option that makes no question; the message says which and why."""


def asked(
    recorded_from: datetime | None,
    recorded_to: datetime | None,
    site: str | None,
    device: str | None,
    device_software: str | None,
    reader: str | None,
    sex: str | None,
    age_min: float | None,
    age_max: float | None,
    hedged: str,
    group_by: Sequence[str] | None,
) -> Asked:
    """Understand the command's options."""
    group_by = group_by or []
    if hedged not in get_args(Hedged):
        raise CannotBeAsked(f"--hedged: {hedged!r} is none of {', '.join(get_args(Hedged))}")
    if sex is not None and sex not in SEXES:
        raise CannotBeAsked(f"--sex: {sex!r} is none of {', '.join(SEXES)}")
    if unknown := [name for name in group_by if name not in GROUPINGS]:
        raise CannotBeAsked(f"--group-by: {unknown[0]!r} is none of {', '.join(GROUPINGS)}")
    if len(group_by) > 2 or len(set(group_by)) < len(group_by):
        raise CannotBeAsked("--group-by: at most two, and not the same twice")
    start, end = (at.replace(tzinfo=UTC) if at is not None else None for at in (recorded_from, recorded_to))
    chosen = PairFilter(start, end, site, device, device_software, reader, sex, age_min, age_max)
    return Asked(chosen, cast("Hedged", hedged), cast("tuple[GroupBy, ...]", tuple(group_by)))


def answer(session: Session, question: Asked, *, as_csv: bool) -> str:
    """Answer a question under the active vocabulary."""
    try:
        answered = service.disagreement(session, CellBook(), Labelers().active(session), question)
    except Problem as problem:
        raise CannotBeAsked(str(problem.detail)) from problem
    return csv_of(answered, question.group_by).rstrip("\r\n") if as_csv else as_text(answered)
