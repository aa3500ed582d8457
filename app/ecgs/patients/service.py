"""What protects the patient hash: always the same key, and no trying of numbers."""

from datetime import timedelta

from sqlalchemy.orm import Session

from app.ecgs.patients import queries
from app.ecgs.patients.hasher import PatientHasher, PatientKeyError
from app.kit.problems import Problem

WINDOW = timedelta(hours=1)
MOST_CONFLICTS = 100
"""Wrong patient numbers for stored ECGs that one user may send within the window."""


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
    """Answer 429 to whoever has sent too many wrong patient numbers for stored ECGs.

    The answer to an upload of a stored waveform says whether the number is that patient's. Each wrong one is in the
    audit log; this bounds how many can be tried.
    """
    if queries.conflicts_since(session, actor, WINDOW, MOST_CONFLICTS) >= MOST_CONFLICTS:
        raise Problem(
            429,
            "too_many_conflicts",
            f"{MOST_CONFLICTS} uploads within an hour named another patient than the one stored; try again later.",
            headers={"Retry-After": str(int(WINDOW.total_seconds()))},
        )
