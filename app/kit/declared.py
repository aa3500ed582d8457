"""What a request says and its operation does not read is refused: a mistyped filter would answer for everything."""

from collections.abc import Iterable, Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from fastapi.routing import APIRoute

from app.kit.problems import FieldError, invalid_fields

SHOWN = 60  # characters of a name that is not known


async def only_declared(request: Request) -> None:
    """Refuse, with 422, query parameters and form fields that the operation has not, and a body where it has none.

    A dependency of every route. A body that an operation reads by hand is that operation's to check.
    """
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    read = list(_all(route.dependant))
    query = {field.alias for dependant in read for field in dependant.query_params}
    errors = unknown(request.query_params, query, "query.")
    body = [field for dependant in read for field in dependant.body_params]
    if body and all(isinstance(field.field_info, Form) for field in body):
        errors += unknown(await request.form(), {field.alias for field in body})  # has been read already
    elif not body and "requestBody" not in (route.openapi_extra or {}) and _has_body(request):
        reason = "this operation reads no body; its parameters are in the address"
        errors.append(FieldError(field="body", code="unknown", reason=reason))
    if errors:
        raise invalid_fields(errors)


def unknown(given: Iterable[str], known: set[str], prefix: str = "") -> list[FieldError]:
    """Name what was given and is not known; its value is not repeated, it may name a patient."""
    reason = f"is not known here; there are {', '.join(sorted(known)) or 'none'}"
    names = sorted(set(given) - known)
    return [FieldError(field=f"{prefix}{name[:SHOWN]}", code="unknown", reason=reason) for name in names[:20]]


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for part in dependant.dependencies:
        yield from _all(part)


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
