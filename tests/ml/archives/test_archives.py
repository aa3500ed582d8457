"""What holds for every kind of archive: any bytes, one order, nothing of a cell in a message."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.archives import ARCHIVES, BadArchive, Entry, Rejected, read
from tests.ml.archives.layouts import LAYOUTS, read_layout, write

PLANTED = "Zyxwvut"
TABLES = [(kind, name) for kind, files in LAYOUTS.items() for name in files if name.endswith(".csv")]
pieces = st.sampled_from([b'"', b",", b"\r", b"\n", b"\0", b"17", b"\xff", b"['NSR']", b"2180-07-23 08:44:00", b"NSR"])
contents = st.binary(max_size=60) | st.lists(pieces, max_size=30).map(b"".join)


def test_a_kind_is_known_by_its_name_and_has_a_layout() -> None:
    assert all(kind.name == name and kind.what for name, kind in ARCHIVES.items())
    assert set(LAYOUTS) == set(ARCHIVES)
    with pytest.raises(BadArchive, match="the kind is none of"):
        next(read("ptb", Path()))


def test_the_page_has_a_command_for_each_kind() -> None:
    page = Path(__file__).resolve().parents[3] / "docs/how-to/import_an_archive.md"
    rows = re.findall(r"^\|[^|]*\| `overread import ([\w-]+)", page.read_text(), re.MULTILINE)
    assert rows == list(ARCHIVES)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_is_read_in_the_same_order_each_time(kind: str, tmp_path: Path) -> None:
    write(kind, tmp_path)
    found = read_layout(kind, tmp_path)
    assert found == read_layout(kind, tmp_path)
    assert all(isinstance(each, Entry) for each in found) and found


@pytest.mark.parametrize("kind", ["ptbxl", "ptbxl-plus", "mimic-iv-ecg"])
def test_an_archive_may_lie_one_folder_further_down(kind: str, tmp_path: Path) -> None:
    """As it comes out of a `.zip` that somebody made of the folder."""
    write(kind, tmp_path / "release-1.0")
    found = list(read(kind, tmp_path))
    assert found and all(isinstance(each, Entry) for each in found)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_option_that_a_kind_has_not_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match=f"'colour' is no option of {kind}"):
        list(read(kind, tmp_path, {"colour": "red"}))


@pytest.mark.parametrize(("kind", "table"), TABLES)
@given(content=contents, header=st.booleans())
def test_any_bytes_as_a_table_are_rows_or_rejections_or_named(
    kind: str, table: str, content: bytes, header: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("a")
    first_line = LAYOUTS[kind][table].partition("\n")[0].encode() + b"\n"
    write(kind, folder, {table: (first_line if header else b"") + content})
    try:
        found = read_layout(kind, folder)
    except BadArchive as error:
        assert Path(table).name in str(error)
    else:
        assert all(isinstance(each, Entry | Rejected) for each in found)


def planted(table: str) -> Iterator[str]:
    """The table with each of its cells replaced in turn, also in ways that no table has."""
    header, row, *_ = csv.reader(io.StringIO(table))
    for at in range(len(row)):
        for value in (PLANTED, f"['{PLANTED}'", f"{PLANTED}\x07", f"../{PLANTED}"):
            changed = io.StringIO(newline="")
            csv.writer(changed).writerows([header, [*row[:at], value, *row[at + 1 :]]])
            yield changed.getvalue()
    yield f'{",".join(header)}\n{PLANTED},"{PLANTED}"x\n{PLANTED}\n'
    yield f"{table}{PLANTED}\n"
    yield f"{PLANTED},{PLANTED}\n"


@pytest.mark.parametrize(("kind", "table"), TABLES)
def test_no_message_repeats_a_cell(kind: str, table: str, tmp_path: Path) -> None:
    messages = []
    for content in planted(LAYOUTS[kind][table]):
        write(kind, tmp_path, {table: content.encode()})
        try:
            messages += [str(each) for each in read_layout(kind, tmp_path) if isinstance(each, Rejected)]
        except BadArchive as error:
            messages.append(str(error))
    assert messages and not [message for message in messages if PLANTED in message]
