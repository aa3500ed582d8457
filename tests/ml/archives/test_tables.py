"""A table is read row by row; a bad row is named and the next one is read."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.archives import BadArchive, Rejected
from ml.archives.tables import LONGEST_ROW, Row, header_of, read_table


def rows(folder: Path, content: bytes) -> list[Row | Rejected]:
    path = folder / "t.csv"
    path.write_bytes(content)
    return list(read_table(path, ["a"], ["b"]))


def cells(found: list[Row | Rejected]) -> list[dict[str, str]]:
    return [row.cells for row in found if isinstance(row, Row)]


def test_a_byte_order_mark_line_ends_and_line_breaks_in_cells(tmp_path: Path) -> None:
    found = rows(tmp_path, b'\xef\xbb\xbfa,b\r\n1,"x\r\ny"\r\n\r\n2,"say ""no"""\n')
    assert cells(found) == [{"a": "1", "b": "x\r\ny"}, {"a": "2", "b": 'say "no"'}]
    assert [each.place for each in found] == ["t.csv line 2", "t.csv line 5"]
    assert header_of(tmp_path / "t.csv") == ["a", "b"]


@pytest.mark.parametrize(
    ("bad", "place", "why"),
    [
        (b"1\n", "t.csv line 2", "the row has 1 cells, and the header 2"),
        (b"1,2,3\n", "t.csv line 2", "the row has 3 cells, and the header 2"),
        (b'1,"2"3\n', "t.csv line 2", "a quote is missing or out of place"),
        (b"1,M\xfcller\n", "t.csv line 2", "is not UTF-8"),
        (b"1,2\0\n", "t.csv line 2", "zero bytes"),
        (b"1," + b"x" * 200_000 + b"\n", "t.csv line 2", "is not CSV"),
        (b"1," + b"x" * 3 * LONGEST_ROW + b"\n", "t.csv line 2", "longer than 1,048,576 bytes"),
    ],
)
def test_a_bad_row_is_named_and_the_next_one_is_read(tmp_path: Path, bad: bytes, place: str, why: str) -> None:
    found = rows(tmp_path, b"a,b\n" + bad + b"1,good\n")
    first = found[0]
    assert isinstance(first, Rejected) and first.place.startswith(place) and why in first.reasons[0].detail
    assert cells(found)[-1] == {"a": "1", "b": "good"}


def test_a_quote_that_never_ends_costs_the_rows_up_to_the_longest_row(tmp_path: Path) -> None:
    line = b"1,ordinary\n"
    found = rows(tmp_path, b'a,b\n1,"open\n' + line * (2 * LONGEST_ROW // len(line)))
    assert isinstance(found[0], Rejected) and found[0].place.startswith("t.csv lines 2 to ")
    assert len(cells(found)) > LONGEST_ROW // len(line) / 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "t.csv is empty"),
        (b"b\n1\n", "line 1: the column a is missing"),
        (b"a;b\n1;2\n", "the column a is missing; is the table separated by commas?"),
        (b"a,a\n1,2\n", "line 1: a column is there twice"),
        ("a,b\n1,2\n".encode("utf-16"), "line 1 is no header"),
        (b'"a\n', "line 1 is no header"),
        (b"," * 5000 + b"a\n", "more than 4,096 columns"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(BadArchive, match=why):
        rows(tmp_path, content)


def test_a_file_that_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(BadArchive, match="cannot be read"):
            list(read_table(path, ["a"]))


@given(
    content=st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2))
)
def test_what_the_csv_module_writes_is_read(content: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *content])
    found = rows(tmp_path_factory.mktemp("t"), written.getvalue().encode())
    assert [list(each.values()) for each in cells(found)] == content


@given(content=st.binary() | st.lists(st.sampled_from([b'"', b",", b"\r", b"\n", b"\0", b"a", b"\xff"])).map(b"".join))
def test_any_bytes_are_rows_or_rejections(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = rows(tmp_path_factory.mktemp("t"), b"a,b\n" + content)
    assert all(len(row.cells) == 2 for row in found if isinstance(row, Row))
    assert all(row.place.startswith("t.csv line") for row in found)
