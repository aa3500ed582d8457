"""Columns that have other names in a user's copy of a table."""

from collections.abc import Mapping

from ml.archives.kind import BadArchive


def column_map(given: str, columns: Mapping[str, str], option: str) -> dict[str, str]:
    """Return the names of columns by what they hold, changed as an option says: `text=note,note_id=id`.

    Parameters
    ----------
    given
        The option's value.
    columns
        The usual names.
    option
        The option's name, for messages.

    Raises
    ------
    BadArchive
        If a part is not written as NAME=COLUMN, or the name is none of `columns`.
    """
    named = dict(columns)
    for part in filter(None, (part.strip() for part in given.split(","))):
        name, equals, column = (each.strip() for each in part.partition("="))
        if not equals or not column or name not in columns:
            raise BadArchive(f"{option} is written as NAME=COLUMN with commas between, for {', '.join(columns)}")
        named[name] = column
    return named
