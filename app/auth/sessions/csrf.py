"""What keeps another site from acting with a signed-in browser: where a request comes from, and the CSRF token."""

import hmac
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from app.auth.sessions.cookies import Token
from app.kit.declared import CSRF_FIELD, URLENCODED, content_type
from app.kit.problems import Problem
from app.settings import Settings

HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORMS = frozenset({URLENCODED, "multipart/form-data"})
CHANGING_GETS = frozenset({"start_export"})
"""Operations that change something although their method is GET, by their functions' names."""


def changes(request: Request) -> bool:
    """Return whether a request may change something."""
    return request.method not in SAFE_METHODS or getattr(request.scope.get("route"), "name", "") in CHANGING_GETS


def check_origin(request: Request, settings: Settings) -> None:
    """Refuse, with 403, what another site made the browser send.

    Pages may be opened by links from anywhere. What changes something, and every operation of the API, is asked by our
    own pages. Browsers say where a request comes from; over http only some of it.
    """
    if not changes(request) and not request.url.path.startswith("/v1/"):
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise refused()
        return
    origin = request.headers.get("origin")
    if origin is None:
        return
    ours = {request.headers.get("host", "").lower(), urlsplit(settings.public_url or "").netloc}
    if urlsplit(origin.lower()).netloc not in ours - {""}:
        raise refused()


async def given_token(request: Request) -> str | None:
    """Return the CSRF token that a request gives, in its header or in its form."""
    token = request.headers.get(HEADER)
    if token is None and changes(request) and content_type(request) in FORMS and request.cookies:
        token = _text((await request.form()).get(CSRF_FIELD))  # has been read already, where the operation has a form
    return token


def check_token(request: Request, token: Token, given: str | None) -> None:
    """Refuse, with 403, what may change something and does not give the session's CSRF token."""
    if changes(request) and not hmac.compare_digest((given or "").encode(), token.csrf.encode()):
        raise refused()


def refused() -> Problem:
    """Return the 403 of a request that a page of ours did not send."""
    detail = (
        f"This request carries no valid {HEADER}, or another site sent it. Reload the page and try again; "
        "programs send an API key instead of a cookie."
    )
    return Problem(403, "csrf", detail)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


GivenToken = Annotated[str | None, Depends(given_token)]
