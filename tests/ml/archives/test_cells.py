"""A cell is what it means, or a reason that names its column and repeats nothing of it."""

from datetime import datetime
from pathlib import Path

import pytest

from ml.archives.cells import Cells, below
from ml.archives.tables import Row


def one(value: str) -> Cells:
    return Cells(Row("t.csv line 2", {"c": value}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        ("2026-03-01 10:00:00", datetime(2026, 3, 1, 10)),
        ("2026-03-01T10:00:30Z", datetime.fromisoformat("2026-03-01T10:00:30+00:00")),
        ("2026-03-01 10:00:00.5+01:00", datetime.fromisoformat("2026-03-01T10:00:00.5+01:00")),
    ],
)
def test_a_time_keeps_its_offset_or_has_none(value: str, expected: datetime | None) -> None:
    cells = one(value)
    assert cells.time("c") == expected and not cells.reasons


@pytest.mark.parametrize(
    "value",
    ["2026-03-01", "01.03.2026 10:00", "2026-02-30 10:00", "0001-01-01 00:00:00", "1772359200", "20260301T1000"],
)
def test_an_unclear_time_is_refused(value: str) -> None:
    cells = one(value)
    assert cells.time("c") is None
    assert [reason.detail.startswith("c is no date with a time of day") for reason in cells.reasons] == [True]


@pytest.mark.parametrize("value", ["nan", "inf", "1,5", "1e999", "0x1", "1_0", "131", "-1", "9" * 5000])
def test_a_number_is_written_out_and_within_its_bounds(value: str) -> None:
    cells = one(value)
    assert cells.number("c", 0, 130) is None and cells.reasons[0].detail == "c is no number from 0 to 130"


def test_whole_numbers_may_end_in_point_zero() -> None:
    assert [one(value).whole("c") for value in ("2.0", "17", "")] == [2, 17, None]
    cells = one("2.5")
    assert cells.whole("c") is None and cells.reasons


def test_names_and_texts_are_bounded_and_printable() -> None:
    assert one(" CS-12   E ").name("c") == "CS-12 E" and one("a\r\nb\fc\vd").text("c") == "a\r\nb\fc\vd"
    for value in ("x" * 201, "a\x1bb"):
        cells = one(value)
        assert cells.name("c") is None and cells.reasons
    cells = one("x" * 65_537)
    assert cells.text("c") is None and cells.reasons[0].code == "too_large"


def test_every_reason_of_a_row_is_named() -> None:
    cells = Cells(Row("t.csv line 7", {"age": "x", "sex": "y", "ecg_id": ""}))
    cells.number("age", 0, 130)
    cells.one_of("sex", {"0": "male"})
    cells.required("ecg_id")
    rejected = cells.rejected()
    assert rejected.place == "t.csv line 7"
    assert [reason.detail.split()[0] for reason in rejected.reasons] == ["age", "sex", "ecg_id"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "..\\a", "", ".", "a\0b", "x" * 5000])
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    assert below(Path("/archive"), name) is None


def test_a_path_may_be_written_by_windows() -> None:
    assert below(Path("/archive"), "records500\\00000\\00001_hr") == Path("/archive/records500/00000/00001_hr")
