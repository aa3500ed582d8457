"""Text and tables in Markdown."""

from collections.abc import Sequence


def plain(text: str) -> str:
    """Return text on one line, without what Markdown or HTML would read as markup: a site may have any name."""
    words = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]|<>#!" else sign for sign in words)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table. Cells are Markdown."""
    return [_row(header), _row(["---"] * len(header)), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
