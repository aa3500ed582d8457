"""What protects the patient hash: always the same key, and no trying of numbers."""

import uuid
from datetime import timedelta

from sqlalchemy.orm import Session

from app.ecgs.patients import queries
from app.ecgs.patients.hasher import PatientHasher, PatientKeyError
from app.kit import audit
from app.kit.problems import Problem

WINDOW = timedelta(hours=1)
MOST_MISSES = 100
"""Wrong patient numbers that one user may send within the window."""


def check_key(session: Session, hasher: PatientHasher, *, may_make: bool) -> None:
    """Raise `PatientKeyError` unless the key is the one that stored hashes were made with.

    The first key is made and registered where `may_make` is set, else it is refused that there is none.
    """
    registered = queries.fingerprint(session)
    where = f"{hasher.file}, or OVERREAD_PATIENT_KEY"
    if not hasher.has_key and registered is not None:
        raise PatientKeyError(
            f"the patient key is gone: {hasher.file}. Restore it from a backup (or set OVERREAD_PATIENT_KEY): with "
            "another key the ECGs of one patient would no longer be known as one patient's"
        )
    if not hasher.has_key and not may_make:
        raise PatientKeyError(f"there is no patient key ({where}): `overread serve` or `overread migrate` makes it")
    if registered is None:
        queries.register(session, hasher.fingerprint)
        registered = queries.fingerprint(session)
    if registered != hasher.fingerprint:
        raise PatientKeyError(
            f"the patient key ({where}) is not the one that the stored patient hashes were made with: restore that one"
        )


def check_not_guessing(session: Session, actor: str) -> None:
    """Raise a 429 for somebody who has sent too many wrong patient numbers.

    An upload of a stored waveform, and a search, tell whether a number is the patient's. Beyond the bound neither a
    wrong number nor the right one is answered.
    """
    if queries.misses_since(session, actor, WINDOW, MOST_MISSES) >= MOST_MISSES:
        raise Problem(
            429,
            "too_many_misses",
            f"{MOST_MISSES} patient numbers within an hour were not the right ones; try again later.",
            headers={"Retry-After": str(int(WINDOW.total_seconds()))},
        )


def record_miss(session: Session, actor: str, given: bytes, *, ecg_id: uuid.UUID | None = None) -> None:
    """Write into the audit log that a patient number was not that of a stored ECG, or of none."""
    audit.record(session, actor, audit.MISS, "patient", resource_id=given.hex(), after={"ecg_id": ecg_id})
