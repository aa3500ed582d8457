"""A lead is known by a known name, or it is not known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.formats import LEADS
from ml.formats.leads import Lead, known_lead


@pytest.mark.parametrize("lead", LEADS)
def test_every_lead_in_every_known_writing(lead: str) -> None:
    writings = [
        lead,
        lead.lower(),
        lead.upper(),
        f"  {lead}\t",
        f"Lead {lead}",
        f"lead_{lead}",
        f"ECG {lead}",
        f"EKG {lead}",
    ]
    writings += [f"MDC_ECG_LEAD_{lead}", f"mdc_ecg_lead_{lead.upper()}", f"ECG Lead {lead}", f"Lead{lead}"]
    assert {known_lead(name) for name in writings} == {Lead(lead, 1)}
    assert {known_lead(f"{sign}{lead}") for sign in "-−–"} == {Lead(lead, -1)}
    assert known_lead(f"MDC_ECG_LEAD_-{lead}") == known_lead(f"Lead -{lead}") == Lead(lead, -1)


@pytest.mark.parametrize(
    ("name", "lead"),
    [
        ("DI", "I"),
        ("dii", "II"),
        ("DIII", "III"),
        ("C1", "V1"),
        ("c6", "V6"),
        ("V 3", "V3"),
        ("a VR", "aVR"),
        ("C_2", "V2"),
    ],
)
def test_other_names_of_the_leads(name: str, lead: str) -> None:
    assert known_lead(name) == Lead(lead, 1)


@pytest.mark.parametrize(
    "name",
    [
        "I-II",
        "II-I",
        "I+II",
        "V1-V2",
        "aVR (inverted)",
        "V4 (V4R)",
        "V4(V4R)",
        "V3R",
        "V4R",
        "C3R",
        "V7",
        "V8",
        "V9",
        "V0",
        "vx",
        "vy",
        "vz",
        "X",
        "MLI",
        "MLII",
        "MLIII",
        "VR",
        "VL",
        "VF",
        "I II",
        "I I",
        "IIII",
        "IV",
        "D1",
        "ABP",
        "PLETH",
        "RESP",
        "aVR-",
        "inverted aVR",
        "aVRx",
        "V1 filtered",
        "II (MLII)",
        "I/II",
        "lead",
        "ECG",
        "ECG1",
        "-",
        "--aVR",
        "",
        "Lead-I",
        "Lead-aVR",
        "ECG-V1",
        "V11",
        "V1V2",
        "ıı",
        "İ",
        "Ⅱ",
        "Ⅴ1",
        "V١",
        "I\x00",
    ],
)
def test_another_lead_is_never_taken_for_one(name: str) -> None:
    assert known_lead(name) is None


def test_a_long_name_is_no_lead() -> None:
    assert known_lead("Lead" + " " * 5000 + "I") is None
    assert known_lead("Lead" + "_" * 30 + "I") == Lead("I", 1)


@given(st.text(st.characters(), max_size=50))
def test_any_text_is_a_lead_or_none(name: str) -> None:
    found = known_lead(name)
    assert found is None or found.name in LEADS
