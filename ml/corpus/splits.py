"""The split of each row: by patient, by record, by folds that the source gave, by site, or by date."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.corpus.split_rules import FRACTIONS, ByDate, ByFold, ByPatient, ByRecord, BySite, SplitRule

SPLITS = ("train", "validation", "test")
LEFT_OUT = "left_out"
"""The split of rows that are in none of `SPLITS`."""

_WIDTH = f"<U{max(map(len, (*SPLITS, LEFT_OUT)))}"
_Splits = NDArray[np.str_]


class CannotSplit(ValueError):
    """The rows cannot be divided as asked. `field` is the setting that is to blame, such as `test`."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"split.{field}: {reason}")
        self.field, self.reason = field, reason


class Assigned(NamedTuple):
    """The split of each row, (rows,).

    Attributes
    ----------
    shared_patients
        Patients who are in two splits, or would be if their ECGs had not been left out.
    left_out
        ECGs in no split, by reason: `no_fold`, `no_site`, `no_date`, `other_fold`, `other_site`, `shared_patient`.
    """

    split: _Splits
    shared_patients: int
    left_out: dict[str, int]


def assign(
    rule: SplitRule, columns: Mapping[str, Sequence[Any]], seed: int, fractions: tuple[float, float, float] = FRACTIONS
) -> Assigned:
    """Return the split of each row. It does not depend on the order of the rows.

    Parameters
    ----------
    columns
        `ecg_id` and `patient` of each row; for a split by `fold`, `site` or date also that (`recorded_at`), None where
        it is unknown.
    fractions
        Shares for train, validation and test. Where a rule names the ECGs of a split, its share has no meaning.

    Raises
    ------
    CannotSplit
        For a fold or site that no row has, a date that leaves a split empty, and patients in two splits where the rule
        refuses them.
    """
    if isinstance(rule, ByPatient | ByRecord):
        keys = columns["patient" if isinstance(rule, ByPatient) else "ecg_id"]
        split = split_by_patient(keys, seed, fractions)
        return Assigned(split, len(_shared(split, columns["patient"])), {})
    split, reasons = _by_date(rule, columns["recorded_at"]) if isinstance(rule, ByDate) else _by_name(rule, columns)
    if _part(rule, "validation") is None:
        learned = np.flatnonzero(split == "train")
        patients = [columns["patient"][row] for row in learned.tolist()]
        if not fractions[1]:
            raise CannotSplit(_field(rule, "validation"), "the validation split would be empty: its share is 0")
        share = fractions[1] / (fractions[0] + fractions[1])
        split[learned] = split_by_patient(patients, seed, (1 - share, share, 0.0))
    _check_none_empty(rule, split)
    shared = _shared(split, columns["patient"])
    if shared and rule.shared_patients == "refuse":
        raise CannotSplit(
            "shared_patients",
            f"{len(shared)} patients would be in two splits; `leave_out` keeps them in the later one alone",
        )
    if shared and rule.shared_patients == "leave_out":
        _leave_out(split, reasons, columns["patient"], shared)
        _check_none_empty(rule, split)
    return Assigned(split, len(shared), _count(reasons, columns["ecg_id"]))


def split_by_patient(
    patients: Sequence[str], seed: int, fractions: tuple[float, float, float] = FRACTIONS
) -> NDArray[np.str_]:
    """Return each row's split. All rows of a patient are in the same split.

    Patients are sorted by a seeded hash and divided by cumulative share. So the split depends on seed and patients
    only, not on the order of the rows, and the shares of patients are exact. If there are enough patients, no split
    with a share above zero is empty. With record numbers instead of patients this is the paper's split.

    Parameters
    ----------
    patients
        One key a row.
    fractions
        Shares of the patients for train, validation and test; they add up to 1.

    Returns
    -------
    (rows,) of "train", "validation" or "test".
    """
    if min(fractions) < 0 or not math.isclose(sum(fractions), 1, abs_tol=1e-6):
        raise ValueError(f"the fractions of a split add up to 1 and none is negative: {fractions}")
    distinct = sorted(set(patients), key=lambda patient: hashlib.sha256(f"{seed}:{patient}".encode()).digest())
    side: dict[str, str] = {}
    for name, size in zip(SPLITS, _sizes(len(distinct), fractions), strict=True):
        side.update(dict.fromkeys(distinct[len(side) : len(side) + size], name))
    return np.array([side[patient] for patient in patients], dtype=_WIDTH)


def _sizes(patients: int, fractions: tuple[float, float, float]) -> list[int]:
    """Divide by cumulative share, then move patients from the largest split to splits that rounding left empty."""
    ends = [round(patients * sum(fractions[: k + 1])) for k in range(len(fractions))]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    for k, fraction in enumerate(fractions):
        largest = max(range(len(sizes)), key=sizes.__getitem__)
        if fraction > 0 and sizes[k] == 0 and sizes[largest] > 1:
            sizes[largest] -= 1
            sizes[k] += 1
    return sizes


def _by_name(rule: ByFold | BySite, columns: Mapping[str, Sequence[Any]]) -> tuple[_Splits, list[str | None]]:
    values = columns[rule.by]
    there = {value for value in values if value is not None}
    if not there:
        raise CannotSplit("by", f"no ECG has a {rule.by}")
    side: dict[Any, str] = {}
    for part in SPLITS:
        named = _part(rule, part) or ()
        if foreign := [value for value in named if value not in there]:
            some = ", ".join(str(value) for value in sorted(there)[:20])
            raise CannotSplit(part, f"no ECG has {rule.by} {foreign[0]}; there are {some}")
        side.update(dict.fromkeys(named, part))
    others = LEFT_OUT if rule.train is not None else "train"

    def reason(value: Any) -> str | None:
        if value is None:
            return f"no_{rule.by}"
        return f"other_{rule.by}" if side.get(value, others) == LEFT_OUT else None

    return _splits(values, lambda value: side.get(value, others)), [reason(value) for value in values]


def _by_date(rule: ByDate, times: Sequence[datetime | None]) -> tuple[_Splits, list[str | None]]:
    def side(time: datetime) -> str:
        if time >= rule.test_from:
            return "test"
        return "validation" if rule.validation_from is not None and time >= rule.validation_from else "train"

    return _splits(times, side), ["no_date" if time is None else None for time in times]


def _splits(values: Sequence[Any], side: Callable[[Any], str]) -> _Splits:
    """Return the split of each row; one whose value is unknown is left out."""
    return np.array([LEFT_OUT if value is None else side(value) for value in values], dtype=_WIDTH)


def _part(rule: ByFold | BySite | ByDate, split: str) -> Any:
    """Return what a rule says of a split, None: nothing."""
    return getattr(rule, f"{split}_from" if isinstance(rule, ByDate) else split, None)


def _check_none_empty(rule: ByFold | BySite | ByDate, split: _Splits) -> None:
    for name in ("test", "validation", "train"):
        if not (split == name).any():
            field = _field(rule, name)
            raise CannotSplit(field, f"the {name} split would be empty")


def _field(rule: ByFold | BySite | ByDate, split: str) -> str:
    """Return the setting that decides which rows a split has."""
    if not isinstance(rule, ByDate):
        return split
    if split == "test" or rule.validation_from is None:
        return "test_from"
    return "validation_from"


def _shared(split: _Splits, patients: Sequence[str]) -> set[str]:
    """Return the patients who are in two splits."""
    seen: dict[str, str] = {}
    used = zip(split.tolist(), patients, strict=True)
    return {patient for name, patient in used if name != LEFT_OUT and seen.setdefault(patient, name) != name}


def _leave_out(split: _Splits, reasons: list[str | None], patients: Sequence[str], shared: set[str]) -> None:
    """Leave out the rows of patients in two splits, but those of the last of their splits."""
    last: dict[str, int] = {}
    for name, patient in zip(split.tolist(), patients, strict=True):
        if patient in shared and name != LEFT_OUT:
            last[patient] = max(last.get(patient, 0), SPLITS.index(name))
    for row, patient in enumerate(patients):
        if patient in shared and split[row] not in (LEFT_OUT, SPLITS[last[patient]]):
            split[row], reasons[row] = LEFT_OUT, "shared_patient"


def _count(reasons: Sequence[str | None], ecg_ids: Sequence[str]) -> dict[str, int]:
    """Count the ECGs of each reason."""
    left = {(reason, ecg_id) for reason, ecg_id in zip(reasons, ecg_ids, strict=True) if reason is not None}
    counted: dict[str, int] = {}
    for reason, _ in sorted(left):
        counted[reason] = counted.get(reason, 0) + 1
    return counted
