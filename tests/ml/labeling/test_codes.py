"""Reports without text: codes."""

import pytest

from ml.labeling import Code, builtin_labeler

LABELER = builtin_labeler()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (Code("SCP", "IPLMI"), {"inferior_mi": "present", "posterior_mi": "present"}),
        (Code("SCP", "LVH", 0.5), {"lvh": "uncertain"}),
        (Code("SCP", "LVH", 0.8), {"lvh": "present"}),
        (Code("SCP", "LAFB"), {"lad": "present"}),
        (Code("SCP", "IRBBB"), {}),
        (Code("SCP", "INJAS"), {}),
        (Code("SCP", "STACH"), {"sinus_rhythm": "present"}),
        (Code("AXIS", "ALAD"), {"lad": "present"}),
        (Code("AXIS", "LAD"), {}),
        (Code("SNOMED", "195080001"), {"afib": "uncertain", "aflutter": "uncertain"}),
        (Code("SNOMED", "425623009"), {}),  # lateral ischaemia, which has been taken for inferior infarction
        (Code("AHA", "144"), {"lvh": "present", "rvh": "present"}),
        (Code("AHA", "105"), {}),
        (Code("LOINC", "SR"), {}),
    ],
)
def test_code(code: Code, expected: dict[str, str]) -> None:
    assert {finding.label: finding.status for finding in LABELER.read_codes([code]).findings} == expected


def test_each_code_is_a_statement_of_the_text_that_lists_them() -> None:
    codes = [Code("SCP", "SR"), Code("SCP", "NOSUCH"), Code("SCP", "IMI", 0.15), Code("SCP", "IMI")]
    reading = LABELER.read_codes(codes)
    listed = "\n".join(code.code for code in codes)
    assert [listed[s.start : s.end] for s in reading.statements] == [code.code for code in codes]
    assert [(f.label, f.status, listed[f.start : f.end]) for f in reading.findings] == [
        ("sinus_rhythm", "present", "SR"), ("inferior_mi", "present", "IMI"),
    ]  # fmt: skip
