"""Patient numbers are never stored: only their keyed hash, so that one patient's ECGs stay together."""

from app.ecgs.patients.hasher import PatientHasher, PatientKeyError

__all__ = ["PatientHasher", "PatientKeyError"]
