"""The keyed hash of patient numbers, and the file that keeps its key."""

import hashlib
import hmac
import os
import secrets
import stat
import unicodedata
from functools import cached_property
from pathlib import Path

from app.kit.explained import Explained
from app.settings import Settings

SHORTEST_KEY = 32
"""Bytes; as for `OVERREAD_PATIENT_KEY`."""
_FINGERPRINTED = b"overread: fingerprint of the patient key\n"  # ends in a blank, as no number that is hashed does


class PatientKeyError(Explained):
    """The key of the patient hash cannot be used; the message says why and what to do."""


class PatientHasher:
    """Keyed hash (HMAC-SHA-256) of patient numbers, of orders, and of readers' names.

    Without the key the hash of a number cannot be computed, so the table alone does not give numbers away. The key is
    read, and made where there is none, when it is first needed.
    """

    def __init__(self, settings: Settings) -> None:
        self._given = settings.patient_key
        self.file = settings.data_dir / "patient.key"

    def __call__(self, patient_id: str) -> bytes:
        """Return the hash of one number; blanks around it and the way an accent is encoded do not matter."""
        number = unicodedata.normalize("NFC", patient_id.strip())
        return hmac.digest(self._key, number.encode(), hashlib.sha256)

    def order(self, order_id: str) -> bytes:
        """Return the hash of an order's number: another one than a patient's of the same digits."""
        return self._named("order", order_id.strip())

    def pseudonym(self, kind: str, name: str) -> str:
        """Return what stands for a name, such as `reader-6ee0c1b2a3d4f596`; case and runs of blanks do not matter."""
        return f"{kind}-{self._named(kind, ' '.join(name.casefold().split())).hex()[:16]}"

    def place(self, path: str) -> bytes:
        """Return the hash of a path, whose folders and names may be patients'."""
        return hmac.digest(self._key, b"place: " + os.fsencode(path) + b"\n", hashlib.sha256)

    def tombstone(self, kind: str, value: str) -> bytes:
        """Return the hash that keeps something from being stored again; `kind` says what `value` is."""
        return hmac.digest(self._key, f"erased {kind}: {value}\n".encode(), hashlib.sha256)

    def _named(self, kind: str, value: str) -> bytes:
        named = unicodedata.normalize("NFC", f"{kind}: {value}")
        return hmac.digest(self._key, f"{named}\n".encode(), hashlib.sha256)  # no number that is hashed ends in a blank

    def derived(self, purpose: str) -> bytes:
        """Return a key for another purpose, which every process of the service can derive; 32 bytes."""
        return hmac.digest(self._key, f"key for: {purpose}\n".encode(), hashlib.sha256)

    @property
    def has_key(self) -> bool:
        """Whether there is a key already."""
        return self._given is not None or self.file.exists()

    @property
    def fingerprint(self) -> bytes:
        """A hash that tells this key from others and gives nothing of it away."""
        return hmac.digest(self._key, _FINGERPRINTED, hashlib.sha256)

    @cached_property
    def _key(self) -> bytes:
        if self._given is not None:
            return self._given.get_secret_value().encode()
        if not self.file.exists():
            _make(self.file)
        return _read(self.file)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        key = file.read()
    if mode & 0o077:
        raise PatientKeyError(f"{path} is open to other accounts (mode {mode:04o}): run chmod 600 on it")
    if len(key) < SHORTEST_KEY:
        raise PatientKeyError(
            f"{path} holds {len(key)} bytes, and a key has at least {SHORTEST_KEY}: restore it from a backup"
        )
    return key


def _make(path: Path) -> None:
    """Make a key file; of two processes that make it at once one wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
