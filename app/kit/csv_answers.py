"""Answers that are JSON, or CSV where the client asks for it (`Accept: text/csv`)."""

from typing import Annotated, Any

from fastapi import Request, Response

from app.kit.state import made_by

MEDIA_TYPE = "text/csv"


def wants_csv(request: Request) -> bool:
    """Return whether the client asks for CSV."""
    return MEDIA_TYPE in request.headers.get("accept", "")


WantsCsv = Annotated[bool, made_by(wants_csv)]


def csv_answer(text: str) -> Response:
    """Return CSV as a response."""
    return Response(text, media_type=f"{MEDIA_TYPE}; charset=utf-8")


def json_or_csv(example: str) -> dict[int | str, dict[str, Any]]:
    """Return the description, for OpenAPI, of an answer that is JSON or CSV."""
    content = {MEDIA_TYPE: {"schema": {"type": "string"}, "example": example}}
    return {200: {"content": content, "description": "JSON, or CSV on request"}}
