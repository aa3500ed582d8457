"""How often somebody may try a password: counted before each try, in the database, so that all processes agree.

Tries are counted by name and address together, by address, and by name; each has so many free ones, and then waits that
double. The wait of a name alone stays short, because anybody can cause it. A browser in which the user has signed in
before is counted by itself instead: whoever tries names elsewhere does not keep its user out. Sign-in links are not
counted.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.auth.sessions import queries
from app.auth.sessions.tables import SignInTries

FORGOTTEN_AFTER = timedelta(days=1)
_FORGET_AT_ONCE = 100
_LONGEST_EXPONENT = 20


class Bound(NamedTuple):
    """So many tries at once; then waits of 1, 2, 4, … seconds, up to the longest."""

    free: int
    longest_s: float

    def wait(self, tries: int) -> timedelta:
        """Return how long to wait after so many tries."""
        beyond = tries - self.free
        if beyond <= 0:
            return timedelta()
        return timedelta(seconds=min(self.longest_s, 2.0 ** min(beyond - 1, _LONGEST_EXPONENT)))


BY_BOTH = Bound(5, 900)
BY_ADDRESS = Bound(20, 900)
BY_NAME = Bound(50, 60)


@dataclass(frozen=True)
class Trier:
    """Who tries: the keyed hashes it is counted by, with their bounds. Names and addresses are not stored."""

    bounds: Mapping[bytes, Bound]
    own: frozenset[bytes]
    """Those that are about this name only, and start again once the password was right."""

    @classmethod
    def of(cls, key: bytes, name: str, address: str, *, is_known: bool) -> "Trier":
        """Return who tries a name from an address; `is_known`: from a browser in which it has signed in before."""
        if is_known:
            browser = _hash(key, "browser", name)
            return cls({browser: BY_BOTH}, frozenset({browser}))
        both = _hash(key, "both", _network(address), name)
        bounds = {
            both: BY_BOTH,
            _hash(key, "address", _network(address)): BY_ADDRESS,
            _hash(key, "name", name): BY_NAME,
        }
        return cls(bounds, frozenset({both}))


def count_try(session: Session, trier: Trier) -> timedelta:
    """Count a try and return zero; or, where it has to wait, how long, and count nothing."""
    rows, now = queries.lock_tries(session, trier.bounds)
    wait = max((row.free_at for row in rows.values()), default=now) - now
    if wait > timedelta():
        return wait
    for row in rows.values():
        before = 0 if row.last_at < now - FORGOTTEN_AFTER else row.tries
        _set(row, before + 1, trier.bounds[row.hash], now)
        row.last_at = now
    queries.forget_tries(session, now - FORGOTTEN_AFTER, _FORGET_AT_ONCE)  # last: it waits for no lock
    return timedelta()


def take_back(session: Session, trier: Trier) -> None:
    """Uncount the last try, which was right; what is about this name only starts again."""
    rows, now = queries.lock_tries(session, trier.bounds)
    for row in rows.values():
        row.tries = 0 if row.hash in trier.own else max(0, row.tries - 1)
        row.free_at = now


def _set(row: SignInTries, tries: int, bound: Bound, now: datetime) -> None:
    row.tries = tries
    row.free_at = now + bound.wait(tries)


def _hash(key: bytes, *parts: str) -> bytes:
    text = "\n".join(hashlib.sha256(part.encode(errors="replace")).hexdigest() for part in parts)
    return hmac.digest(key, text.encode(), hashlib.sha256)


def _network(address: str) -> str:
    """Return what one client cannot change at will: an IPv4 address, the first 64 bits of an IPv6 address."""
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if given.version == 6 and given.ipv4_mapped is not None:
        return str(given.ipv4_mapped)
    return str(ipaddress.ip_network((given, 64), strict=False)) if given.version == 6 else str(given)
