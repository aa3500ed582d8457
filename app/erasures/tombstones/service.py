"""Whether an ECG was erased: by its waveform, its record or its patient."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.ecgs.patients import PatientHasher
from app.erasures.tombstones import queries
from app.kit.problems import Problem


class Erased(Problem):
    """An ECG that was erased is sent again."""

    def __init__(self) -> None:
        detail = "This waveform, record or patient was erased. An admin can lift the erasure."
        super().__init__(409, "erased", detail)


class Known(NamedTuple):
    """What an ECG is known by: its waveform's digest, its record, its patient's hash (both hashes hexadecimal)."""

    waveform_sha256: str | None
    record: str | None
    patient_hash: str | None


def hashes_of(hasher: PatientHasher, known: Known) -> list[bytes]:
    """Return the tombstones that an ECG would have."""
    return [hasher.tombstone(kind, value) for kind, value in known._asdict().items() if value is not None]


def is_erased(session: Session, hasher: PatientHasher, known: Known) -> bool:
    """Return whether an ECG was erased. It stays so while the session holds the list of vocabularies."""
    return bool(queries.standing(session, hashes_of(hasher, known)))


def erased_places(session: Session, hasher: PatientHasher, ecgs: Iterable[Known]) -> set[int]:
    """Return the places of those ECGs that were erased."""
    if not queries.any_stands(session):
        return set()
    places: dict[bytes, list[int]] = {}
    for place, known in enumerate(ecgs):
        for hashed in hashes_of(hasher, known):
            places.setdefault(hashed, []).append(place)
    return {place for hashed in queries.standing(session, list(places)) for place in places[hashed]}
