"""Errors as RFC 9457 problem+json: one shape for everything that goes wrong."""

import errno
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from app.kit.methods import allowed_methods
from app.kit.store import ObjectFault, StoreUnavailable

MEDIA_TYPE = "application/problem+json"
DISK_FULL = "53100"  # PostgreSQL's

_UNREADABLE: dict[type[BaseException | None], str] = {
    UnicodeDecodeError: "is not UTF-8",
    RecursionError: "is nested too deeply",
    ValueError: "holds a number of too many digits",
}

log = structlog.get_logger(__name__)

Found = TypeVar("Found")


class FieldError(BaseModel):
    """One thing wrong with one field."""

    field: str = Field(description="Where, dotted: `metadata.age`, `query.limit`, `file`.")
    code: str = Field(description="A stable word for programs.")
    reason: str = Field(description="A sentence for people.")


class ProblemDetails(BaseModel):
    """An RFC 9457 problem."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/unusable_ecg",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "The file holds no usable 12-lead ECG.",
                    "errors": [{"field": "file", "code": "missing_leads", "reason": "no lead V3"}],
                    "request_id": "8f14e45fceea467a9575c6a2bb0a6fb7",
                }
            ]
        }
    )

    type: str = Field(description="`/problems/` and a stable word.")
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default_factory=list)
    request_id: str | None = None


class Problem(HTTPException):
    """Raised by routes and services; answered as problem+json.

    An `HTTPException`, because FastAPI lets nothing else through while it reads a body.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        *,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.code = code
        self.errors = list(errors)


def not_found(what: str) -> Problem:
    """Build the 404 for something addressed by its id."""
    return Problem(404, "not_found", f"There is no such {what}.")


def gone(code: str, detail: str) -> Problem:
    """Build the 410 for stored data that is missing or damaged."""
    return Problem(410, code, detail)


def unavailable() -> Problem:
    """Build the 503 of a database that is away."""
    detail = "The database does not answer; try again."
    return Problem(503, "database_unavailable", detail, headers={"Retry-After": "5"})


def store_unavailable() -> Problem:
    """Build the 503 of an object store that is away."""
    detail = "The object store does not answer: nothing was stored or changed. Try again."
    return Problem(503, "store_unavailable", detail, headers={"Retry-After": "5"})


def invalid(field: str, reason: str, code: str = "invalid") -> Problem:
    """Build the 422 for one field."""
    return Problem(422, "invalid_request", reason, [FieldError(field=field, code=code, reason=reason)])


def invalid_fields(errors: Sequence[FieldError], code: str = "invalid_request") -> Problem:
    """Build the 422 for several fields, a 413 where one is too large; its detail names the first five."""
    detail = "; ".join(f"{error.field}: {error.reason}" for error in errors[:5])
    if any(error.code == "too_large" for error in errors):
        return Problem(413, "too_large", detail, errors)
    return Problem(422, code, detail, errors)


def check_known(found: Found | None, field: str, what: str) -> Found:
    """Return what was found for a request's field, or answer 422: there is no such thing."""
    if found is None:
        raise invalid(field, f"there is no such {what}", "unknown")
    return found


def problem_details(problem: Problem, request_id: str | None = None) -> ProblemDetails:
    """Return the body of a problem."""
    return ProblemDetails(
        type=f"/problems/{problem.code}",
        title=HTTPStatus(problem.status_code).phrase,
        status=problem.status_code,
        detail=problem.detail,
        errors=problem.errors,
        request_id=request_id,
    )


def problem_response(request: Request, problem: Problem) -> Response:
    """Return the response of a problem: a page where `app.state.problem_page` makes one for the client, else JSON."""
    page: Response | None = request.app.state.problem_page(request, problem)
    if page is not None:
        return page
    body = problem_details(problem, getattr(request.state, "request_id", None))
    return JSONResponse(
        body.model_dump(exclude_none=True),
        problem.status_code,
        media_type=MEDIA_TYPE,
        headers=dict(problem.headers) if problem.headers else None,
    )


def field_errors(errors: Sequence[Any], prefix: str = "") -> list[FieldError]:
    """Return pydantic's errors as field errors. The input is not repeated: it may name a patient."""
    found = []
    for error in errors:
        where = [str(part) for part in error["loc"]]
        reason = error["msg"].removeprefix("Value error, ")
        if error["type"] == "json_invalid":  # FastAPI gives the place in the text as if it were a field
            where, place = where[:1], where[1:]
            reason = f"Invalid JSON: {error['ctx']['error']}" + "".join(f" (character {each})" for each in place)
        if prefix:
            where = [prefix, *where]
        elif where and where[0] == "body":
            where = where[1:] or ["body"]
        found.append(FieldError(field=".".join(where), code=error["type"], reason=reason))
    return found


def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(request, error)


def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(request, invalid_fields(field_errors(error.errors())))


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, OSError):  # the disk that a body is received on
        return _on_os_error(request, error.__cause__)
    if error.status_code == 400:  # FastAPI's, of a body that it cannot read
        reason = _UNREADABLE.get(type(error.__cause__), str(error.detail))
        return problem_response(request, invalid_fields([FieldError(field="body", code="unreadable", reason=reason)]))
    code = HTTPStatus(error.status_code).name.lower()
    headers = dict(error.headers) if error.headers else None
    if error.status_code == 405:
        headers = {"Allow": ", ".join(allowed_methods(request.scope))}
    return problem_response(request, Problem(error.status_code, code, str(error.detail), headers=headers))


def _on_os_error(request: Request, error: Exception) -> Response:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(request)
    log.error("system_error", exc_info=error)
    return _on_crash(request, error)


def _disk_full(request: Request) -> Response:
    log.error("disk_full")
    detail = "The service's disk is full: nothing was stored. Free some space, then send it again."
    return problem_response(request, Problem(507, "disk_full", detail))


def _on_database_down(request: Request, error: Exception) -> Response:
    if getattr(getattr(error, "orig", None), "sqlstate", None) == DISK_FULL:
        return _disk_full(request)
    log.error("database_unavailable", error=type(error).__name__)
    return problem_response(request, unavailable())


def _on_object_fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, ObjectFault)
    log.error(error.code, key=error.key)
    detail = f"{str(error).capitalize()}. Upload the ECG again, or restore the object store from its backup."
    return problem_response(request, gone(error.code, detail))


def _on_store_down(request: Request, error: Exception) -> Response:
    log.error("store_unavailable", error=type(error).__name__)
    return problem_response(request, store_unavailable())


def _on_crash(request: Request, error: Exception) -> Response:
    return problem_response(request, Problem(500, "internal_error", "Something went wrong on our side."))


def install(app: FastAPI) -> None:
    """Answer every error of `app` as problem+json."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(OSError, _on_os_error)
    app.add_exception_handler(ObjectFault, _on_object_fault)
    app.add_exception_handler(StoreUnavailable, _on_store_down)
    for error in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(error, _on_database_down)
    app.add_exception_handler(Exception, _on_crash)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of the problems of a route: 401, 403 and these."""
    return {
        status: {
            "model": ProblemDetails,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
        }
        for status in (401, 403, *statuses)
    }
