"""What every choice of ECGs has in common, in routes, jobs and commands.

Real and simulated ECGs never stand in one answer. A filter that can match nothing is refused by its field: an empty
answer would look like an archive without such ECGs.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, TypeVar

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
    NAMES: ClassVar[tuple[str, ...]] = ("site", "device")  # filters on names that some ECG has to have


Chosen = TypeVar("Chosen", bound=EcgFilter)


def settled(session: Session, chosen: Chosen, prefix: str = "query.") -> Chosen:
    """Return the filters of a question with `simulated` decided; raise a 422 where they can match nothing."""
    simulated = wants_simulated(session, chosen.simulated)
    check(session, chosen, simulated=simulated, prefix=prefix)
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
    for name, least in vars(chosen).items():
        most = getattr(chosen, f"{name.removesuffix('_min')}_max", None) if name.endswith("_min") else None
        if least is not None and most is not None and least > most:
            reason = f"must not be greater than `{name.removesuffix('_min')}_max`"
            errors.append(FieldError(field=f"{prefix}{name}", code="empty_range", reason=reason))
    kind = "simulated" if simulated else "real"
    for name in getattr(chosen, "NAMES", EcgFilter.NAMES):
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
