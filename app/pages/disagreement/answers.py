"""Figures and tables as files."""

from collections.abc import Sequence

from fastapi import Response

from app.pages.disagreement.figures.drawing import Drawing


def svg_answer(drawing: Drawing, name: str, title: str, caption: Sequence[str]) -> Response:
    """Return a figure as a file to be saved."""
    return Response(
        drawing.as_file(title, caption),
        media_type="image/svg+xml",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def csv_file(text: str, name: str) -> Response:
    """Return a table as a file to be saved."""
    return Response(
        text,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
