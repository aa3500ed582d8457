"""Answers that a client may keep, with `ETag`: it asks before each use, and gets 304 when nothing has changed."""

import hashlib
import json
from typing import Any

from fastapi import Depends, Request, Response

PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
"""Shared caches keep nothing. Private ones ask before each use, so each use is authorised and recorded."""


NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The client has this answer already"}}


def etag_of(*parts: Any) -> str:
    """Return an ETag of everything an answer is made of. It is weak: an answer may be sent compressed or not."""
    return f'W/"{hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]}"'


def not_modified(request: Request, etag: str) -> Response | None:
    """Return a 304 when the client has this answer already (`If-None-Match`), else None."""
    given = request.headers.get("if-none-match", "")[:10_000]
    known = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    if etag.removeprefix("W/") in known or "*" in known:
        return Response(status_code=304, headers=headers_of(etag))
    return None


def headers_of(etag: str) -> dict[str, str]:
    """Return the headers of an answer that may be kept."""
    return {"ETag": etag, **PRIVATE}


async def _no_store(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


NO_STORE = Depends(_no_store)
"""A dependency of answers that nobody keeps: what may be shown changes while the address stays."""
