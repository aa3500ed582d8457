"""CSV that a spreadsheet opens without running anything in it: the one place where CSV is written."""

import csv
import io
from collections.abc import Iterable, Sequence

_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]], *, line_end: str = "\r\n") -> str:
    """Return a header and rows as CSV (RFC 4180). None is an empty field; a boolean is `true` or `false`.

    A text that a spreadsheet would run as a formula begins with an apostrophe. Numbers stay as they are.
    """
    return "".join(_line(row) + line_end for row in (columns, *rows))


def _line(row: Sequence[object]) -> str:
    """Return a row without its line end. The writer's own is CR LF, because it quotes only what is in its line end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([_field(value) for value in row])
    return text.getvalue().removesuffix("\r\n")


def _field(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_RUN_BY_SPREADSHEETS) else value
