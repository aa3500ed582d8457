"""`overread disagreement`: the table in the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from pydantic import ValidationError, validate_call
from sqlalchemy.orm import Session

from app.disagreement import parameters, service
from app.disagreement.attributes import FILTERS
from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.selection import with_off_hours
from app.disagreement.off_hours import OffHours
from app.disagreement.sheets import as_text, table_csv
from app.disagreement.tally import Asked
from app.ecgs.filters import settled
from app.kit.problems import FieldError, Problem, field_errors
from app.settings import Settings
from app.vocabularies.service import Labelers


class CannotBeAsked(Exception):
    """An option that makes no question; the message names the option and the reason."""


def asked(
    filters: Mapping[str, Any], where: Sequence[str], hedged: str, group_by: Sequence[str], *, settings: Settings
) -> Asked:
    """Return the question of the command's options, read as the API reads the parameters of the same names.

    `where` has further parameters, each as `name=value`.
    """
    counting: dict[str, Any] = {"hedged": hedged, "group_by": list(group_by)}
    try:
        chosen = validate_call(parameters.pair_filter)(**{**filters, **_named(where)})
        return validate_call(parameters.asked)(with_off_hours(chosen, OffHours.of(settings)), **counting)
    except ValidationError as error:
        _refuse(field_errors(error.errors())[0], error)
    except Problem as problem:
        _refuse(problem.errors[0], problem)


def _named(where: Sequence[str]) -> dict[str, str]:
    """Return parameters by name; `from` and `to` have options of their own."""
    given = {}
    for each in where:
        name, equals, value = each.partition("=")
        if not equals or name not in FILTERS or FILTERS[name][1].alias:
            known = ", ".join(sorted(name for name, (_, asked) in FILTERS.items() if not asked.alias))
            raise CannotBeAsked(f"--where: is not name=value with one of {known}")
        given[name] = value
    return given


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
