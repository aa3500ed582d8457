"""The session's cookie and its CSRF token: both need the service's key, so that forged ones cost no query."""

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta
from functools import cached_property
from typing import Annotated, NamedTuple

from fastapi import Request, Response

from app.ecgs.patients import PatientHasher
from app.kit.state import from_app
from app.settings import Settings

TOKEN_BYTES = 32
MARK = "overread-browser"
MARK_LASTS = timedelta(days=365)
_LONGEST = 200  # characters of a cookie; ours are shorter


class Token(NamedTuple):
    """A session's token: its SHA-256 is stored, and the CSRF token follows from it."""

    sha256: bytes
    csrf: str


class Cookies:
    """Makes, reads and clears the session's cookie, and the mark of a browser in which a user has signed in before.

    It is random bytes and their HMAC, by a key derived from the patient key, which all processes share. Over https its
    name begins with `__Host-`: browsers then take it from this host alone, over https, for every path.
    """

    def __init__(self, settings: Settings, hasher: PatientHasher) -> None:
        self._hasher = hasher
        self._is_public_https = (settings.public_url or "").startswith("https://")
        self._longest = timedelta(days=settings.session_days)

    def new(self) -> tuple[str, Token]:
        """Return a new cookie's value, and its token."""
        token = secrets.token_bytes(TOKEN_BYTES)
        return _text(token + self._mac(token)), self._token(token)

    def read(self, request: Request) -> Token | None:
        """Return the token of a request's cookie; None where there is none, or not one of ours."""
        given = request.cookies.get(self.name(request), "")
        return self._known(given) if 0 < len(given) <= _LONGEST else None

    def set(self, request: Request, response: Response, value: str, user_name: str) -> None:
        """Add a session's cookie to a response, and the mark that this browser is the user's."""
        for name, content, lasts in (
            (self.name(request), value, self._longest),
            (self.name(request, MARK), self._mark(user_name), MARK_LASTS),
        ):
            response.set_cookie(
                name,
                content,
                max_age=int(lasts.total_seconds()),
                path="/",
                secure=self.is_https(request),
                httponly=True,
                samesite="lax",  # strict would ask whoever follows a link to sign in again
            )

    def clear(self, request: Request, response: Response) -> None:
        """Remove a session's cookie with a response; the mark stays."""
        response.delete_cookie(
            self.name(request), path="/", secure=self.is_https(request), httponly=True, samesite="lax"
        )

    def is_known(self, request: Request, user_name: str) -> bool:
        """Return whether the last user that signed in with this browser has this name."""
        given = request.cookies.get(self.name(request, MARK), "")
        return hmac.compare_digest(given.encode(errors="replace"), self._mark(user_name).encode())

    def name(self, request: Request, name: str = "overread") -> str:
        """Return a cookie's name."""
        return f"__Host-{name}" if self.is_https(request) else name

    def _mark(self, user_name: str) -> str:
        return _text(hmac.digest(self._mark_key, user_name.encode(errors="replace"), hashlib.sha256))

    def is_https(self, request: Request) -> bool:
        """Return whether the browser came by https, as the server or the settings say."""
        return self._is_public_https or request.url.scheme == "https"

    def _known(self, given: str) -> Token | None:
        try:
            both = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        except ValueError:
            return None
        token, mac = both[:TOKEN_BYTES], both[TOKEN_BYTES:]
        return self._token(token) if hmac.compare_digest(mac, self._mac(token)) else None

    def _token(self, token: bytes) -> Token:
        return Token(hashlib.sha256(token).digest(), _text(hmac.digest(self._csrf_key, token, hashlib.sha256)))

    def _mac(self, token: bytes) -> bytes:
        return hmac.digest(self._cookie_key, token, hashlib.sha256)

    @cached_property
    def _cookie_key(self) -> bytes:
        return self._hasher.derived("session cookies")

    @cached_property
    def tries_key(self) -> bytes:
        """The key of the hashes by which tries of passwords are counted."""
        return self._hasher.derived("tries of passwords")

    @cached_property
    def _mark_key(self) -> bytes:
        return self._hasher.derived("marks of browsers")

    @cached_property
    def _csrf_key(self) -> bytes:
        return self._hasher.derived("CSRF tokens")


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


CookiesDep = Annotated[Cookies, from_app("cookies")]
