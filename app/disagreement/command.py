"""`overread disagreement`: the table in the terminal."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError, validate_call
from sqlalchemy.orm import Session

from app.disagreement import parameters, service
from app.disagreement.counting.cells import CellBook
from app.disagreement.service import Asked
from app.disagreement.sheets import as_csv as csv_of
from app.disagreement.sheets import as_text
from app.kit.problems import Problem, field_errors
from app.vocabularies.service import Labelers


class CannotBeAsked(Exception):
    """An option that makes no question; the message says which and why."""


def asked(
    recorded_from: str | None,
    recorded_to: str | None,
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
    """Understand the command's options as the API understands its parameters."""
    filters: dict[str, Any] = {
        "from": recorded_from,
        "to": recorded_to,
        "site": site,
        "device": device,
        "device_software": device_software,
        "reader": reader,
        "sex": sex,
        "age_min": age_min,
        "age_max": age_max,
    }
    counting: dict[str, Any] = {"hedged": hedged, "group_by": group_by or []}
    try:
        return validate_call(parameters.asked)(validate_call(parameters.chosen_pairs)(**filters), **counting)
    except ValidationError as error:
        first = field_errors(error.errors())[0]
    except Problem as problem:
        first = problem.errors[0]
    option = first.field.removeprefix("query.").partition(".")[0].replace("_", "-")
    raise CannotBeAsked(f"--{option}: {first.reason}")


def answer(session: Session, question: Asked, *, as_csv: bool) -> str:
    """Answer a question under the active vocabulary."""
    try:
        answered = service.disagreement(session, CellBook(), Labelers().active(session), question)
    except Problem as problem:
        raise CannotBeAsked(str(problem.detail)) from problem
    return csv_of(answered, question.group_by).rstrip("\r\n") if as_csv else as_text(answered)
