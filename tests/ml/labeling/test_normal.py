"""Dates and times in normal forms; what of a statement is not understood."""

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.labeling import Code, Statement, builtin_labeler
from ml.labeling.batch import counted_form, row, unmapped, unmapped_form

LABELER = builtin_labeler()

DATES = [
    "14-MAR-2011",
    "14 March 2011",
    "14-Mar-2011 09:15",
    "March 14, 2011",
    "May 3, 2012",
    "3/14/2011",
    "14.3.2011",
    "2011-03-14",
    "2011-03-14T09:15:00Z",
    "09:15",
    "9:15:30 pm",
    "14. März 2011",
    "14. Mai 2011, 10:15 Uhr",
    "10 Uhr 15",
]


@pytest.mark.parametrize("date", DATES)
def test_a_date_is_a_date_however_it_is_written(date: str) -> None:
    statement = f"Inferior infarct, cited on or before {date}"
    report = LABELER.read(statement)
    assert LABELER.normal_form(statement) == "inferior mi cited on or before date"
    assert (
        unmapped_form(LABELER, report, Statement(0, len(statement), statement))
        == counted_form(LABELER, statement)
        == "inferior mi cited on or before date"
    )


@given(
    st.dates(date(1900, 1, 1), date(2049, 12, 31)),
    st.times(),
    st.sampled_from(["%d %b %Y", "%d-%B-%Y", "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d %b %Y %H:%M"]),
)
def test_statements_that_differ_by_their_date_are_counted_together(day: date, at: time, form: str) -> None:
    written = datetime.combine(day, at).strftime(form)
    assert counted_form(LABELER, f"Compared with the ECG of {written}") == "compared with the ecg of date"


@pytest.mark.parametrize(
    ("statement", "normal"),
    [
        ("LVH may be present", "lvh may be present"),  # no month without a number
        ("2:1 block", "2 1 block"),
        ("P-R-T axes 48/41/55", "p r t axes 48 41 55"),
        ("PR 210 ms", "pr 210 ms"),
    ],
)
def test_what_is_no_date_stays(statement: str, normal: str) -> None:
    assert LABELER.normal_form(statement) == normal


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Sinus rhythm with A.fibr.", [("Sinus rhythm with A.fibr", True, ("fibr",))]),
        (
            "Wobbly baseline. LBBB, quite odd",
            [("Wobbly baseline", False, ("wobbly",)), ("LBBB, quite odd", True, ("odd",))],
        ),
        ("Sinus rhythm, rate 62. Old inferior infarct on 14 MAR 2011", []),
        ("Sinus rhythm with PVCs", []),
        ("PVCs", [("PVCs", False, ())]),
        ("Agree with computer interpretation", []),
    ],
)
def test_what_is_not_understood(text: str, found: list[tuple[str, bool, tuple[str, ...]]]) -> None:
    report = LABELER.read(text)
    assert [(each.statement.text, each.partly, each.not_understood) for each in unmapped(LABELER, report)] == sorted(
        found, key=lambda each: each[1]
    )
    assert row(LABELER, report).unmapped == sorted({counted_form(LABELER, text) for text, _, _ in found})


def test_a_code_is_understood_or_not() -> None:
    codes = [Code("SCP", "AFIB"), Code("SCP", "NOCODE"), Code("AHA", "999"), Code("AHA", "998"), Code("NONE", "AFIB")]
    report = LABELER.read_codes([*codes, Code("SCP", "PVC"), Code("12SL", "ASMI;NEWER;AU")])
    found = [(each.statement.text, each.partly) for each in unmapped(LABELER, report)]
    assert found == [("NOCODE", False), ("999", False), ("998", False), ("AFIB", False), ("NEWER", False)]
    assert row(LABELER, report).unmapped == ["12SL NEWER", "AHA 998", "AHA 999", "NONE AFIB", "SCP NOCODE"]
