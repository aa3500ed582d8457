"""What every choice of ECGs has in common, in routes, jobs and commands.

Real and simulated ECGs never stand in one answer. A filter that can match nothing is refused by its field: an empty
answer would look like an archive without such ECGs.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from app.ecgs import queries
from app.kit.problems import FieldError, invalid_fields


@dataclass(frozen=True, kw_only=True)
class EcgFilter:
    """Which ECGs count. `recorded_from` is inclusive, `recorded_to` exclusive.

    `simulated`: which of the two kinds; None, in a question that is not settled: real ones where there are any.
    """

    recorded_from: datetime | None = None
    recorded_to: datetime | None = None
    site: str | None = None
    device: str | None = None
    simulated: bool | None = None


Chosen = TypeVar("Chosen", bound=EcgFilter)


def settled(session: Session, chosen: Chosen) -> Chosen:
    """Return the filters of a question with `simulated` decided; raise a 422 where they can match nothing."""
    simulated = wants_simulated(session, chosen.simulated)
    check(session, chosen, simulated=simulated, prefix="query.")
    return replace(chosen, simulated=simulated)


def wants_simulated(session: Session, asked: bool | None) -> bool:
    """Return whether simulated ECGs are meant: as asked, by default only where the archive holds no real ECG."""
    return queries.holds_only_simulated(session) if asked is None else asked


def check(session: Session, chosen: object, *, simulated: bool, prefix: str) -> None:
    """Raise a 422 that names every filter of `chosen` that can match nothing: an empty range, a name nobody has."""
    errors = []
    start, end = getattr(chosen, "recorded_from", None), getattr(chosen, "recorded_to", None)
    if start is not None and end is not None and start >= end:
        errors.append(FieldError(field=f"{prefix}from", code="empty_range", reason="must be earlier than `to`"))
    youngest, oldest = getattr(chosen, "age_min", None), getattr(chosen, "age_max", None)
    if youngest is not None and oldest is not None and youngest > oldest:
        reason = "must not be greater than `age_max`"
        errors.append(FieldError(field=f"{prefix}age_min", code="empty_range", reason=reason))
    kind = "simulated" if simulated else "real"
    for name in ("site", "location", "device", "device_software"):
        value = getattr(chosen, name, None)
        if value is not None and not queries.holds_name(session, name, value, simulated=simulated):
            reason = f"no {kind} ECG has it; names are compared letter by letter"
            errors.append(FieldError(field=f"{prefix}{name}", code="unknown", reason=reason))
    reader = getattr(chosen, "reader", None)
    for value in (reader,) if isinstance(reader, str) else reader or ():
        if not queries.has_overread_by(session, value):
            reason = "no over-read is by this reader; names are compared letter by letter"
            errors.append(FieldError(field=f"{prefix}reader", code="unknown", reason=reason))
    if errors:
        raise invalid_fields(errors)
