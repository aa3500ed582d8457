"""Which passwords are good enough, after NIST SP 800-63B: long, not well known, and no rules about characters."""

import itertools
import unicodedata
from functools import cache
from pathlib import Path

from app.auth.service import AuthError

SHORTEST = 12
"""Characters."""
LONGEST = 128
"""Bytes in UTF-8."""
_COMMON = Path(__file__).with_name("common.txt")


class WeakPassword(AuthError):
    """A password that is refused; the message says why."""


def normal(password: str) -> str:
    """Return a password in the one form in which it is hashed, however a keyboard composed its characters."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, name: str) -> None:
    """Raise `WeakPassword` for one that the user `name` should not have."""
    if len(password) < SHORTEST:
        raise WeakPassword(f"the password has {len(password)} characters; it needs at least {SHORTEST}")
    if not password.isprintable():
        raise WeakPassword("the password holds a character that cannot be typed")
    if len(password.encode()) > LONGEST:
        raise WeakPassword(f"the password is longer than {LONGEST} bytes")
    plain = normal(password).casefold()
    core = plain.strip("0123456789 .,!?*#-_+$%&@")  # what people add to a common one
    if _is_repetition(plain) or _is_run(plain) or {plain, core} & _common():
        raise WeakPassword("the password is one of the first that an attacker tries")
    about_us = {name.casefold(), "overread"}
    if core in about_us or any(plain == each * (len(plain) // len(each)) for each in about_us):
        raise WeakPassword("the password is made of the user's name or the service's")


def _is_repetition(plain: str) -> bool:
    """Return whether a text is a piece of up to four characters again and again."""
    return any(plain == (plain[:size] * len(plain))[: len(plain)] for size in range(1, 5))


def _is_run(plain: str) -> bool:
    """Return whether each character is the next, or the last, in the alphabet or of the digits: `abcdefghijkl`."""
    steps = {ord(later) - ord(earlier) for earlier, later in itertools.pairwise(plain)}
    return steps <= {1, -9} or steps <= {-1, 9}


@cache
def _common() -> frozenset[str]:
    return frozenset(_COMMON.read_text(encoding="utf-8").split())
