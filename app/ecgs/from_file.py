"""What an uploaded file says besides its signal, where the form says nothing of it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.ecgs.patients import PatientHasher
from app.ecgs.schemas import EcgMetadata
from app.kit.problems import FieldError, field_errors, invalid_fields
from app.reports.schemas import ReportIn, report_of_source
from app.sites.service import localised
from ml.formats import Facts, Reading

_FACTS = ("patient_id", "order_id", "site", "location", "device", "device_software", "age", "sex", "measurements")


class Together(NamedTuple):
    """Metadata and readings of form and file together; `from_file` names what the file gave, in the form's words."""

    metadata: EcgMetadata
    readings: list[ReportIn]
    from_file: list[str]


def together(
    session: Session,
    hash_name: PatientHasher,
    *,
    facts: Facts,
    said: Sequence[Reading],
    metadata: EcgMetadata,
    readings: Sequence[ReportIn],
) -> Together:
    """Return what the form (`metadata`, `readings`) and its file (`facts`, `said`) say together.

    The form's fields win, and its report of a source replaces the file's. A fact that does not fit its field is left
    out: who sends the file cannot mend it. A reader's name becomes a pseudonym. No reading of a file is `final`, which
    is adjudication: somebody with a name here must answer for it. Raises the 422 of a report that cannot be stored.
    """
    filled = _fitting(facts, metadata)
    site = filled.get("site", metadata.site)
    if facts.recorded_at is not None and "recorded_at" not in metadata.model_fields_set:
        filled |= _valid("recorded_at", localised(session, site, facts.recorded_at))
    given = {reading.source for reading in readings}
    added = []
    for reading in said:
        if reading.source not in given:
            about = {"source": reading.source, "text": reading.text, **_about(session, hash_name, site, reading)}
            if (report := _checked(about, reading.source)) is not None:
                added.append(report)
    sources = dict.fromkeys(reading.source for reading in added)
    return Together(
        metadata=metadata.model_copy(update=filled),
        readings=[*readings, *added],
        from_file=[*filled, *(f"{source}_report" for source in sources)],
    )


def _fitting(facts: Facts, metadata: EcgMetadata) -> dict[str, Any]:
    """Return the fields that the file fills in, as the form's model has them. Measurements are filled in as a whole."""
    known: dict[str, Any] = {name: getattr(facts, name) for name in _FACTS}
    known["measurements"] = {name: value for name, value in asdict(facts.measurements).items() if value is not None}
    return {
        name: fitting
        for name, value in known.items()
        if value not in (None, {}) and name not in metadata.model_fields_set
        for fitting in _valid(name, value).values()
    }


def _valid(name: str, value: object) -> dict[str, Any]:
    """Return a field's value as the form's model has it; nothing where it does not fit."""
    try:
        return {name: getattr(EcgMetadata.model_validate({name: value}), name)}
    except ValidationError:
        return {}


def _about(session: Session, hash_name: PatientHasher, site: str | None, reading: Reading) -> dict[str, Any]:
    """Return everything of a report but its source and text."""
    known: dict[str, Any] = {"codes": [asdict(code) for code in reading.codes] or None}
    if reading.reader is not None:
        known["reader"] = hash_name.pseudonym("reader", reading.reader)
    if reading.authored_at is not None:
        known["authored_at"] = localised(session, site, reading.authored_at)
    if reading.source == "overread":
        known |= {"blinded": reading.blinded, "validated": reading.validated}
    return known


def _checked(said: dict[str, Any], source: str) -> ReportIn | None:
    try:
        return report_of_source(said)
    except ValidationError as error:
        wrong = field_errors(error.errors(), prefix=f"{source}_report")
        reasons = [FieldError(field="file", code=each.code, reason=f"its {each.field} {each.reason}") for each in wrong]
        raise invalid_fields(reasons, "unusable_ecg") from error
