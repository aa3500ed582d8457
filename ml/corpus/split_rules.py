"""How a dataset is divided into train, validation and test: the settings, the same for API, commands and library."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ml.formats.ecg_file import FOLDS

SharedPatients = Literal["refuse", "leave_out", "keep"]

FRACTIONS = (0.64, 0.16, 0.20)
"""Shares to train, choose and measure on: 80 % for development, of which 80 % to train (paper, section 4.1)."""

_Fold = Annotated[int, Field(ge=FOLDS[0], le=FOLDS[1])]
_Site = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Folds = Annotated[tuple[_Fold, ...], Field(min_length=1, max_length=100)]
_Sites = Annotated[tuple[_Site, ...], Field(min_length=1, max_length=100)]
_SHARED = (
    "What becomes of patients who would be in two splits: `refuse` (nothing is frozen, and they are counted), "
    "`leave_out` (they stay in test, else in validation, and their other ECGs are in no split), or `keep`. "
)


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ByPatient(_Rule):
    """By shares of the patients: all ECGs of a patient are in one split."""

    by: Literal["patient"] = "patient"


class ByRecord(_Rule):
    """By shares of the ECGs, as in the paper. A patient may be in two splits; how many are is counted."""

    by: Literal["record"] = "record"


class ByFold(_Rule):
    """By folds that the source gave (PTB-XL's `strat_fold`). An ECG without a fold is in no split."""

    by: Literal["fold"] = "fold"
    test: _Folds
    validation: Annotated[_Folds | None, Field(description="Absent: a share of the patients to train on.")] = None
    train: Annotated[_Folds | None, Field(description="Absent: all other folds.")] = None
    shared_patients: Annotated[SharedPatients, Field(description=f"{_SHARED}Given folds are taken as they are.")] = (
        "keep"
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        _check_each_once(self.train, self.validation, self.test)
        return self


class BySite(_Rule):
    """By sites: the model is measured where it was not trained. An ECG without a site is in no split."""

    by: Literal["site"] = "site"
    test: _Sites
    validation: Annotated[_Sites | None, Field(description="Absent: a share of the patients to train on.")] = None
    train: Annotated[_Sites | None, Field(description="Absent: all other sites.")] = None
    shared_patients: Annotated[SharedPatients, Field(description=_SHARED)] = "refuse"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        _check_each_once(self.train, self.validation, self.test)
        return self


class ByDate(_Rule):
    """By the time of recording: what comes later is measured on. An ECG without a time is in no split."""

    by: Literal["date"] = "date"
    test_from: AwareDatetime
    validation_from: Annotated[
        AwareDatetime | None, Field(description="Absent: a share of the patients to train on.")
    ] = None
    shared_patients: Annotated[SharedPatients, Field(description=_SHARED)] = "refuse"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.validation_from is not None and self.validation_from >= self.test_from:
            raise ValueError("validation_from: must be earlier than `test_from`")
        return self


SplitRule = Annotated[ByPatient | ByRecord | ByFold | BySite | ByDate, Field(discriminator="by")]


def _check_each_once(*parts: tuple[int | str, ...] | None) -> None:
    listed = [value for part in parts for value in part or ()]
    twice = [value for value in listed if listed.count(value) > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} is named twice")
