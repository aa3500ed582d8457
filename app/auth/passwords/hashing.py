"""Passwords as Argon2id hashes. To hash costs memory and time on purpose, so it is done by few at once."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from starlette.concurrency import run_in_threadpool

from app.auth.passwords.rules import LONGEST, normal
from app.kit.admission import Admission
from app.kit.state import from_app

AT_ONCE = 2
"""Hashes that are computed at once; each takes 64 MiB."""
LONGEST_QUEUE = 50
PATIENCE_S = 10.0

Result = TypeVar("Result")


class Passwords:
    """Hashes passwords and checks them (RFC 9106, second recommended parameters: 64 MiB, 3 passes, 4 lanes)."""

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        cost = f"m={parameters.memory_cost},t={parameters.time_cost},p={parameters.parallelism}"
        self._nobodys = f"$argon2id$v=19${cost}${'A' * 22}${'A' * 43}"  # well-formed, and no password's
        self._admission = Admission(AT_ONCE, longest_queue=LONGEST_QUEUE, patience_s=PATIENCE_S)

    async def in_turn(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns, called in a thread; a 503 where too many passwords are being hashed."""
        async with self._admission.admit():
            return await run_in_threadpool(work)

    def hash(self, password: str) -> str:
        """Return a password's hash."""
        return self._hasher.hash(_bytes(password))

    def matches(self, stored: str | None, password: str) -> bool:
        """Return whether a password is the one of a stored hash. To find that there is none takes as long."""
        is_too_long = len(password.encode(errors="replace")) > LONGEST
        try:
            right = self._hasher.verify(stored or self._nobodys, b"" if is_too_long else _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
        return right and stored is not None and not is_too_long

    def is_outdated(self, stored: str) -> bool:
        """Return whether a hash was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(stored)


def _bytes(password: str) -> bytes:
    return normal(password).encode(errors="replace")


PasswordsDep = Annotated[Passwords, from_app("passwords")]
