"""What a study trains, checked before its job is written."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.kit.problems import FieldError, Problem, field_errors, invalid, invalid_fields
from app.models.schemas import Overrides
from app.studies.schemas import StudyIn
from ml.paradigms.registry import PARADIGMS
from ml.study.configuration import Config as StudyConfig
from ml.study.grid import nested
from ml.study.plan import Arm, arms
from ml.training.configuration import Config as TrainingConfig


def configurations(given: StudyIn) -> list[TrainingConfig]:
    """Return the training configuration of each arm of a study; a 422 that names every field that is wrong.

    A study may override what a training job may, and nothing else: no path of the server is among it.
    """
    if errors := [error for field, overrides in _overrides(given) for error in _refused(field, overrides)]:
        raise invalid_fields(errors)
    try:
        planned = arms(given.plan(), PARADIGMS)
    except ValueError as error:
        field = "grid" if str(error).startswith("grid: ") else "paradigms"
        raise invalid(field, str(error).removeprefix("grid: "), "unknown") from error
    if given.unlabelled is None and any(PARADIGMS[arm.options["paradigm"]].unlabelled for arm in planned):
        raise invalid("unlabelled", "self-training needs an unlabelled dataset", "missing")
    folders = {"dataset": Path("dataset"), "unlabelled": Path("unlabelled")}
    study = StudyConfig.model_validate({**given.plan().model_dump(), **folders})
    return [_configuration(arm, study) for arm in planned]


def _overrides(given: StudyIn) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "overrides", given.overrides
    for paradigm, overrides in given.paradigm_overrides.items():
        yield f"paradigm_overrides.{paradigm}", overrides
    for setting, values in given.grid.items():
        if setting not in ("preset", "label_source"):
            for value in values:
                yield "grid", nested({setting: value})


def _refused(field: str, overrides: Mapping[str, Any]) -> list[FieldError]:
    try:
        Overrides.model_validate(overrides)
    except ValidationError as error:
        return field_errors(error.errors(), field)
    return []


def _configuration(arm: Arm, study: StudyConfig) -> TrainingConfig:
    try:
        return TrainingConfig.model_validate(arm.config(study, study.seeds[0]))
    except ValidationError as error:
        raise _cannot_be_trained(arm, error) from error


def _cannot_be_trained(arm: Arm, error: ValidationError) -> Problem:
    found = []
    part = "grid" if arm.grid else "overrides"
    for each in field_errors(error.errors()):
        own = each.field in StudyIn.model_fields and each.field not in arm.grid
        field = each.field if own else ".".join(filter(None, (part, each.field)))
        found.append(FieldError(field=field, code=each.code, reason=f"{arm.title}: {each.reason}"))
    return invalid_fields(found)
