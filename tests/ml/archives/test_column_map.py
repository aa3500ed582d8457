"""Columns may be named otherwise, and what is not understood is refused."""

import pytest

from ml.archives import BadArchive
from ml.archives.column_map import column_map

USUAL = {"text": "text", "note_id": "note_id"}


def test_named_columns_replace_the_usual_ones() -> None:
    assert column_map(" text = a note , ", USUAL, "note_columns") == {"text": "a note", "note_id": "note_id"}
    assert column_map("", USUAL, "note_columns") == USUAL


@pytest.mark.parametrize("given", ["text", "text=", "words=x", "=x"])
def test_a_part_that_is_not_understood_is_refused(given: str) -> None:
    with pytest.raises(BadArchive, match="note_columns is written as NAME=COLUMN"):
        column_map(given, USUAL, "note_columns")
