"""Which patients a model has seen, so that an evaluation does not measure it on them.

A bundle keeps a hash of each patient whose ECGs were in its training: those of the train and validation split, of the
unlabelled dataset, and of the bundle that the run started from. The hash is the first 8 bytes of SHA-256 of a random
salt and the patient's key in the dataset.

Why this tells nobody who the patients are: in a dataset of the service the key is itself a keyed hash of the patient
number (without a number, the hash of the waveform). Only somebody who already has a patient's key, or the very ECG, can
ask a bundle about that patient. Each run has a new salt, so two bundles cannot be joined by their patients. A dataset
made by hand should not have names or record numbers as keys: those could be guessed and tried.

8 bytes are enough: that a new patient of a million meets one of a million by chance has a probability of 5e-8.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ml.bundles.bundle import InvalidBundle, Manifest, read_file

FILE = "patients.json"
MAX_BYTES = 64_000_000  # six million patients
MAX_SETS = 100  # a run that starts from a run that starts from …

_SALT_BYTES = 16
_HASH = np.dtype(">u8")


class _Set(NamedTuple):
    salt: bytes
    hashes: NDArray[np.uint64]  # sorted


class _SetIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    salt: Annotated[str, Field(pattern=f"^[0-9a-f]{{{2 * _SALT_BYTES}}}$")]
    hashes: str  # big-endian, sorted, base64


class _FileIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    complete: bool
    sets: Annotated[list[_SetIn], Field(max_length=MAX_SETS)]


class SeenPatients:
    """The patients of a model's training, as hashes.

    Attributes
    ----------
    complete
        False if the run started from a bundle that does not say which patients it has seen.
    """

    def __init__(self, sets: Iterable[_Set], complete: bool) -> None:
        self._sets, self.complete = list(sets), complete

    @classmethod
    def of_run(cls, patients: Iterable[str], start: "SeenPatients | None" = None, started: bool = False) -> Self:
        """Hash the patients of a run. `start`: those of the bundle that it `started` from, None if unknown."""
        salt = secrets.token_bytes(_SALT_BYTES)
        sets = [_Set(salt, np.unique(_hashed(salt, set(patients)))), *(start._sets if start is not None else ())]
        complete = not started or (start is not None and start.complete)
        return cls(sets[:MAX_SETS], complete and len(sets) <= MAX_SETS)

    def __contains__(self, patient: str) -> bool:
        return bool(self.among(np.array([patient]))[0])

    def among(self, patients: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which of these patients the model has seen, (n,)."""
        distinct = {patient: index for index, patient in enumerate(dict.fromkeys(patients.tolist()))}
        seen = np.zeros(len(distinct), np.bool_)
        for each in self._sets:
            seen |= np.isin(_hashed(each.salt, distinct), each.hashes)
        return seen[np.array([distinct[patient] for patient in patients.tolist()], np.int64)]

    def to_bytes(self) -> bytes:
        """Return the content of a bundle's `patients.json`."""
        sets = [
            _SetIn(salt=each.salt.hex(), hashes=base64.b64encode(each.hashes.astype(_HASH).tobytes()).decode())
            for each in self._sets
        ]
        content = _FileIn(complete=self.complete, sets=sets).model_dump_json().encode()
        return content if len(content) <= MAX_BYTES else _FileIn(complete=False, sets=[]).model_dump_json().encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read a `patients.json`; `ValueError` if it is not one."""
        given = _FileIn.model_validate_json(content)
        sets = [_Set(bytes.fromhex(each.salt), _decoded(each.hashes)) for each in given.sets]
        return cls(sets, given.complete)


def read_seen(folder: Path, manifest: Manifest) -> SeenPatients | None:
    """Return the patients that a bundle's model has seen; None if the bundle, of an earlier release, does not say."""
    if FILE not in manifest.files:
        return None
    try:
        if (folder / FILE).stat().st_size > MAX_BYTES:
            raise InvalidBundle(f"{folder.name}: {FILE} is too large")
        return SeenPatients.from_bytes(read_file(folder, manifest, FILE))
    except (OSError, ValidationError, ValueError) as error:
        raise InvalidBundle(f"{folder.name}: {FILE}: {error}") from error


def without_seen(
    rows: NDArray[np.int64], patients: NDArray[Any], models: Mapping[str, SeenPatients | None]
) -> tuple[NDArray[np.int64], dict[str, Any]]:
    """Leave out the rows of patients that a model has seen.

    If the models have seen every patient (as on their own train split), all rows stay and the report says so.

    Parameters
    ----------
    rows, patients
        (n,): the rows to measure on, and the patient of each.
    models
        By name, what each model has seen; None where that is unknown.

    Returns
    -------
    The rows, and a report: `patients` of all rows, how many of them each model has seen (None if unknown), how many are
    `excluded`, and a `note` in words.
    """
    total = len(np.unique(patients))
    counts: dict[str, int | None] = {}
    seen = np.zeros(len(rows), np.bool_)
    for name, known in models.items():
        here = known.among(patients) if known is not None else np.zeros(len(rows), np.bool_)
        counts[name] = len(np.unique(patients[here])) if known is not None and known.complete else None
        seen |= here
    all_seen = bool(seen.all())
    excluded = 0 if all_seen else len(np.unique(patients[seen]))
    report = {"patients": total, **counts, "excluded": excluded, "note": _note(total, excluded, all_seen, counts)}
    return rows if all_seen else rows[~seen], report


def _note(total: int, excluded: int, all_seen: bool, counts: Mapping[str, int | None]) -> str:
    unknown = [name for name, count in counts.items() if count is None]
    if all_seen and total:
        words = f"All {total} patients were in training. The figures do not say how well it does on new patients."
    elif excluded:
        words = f"{excluded} of {total} patients were in training. They are left out of every figure."
    else:
        words = f"None of the {total} patients is known to have been in training."
    if unknown:
        words += f" Not known in full for: {', '.join(unknown)} (the bundle does not say which patients it has seen)."
    return words


def _hashed(salt: bytes, patients: Iterable[str]) -> NDArray[np.uint64]:
    digests = b"".join(hashlib.sha256(salt + patient.encode()).digest()[: _HASH.itemsize] for patient in patients)
    return np.frombuffer(digests, _HASH).astype(np.uint64)


def _decoded(text: str) -> NDArray[np.uint64]:
    content = base64.b64decode(text, validate=True)
    if len(content) % _HASH.itemsize:
        raise ValueError("the hashes are cut off")
    return np.frombuffer(content, _HASH).astype(np.uint64)
