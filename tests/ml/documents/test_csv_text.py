"""CSV that is read back as it was written, and runs nothing."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.documents.csv_text import csv_text

VALUE = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.text(st.characters(exclude_characters="\0")))


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@given(st.lists(st.lists(VALUE, min_size=2, max_size=2)), st.sampled_from(["\n", "\r\n"]))
def test_every_field_is_read_back_and_none_is_a_formula(rows: list[list[object]], line_end: str) -> None:
    header, *found = read(csv_text(["a", "b"], rows, line_end=line_end))
    assert header == ["a", "b"] and len(found) == len(rows)
    for row, fields in zip(rows, found, strict=True):
        for value, field in zip(row, fields, strict=True):
            if isinstance(value, str):
                assert field.removeprefix("'") == value.removeprefix("'")
                assert not field.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
            else:
                assert field == ("" if value is None else repr(value))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_what_a_spreadsheet_would_run_is_text(start: str) -> None:
    formula = f'{start}cmd|" /C calc"!A0'
    assert read(csv_text([formula], [[formula]])) == [[f"'{formula}"]] * 2


def test_booleans_and_numbers_are_plain() -> None:
    assert csv_text(["x"], [[True], [False], [-0.5], [None]]) == 'x\r\ntrue\r\nfalse\r\n-0.5\r\n""\r\n'
