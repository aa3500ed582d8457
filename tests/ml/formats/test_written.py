"""Values as files write them: one reading, or none."""

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.formats.written import (
    DateOrder,
    age_years,
    axis,
    date_of,
    date_order,
    heart_rate,
    identifier,
    interval_ms,
    moment,
    number,
    sex,
    time_of,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4.88", 4.88),
        (" -5 ", -5),
        ("007", 7),
        ("1.", 1),
        ("4,88", None),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1e333", None),
        ("1e", None),
        ("nan", None),
        ("", None),
    ],
)
def test_a_number_has_a_point_or_nothing(text: str, expected: float | None) -> None:
    assert number(text) == expected


@pytest.mark.parametrize("digits", ["１", "9" * 13, "9" * 10_000])
def test_a_number_of_other_digits_or_of_too_many_is_none(digits: str) -> None:
    assert number(digits) is None


def test_zero_is_what_was_not_measured_but_for_an_axis() -> None:
    assert (interval_ms("0"), heart_rate("0"), axis("0")) == (None, None, 0)
    assert (interval_ms("158"), heart_rate("60"), axis("-34")) == (158, 60, -34)
    assert (interval_ms("29999"), heart_rate("1001"), axis("361"), axis("-181")) == (None, None, None, None)


@pytest.mark.parametrize(("degrees", "expected"), [("180", 180), ("181", -179), ("270", -90), ("360", 0)])
def test_an_axis_lies_between_minus_180_and_180(degrees: str, expected: float) -> None:
    assert axis(degrees) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("60", "YEARS", 60),
        ("6", "MONTHS", 0.5),
        ("26", "weeks", 0.498),
        ("3", "DAYS", 0.008),
        ("12", "HOURS", 0.001),
        ("300", "YEARS", None),
        ("60", "parsecs", None),
        ("-1", "YEARS", None),
    ],
)
def test_an_age_is_in_years(value: str, unit: str, expected: float | None) -> None:
    assert age_years(value, unit) == expected


def test_a_sex_is_a_word_or_a_letter() -> None:
    assert [sex(each) for each in ("MALE", "f", " Female", "M", "UNKNOWN", "", None)] == [
        *("male", "female", "female", "male"),
        *(None, None, None),
    ]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["05-10-2021", "05-20-2021"], "month first"),
        (["05-10-2021", "20-05-2021"], "day first"),
        (["20-05-2021", "05-20-2021"], None),
        (["05-10-2021", None, "2021-05-20", "20-MAY-2021"], "usual"),
    ],
)
def test_the_dates_of_a_file_show_their_order(texts: list[str | None], expected: str | None) -> None:
    for usual in ("day first", "month first"):
        assert date_order(texts, usual) == (usual if expected == "usual" else expected)


@given(st.dates(min_value=date(1800, 1, 1)), st.sampled_from("-/."))
def test_a_date_is_read_as_it_was_written(day: date, mark: str) -> None:
    assert date_of(day.strftime(f"%m{mark}%d{mark}%Y"), "month first") == day
    assert date_of(day.strftime(f"%d{mark}%m{mark}%Y"), "day first") == day
    assert date_of(day.strftime("%d-%b-%Y").upper(), None) == day
    assert date_of(day.isoformat(), None) == date_of(day.strftime("%Y%m%d"), None) == day


@pytest.mark.parametrize("order", ["day first", "month first", None])
@pytest.mark.parametrize(
    "text", ["31-02-2021", "02-31-2021", "05-10-21", "05-10/2021", "1-Foo-2021", "0001-01-01", "x", "", None]
)
def test_what_is_no_date_is_none(text: str | None, order: DateOrder | None) -> None:
    assert date_of(text, order) is None


@given(st.times())
def test_a_time_is_read_as_it_was_written(at: time) -> None:
    assert time_of(at.strftime("%H:%M:%S.%f")) == at
    assert time_of(at.strftime("%H:%M:%S")) == at.replace(microsecond=0)


def test_a_moment_needs_a_day_and_a_time() -> None:
    assert moment(date(2021, 5, 10), time(13, 15)) == datetime(2021, 5, 10, 13, 15)
    assert moment(date(2021, 5, 10), time_of("24:00:00")) is None
    assert moment(None, time(13, 15)) is None


def test_zeros_identify_nobody() -> None:
    assert [identifier(each) for each in ("0000-00", "", None, " 0470 ")] == [None, None, None, "0470"]


@given(st.text(max_size=150))
def test_any_text_is_a_value_or_none(text: str) -> None:
    for read in (number, interval_ms, heart_rate, axis, age_years, sex, time_of, identifier):
        read(text)
    date_of(text, date_order([text], None))
