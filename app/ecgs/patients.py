"""Patient numbers are never stored: only their keyed hash, so that one patient's ECGs stay together."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from app.settings import Settings


class PatientHasher:
    """Keyed hash (HMAC-SHA-256) of patient numbers.

    Without the key the hash of a number cannot be computed, so the table alone does not give numbers away.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.patient_key is not None:
            self._key = settings.patient_key.get_secret_value().encode()
        else:
            self._key = _key_file(settings.data_dir / "patient.key")

    def __call__(self, patient_id: str) -> bytes:
        """Hash one number (surrounding blanks do not matter)."""
        return hmac.digest(self._key, patient_id.strip().encode(), hashlib.sha256)


def _key_file(path: Path) -> bytes:
    """Read the key, making it the first time; of two processes that make it at once one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        temporary = path.with_name(f".patient.key.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_bytes()
