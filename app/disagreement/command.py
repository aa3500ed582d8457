"""`overread disagreement`: the table in the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from pydantic import ValidationError, validate_call
from sqlalchemy.orm import Session

from app.disagreement import parameters, service
from app.disagreement.counting.cells import CellBook
from app.disagreement.sheets import as_text, table_csv
from app.disagreement.tally import Asked
from app.ecgs.filters import settled
from app.kit.problems import FieldError, Problem, field_errors
from app.vocabularies.service import Labelers


class CannotBeAsked(Exception):
    """An option that makes no question; the message names the option and the reason."""


def asked(filters: Mapping[str, Any], hedged: str, group_by: Sequence[str]) -> Asked:
    """Return the question of the command's options, read as the API reads the parameters of the same names."""
    counting: dict[str, Any] = {"hedged": hedged, "group_by": list(group_by)}
    try:
        return validate_call(parameters.asked)(validate_call(parameters.pair_filter)(**filters), **counting)
    except ValidationError as error:
        _refuse(field_errors(error.errors())[0], error)
    except Problem as problem:
        _refuse(problem.errors[0], problem)


def answer(session: Session, question: Asked, *, as_csv: bool) -> str:
    """Return the answer to a question under the active vocabulary, as CSV or for people."""
    try:
        question = replace(question, chosen=settled(session, question.chosen))
        answered = service.disagreement(session, CellBook(), Labelers().active(session), question)
    except Problem as problem:
        _refuse(problem.errors[0], problem)
    return table_csv(answered, question.group_by).rstrip("\r\n") if as_csv else as_text(answered)


def _refuse(wrong: FieldError, error: Exception) -> NoReturn:
    option = wrong.field.removeprefix("query.").partition(".")[0].replace("_", "-")
    raise CannotBeAsked(f"--{option}: {wrong.reason}") from error
