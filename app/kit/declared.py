"""Whatever an operation does not read is refused. A mistyped filter would otherwise return everything."""

from collections.abc import Iterable, Iterator, Set
from typing import Any, NamedTuple, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.params import File, Form
from fastapi.routing import APIRoute
from starlette.datastructures import ImmutableMultiDict

from app.kit.prefer import FIELD, preferences
from app.kit.problems import FieldError, Problem, invalid_fields
from ml.processes.strict_json import RepeatedKey, refuse_repeated_keys

URLENCODED = "application/x-www-form-urlencoded"
"""How browsers send the forms of pages that have no file."""
CSRF_FIELD = "csrf"
"""A field of every form of a page."""
SHOWN = 60  # characters of a name that is not known


class Declared(NamedTuple):
    """The names an operation reads: with one value, with several values, and with files as values."""

    once: Set[str]
    repeatable: Set[str]
    files: Set[str]


class Reads(NamedTuple):
    """What an operation reads of a request."""

    query: Declared
    body: Declared
    has_body: bool
    is_form: bool
    preferences: bool


def _reads(route: APIRoute) -> Reads:
    """Return what a route reads. It is found out once: its dependencies are many, and never change."""
    known: Reads | None = vars(route).get("overread_reads")
    if known is None:
        known = vars(route)["overread_reads"] = _found_out(route)
    return known


def _found_out(route: APIRoute) -> Reads:
    read = list(dependencies_of(route))
    body = [field for dependant in read for field in dependant.body_params]
    declared = _declared(body)
    if not route.include_in_schema:
        declared = declared._replace(once={*declared.once, CSRF_FIELD})
    return Reads(
        query=_declared(field for each in read for field in each.query_params),
        body=declared,
        has_body=bool(body),
        is_form=bool(body) and all(isinstance(field.field_info, Form) for field in body),
        preferences=any(each.call is preferences for each in read),
    )


async def only_declared(request: Request) -> None:
    """Refuse, with 422, what the operation does not read. A dependency of every route.

    That is: a parameter or form field that it has not, or reads once and was given twice; a key twice in a JSON object;
    a body where it has none; a `Prefer` that it does not honour. A body of another content type is a 415. Operations
    that read their body by hand check it themselves.
    """
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    reads = _reads(route)
    errors = misgiven(request.query_params, reads.query, "query.")
    body, declared = reads.has_body, reads.body
    is_page = not route.include_in_schema
    if reads.is_form:
        errors += misgiven(await request.form(), declared)  # has been read already
    if body and has_body(request):
        expected = "multipart/form-data" if reads.is_form else "application/json"
        also = {URLENCODED} if reads.is_form and is_page and not declared.files else set()
        if content_type(request) not in {expected, *also}:
            raise Problem(415, "unsupported_media_type", f"Send the body as {expected}.")
        if not reads.is_form:
            errors += repeated_keys(await request.body())  # has been read already
    elif not body and is_page and content_type(request) == URLENCODED:  # a button
        errors += misgiven(await request.form(), declared)
    elif not body and "requestBody" not in (route.openapi_extra or {}) and has_body(request):
        reason = "this operation reads no body; its parameters are in the address"
        errors.append(FieldError(field="body", code="unknown", reason=reason))
    if "prefer" in request.headers and not reads.preferences:
        errors.append(FieldError(field=FIELD, code="unknown", reason="this operation honours no preference"))
    if errors:
        raise invalid_fields(errors)


def repeated_keys(text: str | bytes, field: str = "body") -> list[FieldError]:
    """Return the error of a JSON text in which an object has a key twice."""
    try:
        refuse_repeated_keys(text)
    except RepeatedKey as error:
        return [FieldError(field=field, code="repeated", reason=str(error))]
    return []


def misgiven(given: ImmutableMultiDict[str, Any], declared: Declared, prefix: str = "") -> list[FieldError]:
    """Return an error for each name that is not given as declared. Values are not repeated: they may name a patient."""
    items = given.multi_items()
    names = [name for name, _ in items]
    known = declared.once | declared.repeatable
    unknown = f"is not known here; there are {', '.join(sorted(known)) or 'none'}"
    found = [(name, "unknown", unknown) for name in sorted(set(names) - known)[:20]]
    found += [
        (name, "repeated", "was given more than once, and takes one value")
        for name in sorted(declared.once)
        if names.count(name) > 1
    ]
    texts = {name for name, value in items if isinstance(value, str)}
    found += [(name, "no_file", "must be a file part: one with a filename") for name in sorted(declared.files & texts)]
    return [FieldError(field=f"{prefix}{name[:SHOWN]}", code=code, reason=reason) for name, code, reason in found]


def content_type(request: Request) -> str:
    """Return the media type of a request's body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def has_body(request: Request) -> bool:
    """Return whether a request has a body, without reading it."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _declared(fields: Iterable[Any]) -> Declared:
    found = list(fields)
    repeatable = {field.alias for field in found if _is_list(field.field_info.annotation)}
    files = {field.alias for field in found if isinstance(field.field_info, File)}
    return Declared({field.alias for field in found} - repeatable, repeatable, files)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(_is_list(part) for part in get_args(annotation))


def dependencies_of(route: APIRoute) -> Iterator[Dependant]:
    """Yield what a route depends on, itself first."""
    return _all(route.dependant)


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for part in dependant.dependencies:
        yield from _all(part)
